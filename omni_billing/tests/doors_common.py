from contextlib import contextmanager
from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.fields import Command

from .card_common import CardCommon
from .fake_api import FakeApi


class DoorsCommon(CardCommon):
    """Odoo's own ways to pay, with the same Stripe behind them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.provider.is_published = True
        # sudo: parameters are an administrator's.
        parameters = cls.env["ir.config_parameter"].sudo()
        parameters.set_param("account_payment.enable_portal_payment", "True")
        cls.neighbor = cls.env["res.partner"].create(
            {"name": "Neighbor", "is_company": True}
        )

    def setUp(self):
        super().setUp()
        self.api = FakeApi(self.gateway)
        seam = patch.object(
            type(self.provider),
            "_send_api_request",
            lambda _provider, *args, **kwargs: self.api.send(*args, **kwargs),
        )
        seam.start()
        self.addCleanup(seam.stop)

    def _create_payment(self, invoice=None, user=None, **values):
        """Create what Odoo's pages create."""
        Transaction = self.env["payment.transaction"].with_user(user or self.portal)
        return Transaction.sudo().create(  # sudo: as Odoo's controllers.
            {
                "provider_id": self.provider.id,
                "payment_method_id": self.method.id,
                "amount": invoice.amount_residual if invoice else 45,
                "currency_id": self.currency.id,
                "partner_id": (invoice.partner_id if invoice else self.customer).id,
                "operation": "online_direct",
                "invoice_ids": [Command.set(invoice.ids)] if invoice else [],
            }
            | values
        )

    def _open_form(self, invoice=None, **values):
        """Have a customer open Odoo's form: the payment, and its intent at Stripe."""
        payment = self._create_payment(invoice, **values)
        payment._get_processing_values()
        return payment, list(self.api.intents)[-1]

    def _tell(self, kind, event_ref="evt_1", **obj):
        """Have an event of Stripe worked on; return it."""
        # sudo: as the webhook and the job.
        Event = self.env["omni.billing.stripe.event"].sudo()
        Event._store(
            self.provider, {"id": event_ref, "type": kind, "data": {"object": obj}}
        )
        Event._cron_process()
        return Event.search([("event_ref", "=", event_ref)])

    @contextmanager
    def _closed_books(self):
        """Have the books take no payment."""
        with patch.object(
            type(self.env["account.payment"]),
            "action_post",
            side_effect=UserError("The year is closed."),
        ):
            yield

    def _resolve(self):
        """Run the job that asks for lost answers, and books what is not booked."""
        # sudo: as the scheduler.
        self.env["payment.transaction"].sudo()._cron_billing_resolve()

    def _get_todos(self, *records):
        """Return what staff are asked to look at, in one text."""
        # sudo: whoever it is for.
        return " ".join(
            str(note)
            for record in records
            for note in record.sudo().activity_ids.mapped("note")
        )

    def _check_books(self):
        """Check that the books have what Stripe has, in cents."""
        self.env.flush_all()
        self.env.invalidate_all()
        payments = self.env["account.payment"].search(
            [
                ("partner_id", "child_of", self.customer.id),
                # Not by the state of the payment: its entry may be a draft.
                ("move_id.state", "=", "posted"),
            ]
        )
        booked = sum(
            payment.amount if payment.payment_type == "inbound" else -payment.amount
            for payment in payments
        )
        self.assertEqual(round(booked * 100), self.gateway.taken)

    def _count_payments(self):
        return self.env["payment.transaction"].sudo().search_count([])
