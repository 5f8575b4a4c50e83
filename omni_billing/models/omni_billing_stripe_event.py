import json
import logging

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import SQL

from odoo.addons.payment_stripe.controllers.main import StripeController

from ..gateways.stripe import DATABASE, REFERENCE
from ..tools.commit import check_can_commit, commit, rollback, savepoint
from ..tools.trust import trust

_logger = logging.getLogger(__name__)

#: Times that an event is tried before it is left to a person.
MAX_TRIES = 10

HANDLERS = {
    "payment_intent.": "_process_payment",
    "setup_intent.": "_process_setup",
    "charge.refund": "_process_refund",
    "refund.": "_process_refund",
    "charge.dispute.": "_process_dispute",
    "payment_method.": "_process_card",
    "customer.deleted": "_process_customer",
}


class OmniBillingStripeEvent(models.Model):
    """What Stripe told: kept once, answered at once, worked on after (W3, W6, W18).

    Events come late, twice, in any order, or never. So an event is only a hint that
    something changed: how it stands is read back from Stripe.
    """

    _name = "omni.billing.stripe.event"
    _description = "Event of Stripe"
    _order = "id desc"
    _rec_name = "event_ref"

    provider_id = fields.Many2one(
        "payment.provider", required=True, readonly=True, ondelete="cascade"
    )
    event_ref = fields.Char(string="Event", required=True, readonly=True)
    event_type = fields.Char(string="Type", required=True, readonly=True)
    object_ref = fields.Char(string="Object", readonly=True)
    payload = fields.Json(readonly=True, groups="base.group_system")
    state = fields.Selection(
        [
            ("new", "New"),
            ("done", "Done"),
            ("unknown", "Not Ours"),
            ("failed", "Failed"),
        ],
        required=True,
        readonly=True,
        default="new",
    )
    tries = fields.Integer(readonly=True)
    error = fields.Char(readonly=True)

    _event_uniq = models.Constraint(
        "UNIQUE(provider_id, event_ref)", "An event is kept once."
    )
    _new_idx = models.Index("(id) WHERE state = 'new'")

    @api.model
    def _store(self, provider, event):
        """Keep an event whose signature was right, and have it worked on.

        :raise ValueError: if the database cannot keep it.
        """
        data = event.get("data")
        obj = data.get("object") if isinstance(data, dict) else None
        reference = obj.get("id") if isinstance(obj, dict) else None
        if "\\u0000" in json.dumps(event):
            raise ValueError("The database takes no NUL.")
        content = fields.Json.convert_to_column(self._fields["payload"], event, self)
        self.env.cr.execute(
            SQL(
                "INSERT INTO omni_billing_stripe_event"
                " (provider_id, event_ref, event_type, object_ref, payload, state,"
                " tries, create_date, create_uid)"
                " VALUES (%s, %s, %s, %s, %s, 'new', 0, now() at time zone 'UTC', %s)"
                " ON CONFLICT (provider_id, event_ref) DO NOTHING",
                provider.id,
                event["id"],
                event["type"],
                reference if isinstance(reference, str) else None,
                content,
                self.env.uid,
            ),
            # A conflict is tried again, and no reason to log what it is about.
            log_exceptions=False,
        )
        self.env.ref("omni_billing.ir_cron_process_events")._trigger()

    @api.model
    def _cron_process(self, limit=100):
        """Work on new events, the oldest first."""
        Transaction = self.env["payment.transaction"]
        for event in self.search([("state", "=", "new")], order="id", limit=limit):
            Transaction._billing_insist(event._process)

    def action_process_again(self):
        """Work on events again that failed; commits after each."""
        self.check_access("read")
        check_can_commit(self.env)
        # sudo: managers may ask for it, and not write events.
        events = self.sudo()
        events.write({"state": "new", "tries": 0, "error": False})
        for event in events:
            event._process()
            commit(self.env)
        return True

    def _process(self):
        self.ensure_one()
        handler = next(
            (
                name
                for prefix, name in HANDLERS.items()
                if self.event_type.startswith(prefix)
            ),
            None,
        )
        tries = self.tries + 1
        try:
            # No savepoint: an outcome is committed before it is booked.
            # What names no object is about none of ours.
            is_ours = bool(handler and self.object_ref and getattr(self, handler)())
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception as error:  # one event must not hold up all others
            rollback(self.env)
            _logger.warning("Event %s: %s", self.event_ref, error, exc_info=True)
            state = "failed" if tries >= MAX_TRIES else "new"
            self.write({"tries": tries, "error": str(error), "state": state})
        else:
            state = "done" if is_ours else "unknown"
            self.write({"tries": tries, "error": False, "state": state})

    # === HANDLERS: True if the object is ours === #

    @property
    def _object(self):
        return self.payload["data"]["object"]

    def _find_transaction(self, intent_ref, metadata=None, description=None):
        """Find the payment of a PaymentIntent or SetupIntent."""
        Transaction = self.env["payment.transaction"]
        ours = Domain("provider_id", "=", self.provider_id.id)
        # Payments that have no reference yet are not of an object without one.
        found = intent_ref and Transaction.search(
            ours & Domain("provider_reference", "=", intent_ref), limit=1
        )
        if found:
            return found
        metadata = metadata or {}
        reference = metadata.get(REFERENCE)
        if reference:
            if metadata.get(DATABASE) != self.provider_id._billing_get_uuid():
                return Transaction
        else:
            reference = description
        return Transaction.search(
            ours & Domain("reference", "=", reference or ""), limit=1
        )

    def _process_payment(self):
        intent = self._object
        attempt = self._find_transaction(
            intent["id"], intent.get("metadata"), intent.get("description")
        )
        metadata = intent.get("metadata") or {}
        if not attempt and metadata.get(DATABASE) == (
            self.provider_id._billing_get_uuid()
        ):
            # After a backup was restored, say: it is left to a person.
            raise UserError(
                self.env._(
                    "This payment of %(reference)s is not in the database any more.",
                    reference=metadata.get(REFERENCE),
                )
            )
        if not attempt:
            return False
        if attempt.billing_key:
            attempt._billing_apply(
                self.provider_id._billing_get_gateway().get_charge(intent["id"])
            )
            attempt.filtered(lambda tx: not tx.billing_is_open)._billing_tell_waiting()
        else:
            self._process_standard(attempt, "payment_intents", intent["id"])
        return True

    def _process_setup(self):
        intent = self._object
        attempt = self._find_transaction(
            intent["id"], description=intent.get("description")
        )
        if not attempt:
            return False
        self._process_standard(attempt, "setup_intents", intent["id"])
        return True

    def _process_standard(self, attempt, endpoint, intent_ref):
        """Process a payment of Odoo's own form as its return page does."""
        data = {"reference": attempt.reference}
        intent = attempt._send_api_request(
            "GET", f"{endpoint}/{intent_ref}", params={"expand[]": "payment_method"}
        )
        if endpoint == "setup_intents":
            StripeController._include_setup_intent_in_payment_data(intent, data)
        else:
            StripeController._include_payment_intent_in_payment_data(intent, data)
        with savepoint(self.env):
            attempt._process("stripe", data)
            if attempt.state == "done" and not attempt.is_post_processed:
                attempt._post_process()

    def _process_refund(self):
        """Book refunds, those made in Stripe's dashboard too, each once (W18)."""
        obj = self._object
        intent_ref = obj.get("payment_intent")
        source = intent_ref and self._find_transaction(intent_ref)
        if intent_ref and not source:
            # It may be of a charge whose answer was lost.
            self.env["payment.transaction"].search(
                Domain("provider_id", "=", self.provider_id.id)
                & Domain("billing_is_open", "=", True)
                & Domain("provider_reference", "=", False)
            )._billing_resolve()
            source = self._find_transaction(intent_ref)
        if not source:
            return False
        source._billing_lock()
        known = source.child_transaction_ids.filtered(
            lambda tx: tx.operation == "refund"
        )
        for refund in self.provider_id._billing_get_gateway().list_refunds(intent_ref):
            attempts = known.filtered(
                lambda tx, refund=refund: (
                    tx.provider_reference == refund.id
                    or tx.reference == refund.reference
                )
            )
            if not attempts and refund.status not in ("failed", "canceled"):
                attempts = source._billing_create_foreign_refunds(refund)
                known += attempts
            for attempt in attempts:
                attempt._billing_apply(refund)
        return True

    def _process_dispute(self):
        """Flag the invoices, and tell staff (W19)."""
        dispute = self._object
        attempt = self._find_transaction(dispute.get("payment_intent"))
        if not attempt:
            return False
        status = dispute.get("status") or ""
        outcome = {"won": "won", "lost": "lost", "warning_closed": "won"}
        for invoice in trust(attempt.invoice_ids):
            state = outcome.get(status, "open")
            if invoice.billing_dispute == state or (
                state == "open" and invoice.billing_dispute
            ):
                continue
            invoice.billing_dispute = state
            invoice._billing_tell_staff(
                self.env._(
                    "The card payment of %(invoice)s is disputed by the customer's bank"
                    " (%(reason)s; now: %(status)s). Answer in Stripe's dashboard.",
                    invoice=invoice.display_name,
                    reason=dispute.get("reason") or "?",
                    status=status,
                )
            )
        return True

    def _process_card(self):
        """Follow what happened to a card at Stripe or at the card network (W6)."""
        card = self._object
        token = self.env["payment.token"].search(
            Domain("provider_id", "=", self.provider_id.id)
            & Domain("stripe_payment_method", "=", card["id"])
        )
        if not token:
            return False
        current = self.provider_id._billing_get_gateway().get_card(card["id"])
        if current and current.customer:
            token._billing_update_card(current)
        else:
            token.with_context(billing_is_detached=True).active = False
        return True

    def _process_customer(self):
        customers = self.env["omni.billing.stripe.customer"].search(
            Domain("provider_id", "=", self.provider_id.id)
            & Domain("reference", "=", self.object_ref)
        )
        tokens = self.env["payment.token"].search(
            Domain("provider_id", "=", self.provider_id.id)
            & Domain("provider_ref", "=", self.object_ref)
        )
        tokens.with_context(billing_is_detached=True).active = False
        customers.unlink()
        return bool(customers or tokens)
