from datetime import timedelta
from operator import itemgetter

from psycopg2.errors import UniqueViolation

from odoo import Command, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import format_date

from ...tools.database import savepoint
from ...tools.lock import take_turns

#: Who rings twice, or for several invoices, reminds the customer once.
GRACE = timedelta(minutes=5)
#: So many invoices are attached at most; each row of a message leads to its own.
MAX_FILES = 10


class AccountMove(models.Model):
    """One reminder for each customer and currency, of all that is due (F191, W15, W30).

    Each invoice goes through its levels for itself. What comes to a level is told in
    one message, with all else that is due; the highest level that was come to decides
    on its text. A reminder that staff send counts as those levels, too.
    """

    _inherit = "account.move"

    # === BUSINESS METHODS - BY THE SCHEDULE === #

    def _billing_reach_levels(self, levels):
        """Have invoices come to their levels, and remind their customers.

        What the customer's credit covers waits: nothing is owed.

        :param levels: `omni.billing.reminder.level`, of the company.
        """
        self.invalidate_recordset()
        moves = self.filtered_domain(
            self._billing_get_remindable_domain(self.env.company)
        )
        # Where another reminder still waits, a level that is to be told is not reached
        # before the next run.
        waiting = moves._billing_find_reminders(Domain("state", "=", "queued"))
        busy = waiting._get_moves().commercial_partner_id
        reached = {
            move: found
            for move, found in moves._billing_find_levels(levels).items()
            if not found[0] or move.commercial_partner_id not in busy
        }
        leads = moves._billing_prepare_messages(reached)
        mails = self.env["omni.billing.mail"]
        if leads:
            mails = (
                self.browse()
                .union(*leads)
                ._billing_queue("reminder", prepare=leads.get, is_scheduled=True)
            )
        by_move = {move: mail for mail in mails for move in mail._get_moves()}
        # sudo: levels are the server's to write.
        Reminder = self.env["omni.billing.reminder"].sudo()
        Reminder.create(
            [
                values
                for move, found in reached.items()
                for values in move._billing_prepare_reminders(*found, by_move.get(move))
            ]
        )

    def _billing_prepare_messages(self, reached):
        """Return the values of the message of each customer who is told of a level.

        :param reached: as `_billing_find_levels` returns it.
        :rtype: dict[account.move, dict]
        """
        due, leads = self._billing_get_amounts_told(), {}
        for group in self._billing_group_reminders():
            told = [
                (reached[move][0], move)
                for move in group._billing_sort_by_due()
                if move in reached and reached[move][0]
            ]
            if told:
                level, lead = max(told, key=lambda pair: pair[0].days)
                others = group.filtered(lambda move: due.get(move.id)) - lead
                leads[lead] = {
                    "level_id": level.id,
                    "other_move_ids": [Command.set(others.ids)],
                }
        return leads

    def _billing_find_levels(self, levels):
        """Return to which levels invoices have come that they were not told of.

        :return: for each the level that it is told of, if it is past no higher one,
            and those that it has passed.
        :rtype: dict[account.move, tuple]
        """
        today = fields.Date.context_today(self)
        late = {
            level: self._billing_get_amounts_late(today - timedelta(days=level.days))
            for level in levels
        }
        found = {}
        for move, known in zip(self, self.sudo(), strict=True):  # sudo: levels alone
            known = known.billing_reminder_ids
            reached = levels.filtered(
                lambda level, move=move, known=known: (
                    late[level].get(move.id) and level not in known.level_id
                )
            ).sorted("days", reverse=True)
            highest = reached[:1]
            if any(reminder.days >= highest.days for reminder in known):
                highest = highest.browse()
            found[move] = (highest, reached - highest)
        return found

    def _billing_prepare_reminders(self, told, passed, mail=None):
        """Return the values of the levels that an invoice has come to."""
        self.ensure_one()
        return [
            {
                "move_id": self.id,
                "level_id": level.id,
                "days": level.days,
                "state": "sent" if level == told else "passed",
                "mail_id": mail.id if mail and level == told else False,
            }
            for level in told + passed
        ]

    # === BUSINESS METHODS - BY HAND === #

    def _billing_queue_mail(self, kind, **values):
        """Override: customers are reminded of all that is due, each once."""
        if kind != "reminder":
            return super()._billing_queue_mail(kind, **values)
        mails = self.env["omni.billing.mail"]
        for group in self._billing_group_reminders():
            mails += group._billing_remind_by_hand()
        return mails

    def _billing_remind_by_hand(self):
        """Remind one customer of these, and of all else that is due.

        It counts for the schedule: a level that they have come to is told by it.

        :return: `omni.billing.mail`; one that went out a moment ago, or still waits.
        :raise UserError: if the schedule does so at this very moment.
        """
        chosen = self._billing_sort_by_due()
        # Two who ring at once: the second begins again, and sees the first.
        self._billing_lock()
        take_turns(chosen.sudo())  # sudo: it is locked, and nothing is changed.
        since = fields.Datetime.now() - GRACE
        recent = self._billing_find_reminders(
            Domain("state", "=", "queued")
            | Domain("create_date", ">=", since)
            & Domain("state", "not in", ("failed", "canceled"))
        )
        if chosen <= recent._get_moves():
            return recent.sudo(False)  # sudo: given back
        others = chosen._billing_find_due_besides()
        levels = self.env["omni.billing.reminder"]._find_levels(self.company_id)
        reached = (chosen + others)._billing_find_levels(levels)
        mail = chosen[:1]._billing_queue(
            "reminder",
            level_id=(chosen + others)._billing_find_level_by_hand(levels).id,
            other_move_ids=[Command.set((chosen[1:] + others).ids)],
        )
        values = [
            row
            for move, found in reached.items()
            for row in move._billing_prepare_reminders(*found, mail)
        ]
        try:
            with savepoint(self.env):
                # sudo: it is the server's.
                self.env["omni.billing.reminder"].sudo().create(values)
        except UniqueViolation as error:
            raise UserError(
                self.env._(
                    "%(customer)s is being reminded right now, by the schedule.",
                    customer=self.commercial_partner_id.display_name,
                )
            ) from error
        return mail

    def _billing_find_level_by_hand(self, levels):
        """Return the highest level that one of these has come to, if it is one for
        customers: it decides on the text."""
        today = fields.Date.context_today(self)
        for level in levels.sorted("days", reverse=True):
            day = today - timedelta(days=level.days)
            if any(self._billing_get_amounts_late(day).values()):
                return level.filtered("to_customer")
        return levels.browse()

    def _billing_find_due_besides(self):
        """Return what else of the customer is due, and is not to be left alone."""
        today = fields.Date.context_today(self)
        found = self.search(
            self._billing_get_remindable_domain(self.company_id)
            & self._billing_get_due_domain(today)
            & Domain("commercial_partner_id", "=", self.commercial_partner_id.id)
            & Domain("currency_id", "=", self.currency_id.id)
            & Domain("id", "not in", self.ids)
        )
        late = found._billing_get_amounts_late(today)
        return found.filtered(lambda move: late.get(move.id))._billing_sort_by_due()

    # === BUSINESS METHODS - THE MESSAGE === #

    def _billing_prepare_mail(self, kind, level=None, others=None):
        """Override: a reminder is about several invoices."""
        if kind != "reminder":
            return super()._billing_prepare_mail(kind, level, others)
        about = self + others if others else self
        move = self.with_context(billing_reminded_ids=about.ids)
        return super(AccountMove, move)._billing_prepare_mail(kind, level, others)

    def _billing_render_mail(self, template, kind):
        """Override: each invoice is in the message, whatever its template says."""
        rendered = super()._billing_render_mail(template, kind)
        is_told = "_billing_render_reminder" in (template.body_html or "")
        if kind == "reminder" and not is_told and len(self._billing_get_reminded()) > 1:
            lang = template._render_lang(self.ids)[self.id] or self.env.lang
            rendered["body_html"] += self.with_context(
                lang=lang
            )._billing_render_reminder()
        return rendered

    def _billing_render_reminder(self):
        """Return the invoices of a reminder and what is due, as HTML for a message."""
        self.ensure_one()
        values = {
            "reminder": self._billing_prepare_reminder(),
            "write": self.currency_id._billing_format,
            "write_date": lambda day: format_date(self.env, day),
        }
        return self.env["ir.qweb"]._render("omni_billing.reminder_rows", values)

    def _billing_list_mail_files(self, kind):
        """Override: the statement of account, and invoices if they are few."""
        if kind != "reminder":
            return super()._billing_list_mail_files(kind)
        few = self if len(self) <= MAX_FILES else self.browse()
        files = super(AccountMove, few)._billing_list_mail_files(kind)
        return files + self._billing_list_statement_files()

    def _billing_list_statement_files(self):
        """Return the statement of account that has these invoices. Hook.

        :return: name, bytes and type of each file.
        """
        return []

    def _billing_get_reminded(self):
        """Return the invoices of the message that is being made: this one's customer's

        Whoever calls says which; the customer, company and currency have to be right.
        """
        self.ensure_one()
        reminded = self.browse(self.env.context.get("billing_reminded_ids") or self.ids)
        return reminded.filtered(
            lambda move: (
                move.commercial_partner_id == self.commercial_partner_id
                and move.company_id == self.company_id
                and move.currency_id == self.currency_id
            )
        )

    def _billing_prepare_reminder(self):
        """Return what a reminder tells, for its template.

        :return: ``rows``, each an invoice with ``move``, ``name``, ``title``, ``due``
            (date), ``amount`` that is due of it, ``is_overdue``, ``url``, ``pay_url``;
            ``amount`` (their sum), ``credit`` that is taken off it, ``total``,
            ``is_overdue`` (one at least), ``pay_url`` (if one pays it all). With taxes,
            in the currency of the invoice.
        """
        self.ensure_one()
        # sudo: whoever sends it may know what is owed.
        reminded = self._billing_get_reminded().sudo()._billing_sort_by_due()
        due, owed = reminded._billing_get_amounts_told(), {}
        every, credit = reminded._billing_get_amounts_owed(), {}
        for move, amount in reminded._billing_share_credit().items():
            credit[move.id] = amount
        rows = []
        for move in reminded:
            owed[move] = due.get(move.id) or every.get(move.id, 0.0)
            # Before credit on file is taken off.
            gross = move.currency_id.round(owed[move] + credit.get(move.id, 0.0))
            rows.append(
                {
                    "move": move,
                    "name": move.name,
                    "title": move.billing_title or "",
                    "due": move._billing_get_due_since(),
                    "amount": gross,
                    "is_overdue": move._billing_is_overdue(),
                    "url": move._billing_get_view_link(),
                    "pay_url": move._billing_get_pay_link(),
                }
            )
        amount = self.currency_id.round(sum(map(itemgetter("amount"), rows)))
        total = self.currency_id.round(sum(owed.values()))
        return {
            "rows": rows,
            "amount": amount,
            "credit": self.currency_id.round(amount - total),
            "total": total,
            "is_overdue": any(row["is_overdue"] for row in rows),
            "pay_url": self._billing_get_pay_link()
            if len(rows) == 1
            else reminded._billing_get_pay_all_link(),
        }

    def _billing_get_pay_all_link(self):
        """Return the page that pays all of these, for a customer with a login."""
        customer = self.commercial_partner_id
        # sudo: whether it has one is known to who sends it.
        users = self.env["res.users"].sudo()
        if not users.search_count([("partner_id", "child_of", customer.ids)], limit=1):
            return ""
        ids = ",".join(map(str, self.ids))
        return f"{self[:1].get_base_url()}/my/billing/pay?ids={ids}"

    def _billing_prepare_mailjet_variables(self):
        """Override: the sums of a reminder are those of all its invoices."""
        values = super()._billing_prepare_mailjet_variables()
        if "billing_reminded_ids" not in self.env.context:
            return values
        reminder, write = (
            self._billing_prepare_reminder(),
            self.currency_id._billing_format,
        )
        rows = reminder["rows"]
        return values | {
            "invoice_number": ", ".join(row["name"] for row in rows),
            "due_date": format_date(self.env, min(row["due"] for row in rows)),
            "total_amount": write(reminder["amount"])
            if len(rows) > 1
            else values["total_amount"],
            "amount_due": write(reminder["total"]),
            "pay_url": reminder["pay_url"],
            "invoices": "\n".join(
                " · ".join(
                    [
                        row["name"],
                        format_date(self.env, row["due"]),
                        write(row["amount"]),
                    ]
                )
                for row in rows
            ),
        }

    def _billing_name_reminder(self):
        """Return what a reminder is of, for its subject."""
        reminded = self._billing_get_reminded()
        if len(reminded) > 1:
            return self.env._(
                "reminder of %(count)s unpaid invoices", count=len(reminded)
            )
        return self.env._("reminder of invoice %(number)s", number=self.name or "")

    # === HELPERS === #

    def _billing_group_reminders(self):
        """Return these invoices by customer, company and currency: a message each."""

        def get_key(move):
            return move.company_id, move.commercial_partner_id, move.currency_id

        return list(self.grouped(get_key).values())

    def _billing_get_amounts_told(self):
        """Return what of these invoices a reminder of today tells of.

        What is due, or comes to the first level.

        :return: as `_billing_get_amounts_owed`.
        """
        today = fields.Date.context_today(self)
        levels = self.env["omni.billing.reminder"]._find_levels(self.company_id[:1])
        early = min([0, *levels.mapped("days")])
        return self._billing_get_amounts_late(today - timedelta(days=early))

    def _billing_find_reminders(self, domain):
        """Return messages about one of these, in sudo."""
        # sudo: whoever reminds has to know what went out.
        mails = self.env["omni.billing.mail"].sudo()
        about = Domain("move_id", "in", self.ids) | Domain(
            "other_move_ids", "in", self.ids
        )
        return mails.search(Domain("kind", "=", "reminder") & domain & about)
