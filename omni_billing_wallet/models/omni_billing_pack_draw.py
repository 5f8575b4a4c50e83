from datetime import date

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import float_round

from odoo.addons.omni_billing.const import MAX_ID
from odoo.addons.omni_billing.tools.lock import wait_for
from odoo.addons.omni_billing.tools.numbers import format_number
from odoo.addons.omni_billing.tools.recurrence import DAY
from odoo.addons.omni_billing.tools.values import check_length, check_text
from odoo.addons.omni_billing.tools.write_guard import without_any_default

from ..tools.shares import is_same, take_share

#: More units than anybody buys.
MAX_UNITS = 10**9


class OmniBillingPack(models.Model):
    """Units are drawn, from the pack that ends first, and given back (W42)."""

    _inherit = "omni.billing.pack"

    # === BUSINESS METHODS - USE === #

    @api.model
    def use(self, customer_id, product_id, units=1.0, ref=None, date=None, note=None):
        """Draw units of a customer's packs, of those that end first.

        :param int customer_id: the contact who uses them.
        :param int product_id: what for: the product that a pack names as *Used for*.
        :param float units: in the unit of that product, more than zero.
        :param str ref: unique for a customer; the same call again draws nothing.
        :param str date: ``YYYY-MM-DD``, today or before; today if there is none.
        :param str note: what it was for.
        :return: ``units``; ``drawn`` of packs, ``charged`` at the single price (where
            the company has it so), ``left`` in all packs for this product, and
            ``is_double`` if the reference was known. All numbers are units.
        :rtype: dict
        :raise UserError: if the packs do not cover it, and the company refuses it then.
        :raise ValidationError: if a value is wrong, or the reference is known with
            other values.
        """
        self._check_may_use()
        partner = self._find_given("res.partner", customer_id)
        product = self._find_given("product.product", product_id)
        units = self._read_units(units)
        day = self._read_day(date, partner)
        self._check_text_of("ref", ref)
        self._check_text_of("note", note)
        company = self.env.company
        # sudo: the caller may use packs, checked above; nobody writes rows by hand.
        packs = without_any_default(self.sudo()).with_company(company)
        return packs._use(partner, product, units, ref or None, day, note or None)

    def _use(self, partner, product, units, ref, day, note):
        company, customer = self.env.company, partner.commercial_partner_id
        packs = self._find_for(customer, product, company, day)
        # Who uses one of them meanwhile comes first; PostgreSQL has the request of the
        # second begin again, which then reads what is left.
        wait_for(packs)
        found = self._find_ref(customer, company, ref)
        if found:
            return self._answer_again(found, product, units)
        before = sum(packs.mapped("units_usable"))
        shares = packs._share_out(units)
        open_units = units - sum(taken for _pack, taken in shares)
        is_covered = is_same(open_units, 0.0)
        if not is_covered and company.billing_pack_uncovered != "charge":
            self._raise_uncovered(partner, product, units, before)
        common = {
            "partner_id": partner.id,
            "commercial_partner_id": customer.id,
            "company_id": company.id,
            "product_id": product.id,
            "date": day,
            "note": note,
            "ref": ref,
        }
        left = packs._read_values_left()
        rows = [
            common
            | {
                "pack_id": pack.id,
                "units": taken,
                "amount": take_share(
                    left[pack.id],
                    taken,
                    pack.units_left,
                    company.currency_id.round,
                ),
            }
            for pack, taken in shares
        ]
        if not is_covered:
            charge = self._charge_uncovered(partner, product, open_units, day, note)
            rows.append(common | {"units": open_units, "transaction_id": charge.id})
        if ref:
            rows[0]["ref_key"] = f"{customer.id}:{ref}"
        self.env["omni.billing.pack.use"]._add(rows)
        packs._tell_low(before)
        return self._answer(units, 0.0 if is_covered else open_units, packs)

    def _find_for(self, customer, product, company, day):
        """Return what a customer can use for it on a day, what ends first first."""
        domain = self._get_usable_domain(company) & (
            self._get_customer_domain(customer)
            & Domain("product_id", "=", product.id)
            & Domain("units_left", ">", 0)
            # The invoice is dated where staff are, the use where the customer is.
            & Domain("begins_on", "<=", day + DAY)
            & (Domain("expires_on", "=", False) | Domain("expires_on", ">=", day))
        )
        return self.search(domain).filtered("units_usable")

    def _share_out(self, units):
        """Return how many units each pack gives, in its order."""
        shares = []
        for pack in self:
            taken = min(pack.units_usable, units)
            if is_same(taken, 0.0):
                break
            shares.append((pack, taken))
            units -= taken
        return shares

    def _find_ref(self, customer, company, ref):
        if not ref:
            return self.env["omni.billing.pack.use"]
        return self.env["omni.billing.pack.use"].search(
            self._get_customer_domain(customer)
            & Domain("company_id", "=", company.id)
            & Domain("ref", "=", ref)
            & Domain("kind", "=", "use")
        )

    def _answer_again(self, uses, product, units):
        """Answer a call whose reference is known as the first time.

        :raise ValidationError: if the call is another one, or was taken back.
        """
        if uses.filtered("is_taken_back"):
            raise ValidationError(
                self.env._(
                    "The use with the reference “%(ref)s” was taken back. Nothing was"
                    " used: send it with another reference, if it is to be used after"
                    " all.",
                    ref=uses[0].ref,
                )
            )
        known = sum(uses.mapped("units"))
        if uses.product_id != product or not is_same(known, units):
            raise ValidationError(
                self.env._(
                    "The reference “%(ref)s” is of a use of %(units)s of “%(product)s”"
                    " already. Nothing was changed: send what differs with a reference"
                    " of its own.",
                    ref=uses[0].ref,
                    units=format_number(self.env, known),
                    product=uses.product_id.display_name,
                )
            )
        charged = sum(uses.filtered(lambda use: not use.pack_id).mapped("units"))
        use = uses[0]
        customer = use.commercial_partner_id.commercial_partner_id
        packs = self._find_for(customer, product, use.company_id, use.date)
        return self._answer(units, charged, packs) | {"is_double": True}

    def _answer(self, units, charged, packs):
        return {
            "units": units,
            "drawn": _round(units - charged),
            "charged": _round(charged),
            "left": _round(sum(packs.mapped("units_usable"))),
            "is_double": False,
        }

    def _raise_uncovered(self, partner, product, units, left):
        raise UserError(
            self.env._(
                "%(customer)s has %(left)s of “%(product)s” left that can be used, and"
                " %(units)s are needed. Nothing was used: sell a pack, see that it is"
                " paid, or charge it.",
                customer=partner.display_name,
                left=format_number(self.env, left),
                product=product.display_name,
                units=format_number(self.env, units),
            )
        )

    def _charge_uncovered(self, partner, product, units, day, note):
        """Charge what no pack covers, at the price of a single one."""
        return self.env["omni.billing.transaction"].create(
            {
                "partner_id": partner.id,
                "company_id": self.env.company.id,
                "product_id": product.id,
                "quantity": units,
                "date": day,
                "description": note,
            }
        )

    def _tell_low(self, before):
        """Write to the customer once when what is left falls to the level."""
        pack = self[-1:]
        left, level = sum(self.mapped("units_usable")), pack.low_units
        if level and before > level >= left:
            template = self.env.ref("omni_billing_wallet.mail_template_pack_low", False)
            if template and pack.partner_id.email:
                template.send_mail(pack.id)

    def _count_left(self):
        """Return what is left in all packs for the same, for the e-mail."""
        self.ensure_one()
        day = fields.Date.context_today(self)
        customer = self.commercial_partner_id.commercial_partner_id
        packs = self._find_for(customer, self.product_id, self.company_id, day)
        return format_number(self.env, _round(sum(packs.mapped("units_usable"))))

    # === HELPERS: WHAT A PROGRAM SENT === #

    def _check_may_use(self):
        self.check_access("read")
        if not self.env.user.has_group("omni_billing.omni_billing_group_user"):
            raise AccessError(self.env._("Only billing staff use packs."))

    def _find_given(self, model, number):
        """Return the record with an id that a program sent, if the caller may read it.

        :raise ValidationError: if there is none.
        """
        is_id = isinstance(number, int) and not isinstance(number, bool)
        record = self.env[model]
        if is_id and 0 < number <= MAX_ID:
            record = record.browse(number).exists()
        if not record:
            raise ValidationError(
                self.env._(
                    "There is no %(model)s %(number)s.",
                    model=model,
                    number=str(number)[:40],
                )
            )
        record.check_access("read")
        return record

    def _read_units(self, units):
        is_number = isinstance(units, int | float) and not isinstance(units, bool)
        digits = self.env["decimal.precision"].precision_get("Product Unit")
        # What is no number, not a number or endless is not between these.
        if not is_number or not 0 < units <= MAX_UNITS:
            raise ValidationError(
                self.env._("Units are a number, and more than zero. Nothing was used.")
            )
        rounded = float_round(units, precision_digits=digits)
        if not is_same(rounded, units) or not rounded:
            raise ValidationError(
                self.env._(
                    "%(units)s has more decimals than units have (%(digits)s). Nothing"
                    " was used.",
                    units=units,
                    digits=digits,
                )
            )
        return rounded

    def _read_day(self, day, partner):
        """Return the day of a use: by default, the one where the customer is."""
        today = partner._billing_get_today(self.env.company)
        if not day:
            return today
        # Staff may be where it is tomorrow already.
        today = max(today, fields.Date.context_today(self))
        try:
            day = day if isinstance(day, date) else date.fromisoformat(day)
        except (TypeError, ValueError) as error:
            raise ValidationError(
                self.env._("A date is written as 2026-01-31. Nothing was used.")
            ) from error
        if day > today:
            raise ValidationError(
                self.env._("A use is of today or before. Nothing was used.")
            )
        return day

    def _check_text_of(self, name, text):
        check_text(self.env, text)
        check_length(self.env, self.env["omni.billing.pack.use"]._fields[name], text)

    # === ACTION METHODS === #

    @api.model
    def action_open_use(self):
        """Open the dialog in which staff draw units for a customer."""
        action = "omni_billing_wallet.omni_billing_pack_use_wizard_action"
        return self.env["ir.actions.act_window"]._for_xml_id(action)


class OmniBillingPackUse(models.Model):
    """A use is taken back by a further row (W42)."""

    _inherit = "omni.billing.pack.use"

    def action_take_back(self):
        """Give the units back to the pack, and take the income back, if it is booked.

        A use that was charged has its charge voided, as long as it is not invoiced.

        :raise UserError: if it is no use, or was taken back, or its pack is closed.
        """
        self.env["omni.billing.pack"]._check_may_use()
        self.check_access("read")
        # sudo: who may use packs may take a use back; see `_check_may_use`.
        for use in without_any_default(self.sudo()):
            use._take_back()
        return True

    def _take_back(self):
        self.ensure_one()
        wait_for(self.pack_id)
        if self.kind != "use":
            raise UserError(self.env._("Only a use can be taken back."))
        if self.is_taken_back:
            raise UserError(self.env._("This use was taken back already."))
        is_closed = self.pack_id.use_ids.filtered(lambda use: use.kind == "closed")
        if is_closed:
            raise UserError(
                self.env._(
                    "“%(pack)s” was credited and is closed. Nothing was changed: credit"
                    " the customer, if the use was wrong.",
                    pack=self.pack_id.name,
                )
            )
        if self.transaction_id.state == "invoiced":
            raise UserError(
                self.env._(
                    "This use is on %(invoice)s. Cancel the item there instead.",
                    invoice=self.transaction_id.invoice_id.display_name,
                )
            )
        if self.transaction_id.state == "unbilled":
            self.transaction_id.action_void(self.env._("The use was taken back."))
        self._add(
            [
                {
                    "pack_id": self.pack_id.id,
                    "company_id": self.company_id.id,
                    "partner_id": self.partner_id.id,
                    "commercial_partner_id": self.commercial_partner_id.id,
                    "product_id": self.product_id.id,
                    "date": fields.Date.context_today(self),
                    "kind": "back",
                    "units": -self.units,
                    "amount": -self.amount,
                    "note": self.note,
                    "reverses_id": self.id,
                }
            ]
        )


def _round(units):
    """Return a number of units without the dust of a computer's arithmetic."""
    return round(units, 6)
