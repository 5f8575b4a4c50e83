from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from odoo.addons.omni_billing.models.desk.omni_billing_watch import DAY, HOUR


class OmniBillingWatch(models.Model):
    """Usage that was refused, or has no price, and waits for a person (W41)."""

    _inherit = "omni.billing.watch"
    _depends = {
        "omni.billing.usage.refused": ["company_id", "state"],
        "omni.billing.usage.arrival": ["company_id", "state"],
        "omni.billing.usage.source": ["company_id", "problem_since"],
        "omni.billing.usage.rating": [
            *("company_id", "unrated", "is_closed", "state"),
        ],
    }

    kind = fields.Selection(
        selection_add=[
            ("usage", "Usage That Was Refused"),
            ("usage_file", "Files of Usage"),
            ("rating", "Usage without a Price"),
        ]
    )

    @api.model
    def _get_kinds(self):
        """Override: who enters numbers has a day for it."""
        return [
            *super()._get_kinds(),
            (36, "usage", "Usage That Was Refused", DAY, 7 * DAY, False),
            (37, "usage_file", "Files of Usage", 30, 4 * HOUR, False),
            (38, "rating", "Usage without a Price", DAY, 7 * DAY, False),
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
            "rating": self.env._(
                "No rate is for these events, the service has no rate plan, its usage"
                " could not be rated, or its month was detached before it was charged:"
                " nothing is charged of them. Add what is missing; they are rated then."
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
            # What could not be rated at all has failed. What is closed is as it was
            # charged, and waits if it was not.
            SQL(
                """
                SELECT 'rating', company_id, SUM(waiting), SUM(failed), MIN(since)
                  FROM (SELECT company_id, 1 AS waiting, 0 AS failed,
                               create_date AS since
                          FROM omni_billing_usage_rating
                         WHERE unrated > 0 AND is_closed IS NOT TRUE
                         UNION ALL
                        SELECT company_id, 1, 0, create_date
                          FROM omni_billing_usage_rating
                         WHERE is_closed AND state = 'running'
                         UNION ALL
                        SELECT service.company_id, 1, 1, MIN(mark.since)
                          FROM omni_billing_usage_mark mark
                          JOIN omni_billing_service service
                            ON service.id = mark.service_id
                         WHERE mark.problem IS NOT NULL
                      GROUP BY service.company_id, service.id) AS found
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

    def _open_rating(self):
        """Open what failed; if nothing did, what waits."""
        if self.failed:
            query = "SELECT service_id FROM omni_billing_usage_mark WHERE problem != ''"
            ids = [id_ for [id_] in self.env.execute_query(SQL(query))]
            return self._open_in_company(
                "omni_billing.omni_billing_service_action", [("id", "in", ids)]
            )
        priced = [("unrated", ">", 0), ("is_closed", "=", False)]
        closed = [("is_closed", "=", True), ("state", "=", "running")]
        return self._open_in_company(
            "omni_billing_usage.omni_billing_usage_rating_action",
            Domain(priced) | Domain(closed),
        )
