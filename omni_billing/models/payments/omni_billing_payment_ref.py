from odoo import Command, api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import format_list

from ...tools.numbers import format_amount


class OmniBillingPaymentRef(models.Model):
    """A payment that a program recorded, by the program's own reference.

    A program that lost an answer sends its payment again. The row is committed with the
    payment, or with the attempt to charge a card before Stripe is asked: so the second
    time is known for what it is, in whatever dialog it comes.
    """

    _name = "omni.billing.payment.ref"
    _inherit = "omni.billing.server.mixin"
    _description = "Payment of a Program"
    _rec_name = "external_ref"
    _order = "id desc"

    external_ref = fields.Char(string="External Reference", required=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    partner_id = fields.Many2one(
        "res.partner",
        string="Customer",
        required=True,
        readonly=True,
        index=True,
    )
    invoice_ids = fields.Many2many(
        "account.move",
        "omni_billing_payment_ref_move_rel",
        string="Invoices",
        readonly=True,
    )
    currency_id = fields.Many2one("res.currency", required=True, readonly=True)
    amount = fields.Monetary(required=True, readonly=True)
    mode = fields.Selection(
        lambda self: self._list_modes(), required=True, readonly=True
    )
    payment_id = fields.Many2one(
        "account.payment", readonly=True, index="btree_not_null", ondelete="set null"
    )
    attempt_id = fields.Many2one(
        "payment.transaction",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
        groups="base.group_system",
    )
    result = fields.Json(
        readonly=True, groups="base.group_system", help="What the dialog answered."
    )

    _external_ref_unique = models.UniqueIndex(
        "(company_id, external_ref)",
        "A payment with this external reference exists already.",
    )

    @api.model
    def _list_modes(self):
        """Return how an invoice is paid: with money, or with credit on file."""
        modes = self.env["account.payment"]._fields["billing_mode"]
        return [
            *modes._description_selection(self.env),
            ("credit", self.env._("Credit on File")),
        ]

    # === BUSINESS METHODS === #

    @api.model
    def _find(self, company, external_ref):
        """Return the payment with the reference, in sudo, if it was not in vain.

        :param company: `res.company`.
        :param str external_ref: none finds none.
        """
        # sudo: what the dialog is about was checked; it tells what it answered then.
        Ref = self.sudo()
        if not external_ref:
            return Ref
        known = Ref.search(
            Domain("company_id", "=", company.id)
            & Domain("external_ref", "=", external_ref)
        )
        return known.filtered(lambda ref: not ref._is_in_vain())

    def _is_in_vain(self):
        """Whether it was a card that paid nothing: then it may be tried again."""
        self.ensure_one()
        return self.attempt_id.state in ("error", "cancel")

    @api.model
    def _keep(self, external_ref, invoices, amount, mode, **links):
        """Keep what is paid; of payments that share a reference only one can be.

        :param str external_ref: of the program; without one nothing is kept.
        :param invoices: `account.move` of one company and currency, and one customer,
            unless somebody pays for several.
        :param float amount: with taxes, in that currency.
        :param str mode: as in the payment dialog.
        :param links: ``payment_id`` or ``attempt_id``; ``partner_id``, if it is not
            the customer who pays.
        """
        if not external_ref:
            return
        # sudo: payments alone write it.
        Ref = self.sudo()
        company = invoices.company_id
        Ref.search(
            Domain("company_id", "=", company.id)
            & Domain("external_ref", "=", external_ref)
        ).filtered(lambda ref: ref._is_in_vain()).unlink()
        Ref.create(
            {
                "external_ref": external_ref,
                "company_id": company.id,
                "partner_id": invoices.commercial_partner_id[:1].id,
                "invoice_ids": [Command.set(invoices.ids)],
                "currency_id": invoices.currency_id.id,
                "amount": amount,
                "mode": mode,
                **links,
            }
        )
        # The unique index is to see it before anything else is done.
        Ref.flush_model()

    def _check_same(self, invoices, amount, mode):
        """Check that a payment which comes again is the one that was made.

        :param invoices: `account.move` of one customer, company and currency.
        :param float amount: with taxes, in that currency.
        :param str mode: as in the payment dialog.
        :raise UserError: if it differs, or was undone since; nothing was done.
        """
        self.ensure_one()
        known = self._describe(
            self.invoice_ids, self.amount, self.currency_id, self.mode
        )
        if self.payment_id.state in ("canceled", "rejected"):
            raise UserError(
                self.env._(
                    "The payment “%(ref)s” (%(known)s, id %(id)s) was made and undone"
                    " since. Nothing was done: send a new one with a reference of its"
                    " own.",
                    ref=self.external_ref,
                    known=known,
                    id=self.id,
                )
            )
        currency = invoices.currency_id
        is_same = (
            self.currency_id == currency
            and not currency.compare_amounts(self.amount, amount)
            and self.mode == mode
            and self.invoice_ids == invoices
        )
        if not is_same:
            raise UserError(
                self.env._(
                    "The external reference “%(ref)s” is that of another payment, id"
                    " %(id)s: %(known)s. This one says: %(sent)s. Nothing was done:"
                    " send it with a reference of its own.",
                    ref=self.external_ref,
                    id=self.id,
                    known=known,
                    sent=self._describe(invoices, amount, currency, mode),
                )
            )

    def _describe(self, invoices, amount, currency, mode):
        """Return amount, mode and invoices of a payment, as a person reads them."""
        return self.env._(
            "%(amount)s, %(mode)s, on %(invoices)s",
            amount=format_amount(self.env, amount, currency),
            mode=dict(self._list_modes()).get(mode),
            # sudo: those that were sent are checked; the others are their customer's.
            invoices=format_list(self.env, invoices.sudo().mapped("display_name")),
        )
