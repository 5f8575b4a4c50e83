from psycopg2.extras import Json

#: As each was called until now, in whatever language it was shipped in, and is now.
NAMES = {
    "mail_template_confirm_payment": (
        [
            "Billing: confirm a card payment",
            "Facturation : confirmer un paiement par carte",
        ],
        "Billing: confirm a payment",
    ),
    "mail_template_card_receipt": (
        [
            "Billing: receipt of a card payment",
            "Facturation : reçu d'un paiement par carte",
        ],
        "Billing: receipt of a payment or refund",
    ),
    "mail_template_card_link": (
        [
            "Billing: a link to save a card",
            "Facturation : un lien pour enregistrer une carte",
        ],
        "Billing: a link to save a payment method",
    ),
}


def migrate(cr, version):
    """Templates that are about any payment method are called so.

    One that somebody named otherwise, in whatever language, keeps its name. Odoo adds
    the translations of the new ones as it updates.
    """
    for xml_id, (shipped, name) in NAMES.items():
        cr.execute(
            """
            UPDATE mail_template template SET name = %s
              FROM ir_model_data data
             WHERE data.module = 'omni_billing' AND data.name = %s
               AND data.model = 'mail.template' AND data.res_id = template.id
               AND NOT EXISTS (
                   SELECT FROM jsonb_each_text(template.name) said
                    WHERE said.value <> ALL(%s)
               )
            """,
            [Json({"en_US": name}), xml_id, shipped],
        )
