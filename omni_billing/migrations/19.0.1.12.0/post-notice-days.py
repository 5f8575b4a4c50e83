from odoo import SUPERUSER_ID, api

from odoo.addons.omni_billing.tools.debit import DEBITS


def migrate(cr, version):
    """Who agreed to debits before is told of each as long before as the scheme says."""
    env = api.Environment(cr, SUPERUSER_ID, {"active_test": False})
    methods = env["payment.method"].search([("code", "in", list(DEBITS))])
    for method in methods:
        cr.execute(
            """
            UPDATE omni_billing_consent consent SET notice_days = %s
              FROM payment_token token
             WHERE token.id = consent.token_id
               AND token.payment_method_id = %s
               AND consent.kind = 'standing'
               AND consent.notice_days IS DISTINCT FROM %s
            """,
            [
                DEBITS[method.code].notice_days,
                method.id,
                DEBITS[method.code].notice_days,
            ],
        )
    env.invalidate_all()
