from odoo import models
from odoo.exceptions import LockError, UserError
from odoo.tools import format_list

from ...tools.numbers import format_amount


class AccountMove(models.Model):
    """What may still be charged: one answer, for whoever asks (W22).

    Staff, jobs, the portal, Odoo's own form, its dialogs and its saved cards: each asks
    here, under the lock on the invoices, before money moves.
    """

    _inherit = "account.move"

    def _billing_get_chargeable_amount(self, but=None):
        """Return what may still be charged of these invoices, of one currency.

        What is owed, less what was paid and is not booked yet, less what is held, or
        on its way, or may be. Hook.

        :param but: the `payment.transaction` that asks, if it is one.
        :return: with taxes, never less than zero.
        :rtype: float
        """
        due = sum(invoice._billing_get_due_amount() for invoice in self)
        return self.currency_id.round(max(0.0, due))

    def _billing_get_due_amount(self):
        """Return what the books say is owed of one invoice.

        A draft that somebody is sent to pay is posted once it is paid, as Odoo does.
        """
        self.ensure_one()
        if self.state == "cancel" or not self.is_inbound(include_receipts=True):
            return 0.0
        # Of a draft, too: one that was posted may be paid in part, and stays so.
        return self.amount_residual

    def _billing_check_amount(self, amount, but=None):
        """Check that so much may be charged now; the invoices are locked.

        :param float amount: with taxes, in the currency of the invoices.
        :param but: as in `_billing_get_chargeable_amount`.
        :raise UserError: if not; its cause is a `LockError` if that may pass.
        """
        currency = self.currency_id
        due = sum(invoice._billing_get_due_amount() for invoice in self)
        left = self._billing_get_chargeable_amount(but)
        names = {
            "left": format_amount(self.env, left, currency),
            "due": format_amount(self.env, due, currency),
            "invoices": format_list(self.env, self.mapped("display_name")),
        }
        if not 0 < currency.round(amount) or currency.compare_amounts(amount, due) > 0:
            raise UserError(
                self.env._(
                    "The amount has to be more than zero and at most the %(due)s owed.",
                    **names,
                )
            )
        if currency.compare_amounts(amount, left) > 0:
            raise UserError(
                self.env._(
                    "Of the %(due)s owed for %(invoices)s only %(left)s can be paid"
                    " now: the rest was paid online, or is being paid, and is not"
                    " booked yet. Nothing was changed: look again in a few minutes.",
                    **names,
                )
            ) from LockError(self.env._("A payment is under way."))
