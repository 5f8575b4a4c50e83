def migrate(cr, version):
    """Print the country in the language of the invoice, as templates did before.

    The name that conditions ask for is English now, in each language (F92).
    """
    cr.execute(
        r"""
        UPDATE omni_billing_template
           SET body = regexp_replace(
               body, '(\{\{-?\s*[\w.]*address\.country)(\s*-?\}\})', '\1_name\2', 'g')
         WHERE body ~ '\{\{-?\s*[\w.]*address\.country\s*-?\}\}'
        """
    )
