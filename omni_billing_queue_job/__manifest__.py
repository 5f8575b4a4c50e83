{
    "name": "Omni Billing: Job Queue",
    "summary": "Billing runs, PDFs, e-mails and card charges on many workers",
    "version": "19.0.1.3.0",
    "category": "Accounting/Accounting",
    "author": "Omni Billing",
    "license": "LGPL-3",
    "depends": ["omni_billing", "queue_job"],
    "auto_install": True,
    "data": ["data/queue_job_data.xml"],
    "uninstall_hook": "uninstall_hook",
}
