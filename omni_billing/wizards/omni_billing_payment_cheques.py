import re

from odoo import Command, api, fields, models
from odoo.exceptions import UserError
from odoo.tools import float_round

from ..tools.notice import close, notice
from ..tools.numbers import format_amount
from ..tools.recurrence import Recurrence

#: So many cheques are proposed at most.
MAX_CHEQUES = 120


class OmniBillingPaymentWizard(models.TransientModel):
    """Taking cheques in the payment dialog, one or many at once (F151)."""

    _inherit = "omni.billing.payment.wizard"

    cheque_count = fields.Integer(
        string="How Many", default=1, help="Several are proposed month by month."
    )
    cheque_number = fields.Char()
    cheque_date = fields.Date(
        string="Date of the Cheque",
        default=fields.Date.context_today,
        help="A later day: it is kept, and nothing is booked before it is deposited.",
    )
    cheque_line_ids = fields.One2many(
        "omni.billing.cheque.line",
        "wizard_id",
        string="Cheques",
        compute="_compute_cheque_line_ids",
        store=True,
        readonly=False,
        precompute=True,
    )

    # === COMPUTE METHODS === #

    @api.depends("mode", "cheque_count", "cheque_number", "cheque_date", "amount")
    def _compute_cheque_line_ids(self):
        """Propose numbers in a row, months and equal amounts: the last has the cents"""
        for wizard in self:
            lines, rest = [Command.clear()], wizard.amount
            count = max(1, min(wizard.cheque_count, MAX_CHEQUES))
            for index in range(count if wizard.mode == "cheque" else 0):
                share = rest
                if index < count - 1:
                    share = float_round(
                        wizard.amount / count,
                        precision_rounding=wizard.currency_id.rounding,
                        rounding_method="DOWN",
                    )
                rest = wizard.currency_id.round(rest - share)
                lines.append(
                    Command.create(
                        {
                            "number": wizard._propose_number(index),
                            "date": wizard._propose_date(index),
                            "amount": share,
                        }
                    )
                )
            wizard.cheque_line_ids = lines

    def _propose_number(self, index):
        """Return the number of a cheque, counted on from the first one."""
        first = (self.cheque_number or "").strip()
        digits = re.search(r"[0-9]+$", first)
        if not index or not digits:
            return first if not index else False
        number = str(int(digits.group()) + index).zfill(len(digits.group()))
        return first[: digits.start()] + number

    def _propose_date(self, index):
        if not self.cheque_date:
            return False
        return Recurrence(self.cheque_date, "month").get_whole(index).first

    # === BUSINESS METHODS === #

    def _get_amount(self):
        """Override: what the cheques come to."""
        if self.mode != "cheque":
            return super()._get_amount()
        return self.currency_id.round(sum(self.cheque_line_ids.mapped("amount")))

    def _pay(self):
        """Override: a cheque is one customer's."""
        if self.mode == "cheque" and self.is_together:
            raise UserError(
                self.env._("Take the cheques of one customer after the other.")
            )
        return super()._pay()

    def _take_cheques(self):
        """Take them, see `omni.billing.cheque._take`."""
        cheques = self.env["omni.billing.cheque"]._take(
            self.invoice_ids,
            [
                ((line.number or "").strip(), line.date, line.amount)
                for line in self.cheque_line_ids
            ],
        )
        self._keep_ref(payment_id=cheques.payment_id[:1].id)
        if self.installment_id:
            self._settle_expected(cheques)

    def _settle_expected(self, cheques):
        """Write that the payment that was expected has come, or is a cheque now."""
        booked = sum(cheques.filtered("payment_id").mapped("amount"))
        if booked:
            self.installment_id._note_money(booked)
        # sudo: scheduled payments are internal.
        expected = self.sudo().installment_id
        if expected.charge_state != "paid":
            numbers = ", ".join(cheques.mapped("number"))
            expected._give_up(self.env._("It is paid by cheque: %s", numbers))

    def _describe_cheques(self, names):
        """Return the action that tells which cheques were taken."""
        today = fields.Date.context_today(self)
        later = self.cheque_line_ids.filtered(lambda line: line.date > today)
        message = self.env._(
            "Cheques taken for %(invoices)s: %(count)s. Paid: %(paid)s. Kept until"
            " their day: %(kept)s.",
            invoices=names,
            count=len(self.cheque_line_ids),
            paid=format_amount(
                self.env,
                sum((self.cheque_line_ids - later).mapped("amount")),
                self.currency_id,
            ),
            kept=format_amount(self.env, sum(later.mapped("amount")), self.currency_id),
        )
        return notice(message, after=close())


class OmniBillingChequeLine(models.TransientModel):
    """A cheque that is about to be taken (F151)."""

    _name = "omni.billing.cheque.line"
    _inherit = "omni.billing.dialog.mixin"
    _description = "Cheque to Take"
    _order = "date, id"

    wizard_id = fields.Many2one(
        "omni.billing.payment.wizard", required=True, index=True, ondelete="cascade"
    )
    currency_id = fields.Many2one(related="wizard_id.currency_id")
    number = fields.Char(string="Cheque Number")
    date = fields.Date(required=True)
    amount = fields.Monetary(required=True)
