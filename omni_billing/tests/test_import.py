from pathlib import Path

from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged
from odoo.tools import file_path, mute_logger

from .common import BillingCommon

COLUMNS = ("name", "partner_id/.id", "date", "retail_cost", "external_ref")


@tagged("post_install", "-at_install", "omni_install")
class TestImport(BillingCommon):
    def _load(self, rows, columns=COLUMNS):
        return self.env["omni.billing.transaction"].load(list(columns), rows)

    def _make_rows(self, count, start=0):
        return [
            [f"Call {index}", str(self.customer.id), "2025-01-15", "1.25", f"L{index}"]
            for index in range(start, start + count)
        ]

    def test_import_creates_charges(self):
        result = self._load(self._make_rows(3))
        self.assertFalse(result["messages"])
        charges = self.env["omni.billing.transaction"].browse(result["ids"])
        self.assertRecordValues(
            charges,
            [{"state": "unbilled", "amount_total": 1.25, "transaction_type": "charge"}]
            * 3,
        )

    def test_importing_again_creates_nothing(self):
        rows = self._make_rows(3)
        self._load(rows)
        count = self.env["omni.billing.transaction"].search_count([])
        result = self._load(rows)
        self.assertEqual(result["ids"], [])
        self.assertIn("already: 3", result["messages"][0]["message"])
        self.assertEqual(result["messages"][0]["type"], "warning")
        self.assertEqual(self.env["omni.billing.transaction"].search_count([]), count)

    def test_only_new_rows_are_created(self):
        self._load(self._make_rows(3))
        result = self._load(self._make_rows(5))
        self.assertEqual(len(result["ids"]), 2)

    def test_row_twice_in_one_file(self):
        rows = self._make_rows(2) + self._make_rows(2)
        self.assertEqual(len(self._load(rows)["ids"]), 2)

    def test_reference_belongs_to_a_company(self):
        other = self.setup_other_company()["company"]
        self._load(self._make_rows(2))
        columns = [*COLUMNS, "company_id/.id"]
        rows = [[*row, str(other.id)] for row in self._make_rows(2)]
        self.assertEqual(len(self._load(rows, columns)["ids"]), 2)
        self.assertEqual(self._load(rows, columns)["ids"], [])
        by_name = [[*row, other.name] for row in self._make_rows(2)]
        self.assertEqual(self._load(by_name, [*COLUMNS, "company_id"])["ids"], [])

    def test_credits_with_their_type(self):
        result = self._load(
            [["Outage", "Acme Rentals", "credit", "Correction", "10"]],
            ["name", "partner_id", "transaction_type", "credit_type_id", "retail_cost"],
        )
        self.assertFalse(result["messages"])
        credit = self.env["omni.billing.transaction"].browse(result["ids"])
        self.assertEqual(credit.amount_total, -10)

    def test_wrong_row_is_named_and_nothing_is_imported(self):
        rows = self._make_rows(3)
        rows[1][3] = "-5"
        count = self.env["omni.billing.transaction"].search_count([])
        result = self._load(rows)
        self.assertFalse(result["ids"])
        message = next(m for m in result["messages"] if m.get("record") == 1)
        self.assertIn("more than zero", message["message"])
        self.assertEqual(self.env["omni.billing.transaction"].search_count([]), count)

    def test_import_screen(self):
        """Odoo's own import, in the batches that its client asks for."""
        self._load(self._make_rows(2))
        lines = "\n".join(
            f"Call {index},{self.customer.name},2025-01-15,1.25,L{index}"
            for index in range(6)
        )
        wizard = self.env["base_import.import"].create(
            {
                "res_model": "omni.billing.transaction",
                "file": f"name,partner,date,cost,ref\n{lines}".encode(),
                "file_type": "text/csv",
                "file_name": "calls.csv",
            }
        )
        columns = ["name", "partner_id", "date", "retail_cost", "external_ref"]
        created, skip = [], 0
        while True:
            options = {
                "quoting": '"',
                "separator": ",",
                "has_headers": True,
                "limit": 2,
                "skip": skip,
            }
            result = wizard.execute_import(columns, columns, options)
            created += result["ids"]
            skip = result["nextrow"]
            # The client goes no further when there is a message.
            if result["messages"] or not skip:
                break
        self.assertEqual(len(created), 4)
        references = self.env["omni.billing.transaction"].browse(created)
        self.assertEqual(references.mapped("external_ref"), ["L2", "L3", "L4", "L5"])

    def test_sample_file_finds_its_columns_and_can_be_imported(self):
        """F11: what staff fill in works as it is."""
        [sample] = self.env["omni.billing.transaction"].get_import_templates()
        self.assertTrue(sample["label"])
        file = file_path(sample["template"].lstrip("/"))
        content = Path(file).read_bytes()
        wizard = self.env["base_import.import"].create(
            {
                "res_model": "omni.billing.transaction",
                "file": content,
                "file_type": "text/csv",
                "file_name": "transactions.csv",
            }
        )
        options = {"quoting": '"', "separator": ",", "has_headers": True}
        preview = wizard.parse_preview(options)
        self.assertFalse(preview.get("error"))
        names = [preview["matches"].get(index) for index in range(11)]
        self.assertEqual(
            names,
            [
                *(["partner_id"], ["transaction_type"], ["credit_type_id"], ["name"]),
                *(["description"], ["date"], ["quantity"], ["price_unit"]),
                *(["retail_cost"], ["customer_reference"], ["external_ref"]),
            ],
        )
        columns = [name[0] for name in names]
        result = wizard.execute_import(columns, preview["headers"], options)
        self.assertEqual(result["messages"], [])
        created = self.env["omni.billing.transaction"].browse(result["ids"])
        self.assertEqual(created[1].description, "12 minutes, Peru")
        self.assertEqual(created.mapped("retail_cost"), [59.9, 10.2, 5.0])

    def test_rows_without_reference_are_imported_once_in_batches(self):
        """The batches of a file with known rows neither repeat nor lose a row."""
        rows = self._make_rows(2)
        self._load(rows)
        for name in ("free 1", "free 2", "free 3"):
            rows.append([name, str(self.customer.id), "2025-01-15", "1.25", ""])
        rows += self._make_rows(2, start=5)
        Loader = self.env["omni.billing.transaction"].with_context(_import_limit=2)
        created, start = [], 0
        while True:
            result = Loader.load(list(COLUMNS), rows[start:])
            created += result["ids"]
            if not result["nextrow"]:
                break
            self.assertFalse(result["messages"])
            start += result["nextrow"]
        names = self.env["omni.billing.transaction"].browse(created).mapped("name")
        self.assertEqual(names, ["free 1", "free 2", "free 3", "Call 5", "Call 6"])

    def test_error_names_the_row_of_the_file(self):
        self._load(self._make_rows(2))
        rows = self._make_rows(4)
        rows[3][3] = "-5"
        messages = self._load(rows)["messages"]
        found = [(m["record"], m["rows"]["from"]) for m in messages if "record" in m]
        self.assertEqual(found[-1], (3, 3))

    def test_who_cannot_create_learns_nothing(self):
        self._load(self._make_rows(1))
        for user in (self.portal, self.outsider):
            Transaction = self.env["omni.billing.transaction"].with_user(user)
            with self.assertRaises(AccessError):
                Transaction.load(["external_ref", "name"], [["L0", "x"]])

    def test_import_costs_no_query_per_row(self):
        rows = self._make_rows(400)
        for row in rows:
            row[1] = self.customer.name
        columns = ["name", "partner_id", "date", "retail_cost", "external_ref"]
        self._load(rows[:1], columns)
        counts = []
        for chunk in (rows[1:51], rows[51:400]):
            start = self.env.cr.sql_log_count
            self._load(chunk, columns)
            counts.append(self.env.cr.sql_log_count - start)
        self.assertLessEqual(counts[1], counts[0] + 5)

    # === What comes again, and is another (W8) === #

    def _load_again(self, column, value, columns=COLUMNS):
        """Send three rows, and again, with another value in the second."""
        rows = self._make_rows(3)
        self._load(rows)
        rows[1][columns.index(column)] = value
        rows += self._make_rows(1, start=9)
        count = self.env["omni.billing.transaction"].search_count([])
        result = self._load(rows, columns)
        self.assertEqual(self.env["omni.billing.transaction"].search_count([]), count)
        return result

    def test_another_quantity_or_price_is_told(self):
        """W40: where the amount is in no column."""
        columns = ("external_ref", "partner_id/.id", "name", "quantity", "price_unit")

        def load(quantity, price, columns=columns):
            cells = ["q1", str(self.customer.id), "Hours", quantity, price]
            return [
                fault
                for fault in self._load([cells[: len(columns)]], columns)["messages"]
                if fault["type"] == "error"
            ]

        self.assertFalse(load("3", "10.5"))
        self.assertFalse(load("3", "10.5"))
        for quantity, price, sent in (("4", "10.5", 42), ("3", "11", 33)):
            [fault] = load(quantity, price)
            amounts = fault["amount_known"], fault["amount_sent"]
            self.assertEqual(amounts, (31.5, sent))
        # The same amount in its own column.
        self.assertFalse(load("31.5", "", [*columns[:3], "retail_cost"]))

    def test_another_amount_is_told(self):
        result = self._load_again("retail_cost", "9.99")
        self.assertFalse(result["ids"])
        [fault] = result["messages"]
        known = self.env["omni.billing.transaction"].search(
            [("external_ref", "=", "L1")]
        )
        self.assertEqual((fault["type"], fault["record"]), ("error", 1))
        self.assertEqual(fault["rows"], {"from": 1, "to": 1})
        self.assertEqual(fault["transaction_id"], known.id)
        self.assertEqual((fault["amount_known"], fault["amount_sent"]), (1.25, 9.99))
        for part in ("Row 2", f"transaction {known.id}", "1.25", "9.99"):
            self.assertIn(part, fault["message"])

    def test_another_customer_is_told(self):
        other = self.env["res.partner"].create({"name": "Bolt"})
        [fault] = self._load_again("partner_id/.id", str(other.id))["messages"]
        self.assertIn("Acme Rentals", fault["message"])
        self.assertIn("Bolt", fault["message"])

    def test_another_contact_of_the_customer_is_the_same(self):
        contact = self.env["res.partner"].create(
            {"name": "Ann", "parent_id": self.customer.id}
        )
        rows = self._make_rows(2)
        self._load(rows)
        rows[1][1] = str(contact.id)
        self.assertEqual(self._load(rows)["ids"], [])

    def test_another_kind_and_currency_are_told(self):
        euro = self.env.ref("base.EUR")
        euro.active = True
        self._load(self._make_rows(1))
        for column, value in (
            ("transaction_type", "credit"),
            ("currency_id/.id", str(euro.id)),
        ):
            row = [*self._make_rows(1)[0], value]
            with self.subTest(column):
                [fault] = self._load([row], [*COLUMNS, column])["messages"]
                self.assertEqual(fault["record"], 0)

    def test_another_amount_in_one_file_is_told(self):
        rows = self._make_rows(2) + self._make_rows(1)
        rows[2][3] = "3"
        result = self._load(rows)
        self.assertFalse(result["ids"])
        [fault] = result["messages"]
        self.assertEqual(fault["record"], 2)
        self.assertIn("that of row 1", fault["message"])

    def test_another_amount_of_another_company_is_not_told(self):
        """What another company has is nobody's to learn."""
        other = self.setup_other_company()["company"]
        self._load(self._make_rows(1))
        staff = self.staff
        staff.write({"company_ids": [(6, 0, other.ids)], "company_id": other.id})
        Transaction = self.env["omni.billing.transaction"].with_user(staff)
        columns = [*COLUMNS, "company_id/.id"]
        [row] = self._make_rows(1)
        row[3] = "7"
        # The database has the last word.
        with mute_logger("odoo.sql_db"):
            result = Transaction.load(columns, [[*row, str(self.company.id)]])
        self.assertNotIn("1.25", str(result))

    def test_same_amount_written_otherwise_is_the_same(self):
        rows = self._make_rows(2)
        self._load(rows)
        for amount in ("1.250", "1.2500000000000002", 1.25):
            rows[0][3] = amount
            with self.subTest(amount=amount):
                self.assertEqual(self._load(rows)["ids"], [])

    def test_comparing_costs_no_query_per_row(self):
        rows = self._make_rows(400)
        self._load(rows)
        counts = []
        for chunk in (rows[:50], rows[50:]):
            self.env.invalidate_all()
            start = self.env.cr.sql_log_count
            self._load(chunk)
            counts.append(self.env.cr.sql_log_count - start)
        self.assertLessEqual(counts[1], counts[0] + 5)

    # === What is no table === #

    def test_numbers_are_taken_as_they_are(self):
        """JSON has numbers, a file has texts."""
        rows = [["Call", self.customer.id, "2025-01-15", 1.25, 7]]
        result = self._load(rows)
        charge = self.env["omni.billing.transaction"].browse(result["ids"])
        self.assertEqual((charge.retail_cost, charge.external_ref), (1.25, "7"))
        self.assertEqual(self._load(rows)["ids"], [])

    def test_what_is_no_table_is_refused_in_words(self):
        [row] = self._make_rows(1)
        cases = [
            (["name", "no_such_column"], [["a", "b"]], "no_such_column"),
            (["name", "partner_id/no_such"], [["a", "b"]], "no_such"),
            (["name", None], [["a", "b"]], "None"),
            (["na\0me"], [["a"]], "is no column"),
            (None, [["a"]], "list of columns"),
            ("name", [["a"]], "list of columns"),
            (COLUMNS, None, "list of rows"),
            (COLUMNS, "x", "list of rows"),
            (COLUMNS, {"a": 1}, "list of rows"),
            (COLUMNS, [row, None], "Row 2"),
            (COLUMNS, [row[:-1]], "Row 1"),
            (COLUMNS, [[*row, "x"]], "Row 1"),
        ]
        for number, value in (
            (0, "a\0b"),
            (0, ["a"]),
            (0, {"a": 1}),
            (3, "nan"),
            (3, "1e400"),
            (3, "1e308"),
            (3, float("nan")),
            (3, float("inf")),
            (3, 1e308),
            (3, 10**400),
            (4, "a\0b"),
        ):
            odd = list(row)
            odd[number] = value
            cases.append((COLUMNS, [row, odd], "Row 2"))
        for columns, data, said in cases:
            columns = list(columns) if isinstance(columns, tuple) else columns
            with (
                self.subTest(columns=columns, data=str(data)[:200]),
                self.assertRaises(ValidationError) as refusal,
            ):
                self.env["omni.billing.transaction"].load(columns, data)
            self.assertIn(said, str(refusal.exception))

    def test_odd_companies_are_refused_in_words(self):
        columns = [*COLUMNS, "company_id/.id"]
        for company in ("x", "0", "-1", "1e3", str(10**30)):
            [row] = self._make_rows(1)
            with self.subTest(company):
                self.assertFalse(self._load([[*row, company]], columns)["ids"])
        columns[-1] = "company_id/id"
        for company in ("x", "a.b.c", "no.such"):
            with self.subTest(company):
                self.assertFalse(self._load([[*row, company]], columns)["ids"])
