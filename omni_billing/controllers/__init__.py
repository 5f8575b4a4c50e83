from . import (
    bulk_download,
    invoice_pdf,
    mailjet_webhook,
    portal,
    portal_cards,
    portal_lists,
    portal_pay,
    portal_report,
    portal_statement,
    stripe_webhook,
)
