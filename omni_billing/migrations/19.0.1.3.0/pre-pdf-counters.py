def migrate(cr, version):
    """Remove the counters of PDFs that were read and made, which nobody needed."""
    cr.execute(
        "DROP SEQUENCE IF EXISTS omni_billing_pdf_reads, omni_billing_pdf_renders"
    )
