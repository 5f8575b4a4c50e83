"""A dialog acts once, and a program may send a payment again."""

from psycopg2 import IntegrityError

from odoo.exceptions import AccessError, MissingError, UserError, ValidationError
from odoo.fields import Command
from odoo.service.model import call_kw
from odoo.tests import tagged
from odoo.tools import mute_logger

from .card_common import CardCommon

#: What is no number, no date, no text, no id, no list of ids: see `_list_odd_values`.
ODD_IDS = (True, 1.5, "x", -1, 2**31, 10**30, [1], {"a": 1})


class OnceCommon(CardCommon):
    def _open(self, name, **values):
        return self.env[f"omni.billing.{name}"].create(values)

    def _open_payment(self, invoice, **values):
        ids = [Command.set(invoice.ids)]
        return self._open("payment.wizard", invoice_ids=ids, **values)

    def _lose_answer(self, dialog):
        """Have the process die before the answer was kept, after all was committed."""
        self.env.flush_all()
        # sudo: answers are internal.
        self.env.cr.execute(
            f"UPDATE {dialog._table} SET first_result = NULL WHERE id = %s", [dialog.id]
        )
        dialog.invalidate_recordset()

    def _get_payments(self):
        return self.env["account.payment"].search(
            [("partner_id", "=", self.customer.id), ("state", "!=", "canceled")]
        )


@tagged("post_install", "-at_install")
class TestDialogOnce(OnceCommon):
    """What moves money or makes documents answers the second time as the first."""

    def test_each_action_of_a_dialog_acts_once(self):
        """A new one has to be marked, or named here."""
        harmless = {"action_select_all", "action_clear_all"}
        harmless |= {"action_archive", "action_unarchive"}
        # They show something, or open Odoo's dialog for it.
        harmless |= {"action_show", "action_print", "action_email"}
        harmless |= {"action_card_link"}
        # What was entered is taken out of its fields: there is nothing to add again.
        harmless |= {"action_add_charge"}
        mixin = self.registry["omni.billing.dialog.mixin"]
        found = {
            (name, action): getattr(getattr(model, action), "_billing_once", False)
            for name, model in self.registry.items()
            if issubclass(model, mixin) and not model._abstract
            for action in dir(model)
            if action.startswith("action_") and action not in harmless
        }
        self.assertIn(("omni.billing.payment.wizard", "action_pay"), found)
        self.assertEqual([key for key, is_once in found.items() if not is_once], [])

    def _assert_once(self, dialog, action):
        first = getattr(dialog, action)()
        self.env.flush_all()
        self.env.invalidate_all()
        again = call_kw(dialog.browse(), action, [dialog.ids], {})
        self.assertEqual(again, first)
        return first

    def test_payment(self):
        """Ten were received: ten are booked, however often it is said."""
        invoice = self._bill_amounts(45)
        dialog = self._open_payment(invoice, mode="bank", amount=10)
        self._assert_once(dialog, "action_pay")
        self.assertEqual(self._get_payments().mapped("amount"), [10])
        self.assertEqual(invoice.amount_residual, 35)

    def test_credit_on_file(self):
        self._bill(self._create_credit(20))
        invoice = self._bill_amounts(45)
        self._assert_once(self._open_payment(invoice, mode="credit"), "action_pay")
        self.assertEqual(invoice.amount_residual, 25)

    def test_charge(self):
        """W1: a call that is sent twice, of a part of what is owed."""
        invoice = self._bill_amounts(100)
        dialog = self._open_payment(invoice, mode="stripe", amount=50)
        self._assert_once(dialog, "action_pay")
        self.assertEqual(self.gateway.taken, 5000)

    def test_charge_whose_answer_was_lost(self):
        """W2, W3: it is asked for what became of it."""
        for is_executed, taken in ((True, 5000), (False, 0)):
            with self.subTest(is_executed=is_executed):
                before = self.gateway.taken
                invoice = self._bill_amounts(100)
                dialog = self._open_payment(invoice, mode="stripe", amount=50)
                self.gateway.lose(is_executed)
                self.assertEqual(dialog.action_pay()["params"]["type"], "warning")
                if is_executed:
                    result = self._assert_once(dialog, "action_pay")
                    self.assertEqual(result["params"]["type"], "success")
                else:
                    with self.assertRaisesRegex(UserError, "never reached Stripe"):
                        dialog.action_pay()
                self.assertEqual(self.gateway.taken - before, taken)

    def test_charge_whose_process_died(self):
        invoice = self._bill_amounts(100)
        dialog = self._open_payment(invoice, mode="stripe", amount=50)
        first = dialog.action_pay()
        self._lose_answer(dialog)
        self.assertEqual(self._assert_once(dialog, "action_pay"), first)
        self.assertEqual(self.gateway.taken, 5000)

    def test_plan(self):
        """F148"""
        invoice = self._bill_amounts(90)
        values = {"is_post_dated": True, "mode": "cash", "frequency": "month"}
        dialog = self._open_payment(invoice, amount=30, **values)
        self._assert_once(dialog, "action_plan")
        self.assertEqual(sum(invoice.billing_installment_ids.mapped("amount")), 30)

    def test_refund(self):
        """F176"""
        self._bill(self._create_credit(30))
        dialog = self._open(
            "refund.wizard", partner_id=self.customer.id, amount=10, mode="cash"
        )
        self._assert_once(dialog, "action_refund")
        self.assertEqual(self._get_payments().mapped("amount"), [10])

    def test_card_refund(self):
        """F171"""
        invoice = self._bill_amounts(100)
        invoice._billing_charge(self.card)
        dialog = self._open("card.refund.wizard", invoice_id=invoice.id, amount=30)
        self._assert_once(dialog, "action_refund")
        self.assertEqual(self.gateway.taken, 7000)
        self._lose_answer(dialog)
        self._assert_once(dialog, "action_refund")
        self.assertEqual(self.gateway.taken, 7000)

    def test_card_refund_whose_answer_was_lost(self):
        """W18"""
        invoice = self._bill_amounts(100)
        invoice._billing_charge(self.card)
        for number, is_executed in enumerate((True, False), 1):
            with self.subTest(is_executed=is_executed):
                dialog = self._open(
                    "card.refund.wizard", invoice_id=invoice.id, amount=30
                )
                self.gateway.lose(is_executed)
                result = dialog.action_refund()
                self.assertEqual(result["params"]["type"], "warning")
                result = self._assert_once(dialog, "action_refund")
                self.assertEqual(result["params"]["type"], "success")
                self.assertEqual(self.gateway.taken, 10000 - number * 3000)

    def test_refund_of_two_card_payments_that_stopped_halfway(self):
        """What the first part gave back is not given back again."""
        invoice = self._bill_amounts(100)
        invoice._billing_charge(self.card, 40)
        invoice._billing_charge(self.card)
        dialog = self._open("card.refund.wizard", invoice_id=invoice.id, amount=70)
        self.gateway.plan += [("status", "succeeded"), ("refuse", "rate_limit")]
        # What the first part did is committed, and the message undoes it not.
        try:
            dialog.action_refund()
        except UserError as error:
            self.assertIn("busy", str(error))
        self.assertEqual(self.gateway.taken, 6000)
        self._assert_once(dialog, "action_refund")
        self.assertEqual(self.gateway.taken, 3000)
        self.assertEqual(sum(invoice.reversal_move_ids.mapped("amount_total")), 70)

    def test_refund_that_failed_may_be_tried_again(self):
        invoice = self._bill_amounts(100)
        invoice._billing_charge(self.card)
        dialog = self._open("card.refund.wizard", invoice_id=invoice.id, amount=30)
        self.gateway.refuse("charge_disputed")
        try:
            dialog.action_refund()
        except UserError as error:
            self.assertIn("no money was moved", str(error))
        self.assertEqual(self.gateway.taken, 10000)
        dialog.amount = 20
        self._assert_once(dialog, "action_refund")
        self.assertEqual(self.gateway.taken, 8000)

    def test_cancellation(self):
        """F170"""
        for mode in ("credit", "cash", "stripe"):
            with self.subTest(mode):
                invoice = self._bill_amounts(50)
                taken = self.gateway.taken
                invoice._billing_charge(self.card, 50)
                dialog = self._open(
                    "cancel.wizard", invoice_id=invoice.id, mode=mode, penalty_amount=5
                )
                dialog.penalty_type = "amount"
                dialog.line_ids.included = True
                self._assert_once(dialog, "action_cancel_items")
                self._lose_answer(dialog)
                dialog.action_cancel_items()
                self.assertEqual(invoice.reversal_move_ids.mapped("amount_total"), [45])
                back = 4500 if mode == "stripe" else 0
                self.assertEqual(self.gateway.taken - taken, 5000 - back)
        paid_out = self._get_payments().filtered(lambda p: p.payment_type == "outbound")
        self.assertEqual(sorted(paid_out.mapped("amount")), [45, 45])

    def test_cancellation_whose_refund_is_under_way(self):
        invoice = self._bill_amounts(50)
        invoice._billing_charge(self.card)
        dialog = self._open("cancel.wizard", invoice_id=invoice.id, mode="stripe")
        dialog.line_ids.included = True
        self.gateway.wait()
        self.assertEqual(dialog.action_cancel_items()["params"]["type"], "warning")
        self.assertEqual(dialog.action_cancel_items()["params"]["type"], "warning")
        self.assertEqual(len(self.gateway.refunds), 1)
        self.assertEqual(len(invoice.reversal_move_ids), 1)

    def test_void(self):
        """F160"""
        invoice = self._bill_amounts(45)
        dialog = self._open("void.wizard", invoice_ids=[Command.set(invoice.ids)])
        self._assert_once(dialog, "action_void")
        self.assertEqual(invoice.billing_state, "void")
        invoice = self._bill_amounts(45)
        dialog = self._open("void.wizard", invoice_ids=[Command.set(invoice.ids)])
        self._assert_once(dialog, "action_void_and_bill")
        self.assertEqual(invoice.billing_state, "void")

    def test_preview(self):
        """F53: what comes later is not billed by the same dialog."""
        self._create_transaction(45)
        dialog = self._open("proforma.wizard", partner_id=self.customer.id)
        first = self._assert_once(dialog, "action_generate")
        late = self._create_transaction(8)
        dialog.line_ids.create({"wizard_id": dialog.id, "transaction_id": late.id})
        self.assertEqual(dialog.action_generate(), first)
        self.assertEqual(late.state, "unbilled")

    def test_many_invoices(self):
        """F8: the same run, step by step."""
        invoices = self._bill_amounts(45)
        other = self._bill(
            self._create_transaction(
                45, partner_id=self.env["res.partner"].create({"name": "B"}).id
            ),
            partner_id=self.env["res.partner"].search([("name", "=", "B")]).id,
        )
        dialog = self._open_payment(invoices | other, mode="cash")
        first = self._assert_once(dialog, "action_pay")
        bulk = self.env["omni.billing.bulk"].browse(first["params"]["bulkId"])
        ids = (invoices | other).ids
        self.assertEqual(bulk.run_step(ids), bulk.run_step(ids))
        self.assertEqual(len(self._get_payments()), 1)

    def test_what_is_done_is_not_changed(self):
        """An answer is about what the dialog says."""
        invoice = self._bill_amounts(45)
        dialog = self._open_payment(invoice, mode="bank", amount=10)
        dialog.action_pay()
        with self.assertRaisesRegex(UserError, "Open a new one"):
            dialog.amount = 20

    def test_what_failed_may_be_done_in_the_same_dialog(self):
        invoice = self._bill_amounts(45)
        dialog = self._open_payment(invoice, mode="bank", amount=100)
        with self.assertRaisesRegex(UserError, "more than"):
            dialog.action_pay()
        dialog.amount = 45
        self._assert_once(dialog, "action_pay")
        self.assertEqual(invoice.billing_state, "paid")

    def test_answer_is_of_the_owner_alone(self):
        """F193"""
        dialog = self._open_payment(self._bill_amounts(45), mode="bank")
        dialog.action_pay()
        for user in (self.staff, self.outsider, self.portal):
            with self.assertRaises(AccessError):
                dialog.with_user(user).action_pay()

    def test_which_dialog(self):
        dialog = self._open_payment(self._bill_amounts(45), mode="bank")
        gone = dialog.copy()
        gone.unlink()
        Dialog = self.env["omni.billing.payment.wizard"]
        for ids, refusal in (
            ([], UserError),
            ([dialog.id, dialog.id + 1], UserError),
            (gone.ids, MissingError),
            (["x"], MissingError),
            ([2**31], MissingError),
        ):
            with self.subTest(ids=ids), self.assertRaises(refusal):
                call_kw(Dialog, "action_pay", [ids], {})


@tagged("post_install", "-at_install")
class TestPaymentRef(OnceCommon):
    """A program may send its payment again, in a dialog of its own."""

    def setUp(self):
        super().setUp()
        self.invoice = self._bill_amounts(100)

    def _send(self, ref="P-1", invoice=None, user=None, **values):
        Dialog = self.env["omni.billing.payment.wizard"].with_user(user or self.staff)
        self.env.invalidate_all()
        ids = [Command.set((invoice or self.invoice).ids)]
        values = {"mode": "bank", **values}
        return Dialog.create({"invoice_ids": ids, "external_ref": ref, **values})

    def test_sent_again_is_answered_as_before(self):
        for mode in ("cash", "pos", "bank"):
            with self.subTest(mode):
                before = len(self._get_payments())
                values = {"ref": f"P-{mode}", "mode": mode, "amount": 10}
                first = self._send(**values).action_pay()
                self.assertEqual(self._send(**values).action_pay(), first)
                self.assertEqual(len(self._get_payments()), before + 1)
        self.assertEqual(self.invoice.amount_residual, 70)

    def test_sent_again_without_amount(self):
        """What is owed by then is not what was sent."""
        first = self._send().action_pay()
        again = self._send()
        self.assertEqual(again.amount, 100)
        self.assertEqual(again.action_pay(), first)
        self.assertEqual(self._get_payments().mapped("amount"), [100])

    def test_credit_on_file(self):
        self._bill(self._create_credit(20))
        first = self._send(mode="credit").action_pay()
        self.assertEqual(self._send(mode="credit").action_pay(), first)
        self.assertEqual(self.invoice.amount_residual, 80)

    def test_another_payment_with_the_same_reference_is_told(self):
        self._send(amount=10).action_pay()
        [known] = self.env["omni.billing.payment.ref"].search([])
        self.assertEqual(known.payment_id, self._get_payments())
        other = self._bill_amounts(100)
        for changed in ({"amount": 20}, {"mode": "cash"}, {"invoice": other}):
            values = {"amount": 10} | changed
            with (
                self.subTest(**changed),
                self.assertRaises(UserError) as refusal,
            ):
                self._send(**values).action_pay()
            message = str(refusal.exception)
            self.assertIn(f"id {known.id}", message)
            self.assertIn("10.00", message)
            self.assertIn(f"{values['amount']}.00", message)
        self.assertEqual(self._get_payments().mapped("amount"), [10])

    def test_charge(self):
        """W1"""
        values = {"mode": "stripe", "amount": 50}
        first = self._send(**values).action_pay()
        self.assertEqual(self._send(**values).action_pay(), first)
        self.assertEqual(self.gateway.taken, 5000)

    def test_charge_whose_answer_was_lost(self):
        """W2, W3"""
        values = {"mode": "stripe", "amount": 50}
        self.gateway.lose(True)
        self.assertEqual(self._send(**values).action_pay()["params"]["type"], "warning")
        result = self._send(**values).action_pay()
        self.assertEqual(result["params"]["type"], "success")
        self.assertEqual(self._send(**values).action_pay(), result)
        self.assertEqual(self.gateway.taken, 5000)

    def test_declined_charge_may_be_sent_again(self):
        """Nothing was paid: the reference is free."""
        values = {"mode": "stripe", "amount": 50}
        self.gateway.decline()
        try:
            self._send(**values).action_pay()
        except UserError as error:
            self.assertIn("declined", str(error))
        self._send(**values).action_pay()
        self.assertEqual(self.gateway.taken, 5000)
        self.assertEqual(len(self.env["omni.billing.payment.ref"].search([])), 1)

    def test_undone_payment_is_told(self):
        self._send(amount=10).action_pay()
        self._get_payments().action_cancel()
        with self.assertRaisesRegex(UserError, "undone since"):
            self._send(amount=10).action_pay()
        self.assertFalse(self._get_payments())

    def test_reference_belongs_to_a_company(self):
        other = self.setup_other_company()["company"]
        self._send(amount=10).action_pay()
        values = {
            "company_id": other.id,
            "external_ref": "P-1",
            "partner_id": self.customer.id,
            "currency_id": other.currency_id.id,
            "amount": 10,
            "mode": "bank",
        }
        Ref = self.env["omni.billing.payment.ref"].sudo()
        Ref.create(values)
        with self.assertRaises(IntegrityError), mute_logger("odoo.sql_db"):
            Ref.create(values)

    def test_several_customers_need_several_payments(self):
        partner = self.env["res.partner"].create({"name": "Bolt"})
        charge = self._create_transaction(5, partner_id=partner.id)
        other = self._bill(charge, partner_id=partner.id)
        with self.assertRaisesRegex(UserError, "reference of its own"):
            self._send(invoice=self.invoice | other).action_pay()

    def test_who_may_read_and_write_it(self):
        """F193"""
        self._send(amount=10).action_pay()
        Ref = self.env["omni.billing.payment.ref"]
        self.assertEqual(Ref.with_user(self.staff).search([]).amount, 10)
        stranger = self._create_user(
            "stranger", "omni_billing.omni_billing_group_manager"
        )
        other = self.setup_other_company()["company"]
        stranger.write(
            {"company_ids": [Command.set(other.ids)], "company_id": other.id}
        )
        self.assertFalse(Ref.with_user(stranger).search([]))
        for user in (self.outsider, self.portal):
            with self.assertRaises(AccessError):
                Ref.with_user(user).search([])
        [known] = Ref.search([])
        for user in (self.staff, self.env.user):
            for method, args in (
                ("write", [{"amount": 1}]),
                ("unlink", []),
                ("create", [{"external_ref": "P-2"}]),
            ):
                records = known.with_user(user)
                ids = [] if method == "create" else [records.ids]
                with self.assertRaises(AccessError):
                    call_kw(records.browse(), method, [*ids, *args], {})


@tagged("post_install", "-at_install")
class TestOddValues(OnceCommon):
    """What a program sends that is none is refused in words: 422, never 500."""

    def _list_odd_values(self):
        """Yield model, field and what that does not take."""
        numbers = ("ten", [1], {}, True, 1e308, 10**400, float("nan"), float("inf"))
        dates = ("2025-13-45", "soon", 20250110, [], True)
        texts = ("a\0b", ["a"], {"a": 1}, True)
        commands = ("x", 5, [[9]], [["x"]], [[6, 0, "ab"]], [[4]], [[0, 0, []]], [1.5])
        payment = "omni.billing.payment.wizard"
        yield payment, "amount", numbers
        yield payment, "mode", ("iou", 5, ["bank"], True)
        yield payment, "date", dates
        yield payment, "reference", texts
        yield payment, "external_ref", texts
        yield payment, "token_id", ODD_IDS
        yield payment, "invoice_ids", commands
        yield payment, "no_such_field", (1,)
        proforma = "omni.billing.proforma.wizard"
        yield proforma, "partner_id", ODD_IDS
        yield proforma, "date_end", dates
        yield proforma, "title", texts
        yield proforma, "excluded_ids", (["a\0b"], "a\0b")
        yield proforma, "line_ids", commands
        yield "omni.billing.refund.wizard", "amount", numbers
        yield "omni.billing.card.refund.wizard", "invoice_id", ODD_IDS
        yield "omni.billing.cancel.wizard", "penalty_percentage", numbers
        yield "omni.billing.undo.wizard", "reason", texts
        yield "omni.billing.void.wizard", "reason", texts
        yield "omni.billing.bulk", "operation", ("burn", 1)
        yield "omni.billing.transaction", "retail_cost", numbers
        yield "omni.billing.transaction", "transaction_type", ("gift",)
        yield "omni.billing.transaction", "name", texts
        yield "omni.billing.transaction", "tax_ids", commands
        yield "omni.billing.transaction", "no_such_field", (1,)

    def test_fields(self):
        charge = self._create_transaction(8)
        invoice = self._bill_amounts(45)
        records = {
            "omni.billing.payment.wizard": self._open_payment(invoice),
            "omni.billing.transaction": charge,
        }
        for model, name, values in self._list_odd_values():
            for value in values:
                doors = [(self.env[model], "create", [{name: value}])]
                if record := records.get(model):
                    doors.append((record, "write", [record.ids, {name: value}]))
                for door, method, args in doors:
                    with (
                        self.subTest(model, name=name, value=value, method=method),
                        self.assertRaises(ValidationError),
                    ):
                        call_kw(door, method, args, {})

    def test_what_is_no_object(self):
        for model in ("omni.billing.payment.wizard", "omni.billing.transaction"):
            for values in (None, "x", 5, [None], ["x"], [[]]):
                with (
                    self.subTest(model, values=values),
                    self.assertRaises(ValidationError),
                ):
                    call_kw(self.env[model], "create", [values], {})

    def test_defaults(self):
        Dialog = self.env["omni.billing.payment.wizard"]
        for defaults in ({"default_mode": "iou"}, {"default_amount": "ten"}):
            with self.subTest(defaults), self.assertRaises(ValidationError):
                call_kw(Dialog, "create", [{}], {"context": defaults})

    def test_arguments(self):
        charge, invoice = self._create_transaction(8), self._bill_amounts(45)
        for reason in ("a\0b", ["a"], 5):
            with self.subTest(reason=reason):
                with self.assertRaises(ValidationError):
                    charge.action_void(reason=reason)
                with self.assertRaises(ValidationError):
                    invoice.action_billing_void(reason=reason)
        bulk = self._open("bulk", operation="email")
        for ids in (None, 5, "12"):
            with self.assertRaises(UserError):
                bulk.run_step(ids)

    def test_excluded_ids_that_are_none(self):
        self._create_transaction(8)
        for ids in (5, "x", {"a": 1}, ["x", None]):
            with self.subTest(ids=ids):
                dialog = self._open(
                    "proforma.wizard", partner_id=self.customer.id, excluded_ids=ids
                )
                self.assertEqual(dialog.included_count, 1)

    def test_numbers_and_texts_that_are_some(self):
        """What the ORM takes, it takes still."""
        dialog = self._open_payment(
            self._bill_amounts(45), amount="10.5", reference=7, date_last=""
        )
        self.assertEqual((dialog.amount, dialog.reference), (10.5, "7"))
