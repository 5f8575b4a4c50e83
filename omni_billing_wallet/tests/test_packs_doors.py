"""Who gets at packs, by which door, and in which company."""

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.service.model import call_kw, get_public_method
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from .common import PackCommon

MODELS = ("omni.billing.pack", "omni.billing.pack.use")


@tagged("post_install", "-at_install")
class TestPackDoors(PackCommon):
    """W42: rows are the server's; staff use packs, customers see their own."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pack = cls._sell()
        cls._use(1, ref="visit", note="Knee")
        cls.accountant = cls._create_user(
            "packs-accountant", "account.group_account_manager"
        )
        cls.stranger = new_test_user(
            cls.env, login="packs-stranger", groups="base.group_portal"
        )

    def test_nobody_writes_packs_or_uses(self):
        """W42: not by any of the ORM's doors, and no default slips in."""
        users = (self.env.user, self.staff, self.accountant, self.portal, self.outsider)
        for user in users:
            for record in (self.pack, self.pack.use_ids[:1]):
                record = record.with_user(user).with_context(default_units_left=99)
                with self.subTest(user=user.login, model=record._name):
                    with mute_logger("odoo.addons.base.models.ir_model"):
                        for act in (
                            lambda record=record: record.write({"name": "x"}),
                            lambda record=record: record.unlink(),
                            lambda record=record: record.create({}),
                            lambda record=record: record.copy(),
                        ):
                            with self.assertRaises(AccessError):
                                act()
        with self.assertRaises(AccessError):
            self.env["omni.billing.transaction"].create(
                {
                    "partner_id": self.customer.id,
                    "name": "Forged",
                    "transaction_type": "credit",
                    "credit_type_id": self.goodwill.id,
                    "retail_cost": 5,
                    "pack_id": self.pack.id,
                }
            )

    def test_who_may_use(self):
        """W42: staff and managers; nobody who only keeps books, and no customer."""
        arguments = [self.customer.id, self.single.id]
        for user in (self.accountant, self.portal, self.outsider):
            Pack = self.Pack.with_user(user)
            use = self.pack.use_ids.with_user(user)
            with (
                self.subTest(user.login),
                mute_logger("odoo.addons.base.models.ir_model"),
            ):
                with self.assertRaises(AccessError):
                    call_kw(Pack, "use", arguments, {})
                with self.assertRaises(AccessError):
                    call_kw(use, "action_take_back", [use.ids], {})
                with self.assertRaises(AccessError):
                    call_kw(Pack, "action_refund", [self.pack.ids, 1], {})
        done = call_kw(self.Pack.with_user(self.staff), "use", arguments, {"units": 2})
        self.assertEqual(done["left"], 7)
        self.assertEqual(self.pack.use_ids[:1].user_id, self.staff)
        dialog = self.env["omni.billing.pack.use.wizard"].with_user(self.staff)
        dialog = dialog.create({"partner_id": self.customer.id})
        self.assertEqual((dialog.product_id, dialog.left), (self.single, "7 × Session"))
        first = dialog.action_use()
        self.assertEqual(dialog.action_use(), first)
        self.assertEqual(self.pack.units_left, 6)
        refund = self.env["omni.billing.pack.refund.wizard"].with_user(self.staff)
        refund = refund.create({"pack_id": self.pack.id, "units": 5})
        refund.action_refund()
        refund.action_refund()
        self.assertEqual(self.pack.units_left, 1)

    def test_what_the_server_does_is_no_door(self):
        """W42: by RPC there is what this names, and no more."""
        public = {"use", "action_open_use", "action_refund", "action_take_back"}
        public |= {"action_open_refund", "action_open_uses", "action_open_invoice"}
        base = set(dir(self.env["base"])) | set(
            dir(self.env["omni.billing.server.mixin"])
        )
        for model in MODELS:
            found = set()
            for name in set(dir(self.env[model])) - base - set(self.env[model]._fields):
                if name.startswith("_") or not callable(getattr(self.env[model], name)):
                    continue
                get_public_method(self.env[model], name)
                found.add(name)
            self.assertLessEqual(found, public)

    def test_customers_read_their_own(self):
        """W42: without what is the company's: worth, references, who entered it."""
        pack = self.pack.with_user(self.portal)
        self.assertEqual((pack.units_left, pack.state), (9, "open"))
        use = self.pack.use_ids.with_user(self.portal)
        self.assertEqual(use.note, "Knee")
        for record, name in (
            (pack, "value_left"),
            (pack, "account_id"),
            (use, "amount"),
            (use, "ref"),
            (use, "user_id"),
        ):
            with self.subTest(name), self.assertRaises(AccessError):
                record.read([name])
        for user in (self.stranger, self.outsider):
            for model in MODELS:
                with mute_logger("odoo.addons.base.models.ir_model"):
                    try:
                        found = self.env[model].with_user(user).search([])
                    except AccessError:
                        continue
                self.assertFalse(found)

    def test_a_company_sees_its_own(self):
        """W42: packs of another company are not used, and not seen."""
        # sudo: companies are an administrator's.
        other = self.env["res.company"].sudo().create({"name": "Other"})
        user = new_test_user(
            self.env,
            login="packs-other",
            groups="omni_billing.omni_billing_group_manager",
            company_id=other.id,
            company_ids=[Command.set(other.ids)],
        )
        Pack = self.Pack.with_user(user).with_company(other)
        self.assertFalse(Pack.search([]))
        with self.assertRaises(UserError):
            Pack.use(self.customer.id, self.single.id)
        self.assertEqual(self.pack.units_left, 9)

    def test_fast_billing_leaves_packs_to_odoo(self):
        """W42: rows that are written fast make no pack."""
        charge = self.env["omni.billing.transaction"].create(
            {"partner_id": self.customer.id, "product_id": self.ten.id}
        )
        values, computed = charge._prepare_hinted_values(self.customer)
        one = type("One", (), {"values": values, "computed": computed})()
        Proven = self.env["omni.billing.proven"]
        self.assertEqual(Proven._find_peculiarity(self.company, one), "pack")
        self.assertIn("pack", Proven._describe_reason("pack"))

    def test_the_customer_s_tab(self):
        """W42: what is left, and how to use it."""
        customer = self.customer.with_user(self.staff)
        self.assertEqual(customer.billing_pack_left, "9 × Session")
        action = customer.action_billing_packs()
        self.assertEqual(self.Pack.search(action["domain"]), self.pack)
        self.assertIn(
            "default_partner_id", customer.action_billing_use_pack()["context"]
        )
        self.assertFalse(
            self.outsider.partner_id.with_user(self.staff).billing_has_packs
        )
        self.assertTrue(self.pack.action_open_uses()["domain"])
        self.assertTrue(self.pack.action_open_invoice())
        self.assertTrue(self.pack.action_open_refund())
