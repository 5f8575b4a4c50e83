from odoo import api, models
from odoo.exceptions import UserError

from ...const import BILLED_TYPES
from ...tools.values import check_new, check_values
from ...tools.write_guard import is_trusted, without_defaults

#: They say where a transaction stands.
STATE_FIELDS = {
    "state",
    "invoice_id",
    "is_free",
    "is_refund",
    "payment_id",
    "partial_id",
    "payment_reference",
    "cancels_id",
    "void_reason",
    "void_date",
    "void_user_id",
    "tax_percentage",
    "amount_untaxed",
    "tax_amount",
    "amount_total",
    "commercial_partner_id",
    "participant_id",
    "period_start",
    "period_end",
    "service_part",
    *("report_state", "report_text", "report_date", "report_user_id", "report_answer"),
}
#: What a person may edit while the transaction is unbilled.
ENTERED_FIELDS = {
    "name",
    "description",
    "transaction_type",
    "credit_type_id",
    "partner_id",
    "payer_id",
    "company_id",
    "currency_id",
    "date",
    "time_of_day",
    "is_hidden",
    "internal_note",
    "retail_cost",
    "quantity",
    "uom_id",
    "price_unit",
    "tax_included",
    "tax_ids",
    "product_id",
    "service_id",
    "site_id",
    "customer_reference",
    "analytic_distribution",
    "external_ref",
}
#: What stays editable on an unbilled credit: a wrong credit is voided, or balanced by
#: another one, so that its history can be read (F28).
CREDIT_EDITABLE_FIELDS = {
    *("name", "description", "date", "service_id", "payer_id"),
    *("time_of_day", "is_hidden", "internal_note"),
    *("site_id", "customer_reference", "analytic_distribution"),
}
#: What is no matter of money, and may be told after the invoice (F183).
ALWAYS_EDITABLE_FIELDS = {"site_id", "analytic_distribution"}


class OmniBillingTransaction(models.Model):
    """What may be entered, edited and deleted, and what never by hand."""

    _name = "omni.billing.transaction"
    _inherit = ["omni.billing.transaction", "omni.billing.guard.mixin"]

    @api.model_create_multi
    def create(self, vals_list):
        # Without the record that a copy is made of, whose price is not theirs.
        model = self.browse()
        kind = self.env.context.get("default_transaction_type")
        if kind and kind not in BILLED_TYPES:
            # A list of payments has it in its context, and what is created from there
            # is none, whoever writes it.
            model = without_defaults(model, {"transaction_type"})
        if not is_trusted(self.env):
            check_new(model, vals_list)
            model._check_not_payments(vals_list)
        model, vals_list = model._billing_guard_create(vals_list)
        vals_list = [model._add_price_defaults(vals) for vals in vals_list]
        if not is_trusted(self.env):
            model._check_amounts(vals_list)
            model._check_entered_prices(vals_list)
        vals_list = [model._complete_price(vals) for vals in vals_list]
        transactions = super(OmniBillingTransaction, model).create(vals_list)
        transactions._mark_customers()
        self.env["omni.billing.activity.log"]._log_transactions(
            lambda transaction: transaction._get_added_action(), transactions
        )
        return transactions

    def write(self, vals):
        if not is_trusted(self.env):
            check_values(self, vals)
            self._check_write_values(vals)
        if {"retail_cost", "currency_id", "quantity", "price_unit"} & vals.keys():
            self._check_written_amounts(vals)
        vals = self._complete_price(vals)
        entered = ENTERED_FIELDS & vals.keys()
        before = self._describe_entered(entered)
        result = super().write(vals)
        if entered:
            self._log_edited(before, self._describe_entered(entered))
        return result

    def unlink(self):
        self.env["omni.billing.activity.log"]._log_transactions(
            "transaction_deleted", self
        )
        return super().unlink()

    @api.ondelete(at_uninstall=False)
    def _unlink_except_billed(self):
        for transaction in self:
            if transaction.transaction_type == "payment":
                raise UserError(
                    self.env._(
                        "“%(title)s” records money that was received. Cancel the"
                        " payment instead.",
                        title=transaction.name,
                    )
                )
            if transaction.state != "unbilled":
                raise UserError(
                    self.env._(
                        "“%(title)s” is %(state)s and stays in the customer's file.",
                        title=transaction.name,
                        state=transaction._get_state_label().lower(),
                    )
                )
            if transaction.transaction_type == "credit":
                raise UserError(
                    self.env._(
                        "“%(title)s” is a credit: void it, or balance it with a"
                        " charge, so that the customer's file stays complete.",
                        title=transaction.name,
                    )
                )

    def _get_added_action(self):
        self.ensure_one()
        if self.transaction_type != "payment":
            return "transaction_added"
        return "refunded" if self.is_refund else "paid"

    def _describe_entered(self, names):
        """Return what was entered, by the label of the field, for each transaction."""
        descriptions = {}
        for transaction in self if names else ():
            descriptions[transaction] = {
                name: transaction._describe_value(name) for name in sorted(names)
            }
        return descriptions

    def _describe_value(self, name):
        if name == "analytic_distribution":
            return self._describe_distribution()
        if self._fields[name].relational:
            return ", ".join(self[name].mapped("display_name"))
        return self[name]

    def _log_edited(self, before, after):
        """Write what was changed, and from what to what (F10)."""
        Log = self.env["omni.billing.activity.log"]
        for changes, transactions in self.grouped(
            lambda t: tuple(
                self.env._(
                    "%(field)s: %(old)s → %(new)s",
                    field=self._fields[name]._description_string(self.env),
                    old=old or "",
                    new=after[t][name] or "",
                )
                for name, old in before[t].items()
                if old != after[t][name]
            )
        ).items():
            if changes:
                Log._log_transactions(
                    "transaction_edited", transactions, note="\n".join(changes)
                )

    def _mark_customers(self):
        """Who has a transaction is a customer, for Odoo's lists of customers too."""
        # sudo: staff enter transactions of partners they may not edit.
        partners = (self.partner_id | self.commercial_partner_id).sudo()
        if new := partners.filtered(lambda partner: not partner.customer_rank):
            new.customer_rank = 1

    # === CHECKS === #

    @api.model
    def _billing_get_state_fields(self):
        """Override: where a transaction stands, and what it comes to."""
        return super()._billing_get_state_fields() | STATE_FIELDS

    def _check_not_payments(self, vals_list):
        for vals in vals_list:
            if vals.get("transaction_type", "charge") not in BILLED_TYPES:
                raise UserError(
                    self.env._(
                        "Payments are entered on invoices: open the invoice and press"
                        " Pay Invoice."
                    )
                )

    def _check_write_values(self, vals):
        self._billing_guard_write(vals)
        entered = ENTERED_FIELDS & vals.keys()
        if not entered:
            return
        if vals.get("transaction_type", "charge") not in BILLED_TYPES:
            raise UserError(
                self.env._("A charge or a credit cannot be turned into a payment.")
            )
        for transaction in self:
            if transaction.state != "unbilled" and entered - ALWAYS_EDITABLE_FIELDS:
                raise UserError(
                    self.env._(
                        "“%(title)s” is %(state)s and can no longer be edited. To"
                        " correct it, void its invoice first, or add a credit.",
                        title=transaction.name,
                        state=transaction._get_state_label().lower(),
                    )
                )
            if transaction.transaction_type == "credit" and (
                locked := entered - CREDIT_EDITABLE_FIELDS
            ):
                raise UserError(
                    self.env._(
                        "“%(title)s” is a credit: its %(fields)s cannot be edited."
                        " Void it and enter a new one.",
                        title=transaction.name,
                        fields=self._billing_list_labels(locked),
                    )
                )
