from odoo import Command, api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import format_amount, format_list


class OmniBillingPaymentRef(models.Model):
    """A payment that a program recorded, by the program's own reference.

    A program that lost an answer sends its payment again. The row is committed with the
    payment, or with the attempt to charge a card before Stripe is asked: so the second
    time is known for what it is, in whatever dialog it comes.
    """

    _name = "omni.billing.payment.ref"
    _description = "Payment of a Program"
    _rec_name = "external_ref"
    _order = "id desc"

    external_ref = fields.Char(string="External Reference", required=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    partner_id = fields.Many2one(
        "res.partner", string="Customer", required=True, readonly=True
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
        """Return the modes of payment of the dialog."""
        modes = self.env["omni.billing.payment.wizard"]._fields["mode"]
        return modes._description_selection(self.env)

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
    def _keep(self, wizard, **values):
        """Keep what a dialog pays; of those that share a reference only one can.

        :param wizard: `omni.billing.payment.wizard`; one without reference keeps none.
        :param values: ``payment_id`` or ``attempt_id``.
        """
        if not wizard.external_ref:
            return
        # sudo: payments alone write it.
        Ref = self.sudo()
        Ref.search(
            Domain("company_id", "=", wizard.company_id.id)
            & Domain("external_ref", "=", wizard.external_ref)
        ).filtered(lambda ref: ref._is_in_vain()).unlink()
        Ref.create(
            {
                "external_ref": wizard.external_ref,
                "company_id": wizard.company_id.id,
                "partner_id": wizard.partner_id.id,
                "invoice_ids": [Command.set(wizard.invoice_ids.ids)],
                "currency_id": wizard.currency_id.id,
                "amount": wizard.amount,
                "mode": wizard.mode,
                **values,
            }
        )
        # The unique index is to see it before anything else is done.
        Ref.flush_model()

    def _check_same(self, wizard):
        """Check that a payment which comes again is the one that was made.

        :raise UserError: if it differs, or was undone since; nothing was done.
        """
        self.ensure_one()
        if self.payment_id.state in ("canceled", "rejected"):
            raise UserError(
                self.env._(
                    "The payment “%(ref)s” (%(known)s, id %(id)s) was made and undone"
                    " since. Nothing was done: send a new one with a reference of its"
                    " own.",
                    ref=self.external_ref,
                    known=self._describe(self),
                    id=self.id,
                )
            )
        is_same = (
            self.currency_id == wizard.currency_id
            and not self.currency_id.compare_amounts(self.amount, wizard.amount)
            and self.mode == wizard.mode
            and self.invoice_ids == wizard.invoice_ids
        )
        if not is_same:
            raise UserError(
                self.env._(
                    "The external reference “%(ref)s” is that of another payment, id"
                    " %(id)s: %(known)s. This one says: %(sent)s. Nothing was done:"
                    " send it with a reference of its own.",
                    ref=self.external_ref,
                    id=self.id,
                    known=self._describe(self),
                    sent=self._describe(wizard),
                )
            )

    def _describe(self, payment):
        """Return amount, mode and invoices of a payment, kept or in a dialog."""
        return self.env._(
            "%(amount)s, %(mode)s, on %(invoices)s",
            amount=format_amount(self.env, payment.amount, payment.currency_id),
            mode=dict(self._list_modes()).get(payment.mode),
            # sudo: the dialog's are checked, and the others are its customer's.
            invoices=format_list(
                self.env, payment.sudo().invoice_ids.mapped("display_name")
            ),
        )
