from datetime import datetime

from odoo import fields
from odoo.fields import Command

from .rating_common import RatingCommon


class CapsCommon(RatingCommon):
    """A plan whose roaming stops at 50.00, and what is told of it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.roaming = cls._add_plan(
            name="Roaming",
            rates=[
                {"name": "Abroad", "meter_id": cls.data.id, "price": 1.0}
                | {"conditions": "country=US"},
                {"name": "Home", "meter_id": cls.data.id, "price": 0.5},
            ],
            cap_ids=[
                Command.create(
                    {"name": "Roaming", "amount": 50, "rate_names": "Abroad"}
                )
            ],
        )
        cls.webhook = cls.env["omni.billing.webhook"].create(
            {"name": "Switch", "url": "https://switch.example.com/in"}
        )
        cls._give(plan=cls.roaming)
        cls.Spent = cls.env["omni.billing.usage.spent"]
        cls.Alert = cls.env["omni.billing.usage.alert"]
        cls.env.flush_all()

    def _roam(self, ref, quantity, day, hour=12, month=11, country="US"):
        """Use data abroad, on a day and at an hour in UTC; it comes within a minute."""
        time = f"2026-{month}-{day:02}T{hour:02}:00:00Z"
        moment = datetime(2026, month, day, hour, 1)
        if fields.Datetime.now() < moment:
            self._set_now(fields.Datetime.to_string(moment))
        self._use(ref, quantity, time, dimensions={"country": country})

    def _agree(self, amount, now=None, key="Roaming", kind="consent", **values):
        if now:
            self._set_now(now)
        said = {"way": "staff"} | values
        return self.line.sudo()._billing_agree_cap(key, kind, amount, **said)

    def _spent(self, service=None, day="2026-11-01"):
        mine = [("service_id", "=", (service or self.line).id), ("date_from", "=", day)]
        return self.Spent.search(mine)

    def _told(self, kind="usage."):
        """Return which messages programs were sent, in their order."""
        found = self.env["omni.billing.webhook.delivery"].search(
            [("kind", "=like", f"{kind}%"), ("webhook_id", "=", self.webhook.id)],
            order="id",
        )
        return found.mapped("kind")

    def _mails(self):
        return self.env["mail.mail"].search([("model", "=", self.Alert._name)])
