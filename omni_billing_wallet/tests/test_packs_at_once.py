"""Two at once at the same pack."""

from unittest.mock import patch

from odoo import fields, modules
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.omni_billing.tests.at_once import AtOnceCase


@tagged("-standard", "-at_install", "post_install", "omni_billing_at_once")
class TestPacksAtOnce(AtOnceCase):
    """W42: whoever is at it at the same time, each unit is drawn and booked once."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with cls._connect() as env:
            company = env["res.company"].search([("chart_template", "!=", False)])[0]
            company.billing_pack_usable = "invoice"
            cls.context = {"allowed_company_ids": company.ids}
            env = env(context=cls.context)
            account = env["account.account"].create(
                {
                    "name": "Packs at Once",
                    "code": "249999",
                    "account_type": "liability_current",
                    "company_ids": [Command.set(company.ids)],
                }
            )
            customer = env["res.partner"].create({"name": "At Once"})
            one, pack = env["product.product"].create(
                [{"name": name, "taxes_id": False} for name in ("One", "Pack")]
            )
            pack.write(
                {
                    "list_price": 100,
                    "billing_is_pack": True,
                    "billing_pack_product_id": one.id,
                    "billing_pack_account_id": account.id,
                }
            )
            cls.ids = customer.id, one.id, pack.id

    def _sell(self, env):
        customer, _one, product = self.ids
        charge = env["omni.billing.transaction"].create(
            {"partner_id": customer, "product_id": product, "date": "2026-01-01"}
        )
        charge._create_invoice(charge.partner_id)
        return env["omni.billing.pack"].search([("transaction_id", "=", charge.id)]).id

    def setUp(self):
        super().setUp()
        with self._connect() as env:
            self.pack_id = self._sell(env(context=self.context))
        self.addCleanup(self._end)

    def _end(self):
        """Leave nothing that can be used, or that the job books."""
        with self._connect() as env:
            packs = env["omni.billing.pack"].search(
                [("partner_id", "=", self.ids[0]), ("units_left", ">", 0)]
            )
            packs._close("closed")
            env["omni.billing.pack.use"].search([]).is_booked = True

    def _use(self, units, ref=None):
        def act(env):
            env = env(context=self.context)
            customer, one, _product = self.ids
            env["omni.billing.pack"].use(customer, one, units, ref=ref)

        return act

    def _read(self):
        with self._connect() as env:
            pack = env["omni.billing.pack"].browse(self.pack_id)
            return pack.units_left, pack.use_ids.mapped("units")

    def test_two_never_draw_the_same_unit(self):
        """W42: the second reads what is left, and is refused."""
        with mute_logger("odoo.sql_db", "odoo.service.model"):
            answer = self._meet(self._use(6), self._use(6))
        self.assertIn("4", answer)
        self.assertEqual(self._read(), (4, [6]))

    def test_the_same_reference_twice(self):
        """W42: sent again before the first has an answer, it is one use."""
        with mute_logger("odoo.sql_db", "odoo.service.model"):
            answer = self._meet(self._use(2, "r"), self._use(2, "r"))
        self.assertEqual((answer, self._read()), ("", (8, [2])))

    def _void(self, env):
        env = env(context=self.context)
        pack = env["omni.billing.pack"].browse(self.pack_id)
        pack.invoice_id.action_billing_void()

    def test_a_void_and_a_use(self):
        """W42: whichever comes first, no pack of a void invoice was used."""
        with mute_logger("odoo.sql_db", "odoo.service.model"):
            answer = self._meet(self._use(1), self._void)
            self.assertIn("were used", answer)
            with self._connect() as env:
                pack = env["omni.billing.pack"].browse(self.pack_id)
                pack.use_ids.action_take_back()
            answer = self._meet(self._void, self._use(1))
        self.assertIn("0 of", answer)
        self.assertEqual(self._read()[0], 10)

    def test_a_credit_note_and_a_refund(self):
        """W42: half of it was credited: units have no single price any more."""

        def credit(env):
            pack = env["omni.billing.pack"].browse(self.pack_id)
            pack.invoice_id._billing_create_refund_note(50)

        def refund(env):
            env = env(context=self.context)
            env["omni.billing.pack"].browse(self.pack_id).action_refund(10)

        with mute_logger("odoo.sql_db", "odoo.service.model"):
            answer = self._meet(credit, refund)
        self.assertIn("was credited", answer)
        self.assertEqual(self._read(), (10, []))

    def test_one_that_fails_keeps_no_other_income(self):
        """W42: what fails is undone, and no entry of the packs before it."""
        with self._connect() as env:
            env = env(context=self.context)
            packs = env["omni.billing.pack"].browse(self.pack_id)
            packs += packs.browse([self._sell(env), self._sell(env)])
            stuck = packs.account_id.copy({"code": "249998", "name": "Archived"})
            packs[1].account_id = stuck
            stuck.active = False
            rows = env["omni.billing.pack.use"]._add(
                [
                    {"pack_id": pack.id, "units": 1, "amount": 10, "date": "2026-01-15"}
                    for pack in packs
                ]
            )
            ids, company_id = rows.ids, packs.company_id.id
        with (
            self._connect() as env,
            # What commits does so, as in a server.
            patch.object(modules.module, "current_test", False),
            self.assertLogs("odoo.addons.omni_billing.tools.database", "WARNING"),
        ):
            use = env(context=self.context)["omni.billing.pack.use"]
            use._book_company(use.env["res.company"].browse(company_id))
        with self._connect() as env:
            rows = env["omni.billing.pack.use"].browse(ids)
            self.assertEqual(rows.mapped("is_booked"), [True, False, True])
            booked = rows.filtered("is_booked")
            self.assertEqual(booked.move_id.line_ids.billing_pack_id, booked.pack_id)

    def test_two_jobs_book_once(self):
        """W42: what one books is left alone by the other."""
        with self._connect() as env:
            self._use(3)(env)
            use = env["omni.billing.pack.use"].search([("pack_id", "=", self.pack_id)])
            use.date = fields.Date.to_date("2026-01-15")
            use_id = use.id

        def book(env):
            env["omni.billing.pack.use"].browse(use_id)._book_free()

        with mute_logger("odoo.sql_db", "odoo.service.model"):
            self._meet(book, book)
        with self._connect() as env:
            use = env["omni.billing.pack.use"].browse(use_id)
            self.assertTrue(use.is_booked)
            lines = env["account.move.line"].search(
                [
                    ("billing_pack_id", "=", self.pack_id),
                    ("move_id", "!=", use.pack_id.invoice_id.id),
                ]
            )
            self.assertEqual(lines.mapped("balance"), [30])
