"""Make the first company one that can keep books.

Runs in ``odoo shell``.
"""

company = env.ref("base.main_company")
company.name = "Omni Demo Ltd"
company.country_id = env.ref("base.us")
if not company.chart_template:
    env["account.chart.template"].try_loading(
        "generic_coa", company, install_demo=False
    )
env.cr.commit()
