from odoo import models
from odoo.exceptions import UserError

from ...tools.action import open_list
from ...tools.notice import notice, reload

#: The kinds of rows about money that is owed for an invoice.
OWED = (
    *("charge", "installment", "attempt", "expected", "promise", "bounced"),
    "notice",
)
#: Rows that are of one scheduled payment, or customer of a run: the dialog knows it.
OF_ONE_PAYMENT = ("charge", "installment", "expected")
#: What opens a dialog about one row alone.
ONE_BY_ONE = {("again", "refund"), ("again", "request")}


class OmniBillingTodo(models.Model):
    """What can be done about a row: the methods of its own record, nothing else."""

    _inherit = "omni.billing.todo"

    # === ACTION METHODS === #

    def action_again(self):
        """Do again what failed: charge, send, bill, refund, look at an event.

        Cards of several are charged by their job, or in steps that show how far they
        are; several e-mails go out by their job.

        :return: what the record's own method answers; of several kinds their notices.
        """
        return self._do_each("again")

    def action_give_up(self):
        """Take rows off the list for good; nothing that was billed is changed.

        :raise UserError: of a dispute, which is decided.
        """
        return self._do_each("give_up")

    def action_other_card(self):
        """Open the payment dialog to charge another card."""
        return self._open_payment("stripe")

    def action_pay_manually(self):
        """Open the payment dialog for money that came, or comes, otherwise."""
        return self._open_payment("bank")

    def action_deposit(self):
        """Note that cheques were brought to the bank."""
        self.env["omni.billing.payment.wizard"].check_access("create")
        if any(row.kind != "cheque" for row in self):
            raise UserError(self.env._("Only cheques are deposited."))
        return self._do_each("again")

    def action_approve(self):
        """Do what staff asked a manager for, as that manager.

        :raise AccessError: if the user is no manager.
        """
        self.env["omni.billing.request"]._check_manager()
        self.ensure_one()
        if self.kind != "request":
            raise UserError(
                self.env._("Nobody asked for it: there is nothing to approve.")
            )
        return self._get_records().action_approve()

    def action_promise(self):
        """Open the dialog that notes when the customers will pay."""
        return self._get_owed_moves().action_billing_promise()

    def action_remind(self):
        """Remind the customers of what they owe; several in steps."""
        self.move_id.check_access("write")
        return self._get_owed_moves().action_billing_remind()

    def action_open(self):
        """Open what the row is about: the invoice, or else the record itself."""
        self.ensure_one()
        record = self._get_records()
        if self.kind in ("dispute", "payout", "cheque", "bounced"):
            return record.get_formview_action()
        if self.kind == "event":
            domain = [("id", "=", record.id)]
            return open_list(self.env, "omni_billing_stripe_event_action", domain, {})
        if self.kind == "report":
            return record.action_open_detail()
        if self.kind == "parked":
            return record.action_open_transactions()
        if self.kind == "request" and len(record.invoice_ids) > 1:
            domain = [("id", "in", record.invoice_ids.ids)]
            return open_list(self.env, "account_move_action_billing", domain, {})
        return self.move_id.action_billing_open_detail()

    def action_write(self):
        """Open Odoo's dialog to write to the customers.

        Of one row it is about its invoice; of several each customer gets a message of
        its own.

        :raise UserError: if no row is of a customer.
        """
        self.check_access("read")
        customers = self.partner_id
        if not customers:
            raise UserError(self.env._("These rows are of no customer."))
        if len(self) == 1 and self.move_id:
            to = self.move_id._billing_get_recipients() or customers
            context = {
                "default_model": "account.move",
                "default_res_ids": self.move_id.ids,
                "default_partner_ids": to.ids,
            }
        else:
            context = {
                "default_model": "res.partner",
                "default_res_ids": customers.ids,
                "default_composition_mode": "mass_mail",
                "default_partner_ids": [],
            }
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Write to the Customer"),
            "res_model": "mail.compose.message",
            "view_mode": "form",
            "views": [(False, "form")],
            "target": "new",
            "context": context,
        }

    # === BUSINESS METHODS === #

    def _get_records(self):
        """Return the records of rows of one kind, as the user may see them."""
        self.check_access("read")
        [model] = {self._get_sources()[row.kind] for row in self}
        return self.env[model].browse(self.mapped("res_id"))

    def _do_each(self, what):
        """Do it with the rows of each kind; return what the one, or all, answered."""
        if not self:
            raise UserError(self.env._("Select what is to be done."))
        methods = []
        for kind, rows in self.grouped("kind").items():
            method = getattr(rows, f"_{what}_{kind}", None)
            if not method:
                raise UserError(self._explain_impossible(kind))
            if (what, kind) in ONE_BY_ONE and len(rows) > 1:
                raise UserError(
                    self.env._(
                        "%(row)s: this is done for one after the other.",
                        row=rows[0].display_name,
                    )
                )
            methods.append(method)
        # Nothing is done before all of it can be: a charge is not undone.
        answers = [method() for method in methods]
        if len(answers) == 1 and isinstance(answers[0], dict):
            return answers[0]
        return self._sum_up(answers)

    def _explain_impossible(self, kind):
        if kind == "dispute":
            return self.env._(
                "A dispute is answered in Stripe's dashboard, and decided by a manager"
                " once it is lost: open it."
            )
        if kind == "cheque":
            return self.env._("A cheque is deposited, or canceled: open it.")
        if kind == "notice":
            return self.env._(
                "Correct the address, and remind the customer anew; or give more time"
                " on the Customer Billing tab."
            )
        if kind == "payout":
            return self.env._(
                "A payout stays here until it is booked: open it, and read what is"
                " missing."
            )
        return self.env._("Record the payment when the money is here.")

    def _sum_up(self, answers):
        """Return one notice of several, and open what one of them opens."""
        told, opened = [], None
        for answer in filter(lambda one: isinstance(one, dict), answers):
            if answer.get("tag") == "display_notification":
                told.append(answer["params"]["message"])
            else:
                opened = answer
        message = " ".join(told) or self.env._("Done: %s", len(self))
        return notice(message, "info", after=opened or reload())

    def _get_owed_moves(self):
        """Return the invoices that rows are about, which their customers owe.

        :raise UserError: if a row is about something else.
        """
        self.check_access("read")
        if wrong := self.filtered(lambda row: row.kind not in OWED):
            raise UserError(
                self.env._(
                    "%(row)s is no payment that is owed: open it.",
                    row=wrong[0].display_name,
                )
            )
        if bounced := self.filtered(lambda row: row.kind == "bounced"):
            # A cheque may have been for several.
            paid = bounced._get_records().invoice_ids
            return self.move_id | paid.filtered(lambda move: move._billing_is_unpaid())
        return self.move_id

    def _open_payment(self, mode):
        """Open the payment dialog on the invoices of rows, as their records do."""
        moves = self._get_owed_moves()
        if len(self) == 1 and self.kind in OF_ONE_PAYMENT:
            record = self._get_records()
            is_card = mode == "stripe"
            return (
                record.action_other_card() if is_card else record.action_pay_manually()
            )
        action = moves.action_billing_pay()
        action["context"] = {**action["context"], "default_mode": mode}
        return action

    # === AGAIN, BY KIND === #

    def _again_charge(self):
        return self._get_records().action_charge_again()

    def _again_installment(self):
        return self._get_records().action_charge_again()

    def _again_attempt(self):
        """One in the payment dialog; of several the default cards, step by step.

        Nobody names an amount: no more is charged than what failed.
        """
        if len(self.move_id) == 1:
            return self._open_payment("stripe")
        bulk = self.env["omni.billing.bulk"]
        attempts = self._get_records()
        return bulk._start("pay", self.move_id, attempts, mode="stripe")

    def _again_refund(self):
        action = self.move_id.action_billing_refund()
        # What failed, not all that could be given back.
        action["context"]["default_amount"] = self.amount
        return action

    def _again_promise(self):
        return self.action_promise()

    def _again_notice(self):
        return self.action_remind()

    def _again_cheque(self):
        return self._get_records().action_deposit()

    def _again_request(self):
        return self.action_approve()

    def _again_payout(self):
        return self._get_records().action_match_again()

    def _again_mail(self):
        return self._get_records().action_send_again()

    def _again_stuck(self):
        return self._get_records().action_send_again()

    def _again_unsent(self):
        return self._get_records().action_send_again()

    def _again_parked(self):
        lines = self._get_records()
        lines.action_retry()
        message = self.env._("The customers are being billed: %s", len(lines))
        return notice(message, "info", after=reload())

    def _again_event(self):
        return self._get_records().action_process_again()

    def _again_report(self):
        """Answer one; each customer wants to be read."""
        if len(self) > 1:
            raise UserError(self.env._("Answer one customer after the other."))
        return self._get_records().action_open_answer()

    # === GIVE UP, BY KIND === #

    def _give_up_charge(self):
        return self._get_records().action_give_up()

    def _give_up_installment(self):
        return self._get_records().action_cancel()

    def _give_up_expected(self):
        return self._get_records().action_cancel()

    def _give_up_attempt(self):
        return self._get_records().action_billing_dismiss()

    def _give_up_refund(self):
        return self._get_records().action_billing_dismiss()

    def _give_up_promise(self):
        return self._get_records().action_billing_take_back_promise()

    def _give_up_bounced(self):
        return self._get_records().action_dismiss()

    def _give_up_request(self):
        return self._get_records().action_decline()

    def _give_up_mail(self):
        return self._get_records().action_dismiss()

    def _give_up_stuck(self):
        return self._get_records().action_cancel()

    def _give_up_unsent(self):
        return self._get_records().action_dismiss_email()

    def _give_up_parked(self):
        return self._get_records().action_leave_out()

    def _give_up_event(self):
        return self._get_records().action_dismiss()

    def _give_up_report(self):
        return self._get_records().action_release_reports()
