from odoo.fields import Command
from odoo.tests import freeze_time

from .common import BillingCommon


class ServiceCommon(BillingCommon):
    """A customer in Paris who uses services."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.customer.tz = "Europe/Paris"
        cls.Service = cls.env["omni.billing.service"]

    @classmethod
    def _create_service(cls, **values):
        return cls.Service.create(
            {
                "name": "Fibre",
                "partner_id": cls.customer.id,
                "price_unit": 31,
                "unit": "month",
                "date_start": "2025-01-01",
                "tax_ids": [Command.set(cls.tax_10.ids)],
            }
            | values
        )

    def _charge(self, now="2025-01-01 12:00:00"):
        """Run the job at a moment, in UTC."""
        with freeze_time(now):
            self.Service._cron_write_due()

    def _read(self, service):
        """Return what was charged: the day, and the amount before tax."""
        charges = service.transaction_ids.sorted(lambda t: (t.date, t.id))
        return [(str(t.date), t._get_sign() * t.retail_cost) for t in charges]
