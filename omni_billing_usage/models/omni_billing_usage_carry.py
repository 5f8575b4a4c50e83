from odoo import models
from odoo.fields import Domain

from odoo.addons.omni_billing.tools.rating.allowances import roll_over
from odoo.addons.omni_billing.tools.rating.exact import ZERO, to_exact

from .omni_billing_rate_plan import make_key


class OmniBillingUsageRating(models.Model):
    """What is left of a period goes on to those after it (W41)."""

    _inherit = "omni.billing.usage.rating"

    # === FROM THE PERIOD BEFORE === #

    def _find_rolled(self, plan, period, services, customer, asked):
        """Return what rolls over from the period before.

        It does so with the same allowance alone: where a service had another plan, or
        none, there is nothing.

        :param asked: what of these alone is told, beside what they share.
        :return: units by allowance and the first of those who draw from it.
        :rtype: dict
        """
        rolling = plan.allowance_ids.filtered("rolls_over")
        if not rolling:
            return {}
        before = plan._make_calendar().precede(period)
        if not any(rolling.mapped("is_shared")):
            services = asked
        had = self._filter_planned(services, plan, before.first)
        had = self._filter_due(had, before, plan)
        owners = self._find_owners(plan, before, period, had, customer)
        rows = self._find_rows(before, asked, owners)
        rolled = {}
        for allowance in rolling:
            for users in allowance._split(services if allowance.is_shared else asked):
                whose = owners if allowance.is_shared else users & had
                keys = [("allowance", allowance, one) for one in whose]
                # Of what has no row nothing was used.
                left = [
                    to_exact(rows[key]._get_left() if key in rows else allowance.units)
                    for key in keys
                ]
                units = roll_over(sum(left, ZERO), most=allowance.rolls_over)
                rolled[allowance, users[0]] = units
        return rolled

    def _find_owners(self, plan, before, period, had, customer):
        """Return with which customers services shared before what these share now.

        That is their own customer. Of another, that of a month that was charged, what
        is left is theirs if none of its services shares any more, as where it was
        merged: else it stays there. If they parted, it goes with the oldest.

        :param before: the period before, in which services had the plan.
        :rtype: list[int]
        """
        if not customer or not had:
            return []
        charged = [("date_from", "=", before.first), ("state", "=", "charged")]
        groups = self._read_group(
            [*charged, ("service_id", "in", had.ids)],
            ["owner_number"],
            ["service_id:count_distinct"],
        )
        owners = {owner or customer for owner, _number in groups}
        if sum(number for _owner, number in groups) < len(had):
            owners.add(customer)
        found = []
        for owner in sorted(owners):
            if owner != customer:
                if self._find_sharing(plan, owner, period):
                    continue
                theirs = self.search([*charged, ("owner_number", "=", owner)])
                theirs = self._filter_planned(theirs.service_id, plan, period.first)
                if min(theirs.ids, default=0) not in had.ids:
                    continue
            found.append(owner)
        return found

    # === WHAT IS LEFT === #

    def _find_rows(self, period, services, owners):
        """Return what is written of a period, as `Supply.key` has it.

        :param owners: numbers of customers whose services share.
        :rtype: dict
        """
        whose = Domain("service_id", "in", services.ids)
        if owners:
            whose |= Domain("owner_number", "in", list(owners))
        rows = self.env["omni.billing.usage.left"].search(
            Domain("date_from", "=", period.first) & whose
        )
        return {row._get_key(): row for row in rows}

    def _write_left(self, plan, period, services, customer, supplies, left, ratings):
        """Write what is left in a period.

        :param list[Supply] supplies: all that these services drew from.
        :param dict left: units by `Supply.name`.
        :param dict ratings: by key of rating.
        :return: moments of periods that were rated before, and have more or less by
            now: by service, as marks have them.
        :rtype: dict
        """
        rows = self._find_rows(period, services, customer and [customer])
        users = {
            name: service
            for service in reversed(services)
            for meter in plan.rate_ids.meter_id
            for line in ratings[make_key(f"{service.id:010}", meter.id)].lines
            for name in line.allowed
        }
        new, changed = [], []
        for supply in supplies:
            row = rows.get(supply.key)
            used = supply.units - left[supply.name]
            values = self._prepare_left(supply, period, users.get(supply.name)) | {
                "units": float(supply.units),
                "used": float(used),
            }
            # Of what has no row nothing was used.
            before = row._get_left() if row else values["units"]
            if float(left[supply.name]) != before and supply.kind != "rolled":
                changed.append(supply)
            # Whose a shared top-up is, is kept also if nothing was used.
            if not used and not (supply.is_topup and supply.owner):
                continue
            if not row:
                new.append(values)
            elif row._differs(values):
                row.write(values)
            rows.pop(supply.key, None)
        gone = [
            row.id
            for row in rows.values()
            if row._is_replaced(plan, period, services, customer)
        ]
        Row = self.env["omni.billing.usage.left"]
        Row.browse(gone).unlink()
        Row.create(new)
        return self._find_stale(plan, period, customer, changed)

    def _prepare_left(self, supply, period, user):
        """Return the values of a row, but for how many there are.

        :param user: who drew from it: of what is shared, one for all.
        """
        source = supply.source
        service = source.service_id if supply.is_topup else user or supply.services[0]
        return {
            "service_id": service.id,
            "company_id": service.company_id.id,
            "kind": supply.kind,
            "allowance_id": False if supply.is_topup else source.id,
            "topup_id": source.id if supply.is_topup else False,
            "is_shared": source.is_shared,
            "owner_number": supply.owner or 0,
            "date_from": period.first,
        }

    # === TO THE PERIODS AFTER IT === #

    def _find_stale(self, plan, period, customer, changed):
        """Return what was rated by what there was before.

        :param list[Supply] changed: of which there is more or less left than before.
        :return: as `_write_left`.
        """
        if not changed:
            return {}
        after, stale = plan._make_calendar().follow(period), {}
        later = self._find_after_topups(period, customer, changed)
        for service in self._find_after_rolled(after, changed):
            later.append((service, after.begin))
        for service, moment in later:
            stale.setdefault(service, []).append((moment, moment))
        return stale

    def _find_after_rolled(self, period, changed):
        """Return who drew from what rolled over to a period."""
        rolling = [one for one in changed if one.kind == "allowance"]
        rolling = [one for one in rolling if one.source.rolls_over]
        if not rolling:
            return self.service_id
        services = self.service_id.union(*(one.services for one in rolling))
        whose = Domain("service_id", "in", services.ids)
        if owners := [one.owner for one in rolling if one.owner]:
            # Of a customer that was merged meanwhile, it is the other's.
            owners += services.commercial_partner_id.ids
            whose |= Domain("owner_number", "in", owners)
        rows = self.env["omni.billing.usage.left"].search(
            Domain("allowance_id", "in", [one.source.id for one in rolling])
            & Domain("date_from", "=", period.first)
            & whose
        )
        return rows.service_id

    def _find_after_topups(self, period, customer, changed):
        """Return who used what top-ups are for, in periods after one; and their begin.

        Also who drew nothing, since nothing was left.
        """
        found = {}
        for supply in changed:
            if not supply.is_topup:
                continue
            topup = supply.source
            whose = Domain("service_id", "in", supply.services.ids)
            if topup.is_shared:
                whose |= Domain(
                    "service_id.commercial_partner_id", "=", topup.partner_id.id
                )
                numbers = {customer, *topup.left_ids.mapped("owner_number")}
                whose |= Domain("state", "=", "charged") & Domain(
                    "owner_number", "in", list(numbers)
                )
            domain = Domain("meter_id", "=", topup.meter_id.id)
            domain &= Domain("begin", ">=", period.end) & Domain("part", "=", 0)
            if topup.valid_until:
                domain &= Domain("begin", "<", topup.valid_until)
            for one in self.search(whose & domain):
                found[one.service_id, one.begin] = True
        return list(found)
