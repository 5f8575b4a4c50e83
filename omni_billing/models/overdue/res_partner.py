from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL, format_date

from ...tools.action import open_dialog
from ...tools.notice import notice, reload
from ...tools.recurrence import get_today
from ...tools.write_guard import trust


class ResPartner(models.Model):
    """Debts suspend a customer's services: what is to be seen, and done (W35)."""

    _inherit = "res.partner"

    billing_suspension = fields.Char(
        string="Suspension of Services",
        compute="_compute_billing_suspension",
        groups="omni_billing.omni_billing_group_user",
    )
    billing_suspension_state = fields.Char(
        compute="_compute_billing_suspension",
        groups="omni_billing.omni_billing_group_user",
    )

    @api.depends_context("company", "lang")
    def _compute_billing_suspension(self):
        company, customers = self.env.company, self.commercial_partner_id
        told = self.env["omni.billing.overdue"]._describe(company, customers)
        for partner in self:
            customer = partner.commercial_partner_id
            state, day, amount = told.get(customer, ("", False, ""))
            partner.billing_suspension_state = state
            partner.billing_suspension = customer._billing_explain_suspension(
                company, state, day, amount
            )

    def _billing_explain_suspension(self, company, state, day, amount):
        """Return what staff read of the suspension of a customer, or nothing."""
        if state == "suspended" and not amount:
            return self.env._(
                "Services are suspended since %(date)s.",
                date=format_date(self.env, day),
            )
        if state == "suspended":
            return self.env._(
                "Services are suspended since %(date)s, until %(amount)s is paid.",
                date=format_date(self.env, day),
                amount=amount,
            )
        if state == "announced":
            return self.env._(
                "Services will be suspended on %(date)s unless %(amount)s is paid"
                " before.",
                date=format_date(self.env, day),
                amount=amount,
            )
        return self._billing_describe_kept(company) if state == "kept" else ""

    def _billing_describe_kept(self, company):
        """Return what staff decided that keeps services from being suspended now.

        :rtype: str
        """
        decided = self.env["omni.billing.overdue"]._find(company, self)
        if not decided or not decided._is_kept_now():
            return ""
        if decided.is_kept:
            return self.env._("Services are never suspended: %s", decided.why)
        return self.env._(
            "Services are not suspended until %(date)s: %(why)s",
            date=format_date(self.env, decided.kept_until),
            why=decided.why,
        )

    def _billing_get_suspension(self, company):
        """Return what a customer reads of it: ``text``, ``is_suspended``; or nothing.

        :rtype: dict
        """
        customer = self.commercial_partner_id
        told = self.env["omni.billing.overdue"]._describe(company, customer)
        state, day, amount = told.get(customer, ("", False, ""))
        if state == "suspended" and not amount:
            text = self.env._(
                "Your services are suspended since %(date)s.",
                date=format_date(self.env, day),
            )
        elif state == "suspended":
            text = self.env._(
                "Your services are suspended since %(date)s. They go on as soon as"
                " %(amount)s is paid.",
                date=format_date(self.env, day),
                amount=amount,
            )
        elif state == "announced":
            text = self.env._(
                "Your services will be suspended on %(date)s unless %(amount)s is paid"
                " before.",
                date=format_date(self.env, day),
                amount=amount,
            )
        else:
            return {}
        return {"text": text, "is_suspended": state == "suspended"}

    # === ACTION METHODS === #

    def action_billing_suspension(self):
        """Open the dialog that gives a customer more time, or excepts it (W35)."""
        self.ensure_one()
        context = {"default_partner_id": self.commercial_partner_id.id}
        title = self.env._("Suspension of Services")
        return open_dialog("omni.billing.overdue.wizard", title, context)

    def action_billing_ask_suspend(self):
        """Open the dialog that says whose services, and which, are suspended (W35).

        :raise UserError: if nothing is overdue, or no service could be suspended.
        """
        self.ensure_one()
        customer = self.commercial_partner_id
        services, _amount = customer._billing_preview_suspension(self.env.company)
        if not services:
            customer._billing_raise_not_suspendable()
        title = self.env._("Suspend Services of %s", customer.display_name)
        view = self.env.ref("omni_billing.omni_billing_overdue_wizard_view_form_now")
        context = {"default_partner_id": customer.id}
        return open_dialog(
            "omni.billing.overdue.wizard", title, context, view_id=view.id
        )

    def action_billing_suspend_now(self):
        """Suspend the services of a customer who owes, without waiting for a level.

        :raise UserError: if nothing is overdue, or no service could be suspended.
        """
        self.ensure_one()
        company, customer = self.env.company, self.commercial_partner_id
        Overdue = self.env["omni.billing.overdue"]
        services, _amount = customer._billing_preview_suspension(company)
        if not services:
            customer._billing_raise_not_suspendable()
        # What was lifted before does not hold this up.
        trust(customer._billing_find_suspendable(company)).lifted_on = False
        today = customer._billing_get_today(company)
        Overdue._decide(
            company, customer, by_hand_on=today, is_kept=False, kept_until=False
        )
        # sudo: it does as the job does.
        Overdue.sudo().with_company(company)._review(customer.ids)
        state, day, amount = Overdue._describe(company, customer)[customer]
        if state != "suspended":
            message = self.env._(
                "Somebody is working on an invoice or a service of %(customer)s right"
                " now. Services are suspended within the hour, unless it is paid.",
                customer=customer.display_name,
            )
            return notice(message, "warning", after=reload())
        text = customer._billing_explain_suspension(company, state, day, amount)
        return notice(text, after=reload())

    # === BUSINESS METHODS === #

    def _billing_find_suspendable(self, company):
        """Return the services of a customer that debts may suspend, in sudo."""
        self.ensure_one()
        # sudo: also those that staff of a team do not see.
        services = self.env["omni.billing.service"].sudo()
        domain = services._get_suspendable_domain(company)
        own = Domain("commercial_partner_id", "=", self.id)
        return services.search(domain & own)

    def _billing_preview_suspension(self, company):
        """Return what staff suspend if they do it now, and until what is paid.

        :return: services, in sudo, none if it is not possible; and an amount in words.
        :raise AccessError: if the user may not decide on it.
        """
        self._billing_check_decide()
        account = self.env["omni.billing.overdue"]._assess_by_hand(company, self)
        services = self._billing_find_suspendable(company).filtered(
            lambda service: account.day and service.state in ("running", "upcoming")
        )
        return services, account.write_amount(self.env)

    def _billing_raise_not_suspendable(self):
        raise UserError(
            self.env._(
                "Nothing of %(customer)s is overdue, or it has no service that can"
                " be suspended. Nothing was changed.",
                customer=self.display_name,
            )
        )

    def _billing_check_decide(self):
        """Check that the user may decide on the services of these customers.

        :raise AccessError: if not.
        """
        self.check_access("read")
        self.env["omni.billing.service"].check_access("write")

    def _billing_get_today(self, company):
        """Return the date where the customer is, or else the company."""
        self.ensure_one()
        # sudo: whoever asks need not see the company's address.
        zones = self.sudo().tz, company.sudo().partner_id.tz
        return get_today(fields.Datetime.now(), *zones)

    def _billing_review_services(self):
        """Have a job see at once whether services of these customers go on (W35).

        One statement for whom nothing is suspended, nor to be.
        """
        if not self.ids:
            return
        # sudo: whoever takes a payment does not read all that.
        Overdue = self.env["omni.billing.overdue"].sudo()
        if accounts := Overdue._read_accounts(
            SQL("customer_id = ANY(%s)", list(self.ids))
        ):
            Overdue.env["omni.billing.overdue.look"]._call(accounts)
            # sudo: jobs are an administrator's.
            self.env.ref("omni_billing.ir_cron_review_overdue").sudo()._trigger()

    def _billing_give_time(self, company, until, why, forever=False):
        """Have services of a customer go on, whatever is owed (W35).

        :param until: the last day; None: as the reminder levels say again.
        :param forever: not before somebody changes it.
        :return: what was decided, in words.
        :raise UserError: if it is not said why, or the day is over.
        """
        self.ensure_one()
        self._billing_check_decide()
        if (until or forever) and not why:
            raise UserError(self.env._("Say why services are not suspended."))
        if until and until < self._billing_get_today(company):
            raise UserError(
                self.env._(
                    "%(date)s is over. Choose today or a later day.",
                    date=format_date(self.env, until),
                )
            )
        Overdue = self.env["omni.billing.overdue"]
        Overdue._decide(
            company,
            self,
            is_kept=forever,
            kept_until=until,
            why=why if until or forever else False,
            by_hand_on=False,
        )
        if forever:
            text = self.env._("Services are never suspended: %s", why)
        elif until:
            text = self.env._(
                "Services are not suspended until %(date)s: %(why)s",
                date=format_date(self.env, until),
                why=why,
            )
        else:
            text = self.env._("Services are suspended by the reminder levels again.")
        # sudo: the history is the server's.
        Overdue.sudo()._note("suspension_decided", company, self, text)
        self._billing_review_services()
        return text
