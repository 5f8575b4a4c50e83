from odoo import api, fields, models
from odoo.tools import SQL

from odoo.addons.omni_billing.models.desk.omni_billing_watch import DAY, HOUR


class OmniBillingWatch(models.Model):
    """Usage that was refused, and waits for a person (W41)."""

    _inherit = "omni.billing.watch"
    _depends = {
        "omni.billing.usage.refused": ["company_id", "state"],
        "omni.billing.usage.arrival": ["company_id", "state"],
        "omni.billing.usage.source": ["company_id", "problem_since"],
    }

    kind = fields.Selection(
        selection_add=[
            ("usage", "Usage That Was Refused"),
            ("usage_file", "Files of Usage"),
        ]
    )

    @api.model
    def _get_kinds(self):
        """Override: who enters numbers has a day for it."""
        return [
            *super()._get_kinds(),
            (36, "usage", "Usage That Was Refused", DAY, 7 * DAY, False),
            (37, "usage_file", "Files of Usage", 30, 4 * HOUR, False),
        ]

    @api.model
    def _get_advice(self):
        """Override: what to do about it."""
        return super()._get_advice() | {
            "usage": self.env._(
                "Each says why it was refused. Enter what is missing and try it again,"
                " or dismiss it: it is not counted until then."
            ),
            "usage_file": self.env._(
                "The file, or its source, says why it could not be read. Mend that and"
                " try it again, or dismiss it: what is in it is not counted until then."
            ),
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
            # A file does not go on by itself; a host may.
            SQL(
                """
                SELECT 'usage_file', company_id, COUNT(*), COUNT(file), MIN(since)
                  FROM (SELECT company_id, write_date AS since, id AS file
                          FROM omni_billing_usage_arrival WHERE state = 'failed'
                         UNION ALL
                        SELECT company_id, problem_since, NULL
                          FROM omni_billing_usage_source
                         WHERE problem_since IS NOT NULL AND active
                       ) AS problem
              GROUP BY company_id
                """
            ),
        ]

    def _open_usage(self):
        return self._open_in_company(
            "omni_billing_usage.omni_billing_usage_refused_action",
            [("state", "=", "open")],
        )

    def _open_usage_file(self):
        if self.failed:
            return self._open_in_company(
                "omni_billing_usage.omni_billing_usage_arrival_action",
                [("state", "=", "failed")],
            )
        return self._open_in_company(
            "omni_billing_usage.omni_billing_usage_source_action",
            [("problem_since", "!=", False)],
        )
