from io import BytesIO

from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader

from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command
from odoo.tests import Form, tagged

from odoo.addons.omni_billing.tools.write_guard import trust

from .common import BillingCommon
from .properties import tried

PRICED = ("quantity", "price_unit", "retail_cost")


#: A tax by the name of the test's, how many, the price of one, whether that is of very
#: small numbers, and whether it is with taxes.
LINE = st.tuples(
    st.sampled_from(["no_tax", "tax_10", "tax_20_included"]),
    st.integers(1, 40_000).map(lambda thousandths: thousandths / 1000),
    st.integers(1, 500_000).map(lambda parts: parts / 10_000),
    st.booleans(),
    st.booleans(),
)


@tagged("post_install", "-at_install")
class TestQuantity(BillingCommon):
    """W40: how many, of what, and at which price, from a service to the invoice."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Transaction = cls.env["omni.billing.transaction"]
        cls.hour = cls.env.ref("uom.product_uom_hour")

    def _create(self, **values):
        return self.Transaction.create(
            {"name": "Support", "partner_id": self.customer.id} | values
        )

    def _bill(self, transactions, **options):
        return transactions._create_invoice(self.customer, **options)

    def _assert_priced(self, transaction, quantity, price, cost):
        self.env.flush_all()
        self.env.invalidate_all()
        found = tuple(transaction[name] for name in PRICED)
        self.assertEqual(found, (quantity, price, cost))

    # === Entering === #

    def test_retail_cost_alone_is_one_of_that_price(self):
        charge = self._create(retail_cost=45)
        self._assert_priced(charge, 1, 45, 45)
        charge.write({"quantity": 3, "price_unit": 10})
        self._assert_priced(charge, 3, 10, 30)
        charge.retail_cost = 50
        self._assert_priced(charge, 1, 50, 50)

    def test_quantity_and_price_make_the_retail_cost(self):
        charge = self._create(quantity=3, price_unit=10.5, uom_id=self.hour.id)
        self._assert_priced(charge, 3, 10.5, 31.5)
        charge.quantity = 2
        self._assert_priced(charge, 2, 10.5, 21)
        charge.price_unit = 0.0375
        self._assert_priced(charge, 2, 0.0375, 0.08)

    def test_several_are_written_at_once(self):
        charges = self._create(price_unit=10) + self._create(price_unit=20)
        charges.quantity = 3
        self.assertEqual(charges.mapped("retail_cost"), [30, 60])
        charges.retail_cost = 7
        self.assertEqual(charges.mapped("price_unit"), [7, 7])
        self.assertEqual(charges.mapped("quantity"), [1, 1])

    def test_quantity_and_retail_cost_make_the_price(self):
        self._assert_priced(self._create(quantity=3, retail_cost=31.5), 3, 10.5, 31.5)
        third = self._create(quantity=3, retail_cost=10)
        self._assert_priced(third, 3, 3.333333, 10)
        third.write({"quantity": 4, "retail_cost": 20})
        self._assert_priced(third, 4, 5, 20)

    def test_context_proposes_a_price(self):
        """As a button of another addon does."""

        def create(**defaults):
            context = {f"default_{name}": value for name, value in defaults.items()}
            return self.Transaction.with_context(**context).create(
                {"name": "Support", "partner_id": self.customer.id}
            )

        self._assert_priced(create(retail_cost=45), 1, 45, 45)
        self._assert_priced(create(quantity=3, price_unit=10), 3, 10, 30)
        for wrong in ({"quantity": 0, "price_unit": 10}, {"retail_cost": -1}):
            with self.subTest(**wrong), self.assertRaises(UserError):
                create(**wrong)

    def test_what_does_not_fit_is_refused(self):
        for values in (
            {"quantity": 3, "price_unit": 10, "retail_cost": 31},
            {"quantity": 0, "price_unit": 10},
            {"quantity": -1, "price_unit": 10},
            {"quantity": 1, "price_unit": -10},
            {"quantity": 1, "price_unit": 0.001},
            {"quantity": 0.1234567, "price_unit": 10},
            {"quantity": 1e12, "price_unit": 1000},
            {"quantity": 1000, "price_unit": 0.123456789},
            {"quantity": 1000, "price_unit": 0.123456789, "retail_cost": 123.46},
        ):
            with self.subTest(**values), self.assertRaises(UserError):
                self._create(**values)
        message = "Support.*3 × .*10.00 is .*30.00, not .*31.00"
        with self.assertRaisesRegex(ValidationError, message):
            self._create(quantity=3, price_unit=10, retail_cost=31)
        with self.assertRaisesRegex(ValidationError, "more than 8 decimals"):
            self._create(quantity=1000, price_unit=1).price_unit = 0.123456789

    def test_copy_with_another_price(self):
        charge = self._create(quantity=3, price_unit=10)
        for changed, expected in (
            ({}, (3, 10, 30)),
            ({"quantity": 2}, (2, 10, 20)),
            ({"price_unit": 7}, (3, 7, 21)),
            ({"retail_cost": 50}, (1, 50, 50)),
            ({"quantity": 2, "retail_cost": 50}, (2, 25, 50)),
        ):
            with self.subTest(**changed):
                self._assert_priced(charge.copy(changed), *expected)

    def test_copy_of_a_price_that_was_found(self):
        """W40: of more decimals than one may enter; its cost is what remains."""
        found = trust(self.Transaction).create(
            {
                "partner_id": self.customer.id,
                "name": "Data",
                "quantity": 3,
                "price_unit": 33.3333333333,
            }
        )
        charge = self.Transaction.browse(found.id)
        self.assertEqual(charge.retail_cost, 100)
        self.assertEqual(charge.copy().retail_cost, 100)
        with self.assertRaisesRegex(ValidationError, "more than 8 decimals"):
            charge.copy({"price_unit": 33.3333333333})

    def test_what_is_empty_is_not_given(self):
        for empty in (None, False):
            self._assert_priced(
                self._create(quantity=empty, price_unit=empty, retail_cost=45),
                1,
                45,
                45,
            )
            self._assert_priced(
                self._create(quantity=3, price_unit=10, retail_cost=empty), 3, 10, 30
            )
            with self.assertRaises(UserError):
                self._create(retail_cost=45).quantity = empty

    def test_small_price_of_many_comes_to_the_amount(self):
        for quantity, cost in ((1_000_000, 0.01), (30_000, 10_000.01)):
            charge = self._create(quantity=quantity, retail_cost=cost)
            self.assertEqual((charge.quantity, charge.retail_cost), (quantity, cost))
            self.assertEqual(self._bill(charge).amount_total, cost)
        # Of more decimals than somebody enters, where it takes them; and copied.
        charge = self._create(quantity=10**9, retail_cost=10.49)
        self._assert_priced(charge, 10**9, 1.049e-08, 10.49)
        self.assertIn("0.00000001049", charge._describe_price())
        self._assert_priced(charge.copy(), 10**9, 1.049e-08, 10.49)

    def test_unit_has_a_code_of_the_trade(self):
        """Which e-invoices call it by."""
        unit = self.env.ref("omni_billing.product_uom_gigabyte")
        self.assertEqual(unit.billing_unece_code, "E34")
        for wrong in ("gb", "4", "MEGA", "4L "):
            with self.assertRaisesRegex(ValidationError, "two or three capital"):
                unit.billing_unece_code = wrong
        unit.billing_unece_code = False
        second = self.env.ref("omni_billing.product_uom_second")
        # Of a minute Odoo says that it is 0.0166667 of an hour.
        self.assertEqual(second._compute_quantity(9e6, self.hour, round=False), 2500)

    def test_what_is_billed_keeps_its_quantity(self):
        charge = self._create(quantity=3, price_unit=10)
        self._bill(charge)
        for values in ({"quantity": 2}, {"price_unit": 11}, {"uom_id": self.hour.id}):
            with self.assertRaises(UserError):
                charge.write(values)
        self._assert_priced(charge, 3, 10, 30)

    def test_product_has_unit_and_price(self):
        product = self.env["product.product"].create(
            {"name": "Hour", "lst_price": 12.5, "uom_id": self.hour.id}
        )
        charge = self._create(product_id=product.id, quantity=3)
        self._assert_priced(charge, 3, 12.5, 37.5)
        self.assertEqual(charge.uom_id, self.hour)

    def test_form_computes(self):
        with Form(self.Transaction) as form:
            form.name = "Support"
            form.partner_id = self.customer
            form.price_unit = 10
            form.quantity = 3
            self.assertEqual(form.retail_cost, 30)
            form.retail_cost = 45
            self.assertEqual((form.quantity, form.price_unit), (1, 45))
            form.quantity = 2
            self.assertEqual(form.retail_cost, 90)
        self._assert_priced(form.record, 2, 45, 90)
        with Form(form.record) as form:
            form.price_unit = 4
        self._assert_priced(form.record, 2, 4, 8)

    def test_import(self):
        result = self.Transaction.load(
            ["external_ref", "partner_id/.id", "name", "quantity", "price_unit"],
            [["q-1", str(self.customer.id), "Support", "3", "10.5"]],
        )
        self._assert_priced(self.Transaction.browse(result["ids"]), 3, 10.5, 31.5)
        result = self.Transaction.load(
            ["partner_id/.id", "name", "quantity", "price_unit"],
            [[str(self.customer.id), "Support", "1000", "0.123456789"]],
        )
        self.assertFalse(result["ids"])
        self.assertIn("more than 8 decimals", result["messages"][0]["message"])

    def test_import_with_empty_cells(self):
        names = ["external_ref", "partner_id/.id", "name", *PRICED]
        rows = [
            ["q-1", str(self.customer.id), "Support", "3", "10.5", ""],
            ["q-2", str(self.customer.id), "Support", "", "", "45"],
            ["q-3", str(self.customer.id), "Support", "3", "", "45"],
        ]
        result = self.Transaction.load(names, rows)
        self.assertTrue(result["ids"], result["messages"])
        charges = self.Transaction.browse(result["ids"])
        self.assertEqual(charges.mapped("retail_cost"), [31.5, 45, 45])
        self.assertEqual(charges.mapped("quantity"), [3, 1, 3])
        again = self.Transaction.load(names, rows)
        self.assertEqual([each["type"] for each in again["messages"]], ["warning"])

    # === On invoices === #

    def test_invoice_has_quantity_unit_and_price(self):
        charge = self._create(quantity=3, price_unit=10.5, uom_id=self.hour.id)
        charge.tax_ids = self.tax_10
        whole = self._create(retail_cost=5)
        line, other = self._bill(charge + whole).invoice_line_ids
        self.assertRecordValues(
            line + other,
            [
                {
                    "quantity": 3,
                    "price_unit": 10.5,
                    "product_uom_id": self.hour.id,
                    "price_subtotal": 31.5,
                },
                {
                    "quantity": 1,
                    "price_unit": 5,
                    "product_uom_id": False,
                    "price_subtotal": 5,
                },
            ],
        )
        self.assertEqual(line._billing_describe_price(), "3 Hours × $\xa010.50")
        self.assertEqual(other._billing_describe_price(), "")
        text = (
            PdfReader(BytesIO(line.move_id._billing_get_pdf())).pages[0].extract_text()
        )
        self.assertIn("3 Hours × $ 10.50", text.replace("\xa0", " "))

    def test_price_of_eight_decimals_is_the_same_everywhere(self):
        """From a file to the page of the invoice and the credit note, and rounded once.

        6 decimals, as Odoo's own screens show, would be 38.00 (and 1.00 less of it).
        """
        result = self.Transaction.load(
            ["external_ref", "partner_id/.id", "name", "quantity", "price_unit"],
            [["q-8", str(self.customer.id), "Data", "1000000", "0.00003751"]],
        )
        charge = self.Transaction.browse(result["ids"])
        self._assert_priced(charge, 1_000_000, 0.00003751, 37.51)
        charge.tax_ids = self.tax_10
        self.assertEqual((charge.tax_amount, charge.amount_total), (3.75, 41.26))
        described = "1,000,000 × $\xa00.00003751"
        self.assertEqual(charge._describe_price(), described)
        invoice = self._bill(charge)
        self.assertEqual(invoice.amount_total, 41.26)
        line = invoice.invoice_line_ids
        self.assertEqual((line.quantity, line.price_unit), (1_000_000, 0.00003751))
        self.assertEqual(line._billing_describe_price(), described)
        [page] = PdfReader(BytesIO(invoice._billing_get_pdf())).pages
        text = page.extract_text().replace("\xa0", " ")
        self.assertIn(described.replace("\xa0", " "), text)
        invoice.action_billing_void("Wrong", by_credit_note=True)
        note = invoice.reversal_move_ids
        self.assertEqual(note.invoice_line_ids.price_unit, 0.00003751)
        self.assertEqual(note.amount_total, 41.26)

    def test_taxes_in_the_retail_cost(self):
        charge = self._create(
            quantity=7,
            price_unit=1.37,
            tax_included=True,
            tax_ids=[Command.set(self.tax_10.ids)],
        )
        invoice = self._bill(charge)
        self.assertEqual(charge.amount_total, 9.59)
        self.assertEqual(invoice.amount_total, 9.59)
        self.assertEqual(invoice.invoice_line_ids.quantity, 7)

    def test_tax_for_each_piece(self):
        eco = self._create_tax(0.1, name="Eco", amount_type="fixed")
        charge = self._create(
            quantity=4, price_unit=0.251, tax_ids=[Command.set(eco.ids)]
        )
        self.assertEqual((charge.retail_cost, charge.tax_amount), (1, 0.4))
        self.assertEqual(self._bill(charge).amount_total, 1.4)
        with self.assertRaisesRegex(UserError, "0.125 has more than 2 decimals"):
            self._create(quantity=0.125, price_unit=8, tax_ids=[Command.set(eco.ids)])

    def test_tax_for_each_piece_with_global_rounding(self):
        self.company.tax_calculation_rounding_method = "round_globally"
        eco = self._create_tax(0.1, name="Eco", amount_type="fixed")
        values = {"quantity": 4, "price_unit": 0.251, "tax_ids": [Command.set(eco.ids)]}
        charges = self.Transaction.concat(*(self._create(**values) for _n in range(10)))
        invoice = self._bill(charges)
        self.assertEqual((invoice.amount_untaxed, invoice.amount_tax), (10, 4))
        self.assertEqual(set(invoice.invoice_line_ids.mapped("quantity")), {4})

    def test_tax_for_each_piece_comes_back(self):
        """What a credit note canceled is charged again when the note is void."""
        eco = self._create_tax(1, name="Eco", amount_type="fixed")
        charge = self._create(quantity=10, price_unit=5, tax_ids=[Command.set(eco.ids)])
        invoice = self._bill(charge)
        note = invoice._billing_cancel_items(charge)
        entry = note.billing_transaction_ids
        expected = [{"amount_untaxed": -50, "tax_amount": -10, "amount_total": -60}]
        self.assertRecordValues(entry, expected)
        (invoice.line_ids + note.line_ids).remove_move_reconcile()
        note.action_billing_void("Wrong")
        self.assertEqual(entry.state, "unbilled")
        self.assertRecordValues(entry, expected)

    def test_void_by_credit_note_keeps_the_quantity(self):
        for taxes in (self.tax_10, self.env["account.tax"]):
            charge = self._create(quantity=3, price_unit=10.5)
            charge.tax_ids = taxes
            invoice = self._bill(charge)
            invoice.action_billing_void("Wrong", by_credit_note=True)
            note = invoice.reversal_move_ids
            self.assertRecordValues(
                note.invoice_line_ids, [{"quantity": 3, "price_unit": 10.5}]
            )
            self.assertEqual(note.amount_total, invoice.amount_total)

    def test_service_charges_its_quantity(self):
        service = self.env["omni.billing.service"].create(
            {
                "name": "Seats",
                "partner_id": self.customer.id,
                "quantity": 3,
                "price_unit": 10,
                "uom_id": self.hour.id,
                "unit": "month",
                "date_start": "2025-01-01",
                "date_end": "2025-02-14",
            }
        )
        service.action_write_due()
        whole, part = service.transaction_ids.sorted("date")
        self._assert_priced(whole, 3, 10, 30)
        self.assertEqual(whole.uom_id, self.hour)
        self.assertFalse(whole.description)
        self._assert_priced(part, 1, 15, 15)
        self.assertIn("3 ×", part.description)

    def _create_service(self, **values):
        return self.env["omni.billing.service"].create(
            {
                "name": "Seats",
                "partner_id": self.customer.id,
                "quantity": 10,
                "price_unit": 5,
                "unit": "month",
                "date_start": "2025-01-01",
                "date_end": "2025-01-31",
            }
            | values
        )

    def test_service_of_a_third(self):
        """It is charged as one of its amount: transactions have fewer decimals."""
        service = self._create_service(quantity=1 / 3, price_unit=30)
        service.action_write_due()
        self.assertFalse(service.problem)
        self._assert_priced(service.transaction_ids, 1, 10, 10)
        self.assertIn("0.3333", service.transaction_ids.description)

    def test_service_with_a_tax_for_each_piece(self):
        eco = self._create_tax(1, name="Eco", amount_type="fixed")
        taxes = [Command.set((eco + self.tax_10).ids)]
        for values, expected in (
            ({}, [(10, 5, 50, 15)]),
            ({"quantity": 1 / 3, "price_unit": 30}, [(0.33, 30.30303, 10, 1.33)]),
            ({"date_end": "2025-01-15"}, [(4.84, 4.997934, 24.19, 7.26)]),
            (
                {
                    "change_ids": [
                        Command.create(
                            {"date": "2025-01-16", "quantity": 20, "price_unit": 5}
                        )
                    ]
                },
                [(15.16, 5.00066, 75.81, 22.74)],
            ),
        ):
            with self.subTest(**values):
                service = self._create_service(tax_ids=taxes, **values)
                service.action_write_due()
                self.assertFalse(service.problem)
                found = service.transaction_ids.mapped(
                    lambda t: (t.quantity, t.price_unit, t.retail_cost, t.tax_amount)
                )
                self.assertEqual(found, expected)

    def test_adjustment_with_a_tax_for_each_piece(self):
        """The tax is of what the quantity changed by, and none of another price."""
        eco = self._create_tax(1, name="Eco", amount_type="fixed")
        taxes = [Command.set((eco + self.tax_10).ids)]
        for change, expected in (
            ({"quantity": 12, "price_unit": 5}, ("charge", 2, 10, 3)),
            ({"quantity": 7, "price_unit": 5}, ("credit", 3, 15, -4.5)),
            ({"quantity": 10, "price_unit": 6}, ("charge", 1, 10, 1)),
            ({"quantity": 10, "price_unit": 4}, ("credit", 1, 10, -1)),
        ):
            with self.subTest(**change):
                service = self._create_service(tax_ids=taxes)
                service.action_write_due()
                before = service.transaction_ids
                service.change_ids = [Command.create({"date": "2025-01-01"} | change)]
                service.action_adjust()
                entry = service.transaction_ids - before
                found = (
                    entry.transaction_type,
                    entry.quantity,
                    entry.retail_cost,
                    entry.tax_amount,
                )
                self.assertEqual(found, expected)

    # === To the cent === #

    @given(
        rounding=st.sampled_from(["round_per_line", "round_globally"]),
        lines=st.lists(LINE, min_size=1, max_size=5),
    )
    @tried(ci=12, deep=1500)
    def test_invoice_is_what_transactions_cost(self, rounding, lines):
        """Whatever the quantities, the invoice is the sum of the retail costs."""
        self.company.tax_calculation_rounding_method = rounding
        charges = self.Transaction
        for tax, quantity, price, is_small, is_included in lines:
            price = round(price / 10_007, 8) if is_small else price
            if self.currency.round(quantity * price) <= 0:
                continue
            taxes = getattr(self, tax, self.env["account.tax"])
            charges += self._create(
                quantity=quantity,
                price_unit=price,
                tax_ids=[Command.set(taxes.ids)],
                tax_included=is_included,
            )
        if not charges:
            return
        for charge in charges:
            is_gross = charge.tax_included or charge.tax_ids == self.tax_20_included
            amount = charge.amount_total if is_gross else charge.amount_untaxed
            self.assertEqual(
                amount,
                charge.retail_cost,
                charge.read([*PRICED, "tax_ids", "tax_included"]),
            )
        totals = charges._get_totals()
        invoice = self._bill(charges)
        self.assertEqual(invoice.amount_total, totals["amount_total"])
        for name, total in (("amount_untaxed", "amount_untaxed"),):
            self.assertAlmostEqual(sum(charges.mapped(name)), invoice[total], 2)
        # Over the whole invoice, Odoo may have a cent of one line on another.
        is_global = self.company.tax_calculation_rounding_method == "round_globally"
        leeway = self.currency.rounding * 1.01 if is_global else 0.001
        for charge in charges.filtered(lambda c: c.tax_included or not c.tax_ids):
            self.assertAlmostEqual(
                charge.amount_total, charge.retail_cost, delta=leeway
            )
