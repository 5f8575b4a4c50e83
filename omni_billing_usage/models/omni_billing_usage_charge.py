from hashlib import blake2b

from odoo import models
from odoo.fields import Command

from odoo.addons.omni_billing.const import MAX_TITLE_LENGTH
from odoo.addons.omni_billing.tools.money import has_excess_decimals
from odoo.addons.omni_billing.tools.numbers import format_amount
from odoo.addons.omni_billing.tools.rating.charges import UNITS
from odoo.addons.omni_billing.tools.unit_price import PRICE_DECIMALS
from odoo.addons.omni_billing.tools.write_guard import trust

#: Lines that an invoice has of what a charge is made of; more can be opened.
MAX_NOTES = 12


class OmniBillingUsageRating(models.Model):
    """Charging: parts of a period, and the transaction of each (W41)."""

    _inherit = "omni.billing.usage.rating"

    def _write_parts(self, results, now):
        """Write what usage comes to: the part that is open, or the next one.

        :param list[Rated] results: of periods. Of one that was rated again, since what
            is left of an earlier one changed, the last counts.
        """
        results = list({_get_key(result): result for result in results}.values())
        known = self._find_parts(results)
        owners = {
            (part.service_id.id, part.date_from): part.owner_number
            for parts in known.values()
            for part in parts
            if part.state == "charged"
        }
        todo, stale, lines, past = [], self.browse(), [], self.browse()
        for result in results:
            parts = known.get(_get_key(result), self.browse())
            opened = parts[-1:].filtered(lambda part: part._is_open())
            earlier = parts - opened
            difference = self._find_difference(result, earlier)
            late = result.events - earlier[-1:].events if earlier else 0
            if earlier and not opened and not difference and not late:
                # Nothing came since, but it may be free now that there is a rate.
                earlier[-1]._note_unrated(result)
                continue
            # What has no price is told once, by the last part.
            past += earlier.filtered("unrated")
            said = _prepare_lines(result)
            values = self._prepare_part(result, earlier, difference, late, said, now)
            owner = owners.get((result.service.id, result.period.first))
            values["owner_number"] = owner or result.service.commercial_partner_id.id
            if opened and opened.fingerprint != values["fingerprint"]:
                stale += opened
                opened.write(values)
                lines += [line | {"rating_id": opened.id} for line in said]
            todo.append((values, said, opened, result, earlier, difference, late))
        created = self._create_parts([one for one in todo if not one[2]])
        stale.line_ids.unlink()
        past.write({"unrated": 0, "unrated_refs": False, "fingerprint": False})
        self.env["omni.billing.usage.rating.line"].create(lines)
        parts = iter(created)
        charges = []
        for _values, _said, opened, result, earlier, difference, late in todo:
            part = opened or next(parts)
            if part.state == "charged":
                charges.append((part, result, earlier, difference, late))
        self._write_charges(charges)

    def _create_parts(self, todo):
        return self.create(
            [
                values | {"line_ids": [Command.create(line) for line in said]}
                for values, said, *_rest in todo
            ]
        )

    def _find_parts(self, results):
        """Return the parts that there are, in order, by service, meter, first day."""
        services = self.service_id.browse(one.service.id for one in results)
        found = self.search(
            [
                ("service_id", "in", services.ids),
                ("date_from", "in", list({one.period.first for one in results})),
            ],
            order="part",
        )
        return found.grouped(lambda p: (p.service_id.id, p.meter_id.id, p.date_from))

    def _is_open(self):
        """Whether it may be written anew: nothing was billed, or voided, of it."""
        self.ensure_one()
        return not self.transaction_id or self.transaction_id.state == "unbilled"

    def _note_unrated(self, result):
        """Write how much of a part that is billed has no price, if that changed."""
        values = _tell_unrated(result)
        if self.unrated != values["unrated"]:
            self.write(values | {"fingerprint": False})

    def _find_difference(self, result, earlier):
        """Return what is still to be charged of a period; below zero: given back.

        What was voided counts as charged, and so it does not come back by itself. But
        neither is given back what was given away, voided or canceled.

        :param earlier: parts that are billed or void.
        """
        currency = result.plan.currency_id or result.service.currency_id
        due = float(result.amount)
        difference = currency.round(due - sum(earlier.mapped("amount")))
        if difference >= 0:
            return difference
        standing = earlier.filtered(lambda part: part._stands())
        most = currency.round(min(due - sum(standing.mapped("amount")), 0.0))
        return max(difference, most)

    def _stands(self):
        self.ensure_one()
        charge = self.transaction_id
        return charge.state != "void" and not charge.is_canceled

    def _prepare_part(self, result, earlier, difference, late, lines, now):
        """Return the values of a part, but for the lines that explain it."""
        service, plan, period = result.service, result.plan, result.period
        values = {
            "plan_id": plan.id,
            "end": period.end,
            "state": "charged" if period.end <= now else "running",
            "currency_id": (plan.currency_id or service.currency_id).id,
            "amount_period": float(result.amount),
            "amount_before": sum(earlier.mapped("amount")),
            "amount": difference,
            "events": result.events,
            "events_late": late,
            "listed": result.listed or False,
            **_tell_unrated(result),
        }
        if result.is_gone is not None:
            values["is_gone"] = result.is_gone
        said = repr((values, lines)).encode()
        return values | {
            "fingerprint": blake2b(said, digest_size=16).hexdigest(),
            "service_id": service.id,
            "company_id": service.company_id.id,
            "meter_id": result.meter.id,
            "part": earlier[-1:].part + 1 if earlier else 0,
            "date_from": period.first,
            "date_to": period.last,
            "begin": period.begin,
        }

    # === TRANSACTIONS === #

    def _write_charges(self, todo):
        """Have each part of a period that is over be one transaction.

        :param todo: parts; what they come to; parts before; the difference; how many
            events are late.
        """
        new, owners = [], []
        for part, result, earlier, difference, late in todo:
            charge = part.transaction_id
            if not difference:
                if charge:
                    charge._set_void(self.env._("Its usage comes to nothing by now."))
                continue
            values = part._prepare_charge(result, earlier, difference, late)
            if not charge:
                new.append(values)
                owners.append(part)
            elif anew := charge._billing_find_rated_anew(
                values, part._get_rewritten_fields()
            ):
                trust(charge).write(anew)
        created = trust(self.env["omni.billing.transaction"]).create(new)
        for part, charge in zip(owners, created, strict=True):
            part.transaction_id = charge.with_env(self.env)

    def _get_rewritten_fields(self):
        """Return what of an unbilled transaction is written anew with its usage."""
        return {
            *("name", "description", "transaction_type", "credit_type_id"),
            *("retail_cost", "quantity", "price_unit", "uom_id"),
            *("currency_id", "tax_included"),
        }

    def _prepare_charge(self, result, earlier, difference, late):
        """Return the values of the transaction of a part. Hook."""
        self.ensure_one()
        service, meter, plan = result.service, result.meter, result.plan
        env = service.with_context(lang=service.partner_id.lang or self.env.lang).env
        currency = self.currency_id
        names = {
            "service": service.name,
            "meter": meter.with_env(env).name,
            "period": self._format_period(env),
        }
        values = service._prepare_common_values(abs(difference)) | {
            "currency_id": currency.id,
            "date": self.date_to,
            "tax_included": plan.tax_included,
            **self._find_price(result, difference),
        }
        if meter.product_id:
            # Its taxes are those of the product, as the customer's position has them.
            values["product_id"] = meter.product_id.id
            del values["tax_ids"]
        notes = self._describe(env, result)
        if earlier:
            title = env._("%(service)s, %(meter)s, correction of %(period)s", **names)
            notes.insert(
                0,
                env._(
                    "%(period)s in all; charged before: %(before)s",
                    period=format_amount(env, self.amount_period, currency),
                    before=format_amount(env, self.amount_before, currency),
                ),
            )
            lines = self.line_ids | earlier.line_ids
            if not late and {"rolled", "topup"} & set(lines.mapped("kind")):
                # What another month used: nothing of this one came.
                notes.insert(0, env._("Of earlier months more or less was left."))
            if late:
                notes.insert(0, env._("Events that came late: %(count)s", count=late))
            values["date"] = service._get_today()
            first = earlier.transaction_id[:1]
            if first:
                values["payer_id"] = first.payer_id.id
                values["tax_ids"] = [Command.set(first.tax_ids.ids)]
        else:
            title = env._("%(service)s, %(meter)s, %(period)s", **names)
        if difference < 0:
            kind = self.env.ref("omni_billing.credit_type_correction")
            values |= {"transaction_type": "credit", "credit_type_id": kind.id}
        return values | {
            "name": title[:MAX_TITLE_LENGTH],
            "description": "\n".join(notes) or False,
        }

    def _find_price(self, result, difference):
        """Return quantity, unit and price, if the whole is so many at one price."""
        pieces = self.meter_id._billing_get_pieces()
        whole = {"quantity": 1.0, "price_unit": abs(difference), "uom_id": pieces.id}
        parts = [part for line in result.rating.lines for part in line.parts]
        paid = [part for part in parts if part.amount]
        if len(paid) != 1 or paid[0].kind != UNITS or self.part:
            return whole
        quantity, price = float(paid[0].quantity), float(paid[0].price)
        most = self.env["omni.billing.transaction"]._get_books_decimals()
        if (
            has_excess_decimals(quantity, most)
            or has_excess_decimals(price, PRICE_DECIMALS)
            or self.currency_id.compare_amounts(quantity * price, difference)
        ):
            return whole
        unit = self.meter_id._billing_get_uom(paid[0].size)
        return {"quantity": quantity, "price_unit": price, "uom_id": unit.id}

    def _describe(self, env, result):
        """Return what an invoice says of how the amount came about.

        :rtype: list[str]
        """
        currency = self.currency_id
        meter = result.meter.with_env(env)
        notes = []
        for line in result.rating.lines:
            amount = format_amount(env, currency.round(float(line.amount)), currency)
            quantity = meter._billing_format_units(float(line.counted))
            if line.allowed:
                notes.append(
                    env._(
                        "%(rate)s: %(quantity)s, of these %(allowed)s: %(amount)s",
                        rate=line.price,
                        quantity=quantity,
                        allowed=_describe_allowed(meter, line, result.supplies),
                        amount=amount,
                    )
                )
            else:
                notes.append(
                    env._(
                        "%(rate)s: %(quantity)s: %(amount)s",
                        rate=line.price,
                        quantity=quantity,
                        amount=amount,
                    )
                )
        if len(notes) > MAX_NOTES:
            notes = [*notes[: MAX_NOTES - 1], "…"]
        if result.capped:
            notes.append(
                env._(
                    "Beyond the most of %(meter)s: %(amount)s",
                    meter=meter.name,
                    amount=format_amount(env, -float(result.capped), currency),
                )
            )
        if result.added:
            amount = format_amount(env, float(result.added), currency)
            notes.append(env._("Up to the least of the period: %s", amount))
        if result.held:
            amount = format_amount(env, -float(result.held), currency)
            notes.append(env._("Beyond the cap, not charged: %s", amount))
        if result.taken_off:
            amount = format_amount(env, -float(result.taken_off), currency)
            notes.append(env._("Beyond the most of the period: %s", amount))
        return notes


def _get_key(result):
    return result.service.id, result.meter.id, result.period.first


def _tell_unrated(result):
    refs = ", ".join(result.rating.unrated)
    return {"unrated": result.unrated, "unrated_refs": refs or False}


def _describe_allowed(meter, line, supplies):
    """Return what of a line cost nothing, and why."""
    env, units = meter.env, {}
    for name, each in line.allowed.items():
        kind = supplies[name].kind
        units[kind] = units.get(kind, 0) + each
    said = {
        kind: meter._billing_format_units(float(each)) for kind, each in units.items()
    }
    texts = []
    if "rolled" in said:
        texts.append(env._("%s rolled over", said["rolled"]))
    if "allowance" in said:
        texts.append(env._("%s included", said["allowance"]))
    if "topup" in said:
        texts.append(env._("%s from a top-up", said["topup"]))
    return ", ".join(texts)


def _prepare_lines(result):
    """Return the lines of what an amount is made of; they add up to it, but for cents.

    :rtype: list[dict]
    """
    lines = []
    for line in result.rating.lines:
        rows = [
            {
                "kind": result.supplies[name].kind,
                "allowance": result.supplies[name].source.name,
                "quantity": float(units),
                "price": 0.0,
                "amount": 0.0,
            }
            for name, units in line.allowed.items()
        ]
        for part in line.parts:
            begin, end = part.tier or (0, 0)
            rows.append(
                {
                    "kind": part.kind,
                    "quantity": float(part.quantity),
                    "size": float(part.size),
                    "price": float(part.price),
                    "amount": float(part.amount),
                    "is_tier": part.tier is not None,
                    "tier_from": float(begin),
                    "tier_until": float(end or 0),
                }
            )
        lines += [
            row | {"name": line.price, "events": 0 if number else line.events}
            for number, row in enumerate(rows)
        ]
    for kind, amount in (
        ("capped", -result.capped),
        ("held", -result.held),
        ("added", result.added),
        ("taken_off", -result.taken_off),
    ):
        if amount:
            lines.append({"kind": kind, "quantity": 1.0, "price": float(amount)})
            lines[-1]["amount"] = float(amount)
    return lines
