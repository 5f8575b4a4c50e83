import logging
from datetime import timedelta

import psycopg2
from markupsafe import escape

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

from ...tools.database import commit_progress, retry, rollback, savepoint
from ...tools.explain import explain
from ...tools.memo import remembering
from ...tools.write_guard import trust

_logger = logging.getLogger(__name__)

#: Customers that are billed in one database transaction.
CHUNK = 100
#: How long cards wait before a key is tried again that Stripe did not accept; the job
#: comes by every ten minutes.
STOP = timedelta(minutes=9)


class OmniBillingRun(models.Model):
    """The steps of a run (promise 7): lines, chunks of invoices, charges, e-mails."""

    _inherit = "omni.billing.run"

    # === CRON === #

    @api.model
    def _cron_process(self):
        """Work on the runs that somebody began, and on those whose time has come."""
        now = fields.Datetime.now()
        self.env["omni.billing.run.schedule"]._start_due(now)
        for run in self.search(
            [("state", "=", "scheduled"), ("scheduled_at", "<=", now)]
        ):
            run._begin("running")
        commit_progress(self.env)
        for run in self.search(
            [("state", "in", ("checking", "running", "collecting"))], order="id"
        ):
            if not run._work_or_pause():
                return
        self.env["omni.billing.run.line"]._collect_due()

    def _work_or_pause(self, work="_work"):
        """Work on the run; what breaks all of it pauses it, and other runs go on.

        :param str work: the method that does it.
        """
        try:
            return getattr(self, work)()
        except (psycopg2.OperationalError, psycopg2.InterfaceError):
            # A conflict, or no database: the job begins again.
            raise
        except Exception as error:
            rollback(self.env)
            _logger.warning("%s is paused: %r", self, error)
            self.invalidate_recordset()
            if self.state == "checking":
                # A check that broke is none: nothing may be billed on it.
                self._forget_lines()
                self._tell(explain(self.env, error))
            elif self.state in ("running", "collecting"):
                trust(self).state = "paused"
                self._tell(
                    self.env._("Paused. %(error)s", error=explain(self.env, error))
                )
            commit_progress(self.env)
            return True

    def _work(self):
        """Go on with the run, step by step, as long as there is time.

        :return: whether there is time left for other runs.
        """
        self.ensure_one()
        run = self._as_responsible()
        if not run.is_prepared and not run._prepare():
            return False
        return run._bill_pending() and run._collect()

    def _bill_pending(self):
        """Bill, or check, the customers that are left; commits after each chunk. Hook.

        :return: whether there is time left for what comes after.
        """
        busy = set()
        while self.state in ("checking", "running"):
            is_over, seconds = self._bill_next(busy)
            if is_over:
                break
            if not seconds:
                return False
        return True

    def _bill_next(self, busy):
        """Bill one chunk, or end the billing; commits.

        :param set busy: see `_process_chunk`.
        :return: whether nothing was left to do, and the seconds that are left.
        """
        lines = retry(self.env, lambda: self._process_chunk(busy))
        left = max(self._count_pending() - len(busy), 0)
        seconds = commit_progress(self.env, len(lines), left)
        self.invalidate_recordset()
        if not lines:
            retry(self.env, self._end_billing)
            seconds = commit_progress(self.env)
        return not lines, seconds

    def _as_responsible(self):
        """Return the run as its responsible sees it, with the rights of the job.

        Remarks are then in the language of who reads them, and invoices name a person.
        """
        user = self.user_id or self.env.user
        # sudo: the job does what a run needs, whoever began it.
        run = self.with_user(user).sudo().with_company(self.company_id)
        return run.with_context(lang=user.lang)

    # === BUSINESS METHODS - PREPARATION === #

    def _prepare(self):
        """Write a line for each customer and currency, once; commits.

        :return: whether there is time left.
        """
        # A check writes no charges: it computes them (`_preview_services`).
        now = fields.Datetime.now()
        services = self.env["omni.billing.service"]
        if self.state != "checking" and not services._write_all_due(
            now, self.company_id
        ):
            return False
        retry(self.env, self._prepare_lines)
        return bool(commit_progress(self.env, 0, self._count_pending()))

    def _prepare_lines(self):
        self._lock_state()
        if self.is_prepared:
            # Another process was faster.
            return
        Line = self.env["omni.billing.run.line"]
        # The lines of a check are as of then. No line has an invoice yet, as billing
        # begins after this.
        self.line_ids.unlink()
        groups = self.env["omni.billing.transaction"]._read_group(
            self._get_transaction_domain(), ["commercial_partner_id", "currency_id"]
        )
        if self.state == "checking":
            groups = dict.fromkeys(groups + self._find_served())
        Line.create(
            [
                {
                    "run_id": self.id,
                    "company_id": self.company_id.id,
                    "partner_id": partner.id,
                    "currency_id": currency.id,
                }
                for partner, currency in groups
            ]
        )
        trust(self).write({"is_prepared": True, "working_since": fields.Datetime.now()})

    def _get_transaction_domain(self):
        """Return what the run bills."""
        self.ensure_one()
        Transaction = self.env["omni.billing.transaction"]
        return (
            Transaction._get_billable_domain(
                self.company_id,
                date_start=self.date_start,
                date_end=self.date_end,
                filter_text=self.filter_text,
                currency=self.currency_id,
            )
            & self._get_selection_domain()
        )

    @api.model
    def _get_grouping_key(self, transaction):
        """Return what tells the invoices of one customer apart, a text. Hook.

        All charges and credits of a customer with the same key, in one currency, come
        on one invoice (W9).
        """
        return ""

    # === BUSINESS METHODS - CHUNKS === #

    def _process_chunk(self, busy=None):
        """Bill the next customers, or see what would be billed.

        What one customer fails at stays with that customer (promise 7).

        :param set busy: ids of lines whose transactions someone else works on; they are
            added to it, and left for later.
        :return: the lines that were dealt with.
        """
        busy = set() if busy is None else busy
        size = self._get_chunk_size()
        lines = self.env["omni.billing.run.line"]._get_pending(self, size, busy)
        if not lines:
            return lines
        batches = self._group(lines)
        if self.state == "checking":
            for line, transactions in batches:
                if not self._check_one(line, transactions):
                    # What is only computed went with the savepoint: in the next chunk.
                    break
            return lines
        self._check_open()
        locked = set(
            self.env["omni.billing.transaction"]
            .union(*(transactions for _line, transactions in batches))
            .try_lock_for_update(allow_referencing=True)
            .ids
        )
        free = []
        for line, transactions in batches:
            if locked.issuperset(transactions.ids):
                free.append((line, transactions))
            else:
                busy.add(line.id)
        self._bill_each(free)
        return lines

    def _get_chunk_size(self):
        """Return how many customers are billed in one database transaction. Hook."""
        return CHUNK

    def _group(self, lines):
        """Return each line with the transactions that are for it.

        A line that has no key yet takes the first one; the others get lines of their
        own.

        :rtype: list[tuple[omni.billing.run.line, omni.billing.transaction]]
        """
        Transaction = self.env["omni.billing.transaction"]
        transactions = Transaction.search(
            self._get_transaction_domain()
            & Domain("commercial_partner_id", "in", lines.partner_id.ids),
            order="date, id",
        )
        if self.state == "checking":
            transactions += self._preview_services(lines.partner_id)
        groups = {}
        for transaction in transactions:
            owner = transaction.commercial_partner_id, transaction.currency_id
            key = self._get_grouping_key(transaction)
            groups.setdefault(owner, {}).setdefault(key, []).append(transaction.id)
        batches = []
        for line in lines:
            mine = groups.get((line.partner_id, line.currency_id), {})
            if line.grouping_key is False and mine:
                keys = sorted(mine)
                line.grouping_key = keys[0]
                others = [{"grouping_key": key} for key in keys[1:]]
                common = line.copy_data()[0]
                for other in line.create([common | values for values in others]):
                    batches.append((other, mine[other.grouping_key]))
            batches.append((line, mine.get(line.grouping_key or "", [])))
        # With one prefetch: a field of one is read for all in one query.
        together = transactions.ids  # of those that are in the database
        return [
            (line, Transaction.browse(ids).with_prefetch(together))
            for line, ids in batches
        ]

    def _bill_each(self, batches):
        """Bill customers together; if that fails, in halves, down to who it is."""
        try:
            with savepoint(self.env):
                self._bill(batches)
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception as error:
            if len(batches) == 1:
                line = batches[0][0]
                if not isinstance(error, UserError):
                    _logger.warning("%s is parked: %r", line.partner_id, error)
                line._park(explain(self.env, error))
                return
            half = len(batches) // 2
            self._bill_each(batches[:half])
            self._bill_each(batches[half:])

    def _bill(self, batches):
        """Create, mark and post the invoices of some customers, all or none."""
        Transaction = self.env["omni.billing.transaction"]
        # What an invoice comes to is asked twice, and computed once.
        with remembering(Transaction) as lot:
            ids = [id_ for _line, transactions in batches for id_ in transactions.ids]
            batches = [
                (line, lot.browse(transactions.ids).with_prefetch(ids))
                for line, transactions in batches
            ]
            wanted = [batch for batch in batches if self._judge(*batch)]
            if not wanted:
                return
            moves = lot._create_invoices(
                [
                    (
                        transactions,
                        line.partner_id,
                        self._add_period(
                            self._prepare_options(line), line, transactions
                        ),
                    )
                    for line, transactions in wanted
                ]
            )
        moves = self.env["account.move"].browse(moves.ids)
        for (line, _transactions), move in zip(wanted, moves, strict=True):
            line._set_done(move)
        self.env.flush_all()
        self._post_process(moves)

    def _prepare_options(self, line):
        """Return the options of `omni.billing.transaction._create_invoice`. Hook."""
        options = {
            "title": self.title
            or line.partner_id._billing_propose_title(self.date_start, self.date_end),
            "date_start": self.date_start,
            "date_end": self.date_end,
            "invoice_date": self.invoice_date,
            "customer_reference": self.customer_reference,
        }
        term = self.env["account.payment.term"]
        if self.due_policy == "term":
            term = self.payment_term_id
        elif self.due_policy == "customer":
            term = line.partner_id.property_payment_term_id
        if term:
            return options | {"payment_term": term}
        is_fixed = self.due_policy == "date"
        return options | {"date_due": self.date_due if is_fixed else self.invoice_date}

    def _add_period(self, options, line, transactions):
        """Return the options with the period that an open run found.

        Without a start it begins with the oldest of the transactions: the invoice says
        so, and not that it is all of the last day.
        """
        if options.get("date_start") or not options.get("date_end"):
            return options
        start = min(transactions.mapped("date"))
        period = {"date_start": start}
        if not self.title and start < options["date_end"]:
            period["title"] = line.partner_id._billing_propose_title(
                start, options["date_end"]
            )
        return options | period

    def _post_process(self, moves):
        """Do more with the posted invoices, in the same database transaction. Hook."""

    # === BUSINESS METHODS - CHARGING AND SENDING === #

    def _collect(self):
        """Charge and send, one customer after the other; commits after each. Hook.

        :return: whether there is time left for other runs.
        """
        while self.state == "collecting":
            is_over, seconds = self._collect_next()
            if is_over:
                break
            if not seconds:
                return False
        return True

    def _collect_next(self):
        """Charge and send for one customer, or end the run; commits.

        :return: whether nothing was left to do, and the seconds that are left.
        """
        Line = self.env["omni.billing.run.line"]
        if line := Line._lock_next(self._get_possible_domain()):
            is_charge = line.charge_state == "due"
            line._collect_or_hand_over()
            if is_charge:
                self._note_charging(line)
            # Whether there are more: to count them each time would be quadratic.
            left = Line.search_count(self._get_possible_domain(), limit=1)
            seconds = commit_progress(self.env, 1, left)
        else:
            domain = self._get_collecting_domain()
            retry(self.env, lambda: self._end_collecting(domain))
            seconds = commit_progress(self.env)
        self.invalidate_recordset()
        return not line, seconds

    def _get_possible_domain(self):
        """Return what can be done now: cards wait if Stripe just refused the key."""
        domain = self._get_collecting_domain()
        stopped = self.charging_stopped_at
        if stopped and stopped > fields.Datetime.now() - STOP:
            domain &= Domain("charge_state", "!=", "due")
        return domain

    def _note_charging(self, line):
        """Stop charging cards for a while if Stripe does not accept the key.

        Who is responsible is told once, and when it goes on.
        """
        if line.charge_is_stopped:
            if not self.charging_stopped_at:
                self._tell(
                    self.env._(
                        "Nothing is charged at the moment. %(reason)s It is tried"
                        " again every few minutes, and goes on by itself.",
                        reason=line.charge_error,
                    )
                )
            trust(self).charging_stopped_at = fields.Datetime.now()
        elif self.charging_stopped_at and line._is_answered():
            trust(self).charging_stopped_at = False
            self._tell(self.env._("Charges are tried again."))

    def _get_collecting_domain(self):
        """Return the lines of this run that are to be charged or sent."""
        Line = self.env["omni.billing.run.line"]
        return Domain("run_id", "=", self.id) & Line._get_collecting_domain()

    def _end_collecting(self, domain):
        self._lock_state()
        is_left = self.env["omni.billing.run.line"].search_count(domain, limit=1)
        if self.state == "collecting" and not is_left:
            self._finish()

    # === BUSINESS METHODS - END === #

    def _end_billing(self):
        """Go over to what comes after billing, if nothing is left to bill."""
        self._lock_state()
        if self.state not in ("checking", "running"):
            return
        if self._count_pending():
            # Someone else works on these customers, or on their transactions.
            self._trigger_job(at=fields.Datetime.now() + timedelta(minutes=1))
            return
        if self.state == "checking":
            trust(self).state = "checked"
        elif self.env["omni.billing.run.line"].search_count(
            self._get_collecting_domain(), limit=1
        ):
            self._go_on("collecting")
        else:
            self._finish()

    def _finish(self):
        """Tell who is responsible how it ended."""
        trust(self).write({"state": "done", "finished_at": fields.Datetime.now()})
        self.invalidate_recordset()
        self._tell(self._explain_end())

    def _explain_end(self):
        """Return how the run ended, as HTML."""
        return escape(
            self.env._(
                "Billed: %(done)s (%(amounts)s), skipped: %(skipped)s, parked:"
                " %(parked)s, not charged: %(failed)s, not sent: %(unsent)s.",
                done=self.done_count,
                amounts=self.amounts or "0",
                skipped=self.skipped_count,
                parked=self.parked_count,
                failed=self.failed_count,
                unsent=self.unsent_count,
            )
        )

    def _tell(self, message):
        """Leave a message for who is responsible."""
        self.message_post(
            body=message,
            subject=self.name,
            author_id=self.env.ref("base.partner_root").id,
            partner_ids=self.user_id.partner_id.ids,
        )
