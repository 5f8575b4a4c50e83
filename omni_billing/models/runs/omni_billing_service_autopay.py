from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import format_list

from ...tools.lock import take_turns, wait_for
from ...tools.write_guard import trust


class OmniBillingService(models.Model):
    """A service that is not paid automatically, though the customer's others are (W32).

    An invoice that has something of it is not charged without the customer: what was
    agreed for all invoices is not for that one.
    """

    _inherit = "omni.billing.service"

    autopay_off = fields.Selection(
        [("customer", "By the Customer"), ("staff", "By Staff")],
        string="Automatic Payment Off",
        readonly=True,
        copy=False,
        help="No invoice with something of this service is charged automatically.",
    )

    _autopay_off_idx = models.Index("(id) WHERE autopay_off IS NOT NULL")

    @api.model
    def _billing_get_state_fields(self):
        """Override: who turned it off is noted, not entered."""
        return super()._billing_get_state_fields() | {"autopay_off"}

    def _prepare_plan(self, product, day, agreed):
        """Override: another plan is paid as the one before."""
        return super()._prepare_plan(product, day, agreed) | {
            "autopay_off": self.autopay_off
        }

    # === ACTION METHODS === #

    def action_autopay_off(self):
        """Have invoices with something of these services not be charged by themselves.

        What the customer turned off stays the customer's.
        """
        self.check_access("write")
        self.filtered(lambda one: not one.autopay_off)._billing_turn_autopay("staff")
        return True

    def action_autopay_on(self):
        """Have these services be paid with the others again, if staff turned it off.

        :raise UserError: if the customer did: that is for the customer to take back.
        """
        self.check_access("write")
        if own := self.filtered(lambda one: one.autopay_off == "customer"):
            raise UserError(
                self.env._(
                    "The customer turned automatic payment of %(services)s off, and"
                    " alone turns it on again, in the customer area.",
                    services=format_list(self.env, own.mapped("name")),
                )
            )
        self._billing_turn_autopay(False)
        return True

    # === BUSINESS METHODS === #

    def _billing_turn_autopay(self, off_by):
        """Turn automatic payment of these services on, or off.

        :param off_by: who turns it off, as the field has it; False turns it on.
        """
        for service in self.filtered(lambda one: one.autopay_off != off_by):
            trust(service).autopay_off = off_by
            action = "service_autopay_off" if off_by else "service_autopay_on"
            service._billing_log_own(action)
        self.flush_recordset()
        # Who charges by what was agreed for all invoices came first, or sees this.
        # sudo: consents are the server's.
        consents = self.env["omni.billing.consent"].sudo()
        payers = (self.payer_id | self.partner_id).commercial_partner_id
        standing = consents.search(
            Domain("partner_id", "in", payers.ids)
            & Domain("kind", "=", "standing")
            & Domain("state", "=", "active")
        )
        wait_for(standing)
        take_turns(standing)


class OmniBillingConsent(models.Model):
    """What holds for all invoices does not for those with such a service."""

    _inherit = "omni.billing.consent"

    def _is_for(self, moves):
        """Override: all that is invoiced, but what is not paid automatically."""
        is_for = super()._is_for(moves)
        if not is_for or self.kind != "standing" or not moves:
            return is_for
        return not moves._billing_find_not_automatic()


class AccountMove(models.Model):
    """Whether an invoice has something that is not paid automatically."""

    _inherit = "account.move"

    def _billing_find_not_automatic(self):
        """Return the services on these invoices that are not paid automatically."""
        # sudo: whoever charges need not read services.
        services = self.env["omni.billing.service"].sudo()
        # What is archived is still on its last invoice.
        return services.with_context(active_test=False).search(
            Domain("autopay_off", "!=", False)
            & Domain("transaction_ids.invoice_id", "in", self.ids)
        )


class PaymentToken(models.Model):
    """Why a card is not charged for such an invoice."""

    _inherit = "payment.token"

    def _billing_explain_no_consent(self, amount=0.0, currency=None, moves=None):
        """Override: the customer agreed, but not for a service on the invoice."""
        reason = super()._billing_explain_no_consent(amount, currency, moves)
        services = (
            moves
            and self._billing_find_standing()
            and (moves._billing_find_not_automatic())
        )
        if not reason or not services:
            return reason
        return self.env._(
            "%(services)s is not paid automatically: the customer pays this invoice"
            " otherwise.",
            services=format_list(self.env, services.mapped("name")),
        )


class OmniBillingRun(models.Model):
    """What a check says of it."""

    _inherit = "omni.billing.run"

    def _find_not_automatic(self, transactions):
        """Return which services keep an invoice of these from being charged."""
        services = transactions.service_id.filtered("autopay_off")
        if not self.is_charge or not services:
            return False
        return self.env._(
            "%(services)s is not paid automatically: nothing is charged.",
            services=format_list(self.env, services.mapped("name")),
        )
