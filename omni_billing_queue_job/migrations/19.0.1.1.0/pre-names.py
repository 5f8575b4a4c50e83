#: Before, and now.
METHODS = ("_job_render_pdf", "_job_billing_render_pdf")


def migrate(cr, version):
    """Have the jobs that wait call the method by its present name."""
    before, now = METHODS
    cr.execute(
        """
        UPDATE queue_job SET method_name = %s
        WHERE method_name = %s AND model_name = 'account.move'
        """,
        [now, before],
    )
    cr.execute(
        """
        UPDATE queue_job_function SET method = %s, name = '<account.move>.' || %s
        WHERE name = '<account.move>.' || %s
        """,
        [now, now, before],
    )
