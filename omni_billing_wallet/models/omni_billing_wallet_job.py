from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import LockError, UserError
from odoo.fields import Command, Domain
from odoo.tools import SQL

from odoo.addons.omni_billing.const import COMING_STATES, UNPAID_STATES
from odoo.addons.omni_billing.tools.database import commit_progress, retry, step_alone
from odoo.addons.omni_billing.tools.lock import take_turns
from odoo.addons.omni_billing.tools.numbers import format_amount

#: Wallets, or items, that are looked at together.
CHUNK = 200
#: What a customer began in the portal, and did not pay, is void after this.
ABANDONED = timedelta(days=1)


def _is_refused(error):
    """Whether somebody has to do something; who was just being busy does not count."""
    is_busy = isinstance(error, LockError) or isinstance(error.__cause__, LockError)
    return isinstance(error, UserError) and not is_busy


class OmniBillingWallet(models.Model):
    """What is done by itself: invoices that are paid, top-ups, what expires (W51)."""

    _inherit = "omni.billing.wallet"

    # === THE JOB === #

    @api.model
    def _cron_work(self):
        """Pay what was unpaid when money came, top up, and book what expired; commits.

        Each customer is a step of its own: a job that dies goes on where it was, and
        what one is refused for keeps no other's.
        """
        self._draw_unpaid()
        self._void_abandoned()
        self._top_up_low()
        self._tell_all_ending()
        self._expire_all()

    def _do_alone(self, step, name, wallet=None):
        """Do a step that others may disturb; whether there is time for the next one.

        :param wallet: the one to note on why it was refused, if it is about one.
        """
        error = step_alone(self.env, lambda: retry(self.env, step), name)
        if wallet and error and _is_refused(error):
            step_alone(
                self.env,
                lambda: retry(self.env, lambda: wallet._note_problem(str(error))),
                f"problem of {name}",
            )
        return commit_progress(self.env, 1)

    # === INVOICES THAT WERE UNPAID === #

    def _draw_unpaid(self):
        """Pay unpaid invoices of who has prepaid money by now."""
        Move = self.env["account.move"]
        for _customer, moves in (
            Move.browse(self._find_unpaid()).grouped("commercial_partner_id").items()
        ):
            if not self._do_alone(
                lambda moves=moves: moves.try_lock_for_update(
                    allow_referencing=True
                )._billing_draw_prepaid(),
                f"prepaid money for {moves.ids}",
            ):
                return

    def _find_unpaid(self):
        """Return the ids of unpaid invoices of customers who have prepaid money."""
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """
                SELECT move.id
                  FROM omni_billing_wallet wallet
                  JOIN res_partner partner ON partner.id = wallet.partner_id
                  JOIN account_move move
                    ON move.commercial_partner_id = partner.commercial_partner_id
                   AND move.company_id = wallet.company_id
                   AND move.currency_id = wallet.currency_id
                 WHERE wallet.active
                   AND move.move_type = 'out_invoice'
                   AND move.billing_state IN %s
                   AND move.billing_wallet_id IS NULL
                   AND move.billing_wallet_off IS NOT TRUE
                   AND EXISTS (SELECT 1 FROM account_move_line line
                                WHERE line.billing_wallet_id = wallet.id
                                  AND line.reconciled IS NOT TRUE
                                  AND line.parent_state = 'posted'
                                  AND line.balance < 0)
              ORDER BY move.commercial_partner_id, move.id
                """,
                UNPAID_STATES,
            )
        )
        return [row[0] for row in self.env.cr.fetchall()]

    # === TOP-UPS === #

    def _void_abandoned(self):
        """Void top-ups that customers began in the portal, and did not pay.

        So are automatic ones that are unpaid when these are switched off.
        """
        Move, off = self.env["account.move"], Domain("is_auto", "=", False)
        begun = Domain("billing_wallet_origin", "=", "portal") & Domain(
            "create_date", "<", fields.Datetime.now() - ABANDONED
        )
        ended = Domain("billing_wallet_origin", "=", "auto") & Domain(
            "billing_wallet_id", "any", off | Domain("active", "=", False)
        )
        for domain in (begun, ended):
            for move in Move.search(
                domain
                & Domain("billing_state", "=", "unpaid")
                & Domain("billing_attempt_id", "=", False),
                order="id",
            ):
                if not self._do_alone(
                    move._billing_void_abandoned, f"top-up {move.id} that nobody paid"
                ):
                    return

    def _top_up_low(self):
        """Top up the wallets that have less than their level, each in its turn."""
        done = 0
        while wallets := self.search(
            Domain("is_auto", "=", True) & Domain("id", ">", done),
            order="id",
            limit=CHUNK,
        ):
            done = wallets[-1].id
            for wallet in wallets.filtered(
                lambda one: one.auto_problem or one._is_low(one.auto_level)
            ):
                if not self._do_alone(
                    wallet._top_up_itself, f"top-up of wallet {wallet.id}", wallet
                ):
                    return

    def _find_peers(self):
        """Return the wallets that pay for the same customer, in the same currency."""
        owned = self._find_for(self.partner_id.commercial_partner_id, self.company_id)
        return owned.filtered(lambda one: one.currency_id == self.currency_id)

    def _is_low(self, level):
        """Whether less than a level is left in these once all is billed."""
        left = sum(self.mapped("balance")) - max(self.mapped("unbilled"))
        return self.currency_id.compare_amounts(left, level) < 0

    def _has_top_up_under_way(self):
        """Whether one is not paid, or a payment or a refund of one is under way."""
        return bool(
            self._find_unpaid_top_ups()
            or self.env["account.move"].search_count(
                Domain("billing_wallet_id", "in", self.ids)
                & Domain("billing_attempt_id", "!=", False),
                limit=1,
            )
        )

    def _top_up_itself(self):
        """Invoice a top-up, and have the saved method charged for it, if it is low.

        The charge is a scheduled payment of today: it is begun, asked for, tried again
        and told of by the job that charges these, and by nobody else.
        """
        wallet = self.try_lock_for_update(allow_referencing=True)
        wallet.invalidate_recordset()
        if not wallet or not wallet.is_auto or not wallet.active:
            return
        # Another job may have topped it up since this one began: it begins again.
        take_turns(wallet)
        peers = wallet._find_peers()
        if not peers._is_low(wallet.auto_level):
            wallet._note_problem("")
            return
        if problem := wallet._explain_moved():
            wallet._note_problem(problem)
            return
        own = peers.filtered(lambda one: one.is_auto and not one._explain_moved())
        if wallet != own.sorted("id")[:1]:
            # Customers were merged: one of their wallets is topped up.
            wallet._note_problem("")
            return
        if peers._has_top_up_under_way():
            wallet._note_problem(peers._explain_unpaid())
            return
        card = wallet.partner_id._billing_get_cards(wallet.company_id)[:1]
        if problem := wallet._explain_no_top_up(card):
            wallet._note_problem(problem)
            return
        wallet._charge_itself(wallet._top_up(wallet.auto_amount, "auto"), card)
        wallet._note_problem("")

    def _charge_itself(self, move, card):
        """Have the method charged for a top-up today, by the job that charges those."""
        today = fields.Date.context_today(self)
        Installment = self.env["omni.billing.installment"]
        Installment.with_company(self.company_id)._plan(
            move, [(today, move.amount_residual)], card
        )

    def _explain_moved(self):
        """Return whose contact the customer is by now, if it is somebody's."""
        if self.partner_id == self.partner_id.commercial_partner_id:
            return ""
        return self.env._(
            "%(customer)s belongs to %(company)s by now, whose payment method it"
            " would be: nothing was topped up. Agree on it with them.",
            customer=self.partner_id.display_name,
            company=self.partner_id.commercial_partner_id.display_name,
        )

    def _explain_unpaid(self):
        """Return which top-up keeps others from being made, if it stays unpaid."""
        today = fields.Date.context_today(self)
        for move in self._find_unpaid_top_ups():
            day = move.invoice_date or move.create_date.date()
            if day < today and not move._billing_is_to_end():
                return self.env._(
                    "%(invoice)s, a top-up of %(customer)s, is not paid, and nothing"
                    " pays it by itself: no other one is made. Have it paid, or void"
                    " it.",
                    invoice=move.display_name,
                    customer=self[:1].partner_id.display_name,
                )
        return ""

    def _explain_no_top_up(self, card):
        """Return why nothing is charged by itself, or nothing."""
        self.ensure_one()
        today = fields.Date.context_today(self)
        if disputed := self._find_disputed():
            return self.env._(
                "The payment of %(invoice)s, a top-up of %(customer)s, is disputed:"
                " nothing is charged by itself. See what is wrong.",
                invoice=disputed.display_name,
                customer=self.partner_id.display_name,
            )
        if self._was_last_for_nothing():
            return self.env._(
                "The last automatic top-up of %(customer)s expired, and nothing of it"
                " was used: none was made. Switch it off, or have the customer agree"
                " anew.",
                customer=self.partner_id.display_name,
            )
        month = self.env["account.move"].search(
            Domain("billing_wallet_origin", "=", "auto")
            & Domain("invoice_date", ">=", today.replace(day=1))
            & Domain("billing_wallet_id", "in", self._find_peers().ids)
            & Domain("billing_state", "!=", "void")
        )
        total = sum(month.mapped("amount_total")) + self.auto_amount
        if self.currency_id.compare_amounts(total, self.auto_limit) > 0:
            return self.env._(
                "Automatic top-ups of %(customer)s have reached %(limit)s, the most of"
                " a month (%(month)s): none was made. See whether something is wrong;"
                " a higher limit is the customer's to agree to.",
                customer=self.partner_id.display_name,
                limit=format_amount(self.env, self.auto_limit, self.currency_id),
                month=today.strftime("%Y-%m"),
            )
        if not card:
            return self.env._(
                "%(customer)s has no saved payment method, so nothing was topped up.",
                customer=self.partner_id.display_name,
            )
        if card.billing_is_expired:
            return self.env._(
                "%(card)s of %(customer)s is expired, so nothing was topped up.",
                card=card.display_name,
                customer=self.partner_id.display_name,
            )
        return card._billing_explain_no_consent(self.auto_amount, self.currency_id)

    def _find_disputed(self):
        """Return a top-up whose payment the customer's bank wants back, if any.

        One that was written off, too, until somebody switches them on again.
        """
        since = self.auto_set_on or self.create_date
        return self.env["account.move"].search(
            Domain("billing_wallet_id", "in", self._find_peers().ids)
            & (
                Domain("billing_dispute", "in", ("inquiry", "open", "lost"))
                | Domain("billing_dispute", "=", "written_off")
                & Domain("create_date", ">=", since)
            ),
            limit=1,
        )

    def _was_last_for_nothing(self):
        """Whether the last automatic top-up since it was set expired without a use."""
        last = self.env["account.move"].search(
            Domain("billing_wallet_id", "=", self.id)
            & Domain("billing_wallet_origin", "=", "auto")
            & Domain("billing_state", "=", "paid")
            & Domain("create_date", ">=", self.auto_set_on or self.create_date),
            order="id desc",
            limit=1,
        )
        line = last._billing_get_wallet_lines()[:1]
        end = line.billing_wallet_expires_on
        if not end or end >= fields.Date.context_today(self):
            return False
        kinds = line.matched_debit_ids.debit_move_id.move_id.mapped(
            "billing_wallet_kind"
        )
        return "draw" not in kinds

    # === WHAT EXPIRES === #

    @api.model
    def _get_expired_domain(self):
        """Return the journal items of which something is left, and expired."""
        return (
            Domain("billing_wallet_expires_on", "<", fields.Date.context_today(self))
            & Domain("reconciled", "=", False)
            & Domain("billing_wallet_id", "!=", False)
            & Domain("parent_state", "=", "posted")
            & Domain("balance", "<", 0)
        )

    def _expire_all(self):
        """Book what expired as income, where the company says so."""
        Line = self.env["account.move.line"]
        for company in self.env["res.company"].search(
            [("billing_wallet_income_account_id", "!=", False)]
        ):
            domain = self._get_expired_domain() & Domain("company_id", "=", company.id)
            done = 0
            while lines := Line.search(
                domain & Domain("id", ">", done), order="id", limit=CHUNK
            ):
                done = lines[-1].id
                if not self._do_alone(
                    lambda lines=lines, company=company: self._expire(lines, company),
                    f"prepaid money of {company.name} that expired",
                ):
                    return

    def _expire(self, lines, company):
        """Post one entry of what is left of these, if nobody works on them."""
        free = lines.move_id.try_lock_for_update(allow_referencing=True)
        lines = lines.filtered(lambda line: line.move_id in free)
        # Who uses one meanwhile began before: it begins again.
        if free:
            take_turns(free)
        lines.invalidate_recordset()
        name = self.env._("Prepaid money that expired")
        taken, values = lines.browse(), []
        # Less what went back although it was used; and what was written off, which is
        # income against that loss.
        lots = lines.billing_wallet_id._read_lots(is_expired=True)
        left = {lot.line: lot.left for own in lots.values() for lot in own}
        for line in lines.filtered(lambda one: one._billing_is_undisputed()):
            last = line.billing_wallet_expires_on
            amount = left.get(line, 0.0) + line._billing_get_lost()
            if amount and last and last < line._billing_get_wallet_today():
                taken += line
                values.append(line._billing_prepare_wallet_line(amount, name))
        for currency in taken.currency_id:
            self._book_expired(
                [
                    (line, value)
                    for line, value in zip(taken, values, strict=True)
                    if line.currency_id == currency
                ],
                company,
                name,
            )

    def _book_expired(self, pairs, company, name):
        """Post the entry: customer advances become income.

        :param list pairs: items, and the values of what takes them off.
        """
        currency = pairs[0][0].currency_id
        lines = [value for _line, value in pairs]
        income = {
            "name": name,
            "account_id": company.billing_wallet_income_account_id.id,
            "currency_id": currency.id,
            "amount_currency": -sum(line["amount_currency"] for line in lines),
            "balance": -sum(line["balance"] for line in lines),
            "tax_ids": [Command.clear()],
        }
        moves = pairs[0][0].move_id
        entry = moves._billing_post_wallet_entry(
            "expired", name, [*lines, income], currency
        )
        taken = entry.line_ids.filtered("billing_wallet_id").sorted("id")
        for (line, _value), other in zip(pairs, taken, strict=True):
            (line + other).reconcile()


class AccountMove(models.Model):
    """A top-up that nobody paid: begun in the portal, or automatic (W51)."""

    _inherit = "account.move"

    def _billing_void_abandoned(self):
        """Void a top-up, unless it is being paid, or somebody works on it."""
        free = self.try_lock_for_update(allow_referencing=True)
        free.invalidate_recordset()
        if free.billing_state != "unpaid" or free._billing_is_being_paid():
            return
        reason = self.env._("The customer did not pay it")
        if free.billing_wallet_origin == "auto":
            reason = self.env._("Automatic top-ups were switched off")
        # Stripe is asked first; if that does not work, it is void the next time.
        free.action_billing_void(reason=reason)

    def _billing_is_being_paid(self):
        """Whether money of a top-up is under way, or is to come on a day."""
        planned = self.billing_installment_ids.filtered(
            lambda payment: payment.charge_state in COMING_STATES
        )
        return bool(planned) or self._billing_has_money_under_way()

    def _billing_is_to_end(self):
        """Whether an unpaid top-up is paid, or void, without anybody's doing."""
        is_begun = self.billing_wallet_origin == "portal"
        is_void_soon = is_begun and self.billing_state == "unpaid"
        return is_void_soon or self._billing_is_being_paid()
