from odoo import api, fields, models
from odoo.tools import SQL

from odoo.addons.omni_billing.models.desk.omni_billing_watch import DAY


class OmniBillingWatch(models.Model):
    """Usage that was refused, and waits for a person (W41)."""

    _inherit = "omni.billing.watch"
    _depends = {"omni.billing.usage.refused": ["company_id", "state"]}

    kind = fields.Selection(selection_add=[("usage", "Usage That Was Refused")])

    @api.model
    def _get_kinds(self):
        """Override: who enters numbers has a day for it."""
        return [
            *super()._get_kinds(),
            (36, "usage", "Usage That Was Refused", DAY, 7 * DAY, False),
        ]

    @api.model
    def _get_advice(self):
        """Override: what to do about it."""
        return super()._get_advice() | {
            "usage": self.env._(
                "Each says why it was refused. Enter what is missing and try it again,"
                " or dismiss it: it is not counted until then."
            )
        }

    @api.model
    def _get_queries(self, now):
        """Override: what still waits, by an index of that alone."""
        return [
            *super()._get_queries(now),
            SQL(
                """
                SELECT 'usage', company_id, COUNT(*), 0, MIN(create_date)
                  FROM omni_billing_usage_refused
                 WHERE state = 'open'
              GROUP BY company_id
                """
            ),
        ]

    def _open_usage(self):
        return self._open_in_company(
            "omni_billing_usage.omni_billing_usage_refused_action",
            [("state", "=", "open")],
        )
