from odoo import api, fields, models
from odoo.exceptions import LockError, UserError
from odoo.fields import Domain
from odoo.tools import format_date

from ...const import BILLED_TYPES
from ...tools.action import open_dialog
from ...tools.values import check_text
from ...tools.write_guard import trust


class OmniBillingTransaction(models.Model):
    """Where a transaction stands: unbilled, invoiced, void, and what leads there."""

    _inherit = "omni.billing.transaction"

    status = fields.Selection(
        [
            ("unbilled", "Unbilled"),
            ("invoiced", "Invoiced"),
            ("void", "Void"),
            ("payment", "Payment"),
            ("refund", "Paid Back"),
            ("adjustment", "Adjustment"),
        ],
        string="Shown As",
        compute="_compute_status",
        help="What was booked was not invoiced.",
    )

    @api.depends("state", "transaction_type", "is_refund")
    def _compute_status(self):
        for transaction in self:
            kind = transaction.transaction_type
            if kind in BILLED_TYPES or transaction.state == "void":
                kind = transaction.state
            is_refund = kind == "payment" and transaction.is_refund
            transaction.status = "refund" if is_refund else kind

    def _order_field_to_sql(self, alias, field_name, direction, nulls, query):
        """Override of the ORM: a list is sorted by where transactions stand."""
        name = "state" if field_name == "status" else field_name
        return super()._order_field_to_sql(alias, name, direction, nulls, query)

    # === ACTION METHODS === #

    def action_void(self, reason=None):
        """Take unbilled transactions out of the balance; they stay findable (F17).

        :param str reason: why, shown in the customer's file.
        :raise UserError: if one is invoiced, void or a payment.
        """
        check_text(self.env, reason)
        self._lock_unbilled()
        self._set_void(reason=reason)
        return True

    def action_mark_free(self):
        """Give charges to the customer: they leave the balance for good (F35).

        :raise UserError: if one is not an unbilled charge.
        """
        if not_charges := self.filtered(lambda t: t.transaction_type != "charge"):
            raise UserError(
                self.env._(
                    "Only a charge can be free; “%(title)s” is not one. Void it"
                    " instead.",
                    title=not_charges[0].name,
                )
            )
        self._lock_unbilled()
        self._set_void(reason=self.env._("Free of charge"), is_free=True)
        return True

    def action_add_another(self):
        """Keep what was entered, and enter another one for the same customer.

        :return: the action that opens the dialog anew.
        """
        self.ensure_one()
        return self._open_entry(self.partner_id, self.transaction_type, self.date)

    @api.model
    def _open_entry(self, partner, kind, date=None):
        """Return the action that opens the dialog for a charge or a credit (F13).

        :param partner: the customer.
        :param str kind: ``charge`` or ``credit``.
        :param date: its day; today if none is given.
        """
        title = self.env._("Add a Transaction")
        context = {"default_partner_id": partner.id, "default_transaction_type": kind}
        if kind == "credit":
            title = self.env._("Create a Credit")
            # The first one is proposed: managers have their usual one there.
            mine = [("company_id", "in", (False, self.env.company.id))]
            types = self.env["omni.billing.credit.type"].search(mine, limit=1)
            context["default_credit_type_id"] = types.id
        if date:
            context["default_date"] = fields.Date.to_string(date)
        view = self.env.ref("omni_billing.omni_billing_transaction_view_form_entry")
        return open_dialog(self._name, title, context, view_id=view.id)

    def action_open_void_wizard(self):
        title = self.env._("Void Transactions")
        if len(self) == 1:
            title = self.env._("Void Transaction")
        context = {"default_transaction_ids": self.ids}
        return open_dialog("omni.billing.void.wizard", title, context)

    def _before_follow(self):
        """Override: what is billed stays with whom it was billed to; and it is told."""
        self._lock_unbilled()
        for transaction in self._find_left_behind():
            self.env["omni.billing.activity.log"]._log_transactions(
                "transaction_edited",
                transaction,
                note=self.env._(
                    "%(field)s: %(old)s → %(new)s",
                    field=self._fields["commercial_partner_id"]._description_string(
                        self.env
                    ),
                    old=transaction.commercial_partner_id.display_name,
                    new=transaction.partner_id.commercial_partner_id.display_name,
                ),
            )

    # === BUSINESS METHODS === #

    @api.model
    def _get_billable_domain(
        self,
        company,
        partner=None,
        date_start=None,
        date_end=None,
        filter_text=None,
        currency=None,
    ):
        """Return what may go on an invoice. Hook: narrow it to hold charges back.

        What the customer reported is held until somebody answered (F58).

        :param company: the company that bills.
        :param partner: the customer; all contacts of its commercial entity count.
        :param date_start: first billing date, included; none means no bound.
        :param date_end: last billing date, included; none means no bound.
        :param str filter_text: text in the title or description (F55).
        :param currency: of the transactions.
        :rtype: Domain
        """
        domain = Domain("state", "=", "unbilled") & Domain(
            "company_id", "=", company.id
        )
        domain &= Domain("report_state", "!=", "open")
        if partner:
            domain &= Domain(
                "commercial_partner_id", "=", partner.commercial_partner_id.id
            )
        if date_start:
            domain &= Domain("date", ">=", date_start)
        if date_end:
            domain &= Domain("date", "<=", date_end)
        if currency:
            domain &= Domain("currency_id", "=", currency.id)
        if filter_text:
            domain &= Domain("name", "ilike", filter_text) | Domain(
                "description", "ilike", filter_text
            )
        return domain

    def _lock_unbilled(self):
        """Lock the rows and make sure that they are still unbilled.

        Odoo's transactions are repeatable reads: if somebody billed a row since ours
        began, taking the lock fails with a serialization error, Odoo runs the request
        again, and it is then that the message below is given.
        """
        self.check_access("write")
        try:
            # Rows that only refer to these, as a colleague's preview does, are no
            # reason to wait.
            self.lock_for_update(allow_referencing=True)
        except LockError as error:
            raise UserError(
                self.env._(
                    "Someone else is working on these transactions right now. Nothing"
                    " was changed: try again in a moment."
                )
            ) from error
        self.invalidate_recordset(["state", "invoice_id"])
        if taken := self.exists().filtered(lambda t: t.state != "unbilled"):
            raise UserError(
                self.env._(
                    "Nothing was changed, because these transactions are no longer"
                    " unbilled:\n%(transactions)s",
                    transactions="\n".join(
                        transaction._describe_state() for transaction in taken[:10]
                    ),
                )
            )
        if missing := self - self.exists():
            raise UserError(
                self.env._(
                    "Nothing was changed, because some of these transactions were"
                    " deleted meanwhile (%(count)s). Reload the page.",
                    count=len(missing),
                )
            )

    def _set_void(self, reason=None, is_free=False):
        trust(self).write(
            {
                "state": "void",
                "is_free": is_free,
                "void_reason": reason,
                "void_date": fields.Datetime.now(),
                "void_user_id": self.env.uid,
            }
        )
        self.env["omni.billing.activity.log"]._log_transactions(
            lambda transaction: (
                "payment_canceled"
                if transaction.transaction_type == "payment"
                else "transaction_free"
                if is_free
                else "transaction_voided"
            ),
            self,
            note=reason,
        )

    # === HELPERS === #

    def _get_state_label(self):
        self.ensure_one()
        labels = dict(self._fields["state"]._description_selection(self.env))
        return labels[self.state]

    def _describe_state(self):
        """Write where the transaction stands, for an error message."""
        self.ensure_one()
        if self.invoice_id:
            return self.env._(
                "%(title)s (%(date)s): on invoice %(invoice)s",
                title=self.name,
                date=format_date(self.env, self.date),
                invoice=self.invoice_id.display_name,
            )
        return self.env._(
            "%(title)s (%(date)s): %(state)s",
            title=self.name,
            date=format_date(self.env, self.date),
            state=self._get_state_label(),
        )
