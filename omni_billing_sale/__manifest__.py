{
    "name": "Omni Billing: Sales",
    "summary": "Confirmed orders of Sales are billed by Omni Billing, each line once",
    "version": "19.0.1.0.0",
    "category": "Accounting/Accounting",
    "author": "Omni Billing",
    "license": "LGPL-3",
    "depends": ["omni_billing", "sale"],
    "auto_install": True,
    "data": [
        "data/ir_cron_data.xml",
        "views/omni_billing_service_views.xml",
        "views/omni_billing_transaction_views.xml",
        "views/res_config_settings_views.xml",
        "views/res_partner_views.xml",
        "views/sale_order_views.xml",
    ],
    "pre_init_hook": "pre_init_hook",
}
