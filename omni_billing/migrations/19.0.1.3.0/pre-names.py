from odoo.tools.sql import column_exists, rename_column


def migrate(cr, version):
    """Give our column of Odoo's reports the name that it has now."""
    if column_exists(cr, "ir_act_report_xml", "pdf_engine"):
        rename_column(cr, "ir_act_report_xml", "pdf_engine", "billing_pdf_engine")
