from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.service.model import call_kw
from odoo.tests import tagged

from .common import BillingCommon

SHOWN = {"display_name": {}}


@tagged("post_install", "-at_install")
class TestDialogs(BillingCommon):
    """Dialogs are their owner's, about what the owner may see."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.invoice = cls._bill(cls._create_transaction(45))
        cls.charge = cls._create_transaction(8)
        cls.colleague = cls._create_manager("colleague-test", cls.company)
        cls.other = cls.setup_other_company()["company"]
        cls.stranger = cls._create_manager("stranger-test", cls.other)
        cls.secret_customer = cls.env["res.partner"].create(
            {"name": "SECRET", "company_id": cls.other.id}
        )
        cls.secret = cls._create_transaction(
            70, company_id=cls.other.id, partner_id=cls.secret_customer.id
        )
        billed = cls._create_transaction(
            7, company_id=cls.other.id, partner_id=cls.secret_customer.id
        )
        wizard = cls._open_proforma(
            company_id=cls.other.id, partner_id=cls.secret_customer.id, title="SECRET"
        )
        for line in wizard.line_ids:
            line.included = line.transaction_id == billed
        wizard.action_generate()
        cls.secret_invoice = billed.invoice_id
        cls.env.flush_all()

    @classmethod
    def _create_manager(cls, login, company):
        user = cls._create_user(login, "omni_billing.omni_billing_group_manager")
        user.write(
            {"company_id": company.id, "company_ids": [Command.set(company.ids)]}
        )
        return user

    def _open_all(self):
        """Return one of each of our dialogs, and of their lines."""
        values = self._prepare_dialogs(self.invoice)
        values["omni.billing.payment.wizard"] |= {
            "is_post_dated": True,
            "plan_line_ids": [Command.create({"date": self.today, "amount": 1})],
            "cheque_line_ids": [Command.create({"date": self.today, "amount": 1})],
        }
        dialogs = [self.env[model].create(given) for model, given in values.items()]
        for model, lines in (
            ("omni.billing.cancel.wizard", "line_ids"),
            ("omni.billing.payment.wizard", "plan_line_ids"),
            ("omni.billing.payment.wizard", "cheque_line_ids"),
            ("omni.billing.proforma.wizard", "line_ids"),
        ):
            [dialog] = [dialog for dialog in dialogs if dialog._name == model]
            dialogs.append(dialog[lines])
        self.env.flush_all()
        return dialogs

    def test_each_dialog_is_tried(self):
        ours = {
            name
            for name, model in self.env.registry.items()
            if name.startswith("omni.billing.") and model._transient
        }
        self.assertEqual({dialog._name for dialog in self._open_all()}, ours)

    def test_an_open_dialog_is_its_owner_s_alone(self):
        """F193"""
        for dialog in self._open_all():
            self.assertTrue(dialog, dialog._name)
            for user in (self.staff, self.colleague, self.stranger):
                with self.subTest(dialog._name, user=user.login):
                    self.env.invalidate_all()
                    theirs = dialog.with_user(user)
                    if theirs.has_access("create"):
                        self.assertFalse(theirs.search([]))
                    for method, args in (
                        ("read", [["create_uid"]]),
                        ("write", [{}]),
                        ("unlink", []),
                        ("copy", []),
                    ):
                        with self.assertRaises(AccessError):
                            call_kw(theirs.browse(), method, [theirs.ids, *args], {})

    def test_a_line_is_not_put_in_a_dialog_of_somebody_else(self):
        line = next(x for x in self._open_all() if "plan.line" in x._name)
        line = line.with_user(self.colleague)
        with self.assertRaises(AccessError):
            line.create(
                {"wizard_id": line.sudo().wizard_id.id, "date": self.today, "amount": 1}
            )

    def _get_foreign_values(self):
        """Return what names another company's records, for each dialog."""
        invoice, charge = self.secret_invoice.id, self.secret.id
        return [
            ("omni.billing.bulk", {"invoice_ids": [Command.link(invoice)]}),
            ("omni.billing.bulk", {"done_ids": [Command.set([invoice])]}),
            ("omni.billing.attempt.wizard", {"invoice_id": invoice}),
            ("omni.billing.cancel.wizard", {"invoice_id": invoice}),
            ("omni.billing.cancel.wizard", {"note_id": invoice}),
            ("omni.billing.card.refund.wizard", {"invoice_id": invoice}),
            ("omni.billing.card.refund.wizard", {"note_id": invoice}),
            ("omni.billing.payment.wizard", {"invoice_ids": [Command.set([invoice])]}),
            ("omni.billing.payment.wizard", {"invoice_ids": [Command.link(invoice)]}),
            ("omni.billing.proforma.wizard", {"partner_id": self.secret_customer.id}),
            ("omni.billing.proforma.wizard", {"company_id": self.other.id}),
            (
                "omni.billing.proforma.wizard",
                {"line_ids": [Command.create({"transaction_id": charge})]},
            ),
            ("omni.billing.proforma.line", {"transaction_id": charge}),
            ("omni.billing.cancel.line", {"transaction_id": charge}),
            ("omni.billing.refund.wizard", {"partner_id": self.secret_customer.id}),
            ("omni.billing.refund.wizard", {"company_id": self.other.id}),
            ("omni.billing.void.wizard", {"transaction_ids": [Command.link(charge)]}),
            ("omni.billing.void.wizard", {"invoice_ids": [Command.link(invoice)]}),
        ]

    def test_a_dialog_is_not_opened_on_what_one_may_not_see(self):
        for model, values in self._get_foreign_values():
            Dialog = self.env[model].with_user(self.colleague)
            [name] = values
            spec = {name: {"fields": SHOWN}}
            if name == "line_ids":
                spec[name] = {"fields": {"transaction_id": {"fields": SHOWN}}}
            self.env.invalidate_all()
            with self.subTest(model, name=name, door="create"):
                with self.assertRaises(AccessError):
                    Dialog.create(dict(values))
            with self.subTest(model, name=name, door="default"):
                defaults = {f"default_{name}": values[name]}
                with self.assertRaises(AccessError):
                    Dialog.with_context(**defaults).create({})
                with self.assertRaises(AccessError):
                    Dialog.with_context(**defaults).onchange({}, [], spec)
            with self.subTest(model, name=name, door="onchange"):
                for changed in ([], [name]):
                    with self.assertRaises(AccessError):
                        Dialog.onchange(dict(values), changed, spec)

    def test_a_dialog_is_not_turned_to_what_one_may_not_see(self):
        self.env = self.env(user=self.colleague)
        own = {dialog._name: dialog[:1] for dialog in self._open_all()}
        for model, values in self._get_foreign_values():
            [name] = values
            self.env.invalidate_all()
            with self.subTest(model, name=name), self.assertRaises(AccessError):
                own[model].write(dict(values))

    def test_a_card_of_another_company_is_not_named(self):
        # sudo: providers are an administrator's.
        provider = self.env.ref("payment.payment_provider_stripe").sudo()
        method = self.env.ref("payment.payment_method_card").sudo()
        card = self.env["payment.token"].sudo()
        card = card.create(
            {
                "provider_id": provider.copy({"company_id": self.other.id}).id,
                "payment_method_id": method.id,
                "partner_id": self.secret_customer.id,
                "provider_ref": "cus_0",
                "payment_details": "4242",
            }
        )
        Dialog = self.env["omni.billing.payment.wizard"].with_user(self.colleague)
        values = {"invoice_ids": [Command.set(self.invoice.ids)], "token_id": card.id}
        self.env.invalidate_all()
        with self.assertRaises(AccessError):
            Dialog.create(values)
        with self.assertRaises(AccessError):
            Dialog.onchange(values, ["token_id"], {"token_id": {"fields": SHOWN}})
        own = Dialog.create(values | {"token_id": False})
        with self.assertRaises(AccessError):
            own.token_id = card.id

    def test_a_dialog_about_own_records_is_as_it_was(self):
        """F132, F205"""
        Dialog = self.env["omni.billing.payment.wizard"].with_user(self.staff)
        values = {"invoice_ids": [Command.link(self.invoice.id)]}
        spec = {"invoice_ids": {"fields": SHOWN}, "amount": {}}
        shown = Dialog.onchange(dict(values), [], spec)["value"]
        self.assertEqual(shown["amount"], 45)
        Dialog.create(values).action_pay()
        self.assertEqual(self.invoice.billing_state, "paid")
