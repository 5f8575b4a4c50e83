from odoo import Command, api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import format_amount, format_date, format_list, plaintext2html

from ..tools.periods import format_period


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
        domain=[("move_type", "in", ("out_invoice", "out_refund"))],
        groups="omni_billing.omni_billing_group_user",
    )
    billing_template_id = fields.Many2one(
        "omni.billing.template",
        string="Invoice Template",
        # Whoever duplicates a contact reads and writes all that is copied.
        copy=False,
        groups="omni_billing.omni_billing_group_user",
        help="Empty: the template of the customer's language.",
    )
    billing_currency_id = fields.Many2one(
        "res.currency",
        compute="_compute_billing_amounts",
        groups="omni_billing.omni_billing_group_user",
    )
    billing_unbilled_amount = fields.Monetary(
        string="Unbilled",
        currency_field="billing_currency_id",
        compute="_compute_billing_amounts",
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

    billing_paid_amount = fields.Monetary(
        string="Billed and Paid",
        currency_field="billing_currency_id",
        compute="_compute_billing_paid_amount",
        groups="omni_billing.omni_billing_group_user",
        help="The invoices that are paid.",
    )

    billing_reminders_paused = fields.Boolean(
        string="Reminders Paused",
        copy=False,
        groups="account.group_account_invoice,account.group_account_readonly",
        help="Neither reminded of any invoice, nor charged a late fee.",
    )

    billing_is_unconfirmed = fields.Boolean(
        string="Address to Confirm",
        readonly=True,
        copy=False,
        groups="account.group_account_invoice,account.group_account_readonly",
        help="A contact of the customer entered this e-mail address in the portal."
        " Invoices do not go there before it is confirmed.",
    )

    @api.model_create_multi
    def create(self, vals_list):
        """Override of `base`: who adds an address does not divert the invoices."""
        partners = super().create(vals_list)
        partners._billing_hold_addresses({})
        return partners

    def write(self, vals):
        """Override of `base`: whose reminders are paused is in the history."""
        before = {}
        if {"email", "type", "parent_id"} & set(vals) and self.env.user._is_portal():
            # sudo: customers do not read each contact of theirs.
            before = {partner: partner.email_normalized for partner in self.sudo()}
        result = super().write(vals)
        if before:
            self._billing_hold_addresses(before)
        if {"type", "parent_id"} & set(vals) and self.user_ids:
            # Access rules, which ask who is an invoice contact, are kept in memory.
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
    def _compute_billing_amounts(self):
        """Compute the balances of whole customers: all contacts of a company count.

        Amounts are in the company's currency; those in other currencies are converted
        at today's rate.
        """
        company = self.env.company
        currency = company.currency_id
        customers = self.commercial_partner_id
        unbilled = dict.fromkeys(customers, 0.0)
        for customer, unit, amount in self.env["omni.billing.transaction"]._read_group(
            Domain("state", "=", "unbilled")
            & Domain("company_id", "=", company.id)
            & Domain("commercial_partner_id", "in", customers.ids),
            ["commercial_partner_id", "currency_id"],
            ["amount_total:sum"],
        ):
            unbilled[customer] += unit._convert(amount, currency, company)
        due, credit = dict.fromkeys(customers, 0.0), dict.fromkeys(customers, 0.0)
        for customer, is_due, amount in self._billing_read_open_amounts(customers):
            (due if is_due else credit)[customer] += amount
        for partner in self:
            customer = partner.commercial_partner_id
            partner.billing_currency_id = currency
            partner.billing_unbilled_amount = unbilled.get(customer, 0.0)
            partner.billing_due_amount = due.get(customer, 0.0)
            partner.billing_credit_amount = -credit.get(customer, 0.0)

    @api.model
    def _billing_read_open_amounts(self, customers):
        """Yield (customer, whether owed, signed amount) of open receivable lines."""
        Line = self.env["account.move.line"]
        domain = (
            Domain("company_id", "=", self.env.company.id)
            & Domain("partner_id", "in", customers.ids)
            & Domain("account_type", "=", "asset_receivable")
            & Domain("parent_state", "=", "posted")
            & Domain("reconciled", "=", False)
        )
        for is_due in (True, False):
            for customer, amount in Line._read_group(
                domain & Domain("balance", ">" if is_due else "<", 0),
                ["partner_id"],
                ["amount_residual:sum"],
            ):
                yield customer, is_due, amount

    def address_get(self, adr_pref=None):
        """Override of `base`: an address to confirm is on no invoice."""
        result = super().address_get(adr_pref)
        chosen = self.browse(result.get("invoice"))
        # sudo: whoever makes an invoice asks, with or without rights on billing.
        if chosen.sudo().billing_is_unconfirmed:
            customer = chosen.commercial_partner_id
            contacts = customer._billing_find_contacts()
            result["invoice"] = (contacts[:1] or customer).id
        return result

    # === BUSINESS METHODS - ADDRESSES === #

    def _billing_find_contacts(self):
        """Return the invoice contacts of a customer, in sudo, the first one first."""
        # sudo: whoever may send an invoice may reach its contacts.
        return self.sudo().search(
            Domain("commercial_partner_id", "=", self.commercial_partner_id.id)
            & Domain("type", "=", "invoice")
            & Domain("billing_is_unconfirmed", "!=", True),
            order="id",
        )

    def _billing_hold_addresses(self, before):
        """Keep mail from addresses that a contact entered for the whole company.

        Not from one's own, nor from what the company's own login enters.

        :param dict before: the normalized e-mail addresses that were there.
        """
        user = self.env.user
        if not user._is_portal():
            return
        # sudo: Odoo's pages write with the superuser's rights; staff follow up.
        for address in self.sudo():
            customer = address.commercial_partner_id
            is_new = address.email_normalized != before.get(address)
            if (
                address.type != "invoice"
                or not (address.email_normalized and is_new)
                or user.partner_id in (address, customer)
            ):
                continue
            # One that was not confirmed either is nobody who got anything.
            old = not address.billing_is_unconfirmed and before.get(address)
            address.billing_is_unconfirmed = True
            address._billing_tell_of_address(old)

    def _billing_tell_of_address(self, old):
        """Tell who got the invoices, and leave a to-do for staff.

        :param str old: the e-mail address that was there, if any.
        """
        customer = self.commercial_partner_id
        contacts = customer._billing_find_contacts().filtered("email_normalized")
        told = {old} if old else set((contacts or customer).mapped("email_normalized"))
        env = self.with_context(lang=customer.lang or self.env.lang).env
        text = env._(
            "%(user)s entered %(address)s as the address that invoices of %(customer)s"
            " go to. Nothing is sent there before it is confirmed: by the company's own"
            " login, on its billing page, or by us. If it is not right, tell us.",
            user=self.env.user.name,
            address=self.email_normalized,
            customer=customer.display_name,
        )
        company = self.env.company.sudo()  # sudo: the mail is the seller's.
        self.env["mail.mail"].create(
            [
                {
                    "subject": env._("A new address for your invoices"),
                    "email_to": address,
                    "email_from": company.billing_mail_sender
                    or company.email_formatted,
                    "body_html": plaintext2html(text),
                    "auto_delete": True,
                }
                for address in told
                if address
            ]
        )
        staff = customer.user_id or self.env.ref("base.user_admin")
        self.activity_schedule(
            "omni_billing.mail_activity_confirm_address",
            note=plaintext2html(text),
            user_id=staff.id,
        )

    def action_billing_confirm_address(self):
        """Let invoices go to an address that a contact entered in the portal.

        Staff may, and the company's own login.
        """
        user = self.env.user
        if not (user._is_portal() and user.partner_id == self.commercial_partner_id):
            self.env["omni.billing.payment.wizard"].check_access("create")
            self.check_access("write")
        # sudo: customers do not write contacts; who may confirm was checked.
        addresses = self.sudo().filtered("billing_is_unconfirmed")
        addresses.billing_is_unconfirmed = False
        addresses.activity_unlink(["omni_billing.mail_activity_confirm_address"])
        for address in addresses:
            address._message_log(
                body=self.env._(
                    "Invoices may go to %(address)s.", address=address.email or ""
                )
            )
        return True

    def _billing_get_cards(self):
        """Return the saved cards of the whole customer, the default one first."""
        Token = self.env["payment.token"]
        if not self.commercial_partner_id:
            return Token
        # sudo: staff charge cards that they do not manage.
        cards = Token.sudo().search(
            Domain("billing_is_card", "=", True)
            & Domain("provider_id.state", "in", ("enabled", "test"))
            & Domain(
                "partner_id.commercial_partner_id", "=", self.commercial_partner_id.id
            )
        )
        order = cards.sorted(
            lambda card: (
                not card.billing_is_default,
                card.billing_is_expired,
                -card.id,
            )
        )
        return Token.browse(order.ids)

    def _billing_propose_title(self, start, end):
        """Write a title of an invoice in the customer's language: it is printed there.

        :param start: first day of the period, if any.
        :param end: last day of the period, if any.
        """
        env = self.with_context(lang=self.lang or self.env.lang).env
        period = format_period(start, end, lambda day: format_date(env, day))
        if not period:
            return env._("Invoice")
        if start and end and start != end:
            return env._("Invoice for %(period)s", period=period)
        return env._("Invoice of %(date)s", date=period)

    def action_billing_proforma(self):
        """Open the proforma wizard on this customer, or on none (F40, F41)."""
        self.check_access("read")
        partner = self[:1]
        if partner and not partner.active:
            raise UserError(
                self.env._(
                    "%(customer)s is archived. Unarchive the customer to bill.",
                    customer=partner.display_name,
                )
            )
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Generate a Proforma Invoice"),
            "res_model": "omni.billing.proforma.wizard",
            "view_mode": "form",
            "target": "new",
            "context": {
                "default_partner_id": partner.id,
                "billing_partner_fixed": bool(partner),
            },
        }

    def action_billing_add_transaction(self):
        """Open the dialog that adds a charge or a credit (F13)."""
        self.ensure_one()
        kind = self.env.context.get("billing_transaction_type", "charge")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Create a Credit")
            if kind == "credit"
            else self.env._("Add a Transaction"),
            "res_model": "omni.billing.transaction",
            "views": [(False, "form")],
            "target": "new",
            "context": {
                "default_partner_id": self.id,
                "default_transaction_type": kind,
            },
        }

    def action_billing_pay_all(self):
        """Open the payment dialog on all unpaid invoices of the customer (F152)."""
        return self._billing_find_unpaid().action_billing_pay()

    def action_billing_refund_credit(self):
        """Open the dialog that gives credit on file back (F176)."""
        self.ensure_one()
        if self.billing_credit_amount <= 0:
            raise UserError(
                self.env._(
                    "There is no credit on file to give back. Create a credit first,"
                    " and put it on a credit note."
                )
            )
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Record a Refund"),
            "res_model": "omni.billing.refund.wizard",
            "view_mode": "form",
            "target": "new",
            "context": {"default_partner_id": self.commercial_partner_id.id},
        }

    def action_billing_reconcile(self):
        """Use the customer's credit for unpaid invoices, the oldest first (F152).

        :return: a notice of what was used on which invoices.
        """
        self.ensure_one()
        used = []
        unpaid = self._billing_find_unpaid()
        for currency, invoices in unpaid.grouped("currency_id").items():
            wizard = self.env["omni.billing.payment.wizard"].create(
                {"invoice_ids": [Command.set(invoices.ids)], "mode": "credit"}
            )
            if currency.compare_amounts(wizard.amount, 0) > 0:
                used.append(format_amount(self.env, wizard.amount, currency))
                wizard._pay()
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success" if used else "info",
                "message": self.env._(
                    "Credit used for unpaid invoices: %(amounts)s.",
                    amounts=format_list(self.env, used),
                )
                if used
                else self.env._("There is no credit that an unpaid invoice can use."),
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    def _billing_find_unpaid(self):
        self.ensure_one()
        return self.env["account.move"].search(
            Domain("commercial_partner_id", "=", self.commercial_partner_id.id)
            & Domain("company_id", "=", self.env.company.id)
            & Domain("move_type", "=", "out_invoice")
            & Domain("billing_state", "in", ("unpaid", "partial"))
        )

    def action_billing_pause_reminders(self):
        """Pause the reminders of all invoices of the customer, or resume them."""
        self.check_access("write")
        for customer in self.commercial_partner_id:
            customer.billing_reminders_paused = not customer.billing_reminders_paused
        return True

    def action_billing_activity(self):
        """Open the history of the customer (F10)."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "omni_billing.omni_billing_activity_log_action"
        )
        action["domain"] = [
            ("commercial_partner_id", "=", self.commercial_partner_id.id)
        ]
        return action

    def action_billing_transactions(self):
        """Open all transactions of the customer; the filter is in the context."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "omni_billing.omni_billing_transaction_action"
        )
        action["domain"] = [
            ("commercial_partner_id", "=", self.commercial_partner_id.id)
        ]
        action["context"] = self._billing_get_list_context()
        return action

    def action_billing_invoices(self):
        """Open all invoices of the customer."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "omni_billing.account_move_action_billing"
        )
        action["domain"] = [
            ("move_type", "in", ("out_invoice", "out_refund")),
            ("commercial_partner_id", "=", self.commercial_partner_id.id),
        ]
        action["context"] = self._billing_get_list_context()
        return action

    def _billing_get_list_context(self):
        context = {"default_partner_id": self.id}
        if name := self.env.context.get("billing_filter"):
            context[f"search_default_{name}"] = 1
        return context
