from . import bulk_download, invoice_pdf
