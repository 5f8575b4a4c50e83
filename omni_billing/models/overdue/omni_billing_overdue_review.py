from odoo import api, models
from odoo.fields import Domain
from odoo.tools import SQL, format_list, split_every

from ...tools.database import commit, commit_progress, retry, step_alone
from ...tools.write_guard import without_any_default

#: Customers that are looked at in one database transaction.
BATCH = 100


class OmniBillingOverdue(models.Model):
    """Services are suspended, and go on, by what their customer owes now (W35).

    A job sees to it, each hour, and at once when something was paid, credited, voided,
    planned or promised: no payment waits for a service, or fails because of one.
    """

    _inherit = "omni.billing.overdue"

    # === JOB === #

    @api.model
    def _cron_review(self):
        """Suspend and resume services by what is owed now; commits.

        First of whom something was paid or decided, then of all in turn: where time is
        up, the next run goes on.
        """
        Look = self.env["omni.billing.overdue.look"]
        called, place = Look._find_called(), Look._find_place()
        first = self._find_companies(
            SQL("customer_id = ANY(%s)", called.partner_id.ids)
        )
        turn = self._find_companies(SQL("customer_id > %s", place.last_id))
        turn = {one: turn[one] for one in turn if one not in first}
        commit_progress(self.env, remaining=len(first) + len(turn))
        for ids in split_every(BATCH, first):
            passed = self._review_everywhere(ids, first)
            called._take(set(ids) - passed)
            if not commit_progress(self.env, len(ids)):
                return
        # Who has no account is not looked at.
        called._take(set(called.exists().partner_id.ids) - first.keys())
        for ids in split_every(BATCH, turn):
            self._review_everywhere(ids, turn)
            place.last_id = ids[-1]
            if not commit_progress(self.env, len(ids)):
                return
        place.last_id = 0
        commit_progress(self.env, remaining=0)

    @api.model
    def _find_companies(self, condition):
        """Return with which companies customers have accounts, see `_read_accounts`.

        :rtype: dict[int, list[int]]
        """
        found = {}
        for company_id, customer_id in self._read_accounts(condition):
            found.setdefault(customer_id, []).append(company_id)
        return found

    @api.model
    def _review_everywhere(self, customer_ids, companies):
        """Review customers; one that fails does not hold up the others; commits.

        :param companies: as `_find_companies` returns them.
        :return: whom somebody else was at in one of them.
        :rtype: set[int]
        """
        by_company, passed = {}, set()
        for customer_id in customer_ids:
            for company_id in companies[customer_id]:
                by_company.setdefault(company_id, []).append(customer_id)
        for company_id, ids in by_company.items():
            overdue = self.with_company(company_id)
            if not overdue._review_alone(ids, passed):
                for customer_id in ids:
                    overdue._review_alone([customer_id], passed)
        return passed

    @api.model
    def _review_alone(self, customer_ids, passed):
        """Review these customers at once, and commit it; return whether it worked.

        :param set passed: whom somebody else is at is added to it.
        """
        error = step_alone(
            self.env,
            lambda: passed.update(retry(self.env, lambda: self._review(customer_ids))),
            f"suspension for debts of customers {customer_ids}",
        )
        commit(self.env)
        return error is None

    @api.model
    def _read_accounts(self, condition):
        """Return company and customer of who got a notice, or is suspended.

        :param condition: SQL, of ``customer_id``.
        """
        for name in (
            *("omni.billing.reminder", "omni.billing.service.suspension"),
            "omni.billing.overdue",
        ):
            self.env[name].flush_model()
        return self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT company_id, customer_id FROM (
                    SELECT move.company_id, move.commercial_partner_id AS customer_id
                      FROM omni_billing_reminder notice
                      JOIN account_move move ON move.id = notice.move_id
                     WHERE notice.suspend_on IS NOT NULL
                 UNION ALL
                    SELECT service.company_id, service.commercial_partner_id
                      FROM omni_billing_service_suspension suspended
                      JOIN omni_billing_service service
                        ON service.id = suspended.service_id
                     WHERE suspended.reason = 'overdue'
                       AND (suspended.date_to IS NULL
                            OR suspended.date_to >= CURRENT_DATE - 1)
                 UNION ALL
                    SELECT company_id, partner_id FROM omni_billing_overdue
                     WHERE by_hand_on IS NOT NULL
                ) AS accounts WHERE %s ORDER BY customer_id, company_id
                """,
                condition,
            )
        )

    @api.model
    def _review(self, customer_ids):
        """Suspend or resume the services of these customers of a company.

        Mostly there is nothing to do, and nothing is locked. Who somebody else is at,
        as with a payment, is left to the next time.

        :return: the ids of those.
        """
        company = self.env.company
        customers = self.env["res.partner"].browse(customer_ids).exists()
        services = self.env["omni.billing.service"].search(
            Domain("company_id", "=", company.id)
            & Domain("commercial_partner_id", "in", customers.ids)
            & Domain("unit", "!=", False)
        )
        services.invalidate_recordset()  # The day may be another than a moment ago.
        by_customer = services.grouped("commercial_partner_id")
        changing = customers.browse(
            customer.id
            for customer, account in self._assess(company, customers).items()
            if self._has_to_change(
                company,
                customer,
                account,
                by_customer.get(customer, services.browse()),
            )
        )
        free = self._lock(company, changing, services)
        for customer, account in self._assess(company, free).items():
            own = by_customer.get(customer, services.browse())
            self._apply(company, customer, account, own)
        return (changing - free).ids

    @api.model
    def _lock(self, company, customers, services):
        """Lock what decides on customers; return those whom nobody else is at."""
        if not customers:
            return customers
        services = services.filtered(lambda one: one.commercial_partner_id in customers)
        Move = self.env["account.move"]
        moves = Move.search(
            Move._billing_get_unpaid_domain()
            & Domain("company_id", "=", company.id)
            & Domain("commercial_partner_id", "in", customers.ids)
        )
        free = services.try_lock_for_update(allow_referencing=True)
        busy = (services - free).commercial_partner_id
        # Who pays names the invoice in a new row, and comes first.
        busy |= (moves - moves.try_lock_for_update()).commercial_partner_id
        services.invalidate_recordset()
        moves.invalidate_recordset()
        return customers - busy

    @api.model
    def _has_to_change(self, company, customer, account, services):
        """Whether there is something to write for a customer; see `_apply`."""
        if account.over or account.is_by_hand_over:
            return True
        if account.is_busy:
            return False
        suspended = services._find_overdue_rows().service_id
        day, today = account.day, customer._billing_get_today(company)
        if not day or day > today:
            return bool(suspended)
        noticed_on = account.find_latest(today)
        return any(
            service in suspended
            if service.is_never_suspended
            else service._find_debt_day(noticed_on)
            for service in services
        )

    @api.model
    def _apply(self, company, customer, account, services):
        """Suspend or resume the services of one customer.

        :param account: as `_assess` returns it.
        """
        account.over._drop()
        if account.is_by_hand_over:
            self._decide(company, customer, by_hand_on=False)
        if account.is_busy:
            return
        today = customer._billing_get_today(company)
        if not account.day or account.day > today:
            self._tell_resumed(company, customer, services._resume_from_debts())
            return
        kept = services.filtered("is_never_suspended")
        self._tell_resumed(company, customer, kept._resume_from_debts())
        suspended = services._suspend_for_debts(account.find_latest(today))
        if suspended:
            self._tell_suspended(company, customer, suspended, account)

    # === WHO IS TOLD === #

    @api.model
    def _tell_suspended(self, company, customer, services, account):
        self._note(
            "services_suspended",
            company,
            customer,
            self.env._(
                "Suspended until %(amount)s is paid: %(services)s.",
                amount=account.write_amount(self.env),
                services=format_list(self.env, services.mapped("name")),
            ),
        )
        if account.tells or self._tells(company):
            self._mail("suspended", company, customer, services, account.write_amount)

    @api.model
    def _tell_resumed(self, company, customer, services):
        if not services:
            return
        self._note(
            "services_resumed",
            company,
            customer,
            self.env._(
                "They go on: %s.", format_list(self.env, services.mapped("name"))
            ),
        )
        if self._tells(company):
            self._mail("resumed", company, customer, services)

    @api.model
    def _tells(self, company):
        """Whether a level of a company tells customers of it."""
        levels = self.env["omni.billing.reminder"]._find_levels(company)
        return any(level.suspends and level.tells_suspension for level in levels)

    @api.model
    def _note(self, action, company, customer, text):
        """Keep what became of a customer's services: in the chatter, in the history."""
        customer._message_log(body=text)
        self.env["omni.billing.activity.log"]._log(
            [
                {
                    "action": action,
                    "company": company,
                    "customer": customer,
                    "name": customer.display_name,
                    "note": text,
                }
            ]
        )

    @api.model
    def _mail(self, kind, company, customer, services, write_amount=None):
        """Tell a customer by e-mail, in its language; nothing if it has no address."""
        recipients = customer._billing_get_mailed(company, customer)
        if not recipients:
            return
        env = customer.with_context(lang=customer.lang or self.env.lang).env
        # sudo: the template, and the company that sends, are not for everybody.
        template = self.env.ref(f"omni_billing.mail_template_{kind}").sudo()
        seller = company.sudo()  # sudo: as above
        without_any_default(template).with_context(
            billing_seller=seller.name,
            billing_services=services.mapped("name"),
            billing_amount=write_amount(env) if write_amount else "",
            billing_link=f"{seller.get_base_url()}/my/billing/pay",
        ).send_mail(
            customer.id,
            email_values={
                "recipient_ids": recipients.ids,
                "email_from": seller._billing_get_sender(),
            },
        )

    # === WHAT IS READ OF IT === #

    @api.model
    def _describe(self, company, customers):
        """Return where each customer stands: whether it is suspended, and what of it.

        :return: for each a state (``suspended``, ``announced``, ``kept`` or empty), the
            day on which it is or was suspended, and what has to be paid, in words.
        :rtype: dict[res.partner, tuple]
        """
        accounts = self._assess(company, customers)
        # sudo: customers see where they stand.
        services = self.env["omni.billing.service"].sudo()
        rows = services.search(
            Domain("company_id", "=", company.id)
            & Domain("commercial_partner_id", "in", customers.ids)
            & Domain("suspension_ids.reason", "=", "overdue")
        )._find_overdue_rows()
        begun = {}
        for row in rows.filtered(lambda one: one.service_id.state != "ended"):
            customer = row.service_id.commercial_partner_id
            begun[customer] = min(row.date_from, begun.get(customer, row.date_from))
        told = {}
        for customer, account in accounts.items():
            amount = account.write_amount(self.env)
            if customer in begun:
                told[customer] = "suspended", begun[customer], amount
            elif account.day:
                told[customer] = "announced", account.day, amount
            else:
                told[customer] = "kept" if account.is_kept else "", False, amount
        return told
