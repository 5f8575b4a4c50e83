"""Have what each class of tests would make for itself.

Runs in ``odoo shell``. To load a chart of accounts and to add users is more than half
of what a class of tests takes to begin; ``BillingCommon`` begins with what is made
here.
"""

from odoo.addons.omni_billing.tests.common import BillingCommon

BillingCommon.make_for_all(env)  # noqa: F821
env.cr.commit()  # noqa: F821
