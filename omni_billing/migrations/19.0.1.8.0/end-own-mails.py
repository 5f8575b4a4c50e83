def migrate(cr, version):
    """Let what a seller writes in English be the German and Spanish mail, as before.

    A text that is the same as the English one, and so says nothing of its own, is gone.
    """
    cr.execute(
        """
        UPDATE mail_template template
           SET body_html = body_html - ARRAY(
                   SELECT text.key FROM jsonb_each(template.body_html) text
                    WHERE text.key ~ '^(de|es)(_|$)'
                      AND text.value = template.body_html->'en_US'
               ),
               subject = subject - ARRAY(
                   SELECT text.key FROM jsonb_each(template.subject) text
                    WHERE text.key ~ '^(de|es)(_|$)'
                      AND text.value = template.subject->'en_US'
               )
          FROM ir_model_data data
         WHERE data.model = 'mail.template' AND data.res_id = template.id
           AND data.module = 'omni_billing'
        """
    )
