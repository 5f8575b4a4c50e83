from odoo import fields
from odoo.fields import Command

from odoo.addons.omni_billing.tests.common import BillingCommon

#: Periods are those of Paris: November begins at 23:00 UTC.
PARIS = "Europe/Paris"
#: While November runs, and when it is over.
RUNS, OVER = "2026-11-20 12:00:00", "2026-12-01 08:00:00"


class RatingCommon(BillingCommon):
    """A customer with two lines, whose calls and gigabytes have a price."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.line, cls.other_line = cls.env["omni.billing.service"].create(
            [
                {
                    "name": name,
                    "partner_id": cls.customer.id,
                    "date_start": "2026-01-01",
                    "tax_ids": [Command.set(cls.tax_10.ids)],
                }
                for name in ("Line", "Other Line")
            ]
        )
        cls.data, cls.calls = cls.env["omni.billing.meter"].create(
            [
                {"name": "Data", "code": "data", "dimensions": "country"},
                {
                    "name": "Calls",
                    "code": "calls",
                    "kind": "duration",
                    "step_first": 60,
                    "dimensions": "called",
                    "number_dimension": "called",
                },
            ]
        )
        cls.source = cls.env["omni.billing.usage.source"].create(
            {"name": "Switch", "code": "switch", "late_days": 365}
        )
        cls.plan = cls._add_plan(
            rates=[
                {"name": "Data", "meter_id": cls.data.id, "price": 0.012},
                {
                    "name": "Mobiles",
                    "meter_id": cls.calls.id,
                    "price": 0.1,
                    "size": 60,
                    "prefixes": "+336 +337",
                },
            ]
        )
        cls.Rating = cls.env["omni.billing.usage.rating"].sudo()
        cls.env.flush_all()

    @classmethod
    def _add_plan(cls, rates=(), allowances=(), **values):
        return cls.env["omni.billing.rate.plan"].create(
            {
                "name": "Mobile",
                "zone": PARIS,
                "rate_ids": [Command.create(rate) for rate in rates],
                "allowance_ids": [Command.create(one) for one in allowances],
            }
            | values
        )

    @classmethod
    def _give(cls, service=None, plan=None, day="2026-11-01"):
        return cls.env["omni.billing.usage.plan"].create(
            {
                "service_id": (service or cls.line).id,
                "plan_id": (plan or cls.plan).id,
                "date_from": day,
            }
        )

    def setUp(self):
        super().setUp()
        self._set_now(RUNS)

    def _set_now(self, text):
        now = fields.Datetime.to_datetime(text)
        self.patch(fields.Datetime, "now", staticmethod(lambda *_args: now))

    def _use(self, ref, quantity, time="2026-11-10T12:00:00+01:00", **values):
        """Take in an event of data, or what the values say."""
        result = self.env["omni.billing.usage"].take_in(
            "switch",
            [
                {
                    "ref": ref,
                    "meter": "data",
                    "service": self.line.id,
                    "time": time,
                    "quantity": str(quantity),
                }
                | values
            ],
        )
        self.assertEqual(result["taken"], 1, result["refused"])

    def _call(self, ref, seconds, called="+33612345678", **values):
        said = {"meter": "calls", "dimensions": {"called": called}}
        self._use(ref, seconds, **(said | values))

    def _rate(self, now=None):
        """Let the job rate, and leave nobody behind."""
        if now:
            self._set_now(now)
        self.Rating._cron_rate()
        self.env.cr.execute("SELECT problem FROM omni_billing_usage_mark")
        self.assertEqual(self.env.cr.fetchall(), [])
        self.env.flush_all()
        self.env.invalidate_all()

    def _parts(self, meter=None, service=None, day="2026-11-01"):
        return self.Rating.search(
            [
                ("service_id", "=", (service or self.line).id),
                ("meter_id", "=", (meter or self.data).id),
                ("date_from", "=", day),
            ],
            order="part",
        )

    def _bill(self, transactions):
        return transactions._create_invoice(
            self.customer, invoice_date=fields.Date.to_date("2026-12-02")
        )
