from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command, Domain

from odoo.addons.omni_billing.tools.action import open_dialog
from odoo.addons.omni_billing.tools.lock import wait_for
from odoo.addons.omni_billing.tools.numbers import format_number
from odoo.addons.omni_billing.tools.write_guard import trust, without_any_default

from ..tools.shares import take_share
from .omni_billing_pack import UNDISPUTED


class OmniBillingPack(models.Model):
    """What was not used is given back: a credit of units × price (W42)."""

    _inherit = "omni.billing.pack"

    def action_open_refund(self):
        """Ask how many of the units that are left are refunded."""
        self.ensure_one()
        title = self.env._("Refund Unused Units")
        return open_dialog(
            "omni.billing.pack.refund.wizard", title, {"default_pack_id": self.id}
        )

    def action_refund(self, units):
        """Credit units that are not used, with the taxes that they were sold with.

        The credit is among the customer's transactions, and is billed and paid back as
        any other. The units are gone from the pack at once, and come back to it if the
        credit is voided before it is invoiced.

        :param float units: more than zero, at most what is left.
        :return: the credit, an ``omni.billing.transaction``.
        :raise UserError: if less is left, the pack was credited by hand, or its invoice
            is void.
        """
        self.ensure_one()
        self._check_may_use()
        self.env["omni.billing.transaction"].check_access("create")
        units = self._read_units(units)
        # sudo: the caller may use packs and enter credits; nobody writes rows by hand.
        pack = without_any_default(self.sudo()).with_company(self.company_id)
        wait_for(pack)
        pack._check_refundable(units)
        # Both are of what is left now; who takes the last unit takes the rest.
        amount = take_share(
            pack._read_values_left()[pack.id],
            units,
            pack.units_left,
            pack.company_id.currency_id.round,
        )
        price = take_share(
            pack._read_price_left(), units, pack.units_left, pack.currency_id.round
        )
        # sudo: the caller may enter credits, checked above.
        Transaction = self.env["omni.billing.transaction"].sudo()
        credit = trust(Transaction).create(pack._prepare_credit(units, price))
        self.env["omni.billing.pack.use"]._add(
            [
                {
                    "pack_id": pack.id,
                    "kind": "refund",
                    "units": units,
                    "amount": amount,
                    "transaction_id": credit.id,
                }
            ]
        )
        return credit.with_env(self.env)

    def _check_refundable(self, units):
        """See `action_refund`."""
        if self.invoice_id.state != "posted" or self.invoice_id.billing_is_void:
            raise UserError(
                self.env._(
                    "The invoice of “%(pack)s” is void, so there is nothing to refund.",
                    pack=self.name,
                )
            )
        if self.invoice_id.billing_dispute not in UNDISPUTED:
            raise UserError(
                self.env._(
                    "The payment of “%(pack)s” is disputed: the customer's bank has"
                    " the money. Nothing was changed: refund what is left once the"
                    " dispute is won.",
                    pack=self.name,
                )
            )
        if self.units_left and not self.units_usable:
            raise UserError(
                self.env._(
                    "%(invoice)s was written off, so nobody paid for “%(pack)s”."
                    " Nothing was changed: there is nothing to refund.",
                    invoice=self.invoice_id.display_name,
                    pack=self.name,
                )
            )
        # A refund to a card that is under way is a credit note in a moment.
        self.invoice_id._billing_check_no_attempt()
        if units > self.units_usable:
            raise UserError(
                self.env._(
                    "%(left)s of %(units)s units of “%(pack)s” are left, so no more can"
                    " be refunded. Nothing was changed.",
                    left=format_number(self.env, self.units_usable),
                    units=format_number(self.env, self.units),
                    pack=self.name,
                )
            )
        if draft := self._find_draft():
            raise UserError(
                self.env._(
                    "%(note)s is a draft, and credits “%(pack)s”. Nothing was changed:"
                    " post it or delete it first, so that nothing is given back twice.",
                    note=draft.display_name,
                    pack=self.name,
                )
            )
        if self._is_credited():
            raise UserError(
                self.env._(
                    "Part of “%(pack)s” was credited on its invoice already. Credit the"
                    " rest there, too: units have no single price any more.",
                    pack=self.name,
                )
            )

    def _find_credits(self, state):
        """Return lines of credit notes, in a state, that are none of units."""
        return self.env["account.move.line"].search(
            Domain("billing_pack_id", "=", self.id)
            & Domain("parent_state", "=", state)
            & Domain("account_id", "=", self.account_id.id)
            & Domain("move_id", "!=", self.invoice_id.id)
            & Domain("move_id.move_type", "in", ("out_invoice", "out_refund"))
            & (
                # By Odoo's own button there is none.
                Domain("billing_transaction_id", "=", False)
                | Domain("billing_transaction_id.pack_id", "=", False)
            )
        )

    def _find_draft(self):
        """Return a credit note that would lower its price once it is posted."""
        return self._find_credits("draft").move_id[:1]

    def _is_credited(self):
        """Whether a credit note that is none of units lowered its price."""
        lines = self._find_credits("posted")
        # What a void turned around is in it twice, and comes to nothing.
        given = sum(lines.mapped("amount_currency"))
        return not self.currency_id.is_zero(given)

    def _read_price_left(self):
        """Return what all units that are left were sold for, in that currency.

        What is used and refunded has each its share of the price, rounded; the rest is
        what is left, so all of it is the price to the cent.
        """
        gone = self.units - self.units_left
        used = take_share(self.price, gone, self.units, self.currency_id.round)
        refunds = self.use_ids.filtered(
            lambda use: use.kind == "refund" and use.transaction_id.state != "void"
        )
        # Never more than was paid, whatever the rounding of parts.
        given = sum(refunds.transaction_id.mapped("retail_cost"))
        return min(self.price - used, self.price - given)

    def _prepare_credit(self, units, price):
        sold = self.transaction_id
        name = self._say(lambda env: env._("Refund: %(pack)s", pack=self.name))
        description = self._say(
            lambda env: env._(
                "%(units)s of %(bought)s units, not used",
                units=format_number(env, units),
                bought=format_number(env, self.units),
            )
        )
        correction = self.env.ref("omni_billing.credit_type_correction", False)
        kind = correction or self.env["omni.billing.credit.type"].search([], limit=1)
        return {
            "transaction_type": "credit",
            "credit_type_id": kind.id,
            "name": name,
            "description": description,
            "company_id": self.company_id.id,
            "partner_id": sold.partner_id.id,
            "payer_id": sold.payer_id.id,
            "currency_id": self.currency_id.id,
            "date": fields.Date.context_today(self),
            "retail_cost": price,
            "tax_included": sold.tax_included,
            "tax_ids": [Command.set(sold.tax_ids.ids)],
            "site_id": sold.site_id.id,
            "analytic_distribution": sold.analytic_distribution or False,
            "pack_id": self.id,
        }

    def _say(self, say):
        """Return what is said to the customer, in its language."""
        lang = self.partner_id.lang or self.env.lang
        return say(self.with_context(lang=lang).env)


class OmniBillingPackUse(models.Model):
    """A refund that is not made any more gives its units back (W42)."""

    _inherit = "omni.billing.pack.use"

    @api.model
    def _give_back(self, refunds):
        """Give units back whose credits were voided, before they were invoiced."""
        # sudo: whoever voids a credit undoes what it was for.
        rows = self.sudo().search(
            [("transaction_id", "in", refunds.ids), ("kind", "=", "refund")]
        )
        due = rows.filtered(lambda row: not row.is_taken_back)
        self._add(
            [
                {
                    "pack_id": row.pack_id.id,
                    "kind": "back",
                    "units": -row.units,
                    "reverses_id": row.id,
                }
                for row in due
            ]
        )
        due._undo_differences()
        # What was closed meanwhile stays closed: the units go, and what they are worth.
        is_closed = due.pack_id.use_ids.filtered(lambda use: use.kind == "closed")
        is_closed.pack_id._close("closed")

    def _undo_differences(self):
        """Give back what was booked as left over when no unit was left."""
        rows = []
        for pack in self.pack_id:
            own = pack.use_ids.filtered(lambda use: use.kind == "difference")
            amount = pack.company_id.currency_id.round(sum(own.mapped("amount")))
            if amount:
                values = {"kind": "difference", "units": 0.0, "amount": -amount}
                rows.append({"pack_id": pack.id} | values)
        self._add(rows)
