from contextlib import ExitStack
from datetime import timedelta
from unittest.mock import patch

from odoo.fields import Command
from odoo.tools import mute_logger

from odoo.addons.omni_billing import const

from .common import BillingCommon
from .fake_gateway import FakeGateway

MODELS = "odoo.addons.omni_billing.models"
LOGGERS = (
    f"{MODELS}.cards",
    "odoo.addons.payment.models.payment_transaction",
    "odoo.http",
)


class CardCommon(BillingCommon):
    """A company that charges cards at Stripe, and a customer who saved one."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # sudo: providers are an administrator's.
        base = cls.env.ref("payment.payment_provider_stripe").sudo()
        cls.provider = base.copy({"company_id": cls.company.id, "state": "disabled"})
        cls.provider.write(
            {
                "stripe_publishable_key": "pk_test_1",
                "stripe_secret_key": "sk_test_1",
                "stripe_webhook_secret": "whsec_test",
                "allow_tokenization": True,
                "state": "test",
            }
        )
        cls.method = cls.env.ref("payment.payment_method_card").sudo()
        cls.method.active = True
        cls.customer.email = "acme@example.com"

    def setUp(self):
        super().setUp()
        # What goes wrong on purpose is no complaint.
        muted = ExitStack()
        muted.enter_context(mute_logger(*LOGGERS))
        self.addCleanup(muted.close)
        self.gateway = FakeGateway()
        seam = patch.object(
            type(self.provider), "_billing_get_gateway", lambda _self: self.gateway
        )
        seam.start()
        self.addCleanup(seam.stop)
        # In one transaction all is of the same moment: jobs ask at once.
        grace = patch.object(const, "CALL_GRACE", timedelta(0))
        grace.start()
        self.addCleanup(grace.stop)
        self.card = self._save_card()

    def _save_card(self, last4="4242", partner=None, agrees=True, **values):
        """Save a card, which may be charged automatically unless told otherwise."""
        card = (
            self.env["payment.token"]
            .sudo()
            .create(
                {
                    "provider_id": self.provider.id,
                    "payment_method_id": self.method.id,
                    "partner_id": (partner or self.customer).id,
                    "provider_ref": "cus_0",
                    "payment_details": last4,
                    "stripe_payment_method": f"pm_{last4}",
                    "billing_brand": "visa",
                    "billing_last4": last4,
                    "billing_exp_month": 12,
                    "billing_exp_year": 2040,
                    "billing_fingerprint": f"print-{last4}",
                }
                | values
            )
            .sudo(False)
        )
        if agrees and card.billing_is_card:
            card._billing_agree("paper")
        return card

    def _register(self, invoice, **values):
        """Charge the saved card in Odoo's own dialog."""
        self.provider._billing_ensure_method_line()
        lines = self.provider.journal_id.inbound_payment_method_line_ids
        line = lines.filtered(lambda line: line.payment_provider_id == self.provider)
        Register = self.env["account.payment.register"].with_context(
            active_model="account.move",
            active_ids=invoice.ids,
            dont_redirect_to_payments=True,
        )
        values |= {
            "journal_id": self.provider.journal_id.id,
            "payment_method_line_id": line.id,
            "payment_token_id": self.card.id,
        }
        return Register.create(values)._create_payments()

    def _begin_online(self, invoice=None, user=None, **values):
        """Begin a payment as Odoo's own form does, of an invoice or of 45."""
        given = {
            "provider_id": self.provider.id,
            "payment_method_id": self.method.id,
            "amount": invoice.amount_residual if invoice else 45,
            "currency_id": (invoice.currency_id if invoice else self.currency).id,
            "partner_id": self.customer.id,
            "operation": "online_direct",
        }
        if invoice:
            given["invoice_ids"] = [Command.set(invoice.ids)]
        payments = self.env["payment.transaction"].with_user(user or self.env.user)
        # sudo: as Odoo's controllers.
        return payments.sudo().create(given | values)

    def _wait_for_card(self, payment):
        """Have Stripe wait for the card that its customer types."""
        charge = self.gateway.charge(
            key=payment.reference,
            reference=payment.reference,
            amount=round(payment.amount * 100),
            currency="usd",
            is_customer_present=True,
        )
        payment.provider_reference = charge.id
        self.gateway.settle(charge.id, "requires_payment_method")
        return payment

    def _lose_charge(self):
        """Charge an invoice, and lose the answer.

        :return: the invoice, and the intent as an event tells of it.
        """
        invoice = self._bill_amounts(45)
        self.gateway.lose(is_executed=True)
        attempt = invoice._billing_charge(self.card)
        metadata = {
            "odoo_reference": attempt.reference,
            "odoo_database": self.provider._billing_get_uuid(),
        }
        intent = {"id": list(self.gateway.charges)[-1], "metadata": metadata}
        return invoice, intent

    def _count_triggers(self, action):
        # sudo: scheduled actions are an administrator's.
        return (
            self.env["ir.cron.trigger"]
            .sudo()
            .search_count([("cron_id", "=", self.env.ref(f"omni_billing.{action}").id)])
        )

    def _copy_provider(self, **values):
        """Return another provider that is set up and published."""
        provider = self.provider.copy({"state": "disabled"})
        provider.write(
            {
                "stripe_publishable_key": "pk_test_2",
                "stripe_secret_key": "sk_test_2",
                "is_published": True,
                "state": "test",
            }
            | values
        )
        return provider

    def _bill_amounts(self, *amounts, **values):
        return self.env["account.move"].concat(
            *(
                self._bill(self._create_transaction(amount, **values))
                for amount in amounts
            )
        )
