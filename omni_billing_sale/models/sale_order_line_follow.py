import logging
from collections import defaultdict

from odoo import api, models
from odoo.fields import Domain
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

from odoo.addons.omni_billing.tools.database import commit_progress, retry, savepoint
from odoo.addons.omni_billing.tools.write_guard import trust, without_any_default

_logger = logging.getLogger(__name__)

#: Lines that are followed in one database transaction.
CHUNK = 500


class SaleOrderLine(models.Model):
    """Bringing Billing in line with what is ordered and delivered: each unit once."""

    _inherit = "sale.order.line"

    # === THE JOB === #

    @api.model
    def _cron_billing_follow(self):
        """Follow what was delivered, and what a click could not; a job (W38).

        It commits after each chunk.
        """
        due, last_id = Domain("billing_is_due", "=", True), 0
        commit_progress(self.env, remaining=self.search_count(due))
        while lines := self.search(
            due & Domain("id", ">", last_id), order="id", limit=CHUNK
        ):
            last_id = lines[-1].id
            retry(self.env, lines._billing_try_all)
            if not commit_progress(self.env, len(lines)):
                return

    def _billing_try_all(self):
        """Follow lines that nobody else is at; what is wrong is told on the order."""
        lines = self.try_lock_for_update(allow_referencing=True)
        problems = lines._billing_try()
        for order in lines.order_id.filtered(lambda order: order.state == "sale"):
            problem = problems.get(order.id, False)
            if order.billing_problem != problem:
                trust(order).billing_problem = problem

    def _billing_try(self):
        """Follow lines together; if that fails, in halves, down to the one that fails.

        :return: why, by the id of the order.
        :rtype: dict[int, str]
        """
        if not self:
            return {}
        try:
            with savepoint(self.env):
                self._billing_follow()
            return {}
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception as error:
            if len(self) == 1:
                _logger.warning("Order line %s is not in Billing: %s", self.id, error)
                return {self.order_id.id: str(error)}
        half = len(self) // 2
        return self[:half]._billing_try() | self[half:]._billing_try()

    # === ONE STEP === #

    def _billing_follow(self):
        """Write what is due of lines that are locked, all at once.

        Called with all rights. Of what is more, charges; what is less is taken back,
        first of what is unbilled, then by credits of what was billed.
        """
        for company, lines in (
            self.filtered("billing_is_due").grouped("company_id").items()
        ):
            lines.with_company(company)._billing_follow_of_company()

    def _billing_follow_of_company(self):
        recurring = self.filtered(lambda line: line._billing_is_service())
        recurring._billing_follow_services()
        ordered = self - recurring
        closed = ordered._billing_filter_closed()
        closed._billing_withdraw()
        ordered -= closed
        known = ordered._billing_read_known()
        added, taken = {}, {}
        there = {line: line._billing_get_target() for line in self}
        for line in ordered:
            kept = line._billing_keep(known[line], there[line])
            added[line] = there[line] - kept
            taken[line] = known[line] - kept
        values = ordered._billing_take_back(taken, there)
        for line in ordered:
            if line._billing_is_worth(added[line]):
                values.append(line._billing_prepare_charge(added[line]))
            else:
                there[line] -= added[line]
        ordered._billing_enter(values)
        for quantity, lines in self.grouped(there.get).items():
            trust(lines).billing_qty = quantity

    @api.model
    def _billing_keep(self, known, target):
        """Return how many of those that are known stay, when so many are to be."""
        if known * target <= 0:
            return 0.0
        return min(known, target, key=abs)

    def _billing_read_known(self):
        """Return how many of each line are billed, or wait for it; 0 of what is new.

        Where the line remembers none, as of an order that is confirmed again, what is
        there counts, and what Sales has invoiced.

        :rtype: dict[sale.order.line, float]
        """
        known = {line: line.billing_qty for line in self}
        new = self.filtered(lambda line: not line.billing_qty)
        counted = new._billing_count(["unbilled", "invoiced"])
        for line in new:
            known[line] = counted[line.id] + line._billing_count_theirs()
        return known

    def _billing_count(self, states):
        """Return how many of each line are in transactions of some states, by its id"""
        # sudo: who sees a line sees how many of it are billed.
        Transaction = self.env["omni.billing.transaction"].sudo()
        found = Transaction._read_group(
            Domain("sale_line_id", "in", self._origin.ids)
            & Domain("state", "in", states),
            ["sale_line_id"],
            ["sale_quantity:sum"],
        )
        return defaultdict(float, {line.id: quantity for line, quantity in found})

    def _billing_enter(self, values):
        """Create transactions of lines, each with a number of its own on its line.

        A unique index on both has the last word on what is written twice.
        """
        if not values:
            return
        Transaction = self.env["omni.billing.transaction"]
        parts = dict(
            Transaction._read_group(
                [("sale_line_id", "in", self.ids)], ["sale_line_id"], ["sale_part:max"]
            )
        )
        for vals in values:
            line = self.browse(vals["sale_line_id"])
            parts[line] = vals["sale_part"] = (parts.get(line) or 0) + 1
        trust(without_any_default(Transaction)).create(values)

    # === WHAT IS TAKEN BACK === #

    def _billing_take_back(self, taken, there):
        """Take quantities back: what is unbilled at once, what is billed by credits.

        :param dict taken: by line, with the sign of what is in Billing.
        :param dict there: by line, how many are in Billing then; what comes to no
            amount is taken off, and waits until it does.
        :return: the values of the credits; of a line that was a credit, of charges.
        :rtype: list[dict]
        """
        lines = self.filtered(lambda line: taken[line])
        values = []
        for line, (origins, counters) in lines._billing_read_entries().items():
            left = taken[line]
            for origin in origins:
                if (
                    not self._billing_compare(left, 0)
                    or left * origin.sale_quantity < 0
                ):
                    continue
                against = counters[origin]
                rest = origin.sale_quantity + sum(against.mapped("sale_quantity"))
                part = self._billing_keep(left, rest)
                if not self._billing_compare(part, 0):
                    continue
                if origin.state == "unbilled" and not against:
                    there[line] -= origin._sale_reduce(part)
                else:
                    values += origin._sale_prepare_counter(part, rest, against)
                left -= part
        return values

    def _billing_read_entries(self):
        """Return the transactions of lines, and what takes each back, newest first.

        :return: by line, those and a dict of these.
        """
        found = self.env["omni.billing.transaction"].search(
            Domain("sale_line_id", "in", self.ids) & Domain("state", "!=", "void"),
            # What is unbilled is the first to go.
            order="state desc, id desc",
        )
        entries = {line: (found.browse(), {}) for line in self}
        for line, own in found.grouped("sale_line_id").items():
            line = self.browse(line.id)
            own = own.with_prefetch(found._ids)
            back = own.filtered(lambda entry: entry._sale_get_origin())
            origins = (own - back).with_prefetch(found._ids)
            counters = {
                origin: back.filtered(
                    lambda entry, origin=origin: entry._sale_get_origin() == origin
                )
                for origin in origins
            }
            entries[line] = origins, counters
        return entries

    def _billing_filter_closed(self):
        """Return those of orders that are canceled, or quotations again."""
        return self.filtered(lambda line: line.state != "sale")

    def _billing_withdraw(self):
        """Void what is unbilled of orders that were canceled, and tell what is billed.

        Credits for what was taken back before stay with what they are of.
        """
        billed = defaultdict(float)
        void = self.env["omni.billing.transaction"]
        for line, (origins, counters) in self._billing_read_entries().items():
            for origin in origins:
                all_of_it = origin | counters[origin]
                if all(entry.state == "unbilled" for entry in all_of_it):
                    void |= all_of_it
                else:
                    billed[line.order_id] += sum(all_of_it.mapped("amount_total"))
        if void:
            void.action_void(self.env._("The order was canceled"))
        for order, amount in billed.items():
            if not order.currency_id.is_zero(amount):
                left = order._billing_explain_canceled(amount)
                order._billing_tell_to_settle(left)
