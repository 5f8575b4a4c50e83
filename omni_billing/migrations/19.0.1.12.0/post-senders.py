NEW = "{{ object.company_id._billing_get_sender() }}"
OLD = [
    "{{ (object.company_id.email_formatted or user.email_formatted) }}",
    "{{ (object.invoice_user_id.email_formatted or object.company_id.email_formatted"
    " or user.email_formatted) }}",
]


def migrate(cr, version):
    """E-mails about cards and payments are from who writes about billing.

    A sender that a seller chose stays.
    """
    cr.execute(
        """
        UPDATE mail_template template SET email_from = %s
          FROM ir_model_data data
         WHERE data.model = 'mail.template' AND data.res_id = template.id
           AND data.module IN ('omni_billing', 'omni_billing_sepa')
           AND template.email_from = ANY(%s)
        """,
        [NEW, OLD],
    )
