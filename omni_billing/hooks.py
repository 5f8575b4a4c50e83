import logging

from .const import AGAIN
from .models.invoicing import account_move_guard as invoice_guard
from .models.outgoing import account_move as outgoing
from .models.payments import account_move_guard as payment_guard
from .models.settlement import account_move as settlement_guard
from .tools.triggers import drop_count

_logger = logging.getLogger(__name__)


def _pre_init_hook(env):
    """Make way for the rule that one intent is one payment."""
    _set_repeated_intents_aside(env.cr)


def _post_init_hook(env):
    """Tell of what was in the way, and of what is missing."""
    _tell_of_repeated_intents(env)
    _tell_of_lost_charges(env)
    _tell_of_missing_secrets(env)
    # sudo: the addon is being installed.
    env["omni.billing.total"].sudo()._fill()


def _set_repeated_intents_aside(cr):
    """Leave each intent of Stripe to one payment, the first that is done.

    With Odoo's own return page one payment at Stripe could be shown for several here.
    From now on the database refuses it; what it has of that keeps the id, marked.
    """
    cr.execute(
        """
        WITH shown AS (
            SELECT id, row_number() OVER (
                PARTITION BY provider_id, provider_reference
                ORDER BY state = 'done' DESC, id
            ) AS number
            FROM payment_transaction
            WHERE source_transaction_id IS NULL
              AND (starts_with(provider_reference, 'pi_')
                   OR starts_with(provider_reference, 'seti_'))
        )
        UPDATE payment_transaction payment
        SET provider_reference = %s || provider_reference
        FROM shown
        WHERE shown.id = payment.id AND shown.number > 1
        RETURNING payment.reference
        """,
        [AGAIN],
    )
    if references := [reference for (reference,) in cr.fetchall()]:
        _logger.warning(
            "The intents of these payments are of others, too: %s. Those that are done"
            " have a to-do on their invoices.",
            ", ".join(references),
        )


def _tell_of_repeated_intents(env):
    """Have staff look at invoices that were paid with another one's payment."""
    # sudo: the addon is being installed or upgraded.
    payments = env["payment.transaction"].sudo()
    for payment in payments.search(
        [("provider_reference", "=like", f"{AGAIN}%"), ("state", "=", "done")]
    ):
        payment._billing_tell_staff(
            env._(
                "%(reference)s was booked with a payment at Stripe that is another"
                " one's, too (%(intent)s): no money of its own came. Compare with"
                " Stripe's dashboard, and cancel its payment in Accounting if so.",
                reference=payment.reference,
                intent=payment.provider_reference.removeprefix(AGAIN),
            )
        )


def _tell_of_lost_charges(env):
    """Have staff look at charges that were never booked, since their refund was.

    Odoo makes no payment of what has a child that is done, and takes it for booked.
    What an accountant deleted looks the same, so a person decides.
    """
    # sudo: the addon is being installed or upgraded.
    refunds = env["payment.transaction"].sudo()
    refunds = refunds.search(
        [
            ("operation", "=", "refund"),
            ("state", "=", "done"),
            ("payment_id", "!=", False),
            ("provider_code", "=", "stripe"),
            ("source_transaction_id.state", "=", "done"),
            ("source_transaction_id.is_post_processed", "=", True),
            ("source_transaction_id.payment_id", "=", False),
        ]
    )
    for charge in refunds.source_transaction_id:
        if charge._billing_get_payments():
            continue
        charge._billing_tell_staff(
            env._(
                "%(amount)s of %(reference)s were taken online, and only their refund"
                " is booked. Compare with Stripe's dashboard. If they are not recorded"
                " in another way, record them on the invoice, as money at the bank.",
                amount=charge.currency_id._billing_format(charge.amount),
                reference=charge.reference,
            )
        )


def _tell_of_missing_secrets(env):
    """Say which accounts at Stripe are not listened to from now on.

    Odoo takes events without a signature where there is no secret; here nobody does.
    """
    # sudo: the addon is being installed.
    providers = env["payment.provider"].sudo()
    for provider in providers.search([("code", "=", "stripe")]):
        if not provider.billing_has_no_secret:
            continue
        _logger.warning(
            "%s has no webhook secret: events of Stripe are refused.",
            provider.display_name,
        )
        provider.company_id.partner_id._billing_tell_staff(
            env._(
                "%(provider)s has no webhook secret, so what Stripe tells of payments"
                " is refused: of a shop, too. An administrator opens it in Invoicing >"
                " Configuration > Payment Providers and presses Generate your webhook.",
                provider=provider.display_name,
            )
        )


def _uninstall_hook(env):
    """Remove what Odoo does not: parameters and triggers."""
    # sudo: the parameters of an addon go with it, whoever removes it.
    env["ir.config_parameter"].sudo().search(
        [("key", "=like", "omni_billing.%")]
    ).unlink()
    for guard in (invoice_guard, payment_guard, settlement_guard, outgoing):
        env.cr.execute(guard.DROP_TRIGGERS)
    for table in ("omni_billing_transaction", "account_move"):
        env.cr.execute(drop_count(table))
