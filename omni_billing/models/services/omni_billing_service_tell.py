import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import format_date

from ...tools.database import commit_progress, retry, savepoint
from ...tools.numbers import format_amount
from ...tools.recurrence import DAY
from ...tools.term import find_bound
from ...tools.write_guard import trust

_logger = logging.getLogger(__name__)

#: Mastercard has merchants tell, 3 to 7 days before, that a free trial of more than 7
#: days ends (Transaction Processing Rules, 5.4.1.1).
TRIAL_DAYS = timedelta(days=7)
#: Services that are told together.
CHUNK = 200


class OmniBillingService(models.Model):
    """What customers are told of their terms, by e-mail (W36, W37)."""

    _inherit = "omni.billing.service"

    tell_date = fields.Date(
        compute="_compute_tell_date",
        store=True,
        export_string_translation=False,
        help="When the customer is to be told of the end of its free days, or of the"
        " next renewal.",
    )
    told_until = fields.Date(
        readonly=True,
        copy=False,
        help="The last end of free days, or of a term, that the customer was told of.",
    )

    _tell_date_idx = models.Index("(tell_date) WHERE tell_date IS NOT NULL")

    # === COMPUTE METHODS === #

    @api.depends(
        *("active", "date_end", "date_start", "notice_days", "renewal_months"),
        *("term_end", "told_until", "trial_end", "unit"),
    )
    def _compute_tell_date(self):
        for service in self:
            service.tell_date = service._find_tell_date()

    def _find_tell_date(self):
        """Return when the customer is to be told next; False if of nothing."""
        if not (self.active and self.unit and self.date_start):
            return False
        if self._has_trial_to_tell():
            return self.trial_end - TRIAL_DAYS
        # sudo: settings are an accountant's, and hold for services.
        days, term = self.company_id.sudo().billing_tell_days, self._find_next_term()
        if not (days and term) or (self.date_end and self.date_end <= term):
            return False
        return term - timedelta(days=self._get_notice() + days)

    def _has_trial_to_tell(self):
        """Whether it has free days, more than seven, whose end was not told of yet."""
        trial, told, end = self.trial_end, self.told_until, self.date_end
        if not trial or (told and told >= trial) or (end and end <= trial):
            return False
        return trial - self.date_start >= TRIAL_DAYS

    def _find_next_term(self):
        """Return the end of the next term that is renewed, and was not told of."""
        term, told = self.term_end, self.told_until
        if not term or not self.renewal_months:
            return None
        if told and told >= term:
            return find_bound(told + DAY, 0, term, self.renewal_months)
        return term

    # === THE JOB === #

    @api.model
    def _cron_tell_terms(self):
        """Tell customers whose free days end, or whose terms are renewed; commits."""
        last, now = 0, fields.Datetime.now()
        domain = Domain("tell_date", "<=", fields.Date.today() + timedelta(days=1))
        commit_progress(self.env, remaining=self.search_count(domain))
        while services := self.search(
            domain & Domain("id", ">", last), order="id", limit=CHUNK
        ):
            last = services[-1].id
            retry(self.env, lambda services=services: services._tell_terms_free(now))
            if not commit_progress(self.env, len(services)):
                return

    def _tell_terms_free(self, now):
        """Tell of those that nobody else is working on."""
        free = self.try_lock_for_update(allow_referencing=True)
        free.invalidate_recordset()
        free._try_tell_terms(now)

    def _try_tell_terms(self, now):
        """Tell of many at once; what is wrong with one service stays with it."""
        try:
            with savepoint(self.env):
                self._tell_terms(now)
            return
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception as error:
            if len(self) == 1:
                _logger.warning("Service %s: nobody is told: %s", self.id, error)
                trust(self).problem = str(error)
                return
        half = len(self) // 2
        self[:half]._try_tell_terms(now)
        self[half:]._try_tell_terms(now)

    def _tell_terms(self, now):
        letters = []
        for service in self.filtered("tell_date"):
            today = service._get_today(now)
            if service.tell_date > today:
                continue
            told, letter = service._prepare_term_letter(today)
            trust(service).told_until = told
            letters.append(letter)
        self._billing_send_letters(letters)

    def _prepare_term_letter(self, today):
        """Return the day of which the customer is told now, and the e-mail, if any.

        Nothing is said of what is over by now: of a notice that is too late, or of free
        days that ended before anybody looked.
        """
        if self._has_trial_to_tell():
            trial = self.trial_end
            return trial, self._prepare_trial_letter() if trial >= today else None
        term, notice = self._find_next_term(), timedelta(days=self._get_notice())
        if term - notice < today:
            # The next one is that of which notice can still be given.
            return max(term, today + notice - DAY), None
        return term, self._prepare_renewal_letter(term - notice, term)

    # === LETTERS === #

    def _prepare_trial_letter(self):
        """Return the e-mail of who begins to pay: what, when, and how to end it."""
        service = self._in_language()
        env = service.env
        charges = service._billing_list_next()
        lines = [
            env._(
                "The free days of %(service)s end on %(date)s. After that it costs"
                " %(price)s.",
                service=self.name,
                date=service._write_day(self.trial_end),
                price=service._billing_describe_price(),
            )
        ]
        if charges:
            lines.append(
                env._(
                    "The first charge is on %(date)s: %(amount)s, taxes included.",
                    date=service._write_day(charges[0]["date"]),
                    amount=service._write_amount(charges[0]["amount"]),
                )
            )
        lines.append(service._write_how_to_end())
        subject = env._("The free days of %s end soon", self.name)
        return service._prepare_letter(subject, lines)

    def _prepare_renewal_letter(self, deadline, end):
        """Return the e-mail of whose term is renewed: until when to end it."""
        service = self._in_language()
        env = service.env
        lines = [
            env._(
                "%(service)s is agreed until %(date)s, and is renewed for %(months)s"
                " months after that, at %(price)s.",
                service=self.name,
                date=service._write_day(end),
                months=self.renewal_months,
                price=service._billing_describe_price(),
            ),
            env._(
                "If you do not want that, end it by %s.", service._write_day(deadline)
            ),
            service._write_how_to_end(),
        ]
        return service._prepare_letter(env._("%s is renewed soon", self.name), lines)

    def _billing_tell_end(self, fee=""):
        """Confirm to the customer what it ended."""
        service = self._in_language()
        env = service.env
        lines = [
            env._(
                "You ended %(service)s. Its last day is %(date)s.",
                service=self.name,
                date=service._write_day(self.date_end),
            )
        ]
        if fee:
            lines.append(env._("The exit fee is %s, taxes included.", fee))
        subject = env._("%s ends", self.name)
        self._billing_send_letters([service._prepare_letter(subject, lines)])

    def _billing_tell_pause(self, first, last):
        """Confirm to the customer what it paused."""
        service = self._in_language()
        env = service.env
        end = self.date_end
        if end and end <= last:
            line = env._(
                "You paused %(service)s from %(first)s on. These days are not charged;"
                " it ends on %(last)s, and does not go on before.",
                service=self.name,
                first=service._write_day(first),
                last=service._write_day(end),
            )
        else:
            line = env._(
                "You paused %(service)s from %(first)s to %(last)s. These days are not"
                " charged; it goes on by itself on %(next)s.",
                service=self.name,
                first=service._write_day(first),
                last=service._write_day(last),
                next=service._write_day(last + DAY),
            )
        subject = env._("%s is paused", self.name)
        self._billing_send_letters([service._prepare_letter(subject, [line])])

    def _billing_tell_resumed(self, was_paused):
        """Confirm to the customer that it goes on.

        :param bool was_paused: whether the pause had begun.
        """
        service = self._in_language()
        env = service.env
        if was_paused:
            line = env._(
                "You resumed %s: it goes on, and is charged, from today.", self.name
            )
        else:
            line = env._(
                "You took the pause of %s back: it goes on as before.", self.name
            )
        subject = env._("%s goes on", self.name)
        self._billing_send_letters([service._prepare_letter(subject, [line])])

    def _billing_tell_plan(self, before):
        """Confirm to the customer the plan that it chose.

        :param str before: the name of the plan before.
        """
        plan = self._in_language()
        line = plan.env._(
            "You changed %(service)s to %(plan)s, from %(date)s on: %(price)s.",
            service=before,
            plan=plan.name,
            date=plan._write_day(plan.date_start),
            price=plan._billing_describe_price(),
        )
        subject = plan.env._("Your plan is changed")
        self._billing_send_letters([plan._prepare_letter(subject, [line])])

    def _billing_tell_kept(self):
        """Confirm to the customer that its change of plan is taken back."""
        service = self._in_language()
        line = service.env._(
            "You took the change of %s back: it goes on as before.", self.name
        )
        subject = service.env._("Your plan stays as it is")
        self._billing_send_letters([service._prepare_letter(subject, [line])])

    # === HELPERS === #

    def _in_language(self):
        """Return the service in the language of who is billed for it."""
        self.ensure_one()
        lang = self._get_billed_contact().lang or self.env.lang
        return self.with_context(lang=lang)

    def _write_day(self, day):
        return format_date(self.env, day, lang_code=self.env.lang)

    def _write_amount(self, amount):
        return format_amount(self.env, amount, self.currency_id)

    def _write_how_to_end(self):
        # sudo: as above.
        if self.company_id.sudo().billing_lets_end:
            return self.env._("You can end it in your customer area.")
        return self.env._("To end it, answer this e-mail.")

    def _prepare_letter(self, subject, lines):
        """Return an e-mail to who is billed for a service; None without an address.

        :param list lines: its paragraphs, in the language of the environment.
        """
        customer = self._get_billed_contact()
        if not customer.email_normalized:
            return None
        # sudo: the mail is the seller's.
        company = self.company_id.sudo()
        body = self.env["ir.qweb"]._render(
            "omni_billing.service_letter",
            {"customer": customer, "company": company, "lines": lines},
            lang=self.env.lang,
        )
        return {
            "subject": subject,
            "email_to": customer.email_formatted,
            "email_from": company._billing_get_sender(),
            "body_html": body,
            "model": "res.partner",
            "res_id": customer.id,
        }

    def _billing_send_letters(self, letters):
        """Leave e-mails to Odoo's outbox."""
        # sudo: Odoo's outbox is not for users to write; what is in it is our letter.
        self.env["mail.mail"].sudo().create([one for one in letters if one])
