from odoo import Command, api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools import format_list

from ...const import BILLING_MOVE_TYPES
from ...tools.lock import lock_or_tell
from ...tools.notice import notice, reload
from ...tools.numbers import format_amount

MANAGER = "omni_billing.omni_billing_group_manager"


class OmniBillingRequest(models.Model):
    """What staff ask a manager to do: void several invoices, give money back (F8, WF9).

    Who approves it does it, with the rights and the guards of a manager who pressed the
    button; once.
    """

    _name = "omni.billing.request"
    _inherit = "omni.billing.server.mixin"
    _description = "Request to a Manager"
    _order = "id desc"

    operation = fields.Selection(
        [("void", "Void"), ("refund", "Refund")],
        required=True,
        readonly=True,
    )
    invoice_ids = fields.Many2many(
        "account.move", "omni_billing_request_invoice_rel", readonly=True
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    partner_id = fields.Many2one(
        "res.partner",
        string="Customer",
        readonly=True,
        index="btree_not_null",
    )
    currency_id = fields.Many2one("res.currency", readonly=True)
    amount = fields.Monetary(readonly=True)
    reason = fields.Char(required=True, readonly=True)
    by_credit_note = fields.Boolean(readonly=True)
    state = fields.Selection(
        [
            ("asked", "Asked"),
            ("approved", "Approved"),
            ("declined", "Declined"),
            ("withdrawn", "Withdrawn"),
        ],
        required=True,
        readonly=True,
        default="asked",
        copy=False,
    )
    decided_uid = fields.Many2one("res.users", string="Decided by", readonly=True)

    _asked_idx = models.Index("(id) WHERE state = 'asked'")

    # === ACTION METHODS === #

    def action_approve(self):
        """Do what was asked for, as the manager who approves it.

        :return: what the button for it would: how far the voids are, or a notice.
        :raise AccessError: if the user is no manager.
        :raise UserError: if it was decided already, or cannot be done now.
        """
        self.ensure_one()
        self._check_manager()
        if len(self.invoice_ids) == 1:
            # It commits what Stripe says of what is under way: before the decision is
            # written, or what is refused then would count as done.
            self._get_settled()._billing_settle_attempts()
        self._decide("approved")
        # Before money moves: what is written after may be written again, or never.
        self._tell_asker(self.env._("approved"))
        return getattr(self, f"_approve_{self.operation}")()

    def action_decline(self):
        """Leave all as it is: a manager says no, or who asked takes it back."""
        self.check_access("read")
        for request in self:
            is_own = request.create_uid == self.env.user
            if not is_own:
                request._check_manager()
            request._decide("withdrawn" if is_own else "declined")
            if not is_own:
                request._tell_asker(self.env._("declined"))
        return notice(self.env._("Nothing was changed."), "info", after=reload())

    # === BUSINESS METHODS === #

    @api.model
    def _ask(self, operation, invoices, reason, amount=0.0, by_credit_note=False):
        """Ask a manager; nothing is changed until one approves.

        :param str operation: ``void`` or ``refund``.
        :param invoices: `account.move` of one company; one, if it is a refund.
        :param str reason: why, for who decides.
        :param float amount: of a refund, with taxes, in the currency of the invoice.
        :param bool by_credit_note: see `account.move.action_billing_void`.
        :raise UserError: if it is asked for already, or a reason lacks.
        """
        invoices.check_access("write")
        reason = (reason or "").strip()
        if not reason:
            raise UserError(self.env._("Say why, for the manager who decides."))
        if len(invoices.company_id) != 1:
            raise UserError(self.env._("Select invoices of one company."))
        for move in invoices:
            # A draft may be deleted or changed before a manager looks.
            if move.move_type not in BILLING_MOVE_TYPES or move.state == "draft":
                raise UserError(
                    self.env._(
                        "%(document)s is no numbered invoice of a customer: no manager"
                        " has to be asked about it.",
                        document=move.display_name,
                    )
                )
        # Two who ask at once: the second sees what the first has asked.
        invoices._billing_lock()
        # sudo: they are the server's; who may write the invoices may ask.
        requests = self.sudo()
        known = requests.search(
            [
                ("operation", "=", operation),
                ("state", "=", "asked"),
                ("invoice_ids", "in", invoices.ids),
            ],
            limit=1,
        )
        if known:
            raise UserError(
                self.env._(
                    "%(user)s has asked for it already: a manager has it in To Do.",
                    user=known.create_uid.name,
                )
            )
        customers = invoices.commercial_partner_id
        # Of several currencies there is no sum.
        currency = invoices.currency_id if len(invoices.currency_id) == 1 else None
        total = sum(invoices.mapped("amount_total")) if currency else 0.0
        request = requests.create(
            {
                "operation": operation,
                "invoice_ids": [Command.set(invoices.ids)],
                "company_id": invoices.company_id.id,
                "partner_id": customers.id if len(customers) == 1 else False,
                "currency_id": currency.id if currency else False,
                "amount": amount or total,
                "reason": reason,
                "by_credit_note": by_credit_note,
            }
        )
        return request.with_env(self.env)

    def _decide(self, state):
        """Write how it was decided, once.

        :raise UserError: if somebody else has decided.
        """
        self.ensure_one()
        self.check_access("read")
        # sudo: it is the server's; the rights were checked.
        request = self.sudo()
        lock_or_tell(request)
        if request.state != "asked":
            labels = dict(self._fields["state"]._description_selection(self.env))
            raise UserError(
                self.env._(
                    "It is decided already: %(state)s by %(user)s. Nothing was"
                    " changed.",
                    state=labels[request.state].lower(),
                    user=request.decided_uid.name,
                )
            )
        request.write({"state": state, "decided_uid": self.env.user.id})

    def _approve_void(self):
        """Void them step by step, as many invoices are voided."""
        if len(self.invoice_ids) == 1:
            self.invoice_ids.action_billing_void(self.reason, self.by_credit_note)
            return notice(self.env._("The invoice is void."), after=reload())
        return self.env["omni.billing.bulk"]._start(
            "void",
            self.invoice_ids,
            reason=self.reason,
            by_credit_note=self.by_credit_note,
        )

    def _approve_refund(self):
        """Give the money back, as the dialog does; commits."""
        invoice = self._get_settled()
        self._check_nothing_given_back(invoice)
        wizard = self.env["omni.billing.card.refund.wizard"].create(
            {
                "invoice_id": invoice.id,
                "note_id": invoice != self.invoice_ids and self.invoice_ids.id,
                "amount": self.amount,
            }
        )
        return wizard.action_refund()

    # === HELPERS === #

    def _get_settled(self):
        """Return the invoice of which money moves: what a credit note credits."""
        is_note = self.operation == "refund" and (
            self.invoice_ids.move_type == "out_refund"
        )
        return self.invoice_ids.reversed_entry_id if is_note else self.invoice_ids

    def _check_nothing_given_back(self, invoice):
        """Check that nobody gave money back since it was asked for: maybe the same.

        :raise UserError: if somebody did; it can be asked for anew.
        """
        # sudo: attempts are internal.
        refunds = self.env["payment.transaction"].sudo()
        is_newer = Domain("create_date", ">", self.create_date)
        is_refunded = refunds.search_count(
            is_newer
            & Domain("billing_refund_invoice_id", "=", invoice.id)
            & Domain("state", "not in", ("error", "cancel")),
            limit=1,
        )
        notes = invoice.reversal_move_ids.filtered_domain(
            is_newer & Domain("state", "=", "posted")
        )
        if is_refunded or notes:
            raise UserError(
                self.env._(
                    "%(invoice)s was refunded, or credited, since this was asked for."
                    " Nothing was refunded now: decline it, and refund what is still"
                    " meant.",
                    invoice=invoice.display_name,
                )
            )

    def _check_manager(self):
        self.check_access("read")
        if not self.env.user.has_group(MANAGER):
            raise AccessError(
                self.env._("Only billing managers approve or decline requests.")
            )

    def _tell_asker(self, decision):
        """Tell who asked, in the history of the invoices."""
        currency, labels = self.currency_id, self._fields["operation"]
        message = self.env._(
            "%(operation)s of %(amount)s: %(decision)s. Asked by %(user)s: %(reason)s",
            operation=dict(labels._description_selection(self.env))[self.operation],
            amount=format_amount(self.env, self.amount, currency) if currency else "–",
            decision=decision,
            user=self.create_uid.name,
            reason=self.reason,
        )
        for number, invoice in enumerate(self.invoice_ids):
            told = self.create_uid.partner_id if not number else self.env["res.partner"]
            invoice.message_post(body=message, partner_ids=told.ids)

    @api.depends("operation", "invoice_ids")
    def _compute_display_name(self):
        labels = dict(self._fields["operation"]._description_selection(self.env))
        for request in self:
            names = format_list(
                self.env, request.invoice_ids[:5].mapped("display_name")
            )
            request.display_name = f"{labels.get(request.operation)}: {names}"
