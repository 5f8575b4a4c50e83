import runpy
from datetime import date
from pathlib import Path
from unittest.mock import patch

import psycopg2

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import Form, freeze_time, tagged
from odoo.tools import mute_logger

from odoo.addons.omni_billing.tools.write_guard import trust

from .service_common import ServiceCommon

SERVICE = "odoo.addons.omni_billing.models.services.omni_billing_service_charge"


@tagged("post_install", "-at_install")
class TestService(ServiceCommon):
    """F16, F29, F66, F149, F185, F192, W8, W10"""

    # === CHARGES === #

    def test_product_gives_price_period_and_taxes(self):
        """F29, F185: what was entered stays."""
        product = self.env["product.product"].create(
            {
                "name": "Fibre 500",
                "taxes_id": [Command.set(self.tax_10.ids)],
                "billing_recurring_price": 45,
                "billing_setup_price": 20,
                "billing_unit": "month",
                "billing_interval": 3,
                "billing_timing": "arrears",
            }
        )
        values = {"partner_id": self.customer.id, "product_id": product.id}
        service = self.Service.create(values)
        self.assertRecordValues(
            service,
            [
                {
                    "name": "Fibre 500",
                    "price_unit": 45,
                    "setup_price": 20,
                    "unit": "month",
                    "interval": 3,
                    "timing": "arrears",
                    "tax_ids": self.tax_10.ids,
                }
            ],
        )
        own = self.Service.create(values | {"price_unit": 40, "unit": "year"})
        self.assertEqual((own.price_unit, own.unit, own.interval), (40, "year", 3))

    def test_service_without_a_unit_is_not_charged(self):
        service = self.Service.create(
            {"name": "Line", "partner_id": self.customer.id, "price_unit": 5}
        )
        self.assertFalse(service.next_date)
        self._charge("2030-01-01")
        self.assertFalse(service.transaction_ids)

    def test_charge_says_what_it_is_for(self):
        service = self._create_service(quantity=2, date_start="2025-01-17")
        service.anchor_day = 1
        self._charge("2025-01-17 12:00:00")
        charge = service.transaction_ids
        self.assertRecordValues(
            charge,
            [
                {
                    "name": "Fibre, 01/17/2025 - 01/31/2025",
                    "description": "2 × $\xa031.00\n15 of 31 days",
                    "transaction_type": "charge",
                    "state": "unbilled",
                    "date": date(2025, 1, 17),
                    "retail_cost": 30,
                    "amount_total": 33,
                    "service_id": service.id,
                    "period_start": date(2025, 1, 17),
                    "period_end": date(2025, 1, 31),
                }
            ],
        )
        self.assertEqual(service.charged_until, date(2025, 1, 31))
        self.assertEqual(service.next_date, date(2025, 2, 1))

    def test_numbers_are_written_out(self):
        """F185: no exponent, and no price but the one that is charged."""
        for quantity, price, text in (
            (1_234_567, 0.01, "1,234,567 × $\xa00.01"),
            (1_234_567, 0.0375, "1,234,567 × $\xa00.0375"),
            (0.25, 3, "0.25 × $\xa03.00"),
        ):
            service = self._create_service(quantity=quantity, price_unit=price)
            with freeze_time("2025-01-20"):
                service.action_write_due()
            charge = service.transaction_ids[:1]
            invoice = charge._create_invoice(self.customer)
            found = invoice.invoice_line_ids._billing_describe_price()
            self.assertEqual(found.replace("\xa0", ""), text.replace("\xa0", ""))
            self.assertNotIn("e+", found)

    def test_price_has_no_more_decimals_than_a_transaction_takes(self):
        """F185: a third, as of a price list, is charged at a price that comes to it."""
        service = self._create_service(quantity=1000, price_unit=0.1 / 3)
        self._charge()
        charge = service.transaction_ids
        priced = {"quantity": 1000, "price_unit": 0.03333, "retail_cost": 33.33}
        self.assertRecordValues(charge, [priced])
        charge.price_unit = charge.price_unit

    def test_prices_are_kept_as_they_are_entered(self):
        """F185: 0.0375 is not stored as 0.04, on any screen."""
        change = {"date": "2025-02-01", "price_unit": 0.0125, "quantity": 1000.125}
        product = self.env["product.product"].create(
            {"name": "Metered", "billing_recurring_price": 0.0375}
        )
        product.billing_setup_price = 0.0625
        service = self.Service.create(
            {
                "partner_id": self.customer.id,
                "product_id": product.id,
                "quantity": 1000.125,
                "unit": "month",
                "date_start": "2025-01-01",
                "change_ids": [Command.create(change)],
            }
        )
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual(product.billing_recurring_price, 0.0375)
        self.assertEqual((service.price_unit, service.setup_price), (0.0375, 0.0625))
        self.assertEqual(service.quantity, 1000.125)
        self.assertEqual(service.change_ids.price_unit, 0.0125)
        self.assertEqual(service.change_ids.quantity, 1000.125)
        with freeze_time("2025-02-01"):
            service.action_write_due()
        charged = service.transaction_ids.sorted("id").mapped("retail_cost")
        self.assertEqual(sorted(charged), [0.06, 12.5, 37.5])

    def test_price_with_taxes_that_the_fiscal_position_takes_away(self):
        """F21, F185: as a manual charge of the same product."""
        free = self._create_tax(0)
        position = self.env["account.fiscal.position"].create({"name": "Export"})
        free.write(
            {
                "fiscal_position_ids": position.ids,
                "original_tax_ids": self.tax_20_included.ids,
            }
        )
        self.customer.property_account_position_id = position
        product = self.env["product.product"].create(
            {
                "name": "Fibre",
                "list_price": 120,
                "billing_recurring_price": 120,
                "billing_setup_price": 60,
                "billing_unit": "month",
                "taxes_id": [Command.set(self.tax_20_included.ids)],
            }
        )
        charge = self.env["omni.billing.transaction"].create(
            {"partner_id": self.customer.id, "product_id": product.id}
        )
        self.assertEqual(charge.amount_total, 100)
        service = self.env["omni.billing.service"].create(
            {
                "partner_id": self.customer.id,
                "product_id": product.id,
                "date_start": "2025-01-01",
            }
        )
        self.assertEqual((service.price_unit, service.setup_price), (100, 50))
        with freeze_time("2025-01-02"):
            service.action_write_due()
        charged = service.transaction_ids.mapped("amount_total")
        self.assertEqual(sorted(charged), [50, 100])

    def test_missed_periods_are_caught_up_once(self):
        """W8, W10"""
        service = self._create_service()
        self._charge("2025-04-15")
        self._charge("2025-04-15")
        self.assertEqual(
            self._read(service),
            [(f"2025-0{month}-01", 31.0) for month in range(1, 5)],
        )

    def test_more_missed_periods_than_a_step_holds(self):
        service = self._create_service(unit="day", price_unit=1)
        with patch(f"{SERVICE}.MAX_PERIODS", 7):
            self._charge("2025-01-31 23:00:00")
        self.assertEqual(len(service.transaction_ids), 32)
        self.assertEqual(len(set(service.transaction_ids.mapped("period_start"))), 32)

    def test_arrears_are_charged_on_the_last_day(self):
        """F185: at month end."""
        service = self._create_service(timing="arrears")
        self._charge("2025-01-30 12:00:00")
        self.assertFalse(service.transaction_ids)
        self._charge("2025-01-31 12:00:00")
        self.assertEqual(self._read(service), [("2025-01-31", 31.0)])

    def test_day_begins_where_the_customer_is(self):
        service = self._create_service(date_start="2025-02-01")
        self._charge("2025-01-31 22:59:59")
        self.assertFalse(service.transaction_ids)
        self._charge("2025-01-31 23:00:00")
        self.assertEqual(self._read(service), [("2025-02-01", 31.0)])

    def test_setup_fee_is_charged_once_on_the_start(self):
        service = self._create_service(timing="arrears", setup_price=50)
        self.assertEqual(service.next_date, date(2025, 1, 1))
        self._charge("2025-02-28 12:00:00")
        self._charge("2025-03-30 12:00:00")
        self.assertEqual(
            self._read(service),
            [("2025-01-01", 50.0), ("2025-01-31", 31.0), ("2025-02-28", 31.0)],
        )
        self.assertIn("set-up fee", service.transaction_ids.sorted("date")[0].name)

    def test_last_period_is_prorated(self):
        """F66, W10"""
        service = self._create_service(date_end="2025-02-14")
        self._charge("2025-06-01")
        self.assertEqual(
            self._read(service), [("2025-01-01", 31.0), ("2025-02-01", 15.5)]
        )
        self.assertFalse(service.next_date)

    def test_price_changes_within_a_period(self):
        """F149, F192"""
        service = self._create_service(
            price_unit=30,
            date_start="2025-04-01",
            change_ids=[Command.create({"date": "2025-04-16", "price_unit": 60})],
        )
        self._charge("2025-05-01 12:00:00")
        self.assertEqual(
            self._read(service), [("2025-04-01", 45.0), ("2025-05-01", 60.0)]
        )

    def test_suspended_service_waits_until_it_goes_on(self):
        """F192"""
        service = self._create_service()
        with freeze_time("2025-01-31 12:00:00"):
            service.action_suspend()
            self.assertEqual(service.state, "running")
        self._charge("2025-02-10 12:00:00")
        with freeze_time("2025-02-15 12:00:00"):
            service.invalidate_recordset(["state"])
            self.assertEqual(service.state, "suspended")
            service.action_resume()
            self.assertEqual(service.suspended_to, date(2025, 2, 14))
        self._charge("2025-02-15 12:00:00")
        self.assertEqual(
            self._read(service), [("2025-01-01", 31.0), ("2025-02-15", 15.5)]
        )

    def test_suspension_to_come_is_said_and_nothing_is_to_be_charged(self):
        """F192"""
        service = self._create_service()
        self._charge("2025-01-05 12:00:00")
        self.assertEqual(service.next_date, date(2025, 2, 1))
        with freeze_time("2025-01-20 12:00:00"):
            service.action_suspend()
            service.invalidate_recordset(["suspension"])
            self.assertIn("01/21/2025 until further notice", service.suspension)
        self.assertFalse(service.next_date)
        self.assertIn("<td>–</td>", service.preview)
        with freeze_time("2025-01-20 12:00:00"):
            service.action_resume()
        self.assertFalse(service.suspension)
        self.assertEqual(service.next_date, date(2025, 2, 1))

    def test_next_charge_is_after_the_suspension(self):
        """F192"""
        for timing, day in (("advance", date(2025, 4, 11)), ("arrears", None)):
            service = self._create_service(
                timing=timing,
                charged_until="2025-01-31",
                suspended_from="2025-02-01",
                suspended_to="2025-04-10",
            )
            with self.subTest(timing):
                self.assertEqual(service.next_date, day or date(2025, 4, 30))
            service.suspended_to = "2025-04-30"
            with self.subTest(timing, until="end of April"):
                first, last = date(2025, 5, 1), date(2025, 5, 31)
                self.assertEqual(
                    service.next_date, first if timing == "advance" else last
                )
            service.date_end = "2025-04-30"
            self.assertFalse(service.next_date)
        service.write({"date_end": False, "suspended_to": "9999-12-31"})
        self.assertFalse(service.next_date)

    def test_charges_are_those_of_before_whenever_the_job_comes(self):
        """F192: what was suspended is passed over with what comes next."""
        service = self._create_service(
            suspended_from="2025-02-01", suspended_to="2025-03-31"
        )
        self._charge("2025-04-01 12:00:00")
        self.assertEqual(
            self._read(service), [("2025-01-01", 31.0), ("2025-04-01", 31.0)]
        )
        self.assertEqual(service.charged_until, date(2025, 4, 30))

    def test_upgrade_forgets_charges_that_will_not_come(self):
        service = self._create_service(
            charged_until="2025-01-31", suspended_from="2025-02-01"
        )
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE omni_billing_service SET next_date = '2025-02-28' WHERE id = %s",
            [service.id],
        )
        self.env.invalidate_all()
        folder = Path(__file__).resolve().parents[1] / "migrations/19.0.1.8.0"
        script = runpy.run_path(str(folder / "post-suspended.py"))
        script["migrate"](self.env.cr, "19.0.1.7.0")
        service.invalidate_recordset()
        self.assertFalse(service.next_date)

    def test_resume_before_the_suspension_began_undoes_it(self):
        service = self._create_service()
        with freeze_time("2025-01-10 12:00:00"):
            service.action_suspend()
            service.action_resume()
        self.assertFalse(service.suspended_from)

    def test_free_service_passes_its_periods(self):
        service = self._create_service(price_unit=0)
        self._charge("2025-03-15")
        self.assertFalse(service.transaction_ids)
        self.assertEqual(service.charged_until, date(2025, 3, 31))

    def test_period_is_unique_in_the_database(self):
        """W8: whatever goes wrong above."""
        service = self._create_service()
        self._charge()
        with (
            self.assertRaises(psycopg2.IntegrityError),
            mute_logger("odoo.sql_db"),
            self.env.cr.savepoint(),
        ):
            trust(service.transaction_ids).copy(
                {"period_start": "2025-01-01", "period_end": "2025-01-31"}
            ).flush_recordset()

    def test_hook_of_other_addons(self):
        Service = type(self.Service)
        prepare = Service._prepare_transaction_values

        def mark(service, period, amount):
            values = prepare(service, period, amount)
            return values | {"description": str(period.whole.days)}

        service = self._create_service()
        with patch.object(Service, "_prepare_transaction_values", mark):
            self._charge()
        self.assertEqual(service.transaction_ids.description, "31")

    def test_one_wrong_service_does_not_hold_up_the_others(self):
        good, wrong = self._create_service(), self._create_service(name="Wrong")
        prepare = type(good)._prepare_common_values

        def fail(service, amount):
            if service.name == "Wrong":
                raise UserError(service.env._("Archived"))
            return prepare(service, amount)

        with (
            patch.object(type(good), "_prepare_common_values", fail),
            mute_logger(SERVICE),
        ):
            self._charge()
        self.assertEqual(len(good.transaction_ids), 1)
        self.assertFalse(wrong.transaction_ids)
        self.assertEqual(wrong.problem, "Archived")
        self._charge()
        self.assertEqual(len(wrong.transaction_ids), 1)
        self.assertFalse(wrong.problem)

    def test_queries_do_not_grow_with_the_number_of_services(self):
        def count(number):
            services = self.Service.concat(
                *(self._create_service(name=f"Line {n}") for n in range(number))
            )
            self.env.flush_all()
            self.env.invalidate_all()
            with freeze_time("2025-01-01 12:00:00"):
                before = self.cr.sql_log_count
                services.action_write_due()
                self.env.flush_all()
            return self.cr.sql_log_count - before

        count(1)
        self.assertLessEqual(count(60) - count(10), 3)

    # === WHAT WAS CHARGED === #

    def test_basics_are_locked_once_charged(self):
        service = self._create_service()
        service.price_unit = 62
        self._charge()
        for vals in (
            {"price_unit": 20},
            {"unit": "year"},
            {"date_start": "2024-01-01"},
            {"charged_until": False},
            {"partner_id": self.env.user.partner_id.id},
        ):
            with self.assertRaisesRegex(UserError, "is charged until"):
                service.write(vals)
        service.write({"price_unit": 62, "name": "Fibre 1000", "timing": "arrears"})

    def test_end_within_a_charged_period_is_credited(self):
        """W10: the customer left on the 10th, and had paid for the month."""
        service = self._create_service()
        self._charge("2025-02-01 12:00:00")
        service.date_end = "2025-01-10"
        self.assertEqual(service.adjustment, -21 - 31)
        with freeze_time("2025-02-05 12:00:00"):
            service.action_adjust()
        self.assertFalse(service.adjustment)
        self.assertEqual(sum(amount for _day, amount in self._read(service)), 10)
        credits = service.transaction_ids.filtered("credit_type_id")
        self.assertEqual(set(credits.mapped("transaction_type")), {"credit"})
        service.date_end = "2025-01-20"
        service.action_adjust()
        self.assertEqual(sum(amount for _day, amount in self._read(service)), 20)

    def test_part_that_was_rounded_otherwise_is_not_adjusted(self):
        """Until 19.0.1.12.0 it was a difference of running totals: 4.00, of 4.01."""
        service = self._create_service(
            price_unit=62.14,
            date_start="2025-01-20",
            date_end="2025-01-21",
            anchor_day=1,
        )
        self._charge("2025-02-01 12:00:00")
        self.assertEqual(self._read(service), [("2025-01-20", 4.01)])
        trust(service.transaction_ids).retail_cost = 4.0
        service.invalidate_recordset(["adjustment"])
        self.assertFalse(service.adjustment)
        trust(service.transaction_ids).retail_cost = 3.99
        service.invalidate_recordset(["adjustment"])
        self.assertEqual(service.adjustment, 0.02)

    def test_change_at_equal_price_moves_no_money(self):
        """F179: what was paid for the old service is a credit, and pays the new one."""
        old = self._create_service(name="Judo")
        self._charge()
        self._pay(self._bill(date_start="2025-01-01"))
        old.date_end = "2025-01-10"
        with freeze_time("2025-01-11 12:00:00"):
            old.action_adjust()
        new = self._create_service(name="Yoga", date_start="2025-01-11", anchor_day=1)
        self._charge("2025-01-11 12:00:00")
        self.assertEqual(self._read(new), [("2025-01-11", 21.0)])
        invoice = self._bill(date_start="2025-01-01")
        self.assertEqual(invoice.move_type, "out_invoice")
        self.assertEqual(len(invoice.billing_transaction_ids), 2)
        self.assertEqual((invoice.amount_total, invoice.billing_state), (0, "paid"))
        payments = self.env["account.payment"].search(
            [("partner_id", "=", self.customer.id)]
        )
        self.assertEqual(payments.mapped("payment_type"), ["inbound"])
        self.assertEqual(self._get_books_balance(), 0)

    def test_void_charge_is_not_charged_again(self):
        service = self._create_service()
        self._charge()
        service.transaction_ids.action_void()
        self._charge("2025-01-15")
        self.assertEqual(len(service.transaction_ids), 1)
        self.assertFalse(service.adjustment)

    def test_longer_service_goes_on_where_it_was(self):
        service = self._create_service(date_end="2025-01-10")
        self._charge("2025-01-20")
        service.date_end = False
        self._charge("2025-01-20")
        self.assertEqual(
            self._read(service), [("2025-01-01", 10.0), ("2025-01-11", 21.0)]
        )
        self.assertFalse(service.adjustment)

    # === SCREEN AND RIGHTS === #

    def test_preview_shows_the_next_charges(self):
        with freeze_time("2025-01-05"), Form(self.Service) as form:
            form.name, form.partner_id = "Fibre", self.customer
            form.unit, form.price_unit = "month", 31
            form.date_start, form.anchor_day = date(2025, 1, 17), 1
            form.preview_count = 2
            self.assertEqual(form.preview.count("<tr>"), 3)
            self.assertIn("15 of 31", form.preview)
            self.assertIn("15.00", form.preview)
            self.assertIn("02/01/2025", form.preview)

    def test_staff_add_services_and_portal_users_read_their_own(self):
        service = self.Service.with_user(self.staff).create(
            {"name": "Fibre", "partner_id": self.customer.id, "unit": "month"}
        )
        service.with_user(self.staff).action_write_due()
        own = self.Service.with_user(self.portal).search([])
        self.assertEqual(own, service)
        with self.assertRaises(AccessError):
            own.action_write_due()
        with self.assertRaises(AccessError):
            own.mapped("problem")
        with self.assertRaises(AccessError):
            self.env["omni.billing.service.change"].with_user(self.portal).search([])

    def test_periods_of_a_charge_cannot_be_forged(self):
        service = self._create_service()
        with self.assertRaises(AccessError):
            self._create_transaction(service_id=service.id, period_start="2025-01-01")
        with self.assertRaisesRegex(UserError, "cannot be set by hand"):
            service.is_setup_charged = True
