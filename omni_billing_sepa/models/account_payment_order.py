from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date, format_list

from odoo.addons.omni_billing.tools.lock import lock_or_tell
from odoo.addons.omni_billing.tools.write_guard import is_trusted, trusting

from ..tools.states import FIXED, HOLDS
from ..tools.target_days import is_business_day
from .res_company import METHOD

#: What says where, and under which name, an order is at the bank.
KEPT = {"company_id", "journal_id", "name", "payment_method_line_id", "state"}


class AccountPaymentOrder(models.Model):
    """A debit order: the notice goes out with it, and the bank has the last word."""

    _inherit = "account.payment.order"

    billing_file_made = fields.Boolean(
        readonly=True,
        copy=False,
        help="The bank may know its number, and those of its debits.",
    )
    billing_has_ended = fields.Boolean(
        string="Mandate Ended",
        compute="_compute_billing_has_ended",
        help="By a mandate of it nobody may be debited any more.",
    )

    # === COMPUTE METHODS === #

    @api.depends("payment_line_ids.mandate_id.state")
    def _compute_billing_has_ended(self):
        for order in self:
            order.billing_has_ended = bool(order._billing_find_ended())

    # === CRUD METHODS === #

    def write(self, vals):
        """Override: the state, and what the bank knows it by, change by buttons."""
        if KEPT & vals.keys() and not is_trusted(self.env):
            for order in self:
                is_moved = vals.get("state", order.state) != order.state
                if order._billing_is_fixed() or (is_moved and order._billing_is_sepa()):
                    raise UserError(order._billing_explain_fixed())
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_fixed(self):
        """What is confirmed, or at the bank, is not forgotten."""
        for order in self:
            if order._billing_is_fixed():
                raise UserError(order._billing_explain_fixed())

    # === OVERRIDES OF ACCOUNT_PAYMENT_BATCH_OCA === #

    def draft2open(self):
        """Override: lock what is collected, and tell the customers of it.

        :raise UserError: if a mandate ended.
        """
        orders = self.filtered(lambda order: order._billing_is_sepa())
        # Nothing is added meanwhile, which no payment would be made for.
        lock_or_tell(orders)
        for order in orders:
            order.payment_line_ids.move_line_id.move_id._billing_lock()
            order.payment_line_ids._billing_check_mandates()
        result = super(AccountPaymentOrder, self - orders).draft2open()
        with trusting(self.env):
            super(AccountPaymentOrder, orders).draft2open()
        for order in orders:
            order._billing_send_notices()
        return result

    def open2generated(self):
        """Override: a bank refuses a file whose day is over, or none of its days.

        :raise UserError: if what is owed, a mandate or a payment changed meanwhile.
        """
        if not self._billing_is_sepa():
            return super().open2generated()
        if self.state != "open":
            raise UserError(self._billing_explain_fixed())
        for lot in self.payment_lot_ids:
            if lot._billing_is_too_soon() or not is_business_day(lot.date):
                raise UserError(
                    self.env._(
                        "%(lot)s cannot be debited on %(date)s: it is sooner than the"
                        " customers were told, is over, or banks are closed. Cancel the"
                        " order, set it back to draft and confirm it again: the"
                        " customers are told of the new day.",
                        lot=lot.name,
                        date=format_date(self.env, lot.date),
                    )
                )
        self._billing_check_file()
        with trusting(self.env):
            result = super().open2generated()
            self.billing_file_made = True
        return result

    def generate_payment_file(self):
        """Override: no file has what holds no more, whoever asks for one."""
        if self.state != "uploaded" and self._billing_is_sepa():
            self._billing_check_mandates()
        return super().generate_payment_file()

    def generated2uploaded(self):
        """Override: the file is at the bank, and no money is here yet (W34).

        OCA's addon would book all of it now, and each invoice would be paid.

        :raise UserError: if a mandate ended, and nobody said that the bank has the
            file already; see :meth:`action_billing_bank_has_file`.
        """
        if not self._billing_is_sepa():
            return super().generated2uploaded()
        if self.state != "generated":
            raise UserError(self._billing_explain_fixed())
        if not is_trusted(self.env):
            self._billing_check_mandates()
        lock_or_tell(self.payment_line_ids.mandate_id)
        ended = self._billing_find_ended()
        states = {mandate: mandate.state for mandate in ended}
        with trusting(self.env):
            waiting = self.payment_ids.filtered(lambda one: one.state == "draft")
            waiting.billing_sepa_waiting = True
            self.payment_line_ids.filtered(
                lambda line: (
                    line.mandate_id not in ended
                    and line.mandate_id._billing_is_single()
                )
            ).billing_used_up = True
            result = super(
                AccountPaymentOrder, self.with_context(billing_sepa_wait=self.ids)
            ).generated2uploaded()
            # OCA has each that was for one debit expire, also what was revoked before.
            for mandate, state in states.items():
                mandate.state = state
        if ended:
            self._billing_tell_ended(ended)
        return result

    def action_cancel(self):
        """Override: what the bank has, paid, or sent back is not undone by this.

        :raise UserError: if the bank has the file.
        """
        orders = self.filtered(lambda order: order._billing_is_sepa())
        # What is added meanwhile would be collected by an order that is canceled.
        lock_or_tell(orders)
        for order in orders:
            order._billing_check_cancelable()
        result = super(AccountPaymentOrder, self - orders).action_cancel()
        with trusting(self.env):
            super(AccountPaymentOrder, orders).action_cancel()
        moves = self.payment_line_ids.move_line_id.move_id
        self.env["omni.billing.run.line"]._end_sepa(
            moves, self.env._("It was taken out of the debit order.")
        )
        return result

    def cancel2draft(self):
        """Override: OCA's button asks only its page whether the order is canceled.

        What a file was made of gets another number: a bank refuses two files of one
        name, and what comes back of the first would be taken for the second's.

        :raise UserError: if it is not canceled: what the bank has would be collected
            again; or if something of it came back.
        """
        orders = self.filtered(lambda order: order._billing_is_sepa())
        for order in orders:
            if order.state != "cancel":
                raise UserError(order._billing_explain_fixed())
            order._billing_check_not_back()
        with trusting(self.env):
            for order in orders.filtered("billing_file_made"):
                order._billing_renumber()
            super(AccountPaymentOrder, orders).cancel2draft()
        return super(AccountPaymentOrder, self - orders).cancel2draft()

    # === ACTION METHODS === #

    def action_billing_bank_has_file(self):
        """Note that the bank has a file, though a mandate in it ended meanwhile.

        Who presses it says that it was brought there before.

        :raise UserError: if its file is not made, or the bank has it.
        """
        self.ensure_one()
        self.check_access("write")
        if not self._billing_is_sepa():
            raise UserError(
                self.env._("%s is no SEPA debit order of Billing.", self.name)
            )
        with trusting(self.env):
            self.generated2uploaded()
        return True

    def action_billing_bank_paid(self):
        """Book what the bank has paid, before the days for returns are over.

        :raise UserError: if the file is not at the bank, or its day is to come.
        """
        self.ensure_one()
        self.check_access("write")
        today = fields.Date.context_today(self)
        waiting = self.payment_ids.filtered(lambda payment: payment.state == "draft")
        due = waiting.filtered(lambda payment: payment.date <= today)
        if self.state != "uploaded" or not due:
            raise UserError(
                self.env._(
                    "Nothing of %(order)s can have been paid by the bank yet, or all"
                    " of it is booked.",
                    order=self.name,
                )
            )
        due._billing_book_sepa()
        return True

    def action_billing_recalled(self):
        """Cancel an order whose file the bank has, and does not debit.

        Who presses it says that the bank confirmed it.

        :raise UserError: if something of it was debited already, or came back.
        """
        self.ensure_one()
        self.check_access("write")
        today = fields.Date.context_today(self)
        if self.state != "uploaded" or not all(
            payment.state == "draft" and payment.date > today
            for payment in self.payment_ids
        ):
            raise UserError(
                self.env._(
                    "%(order)s is not at the bank, was debited already, or came back in"
                    " part: it cannot be recalled. Import the bank's file of what comes"
                    " back, or undo single payments.",
                    order=self.name,
                )
            )
        self.message_post(
            body=self.env._("The bank confirmed that it does not debit this file.")
        )
        used_up = self.payment_line_ids.filtered("billing_used_up")
        with trusting(self.env):
            self.action_cancel()
        used_up.mandate_id._billing_revive()
        used_up.billing_used_up = False
        return True

    # === BUSINESS METHODS === #

    def _billing_is_sepa(self):
        """Whether it collects by SEPA for a company whose Billing does."""
        self.ensure_one()
        company = self.company_id
        return self.payment_method_code == METHOD and bool(company.billing_sepa_line_id)

    def _billing_is_fixed(self):
        """Whether it is debited as it is, unless it is canceled."""
        return self.state in FIXED and self._billing_is_sepa()

    def _billing_renumber(self):
        """Give it, and so its debits, the next number."""
        self.ensure_one()
        sequences = self.env["ir.sequence"].with_company(self.company_id)
        own = self.payment_method_line_id.specific_sequence_id
        name = (
            own.next_by_id()
            if own
            else sequences.next_by_code("account.payment.order.inbound")
        )
        self.message_post(
            body=self.env._(
                "A file was made as %(old)s, so it has another number now: %(new)s.",
                old=self.name,
                new=name,
            )
        )
        self.write({"name": name, "billing_file_made": False})

    def _billing_send_notices(self):
        """Tell each customer of what will be debited, and when.

        Who has no e-mail address is named on the order, for who sends a letter.
        """
        self.ensure_one()
        template = self.env.ref("omni_billing_sepa.mail_template_sepa_notice")
        payments = self.payment_ids.filtered("billing_notice_partner_ids")
        # sudo: who collects need not write messages of payments.
        template.sudo().send_mail_batch(payments.ids)
        if left := (self.payment_ids - payments).partner_id:
            self.message_post(
                body=self.env._(
                    "No e-mail address: tell %(customers)s yourself what is debited,"
                    " and when.",
                    customers=format_list(self.env, left.mapped("display_name")),
                )
            )

    def _billing_tell_ended(self, mandates):
        """Say on the order that the bank got what customers took back."""
        self.message_post(
            body=self.env._(
                "These mandates ended after the file was made, and the bank debits by"
                " them all the same: %(mandates)s. Ask the bank to stop these debits.",
                mandates=format_list(self.env, mandates.mapped("display_name")),
            )
        )

    # === CHECKS === #

    def _billing_check_file(self):
        """Check again what was right when the order was confirmed, days ago.

        :raise UserError: if something changed; the message names it.
        """
        lines = self.payment_line_ids
        lines.move_line_id.move_id._billing_lock()
        lines.move_line_id.invalidate_recordset()
        self._billing_check_mandates()
        errors = [
            self.env._("%(debit)s is not as it was confirmed.", debit=payment.memo)
            for payment in self.payment_ids
            if payment.state != "draft"
            or payment.date != payment.payment_lot_id.date
            or payment.currency_id.compare_amounts(
                payment.amount, sum(payment.payment_line_ids.mapped("amount_currency"))
            )
        ]
        errors += [
            self.env._("%(line)s has no payment any more.", line=line.name)
            for line in lines
            if not line.payment_ids
        ]
        for line in lines:
            errors += line._draft2open_payment_line_check()
        if errors:
            raise UserError(
                self.env._(
                    "The file of %(order)s was not made, since something changed after"
                    " it was confirmed: %(why)s Cancel the order, set it back to draft,"
                    " take that out and confirm it again.",
                    order=self.name,
                    why=" ".join(dict.fromkeys(errors)),
                )
            )

    def _billing_check_mandates(self):
        """Check that no mandate ended since the order was confirmed.

        :raise UserError: if one did; the message says what to do.
        """
        # Nor does a customer end one meanwhile.
        lock_or_tell(self.payment_line_ids.mandate_id)
        ended = self._billing_find_ended()
        if not ended:
            return
        names = format_list(self.env, ended.mapped("display_name"))
        if self.state == "generated":
            raise UserError(
                self.env._(
                    "These mandates ended after the file of %(order)s was made:"
                    " %(mandates)s. If the bank does not have the file, do not bring it"
                    " there: cancel the order, set it back to draft, take these"
                    " customers out and confirm it again. If the bank has it already,"
                    " press The Bank Has the File, and ask the bank to stop these"
                    " debits.",
                    order=self.name,
                    mandates=names,
                )
            )
        raise UserError(
            self.env._(
                "No mandate any more: %(mandates)s. Cancel the order, set it back"
                " to draft, take these customers out and confirm it again.",
                mandates=names,
            )
        )

    def _billing_find_ended(self):
        """Return the mandates of its lines that hold no more."""
        mandates = self.payment_line_ids.mandate_id
        return mandates.filtered(lambda one: one.state not in HOLDS)

    def _billing_check_cancelable(self):
        """Check that the bank does not have it, or has confirmed that it forgets it."""
        if self.state not in ("generated", "uploaded"):
            return
        if set(self.payment_ids.mapped("state")) - {"draft"}:
            raise UserError(
                self.env._(
                    "%(order)s was collected already, or came back in part: it is"
                    " not canceled any more. Import the bank's file of what comes"
                    " back, or undo single payments.",
                    order=self.name,
                )
            )
        if self.state == "generated" or is_trusted(self.env):
            return
        raise UserError(self._billing_explain_at_bank())

    def _billing_check_not_back(self):
        """Check that no return tells of its debits, which stay as they are."""
        # sudo: as in `omni.billing.sepa.file`.
        returns = self.env["omni.billing.sepa.return"].sudo()
        if returns.search([("payment_id", "in", self.payment_ids.ids)], limit=1):
            raise UserError(
                self.env._(
                    "Debits of %(order)s came back: it stays as it is. Collect what is"
                    " owed again, which makes another order.",
                    order=self.name,
                )
            )

    def _billing_explain_at_bank(self):
        return self.env._(
            "The bank has the file of %(order)s, and will debit it. Nothing was"
            " changed: have the bank recall it, and press The Bank Recalled It; or"
            " import its file of what it refused.",
            order=self.name,
        )

    def _billing_explain_lines(self):
        """Return why nothing is added to it or taken out, and what to do instead."""
        self.ensure_one()
        if self.state == "uploaded":
            return self._billing_explain_at_bank()
        return self.env._(
            "%(order)s is confirmed, and the customers were told what is debited."
            " Nothing was changed: if no file of it was brought to the bank, press"
            " Cancel Payments and Back to Draft, change its lines, and confirm it"
            " again. The customers are told again then.",
            order=self.name,
        )

    def _billing_explain_fixed(self):
        self.ensure_one()
        return self.env._(
            "The bank has, or may have, the file of %(order)s, or the customers were"
            " told of it. Nothing was changed: if the file was not brought to the bank,"
            " cancel the order.",
            order=self.name,
        )
