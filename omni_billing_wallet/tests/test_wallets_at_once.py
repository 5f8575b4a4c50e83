"""Two at once at the same prepaid money."""

from contextlib import ExitStack
from unittest.mock import patch

from odoo import fields, modules
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.omni_billing.tests.at_once import AtOnceCase
from odoo.addons.omni_billing.tools.write_guard import trust
from odoo.addons.omni_billing_wallet.models.omni_billing_wallet_job import (
    OmniBillingWallet,
)


@tagged("-standard", "-at_install", "post_install", "omni_billing_at_once")
class TestWalletsAtOnce(AtOnceCase):
    """W51: whoever is at it at the same time, no more is used than there is."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with cls._connect() as env:
            company = env["res.company"].search([("chart_template", "!=", False)])[0]
            cls.context = {"allowed_company_ids": company.ids}
            env = env(context=cls.context)
            cls.before = company.billing_wallet_account_id.id
            company.billing_wallet_account_id = env["account.account"].create(
                {
                    "name": "Advances at Once",
                    "code": "249990",
                    "account_type": "liability_current",
                    "reconcile": True,
                    "company_ids": [Command.set(company.ids)],
                }
            )
            customer = env["res.partner"].create({"name": "Prepays at Once"})
            cls.ids = customer.id, env["omni.billing.wallet"]._open_for(customer).id

    @classmethod
    def tearDownClass(cls):
        with cls._connect() as env:
            company = env["res.company"].browse(cls.context["allowed_company_ids"])
            company.billing_wallet_account_id = cls.before
            env["omni.billing.wallet"].browse(cls.ids[1]).active = False
        super().tearDownClass()

    def setUp(self):
        super().setUp()
        with self._connect() as env:
            env = env(context=self.context)
            wallet = env["omni.billing.wallet"].browse(self.ids[1])
            self.top_up_id = wallet._top_up(100, "staff").id
            env["account.move"].browse(self.top_up_id)._billing_pay("cash")
        self.addCleanup(self._use_up)

    def _use_up(self):
        """Leave nothing that the next test could use."""
        with self._connect() as env:
            env = env(context=self.context)
            wallet = env["omni.billing.wallet"].browse(self.ids[1])
            if wallet.balance > 0:
                self._bill(wallet.balance)(env)

    def _bill(self, amount):
        def act(env):
            env = env(context=self.context)
            partner = env["res.partner"].browse(self.ids[0])
            charge = env["omni.billing.transaction"].create(
                {"partner_id": partner.id, "name": "At once", "retail_cost": amount}
            )
            self.moves.append(charge._create_invoice(partner).id)

        self.moves = getattr(self, "moves", [])
        return act

    def _read(self):
        with self._connect() as env:
            env = env(context=self.context)
            wallet = env["omni.billing.wallet"].browse(self.ids[1])
            moves = env["account.move"].search(
                [("partner_id", "=", self.ids[0]), ("id", "in", self.moves)], order="id"
            )
            return wallet.balance, moves.mapped("amount_residual")

    def test_two_invoices_use_it_once(self):
        """W51: the second has what the first left, and owes the rest."""
        with mute_logger("odoo.sql_db", "odoo.service.model"):
            answer = self._meet(self._bill(70), self._bill(70))
        self.assertEqual((answer, self._read()), ("", (0, [0, 40])))

    def test_a_refund_and_an_invoice(self):
        """W51: what goes back is not used, and what was used does not go back."""

        def give_back(env):
            env = env(context=self.context)
            line = env["omni.billing.wallet"].browse(self.ids[1]).lot_ids
            dialog = env["omni.billing.wallet.refund.wizard"]
            dialog.create({"line_id": line.id, "amount": 60}).action_give_back()

        with mute_logger("odoo.sql_db", "odoo.service.model"):
            answer = self._meet(self._bill(70), give_back)
            self.assertIn("30", answer)
            self._use_up()
            self.setUp()
            self.moves = []
            answer = self._meet(give_back, self._bill(70))
        self.assertEqual((answer, self._read()), ("", (0, [30])))

    def _set_auto(self):
        """Have it topped up, and return how many top-ups there are."""
        self._use_up()
        with self._connect() as env:
            wallet = env["omni.billing.wallet"].browse(self.ids[1])
            wallet.write(
                {
                    "is_auto": True,
                    "auto_level": 5,
                    "auto_amount": 9,
                    "auto_limit": 90,
                    "auto_agreed": f"On paper, {len(wallet.top_up_ids)}",
                }
            )
            return len(wallet.top_up_ids)

    def _end_auto(self):
        """Leave nothing to the job, and return how many top-ups there are."""
        with self._connect() as env:
            env = env(context=self.context)
            wallet = env["omni.billing.wallet"].browse(self.ids[1])
            wallet.is_auto = False
            found = len(wallet.top_up_ids)
            for move in wallet._find_unpaid_top_ups():
                move.action_billing_void()
            return found

    def _charging(self, charge):
        """Patch what begins the charge: there is no card here."""
        stack = ExitStack()
        for name, act in (
            ("_charge_itself", charge),
            ("_explain_no_top_up", lambda *_arguments: ""),
        ):
            stack.enter_context(patch.object(OmniBillingWallet, name, act))
        return stack

    def test_two_jobs_top_up_once(self):
        """W51: the second sees the invoice of the first, or leaves it to that one."""

        def top_up(env):
            env = env(context=self.context)
            env["omni.billing.wallet"].browse(self.ids[1])._top_up_itself()

        before = self._set_auto()
        with (
            mute_logger("odoo.sql_db", "odoo.service.model"),
            self._charging(lambda *_arguments: None),
        ):
            self._meet(top_up, top_up)
            with self._connect() as env:
                top_up(env)
        self.assertEqual(self._end_auto(), before + 1)

    def test_two_jobs_tell_of_the_end_once(self):
        """W51: the second sees what the first told of, or leaves it to that one."""
        with self._connect() as env:
            lines = env["account.move"].browse(self.top_up_id).line_ids
            today = fields.Date.context_today(lines)
            lines = trust(lines.filtered("billing_wallet_id"))
            lines.billing_wallet_expires_on = today
            lines.partner_id.email = "prepays@example.com"

        def tell(env):
            env = env(context=self.context)
            env["omni.billing.wallet"].browse(self.ids[1])._tell_ending()

        with mute_logger("odoo.sql_db", "odoo.service.model"):
            self._meet(tell, tell)
        with self._connect() as env:
            tell(env)
            domain = [
                ("model", "=", "omni.billing.wallet"),
                ("res_id", "=", self.ids[1]),
            ]
            mails = env["mail.mail"].search(domain)
            self.assertEqual(len(mails), 1)
            mails.unlink()

    def test_a_job_that_dies_leaves_no_top_up(self):
        """W51: the invoice and its charge are there together, or not at all."""

        def die(*_arguments):
            raise RuntimeError("died")

        before = self._set_auto()
        with (
            self._connect() as env,
            self._charging(die),
            # What commits does so, as in a server.
            patch.object(modules.module, "current_test", False),
            self.assertLogs("odoo.addons.omni_billing.tools.database", "ERROR"),
        ):
            wallet = env(context=self.context)["omni.billing.wallet"]
            wallet = wallet.browse(self.ids[1])
            wallet._do_alone(wallet._top_up_itself, "a top-up")
        self.assertEqual(self._end_auto(), before)
