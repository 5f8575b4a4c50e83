"""Work sites and activities, by Odoo's analytic plans (F183, W29)."""

from ast import literal_eval
from datetime import timedelta

from odoo.exceptions import AccessError, ValidationError
from odoo.fields import Command, Domain
from odoo.modules.migration import load_script
from odoo.tests import Form, tagged

from ..tools.write_guard import trust
from .test_names import SCRIPTS
from .test_omni_billing_run import RunCommon


class AnalyticCommon(RunCommon):
    """Two plans with two accounts each, and a site of the customer."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        Plan = cls.env["account.analytic.plan"].sudo()
        # Both at once: a plan adds a column, and has the registry loaded anew.
        cls.places, cls.trades = Plan.create([{"name": "Places"}, {"name": "Trades"}])
        Account = cls.env["account.analytic.account"].sudo()
        cls.north, cls.south, cls.repairs, cls.rentals = Account.create(
            [
                {"name": name, "plan_id": plan.id, "company_id": False, "code": code}
                for name, code, plan in (
                    ("North", "N", cls.places),
                    ("South", "S", cls.places),
                    ("Repairs", False, cls.trades),
                    ("Rentals", False, cls.trades),
                )
            ]
        )
        cls.depot = cls.env["res.partner"].create(
            {"name": "Depot", "parent_id": cls.customer.id, "type": "delivery"}
        )

    @classmethod
    def _write_model(cls, *accounts, **values):
        return (
            cls.env["account.analytic.distribution.model"]
            .sudo()
            .create({"analytic_distribution": cls._share(*accounts)} | values)
        )

    @classmethod
    def _share(cls, *accounts, share=100):
        return {",".join(str(account.id) for account in accounts): share}

    def _read_items(self, invoices):
        """Return what the analytic items of invoices come to, by account."""
        found = {}
        # Taxes that are not in the closing are counted by Odoo, too.
        for item in invoices.invoice_line_ids.analytic_line_ids:
            for account in item._get_analytic_accounts():
                found[account] = found.get(account, 0) + item.amount
        return found


@tagged("post_install", "-at_install")
class TestAnalytic(AnalyticCommon):
    # === Defaults === #

    def test_distribution_models_propose(self):
        """F183: those of the site first, then the customer's, then the product's."""
        self._write_model(self.rentals, product_id=self.product_a.id)
        charge = self._create_transaction(product_id=self.product_a.id)
        self.assertEqual(charge.analytic_distribution, self._share(self.rentals))
        self._write_model(self.north, partner_id=self.customer.id, sequence=1)
        charge = self._create_transaction(product_id=self.product_a.id)
        both = self._share(self.north) | self._share(self.rentals)
        self.assertEqual(charge.analytic_distribution, both)
        self._write_model(self.south, partner_id=self.depot.id, sequence=99)
        charge.site_id = self.depot
        both = self._share(self.south) | self._share(self.rentals)
        self.assertEqual(charge.analytic_distribution, both)
        # What was entered stays where no model says anything.
        plain = self._create_transaction(
            partner_id=self.others[0].id,
            analytic_distribution=self._share(self.repairs),
        )
        self.assertEqual(plain.analytic_distribution, self._share(self.repairs))

    def test_without_any_model_there_is_none(self):
        charge = self._create_transaction()
        self.assertFalse(charge.analytic_distribution)
        invoice = self._bill(charge)
        self.assertFalse(invoice.invoice_line_ids.analytic_distribution)
        self.assertFalse(invoice.line_ids.analytic_line_ids)

    def test_money_is_counted_for_nothing(self):
        self._write_model(self.north, partner_id=self.customer.id)
        invoice = self._bill(self._create_transaction(45))
        self._pay(invoice, mode="cash", amount=45)
        entry = self.env["omni.billing.transaction"].search(
            [("transaction_type", "=", "payment")]
        )
        self.assertEqual(entry.amount_total, -45)
        self.assertFalse(entry.analytic_distribution)

    # === Onto the invoice, and back === #

    def test_invoice_is_counted_as_its_transactions(self):
        """F183, W29: by the wizard, by a run; with models and without."""
        for has_models in (False, True):
            with self.subTest(has_models=has_models):
                if has_models:
                    self._write_model(self.rentals, account_prefix="4")
                    self._write_model(self.north, partner_id=self.others[2].id)
                charges = [
                    self._create_transaction(
                        cost,
                        site_id=self.depot.id,
                        analytic_distribution=self._share(account),
                    )
                    for cost, account in ((45, self.north), (30, self.south))
                ]
                invoice = self._bill(*charges)
                lines = invoice.invoice_line_ids
                self.assertEqual(lines.billing_site_id, self.depot)
                self.assertEqual(
                    lines.mapped("billing_transaction_id.analytic_distribution"),
                    lines.mapped("analytic_distribution"),
                )
                expected = {self.north: 45, self.south: 30}
                if has_models:
                    expected[self.rentals] = 75
                self.assertEqual(self._read_items(invoice), expected)

    def test_run_counts_each_customer_for_itself(self):
        self._charge_all(45, analytic_distribution=self._share(self.north))
        self._charge_all(5, analytic_distribution=self._share(self.south, self.repairs))
        run = self._do()
        invoices = run.line_ids.invoice_id
        self.assertEqual(len(invoices), 4)
        self.assertEqual(
            self._read_items(invoices),
            {self.north: 180, self.south: 20, self.repairs: 20},
        )

    def test_credit_lowers_what_is_counted(self):
        charge = self._create_transaction(
            45, analytic_distribution=self._share(self.north)
        )
        credit = self._create_credit(
            10, analytic_distribution=self._share(self.north), site_id=self.depot.id
        )
        invoice = self._bill(charge, credit)
        self.assertEqual(self._read_items(invoice), {self.north: 35})

    def test_told_after_the_invoice(self):
        """F183: on the transaction or on the line, the other follows."""
        charge = self._create_transaction(45)
        invoice = self._bill(charge)
        line = invoice.invoice_line_ids
        mine = charge.with_user(self.staff)
        mine.write(
            {
                "analytic_distribution": self._share(self.north),
                "site_id": self.depot.id,
            }
        )
        self.assertEqual(line.analytic_distribution, self._share(self.north))
        self.assertEqual(line.billing_site_id, self.depot)
        self.assertEqual(self._read_items(invoice), {self.north: 45})
        line.with_user(self.staff).analytic_distribution = self._share(self.south)
        self.assertEqual(charge.analytic_distribution, self._share(self.south))
        self.assertEqual(self._read_items(invoice), {self.south: 45})
        # Odoo's own screen of analytic items.
        line.analytic_line_ids.write({self.places._column_name(): self.north.id})
        self.env.flush_all()
        self.assertEqual(charge.analytic_distribution, self._share(self.north))
        log = self.env["omni.billing.activity.log"].search(
            [("action", "=", "transaction_edited")]
        )
        self.assertIn("North (100%)", "".join(log.mapped("note")))

    def test_a_site_that_is_told_later_moves_no_booked_revenue(self):
        self._write_model(self.south, partner_id=self.depot.id)
        charge = self._create_transaction(
            45, analytic_distribution=self._share(self.north)
        )
        invoice = self._bill(charge)
        charge.site_id = self.depot
        self.assertEqual(charge.analytic_distribution, self._share(self.north))
        self.assertEqual(self._read_items(invoice), {self.north: 45})

    # === Credit notes === #

    def _bill_two(self):
        charges = [
            self._create_transaction(
                cost,
                tax_ids=self.tax_10,
                site_id=site.id,
                analytic_distribution=self._share(account),
            )
            for cost, account, site in (
                (45, self.north, self.depot),
                (30, self.south, self.customer),
            )
        ]
        return self._bill(*charges), charges

    def test_canceled_item_is_taken_back_where_it_was(self):
        invoice, [first, _second] = self._bill_two()
        # What the product or the customer is counted for today changes nothing.
        self._write_model(self.south, self.repairs, partner_id=self.customer.id)
        note = invoice._billing_cancel_items(first, penalty=9.9)
        self.assertEqual(self._read_items(note), {self.north: -36})
        entries = note.billing_transaction_ids
        self.assertEqual(entries.site_id, self.depot)
        for entry in entries:
            self.assertEqual(entry.analytic_distribution, self._share(self.north))

    def test_part_is_refunded_where_it_was(self):
        """A line for each distribution and site: none is merged with another."""
        invoice, _charges = self._bill_two()
        note = invoice._billing_create_refund_note(16.5)
        self.assertEqual(note.amount_total, 16.5)
        self.assertEqual(self._read_items(note), {self.north: -9, self.south: -6})
        lines = note.invoice_line_ids
        self.assertEqual(lines.billing_site_id, self.depot | self.customer)
        self.assertEqual(
            sum(note.billing_transaction_ids.mapped("amount_total")), -16.5
        )

    def test_all_is_refunded_or_void_where_it_was(self):
        for undo in ("_billing_create_refund_note", "action_billing_void", "reverse"):
            with self.subTest(undo=undo):
                invoice, charges = self._bill_two()
                model = self._write_model(self.rentals, partner_id=self.customer.id)
                if undo == "reverse":
                    note = invoice._reverse_moves()
                    note.action_post()
                elif undo == "action_billing_void":
                    invoice.action_billing_void(by_credit_note=True)
                    note = invoice.reversal_move_ids
                    # Each is told of the line, also now that it is on none.
                    self.assertFalse(invoice.invoice_line_ids.billing_transaction_id)
                else:
                    note = invoice._billing_create_refund_note(invoice.amount_total)
                self.assertEqual(
                    self._read_items(note), {self.north: -45, self.south: -30}
                )
                lines = (invoice + note).invoice_line_ids
                for site in (self.depot, self.customer):
                    of_site = lines.filtered(
                        lambda line, site=site: line.billing_site_id == site
                    )
                    self.assertEqual(len(of_site), 2)
                    self.assertEqual(sum(of_site.mapped("balance")), 0)
                model.unlink()
                if undo == "action_billing_void":
                    again = self._bill(*charges)
                    self.assertEqual(
                        self._read_items(again), {self.north: 45, self.south: 30}
                    )

    def test_duplicate_is_counted_as_the_first(self):
        invoice, _charges = self._bill_two()
        invoice.action_billing_duplicate()
        again = self._bill()
        self.assertEqual(again.amount_total, invoice.amount_total)
        self.assertEqual(self._read_items(again), {self.north: 45, self.south: 30})

    # === Services and fees === #

    def test_service_counts_its_charges(self):
        service = self.env["omni.billing.service"].create(
            {
                "name": "Fibre",
                "partner_id": self.customer.id,
                "site_id": self.depot.id,
                "unit": "month",
                "price_unit": 40,
                "setup_price": 10,
                "date_start": self.today,
                "analytic_distribution": self._share(self.north),
            }
        )
        service.action_write_due()
        charges = service.transaction_ids
        self.assertEqual(len(charges), 2)
        for charge in charges:
            self.assertEqual(charge.analytic_distribution, self._share(self.north))

    def test_an_account_that_was_deleted_stops_no_charge(self):
        service = self.env["omni.billing.service"].create(
            {
                "name": "Fibre",
                "partner_id": self.customer.id,
                "unit": "month",
                "price_unit": 40,
                "date_start": self.today,
                "analytic_distribution": self._share(self.north),
            }
        )
        unbilled = self._create_transaction(
            5, analytic_distribution=self._share(self.north)
        )
        self.north.unlink()
        service.action_write_due()
        self.assertFalse(service.problem)
        self.assertFalse(service.transaction_ids.analytic_distribution)
        self.assertEqual(self._bill(unbilled).amount_total, 5)

    def test_late_fee_is_counted_as_most_of_the_invoice(self):
        self.company.write({"billing_late_fee": "fixed", "billing_late_fee_amount": 9})
        charges = [
            self._create_transaction(
                cost,
                site_id=site and site.id,
                analytic_distribution=self._share(account),
            )
            for cost, account, site in (
                (45, self.north, self.depot),
                (30, self.south, False),
            )
        ]
        self._bill(*charges, date_due=self.today - timedelta(days=5))
        self.env["omni.billing.late.fee"].sudo()._cron_charge()
        fee = self.env["omni.billing.late.fee"].search([]).transaction_id
        self.assertEqual(fee.amount_total, 9)
        self.assertEqual(fee.site_id, self.depot)
        self.assertEqual(fee.analytic_distribution, self._share(self.north))

    # === Plans that are mandatory === #

    def test_mandatory_plan_stops_who_bills(self):
        """F183: before anything is posted, and it is said what is missing."""
        self.places.default_applicability = "mandatory"
        charge = self._create_transaction(45)
        self._refuse(charge, "Fibre 500.*Acme.*Places")
        self.assertEqual(charge.state, "unbilled")
        charge.analytic_distribution = self._share(self.north, share=60)
        self._refuse(charge, "100%")
        charge.analytic_distribution = self._share(self.north)
        invoice = self._bill(charge)
        # What was invoiced is credited as invoiced, whatever is mandatory by now.
        self.trades.default_applicability = "mandatory"
        invoice.action_billing_void(by_credit_note=True)
        self.assertEqual(invoice.billing_state, "void")

    def _refuse(self, charge, message):
        with (
            self.assertRaisesRegex(ValidationError, message),
            self.env.cr.savepoint(),
        ):
            self._bill(charge)

    def test_mandatory_plan_parks_the_customer(self):
        self.trades.write(
            {
                "applicability_ids": [
                    Command.create(
                        {"business_domain": "invoice", "applicability": "mandatory"}
                    )
                ]
            }
        )
        charges = self._charge_all(45, analytic_distribution=self._share(self.repairs))
        charges[0].analytic_distribution = False
        run = self._do()
        states = self._read(run)
        self.assertEqual(states.pop(self.customer), "parked")
        self.assertEqual(set(states.values()), {"done"})
        parked = run.line_ids.filtered(lambda line: line.partner_id == self.customer)
        self.assertIn("Trades", parked.reason)

    # === Who may === #

    def test_staff_need_no_analytic_rights(self):
        self._write_model(self.north, partner_id=self.customer.id)
        group = self.env.ref("analytic.group_analytic_accounting")
        self.assertNotIn(group, self.staff.all_group_ids)
        self.env.invalidate_all()
        Transaction = self.env["omni.billing.transaction"].with_user(self.staff)
        charge = Transaction.create(
            {"name": "X", "partner_id": self.customer.id, "retail_cost": 5}
        )
        self.assertEqual(charge.analytic_distribution, self._share(self.north))
        with Form(charge) as form:
            self.assertNotIn("analytic_distribution", form._view["fields"])
            form.name = "Y"
        wizard = self.env["omni.billing.proforma.wizard"].with_user(self.staff)
        wizard = wizard.create({"partner_id": self.customer.id})
        invoice = self.env["account.move"].browse(wizard.action_generate()["res_id"])
        self.assertEqual(self._read_items(invoice), {self.north: 5})

    def test_customers_do_not_read_it(self):
        charge = self._create_transaction(
            45, analytic_distribution=self._share(self.north)
        )
        self.env.flush_all()
        self.env.invalidate_all()
        mine = charge.with_user(self.portal)
        self.assertEqual(mine.amount_total, 45)
        for name in ("analytic_distribution", "distribution_analytic_account_ids"):
            with self.assertRaises(AccessError):
                mine.read([name])

    # === Programs and files === #

    def test_what_is_no_distribution_is_refused(self):
        charge = self._create_transaction(45)
        for wrong in (
            [1],
            "x",
            {"x": 100},
            {"": 100},
            {"__update__": ["account_id"]},
            {str(self.north.id): "much"},
            {str(self.north.id): float("nan")},
            {"99999999999999": 100},
            {f"{self.north.id},": 100},
            {"2147483647": 100},
        ):
            with self.subTest(wrong=wrong), self.assertRaises(ValidationError):
                charge.analytic_distribution = wrong
        other = self.setup_other_company()["company"]
        self.south.company_id = other
        with self.assertRaisesRegex(ValidationError, "South"):
            charge.analytic_distribution = self._share(self.south)

    def test_what_another_company_has_is_not_told(self):
        """Whoever sends ids learns neither the account's name nor whose it is."""
        charge = self._create_transaction(45)
        # sudo: another company is set up by an administrator.
        other = self.env["res.company"].sudo().create({"name": "Secret Company"})
        self.south.company_id = other
        self.env.invalidate_all()
        mine = charge.with_user(self.staff).with_company(self.company)
        with self.assertRaises(ValidationError) as refused:
            mine.analytic_distribution = self._share(self.south)
            mine.flush_recordset()
        self.assertNotIn("South", str(refused.exception))
        self.assertNotIn("Secret", str(refused.exception))
        self.assertIn(str(self.south.id), str(refused.exception))

    def test_file_names_accounts(self):
        """F183: by reference, by name, or as programs do."""
        columns = ["name", "partner_id/.id", "retail_cost", "analytic_distribution"]
        key = f"{self.north.id},{self.repairs.id}"
        for text, expected in (
            ("N", {str(self.north.id): 100}),
            ("North, Repairs", {key: 100}),
            (
                "North, Repairs (60%); S, Rentals (40 %)",
                {key: 60, f"{self.south.id},{self.rentals.id}": 40},
            ),
            (f'{{"{self.north.id}": 100}}', {str(self.north.id): 100}),
            ("", False),
        ):
            with self.subTest(text=text):
                result = self.env["omni.billing.transaction"].load(
                    columns, [["Call", str(self.customer.id), "5", text]]
                )
                self.assertFalse(result["messages"])
                charge = self.env["omni.billing.transaction"].browse(result["ids"])
                self.assertEqual(charge.analytic_distribution, expected)

    def test_files_of_others_are_read_as_odoo_does(self):
        """W43: only charges and services name accounts in a file."""
        read = self.env["ir.fields.converter"]._str_to_json
        for model, is_ours in (
            ("omni.billing.transaction", True),
            ("omni.billing.service", True),
            ("account.move.line", False),
        ):
            record = self.env[model]
            field = record._fields["analytic_distribution"]
            if is_ours:
                found, _warnings = read(record, field, "North", None)
                self.assertEqual(found, {str(self.north.id): 100})
            else:
                with self.assertRaisesRegex(ValueError, "valid JSON"):
                    read(record, field, "North", None)

    # === Finding, and the reports === #

    def test_lists_find_by_account(self):
        Transaction = self.env["omni.billing.transaction"]
        counted = self._create_transaction(
            45, analytic_distribution=self._share(self.north, self.repairs)
        )
        plain = self._create_transaction(30)
        mine = [("partner_id", "=", self.customer.id)]
        for domain, found in (
            ([("analytic_distribution", "ilike", "repair")], counted),
            ([("analytic_distribution", "in", self.north.ids)], counted),
            ([("analytic_distribution", "not in", self.north.ids)], plain),
            ([("analytic_distribution", "=", False)], plain),
            ([("analytic_distribution", "!=", False)], counted),
        ):
            with self.subTest(domain=domain):
                self.assertEqual(Transaction.search(mine + domain), found)
        described = Transaction.fields_get(["analytic_distribution"])
        self.assertFalse(described["analytic_distribution"]["groupable"])

    def test_revenue_by_site_and_activity(self):
        """W29: the items and what has none are the revenue of the books."""
        invoice, [first, _second] = self._bill_two()
        invoice._billing_cancel_items(first, penalty=9.9)
        self._bill(self._create_transaction(12, site_id=self.depot.id))
        self.env.flush_all()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "omni_billing.account_analytic_line_action_billing"
        )
        Item = self.env["account.analytic.line"]
        mine = [("partner_id", "=", self.customer.id)]
        place = self.places._column_name()
        items = Item._read_group(
            Domain(literal_eval(action["domain"])) & Domain(mine),
            ["billing_site_id", place],
            ["amount:sum"],
        )
        self.assertEqual(
            {(site, account): amount for site, account, amount in items},
            {(self.depot, self.north): 9, (self.customer, self.south): 30},
        )
        Revenue = self.env["omni.billing.revenue"]
        revenue = [*mine, ("kind", "=", "revenue")]
        found = Revenue._read_group(revenue, ["site_id"], ["amount_revenue:sum"])
        self.assertEqual(dict(found), {self.depot: 21, self.customer: 30})
        rest = [*revenue, ("is_distributed", "=", False)]
        [[left]] = Revenue._read_group(rest, [], ["amount_revenue:sum"])
        self.assertEqual(left, 12)

    def _book_closing(self, report):
        """Close the period today; return the entry and its reversal."""
        wizard = self.env["omni.billing.day.wizard"].create(
            {
                "report": report,
                "day": self.today,
                "account_id": self.company_data["default_account_assets"].id,
            }
        )
        domain = wizard.action_book()["domain"]
        return self.env["account.move"].search(domain, order="date")

    def _check_closing(self, moves, wanted):
        """See what is counted for whom: on the day, and taken back on the next."""
        income = self.company_data["default_account_revenue"]
        for move, sign in zip(moves, (1, -1), strict=True):
            found = {
                str(item.analytic_distribution or ""): -sign * item.balance
                for item in move.line_ids
                if item.account_id == income
            }
            self.assertEqual(found, wanted)
            [rest] = move.line_ids.filtered(lambda item: item.account_id != income)
            self.assertFalse(rest.analytic_distribution)
            self.assertEqual(rest.balance, sign * sum(wanted.values()))
        self.assertEqual(len(moves.line_ids.analytic_line_ids), 4)
        self.assertEqual(sum(moves.line_ids.analytic_line_ids.mapped("amount")), 0)

    def test_closing_entries_are_counted_as_what_they_accrue(self):
        """W29: of each distribution its own items, back again on the next day."""
        north = self._share(self.north, share=100.0)
        both = self._share(self.south, self.repairs, share=100.0)
        for cost, counted in ((10, north), (5, north), (7, both), (3, False)):
            self._create_transaction(cost, analytic_distribution=counted)
        moves = self._book_closing("accrued")
        self._check_closing(moves, {str(north): 15, str(both): 7, "": 3})

    def test_closing_entries_are_counted_as_what_they_defer(self):
        north = self._share(self.north, share=100.0)
        both = self._share(self.south, self.repairs, share=100.0)
        items = self.env["omni.billing.transaction"]
        for cost, counted in ((20, north), (40, both), (60, False)):
            items += self._create_transaction(cost, analytic_distribution=counted)
        trust(items).write(
            {
                "period_start": self.today,
                "period_end": self.today + timedelta(days=1),
            }
        )
        invoice = self._bill(items)
        # What is told later is told of the invoice, too.
        south = self._share(self.south, share=100.0)
        line = invoice.invoice_line_ids.filtered(
            lambda line: line.billing_transaction_id == items[0]
        )
        line.analytic_distribution = south
        moves = self._book_closing("deferred")
        self._check_closing(moves, {str(south): -10, str(both): -20, "": -30})

    def test_report_has_a_row_for_each_plan(self):
        self.env.user.group_ids += self.env.ref("analytic.group_analytic_accounting")
        view = self.env.ref("omni_billing.account_analytic_line_view_pivot_billing")
        Item = self.env["account.analytic.line"]
        arch, _view = Item._get_view(view.id, "pivot")
        rows = [
            node.get("name") for node in arch.iter("field") if node.get("type") == "row"
        ]
        self.assertEqual(rows[0], "billing_site_id")
        self.assertLessEqual(
            {self.places._column_name(), self.trades._column_name()}, set(rows)
        )
        self.assertNotIn("account_id", rows)

    def test_upgrade_tells_lines_of_their_sites(self):
        charge = self._create_transaction(45, site_id=self.depot.id)
        line = self._bill(charge).invoice_line_ids
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE account_move_line SET billing_site_id = NULL WHERE id = %s",
            [line.id],
        )
        script = load_script(str(SCRIPTS / "19.0.1.5.0" / "post-sites.py"), "sites")
        for _again in range(2):
            script.migrate(self.env.cr, "19.0.1.4.0")
        self.env.invalidate_all()
        self.assertEqual(line.billing_site_id, self.depot)


@tagged("post_install", "-at_install")
class TestAnalyticFaults(AnalyticCommon):
    # By itself: Odoo sets the registry up anew when a file has faults.
    def test_file_names_no_account(self):
        self.south.write({"name": "North", "code": False})
        columns = ["name", "partner_id/.id", "retail_cost", "analytic_distribution"]
        for text in ("West", "North"):
            result = self.env["omni.billing.transaction"].load(
                columns, [["Call", str(self.customer.id), "5", text]]
            )
            self.assertFalse(result["ids"])
            self.assertIn(text, result["messages"][0]["message"])
            self.assertEqual(result["messages"][0]["record"], 0)
