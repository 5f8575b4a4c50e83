from . import bulk_download, invoice_pdf, mailjet_webhook, portal, stripe_webhook
