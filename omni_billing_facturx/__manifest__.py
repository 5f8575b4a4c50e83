{
    "name": "Omni Billing: Factur-X",
    "summary": "Invoices that people and programs read: PDF/A-3 with the XML inside",
    "version": "19.0.1.0.0",
    "category": "Accounting/Accounting",
    "author": "Omni Billing",
    "license": "LGPL-3",
    "depends": ["omni_billing", "account_edi_ubl_cii"],
    "auto_install": True,
    "data": ["data/cii_templates.xml", "views/res_config_settings_views.xml"],
}
