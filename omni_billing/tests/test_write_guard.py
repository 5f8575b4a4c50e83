"""Fields that say where a record stands are written by business methods alone."""

from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from odoo.addons.omni_billing.tools.write_guard import is_trusted

from .common import BillingCommon


@tagged("post_install", "-at_install")
class TestStateFields(BillingCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.charge = cls._create_transaction(45)
        cls.records = [
            cls.charge,
            cls._bill(cls._create_transaction(20)),
            cls.env["omni.billing.run"].create({}),
            cls.env["omni.billing.service"].create(
                {"name": "Fibre", "partner_id": cls.customer.id}
            ),
        ]

    def test_nobody_writes_them(self):
        """Nor empties them."""
        for record in self.records:
            for name in record._billing_get_state_fields():
                for value in (False, 1):
                    with (
                        self.subTest(name=name, value=value),
                        self.assertRaises(UserError),
                        self.env.cr.savepoint(),
                    ):
                        record.write({name: value})

    def test_rooms_above_add_theirs(self):
        names = self.env["account.move"]._billing_get_state_fields()
        self.assertGreaterEqual(
            names,
            {
                *("billing_attempt_id", "billing_dispute", "billing_is_void"),
                *("billing_payment_reference", "billing_refund_reference"),
                *("billing_reminders_paused", "billing_state"),
            },
        )

    def test_field_of_another_addon_is_kept(self):
        Service = self.env.registry["omni.billing.service"]
        names = Service._billing_get_state_fields
        self.patch(
            Service, "_billing_get_state_fields", lambda model: names(model) | {"name"}
        )
        with self.assertRaises(UserError):
            self.records[-1].name = "Other"

    def test_context_gives_no_default(self):
        Model = self.charge.with_context(default_is_free=True, default_state="void")
        charge = Model.create(
            {"name": "Cable", "partner_id": self.customer.id, "retail_cost": 5}
        )
        self.assertFalse(charge.is_free)
        self.assertEqual(charge.state, "unbilled")

    def test_new_record_may_name_what_it_has_anyway(self):
        """And its amounts are computed, though somebody sent them empty."""
        charge = self._create_transaction(
            45, state="unbilled", is_free=False, amount_total=0.0, amount_untaxed=0.0
        )
        self.assertEqual((charge.amount_untaxed, charge.amount_total), (45, 45))
        run = self.env["omni.billing.run"].create({"state": "draft"})
        self.assertEqual(run.state, "draft")
        with self.assertRaises(AccessError):
            self._create_transaction(45, state="void")


@tagged("post_install", "-at_install")
class TestTrust(BillingCommon):
    """The right to write protected fields ends with the method that has it."""

    def test_posted_invoice_is_not_trusted(self):
        charge = self._create_transaction()
        draft = self._create_draft(charge)
        charge._set_invoiced(draft)
        posted = draft._post()
        self.assertFalse(is_trusted(posted.env))
        for move in (posted, draft):
            with self.assertRaises(AccessError):
                move.billing_is_void = True

    def test_who_is_told_of_a_void_is_not_trusted(self):
        told = []
        Log = self.env.registry["omni.billing.activity.log"]

        def log(records, action, moves, *args, **kwargs):
            told.extend(moves)

        invoice = self._bill(self._create_transaction())
        with patch.object(Log, "_log_moves", log):
            invoice.action_billing_void()
        self.assertEqual([move.id for move in told], invoice.ids)
        self.assertFalse(any(is_trusted(move.env) for move in told))
