"""Whatever staff and accountants do, in whatever order, the books agree (W14, W25-W28).

A history is random, and so is the company in which it happens: currency, taxes, both
roundings, cash rounding, payment terms. After each step the ledger, the journals and
what customers are shown are compared.
"""

from collections import Counter, defaultdict
from contextlib import suppress
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from odoo.exceptions import AccessError, MissingError, UserError
from odoo.fields import Command
from odoo.tests import tagged

from .common import BillingCommon
from .properties import tried

#: What is done with transactions and with invoices, the usual more often.
STEPS = [
    *["charge", "bill", "pay", "give_credit"] * 3,
    *["odoos_note", "pay_back", "use_credit", "refund", "cancel_items", "undo"] * 2,
    *["void", "credit", "write_off", "duplicate", "change_currency"] * 2,
    *["move_contact", "switch_rounding", "edit_tax", "archive_tax"],
]
#: So many show each step at work.
ENOUGH = 100
#: With nothing billed there is little to do.
BEGINNING = [("charge", 4711), ("charge", 815), ("bill", 0)]
worlds = st.fixed_dictionaries(
    {
        "currency": st.sampled_from(["own", "own", "euro", "yen", "dinar"]),
        "rounding": st.sampled_from(["round_globally", "round_per_line"]),
        "void": st.sampled_from(["credit_note", "cancel"]),
        "cash": st.sampled_from([None, "add_invoice_line", "biggest_tax"]),
        "terms": st.sampled_from([None, "parts", "included", "excluded", "mixed"]),
    }
)
histories = st.lists(
    st.tuples(st.sampled_from(STEPS), st.integers(0, 100_000)), min_size=12, max_size=20
)


@tagged("post_install", "-at_install")
class TestHistory(BillingCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        group = [cls._create_tax(5), cls._create_tax(9.975)]
        cls.taxes = (
            cls.tax_10
            + cls.tax_20_included
            + cls._create_tax(7.7, price_include_override="tax_included")
            + cls._create_tax(2, amount_type="fixed")
            + cls._create_reverse_tax(19)
            + cls._create_tax(3, include_base_amount=True, sequence=0)
            + cls._create_tax(
                0,
                name="Both",
                amount_type="group",
                children_tax_ids=[Command.set([tax.id for tax in group])],
            )
        )
        cls.currencies = {
            "own": cls.currency,
            "euro": cls.setup_other_currency("EUR", rates=[("2016-01-01", 0.87)]),
            "yen": cls.setup_other_currency("JPY", rounding=1.0),
            "dinar": cls.setup_other_currency("KWD", rounding=0.001),
        }
        Partner = cls.env["res.partner"]
        cls.other = Partner.create({"name": "Other Rentals", "is_company": True})
        cls.contact = Partner.create({"name": "Kim", "parent_id": cls.customer.id})

    @given(world=worlds, history=histories)
    @tried(ci=8, deep=500)
    def test_books_agree_after_each_step(self, world, history):
        """F135, F161, F168, F170, F172, F176, F178, F182, promise 4"""
        self._begin(world)
        self.outcomes["tried"] += 1
        for step, seed in [*BEGINNING, *history]:
            before = self._take_stock()
            self._act(step, seed)
            self.outcomes[step] += self._take_stock() != before
            self._check()

    def _act(self, step, seed):
        """Do one thing. What is refused, with words for a person, changes nothing."""
        try:
            with self.env.cr.savepoint():
                getattr(self, f"_step_{step}")(seed)
        except (AccessError, MissingError):
            # Of a manager, with what is there, nothing is refused like this.
            raise
        except UserError:
            self.outcomes["refused"] += 1

    def _begin(self, world):
        company = self.company
        company.tax_calculation_rounding_method = world["rounding"]
        company.billing_void_method = world["void"]
        self.unit = self.currencies[world["currency"]]
        self.term = self._create_term(world["terms"])
        self.customer.property_payment_term_id = self.term
        self.other.property_payment_term_id = self.term
        self.cash_rounding = self._create_cash_rounding(world["cash"])

    def _create_term(self, kind):
        Term = self.env["account.payment.term"]
        if not kind:
            return Term
        shares = [30, 70] if kind == "parts" else [100]
        values = {
            "name": kind,
            "line_ids": [
                Command.create({"value": "percent", "value_amount": share})
                for share in shares
            ],
        }
        if kind != "parts":
            values |= {"early_discount": True, "discount_percentage": 2}
            values |= {"early_pay_discount_computation": kind}
        return Term.create(values)

    def setUp(self):
        super().setUp()
        self.outcomes = Counter()
        self.addCleanup(self._check_outcomes)
        self.cash_rounding = self.env["account.cash.rounding"]
        Transaction = self.env.registry["omni.billing.transaction"]
        prepare = Transaction._prepare_invoice_values
        self.patch(
            Transaction,
            "_prepare_invoice_values",
            lambda record, partner, **options: (
                prepare(record, partner, **options)
                | {"invoice_cash_rounding_id": self.cash_rounding.id}
            ),
        )

    def _check_outcomes(self):
        """See that steps came to something, or histories would prove little."""
        done = sum(self.outcomes[step] for step in set(STEPS))
        self.assertGreater(done, 5 * self.outcomes["tried"], self.outcomes)
        if self.outcomes["tried"] >= ENOUGH:
            idle = [step for step in set(STEPS) if not self.outcomes[step]]
            self.assertFalse(idle, self.outcomes)

    def _take_stock(self):
        """Tell what there is, to see whether a step changed any of it."""
        self.env.flush_all()
        moves = self.env["account.move"].search([])
        transactions = self._find_transactions()
        return (
            moves.mapped(lambda move: (move.state, move.amount_residual)),
            transactions.mapped(lambda t: (t.state, t.currency_id, t.amount_total)),
            self.contact.parent_id,
            self.company.tax_calculation_rounding_method,
            self.taxes.mapped(lambda tax: (tax.amount, tax.active)),
        )

    def _create_cash_rounding(self, strategy):
        """Round what is asked for to five of the least coins, as an addon may."""
        Rounding = self.env["account.cash.rounding"]
        if not strategy:
            return Rounding
        return Rounding.create(
            {
                "name": "To five",
                "rounding": 5 * self.unit.rounding,
                "strategy": strategy,
                "profit_account_id": self.company_data["default_account_revenue"].id,
                "loss_account_id": self.company_data["default_account_expense"].id,
            }
        )

    # === STEPS === #

    def _step_charge(self, seed):
        self._enter(seed)

    def _step_credit(self, seed):
        credit = {"transaction_type": "credit", "credit_type_id": self.goodwill.id}
        self._enter(seed, **credit)

    def _step_give_credit(self, seed):
        """A credit note that the customer may use later, or get back."""
        credit = {"transaction_type": "credit", "credit_type_id": self.goodwill.id}
        item = self._enter(seed, **credit)
        customer = item.commercial_partner_id
        self._bill(item, partner_id=customer.id, currency_id=self.unit.id)

    def _enter(self, seed, **values):
        cost = (seed + 1) * 7919 % 1_000_000 / 700
        # What is whole can be kept in any currency.
        cost = self.unit.round(cost if seed % 2 else int(cost))
        taxes = [tax.id for i, tax in enumerate(self.taxes) if seed >> i & 1]
        if seed % 5 == 4:
            # Some are so many of something: 3.75 × 0.0123.
            cost = max(cost, 1.0)
            values["quantity"] = 1 + seed % 7 / 4
            values["price_unit"] = round(cost / values["quantity"], seed % 4 + 1) or 1.0
            values["retail_cost"] = self.unit.round(
                values["quantity"] * values["price_unit"]
            )
        return self._create_transaction(
            max(cost, self.unit.rounding),
            partner_id=(self.contact if seed % 3 else self.customer).id,
            currency_id=self.unit.id,
            tax_ids=self.taxes.browse(taxes[:3]),
            tax_included=bool(seed % 2),
            **values,
        )

    def _step_bill(self, seed):
        for customer in self._customers:
            wizard = self._open_proforma(
                partner_id=customer.id, currency_id=self.unit.id
            )
            for index, line in enumerate(wizard.line_ids):
                line.included = not seed >> index & 1
            if not wizard.problem:
                wizard.action_generate()

    def _step_pay(self, seed):
        for payable in self._find_payable().grouped("commercial_partner_id").values():
            due = sum(payable.mapped("amount_residual"))
            amount = self.unit.round(due * (seed % 10 + 1) / 10) or due
            mode = ["cash", "bank", "pos"][seed % 3]
            self._pay(payable, amount=amount, mode=mode, reference=f"R{seed}")

    def _step_void(self, seed):
        voidable = self._find_invoices().filtered(
            lambda move: move.billing_state == "unpaid"
        )
        if voidable:
            voidable[seed % len(voidable)].action_billing_void()

    def _step_refund(self, seed):
        """Credit a part of an invoice, as a card's refund does."""
        if not (invoice := self._choose_invoice(seed)):
            return
        left = invoice.amount_total - invoice._billing_get_reversed_amount()
        amount = invoice.currency_id.round(left * (seed % 10 + 1) / 10)
        if amount > 0:
            note = invoice._billing_create_refund_note(amount)
            self._assert_equal(note.amount_total, amount)

    def _step_cancel_items(self, seed):
        """Some items, less a penalty; the money back in cash, or not."""
        if not (invoice := self._choose_invoice(seed)):
            return
        wizard = self.env["omni.billing.cancel.wizard"].create(
            {
                "invoice_id": invoice.id,
                "penalty_type": "percentage" if seed % 2 else "none",
                "penalty_percentage": seed % 100,
                "mode": "cash" if seed % 3 else "credit",
            }
        )
        for index, line in enumerate(wizard.line_ids):
            line.included = not seed >> index & 1
        if wizard.amount_credit > 0:
            wizard.action_cancel_items()

    def _step_use_credit(self, _seed):
        for payable in self._find_payable().grouped("commercial_partner_id").values():
            payable[:1]._billing_spend_credit()

    def _step_undo(self, seed):
        payments = self.env["account.payment"].search(
            [("partner_id", "in", self._customers.ids), ("state", "!=", "canceled")]
        )
        payments = payments.filtered(lambda payment: not payment.billing_undo_move_id)
        if payments:
            wizard = self.env["omni.billing.undo.wizard"].create(
                {"payment_id": payments[seed % len(payments)].id, "reason": "Wrong"}
            )
            wizard.action_undo()

    def _step_pay_back(self, seed):
        for customer in self._customers:
            wizard = self.env["omni.billing.refund.wizard"].create(
                {"partner_id": customer.id, "currency_id": self.unit.id}
            )
            amount = self.unit.round(wizard.credit_available * (seed % 4 + 1) / 4)
            if amount > 0:
                wizard.amount = amount
                wizard.action_refund()

    def _step_duplicate(self, seed):
        if not (invoice := self._choose_invoice(seed, "unpaid", "paid", "void")):
            return
        released = invoice.billing_released_ids
        if invoice.billing_is_void and "unbilled" not in released.mapped("state"):
            return
        action = invoice.action_billing_duplicate()
        Wizard = self.env[action["res_model"]].with_context(**action["context"])
        wizard = Wizard.create({})
        if not wizard.problem:
            wizard.action_generate()

    def _step_change_currency(self, seed):
        """What is unbilled gets another currency, if its amount can be kept (W27)."""
        currency = self.currencies[sorted(self.currencies)[seed % 4]]
        for transaction in self._find_transactions():
            if transaction.state == "unbilled":
                with suppress(UserError), self.env.cr.savepoint():
                    transaction.currency_id = currency
        self.unit = currency

    def _step_move_contact(self, _seed):
        """The contact changes its employer."""
        is_here = self.contact.parent_id == self.customer
        self.contact.parent_id = self.other if is_here else self.customer

    def _step_switch_rounding(self, _seed):
        methods = {
            "round_globally": "round_per_line",
            "round_per_line": "round_globally",
        }
        company = self.company
        company.tax_calculation_rounding_method = methods[
            company.tax_calculation_rounding_method
        ]

    def _step_edit_tax(self, seed):
        tax = self.taxes[seed % len(self.taxes)]
        if tax.amount_type != "group":
            tax.amount = seed % 300 / 10

    def _step_archive_tax(self, seed):
        self.taxes[seed % len(self.taxes)].active = seed % 2 == 0

    def _step_odoos_note(self, seed):
        """An accountant reverses an invoice in Odoo's own dialog."""
        invoice = self._choose_invoice(seed)
        if not invoice or invoice.reversal_move_ids:
            return
        context = {"active_model": "account.move", "active_ids": invoice.ids}
        wizard = self.env["account.move.reversal"].with_context(**context)
        wizard.create({"journal_id": invoice.journal_id.id}).refund_moves()
        note = invoice.reversal_move_ids
        note.action_post()
        self._assert_equal(note.amount_total, invoice.amount_total)

    def _step_write_off(self, seed):
        """An accountant takes a part for all, in Odoo's dialog."""
        if not (payable := self._find_payable()):
            return
        invoice = payable[seed % len(payable)]
        amount = self.unit.round(invoice.amount_residual * (seed % 9 + 1) / 10)
        context = {"active_model": "account.move", "active_ids": invoice.ids}
        values = {
            "amount": amount,
            "payment_difference_handling": "reconcile",
            "writeoff_account_id": self.company_data["default_account_expense"].id,
        }
        if amount:
            wizard = self.env["account.payment.register"].with_context(**context)
            wizard.create(values).action_create_payments()

    # === WHAT THERE IS === #

    @property
    def _customers(self):
        return self.customer + self.other

    def _find_transactions(self):
        return self.env["omni.billing.transaction"].search(
            [("commercial_partner_id", "in", self._customers.ids)]
        )

    def _find_invoices(self):
        return self.env["account.move"].search(
            [
                ("commercial_partner_id", "in", self._customers.ids),
                ("move_type", "in", ("out_invoice", "out_refund")),
                ("billing_state", "!=", False),
            ],
            order="id",
        )

    def _find_payable(self):
        return self._find_invoices().filtered(
            lambda move: (
                move.move_type == "out_invoice"
                and move.billing_state in ("unpaid", "partial")
                and move.currency_id == self.unit
            )
        )

    def _choose_invoice(self, seed, *states):
        invoices = self._find_invoices().filtered(
            lambda move: (
                move.move_type == "out_invoice"
                and move.billing_state in (states or ("unpaid", "partial", "paid"))
                and move._billing_held_transactions()
            )
        )
        return invoices[seed % len(invoices)] if invoices else invoices

    # === WHAT HOLDS === #

    def _check(self):
        self.env.flush_all()
        self.env.invalidate_all()
        self._check_moves()
        self._check_transactions()
        for customer in self._customers:
            self._check_customer(customer)

    def _check_moves(self):
        """An invoice, its page and its items have one total."""
        for move in self._find_invoices():
            self._assert_equal(sum(move.line_ids.mapped("balance")), 0)
            shown = move._billing_prepare_pdf_context()
            for name in ("amount_untaxed", "amount_total"):
                lines = sum(line[name] for line in shown["lines"])
                self._assert_equal(lines + shown["rounding"], move[name])
            taxes = sum(group["tax_amount_currency"] for group in shown["tax_groups"])
            self._assert_equal(taxes, move.amount_tax)

    def _check_transactions(self):
        for transaction in self._find_transactions():
            lines = transaction.invoice_line_ids
            if transaction.transaction_type in ("payment", "adjustment"):
                self.assertFalse(lines)
            elif transaction.state == "invoiced":
                self.assertEqual(lines.move_id, transaction.invoice_id)
                self.assertEqual(len(lines), 1)
                self.assertNotEqual(transaction.invoice_id.billing_state, "void")
            else:
                self.assertFalse(lines)
                self.assertFalse(transaction.invoice_id)

    def _check_customer(self, customer):
        """Ledger, journals, statement and what is owed are of one mind."""
        books, ledger = self._read_books(customer), self._read_ledger(customer)
        statement = {
            part["currency"]: part["closing"]
            for part in customer._billing_prepare_statement(
                self.company, self.today, self.today + timedelta(days=1)
            )
        }
        for unit in books | ledger | statement:
            self._assert_equal(ledger.get(unit, 0), books.get(unit, 0))
            self._assert_equal(statement.get(unit, 0), books.get(unit, 0))
        self._check_owed(customer)

    def _check_owed(self, customer):
        """What is asked for is what the invoices say, less the credit on file."""
        invoices = self._find_invoices().filtered(
            lambda move: move.commercial_partner_id == customer
        )
        for unit, moves in invoices.grouped("currency_id").items():
            owed = moves._billing_get_amounts_owed()
            residual = sum(move.amount_residual for move in moves if move.id in owed)
            credit = customer._billing_get_credit(self.company, unit)
            self._assert_equal(sum(owed.values()), max(0, residual - credit))

    def _read_books(self, customer):
        lines = self.env["account.move.line"].search(
            [
                ("partner_id", "=", customer.id),
                ("account_type", "=", "asset_receivable"),
                ("parent_state", "=", "posted"),
                ("company_id", "=", self.company.id),
            ]
        )
        found = defaultdict(float)
        for line in lines:
            found[line.currency_id] += line.amount_currency
        return found

    def _read_ledger(self, customer):
        found = defaultdict(float)
        for entry in self._find_transactions():
            if entry.commercial_partner_id == customer and entry.state == "invoiced":
                found[entry.currency_id] += entry.amount_total
        return found

    def _assert_equal(self, left, right):
        self.assertAlmostEqual(left, right, places=4)
