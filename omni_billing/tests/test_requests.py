"""What staff may not do, a manager does when they ask (F8, WF9)."""

from contextlib import suppress

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged

from .card_common import CardCommon


@tagged("post_install", "-at_install")
class TestRequest(CardCommon):
    def setUp(self):
        super().setUp()
        self.Request = self.env["omni.billing.request"]
        self.manager = self._create_user(
            "chief", "omni_billing.omni_billing_group_manager"
        )
        self.manager.email = self.staff.email = "people@example.com"

    def _ask(self, action, **values):
        """Ask in the dialog that the button of staff opens; return the request."""
        self.assertEqual(action["res_model"], "omni.billing.ask.wizard")
        wizard = self.env["omni.billing.ask.wizard"].with_user(self.staff)
        wizard = wizard.with_context(**action["context"])
        self.wizard = wizard.create({"reason": "Wrong tariff"} | values)
        self.wizard.action_ask()
        return self.Request.search([], limit=1)

    def _ask_void(self, invoices, **values):
        action = invoices.with_user(self.staff).action_billing_open_void()
        return self._ask(action, **values)

    def _ask_refund(self, amount=20):
        invoice = self._bill_amounts(45)
        invoice._billing_charge(self.card)
        action = invoice.with_user(self.staff).action_billing_refund()
        return invoice, self._ask(action, amount=amount)

    def _find_row(self, user=None):
        self.env.flush_all()
        Todo = self.env["omni.billing.todo"].with_user(user or self.manager)
        Todo.invalidate_model()
        return Todo.search([("kind", "=", "request")])

    def _read_notes(self, invoice):
        invoice.invalidate_recordset()
        return " ".join(invoice.message_ids.mapped("body"))

    # === VOID === #

    def test_void_of_several(self):
        """F8: staff ask, a manager approves in one click, with all guards."""
        invoices = self._bill_amounts(45, 30)
        request = self._ask_void(invoices)
        self.assertEqual(set(invoices.mapped("billing_state")), {"unpaid"})
        row = self._find_row()
        self.assertRecordValues(
            row,
            [
                {
                    "res_id": request.id,
                    "amount": 75,
                    "partner_id": self.customer.id,
                    "user_id": self.staff.id,
                    "turn": "manager",
                }
            ],
        )
        self.assertIn("Wrong tariff", row.reason)
        # Who approves sees all that it is about.
        for invoice in invoices:
            self.assertIn(invoice.name, row.reason)
        [(_name, _in, ids)] = row.action_open()["domain"]
        self.assertEqual(sorted(ids), invoices.ids)
        action = row.action_approve()
        self.assertEqual(action["tag"], "omni_billing_bulk")
        bulk = self.env["omni.billing.bulk"].with_user(self.manager)
        bulk = bulk.browse(action["params"]["bulkId"])
        done = bulk.run_step(action["params"]["invoiceIds"])
        self.assertEqual([one["error"] for one in done], [False, False])
        self.assertEqual(set(invoices.mapped("billing_state")), {"void"})
        self.assertEqual(
            (request.state, request.decided_uid), ("approved", self.manager)
        )
        self.assertFalse(self._find_row())
        self.assertIn("approved", self._read_notes(invoices[0]))

    def test_void_in_several_currencies(self):
        """There is no sum of them."""
        self.env.ref("base.EUR").active = True
        other = self._create_transaction(30, currency_id=self.env.ref("base.EUR").id)
        invoices = self._bill_amounts(45) + self._bill(other)
        request = self._ask_void(invoices)
        self.assertRecordValues(request, [{"amount": 0, "currency_id": False}])
        request.with_user(self.manager).action_decline()
        self.assertEqual(request.state, "declined")

    def test_only_numbered_invoices_of_customers(self):
        """A draft may be another one, or none, before a manager looks."""
        values = {"partner_id": self.customer.id, "move_type": "out_invoice"}
        bill = {**values, "move_type": "in_invoice"}
        moves = self.env["account.move"].create([values, bill])
        for move in moves:
            with self.assertRaisesRegex(UserError, "no numbered invoice"):
                self._ask_void(move + self._bill_amounts(5))
        self.assertFalse(self.Request.search([]))

    def test_void_of_one_is_staff_s_own(self):
        invoice = self._bill_amounts(45)
        action = invoice.with_user(self.staff).action_billing_open_void()
        self.assertEqual(action["res_model"], "omni.billing.void.wizard")
        invoices = invoice + self._bill_amounts(30)
        action = invoices.with_user(self.manager).action_billing_open_void()
        self.assertEqual(action["res_model"], "omni.billing.void.wizard")

    def test_what_is_committed_on_the_way_is_no_decision(self):
        """A void of one asks Stripe first, which commits; it may be refused then."""
        invoice = self._bill_amounts(45)
        Request = self.Request.with_user(self.staff)
        request = Request._ask("void", invoice, "Wrong tariff")
        seen = []
        self.patch(
            self.registry["account.move"],
            "_billing_settle_attempts",
            lambda moves: seen.append(request.sudo().state),
        )
        request.with_user(self.manager).action_approve()
        self.assertEqual(seen[0], "asked")
        self.assertEqual(invoice.billing_state, "void")

    def test_refund_waits_for_what_is_under_way(self):
        """Stripe is asked before it is decided: what it says is committed."""
        invoice, request = self._ask_refund()
        seen = []
        self.patch(
            self.registry["account.move"],
            "_billing_settle_attempts",
            lambda moves: seen.append((moves, request.sudo().state)),
        )
        request.with_user(self.manager).action_approve()
        self.assertEqual(seen[0], (invoice, "asked"))
        self.assertEqual(request.state, "approved")

    def test_who_asked_is_told_before_money_moves(self):
        """Stripe may decline: that it was approved is in the history all the same."""
        invoice, request = self._ask_refund()
        self.gateway.refuse("charge_disputed")
        # What is committed on the way lasts, as it would outside of a test.
        with suppress(UserError):
            request.with_user(self.manager).action_approve()
        self.assertFalse(self.gateway.refunds)
        self.assertEqual(request.state, "approved")
        self.assertIn("approved", self._read_notes(invoice))
        self.env.flush_all()
        todo = self.env["omni.billing.todo"].with_user(self.manager)
        self.assertTrue(todo.search([("kind", "=", "refund")]))

    def test_once(self):
        """Who comes second is told who decided, and nothing is done again."""
        request = self._ask_void(self._bill_amounts(45, 30))
        request.with_user(self.manager).action_approve()
        for door in ("action_approve", "action_decline"):
            with self.assertRaisesRegex(UserError, "decided already"):
                getattr(request.with_user(self.manager), door)()
        self.assertEqual(request.state, "approved")

    def test_asked_once(self):
        invoices = self._bill_amounts(45, 30)
        request = self._ask_void(invoices)
        self.assertEqual(
            self.wizard.action_ask()["params"]["type"], "info", "sent again"
        )
        self.assertEqual(self.Request.search([]), request)
        with self.assertRaisesRegex(UserError, "asked for it already"):
            self._ask_void(invoices + self._bill_amounts(7))
        request.with_user(self.manager).action_decline()
        self.assertTrue(self._ask_void(invoices))

    # === REFUND === #

    def test_refund(self):
        """WF9: the money moves when a manager approves, and once."""
        invoice, request = self._ask_refund()
        self.assertFalse(self.gateway.refunds)
        answer = self._find_row().action_approve()
        self.assertEqual(answer["params"]["type"], "success")
        self.assertEqual(sum(r.amount for r in self.gateway.refunds.values()), 2000)
        with self.assertRaisesRegex(UserError, "decided already"):
            request.with_user(self.manager).action_approve()
        self.assertEqual(len(self.gateway.refunds), 1)
        self.assertEqual(self._get_books_balance(), self._get_ledger_balance())
        self.assertIn("approved", self._read_notes(invoice))

    def test_refund_of_more_than_was_paid(self):
        with self.assertRaisesRegex(UserError, "At most"):
            self._ask_refund(46)

    def test_refund_that_cannot_be_done_any_more(self):
        """It was given back meanwhile: nothing is done, and it can be declined."""
        invoice, request = self._ask_refund(45)
        invoice._billing_refund(45)
        with self.assertRaises(UserError), self.env.cr.savepoint():
            request.with_user(self.manager).action_approve()
        self.assertEqual(len(self.gateway.refunds), 1)
        request.with_user(self.manager).action_decline()
        self.assertEqual(request.state, "declined")

    def test_refund_that_somebody_made_meanwhile(self):
        """Maybe it is the same wish: what is left does not go back by itself."""
        invoice, request = self._ask_refund(20)
        invoice._billing_refund(20)
        self.env.flush_all()
        # In a test all is created at one moment.
        self.env.cr.execute(
            "UPDATE omni_billing_request SET create_date = create_date"
            " - interval '1 minute' WHERE id = %s",
            [request.id],
        )
        self.env.invalidate_all()
        with (
            self.assertRaisesRegex(UserError, "since this was asked"),
            self.env.cr.savepoint(),
        ):
            request.with_user(self.manager).action_approve()
        self.assertEqual(len(self.gateway.refunds), 1)
        self.assertEqual(request.state, "asked")

    # === NO === #

    def test_declined(self):
        """Who asked is told."""
        invoices = self._bill_amounts(45, 30)
        request = self._ask_void(invoices)
        self._find_row().action_give_up()
        self.assertEqual(
            (request.state, request.decided_uid), ("declined", self.manager)
        )
        self.assertEqual(set(invoices.mapped("billing_state")), {"unpaid"})
        told = invoices.message_ids.filtered(lambda message: message.partner_ids)
        self.assertEqual(told.partner_ids, self.staff.partner_id)
        self.assertIn("declined", told.body)

    def test_taken_back_by_who_asked(self):
        request = self._ask_void(self._bill_amounts(45, 30))
        self._find_row(self.staff).action_give_up()
        self.assertEqual(request.state, "withdrawn")

    # === WHO === #

    def test_staff_do_not_approve(self):
        request = self._ask_void(self._bill_amounts(45, 30))
        for door in (
            request.with_user(self.staff).action_approve,
            self._find_row(self.staff).action_approve,
        ):
            with self.assertRaises(AccessError):
                door()
        colleague = self._create_user(
            "colleague", "omni_billing.omni_billing_group_user"
        )
        with self.assertRaises(AccessError):
            request.with_user(colleague).action_decline()
        for door in (
            lambda: request.with_user(self.staff).write({"state": "approved"}),
            lambda: self.Request.with_user(self.staff).create({"operation": "void"}),
            request.with_user(self.manager).unlink,
            request.with_user(self.manager).copy,
        ):
            with self.assertRaises(AccessError):
                door()
        self.assertEqual(request.state, "asked")

    def test_who_has_no_part_in_billing(self):
        invoices = self._bill_amounts(45, 30)
        request = self._ask_void(invoices)
        reader = self._create_user("reader-r", "account.group_account_readonly")
        for user in (self.portal, self.outsider):
            with self.assertRaises(AccessError):
                request.with_user(user).read(["reason"])
        for user in (self.portal, self.outsider, reader):
            with self.assertRaises(AccessError):
                request.with_user(user).action_approve()
            with self.assertRaises(AccessError):
                self.env["omni.billing.ask.wizard"].with_user(user).create(
                    {
                        "operation": "void",
                        "invoice_ids": [Command.set(invoices.ids)],
                        "reason": "X",
                    }
                )
            with self.assertRaises(AccessError):
                self.Request.with_user(user)._ask("void", invoices.with_user(user), "X")

    def test_other_company(self):
        request = self._ask_void(self._bill_amounts(45, 30))
        other = self.env["res.company"].create({"name": "Other"})
        self.manager.write(
            {"company_ids": [Command.set(other.ids)], "company_id": other.id}
        )
        self.assertFalse(self._find_row())
        with self.assertRaises(AccessError):
            request.with_user(self.manager).action_approve()
