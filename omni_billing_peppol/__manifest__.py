{
    "name": "Omni Billing: Peppol",
    "summary": "Invoices go out by Peppol, and rejected ones are on the work list",
    "version": "19.0.1.0.0",
    "category": "Accounting/Accounting",
    "author": "Omni Billing",
    "license": "LGPL-3",
    "depends": ["omni_billing", "account_peppol"],
    "auto_install": True,
}
