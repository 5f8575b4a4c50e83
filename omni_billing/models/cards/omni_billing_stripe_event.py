import json
import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools.constants import GC_UNLINK_LIMIT

from odoo.addons.payment_stripe import utils as stripe_utils
from odoo.addons.payment_stripe.controllers.main import StripeController

from ...exceptions import GatewayDenied, GatewayRefused
from ...gateways.stripe_answers import DATABASE, REFERENCE
from ...tools.database import (
    check_can_commit,
    commit,
    commit_progress,
    insist,
    rollback,
    savepoint,
)
from ...tools.insert import insert_once
from ...tools.retell import KeptSentence
from .payment_token import DETACHED

_logger = logging.getLogger(__name__)

#: Times that an event is tried before it is left to a person, and the first wait
#: between them; each is twice as long as the last, so that this is after nine hours.
MAX_TRIES = 10
FIRST_WAIT = timedelta(minutes=1)
#: How long events wait if Stripe does not accept the key: that is no fault of theirs.
DENIED_WAIT = timedelta(minutes=10)
#: Days that events are kept. Stripe sends one again for 3 days by itself, and for 30
#: when asked to (https://docs.stripe.com/webhooks); what it tells twice is known then.
KEPT_DAYS = 90

HANDLERS = {
    "checkout.session.": "_process_page",
    "payment_intent.": "_process_payment",
    "setup_intent.": "_process_setup",
    "charge.refund": "_process_refund",
    "refund.": "_process_refund",
    "charge.dispute.": "_process_dispute",
    "charge.updated": "_process_charge",
    "mandate.": "_process_mandate",
    "payment_method.": "_process_card",
    "customer.deleted": "_process_customer",
}


class OmniBillingStripeEvent(models.Model):
    """What Stripe told: kept once, answered at once, worked on after (W3, W6, W18).

    Events come late, twice, in any order, or never. So an event is only a hint that
    something changed: how it stands is read back from Stripe.
    """

    _name = "omni.billing.stripe.event"
    _inherit = "omni.billing.server.mixin"
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
            ("given_up", "Given Up"),
        ],
        required=True,
        readonly=True,
        default="new",
    )
    tries = fields.Integer(readonly=True)
    next_try = fields.Datetime(readonly=True, help="Empty: at once.")
    error = KeptSentence(readonly=True)

    _event_uniq = models.Constraint(
        "UNIQUE(provider_id, event_ref)", "An event is kept once."
    )
    _new_idx = models.Index("(id) WHERE state = 'new'")
    _failed_idx = models.Index("(id) WHERE state = 'failed'")

    @api.model
    def _store(self, provider, event):
        """Keep an event whose signature was right, and have it worked on.

        :raise ValueError: if the database cannot keep it.
        """
        data = event.get("data")
        obj = data.get("object") if isinstance(data, dict) else None
        reference = obj.get("id") if isinstance(obj, dict) else None
        # Python reads Infinity, and numbers that are too great; no other does.
        if "\\u0000" in json.dumps(event, allow_nan=False):
            raise ValueError("The database takes no NUL.")
        content = fields.Json.convert_to_column(self._fields["payload"], event, self)
        values = {
            "provider_id": provider.id,
            "event_ref": event["id"],
            "event_type": event["type"],
            "object_ref": reference if isinstance(reference, str) else None,
            "payload": content,
            "state": "new",
            "tries": 0,
        }
        insert_once(self, ("provider_id", "event_ref"), [values])
        self._trigger_job()

    @api.model
    def _trigger_job(self, at=None):
        self.env.ref("omni_billing.ir_cron_process_events")._trigger(at)

    @api.model
    def _cron_process(self):
        """Work on new events, the oldest first, each once; commits after each.

        What time is too short for is told to Odoo's scheduler, which goes on at once.
        """
        now = fields.Datetime.now()
        due = Domain("state", "=", "new") & (
            Domain("next_try", "=", False) | Domain("next_try", "<=", now)
        )
        left = self.search_count(due)
        # One at a time: others may come meanwhile, or be worked on by a person.
        while event := self.search(due, order="id", limit=1):
            due &= Domain("id", ">", event.id)
            insist(self.env, event._process)
            left = max(left - 1, 0)
            if not commit_progress(self.env, 1, left):
                break

    @api.autovacuum
    def _gc_events(self):
        """Let go of what was worked on long ago; what failed is for a person."""
        limit = fields.Datetime.subtract(fields.Datetime.now(), days=KEPT_DAYS)
        old = self.search(
            [
                ("state", "in", ("done", "unknown", "given_up")),
                ("create_date", "<", limit),
            ],
            limit=GC_UNLINK_LIMIT,
        )
        old.unlink()
        return len(old), len(old) == GC_UNLINK_LIMIT

    def action_process_again(self):
        """Work on events again that failed; commits after each."""
        self.check_access("read")
        check_can_commit(self.env)
        # sudo: managers may ask for it, and not write events.
        events = self.sudo()
        events.write({"state": "new", "tries": 0, "next_try": False, "error": False})
        for event in events:
            event._process()
            commit(self.env)
        return True

    def action_dismiss(self):
        """Take events off the work list that failed: somebody saw to what they tell."""
        self.check_access("read")
        # sudo: managers may see to it, and not write events.
        events = self.sudo().filtered(lambda event: event.state == "failed")
        events.state = "given_up"
        return True

    def _process(self):
        self.ensure_one()
        handlers = self._get_handlers().items()
        names = (name for start, name in handlers if self.event_type.startswith(start))
        handler = next(names, None)
        try:
            # No savepoint: an outcome is committed before it is booked.
            # What names no object is about none of ours.
            is_ours = bool(handler and self.object_ref and getattr(self, handler)())
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception as error:  # one event must not hold up all others
            rollback(self.env)
            _logger.warning("Event %s: %s", self.event_ref, error, exc_info=True)
            self._set_failed(error)
        else:
            self.write(
                {
                    "tries": self.tries + 1,
                    "next_try": False,
                    "error": False,
                    "state": "done" if is_ours else "unknown",
                }
            )

    def _set_failed(self, error):
        """Have it tried again later, or leave it to a person, who is told."""
        tries = self.tries + 1
        wait = FIRST_WAIT * 2 ** (tries - 1)
        if isinstance(error, GatewayDenied) or isinstance(
            error.__cause__, GatewayDenied
        ):
            # It goes on by itself when the key is mended, however long that takes.
            tries, wait = self.tries, DENIED_WAIT
        self.write(
            {
                "tries": tries,
                "next_try": fields.Datetime.now() + wait,
                "error": str(error),
                "state": "failed" if tries >= MAX_TRIES else "new",
            }
        )
        if self.state == "new":
            self._trigger_job(self.next_try)
        else:
            # Whatever becomes of telling it.
            commit(self.env)
            self._tell_staff(
                self.env._(
                    "Stripe told of something (%(event)s) that could not be worked on:"
                    " %(error)s See Billing > Configuration > Stripe Events.",
                    event=self.event_type,
                    error=error,
                )
            )

    def _tell_staff(self, message):
        """Leave a to-do on the invoice that it is about, or else on the customer."""
        obj = self._object
        reference = obj.get("payment_intent") or self.object_ref
        attempt = self._find_transaction(
            reference if isinstance(reference, str) else self.object_ref,
            {"metadata": obj.get("metadata")},
        )
        if attempt:
            attempt._billing_tell_staff(message)
            return
        customer = obj.get("customer")
        known = isinstance(customer, str) and self.env[
            "omni.billing.stripe.customer"
        ].search(
            Domain("provider_id", "in", self._get_providers().ids)
            & Domain("reference", "=", customer),
            limit=1,
        )
        partner = known and known.partner_id or self.provider_id.company_id.partner_id
        partner._billing_tell_staff(message)

    # === HANDLERS: True if the object is ours === #

    def _get_handlers(self):
        """Return the methods that work on events, by how their types begin. Hook."""
        return HANDLERS

    @property
    def _object(self):
        return self.payload["data"]["object"]

    def _get_providers(self):
        """Return the providers of the account that the event is of.

        Companies may share an account at Stripe. Then each may have an endpoint there,
        and gets the events of all, or one of them gets all.
        """
        # sudo: the key is for administrators.
        mine = self.provider_id.sudo()
        key = stripe_utils.get_secret_key(mine)
        others = mine.search([("code", "=", "stripe"), ("state", "!=", "disabled")])
        return mine | others.filtered(
            lambda provider: key and stripe_utils.get_secret_key(provider) == key
        )

    def _find_transaction(self, intent_ref, obj=None):
        """Find the payment of a PaymentIntent or SetupIntent.

        Nothing is looked up by what is empty: payments that have no reference yet are
        not of an object without one.

        :param dict obj: what it says of itself: ``metadata``, ``description`` and
            ``customer``.
        """
        Transaction = self.env["payment.transaction"]
        ours = Domain("provider_id", "in", self._get_providers().ids)
        found = intent_ref and Transaction.search(
            ours & Domain("provider_reference", "=", intent_ref), limit=1
        )
        if found:
            return found
        obj = obj or {}
        metadata = obj.get("metadata")
        metadata = metadata if isinstance(metadata, dict) else {}
        if reference := metadata.get(REFERENCE):
            if metadata.get(DATABASE) != self.provider_id._billing_get_uuid():
                return Transaction
        else:
            reference = obj.get("description")
            if "customer" in obj:
                # Other programs on the account have invoices of the same number.
                customer = obj["customer"] or False
                ours &= Domain("billing_customer_ref", "in", (False, customer))
        if not reference:
            return Transaction
        return Transaction.search(ours & Domain("reference", "=", reference), limit=1)

    def _is_of_another_provider(self, reference):
        """Whether a payment of this reference is another account's, and told there."""
        return bool(reference) and bool(
            self.env["payment.transaction"].search_count(
                Domain("reference", "=", reference)
                & Domain("provider_id", "not in", self._get_providers().ids),
                limit=1,
            )
        )

    def _process_payment(self):
        intent = self._object
        attempt = self._find_transaction(intent["id"], intent)
        if not attempt:
            self._check_not_lost(intent.get("metadata") or {})
            return False
        if attempt.billing_key:
            gateway = attempt.provider_id._billing_get_gateway()
            attempt._billing_apply(gateway.get_charge(intent["id"]))
            attempt.filtered(lambda tx: not tx.billing_is_open)._billing_tell_waiting()
        else:
            self._process_standard(attempt, "payment_intents", intent["id"])
        return True

    def _check_not_lost(self, metadata):
        """Check that a payment that was not found is nothing of this database.

        :raise UserError: if it is, after a backup was restored, say: it is left to a
            person.
        """
        reference = metadata.get(REFERENCE)
        is_here = metadata.get(DATABASE) == self.provider_id._billing_get_uuid()
        if is_here and not self._is_of_another_provider(reference):
            raise UserError(
                self.env._(
                    "This payment of %(reference)s is not in the database any more.",
                    reference=reference,
                )
            )

    def _find_paid(self, intent_ref):
        """Find what a refund or a dispute is of, and learn first that it was paid.

        Its answer may have been lost, or its own event be late: Stripe is asked then.

        :return: the payment that the invoices name, none if it is not ours.
        :raise GatewayUnknown, GatewayRefused: if Stripe cannot be asked: the event is
            tried again.
        """
        found = self._find_transaction(intent_ref)._billing_get_captured()
        if not intent_ref or found.state == "done":
            return found
        gateway = self.provider_id._billing_get_gateway()
        try:
            charge = gateway.get_charge(intent_ref)
        except GatewayRefused as error:
            if error.code == "resource_missing":
                return found
            raise
        if not found:
            found = self._find_charged(charge)
        if found and charge.is_paid:
            found._billing_apply(charge)
            found.filtered(lambda tx: not tx.billing_is_open)._billing_tell_waiting()
        return found

    def _find_charged(self, charge):
        """Find the payment that nobody knows to be this `Charge`, by what it says.

        Another database on the account may have the same numbers, and a payment that
        has a charge of its own was not made by this one.
        """
        metadata = {}
        if charge.database:
            metadata = {REFERENCE: charge.reference, DATABASE: charge.database}
        found = self._find_transaction(
            None,
            {
                "metadata": metadata,
                "description": charge.reference,
                "customer": charge.customer,
            },
        )
        if not found:
            self._check_not_lost(metadata)
        elif found._billing_find_wrong(found._billing_read_charge(charge)):
            return found.browse()
        return found

    def _process_setup(self):
        intent = self._object
        attempt = self._find_transaction(intent["id"], intent)
        if not attempt:
            return False
        if attempt.billing_page_ref:
            attempt._billing_learn_account()
        else:
            self._process_standard(attempt, "setup_intents", intent["id"])
        return True

    def _process_page(self):
        """A bank account was saved on Stripe's page, or nobody finished that."""
        saving = self.env["payment.transaction"].search(
            Domain("provider_id", "in", self._get_providers().ids)
            & Domain("billing_page_ref", "=", self.object_ref)
        )
        for one in saving:
            one._billing_learn_account()
        return bool(saving)

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
        attempt._billing_lock()
        with savepoint(self.env):
            attempt._process("stripe", data)
        attempt._billing_finish()

    def _process_refund(self):
        """Book refunds, those made in Stripe's dashboard too, each once (W18)."""
        obj = self._object
        intent_ref = obj.get("payment_intent")
        source = self._find_paid(intent_ref)
        if not source:
            return False
        refunds = source.provider_id._billing_get_gateway().list_refunds(intent_ref)
        if source.state != "done":
            source._billing_tell_unbooked_refunds(refunds)
            return True
        for refund in refunds:
            # Each is committed as it is booked: others may have written meanwhile.
            source._billing_lock()
            family = source | source._billing_get_captures()
            attempts = family.child_transaction_ids.filtered(
                lambda tx, refund=refund: (
                    tx.operation == "refund"
                    and (
                        tx.provider_reference == refund.id
                        or tx.reference == refund.reference
                    )
                )
            )
            if not attempts and refund.status not in ("failed", "canceled"):
                attempts = source._billing_create_foreign_refunds(refund)
            for attempt in attempts:
                attempt._billing_apply(refund)
        return True

    def _process_dispute(self):
        """Flag the invoices, and tell staff (W19)."""
        dispute = self._object
        attempt = self._find_paid(dispute.get("payment_intent"))
        if attempt:
            attempt._billing_follow_dispute(
                dispute["id"], dispute.get("status") or "", dispute.get("reason")
            )
        return bool(attempt)

    def _process_charge(self):
        """Learn that a debit is expected on another day; what is closed asks nobody."""
        attempt = self._find_transaction(self._object.get("payment_intent"))
        if attempt.filtered("billing_is_open"):
            gateway = attempt.provider_id._billing_get_gateway()
            attempt._billing_apply(gateway.get_charge(attempt.provider_reference))
        return bool(attempt)

    def _process_mandate(self):
        """Follow what became of the mandate of a bank account (W33)."""
        tokens = self.env["payment.token"].search(
            Domain("provider_id", "in", self._get_providers().ids)
            & Domain("stripe_mandate", "=", self.object_ref)
        )
        for token in tokens:
            token._billing_read_mandate()
        return bool(tokens)

    def _process_card(self):
        """Follow what happened to a card at Stripe or at the card network (W6)."""
        card = self._object
        token = self.env["payment.token"].search(
            Domain("provider_id", "in", self._get_providers().ids)
            & Domain("stripe_payment_method", "=", card["id"])
        )
        if not token:
            return False
        current = self.provider_id._billing_get_gateway().get_card(card["id"])
        if current and current.customer:
            if current.is_card:
                token._billing_update_card(current)
        else:
            token.with_context(billing_is_detached=DETACHED).active = False
        return True

    def _process_customer(self):
        providers = self._get_providers()
        customers = self.env["omni.billing.stripe.customer"].search(
            Domain("provider_id", "in", providers.ids)
            & Domain("reference", "=", self.object_ref)
        )
        tokens = self.env["payment.token"].search(
            Domain("provider_id", "in", providers.ids)
            & Domain("provider_ref", "=", self.object_ref)
        )
        tokens.with_context(billing_is_detached=DETACHED).active = False
        customers.unlink()
        return bool(customers or tokens)
