from odoo import api, fields, models

from ... import gateways
from ...gateways.metric_families import Family
from .omni_billing_watch_query import PACE_MINUTES


class OmniBillingWatch(models.Model):
    """The counters, for a program that watches and alerts."""

    _inherit = "omni.billing.watch"

    @api.model
    def _write_metrics(self):
        """Return the counters of the companies of who asks, as OpenMetrics.

        No customer and no secret is in it; amounts neither.

        :return: the text, and its type for HTTP.
        :rtype: tuple[bytes, str]
        :raise GatewayDenied: if the package that writes them does not work.
        """
        return gateways.load("metrics").write(self._list_families())

    @api.model
    def _list_families(self):
        """Return the counters. Hook.

        :rtype: list[Family]
        """
        companies = self.env.companies
        names = {company.id: company.name for company in companies}
        # sudo: who may read this is asked for the rows; names and counts are all it is.
        self = self.sudo()
        return [
            *self._list_row_families(names),
            self._make_family(
                "run_lines",
                "Customers of the billing runs under way, by where they stand",
                ("state",),
                names,
                self._count_run_lines(),
            ),
            self._make_family(
                "todo",
                "What waits for a person, by kind",
                ("kind",),
                names,
                [
                    (company.id, kind, count)
                    for company, kind, count in self.env[
                        "omni.billing.todo"
                    ]._read_group(
                        [("company_id", "in", companies.ids)],
                        ["company_id", "kind"],
                        ["__count"],
                    )
                ],
            ),
            self._make_family(
                "invoices_recent",
                f"Invoices that were made in the last {PACE_MINUTES} minutes",
                (),
                names,
                self._count_posted(),
            ),
            *self._list_cron_families(),
        ]

    @api.model
    def _list_row_families(self, names):
        now = fields.Datetime.now()
        rows = self.search([("company_id", "in", [*names, False])])
        found = [
            (
                row.company_id.id,
                row.kind,
                row.waiting,
                row.failed,
                max((now - row.since).total_seconds(), 0) if row.since else 0,
                row.severity,
            )
            for row in rows
        ]
        told = (
            ("waiting", "What is due and not done yet"),
            ("failed", "What does not go on by itself"),
            ("oldest_seconds", "For how long the oldest waits"),
            ("level", "0 is fine, 1 late, 2 failing"),
        )
        return [
            self._make_family(
                name,
                text,
                ("kind",),
                names,
                [(company, kind, values[at]) for company, kind, *values in found],
            )
            for at, (name, text) in enumerate(told)
        ]

    @api.model
    def _list_cron_families(self):
        now = fields.Datetime.now()
        crons = self.env["ir.cron"].with_context(active_test=False)
        rows = crons.search_fetch(
            [("id", "in", self._list_crons())],
            ["cron_name", "active", "failure_count", "nextcall"],
        )
        told = (
            (
                "cron_late_seconds",
                "For how long a scheduled action is overdue",
                lambda cron: max((now - cron.nextcall).total_seconds(), 0),
            ),
            (
                "cron_failures",
                "How often in a row a scheduled action failed",
                lambda cron: cron.failure_count,
            ),
            (
                "cron_active",
                "Whether a scheduled action is switched on",
                lambda cron: cron.active,
            ),
        )
        return [
            Family(
                name,
                text,
                ("action",),
                [((cron.cron_name,), float(read(cron))) for cron in rows],
            )
            for name, text, read in told
        ]

    @api.model
    def _make_family(self, name, text, labels, names, rows):
        """Return a counter for each company.

        :param dict names: of the companies that are told of, by id.
        :param rows: each the id of a company, a value for each label, and the count;
            what is of the whole database has no company.
        """
        return Family(
            name,
            text,
            (*labels, "company_id", "company"),
            [
                ((*values, str(company or ""), names.get(company, "")), float(count))
                for company, *values, count in rows
                if not company or company in names
            ],
        )
