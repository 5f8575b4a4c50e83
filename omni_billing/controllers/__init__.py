from . import bulk_download, invoice_pdf, portal, stripe_webhook
