"""Who gets at wallets, by which door, and in which company; the customer's page."""

from datetime import timedelta

from odoo import fields, http
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.service.model import call_kw, get_public_method
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from .page_common import WalletPagesCase
from .wallet_common import WalletCommon


@tagged("post_install", "-at_install")
class TestWalletDoors(WalletCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.accountant = cls._create_user(
            "wallets-accountant", "account.group_account_manager"
        )
        cls.stranger = new_test_user(
            cls.env, login="wallets-stranger", groups="base.group_portal"
        )

    def test_who_may(self):
        """W51: staff top up; accountants read; customers read their own."""
        for user in (self.accountant, self.portal, self.outsider):
            wallet = self.wallet.with_user(user)
            partner = self.customer.with_user(user)
            with (
                self.subTest(user.login),
                mute_logger("odoo.addons.base.models.ir_model"),
            ):
                for act in (
                    lambda wallet=wallet: call_kw(
                        wallet, "action_top_up", [wallet.ids], {}
                    ),
                    lambda wallet=wallet: wallet.write({"auto_level": 1}),
                    lambda wallet=wallet: wallet.unlink(),
                    lambda wallet=wallet: wallet.create({}),
                    lambda partner=partner: call_kw(
                        partner, "action_billing_top_up", [partner.ids], {}
                    ),
                ):
                    with self.assertRaises(AccessError):
                        act()
        self._top_up(30)
        self.assertEqual(self._read_left(self.wallet.with_user(self.portal)), 30)
        self.assertEqual(self._read_left(self.wallet.with_user(self.accountant)), 30)
        for user in (self.stranger, self.outsider):
            with mute_logger("odoo.addons.base.models.ir_rule"):
                with self.assertRaises(AccessError):
                    self.wallet.with_user(user).read(["balance"])
        wallet = self.wallet.with_user(self.staff)
        wallet.write({"active": False})
        with self.assertRaises(AccessError):
            wallet.write({"partner_id": self.stranger.partner_id.id})

    def test_by_rpc_there_is_what_this_names(self):
        """W51: and no more."""
        public = {"action_top_up", "action_open_lines"}
        base = set(dir(self.env["base"])) | set(
            dir(self.env["omni.billing.server.mixin"])
        )
        model = self.env["omni.billing.wallet"]
        for name in set(dir(model)) - base - set(model._fields):
            if not name.startswith("_") and callable(getattr(model, name)):
                get_public_method(model, name)
                self.assertIn(name, public)

    def test_nobody_forges_one(self):
        """W51: no top-up, entry or item of a wallet is entered by hand."""
        move = self._top_up(50)
        draw = self._bill_amounts(20)._billing_find_draws()
        for act in (
            lambda: move.write({"billing_wallet_id": False}),
            lambda: move.copy({"billing_wallet_id": self.wallet.id}),
            lambda: self._create_transaction(5, wallet_id=self.wallet.id),
            lambda: move.billing_transaction_ids.copy(),
            lambda: move.action_billing_duplicate(),
            lambda: draw.with_user(self.accountant).button_draft(),
            lambda: draw.with_user(self.accountant).button_cancel(),
            lambda: move.line_ids.write({"billing_wallet_id": False}),
        ):
            with self.assertRaises(UserError), self.env.cr.savepoint():
                act()
        # sudo: an accountant who moves balances of a former system.
        entry = self.env["account.move"].sudo()
        other = self.env["res.partner"].create({"name": "Other"})
        values = {
            "move_type": "entry",
            "line_ids": [
                Command.create(
                    {
                        "account_id": self.company_data["default_account_revenue"].id,
                        "debit": 10,
                    }
                ),
                Command.create(
                    {
                        "account_id": self.advances.id,
                        "partner_id": other.id,
                        "credit": 10,
                        "billing_wallet_id": self.wallet.id,
                    }
                ),
            ],
        }
        with self.assertRaises(ValidationError), self.env.cr.savepoint():
            entry.create(values)
        values["line_ids"][1][2]["partner_id"] = self.customer.id
        entry.create(values)._post()
        self.assertEqual(self._read_left(), 40)
        self.assertEqual(self._bill_amounts(40).amount_residual, 0)

    def test_a_second_company(self):
        """W51: each has its wallets; none pays in the other."""
        other = self.setup_other_company()["company"]
        other.sudo().billing_wallet_account_id = self._add_account(
            "Advances", "liability_current", other
        )
        self._top_up(50)
        there = self.Wallet.with_company(other)._open_for(self.customer)
        self.assertNotEqual(there, self.wallet)
        charge = (
            self.env["omni.billing.transaction"]
            .with_company(other)
            .create(
                {
                    "partner_id": self.customer.id,
                    "company_id": other.id,
                    "name": "There",
                    "retail_cost": 10,
                }
            )
        )
        move = charge._create_invoice(self.customer)
        self.assertEqual(move.amount_residual, move.amount_total)
        self.assertEqual((self._read_left(), self._read_left(there)), (50, 0))


@tagged("post_install", "-at_install")
class TestWalletPages(WalletCommon, WalletPagesCase):
    def _post(self, wallet, amount):
        data = {"csrf_token": http.Request.csrf_token(self), "amount": amount}
        return self.url_open(
            f"/my/billing/prepaid/{wallet.id}", data=data, allow_redirects=False
        )

    def test_customers_see_it_and_pay_more(self):
        """W51: their own, in their language; an unpaid one is gone on with, or void."""
        self._top_up(50)
        self._bill_amounts(20)
        self.env.flush_all()
        self.authenticate("portal-test", "portal-test")
        self.assertIn("Prepaid Money $ 30.00", self._read_page("/my/billing"))
        text = self._read_page("/my/billing/prepaid")
        for told in ("$ 30.00 It can be used", "Top-Up", "Used", "-\ufeff$ 20.00"):
            self.assertIn(told, text)
        response = self._post(self.wallet, "25.00")
        move = self.wallet.top_up_ids.filtered(lambda one: one.amount_total == 25)
        self.assertEqual(move.billing_wallet_origin, "portal")
        self.assertFalse(move.invoice_user_id.share)
        path = f"/my/billing/invoices/{move.id}/pay"
        self.assertTrue(response.headers["Location"].endswith(path))
        self.assertIn("25.00", self._read_page(path))
        self._post(self.wallet, "25")
        self.assertEqual(len(self.wallet.top_up_ids), 2)
        self._post(self.wallet, "10")
        self.env.invalidate_all()
        self.assertEqual(move.billing_state, "void")
        for wrong in ("", "x", "-5", "1e400", "nan", "0.001"):
            answer = self._post(self.wallet, wrong)
            self.assertEqual(answer.status_code, 200)
        stranger = self.Wallet._open_for(self.env["res.partner"].create({"name": "S"}))
        self._post(stranger, "10")
        self.assertFalse(stranger.top_up_ids)
        self.env.invalidate_all()
        left = self.wallet.top_up_ids.filtered(lambda one: one.amount_total == 10)
        self.assertEqual(left.billing_state, "unpaid")
        # As if it were a day later.
        self.env.cr.execute(
            "UPDATE account_move SET create_date = %s WHERE id = %s",
            [fields.Datetime.now() - timedelta(days=2), left.id],
        )
        left.invalidate_recordset()
        self._run_job()
        self.assertEqual(left.billing_state, "void")
        template = self.env.ref("omni_billing_wallet.mail_template_wallet_ending")
        for lang, told in (
            ("fr_FR", "Argent prépayé"),
            ("de_DE", "Guthaben"),
            ("es_ES", "Saldo prepagado"),
        ):
            text = self._read_page_in(lang, "/my/billing/prepaid")
            self.assertIn(told, text)
            self.assertNotIn("can be used", text)
            self.assertNotIn("Top-Up", text)
            # sudo: mail templates are an administrator's.
            self.customer.lang = lang
            subject = template.sudo()._render_field(
                "subject", self.wallet.ids, compute_lang=True
            )
            self.assertNotIn("about to", subject[self.wallet.id])
