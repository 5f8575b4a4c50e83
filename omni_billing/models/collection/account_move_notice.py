from odoo import models
from odoo.fields import Domain


class AccountMove(models.Model):
    """What a customer is told of a debit before it (W33)."""

    _inherit = "account.move"

    def _billing_get_notice(self):
        """Return what the notice of a debit says, in the reader's language.

        :return: ``amount`` (in the currency of the invoice), ``date``, ``account`` and
            ``mandate``.
        :rtype: dict
        """
        self.ensure_one()
        # sudo: the customer is told, whoever sends it.
        notices = self.env["omni.billing.mail"].sudo()
        notice = notices.search(
            Domain("move_id", "=", self.id) & Domain("kind", "=", "notice"),
            order="id desc",
            limit=1,
        )
        account = notice.notice_token_id
        return {
            "amount": notice.notice_amount,
            "date": notice._get_debit_date() if notice else False,
            "account": account.display_name or "",
            "mandate": account._billing_name_mandate() if account else "",
        }
