from datetime import timedelta
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import freeze_time, new_test_user, tagged
from odoo.tools import SQL, mute_logger

from .settlement_common import SettlementCommon
from .test_omni_billing_run import RunCommon

MUTED = "odoo.addons.omni_billing.models.runs.omni_billing_run_billing"


@tagged("post_install", "-at_install")
class TestTodo(RunCommon, SettlementCommon):
    """F155, W30: one list of all that waits for a person, with what can be done."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Todo = cls.env["omni.billing.todo"]

    def _find(self, kind, user=None):
        self.env.flush_all()
        self.Todo.invalidate_model()
        Todo = self.Todo.with_user(user or self.env.user)
        return Todo.search([("kind", "=", kind)])

    # === ONE OF EACH KIND === #

    def _break_promise(self, amount=45):
        """Have an invoice whose customer did not pay as it promised."""
        invoice = self._bill_amounts(amount)
        invoice._billing_promise(self.today)
        with freeze_time(self.now + timedelta(days=2)):
            # sudo: as the job.
            self.env["account.move"].sudo()._cron_billing_follow_promises()
        return invoice

    def _fail_payout(self):
        """Have a payout that waits for a person: it was begun by hand."""
        self._pay_out(is_automatic=False, is_complete=False, amount=5000)
        self.Payout._cron_fetch()
        return self.Payout.search([("state", "=", "person")])

    def _decline(self, invoice, **values):
        self.gateway.decline(decline_code="insufficient_funds")
        return invoice._billing_charge(self.card, **values)

    def _fail_run(self):
        """Have a run whose card is declined for good."""
        self.gateway.decline(decline_code="stolen_card")
        self._create_transaction(45)
        return self._do(is_charge=True).line_ids

    def _fail_installment(self, mode="stripe"):
        """Have a scheduled payment that did not come on its day."""
        invoice = self._bill_amounts(100)
        token = self.card if mode == "stripe" else None
        planned = self.env["omni.billing.installment"]._plan(
            invoice, [(self.today, 60)], token
        )
        self.gateway.decline(decline_code="stolen_card")
        # sudo: as the job.
        planned.sudo()._cron_charge()
        self.gateway.plan.clear()
        return planned

    def _fail_refund(self):
        invoice = self._bill_amounts(45)
        invoice._billing_charge(self.card)
        self.gateway.refuse("insufficient_funds")
        return invoice._billing_refund(20)

    def _fail_mail(self):
        invoice = self._bill_amounts(45)
        mail = invoice._billing_send_mail()
        # sudo: as the outbox does it.
        mail.sudo()._set_failed("bad_address", "No such box.")
        return mail

    def _park(self):
        partner = self.others[0]
        self._create_transaction(45, partner_id=partner.id)
        partner.active = False
        with mute_logger(MUTED):
            return self._do().line_ids

    def _fail_event(self):
        # sudo: as Stripe's events come.
        events = self.env["omni.billing.stripe.event"].sudo()
        return events.create(
            {
                "provider_id": self.provider.id,
                "event_ref": "evt_1",
                "event_type": "charge.refunded",
                "object_ref": "ch_1",
                "payload": {"data": {"object": {"id": "ch_1"}}},
                "state": "failed",
                "error": "No payment of that name.",
            }
        )

    # === WHAT A ROW SAYS === #

    def test_charge_of_a_run(self):
        line = self._fail_run()
        row = self._find("charge")
        self.assertRecordValues(
            row,
            [
                {
                    "res_id": line.id,
                    "partner_id": self.customer.id,
                    "move_id": line.invoice_id.id,
                    "amount": 45,
                    "currency_id": self.currency.id,
                    "company_id": self.company.id,
                    "user_id": line.run_id.user_id.id,
                    "turn": "staff",
                    "reason": line.charge_error,
                }
            ],
        )
        self.assertEqual(row.date.date(), line.charge_first_date)
        self.assertEqual(row.res_model, "omni.billing.run.line")
        self.assertIn(line.invoice_id.name, row.display_name)

    def test_customer_without_a_card_is_on_no_list(self):
        """F155: no card is no failure."""
        self.card.action_billing_delete()
        self._create_transaction(45)
        self._do(is_charge=True)
        self.assertFalse(self._find("charge"))

    def test_scheduled_payment(self):
        planned = self._fail_installment()
        self.assertRecordValues(
            self._find("installment"),
            [{"res_id": planned.id, "amount": 60, "turn": "staff"}],
        )

    def test_expected_payment(self):
        """F148: a post-dated cheque whose day has come."""
        planned = self._fail_installment("bank")
        self.assertFalse(self._find("installment"))
        self.assertRecordValues(
            self._find("expected"),
            [{"res_id": planned.id, "amount": 60, "turn": "customer"}],
        )

    def test_charge_of_the_dialog_and_of_the_portal(self):
        of_staff = self._decline(self._bill_amounts(45))
        of_customer = self._decline(self._bill_amounts(30), is_customer_present=True)
        rows = {row.res_id: row for row in self._find("attempt")}
        self.assertEqual(set(rows), {of_staff.id, of_customer.id})
        self.assertEqual(rows[of_staff.id].turn, "staff")
        self.assertEqual(rows[of_staff.id].user_id, self.env.user)
        self.assertEqual(rows[of_customer.id].turn, "customer")
        self.assertEqual(rows[of_customer.id].amount, 30)
        self.assertIn("not enough money", rows[of_staff.id].reason)

    def test_one_sum_over_several_invoices_is_one_row(self):
        invoices = self._bill_amounts(45, 30)
        self._decline(invoices)
        row = self._find("attempt")
        self.assertEqual((len(row), row.move_id), (1, invoices[0]))
        self._pay(invoices[0], mode="cash")
        self.assertEqual(self._find("attempt").move_id, invoices[1])
        self._pay(invoices[1], mode="cash")
        self.assertFalse(self._find("attempt"))

    def test_refund(self):
        refund = self._fail_refund()
        self.assertRecordValues(
            self._find("refund"),
            [
                {
                    "res_id": refund.id,
                    "amount": 20,
                    "move_id": refund.billing_refund_invoice_id.id,
                    "turn": "manager",
                }
            ],
        )

    def test_mail_that_did_not_arrive(self):
        mail = self._fail_mail()
        self.assertRecordValues(
            self._find("mail"),
            [{"res_id": mail.id, "reason": "No such box.", "amount": 45}],
        )

    def test_mail_that_is_tried_in_vain(self):
        mail = self._bill_amounts(45)._billing_send_mail()
        self.assertFalse(self._find("stuck"), "it has not been tried yet")
        # sudo: as the outbox does it.
        mail.sudo().write({"error": "No server.", "error_code": "unreachable"})
        self.assertRecordValues(
            self._find("stuck"), [{"res_id": mail.id, "turn": "admin"}]
        )

    def test_dispute_is_whose_turn_it_is(self):
        """W47"""
        self._bill_amounts(45)._billing_charge(self.card)
        self._dispute("pi_0")
        dispute = self.Dispute.search([])
        row = self._find("dispute")
        self.assertEqual((row.res_id, row.turn, row.amount), (dispute.id, "staff", 45))
        self.assertIn("answer in Stripe", row.reason)
        # In words, and what nobody knows as it is.
        self.assertIn("Not made by the cardholder", row.reason)
        self.assertEqual(dispute.reason_name, "Not made by the cardholder")
        self.assertEqual(dispute.status_name, "Waits for your answer")
        dispute.reason = "something_new"
        row.invalidate_recordset()
        self.assertIn("something_new", row.reason)
        self.assertEqual(dispute.reason_name, "something_new")
        for status, state, turn, words in (
            ("under_review", "open", "bank", "The bank looks at it"),
            ("lost", "lost", "manager", "decide who bears it"),
        ):
            dispute.write({"status": status, "state": state})
            row.invalidate_recordset()
            self.assertEqual(row.turn, turn)
            self.assertIn(words, row.reason)
        dispute.state = "won"
        self.assertFalse(self._find("dispute"))

    def test_parked_customer(self):
        line = self._park()
        row = self._find("parked")
        self.assertRecordValues(
            row, [{"res_id": line.id, "partner_id": self.others[0].id}]
        )
        self.assertIn("archived", row.reason)

    def test_parked_customer_whom_a_later_run_billed_is_settled(self):
        self._park()
        self.others[0].active = True
        self._do()
        self.assertFalse(self._find("parked"))

    def test_check_parks_nobody(self):
        partner = self.others[0]
        self._create_transaction(45, partner_id=partner.id)
        partner.active = False
        run = self._create_run()
        run.action_check()
        self._work()
        self.assertEqual(run.parked_count, 1)
        self.assertFalse(self._find("parked"))

    def test_parked_customer_stays_when_a_later_run_is_only_checked(self):
        """A check bills nobody: what a run has left is still to do."""
        line = self._park()
        self._create_transaction(45, partner_id=self.others[0].id)
        run = self._create_run()
        run.action_check()
        self._work()
        self.assertEqual(run.parked_count, 1)
        self.assertEqual(self._find("parked").res_id, line.id)

    def test_event_that_could_not_be_placed(self):
        event = self._fail_event()
        row = self._find("event")
        self.assertEqual((row.res_id, row.turn), (event.id, "manager"))
        self.assertIn("No payment of that name", row.reason)

    def test_promise_that_was_not_kept(self):
        """W30: since when, how much is owed still, and by whose word."""
        invoice = self._break_promise()
        self._pay(invoice, amount=20, mode="cash")
        row = self._find("promise", self.staff)
        self.assertRecordValues(
            row,
            [
                {
                    "res_id": invoice.id,
                    "res_model": "account.move",
                    "move_id": invoice.id,
                    "partner_id": self.customer.id,
                    "amount": 25,
                    "user_id": invoice.invoice_user_id.id,
                    "turn": "staff",
                }
            ],
        )
        self.assertEqual(row.date.date(), self.today)
        self.assertIn("and not paid", row.reason)
        domain = self.env["account.move"]._billing_get_broken_promises_domain()
        self.assertEqual(row.move_id, self.env["account.move"].search(domain))
        self._pay(invoice, mode="cash")
        self.assertFalse(self._find("promise"))

    def test_payout_that_waits_for_a_person(self):
        """W46"""
        payout = self._fail_payout()
        row = self._find("payout")
        self.assertRecordValues(
            row, [{"res_id": payout.id, "amount": 50, "turn": "manager"}]
        )
        # Alone it is told in the language of who reads; a click shows the rest.
        self.assertEqual(row.reason, payout.reason)
        self.assertIn("by hand", row.reason)
        action = row.action_open()
        self.assertEqual(
            (action["res_model"], action["res_id"]), (payout._name, payout.id)
        )
        with self.assertRaisesRegex(UserError, "until it is booked"):
            row.action_give_up()
        row.action_again()
        self.assertTrue(self._find("payout"), "nothing is new: it waits still")
        payout.state = "booked"
        self.assertFalse(self._find("payout"))

    # === WHAT CAN BE DONE === #

    def test_new_promise(self):
        invoices = self._break_promise() + self._break_promise(30)
        rows = self._find("promise", self.staff)
        for action in (rows.action_promise(), rows.action_again()):
            self.assertEqual(action["res_model"], "omni.billing.promise.wizard")
            self.assertEqual(
                set(action["context"]["default_invoice_ids"]), set(invoices.ids)
            )
        wizard = self.env["omni.billing.promise.wizard"].with_user(self.staff)
        wizard = wizard.with_context(**action["context"])
        wizard.create({"date": self.today + timedelta(days=9)}).action_promise()
        self.assertFalse(self._find("promise"))

    def test_promise_of_who_failed_to_pay(self):
        """A1: who is rung up says when."""
        self._fail_run()
        self._decline(self._bill_amounts(45))
        rows = self._find("charge") + self._find("attempt")
        action = rows.action_promise()
        self.assertEqual(
            set(action["context"]["default_invoice_ids"]), set(rows.move_id.ids)
        )
        self._fail_mail()
        with self.assertRaisesRegex(UserError, "no payment that is owed"):
            self._find("mail").action_promise()

    def test_remind_who_did_not_keep_its_promise(self):
        invoice = self._break_promise()
        self._find("promise", self.staff).action_remind()
        self.assertEqual(invoice.billing_mail_ids[:1].kind, "reminder")

    def test_promise_is_paid_or_given_up(self):
        invoice = self._break_promise()
        row = self._find("promise", self.staff)
        context = row.action_pay_manually()["context"]
        self.assertEqual(context["default_invoice_ids"], invoice.ids)
        self.assertEqual(context["default_mode"], "bank")
        row.action_give_up()
        self.assertFalse(self._find("promise"))
        self.assertFalse(invoice.billing_promise_state)
        self.assertEqual(invoice.billing_state, "unpaid")

    def test_charge_again(self):
        line = self._fail_run()
        action = self._find("charge", self.staff).action_again()
        self.assertEqual(action["params"]["type"], "success")
        self.assertEqual(line.charge_state, "paid")
        self.assertFalse(self._find("charge"))

    def test_charge_of_many_is_a_job(self):
        lines = self._fail_run() + self._fail_run()
        action = self._find("charge").action_again()
        self.assertEqual(action["params"]["type"], "info")
        self.assertEqual(set(lines.mapped("charge_state")), {"due"})

    def test_failed_payments_of_many_show_how_far_they_are(self):
        for amount in (45, 30):
            self._decline(self._bill_amounts(amount))
        rows = self._find("attempt", self.staff)
        action = rows.action_again()
        self.assertEqual(action["tag"], "omni_billing_bulk")
        bulk = self.env["omni.billing.bulk"].with_user(self.staff)
        bulk = bulk.browse(action["params"]["bulkId"])
        done = bulk.run_step(action["params"]["invoiceIds"])
        self.assertEqual([one["error"] for one in done], [False, False])
        self.assertFalse(self._find("attempt"))

    def test_failed_payments_of_many_take_no_more_than_failed(self):
        """A part was tried: a part is tried again, and once, whoever asks twice."""
        invoices = self._bill_amounts(45, 30)
        for invoice, amount in zip(invoices, (20, 30), strict=True):
            self.gateway.decline()
            invoice._billing_charge(self.card, amount)
        rows = self._find("attempt", self.staff)
        self.assertEqual(set(rows.mapped("amount")), {20, 30})
        steps = [rows.action_again()["params"] for _person in range(2)]
        errors = []
        for step in steps:
            bulk = self.env["omni.billing.bulk"].with_user(self.staff)
            done = bulk.browse(step["bulkId"]).run_step(step["invoiceIds"])
            errors.append([bool(one["error"]) for one in done])
        self.assertEqual(errors, [[False, False], [True, True]])
        self.assertEqual(self.gateway.taken, 5000)
        self.assertEqual(invoices.mapped("amount_residual"), [25, 0])

    def test_failed_payment_of_one_opens_the_dialog(self):
        invoice = self._bill_amounts(45)
        self._decline(invoice)
        action = self._find("attempt").action_again()
        self.assertEqual(action["res_model"], "omni.billing.payment.wizard")
        self.assertEqual(action["context"]["default_invoice_ids"], invoice.ids)

    def test_several_kinds_at_once(self):
        """Each by its own method; the notices are told together."""
        line = self._fail_run()
        mail = self._fail_mail()
        rows = self._find("charge") + self._find("mail")
        action = rows.action_again()
        self.assertEqual(action["tag"], "display_notification")
        self.assertIn("It was charged.", action["params"]["message"])
        self.assertEqual(line.charge_state, "paid")
        self.assertFalse(mail.needs_action)

    def test_another_card_or_another_way(self):
        self._fail_run()
        planned = self._fail_installment("bank")
        row = self._find("charge")
        self.assertEqual(row.action_other_card()["context"]["default_mode"], "stripe")
        self.assertEqual(row.action_pay_manually()["context"]["default_mode"], "bank")
        action = self._find("expected").action_pay_manually()
        self.assertEqual(action["context"]["default_installment_id"], planned.id)
        self._fail_mail()
        with self.assertRaisesRegex(UserError, "no payment that is owed"):
            self._find("mail").action_other_card()

    def test_refund_again(self):
        refund = self._fail_refund()
        row = self._find("refund")
        wizard = self.env["omni.billing.card.refund.wizard"].with_context(
            **row.action_again()["context"]
        )
        dialog = wizard.create({})
        # Not all that could be given back.
        self.assertGreater(dialog.amount_available, dialog.amount)
        self.assertEqual(dialog.amount, 20)
        dialog.action_refund()
        self.assertFalse(self._find("refund"))
        self.assertEqual(refund.state, "error")

    def test_mail_again(self):
        self._fail_mail()
        self.customer.email = "new@example.com"
        self._find("mail").action_again()
        self.assertFalse(self._find("mail"))

    def test_parked_again(self):
        line = self._park()
        self.others[0].active = True
        action = self._find("parked").action_again()
        self.assertIn("1", action["params"]["message"])
        self._work()
        self.assertEqual(line.state, "done")

    def test_event_again(self):
        self._fail_event()
        self._find("event").action_again()
        self.assertFalse(self._find("event"))

    def test_open(self):
        line = self._fail_run()
        action = self._find("charge").action_open()
        self.assertEqual(action["res_id"], line.invoice_id.id)
        self._park()
        action = self._find("parked").action_open()
        self.assertEqual(action["res_model"], "omni.billing.transaction")
        event = self._fail_event()
        action = self._find("event").action_open()
        self.assertEqual(action["domain"], [("id", "=", event.id)])

    def test_write_to_the_customer(self):
        line = self._fail_run()
        context = self._find("charge").action_write()["context"]
        self.assertEqual(context["default_res_ids"], line.invoice_id.ids)
        self.assertEqual(context["default_partner_ids"], self.customer.ids)
        self._park()
        rows = self._find("charge") + self._find("parked")
        context = rows.action_write()["context"]
        self.assertEqual(context["default_model"], "res.partner")
        self.assertEqual(
            set(context["default_res_ids"]), {self.customer.id, self.others[0].id}
        )
        self._fail_event()
        with self.assertRaisesRegex(UserError, "no customer"):
            self._find("event").action_write()

    def test_give_up(self):
        """Each is off the list for good, and what is owed stays owed."""
        self._fail_run()
        self._fail_installment()
        self._fail_installment("bank")
        self._decline(self._bill_amounts(45))
        self._fail_refund()
        self._fail_mail()
        self._park()
        self._fail_event()
        self._break_promise()
        mail = self._bill_amounts(45)._billing_send_mail()
        # sudo: as the outbox does it.
        mail.sudo().write({"error": "No server.", "error_code": "unreachable"})
        self.env.flush_all()
        rows = self.Todo.search([])
        self.assertEqual(len(set(rows.mapped("kind"))), 10)
        rows.action_give_up()
        self.env.flush_all()
        self.assertFalse(self.Todo.search([]))
        self.assertEqual(mail.state, "canceled")

    def test_nothing_is_done_where_not_all_can_be(self):
        """Promise 1: a charge that was made is not undone by an error that follows."""
        line = self._fail_run()
        self._fail_refund()
        self._fail_refund()
        rows = self._find("charge") + self._find("refund")
        taken = self.gateway.taken
        with self.assertRaisesRegex(UserError, "one after the other"):
            rows.action_again()
        self.assertEqual((line.charge_state, self.gateway.taken), ("failed", taken))

    def test_dispute_is_not_given_up(self):
        self._bill_amounts(45)._billing_charge(self.card)
        self._dispute("pi_0")
        with self.assertRaisesRegex(UserError, "decided by a manager"):
            self._find("dispute").action_give_up()

    # === WHO SEES AND DOES WHAT === #

    def test_staff_see_what_they_may_read_of_the_sources(self):
        """Promise 10"""
        self._fail_run()
        self._fail_refund()
        self._fail_event()
        self._bill_amounts(45)._billing_charge(self.card)
        self._dispute(list(self.gateway.charges)[-1])
        self._break_promise()
        self._fail_payout()
        accountant = new_test_user(
            self.env,
            "todo-accountant",
            "account.group_account_readonly",
            company_id=self.company.id,
            company_ids=[Command.set(self.company.ids)],
        )
        self.env.flush_all()
        kinds = {
            user: set(self.Todo.with_user(user).search([]).mapped("kind"))
            for user in (self.env.user, self.staff, accountant)
        }
        self.assertEqual(
            list(kinds.values()),
            [
                {"charge", "refund", "event", "dispute", "promise", "payout"},
                {"charge", "refund", "promise"},
                {"charge", "dispute", "promise", "payout"},
            ],
        )
        for user in (self.portal, self.outsider):
            with self.assertRaises(AccessError):
                self.Todo.with_user(user).search([])
        row = self._find("charge", accountant)
        for method in ("action_again", "action_give_up"):
            with self.assertRaises(AccessError):
                getattr(row, method)()
        context = self._find("refund", self.staff).action_again()["context"]
        wizard = self.env["omni.billing.card.refund.wizard"].with_user(self.staff)
        with self.assertRaises(AccessError):
            wizard.with_context(**context).create({})

    def test_company_of_one_s_own(self):
        self._fail_run()
        other = self.env["res.company"].create({"name": "Other"})
        user = new_test_user(
            self.env,
            "todo-other",
            "omni_billing.omni_billing_group_manager",
            company_id=other.id,
            company_ids=[Command.set(other.ids)],
        )
        self.assertFalse(self._find("charge", user))
        self.assertTrue(self._find("charge"))

    # === SPEED === #

    def test_each_part_has_its_index(self):
        """No table that grows is read from end to end."""
        self.env.flush_all()
        cr = self.env.cr
        cr.execute("SET LOCAL enable_seqscan = off")
        cr.execute(SQL("EXPLAIN %s", self.Todo._table_query))
        plan = "\n".join(line for (line,) in cr.fetchall())
        cr.execute("SET LOCAL enable_seqscan = on")
        self.assertNotIn("Seq Scan", plan)
        for index in (
            *("run_line_charge_idx", "run_line_parked_idx", "run_line_unsent_idx"),
            *("installment_failed_idx", "payment_transaction_billing_todo_idx"),
            *("mail_todo_idx", "event_failed_idx"),
        ):
            self.assertIn(index, plan)

    def test_list_is_read_in_a_few_queries(self):
        for number in range(4):
            self._decline(self._bill_amounts(45 + number))
            self._fail_mail()
        specification = {
            "reason": {},
            "amount": {},
            "partner_id": {"fields": {"display_name": {}}},
            "move_id": {"fields": {"display_name": {}}},
            "turn": {},
        }
        self.env.flush_all()
        self.env.invalidate_all()
        with self.assertQueryCount(12):
            self.Todo.web_search_read([], specification, limit=80)

    def test_a_page_is_counted_by_the_look_that_reads_it(self):
        for number in range(3):
            self._decline(self._bill_amounts(45 + number))
            self._fail_mail()
        self.env.flush_all()
        ids = self.Todo.search([]).ids
        self.assertEqual(len(ids), 6)

        def look(offset, limit, count_limit):
            self.env.invalidate_all()
            page = self.Todo.web_search_read(
                *([], {"kind": {}}, offset, limit), count_limit=count_limit
            )
            return [row["id"] for row in page["records"]], page["length"]

        table, looks = type(self.Todo)._get_queries, []
        with patch.object(
            type(self.Todo), "_get_queries", lambda m: looks.append(1) or table(m)
        ):
            self.assertEqual(look(0, 2, 201), (ids[:2], 6))
        self.assertEqual(len(looks), 1)
        self.assertEqual(look(4, 2, 201), (ids[4:], 6))
        self.assertEqual(look(0, 2, 4), (ids[:2], 4), "no further is counted")
        self.assertEqual(look(2, 2, 4), (ids[2:4], 4))
        self.assertEqual(look(4, 2, 4), (ids[4:], 6), "a page is read whole")
        self.assertEqual(look(6, 2, 201), ([], 0), "as Odoo's: the page is gone")
        self.assertEqual(look(0, 2, None), (ids[:2], 6))

    # === STAYS TRUE === #

    def test_what_is_settled_is_gone(self):
        line = self._fail_run()
        self._pay(line.invoice_id, mode="cash")
        self.assertFalse(self._find("charge"))
        with freeze_time(self.now + timedelta(days=1)):
            # sudo: as the job.
            self.env["omni.billing.run.line"].sudo()._gc_settled()
        self.assertEqual(line.charge_state, "paid")
