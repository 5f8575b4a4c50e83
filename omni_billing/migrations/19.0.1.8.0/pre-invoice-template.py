def migrate(cr, version):
    """Have the message with an invoice be made anew, which tells a plan of payments.

    One that somebody edited stays.
    """
    cr.execute(
        """
        DELETE FROM mail_template template USING ir_model_data data
         WHERE data.module = 'omni_billing' AND data.name = 'mail_template_invoice'
           AND data.model = 'mail.template' AND data.res_id = template.id
           AND template.write_date = template.create_date
        RETURNING data.id
        """
    )
    cr.execute(
        "DELETE FROM ir_model_data WHERE id = ANY(%s)",
        [[row[0] for row in cr.fetchall()]],
    )
