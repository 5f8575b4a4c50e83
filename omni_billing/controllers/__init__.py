from . import (
    bulk_download,
    invoice_pdf,
    mailjet_webhook,
    metrics,
    portal,
    portal_cards,
    portal_lists,
    portal_pay,
    portal_report,
    portal_statement,
    stripe_webhook,
)
