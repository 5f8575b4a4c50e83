from odoo import api, fields, models
from odoo.tools import SQL, format_list

from odoo.addons.base_vat.models.res_partner import _ref_vat

#: Who can do a step: whom Odoo lets write there.
GROUPS = {
    "admin": "base.group_system",
    "accountant": "account.group_account_manager",
    "manager": "omni_billing.omni_billing_group_manager",
    "staff": "omni_billing.omni_billing_group_user",
}
WHO = {
    "company": "admin",
    "books": "accountant",
    "money": "accountant",
    "mail": "admin",
    "stripe": "admin",
    "webhook": "admin",
    "consent": "manager",
    "staff": "admin",
    "template": "manager",
    "service": "staff",
    "charge": "staff",
}


class OmniBillingFirstStep(models.Model):
    """What a company needs before it bills, one row each: how it stands, and where.

    Nothing is kept: each row is looked up when it is shown, for the current company.
    Odoo's own onboarding keeps that a step was done, whatever becomes of it later, and
    shows it to administrators alone.

    Another addon adds a step to the selection of ``key``, says who does it
    (`_get_who`), and has the methods ``_look_at_<key>`` and ``_open_<key>``.
    """

    _name = "omni.billing.first.step"
    _description = "First Step of Billing"
    _auto = False
    _order = "id"
    _rec_name = "key"

    key = fields.Selection(
        [
            ("company", "Company on the invoice"),
            ("books", "Chart of accounts and sales journal"),
            ("money", "Bank and cash journals"),
            ("mail", "E-mail"),
            ("stripe", "Cards by Stripe"),
            ("webhook", "Events of Stripe"),
            ("consent", "Consent to charge what is saved"),
            ("staff", "Staff"),
            ("template", "Invoice template"),
            ("service", "First recurring service"),
            ("charge", "First charge of a customer"),
        ],
        string="Step",
        readonly=True,
    )
    state = fields.Selection(
        [("todo", "To Do"), ("optional", "Optional"), ("done", "Done")],
        string="Status",
        compute="_compute_state",
    )
    detail = fields.Text(string="How It Stands", compute="_compute_state")
    who = fields.Selection(
        [
            ("admin", "An administrator"),
            ("accountant", "An accountant"),
            ("manager", "A billing manager"),
            ("staff", "Staff"),
        ],
        string="Done By",
        compute="_compute_who",
    )
    is_mine = fields.Boolean(compute="_compute_who")

    @property
    def _table_query(self):
        rows = [
            SQL("SELECT %s AS id, %s AS key", number, key)
            for number, key in enumerate(self._fields["key"].get_values(self.env), 1)
        ]
        return SQL(" UNION ALL ").join(rows)

    # === COMPUTE METHODS === #

    @api.depends("key")
    @api.depends_context("company", "lang")
    def _compute_state(self):
        # sudo: whether it is set up, not how: keys and servers are an administrator's.
        company = self.env.company.sudo()
        for step in self:
            step.state, step.detail = getattr(step, f"_look_at_{step.key}")(company)

    @api.depends("key")
    @api.depends_context("uid")
    def _compute_who(self):
        for step in self:
            step.who = self._get_who(step.key)
            step.is_mine = self.env.user.has_group(GROUPS[step.who])

    # === ACTION METHODS === #

    def action_open(self):
        """Open where the step is done; that screen asks for the right to."""
        self.ensure_one()
        return getattr(self, f"_open_{self.key}")()

    # === BUSINESS METHODS === #

    @api.model
    def _get_who(self, key):
        """Return who does a step, a key of `GROUPS`. Hook."""
        return WHO[key]

    @api.model
    def _count_left(self):
        """Return how many steps are left of those that are needed."""
        steps = self.search([], limit=100)
        return len(steps.filtered(lambda step: step.state == "todo"))

    @api.model
    def _is_new_company(self):
        """Whether the current company has never billed, nor begun to."""
        # sudo: of the company that one works in, whether there is any at all.
        Transaction = self.env["omni.billing.transaction"].sudo()
        return not Transaction.search_count(
            [("company_id", "=", self.env.company.id)], limit=1
        )

    # === HOW IT STANDS: each returns a state, and a sentence === #

    def _look_at_company(self, company):
        has_number = company.vat or not self._has_tax_numbers(company.country_id)
        missing = [
            label
            for label, value in (
                (self.env._("street"), company.street),
                (self.env._("city"), company.city),
                (self.env._("country"), company.country_id),
                (self.env._("tax number"), has_number),
            )
            if not value
        ]
        if missing:
            return "todo", self.env._(
                "Not on the page of an invoice yet: %(missing)s.",
                missing=format_list(self.env, missing),
            )
        if not company.vat:
            return "done", self.env._(
                "Printed with its address: %(company)s.", company=company.name
            )
        return "done", self.env._(
            "Printed with address and tax number: %(company)s.", company=company.name
        )

    @api.model
    def _has_tax_numbers(self, country):
        """Whether sellers of a country print a number for VAT, as far as Odoo knows.

        Where there is no such tax, as in the United States, none is asked for.
        """
        code = (country.code or "").lower()
        return bool(country.vat_label) or code in _ref_vat

    def _look_at_books(self, company):
        if company._billing_explain_no_journal():
            return "todo", self.env._(
                "There is no sales journal, so nothing can be billed. Install a chart"
                " of accounts, or add a sales journal."
            )
        journal = company._billing_get_journal()
        return "done", self.env._(
            "Invoices go to the journal %(journal)s.", journal=journal.display_name
        )

    def _look_at_money(self, company):
        if company._billing_explain_no_payment_journal("bank"):
            return "todo", self.env._(
                "There is neither a bank nor a cash journal, so no money can be"
                " recorded. They come with a chart of accounts."
            )
        bank = company._billing_get_payment_journal("bank")
        cash = company._billing_get_payment_journal("cash")
        if cash.type != "cash":
            return "optional", self.env._(
                "Transfers go to %(bank)s. There is no cash journal: cash goes to"
                " %(cash)s, as money that is on its way.",
                bank=bank.display_name,
                cash=cash.display_name,
            )
        if bank.type == "bank" and not bank.bank_account_id:
            return "optional", self.env._(
                "Cash goes to %(cash)s. %(bank)s has no account number, so invoices do"
                " not say where to transfer money to.",
                cash=cash.display_name,
                bank=bank.display_name,
            )
        return "done", self.env._(
            "Transfers go to %(bank)s, cash to %(cash)s.",
            bank=bank.display_name,
            cash=cash.display_name,
        )

    def _look_at_mail(self, company):
        if problem := company._billing_find_mail_warning():
            return "todo", problem
        way = company._fields["billing_mail_provider"].convert_to_export(
            company.billing_mail_provider, company
        )
        return "done", self.env._("Sent by: %(way)s.", way=way)

    def _look_at_stripe(self, company):
        provider = self._find_stripe(company)
        if not provider or provider.state == "disabled":
            return "optional", self.env._(
                "Without an account at Stripe customers pay by hand. With one, enter"
                " its two keys here, and enable it."
            )
        if not provider.stripe_secret_key or not provider.stripe_publishable_key:
            return "todo", self.env._("Stripe is enabled, and a key of it is missing.")
        if provider.state == "test":
            return "optional", self.env._("In test mode: no money moves yet.")
        return "done", self.env._("Cards are charged by %(name)s.", name=provider.name)

    def _look_at_webhook(self, company):
        provider = self._find_stripe(company)
        if not provider or provider.state == "disabled":
            return "optional", self.env._("Comes with Stripe.")
        if provider.billing_has_no_secret:
            return "todo", self.env._(
                "Refunds and disputes that are made at Stripe are not heard of. Press"
                " Generate your webhook, in the credentials of Stripe."
            )
        return "done", self.env._("Stripe tells what becomes of payments.")

    def _look_at_consent(self, company):
        # sudo: how many, not whose.
        count = len(self.env["payment.token"].sudo()._billing_find_unagreed(company))
        if count:
            return "todo", self.env._(
                "%(count)s saved payment methods are not charged by themselves: it is"
                " not noted that their owners agreed. Ask them, or state on what base"
                " they did.",
                count=count,
            )
        return "done", self.env._("Whoever is charged has agreed to it.")

    def _look_at_staff(self, company):
        group = self.env.ref("omni_billing.omni_billing_group_user")
        # sudo: how many there are, for who sets it up.
        users = self.env["res.users"].sudo()
        count = users.search_count(
            [("all_group_ids", "in", group.id), ("company_ids", "in", company.id)]
        )
        if count < 2:
            return "optional", self.env._(
                "You bill alone. Give others the group Billing: Staff, or Manager for"
                " who refunds and voids many at once."
            )
        return "done", self.env._("Who bills here: %(count)s users.", count=count)

    def _look_at_template(self, company):
        templates = self.env["omni.billing.template"].sudo()  # sudo: how many
        mine = templates.search(
            [("is_automatic", "=", True), ("company_id", "in", (False, company.id))]
        )
        if not mine:
            return "optional", self.env._(
                "Invoices have the standard page in plain. A template gives it colors,"
                " a logo, terms and codes to pay."
            )
        return "done", self.env._(
            "Printed with: %(names)s.",
            names=format_list(self.env, mine.mapped("name")),
        )

    def _look_at_service(self, company):
        services = self.env["omni.billing.service"].sudo()  # sudo: whether there is one
        domain = [("company_id", "=", company.id), ("unit", "!=", False)]
        if not services.search_count(domain, limit=1):
            return "optional", self.env._(
                "What a customer pays each month is entered once, and charged by"
                " itself."
            )
        return "done", self.env._("Services are charged by themselves.")

    def _look_at_charge(self, company):
        if self._is_new_company():
            return "todo", self.env._(
                "Enter what a customer used, then press Generate Invoice."
            )
        return "done", self.env._("There are charges to bill, or billed already.")

    @api.model
    def _find_stripe(self, company):
        domain = [("code", "=", "stripe"), ("company_id", "=", company.id)]
        # sudo: whether there is one, and its keys; not what they are.
        providers = self.env["payment.provider"].sudo().search(domain)
        return providers.sorted(lambda one: one.state == "disabled")[:1]

    # === WHERE IT IS DONE: each returns an action === #

    def _open_company(self):
        return self._open_form(self.env.company, self.env._("Company"))

    def _open_books(self):
        if self.env.company.chart_template:
            return self._open_journals(["sale"])
        return self._open_action("account.action_account_config")

    def _open_money(self):
        return self._open_journals(["bank", "cash", "credit"])

    def _open_mail(self):
        if self.env.company._billing_explain_no_server():
            return self._open_action("base.action_ir_mail_server_list")
        return self._open_action("omni_billing.omni_billing_settings_action")

    def _open_stripe(self):
        # sudo: off, who may not read it is told so by the screen that opens.
        provider = self._find_stripe(self.env.company).sudo(False)
        if provider:
            return self._open_form(provider, self.env._("Stripe"))
        return self._open_action("payment.action_payment_provider")

    def _open_webhook(self):
        return self._open_stripe()

    def _open_consent(self):
        return self._open_action("omni_billing.omni_billing_consent_base_wizard_action")

    def _open_staff(self):
        return self._open_action("base.action_res_users")

    def _open_template(self):
        return self._open_action("omni_billing.omni_billing_template_action")

    def _open_service(self):
        return self._open_action("omni_billing.omni_billing_service_action")

    def _open_charge(self):
        return self._open_action("omni_billing.omni_billing_transaction_action")

    @api.model
    def _open_action(self, name):
        return self.env["ir.actions.act_window"]._for_xml_id(name)

    @api.model
    def _open_form(self, record, name):
        return {
            "type": "ir.actions.act_window",
            "name": name,
            "res_model": record._name,
            "res_id": record.id,
            "views": [(False, "form")],
        }

    @api.model
    def _open_journals(self, types):
        action = self._open_action("account.action_account_journal_form")
        action["domain"] = [
            ("type", "in", types),
            ("company_id", "=", self.env.company.id),
        ]
        action["context"] = {"default_type": types[0]}
        return action
