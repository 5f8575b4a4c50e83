"""New prices for many services: seen before, told, undone (W36)."""

from datetime import date

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged

from .service_common import ServiceCommon


@tagged("post_install", "-at_install")
class TestPriceRise(ServiceCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Service.search([]).unlink()
        cls.customer.email = "ada@example.com"
        cls.gym = cls._add_service("Gym", 30)
        cls.pool = cls._add_service("Pool", 19.9, quantity=2)

    @classmethod
    def _add_service(cls, name, price, **values):
        values = {"tax_ids": [Command.clear()]} | values
        return cls._create_service(name=name, price_unit=price, **values)

    def _create(self, **values):
        rise = self.env["omni.billing.price.rise"].create(
            {"name": "2026", "date": "2026-01-01", "percent": 5} | values
        )
        rise.action_preview()
        return rise

    def _prices(self, rise):
        return {
            line.service_id.name: (line.price_old, line.price_new, str(line.date))
            for line in rise.line_ids
        }

    def test_each_way_to_rise(self):
        """W36: by percent, amount and index, to a step."""
        start = "2026-01-01"
        for values, gym, pool in (
            ({"percent": 5}, 31.5, 20.9),  # 20.895
            ({"percent": -10}, 27, 17.91),
            ({"percent": 5, "step": 0.5}, 31.5, 21),
            ({"kind": "amount", "amount": 2}, 32, 21.9),
            ({"kind": "index", "index_old": 104.2, "index_new": 107.9}, 31.07, 20.61),
        ):
            found = self._prices(self._create(**values))
            self.assertEqual(found["Gym"], (30, gym, start), values)
            self.assertEqual(found["Pool"], (19.9, pool, start), values)

    def test_nothing_is_changed_before_it_is_put_in_force(self):
        """W36: then the next charges have the new price, what is charged the old."""
        self._charge("2025-12-15")
        rise = self._create()
        self.assertFalse(self.gym.change_ids)
        rise.action_apply()
        self.assertRecordValues(
            self.gym.change_ids,
            [{"date": date(2026, 1, 1), "price_unit": 31.5, "quantity": 1}],
        )
        self.assertEqual(self.pool.change_ids.quantity, 2)
        self._charge("2026-01-15")
        charges = self.gym.transaction_ids.sorted("date")[-2:]
        self.assertEqual(charges.mapped("retail_cost"), [30, 31.5])
        self.assertFalse(self.gym.adjustment)

    def test_service_that_is_charged_further_rises_after(self):
        """W36: a year that is paid is not charged again."""
        year = self._add_service("Year", 300, unit="year", date_start="2025-07-01")
        self._charge("2025-12-15")
        rise = self._create()
        self.assertEqual(self._prices(rise)["Year"], (300, 315, "2026-07-01"))
        rise.action_apply()
        self.assertFalse(year.adjustment)

    def test_which_services(self):
        """W36: recurring, of the company, in the currency, not over, as chosen."""
        euro = self.env.ref("base.EUR")
        euro.active = True
        self._add_service("Euro", 10, currency_id=euro.id)
        self._add_service("Once", 10, unit=False)
        self._add_service("Over", 10, date_end="2025-12-31")
        self._add_service("Free", 0)
        found = self._create(domain="[('name', '!=', 'Pool')]")
        self.assertEqual(set(self._prices(found)), {"Gym"})
        for wrong in ("[('nothing', '=', 1)]", "__import__('os')", "[("):
            with self.assertRaises(ValidationError):
                self._create(domain=wrong)

    def test_what_was_agreed_for_later_is_left_to_a_person(self):
        """W36: it is found, and not included."""
        self.gym.change_ids = [
            Command.create({"date": "2026-03-01", "price_unit": 33, "quantity": 1})
        ]
        rise = self._create()
        line = rise.line_ids.filtered(lambda one: one.service_id == self.gym)
        self.assertFalse(line.is_included)
        self.assertEqual((rise.line_count, rise.included_count), (2, 1))
        rise.action_apply()
        self.assertEqual(len(self.gym.change_ids), 1)

    def test_service_that_changed_since_is_told(self):
        """W36: nothing is changed then."""
        rise = self._create()
        self.gym.price_unit = 40
        with self.assertRaisesRegex(UserError, "Gym .* changed since you looked"):
            rise.action_apply()
        self.assertEqual(rise.state, "draft")
        self.assertFalse(self.pool.change_ids)

    def test_undo_keeps_what_is_charged(self):
        """W36: the others are as before."""
        self.pool.timing = "arrears"
        rise = self._create()
        rise.action_apply()
        self._charge("2026-01-15")
        message = rise.action_undo()["params"]["message"]
        self.assertIn("1 new prices stay", message)
        self.assertIn("Gym", message)
        self.assertEqual(rise.state, "undone")
        self.assertTrue(self.gym.change_ids)
        self.assertFalse(self.pool.change_ids)
        with self.assertRaisesRegex(UserError, "not in force"):
            rise.action_undo()

    def test_undo_leaves_quantities_and_what_goes_on(self):
        """W36: a quantity entered since, and a change that repeats the price."""
        rise = self._create()
        rise.action_apply()
        self.gym.change_ids.quantity = 3
        self.pool.change_ids.create(
            {
                "service_id": self.pool.id,
                "date": "2026-02-01",
                "quantity": 5,
                "price_unit": 20.9,
            }
        )
        message = rise.action_undo()["params"]["message"]
        self.assertIn("Pool", message)
        self.assertEqual(self.gym.change_ids.mapped("price_unit"), [30])
        self.assertEqual(self.gym.change_ids.quantity, 3)
        self.assertEqual(len(self.pool.change_ids), 2)

    def test_undo_of_what_another_rise_began_from(self):
        """W36: it stays, and is named."""
        rise = self._create()
        rise.action_apply()
        later = self._create(date="2026-07-01")
        later.action_apply()
        self.assertIn("2 new prices stay", rise.action_undo()["params"]["message"])
        self.assertEqual(len(self.gym.change_ids), 2)

    def test_price_below_a_cent_is_not_rounded_to_one(self):
        """W36: it is of a piece, and there are thousands."""
        self._add_service("Messages", 0.015, quantity=10_000)
        found = self._prices(self._create(percent=3))
        self.assertEqual(found["Messages"][:2], (0.015, 0.01545))

    def test_what_is_in_force_is_not_edited(self):
        """W36: nor deleted; nor is its state said by hand."""
        rise = self._create()
        with self.assertRaises(UserError):
            rise.state = "done"
        rise.action_apply()
        for change in (
            lambda: rise.write({"percent": 9}),
            lambda: rise.line_ids[0].write({"price_new": 1}),
            lambda: rise.line_ids[0].unlink(),
            lambda: rise.unlink(),
            rise.action_apply,
            rise.action_preview,
        ):
            with self.assertRaises(UserError):
                change()
        rise.note = "Energy is dearer."

    def test_customers_are_told_once(self):
        """W36: each in their language, all services in one e-mail."""
        self.env["res.lang"]._activate_lang("fr_FR")
        self.customer.lang = "fr_FR"
        silent = self.env["res.partner"].create({"name": "Silent"})
        self._add_service("Quiet", 10, partner_id=silent.id)
        rise = self._create(note="L'énergie est plus chère.")
        with self.assertRaisesRegex(UserError, "apply them first"):
            rise.action_tell()
        rise.action_apply()
        before = self.env["mail.mail"].search([])
        action = rise.action_tell()
        self.assertIn("1 customers have no e-mail", action["params"]["message"])
        mail = self.env["mail.mail"].search([]) - before
        self.assertEqual(len(mail), 1)
        self.assertIn("ada@example.com", mail.email_to)
        self.assertIn("par mois", mail.body_html)
        self.assertIn("31,50", mail.body_html)
        self.assertIn("41,80", mail.body_html)
        self.assertIn("plus chère", mail.body_html)
        with self.assertRaises(UserError):
            rise.action_tell()

    def test_only_managers(self):
        """W36: staff change the price of a service, not of all."""
        rise = self._create()
        with self.assertRaises(AccessError):
            rise.with_user(self.staff).action_apply()
        with self.assertRaises(AccessError):
            self.env["omni.billing.price.rise"].with_user(self.outsider).search([])

    def test_many_services_in_few_statements(self):
        """W36: what is looked up is looked up for all."""
        counts = []
        for many in (10, 30):
            for number in range(many):
                self._add_service(f"More {number}", 10)
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            rise = self._create()
            rise.action_apply()
            self.env.flush_all()
            # Of these another quantity stays, and of the others nothing.
            rise.line_ids.change_id[::2].quantity = 3
            self.env.flush_all()
            self.env.invalidate_all()
            rise.action_undo()
            self.env.flush_all()
            counts.append(self.env.cr.sql_log_count - before)
        self.assertLess(counts[1] - counts[0], 10, counts)
