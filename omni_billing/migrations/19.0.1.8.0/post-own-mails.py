def migrate(cr, version):
    """Have German and Spanish customers go on to get the mails that a seller wrote.

    Translations are loaded after this, and leave alone what is there. A mail that
    nobody edited has none yet. What is only kept here is taken out again at the end.
    """
    cr.execute(
        """
        WITH kept AS (
            SELECT template.id, lang.code, template.body_html, template.subject
              FROM mail_template template
              JOIN ir_model_data data
                ON data.model = 'mail.template' AND data.res_id = template.id
               AND data.module = 'omni_billing'
              JOIN res_lang lang ON lang.active AND lang.code ~ '^(de|es)(_|$)'
             WHERE template.write_date > template.create_date
        ), copies AS (
            SELECT id, jsonb_object_agg(code, body_html->'en_US') AS body_html,
                   jsonb_object_agg(code, subject->'en_US') AS subject
              FROM kept GROUP BY id
        )
        UPDATE mail_template template
           SET body_html = copies.body_html || template.body_html,
               subject = copies.subject || template.subject
          FROM copies WHERE copies.id = template.id
        """
    )
