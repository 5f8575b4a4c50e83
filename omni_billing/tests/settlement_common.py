from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal

from ..gateways.stripe_balance import Dispute, Movement, Payout
from .doors_common import DoorsCommon


class SettlementCommon(DoorsCommon):
    """A company that books what Stripe pays out, and takes."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        accounts = cls.env["account.account"]
        cls.clearing = accounts.create(
            {
                "name": "Stripe",
                "code": "101950",
                "account_type": "asset_current",
                "reconcile": True,
            }
        )
        cls.fees, cls.losses = (
            accounts.create({"name": name, "code": code, "account_type": "expense"})
            for name, code in (("Stripe fees", "620950"), ("Lost", "620951"))
        )
        cls.fee_tax, cls.held = (
            accounts.create(
                {
                    "name": name,
                    "code": code,
                    "account_type": "asset_current",
                    "reconcile": True,
                }
            )
            for name, code in (("Input tax", "101951"), ("Disputed", "101952"))
        )
        cls.transit = cls.company.transfer_account_id
        # sudo: providers and settings are an administrator's.
        provider = cls.provider.sudo()
        provider._billing_ensure_method_line()
        line = provider.journal_id.inbound_payment_method_line_ids.filtered(
            lambda line: line.payment_provider_id == provider
        )
        line.payment_account_id = cls.clearing
        cls.company.sudo().write(
            {
                "billing_fee_account_id": cls.fees.id,
                "billing_dispute_account_id": cls.held.id,
                "billing_payouts_since": cls.today - timedelta(days=30),
            }
        )
        # sudo: as jobs and events.
        cls.Payout = cls.env["omni.billing.payout"].sudo()
        cls.Dispute = cls.env["omni.billing.dispute"].sudo()

    def setUp(self):
        super().setUp()
        self.now = datetime.now(timezone.utc).replace(tzinfo=None, microsecond=0)

    # What Stripe has.

    def _move(self, name, amount, fee=0, **values):
        """Return a movement of cents; what comes of it is its net."""
        count = sum(map(len, self.gateway.movements.values()))
        values = {
            "id": f"txn_{name}_{count}_{amount}",
            "type": name,
            "category": name,
            "tax": 0,
            "currency": "usd",
            "rate": None,
            "created": self.now,
            "net": amount - fee,
        } | values
        return Movement(amount=amount, fee=fee, **values)

    def _move_charge(self, intent, fee=100, **values):
        """Return the movement of a charge that the gateway made."""
        charge = self.gateway.charges[intent]
        known = {
            "kind": "charge",
            "source": f"ch_{intent}",
            "source_amount": charge.amount,
            "source_currency": charge.currency,
            "intent": intent,
            "id": f"txn_{intent}",
        }
        amount = values.pop("amount", charge.amount)
        return self._move("charge", amount, fee, **known | values)

    def _move_refund(self, refund, **values):
        known = {
            "kind": "refund",
            "source": refund.id,
            "source_amount": refund.amount,
            "source_currency": refund.currency,
            "intent": refund.charge,
            "id": f"txn_{refund.id}",
        }
        return self._move("refund", -refund.amount, **known | values)

    def _pay_out(self, *movements, reference="po_1", **values):
        """Have Stripe pay out what these come to; return it."""
        total = sum(each.net for each in movements)
        known = {
            "id": reference,
            "amount": total,
            "currency": "usd",
            "status": "paid",
            "created": self.now,
            "arrival": self.now + timedelta(days=2),
            "is_automatic": True,
            "is_complete": True,
        }
        payout = Payout(**known | values)
        own = self._move(
            "payout", -payout.amount, id=f"txn_{reference}", source=reference
        )
        self.gateway.payouts[reference] = payout
        self.gateway.movements[reference] = [*movements, own]
        return payout

    def _reverse_payout(self, reference, back="po_back", **values):
        """Have Stripe take a payout from the bank again; return its movement."""
        amount = values.pop("amount", self.gateway.payouts[reference].amount)
        known = {"is_automatic": False, "is_complete": False, "original": reference}
        known["created"] = self.now - timedelta(hours=1)
        self._pay_out(reference=back, amount=-amount, **known | values)
        return self.gateway.movements[back][-1]

    def _change_payout(self, reference, **values):
        payout = self.gateway.payouts[reference]
        self.gateway.payouts[reference] = replace(payout, **values)

    def _dispute(
        self, intent, amount=None, fee=1500, status="needs_response", **values
    ):
        """Have a bank take a charge back; return its event, worked on."""
        charge = self.gateway.charges[intent]
        amount = amount or charge.amount
        reference = values.pop("id", "dp_1")
        reason = values.pop("reason", "fraudulent")
        movements = ()
        if not status.startswith("warning"):
            movements = (self._move_dispute(reference, -amount, fee, **values),)
        self.gateway.disputes[reference] = Dispute(
            id=reference,
            status=status,
            reason=reason,
            amount=amount,
            currency=charge.currency,
            intent=intent,
            charge=f"ch_{intent}",
            created=self.now,
            movements=movements,
        )
        return self._tell_dispute(reference, "evt_open")

    def _move_dispute(self, reference, amount, fee=0, **values):
        category = "dispute" if amount < 0 else "dispute_reversal"
        known = {"id": f"txn_{reference}_{category}", "source": reference}
        return self._move(
            "adjustment", amount, fee, category=category, **known | values
        )

    def _close_dispute(self, reference, status):
        """Have the bank decide; return its event, worked on."""
        dispute = self.gateway.disputes[reference]
        movements = dispute.movements
        if status == "won":
            movements += (self._move_dispute(reference, dispute.amount),)
        self.gateway.disputes[reference] = replace(
            dispute, status=status, movements=movements
        )
        return self._tell_dispute(reference, f"evt_{status}")

    def _tell_dispute(self, reference, event_ref):
        dispute = self.gateway.disputes[reference]
        return self._tell(
            "charge.dispute.updated",
            event_ref,
            id=reference,
            payment_intent=dispute.intent,
            status=dispute.status,
            reason=dispute.reason,
        )

    # What the books have.

    def _get_balance(self, account, currency=False):
        """Return what stands on an account, in the company's currency or in its own."""
        self.env.flush_all()
        lines = self.env["account.move.line"].search(
            [("account_id", "=", account.id), ("parent_state", "=", "posted")]
        )
        name = "amount_currency" if currency else "balance"
        return self.currency.round(sum(lines.mapped(name)))

    def _get_entries(self):
        return self.env["account.move"].search([("billing_stripe_ref", "!=", False)])

    def _find_payout(self, reference="po_1"):
        return self.Payout.search([("reference", "=", reference)])

    def _charge(self, amount=100):
        """Charge an invoice; return it, and the intent."""
        invoice = self._bill_amounts(amount)
        invoice._billing_charge(self.card)
        return invoice, list(self.gateway.charges)[-1]

    def _get_euro(self, rate=0.9):
        euro = self.env.ref("base.EUR").sudo()
        euro.active = True
        # sudo: rates are an accountant's.
        self.env["res.currency.rate"].sudo().create(
            {
                "name": self.today - timedelta(days=300),
                "currency_id": euro.id,
                "company_id": self.company.id,
                "rate": rate,
            }
        )
        return euro


RATE = Decimal("0.92")
