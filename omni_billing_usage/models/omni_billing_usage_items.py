import json
from datetime import timezone
from decimal import Decimal
from itertools import count
from zoneinfo import ZoneInfo

from odoo import models
from odoo.tools import SQL

from odoo.addons.omni_billing.tools.numbers import format_price

from ..tools.items import mask_if_number, mask_number, write_quantity, write_rows
from .omni_billing_usage_rate import FETCH

_numbers = count()


class OmniBillingUsageRating(models.Model):
    """What a customer sees of usage: what it is made of, and each event (W41)."""

    _inherit = "omni.billing.usage.rating"

    def _billing_write_for_customer(self):
        """Return what the portal says of a part.

        :rtype: dict
        """
        self.ensure_one()
        kinds = dict(self.line_ids._fields["kind"]._description_selection(self.env))
        return {
            "id": self.id,
            "meter": self.meter_id.name,
            "period": self._format_period(self.env),
            "is_running": self.state == "running",
            "is_correction": self.part > 0,
            "is_void": bool(self.transaction_id) and not self._stands(),
            "has_tiers": any(self.line_ids.mapped("tier")),
            "plus_tax": not self.plan_id.tax_included,
            "currency": self.currency_id,
            "amount": self.amount,
            "before": self.amount_before,
            "events": self.events,
            "has_gone": self._has_gone(),
            "lines": [
                {
                    "name": line.name or "",
                    "kind": kinds[line.kind],
                    "allowance": line.allowance or "",
                    "tier": line.tier or "",
                    "quantity": line.quantity_text,
                    "price": line.price_text,
                    "amount": format_price(self.env, line.amount, self.currency_id),
                }
                for line in self.line_ids
            ],
        }

    def _billing_write_items(self):
        """Return the events of these as a file, in the order of time.

        Numbers that were called lack their last digits, unless the company shows them.

        :rtype: bytes
        """
        names = sorted({n for one in self.meter_id for n in one._get_dimensions()})
        titles = [
            self.env._("Service"),
            self.env._("Meter"),
            self.env._("Time"),
            self.env._("Identifier"),
            self.env._("Quantity"),
            self.env._("Unit"),
            *names,
        ]
        return write_rows(titles, self._iterate_items(names))

    def _iterate_items(self, names):
        seen = set()
        for rating in self.sorted(lambda r: (r.date_from, r.service_id.id, r.id)):
            key = rating.service_id, rating.meter_id, rating.date_from
            # A correction is of the same events, and more.
            if key not in seen:
                seen.add(key)
                yield from rating._iterate_own_items(names)

    def _iterate_own_items(self, names):
        """Yield the rows of a file, which programs read as well."""
        service, meter = self.service_id.name, self.meter_id
        for moment, identifier, quantity, facts in self._read_items():
            yield [
                service,
                meter.name,
                moment.strftime("%Y-%m-%d %H:%M:%S"),
                identifier,
                write_quantity(quantity),
                meter.uom_id.name or "",
                *(facts.get(name, "") for name in names),
            ]

    def _read_items(self):
        """Yield the events of a month as a customer may read them.

        :return: of each its time by the clock of the plan, its identifier or nothing,
            how much it was, and what else it says.
        """
        zone = ZoneInfo(self.plan_id.zone)
        number = self.meter_id.number_dimension
        is_hidden = not self.company_id.billing_usage_shows_numbers
        for moment, identifier, quantity, said in self._read_raw_items():
            facts = json.loads(said)
            if is_hidden:
                facts = {
                    name: mask_number(text) if name == number else mask_if_number(text)
                    for name, text in facts.items()
                }
            local = moment.replace(tzinfo=timezone.utc).astimezone(zone)
            yield local, identifier or "", Decimal(quantity), facts

    def _read_raw_items(self):
        """Yield the events of a month; never all at once."""
        name = SQL.identifier(f"omni_billing_usage_items_{next(_numbers)}")
        self.env.cr.execute(
            SQL(
                "DECLARE %s NO SCROLL CURSOR FOR"
                " SELECT moment, identifier, quantity::text, dimensions::text"
                " FROM omni_billing_usage_event WHERE service_id = %s AND meter_id = %s"
                " AND moment >= %s AND moment < %s ORDER BY moment, ref, source_id",
                name,
                self.service_id.id,
                self.meter_id.id,
                self.begin,
                self.end,
            )
        )
        while rows := self.env.execute_query(SQL("FETCH %s FROM %s", FETCH, name)):
            yield from rows
        self.env.cr.execute(SQL("CLOSE %s", name))
