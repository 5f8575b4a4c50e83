"""Have the company and the users that each class of tests would make for itself.

Runs in ``odoo shell``. As ``AccountTestInvoicingCommon`` of Odoo's account addon makes
them; ``BillingCommon`` takes what is there. To load a chart of accounts and to add
users is more than half of what a class of tests takes to begin.
"""

from odoo.fields import Command
from odoo.tests import new_test_user

from odoo.addons.omni_billing.tests.common import USERS

company = env["res.company"].create({"name": "company_1_data"})
env["account.chart.template"].try_loading("generic_coa", company, install_demo=False)
if not company.account_fiscal_country_id:
    company.account_fiscal_country_id = env.ref("base.us")
for login, groups in USERS.items():
    new_test_user(
        env(context={**env.context, "tracking_disable": True}),
        login=login,
        groups=groups,
        company_id=company.id,
        company_ids=[Command.set(company.ids)],
    )
env.cr.commit()
