def migrate(cr, version):
    """Have the reminder be made anew, which is about all that is due of a customer.

    One that somebody edited stays: what it does not tell is told below its text.
    """
    cr.execute(
        """
        DELETE FROM mail_template template USING ir_model_data data
         WHERE data.module = 'omni_billing' AND data.name = 'mail_template_reminder'
           AND data.model = 'mail.template' AND data.res_id = template.id
           AND template.write_date = template.create_date
        RETURNING data.id
        """
    )
    cr.execute(
        "DELETE FROM ir_model_data WHERE id = ANY(%s)",
        [[row[0] for row in cr.fetchall()]],
    )
