from collections import defaultdict

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import format_list

from ...const import BILLING_MOVE_TYPES
from ...tools.action import open_dialog, open_list
from ...tools.notice import notice, reload
from ...tools.numbers import format_amount


class ResPartner(models.Model):
    _inherit = "res.partner"

    billing_transaction_ids = fields.One2many(
        "omni.billing.transaction",
        "commercial_partner_id",
        string="Billing Transactions",
        groups="omni_billing.omni_billing_group_user",
    )
    billing_invoice_ids = fields.One2many(
        "account.move",
        "commercial_partner_id",
        string="Billing Invoices",
        domain=[("move_type", "in", BILLING_MOVE_TYPES)],
        groups="omni_billing.omni_billing_group_user",
    )
    billing_currency_id = fields.Many2one(
        "res.currency",
        compute="_compute_billing_currency_id",
        groups="omni_billing.omni_billing_group_user",
    )
    billing_unbilled_amount = fields.Monetary(
        string="Unbilled",
        currency_field="billing_currency_id",
        compute="_compute_billing_unbilled_amount",
        groups="omni_billing.omni_billing_group_user",
        help="Charges less credits that are on no invoice yet, taxes included.",
    )
    billing_due_amount = fields.Monetary(
        string="Unpaid",
        currency_field="billing_currency_id",
        compute="_compute_billing_amounts",
        groups="omni_billing.omni_billing_group_user",
        help="What is left to pay on invoices.",
    )
    billing_credit_amount = fields.Monetary(
        string="Credit on File",
        currency_field="billing_currency_id",
        compute="_compute_billing_amounts",
        groups="omni_billing.omni_billing_group_user",
        help="Credit notes and payments that are not used yet.",
    )
    billing_credit_elsewhere_amount = fields.Monetary(
        string="Credit on Another Account",
        currency_field="billing_currency_id",
        compute="_compute_billing_amounts",
        groups="omni_billing.omni_billing_group_user",
        help="Not used yet, and on a receivable account that the unpaid invoices are"
        " not on, as of before the account of the customer was changed. Accounting"
        " moves it with an entry; or it is given back.",
    )

    billing_paid_amount = fields.Monetary(
        string="Billed and Paid",
        currency_field="billing_currency_id",
        compute="_compute_billing_paid_amount",
        groups="omni_billing.omni_billing_group_user",
        help="The invoices that are paid.",
    )

    def _billing_has_logins(self):
        """Whether somebody logs in as one of these, or as a contact of theirs."""
        # sudo: not everybody who writes contacts reads users.
        users = self.env["res.users"].sudo().with_context(active_test=False)
        return bool(
            self and users.search_count([("partner_id", "child_of", self.ids)], limit=1)
        )

    def write(self, vals):
        """Override of `base`: whose reminders are paused is in the history."""
        # Odoo takes some out on the way.
        is_moved = {"type", "parent_id", "is_company"} & vals.keys()
        result = super().write(vals)
        if is_moved and self._billing_has_logins():
            # Access rules, which ask who is an invoice contact of whom, are kept in
            # memory.
            self.env.registry.clear_cache()
        if "billing_reminders_paused" in vals:
            paused = vals["billing_reminders_paused"]
            self.env["omni.billing.activity.log"]._log(
                [
                    {
                        "action": "reminders_paused" if paused else "reminders_resumed",
                        "company": self.env.company,
                        "customer": partner.commercial_partner_id,
                        "name": partner.display_name,
                    }
                    for partner in self
                ]
            )
        return result

    @api.depends_context("company")
    def _compute_billing_paid_amount(self):
        company = self.env.company
        customers = self.commercial_partner_id
        paid = dict(
            self.env["account.move"]._read_group(
                Domain("commercial_partner_id", "in", customers.ids)
                & Domain("company_id", "=", company.id)
                & Domain("move_type", "=", "out_invoice")
                & Domain("billing_state", "=", "paid"),
                ["commercial_partner_id"],
                ["amount_total_signed:sum"],
            )
        )
        for partner in self:
            customer = partner.commercial_partner_id
            partner.billing_paid_amount = paid.get(customer, 0.0)

    @api.depends_context("company")
    def _compute_billing_currency_id(self):
        self.billing_currency_id = self.env.company.currency_id

    @api.depends_context("company")
    def _compute_billing_unbilled_amount(self):
        """Compute what whole customers used, in the company's currency of today."""
        unbilled = self.commercial_partner_id._billing_read_unbilled(self.env.company)
        for partner in self:
            customer = partner.commercial_partner_id
            partner.billing_unbilled_amount = unbilled.get(customer, 0.0)

    @api.depends_context("company")
    def _compute_billing_amounts(self):
        """Compute the balances of whole customers: all contacts of a company count.

        In the company's currency, as the books have it.
        """
        customers = self.commercial_partner_id
        due = {customer: defaultdict(float) for customer in customers}
        credit = {customer: defaultdict(float) for customer in customers}
        for customer, is_due, account, amount in self._billing_read_open_amounts(
            customers
        ):
            (due if is_due else credit)[customer][account] += amount
        for partner in self:
            customer = partner.commercial_partner_id
            owed, left = due.get(customer, {}), credit.get(customer, {})
            # Odoo sets only items of one account against each other.
            elsewhere = -sum(
                amount
                for account, amount in left.items()
                if owed and account not in owed
            )
            partner.billing_due_amount = sum(owed.values())
            partner.billing_credit_amount = -sum(left.values()) - elsewhere
            partner.billing_credit_elsewhere_amount = elsewhere

    @api.model
    def _billing_read_open_amounts(self, customers):
        """Yield (customer, whether owed, account, signed amount) of receivable lines
        that are open."""
        Line = self.env["account.move.line"]
        domain = (
            Domain("company_id", "=", self.env.company.id)
            # Entries of an accountant may name a contact.
            & Domain("partner_id", "in", customers._billing_list_contact_ids())
            & Domain("account_id", "in", self._billing_list_receivable_ids())
            & Domain("parent_state", "=", "posted")
            & Domain("reconciled", "=", False)
        )
        for is_due in (True, False):
            for customer, account, amount in Line._read_group(
                domain & Domain("balance", ">" if is_due else "<", 0),
                ["partner_id", "account_id"],
                ["amount_residual:sum"],
            ):
                yield customer.commercial_partner_id, is_due, account, amount

    def _billing_list_contact_ids(self):
        """Return the ids of all contacts of main customers, archived ones too.

        Asked for apart, so that the database knows how few they are.
        """
        # sudo: what is open with a contact is of the customer, whoever may see it.
        contacts = self.sudo().with_context(active_test=False)
        return list(contacts._search(Domain("commercial_partner_id", "in", self.ids)))

    @api.model
    def _billing_list_receivable_ids(self):
        """Return the ids of the accounts that customers owe on."""
        # sudo: who reads balances need not read accounts.
        Account = self.env["account.account"].sudo().with_context(active_test=False)
        return list(Account._search(Domain("account_type", "=", "asset_receivable")))

    # === ACTION METHODS === #

    def action_billing_add_transaction(self):
        """Open the dialog that adds a charge or a credit (F13)."""
        self.ensure_one()
        kind = self.env.context.get("billing_transaction_type", "charge")
        return self.env["omni.billing.transaction"]._open_entry(self, kind)

    def action_billing_pay_all(self):
        """Open the payment dialog on all unpaid invoices of the customer (F152)."""
        return self._billing_find_unpaid().action_billing_pay()

    def action_billing_refund_credit(self):
        """Open the dialog that gives credit on file back (F176)."""
        self.ensure_one()
        if self.billing_credit_amount + self.billing_credit_elsewhere_amount <= 0:
            raise UserError(
                self.env._(
                    "There is no credit on file to give back. Create a credit first,"
                    " and put it on a credit note."
                )
            )
        context = {"default_partner_id": self.commercial_partner_id.id}
        title = self.env._("Record a Refund")
        return open_dialog("omni.billing.refund.wizard", title, context)

    def action_billing_reconcile(self):
        """Use the customer's credit for unpaid invoices, the oldest first (F152).

        :return: a notice of what was used on which invoices.
        """
        self.ensure_one()
        # Who may open the payment dialog may do this, too.
        self.env["omni.billing.payment.wizard"].check_access("create")
        used = [
            format_amount(self.env, amount, currency)
            for currency, amount in self._billing_reconcile().items()
        ]
        message = (
            self.env._(
                "Credit used for unpaid invoices: %(amounts)s.",
                amounts=format_list(self.env, used),
            )
            if used
            else self._billing_explain_no_credit()
        )
        return notice(message, "success" if used else "info", after=reload())

    def _billing_explain_no_credit(self):
        """Return why nothing could be used, and what helps."""
        elsewhere = self.billing_credit_elsewhere_amount
        if self.billing_currency_id.is_zero(elsewhere):
            return self.env._("There is no credit that an unpaid invoice can use.")
        return self.env._(
            "%(amount)s of credit is on another receivable account than the unpaid"
            " invoices, so no invoice can use it. Have accounting move it with an entry"
            " between both accounts, or give it back.",
            amount=format_amount(self.env, elsewhere, self.billing_currency_id),
        )

    def action_billing_activity(self):
        """Open the history of the customer (F10)."""
        self.ensure_one()
        domain = [("commercial_partner_id", "=", self.commercial_partner_id.id)]
        return open_list(self.env, "omni_billing_activity_log_action", domain)

    def action_billing_transactions(self):
        """Open all transactions of the customer; the filter is in the context."""
        self.ensure_one()
        domain = [("commercial_partner_id", "=", self.commercial_partner_id.id)]
        context = self._billing_get_list_context()
        return open_list(self.env, "omni_billing_transaction_action", domain, context)

    def action_billing_invoices(self):
        """Open all invoices of the customer."""
        self.ensure_one()
        domain = [
            ("move_type", "in", BILLING_MOVE_TYPES),
            ("commercial_partner_id", "=", self.commercial_partner_id.id),
        ]
        context = self._billing_get_list_context()
        return open_list(self.env, "account_move_action_billing", domain, context)

    def _billing_get_list_context(self):
        context = {"default_partner_id": self.id}
        if name := self.env.context.get("billing_filter"):
            context[f"search_default_{name}"] = 1
        return context
