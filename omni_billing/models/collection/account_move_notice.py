from odoo import fields, models
from odoo.fields import Domain


class AccountMove(models.Model):
    """What a customer is told of a debit before it (W33)."""

    _inherit = "account.move"

    def _billing_tells_of_debits(self):
        """Whether the e-mail of an invoice can be the notice of its debit.

        Templates of others, and those of before, say nothing of it.
        """
        self.ensure_one()
        # sudo: templates are an administrator's.
        template = self._billing_get_mail_template("invoice").sudo()
        body = template.with_context(lang=self.partner_id.lang).body_html or ""
        return (
            self._billing_get_ways("invoice") == [""]
            and not self._billing_get_mailjet_template("invoice")
            and "_billing_get_notice()" in body
        )

    def _billing_get_notice(self):
        """Return what the notice of a debit says, in the reader's language.

        :return: ``amount`` (in the currency of the invoice), ``date``, ``account``,
            ``mandate``, and ``is_to_come``: whether it still holds.
        :rtype: dict
        """
        self.ensure_one()
        # sudo: the customer is told, whoever sends it.
        notices = self.env["omni.billing.mail"].sudo()
        found = Domain("move_id", "=", self.id) & Domain("notice_token_id", "!=", False)
        # That which is written now; the latest, where the text is only looked at.
        if one := self.env.context.get("billing_notice_id"):
            found &= Domain("id", "=", one)
        notice = notices.search(found, order="id desc", limit=1)
        account = notice.notice_token_id
        date = notice._get_debit_date() if notice else False
        today = notice._get_day(fields.Datetime.now())
        return {
            "amount": notice.notice_amount,
            "date": date,
            "is_to_come": bool(date) and date >= today and notice._is_awaited(),
            "account": account.display_name or "",
            "mandate": account._billing_name_mandate() if account else "",
        }
