{
    "name": "Omni Billing",
    "summary": "Bill all month, invoice in a click: a pool of charges and credits"
    " per customer, grouped into invoices with a preview",
    "version": "19.0.1.3.0",
    "category": "Accounting/Accounting",
    "author": "Omni Billing",
    "license": "LGPL-3",
    "application": True,
    "depends": [
        "account_payment",  # online payments reconciled with invoices
        "account_qr_code_sepa",  # what the code of a transfer in EUR says
        "payment_stripe",  # saved cards
        "portal",  # the customer's own pages
    ],
    "external_dependencies": {
        "python": ["mailjet-rest>=1.9", "stripe>=16", "weasyprint>=70"]
    },
    "data": [
        "security/omni_billing_groups.xml",
        "security/ir.model.access.csv",
        "security/omni_billing_security.xml",
        "data/omni_billing_credit_type_data.xml",
        "data/ir_cron_data.xml",
        "data/mail_activity_type_data.xml",
        "data/mail_template_data.xml",
        "data/omni_billing_template_data.xml",
        "data/mail_template_invoice_data.xml",
        "data/omni_billing_reminder_level_data.xml",
        "reports/omni_billing_reports.xml",
        "reports/omni_billing_invoice_templates.xml",
        "wizards/omni_billing_proforma_wizard_views.xml",
        "wizards/omni_billing_payment_wizard_views.xml",
        "wizards/omni_billing_refund_wizard_views.xml",
        "wizards/omni_billing_card_refund_wizard_views.xml",
        "wizards/omni_billing_attempt_wizard_views.xml",
        "wizards/omni_billing_cancel_wizard_views.xml",
        "wizards/omni_billing_undo_wizard_views.xml",
        "wizards/omni_billing_void_wizard_views.xml",
        "views/omni_billing_pdf_cache_views.xml",
        "views/omni_billing_reminder_views.xml",  # settings link to it
        "wizards/res_config_settings_views.xml",
        "views/omni_billing_transaction_views.xml",
        "views/omni_billing_credit_type_views.xml",
        "views/omni_billing_service_views.xml",
        "views/omni_billing_template_views.xml",
        "views/omni_billing_run_views.xml",
        "views/omni_billing_installment_views.xml",
        "views/account_move_views.xml",
        "views/omni_billing_mail_views.xml",
        "views/omni_billing_activity_log_views.xml",
        "views/account_payment_views.xml",
        "views/res_partner_views.xml",
        "views/payment_views.xml",
        "views/omni_billing_menus.xml",
        "views/portal_templates.xml",
        "views/portal_list_templates.xml",
        "views/portal_pay_templates.xml",
    ],
    "assets": {
        "web.assets_backend": ["omni_billing/static/src/backend/**/*"],
        "web.assets_frontend": ["omni_billing/static/src/portal/**/*"],
    },
    "demo": [
        "demo/res_partner_demo.xml",
        "demo/res_users_demo.xml",
        "demo/product_demo.xml",
        "demo/omni_billing_transaction_demo.xml",
        "demo/account_move_demo.xml",
    ],
    "pre_init_hook": "_pre_init_hook",
    "post_init_hook": "_post_init_hook",
    "uninstall_hook": "_uninstall_hook",
}
