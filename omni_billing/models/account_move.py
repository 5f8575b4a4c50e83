from decimal import Decimal

from babel.numbers import format_percent

from odoo import api, fields, models
from odoo.exceptions import AccessError, LockError, UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import SQL, format_date, format_list, get_lang

from ..const import BILLING_MOVE_TYPES, MAX_TITLE_LENGTH
from ..tools.periods import format_period
from ..tools.trust import is_trusted, trust, without_defaults
from ..tools.values import check_text
from .account_move_numbered import COMPUTED

#: Written by business methods alone: where an invoice stands, and how it was paid.
STATE_FIELDS = {
    "billing_is_void",
    "billing_state",
    "billing_payment_reference",
    "billing_refund_reference",
    "billing_attempt_id",
    "billing_dispute",
    "billing_reminders_paused",
}


class AccountMove(models.Model):
    _name = "account.move"
    _inherit = [
        "account.move",
        "omni.billing.stats",
        "omni.billing.credit.move.mixin",
        "omni.billing.mail.move.mixin",
        "omni.billing.pdf.mixin",
        "omni.billing.plan.move.mixin",
        "omni.billing.reminder.move.mixin",
    ]
    _billing_open_filter = "not_yet_paid"

    billing_title = fields.Char(copy=False)
    billing_date_start = fields.Date(string="Period Start", copy=False)
    billing_date_end = fields.Date(string="Period End", copy=False)
    billing_period = fields.Char(string="Period", compute="_compute_billing_period")
    billing_transaction_ids = fields.One2many(
        "omni.billing.transaction",
        "invoice_id",
        string="Billing Transactions",
        readonly=True,
        copy=False,
        domain=[("transaction_type", "!=", "payment")],
    )
    billing_receipt_ids = fields.One2many(
        "omni.billing.transaction",
        "invoice_id",
        string="Billing Receipts",
        readonly=True,
        copy=False,
        domain=[("transaction_type", "=", "payment"), ("state", "!=", "void")],
    )
    billing_run_line_ids = fields.One2many(
        "omni.billing.run.line",
        "invoice_id",
        readonly=True,
        copy=False,
        groups="omni_billing.omni_billing_group_user",
    )
    billing_transaction_count = fields.Integer(
        compute="_compute_billing_transaction_count"
    )
    billing_is_void = fields.Boolean(
        readonly=True,
        copy=False,
        help="Should never have existed: its transactions can be billed again.",
    )
    billing_state = fields.Selection(
        [
            ("draft", "Draft"),
            ("unpaid", "Unpaid"),
            ("partial", "Partially Paid"),
            ("paid", "Paid"),
            ("refunded", "Refunded"),
            ("void", "Void"),
        ],
        string="Billing Status",
        compute="_compute_billing_state",
        store=True,
        index=True,
    )
    billing_payment_reference = fields.Char(
        string="Reference of the Payment",
        readonly=True,
        copy=False,
        help="The receipt or card payment that paid the invoice.",
    )
    billing_refund_reference = fields.Char(
        string="Refund Reference", readonly=True, copy=False
    )

    # The default search of the invoices list.
    _billing_list_idx = models.Index(
        "(company_id, invoice_date DESC, id DESC)"
        " WHERE move_type IN ('out_invoice', 'out_refund')"
    )
    _billing_customer_idx = models.Index(
        "(commercial_partner_id, company_id, invoice_date)"
        " WHERE move_type IN ('out_invoice', 'out_refund')"
    )

    # === COMPUTE METHODS === #

    @api.depends("billing_date_start", "billing_date_end")
    @api.depends_context("lang")
    def _compute_billing_period(self):
        for move in self:
            move.billing_period = format_period(
                move.billing_date_start,
                move.billing_date_end,
                lambda day: format_date(self.env, day),
            ) or self.env._("N/A")

    @api.depends("billing_transaction_ids")
    def _compute_billing_transaction_count(self):
        for move in self:
            move.billing_transaction_count = len(move.billing_transaction_ids)

    @api.depends(
        "state",
        "payment_state",
        "move_type",
        "billing_is_void",
        "reversal_move_ids.state",
    )
    def _compute_billing_state(self):
        for move in self:
            if move.move_type not in BILLING_MOVE_TYPES:
                move.billing_state = False
            elif move.state == "cancel" or move.billing_is_void:
                move.billing_state = "void"
            elif move.state == "draft":
                move.billing_state = "draft"
            elif move.payment_state in ("reversed", "paid", "in_payment"):
                # Credit of another origin pays an invoice as money does (F154).
                move.billing_state = (
                    "refunded" if move._billing_is_credited() else "paid"
                )
            else:
                is_partial = move.payment_state == "partial"
                move.billing_state = "partial" if is_partial else "unpaid"

    def _billing_is_credited(self):
        """Whether credit notes made for this invoice undo all of it."""
        self.ensure_one()
        left = self.amount_total - self._billing_get_reversed_amount()
        return (
            self.move_type == "out_invoice"
            and bool(self.reversal_move_ids)
            and self.currency_id.compare_amounts(left, 0) <= 0
        )

    def _billing_get_reversed_amount(self):
        """Return what credit notes made for this invoice come to, taxes included."""
        self.ensure_one()
        notes = self.reversal_move_ids.filtered(lambda move: move.state == "posted")
        return sum(notes.mapped("amount_total"))

    # === CONSTRAINT METHODS === #

    @api.constrains("billing_title")
    def _check_billing_title(self):
        for move in self.filtered("billing_title"):
            # The prefix of a void invoice comes on top.
            if len(move.billing_title) > MAX_TITLE_LENGTH + 32:
                raise ValidationError(
                    self.env._(
                        "The title “%(start)s…” has %(length)s characters, more than"
                        " the %(maximum)s allowed.",
                        start=move.billing_title[:40],
                        length=len(move.billing_title),
                        maximum=MAX_TITLE_LENGTH,
                    )
                )

    @api.constrains("billing_date_start", "billing_date_end")
    def _check_billing_period(self):
        for move in self:
            if (
                move.billing_date_start
                and move.billing_date_end
                and move.billing_date_start > move.billing_date_end
            ):
                raise ValidationError(
                    self.env._("The period of an invoice cannot end before it starts.")
                )

    def _compute_show_reset_to_draft_button(self):
        """Override of `account`: the button would only be refused."""
        result = super()._compute_show_reset_to_draft_button()
        for move in self.filtered("show_reset_to_draft_button"):
            move.show_reset_to_draft_button = not (
                move.move_type in BILLING_MOVE_TYPES
                and (
                    move.billing_is_void
                    or move._billing_has_transactions()
                    or move._billing_balances_a_void()
                )
            )
        return result

    def _compute_access_url(self):
        """Override of `account`: links to our invoices lead to our page (F119)."""
        result = super()._compute_access_url()
        for move in self:
            if move._billing_has_own_pdf():
                move.access_url = f"/my/billing/invoices/{move.id}"
        return result

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        if not is_trusted(self.env):
            names = STATE_FIELDS | COMPUTED | {"state"}
            self = without_defaults(self, names)  # noqa: PLW0642
            for vals in vals_list:
                self._billing_check_no_state_fields(vals)
            vals_list = [self._billing_leave_computed(vals) for vals in vals_list]
        return super().create(vals_list)

    def write(self, vals):
        """Override of `account`: posted is posted, by any road (design §5.3)."""
        if not is_trusted(self.env):
            self._billing_check_no_state_fields(vals)
            self._billing_check_not_numbered(vals)
        return super().write(vals)

    def _billing_check_no_state_fields(self, vals):
        if names := STATE_FIELDS & vals.keys():
            raise AccessError(
                self.env._(
                    "These fields cannot be set by hand: %(fields)s. Void or pay"
                    " instead.",
                    fields=self._billing_list_labels(names),
                )
            )

    # === ACTION METHODS === #

    def action_billing_void(self, reason=None):
        """Void unpaid invoices: their transactions can be billed again (F159-F168).

        The numbered invoice stays, its number is never used again. Where it cannot be
        cancelled any more (inalterable journal, closed period) or the company wants
        so, a credit note of today balances it.

        :param str reason: why, shown in the customer's file.
        :raise UserError: if one is paid, partly paid, void already, or just being paid.
        """
        check_text(self.env, reason)
        if len(self) > 1 and not self.env.user.has_group(
            "omni_billing.omni_billing_group_manager"
        ):
            raise AccessError(
                self.env._("Only billing managers can void several invoices at once.")
            )
        self._billing_lock()
        for move in self:
            move._billing_check_voidable()
            # Nor is it paid afterwards, on a page that is open still.
            move._billing_close_other_payments()
            transactions = move.billing_transaction_ids
            voided = move.with_context(billing_void_reason=reason)
            if move._billing_needs_credit_note():
                voided._billing_void_by_credit_note(reason)
            else:
                trust(voided).button_cancel()
            move._message_log(
                body=self.env._(
                    "Void: %(reason)s. Transactions that are unbilled again: %(count)s",
                    reason=reason or self.env._("no reason given"),
                    count=len(transactions),
                )
            )
        return True

    def action_billing_download(self):
        """Download the PDFs of these invoices in one file (F7)."""
        if len(self) > 1:
            return self.env["omni.billing.bulk"]._start("download", self)
        return self.action_billing_pdf()

    def action_billing_pay(self):
        """Open the payment dialog on these invoices (F132)."""
        payable = self.filtered(
            lambda move: move.billing_state in ("unpaid", "partial")
        )
        if not payable:
            raise UserError(
                self.env._("There is nothing to pay: select an unpaid invoice.")
            )
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Pay Invoice")
            if len(payable) == 1
            else self.env._("Pay %(count)s Invoices", count=len(payable)),
            "res_model": "omni.billing.payment.wizard",
            "view_mode": "form",
            "target": "new",
            "context": {"default_invoice_ids": payable.ids},
        }

    def action_open_billing_detail(self):
        """Show the invoice in a dialog (F6, F78-F82)."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Credit Note")
            if self.move_type == "out_refund"
            else self.env._("Invoice"),
            "res_model": self._name,
            "res_id": self.id,
            "views": [
                (self.env.ref("omni_billing.account_move_view_form_billing").id, "form")
            ],
            "target": "new",
        }

    def action_billing_activity(self):
        """Show what was done with the invoice, and who did it (F166)."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "omni_billing.omni_billing_activity_log_action"
        )
        action["domain"] = [("move_id", "=", self.id)]
        return action

    def action_open_billing_entry(self):
        """Leave the dialog for Odoo's own invoice form."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "res_id": self.id,
            "views": [(False, "form")],
        }

    def action_open_billing_void_wizard(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Void Invoice")
            if len(self) == 1
            else self.env._("Void Invoices"),
            "res_model": "omni.billing.void.wizard",
            "view_mode": "form",
            "target": "new",
            "context": {"default_invoice_ids": self.ids},
        }

    def button_draft(self):
        """Override of `account`: nothing edits a numbered invoice (design §5.3)."""
        if not is_trusted(self.env):
            self.check_access("write")
            for move in self.filtered(
                lambda move: move.move_type in BILLING_MOVE_TYPES
            ):
                if move.billing_is_void:
                    raise UserError(
                        self.env._(
                            "%(invoice)s is void and cannot be opened again. Bill its"
                            " transactions on a new invoice.",
                            invoice=move.display_name,
                        )
                    )
                if move._billing_has_transactions():
                    move._billing_raise_numbered()
                if move._billing_balances_a_void():
                    raise UserError(
                        self.env._(
                            "%(note)s balances the void invoice %(invoice)s and stays"
                            " as it is.",
                            note=move.display_name,
                            invoice=move.reversed_entry_id.display_name,
                        )
                    )
        return super(AccountMove, trust(self)).button_draft()

    def button_cancel(self):
        """Override of `account` to release the transactions, whoever cancels."""
        ours = self.filtered(
            lambda move: (
                move.move_type in BILLING_MOVE_TYPES
                and (move._billing_has_transactions() or move.billing_title)
            )
        )
        if not is_trusted(self.env):
            ours.filtered(lambda move: move.state == "posted").button_draft()
        result = super(AccountMove, trust(self)).button_cancel()
        ours._billing_set_void()
        return result

    def _billing_has_transactions(self):
        self.ensure_one()
        # sudo: who works on the invoice need not see transactions.
        return bool(self.sudo().billing_transaction_ids)

    def _billing_balances_a_void(self):
        self.ensure_one()
        return self.move_type == "out_refund" and self.reversed_entry_id.billing_is_void

    # === BUSINESS METHODS - POSTING === #

    def _post(self, soft=True):
        """Override of `account`: a transaction is on one live invoice (design §5.2)."""
        # sudo: the check concerns all rows; an accountant may post without rights on
        # transactions.
        for line in self.sudo().invoice_line_ids.filtered("billing_transaction_id"):
            transaction = line.billing_transaction_id
            if transaction.invoice_id != line.move_id:
                raise UserError(
                    self.env._(
                        "“%(title)s” is not on this invoice any more:\n%(state)s",
                        title=transaction.name,
                        state=transaction._describe_state(),
                    )
                )
        return super(AccountMove, trust(self))._post(soft=soft)

    def _get_starting_sequence(self):
        """Override of `account`: INV-2025-000001 where the company wants it (F62)."""
        self.ensure_one()
        if not self._billing_has_dashed_number():
            return super()._get_starting_sequence()
        prefix = self._billing_get_dashed_prefix()
        year = (self.date or self.invoice_date or fields.Date.context_today(self)).year
        return f"{prefix}{year}-000000"

    def _get_last_sequence_domain(self, relaxed=False):
        """Override of `account`: the dashed numbers are a series of their own."""
        where, params = super()._get_last_sequence_domain(relaxed)
        if self._billing_has_dashed_number() and where != "WHERE FALSE":
            where += " AND name LIKE %(billing_prefix)s "
            params["billing_prefix"] = f"{self._billing_get_dashed_prefix()}____-%"
        return where, params

    def _billing_has_dashed_number(self):
        return (
            self.company_id.billing_number_dashed
            and self.move_type in BILLING_MOVE_TYPES
            and self.journal_id.type == "sale"
        )

    def _billing_get_dashed_prefix(self):
        is_own_series = (
            self.move_type == "out_refund" and self.journal_id.refund_sequence
        )
        return f"{'R' if is_own_series else ''}{self.journal_id.code}-"

    # === BUSINESS METHODS - VOID === #

    def _billing_check_voidable(self):
        self.ensure_one()
        if self.billing_state == "void":
            raise UserError(
                self.env._("%(invoice)s is void already.", invoice=self.display_name)
            )
        if self.move_type not in BILLING_MOVE_TYPES:
            raise UserError(
                self.env._(
                    "%(entry)s is not a customer invoice.", entry=self.display_name
                )
            )
        move = self.sudo()  # sudo: staff see card payments through billing only.
        under_way = move.billing_attempt_id + move.transaction_ids.filtered(
            lambda tx: (
                tx.state in ("pending", "authorized", "done")
                and tx.operation != "validation"
            )
        )
        is_zero = self.currency_id.is_zero(self.amount_total)
        if under_way or (
            self.state == "posted"
            and not is_zero
            and (
                self.payment_state != "not_paid"
                or self.currency_id.compare_amounts(
                    self.amount_residual, self.amount_total
                )
            )
        ):
            raise UserError(
                self.env._(
                    "%(invoice)s cannot be voided, because money was received or a"
                    " credit was used for it. Refund the card payment, cancel the"
                    " manual payment first, or add a credit for the wrong amount.",
                    invoice=self.display_name,
                )
            )

    def _billing_needs_credit_note(self):
        """Whether cancelling is impossible, or not the company's way (features §2)."""
        self.ensure_one()
        if self.state == "draft":
            return False
        return bool(
            self.company_id.billing_void_method == "credit_note"
            or self.inalterable_hash
            or self.journal_id.restrict_mode_hash_table
            or self.need_cancel_request
            or self._get_violated_lock_dates(self.date, self._affect_tax_report())
        )

    def _billing_void_by_credit_note(self, reason):
        self.ensure_one()
        today = fields.Date.context_today(self)
        self.company_id._billing_check_open(today, self.journal_id)
        trust(self)._reverse_moves(
            [
                {
                    "invoice_date": today,
                    "date": today,
                    "ref": self.env._(
                        "Void of %(invoice)s: %(reason)s",
                        invoice=self.name,
                        reason=reason or self.env._("no reason given"),
                    ),
                    "billing_title": self._billing_translate(
                        lambda env: env._("Void of %(invoice)s", invoice=self.name)
                    ),
                    "billing_date_start": self.billing_date_start,
                    "billing_date_end": self.billing_date_end,
                }
            ],
            cancel=True,
        )
        self._billing_set_void()

    def _billing_set_void(self):
        for move in trust(self):
            self.env["omni.billing.activity.log"]._log_moves(
                "invoice_voided", move, note=self.env.context.get("billing_void_reason")
            )
            # sudo: whoever may cancel the invoice frees its transactions.
            move.sudo().billing_transaction_ids._release()
            title = move.billing_title or move.name or ""
            move.write(
                {
                    "billing_is_void": True,
                    "billing_title": move._billing_translate(
                        lambda env, title=title: env._("Void: %(title)s", title=title)
                    ),
                }
            )

    # === BUSINESS METHODS - DOCUMENT === #

    def _billing_get_lines(self, base_lines=None):
        """Return the product lines with the amounts that the tax engine gives them.

        With taxes rounded over the whole invoice, each line carries its share of the
        rounding, so that the lines add up to the totals to the cent (W14).

        :param list base_lines: of `_get_rounded_base_and_tax_lines`, if they are known.
        :return: for each line ``record`` (`account.move.line`), ``date``, ``title``,
            ``description``, ``amount_untaxed``, ``tax_amount``, ``amount_total``,
            ``tax_percentage``; amounts as on the document, in its currency.
        :rtype: list[dict]
        """
        self.ensure_one()
        Transaction = self.env["omni.billing.transaction"]
        if base_lines is None:
            base_lines, _tax_lines = self._get_rounded_base_and_tax_lines()
        lines = []
        for base_line in base_lines:
            record = base_line["record"]
            if base_line["special_type"] or record.display_type != "product":
                continue
            title, _separator, description = (record.name or "").partition("\n")
            lines.append(
                {
                    "record": record,
                    "date": record.billing_date,
                    "title": title,
                    "description": description,
                    **Transaction._read_base_line_amounts(base_line),
                }
            )
        return lines

    def _billing_get_mark(self):
        """Return what is written across the page: void, paid, or nothing (W17)."""
        self.ensure_one()
        if self.billing_state == "void":
            return "void"
        is_paid = self.billing_state == "paid" and self.move_type == "out_invoice"
        return "paid" if is_paid else ""

    def _billing_get_pay_url(self):
        """Return the path of the page that pays this invoice, without a login."""
        self.ensure_one()
        token = self._portal_ensure_token()
        return f"/my/billing/invoices/{self.id}/pay?access_token={token}"

    def _get_invoice_legal_documents(self, filetype, allow_fallback=False):
        """Override of `account`: a stored PDF does not know of later payments (W13)."""
        if filetype == "pdf" and self.state != "draft" and self._billing_has_own_pdf():
            return self._billing_prepare_legal_pdf()
        return super()._get_invoice_legal_documents(filetype, allow_fallback)

    def _get_invoice_legal_documents_all(self, allow_fallback=False):
        """Override of `account`: as above, beside the other files."""
        documents = super()._get_invoice_legal_documents_all(allow_fallback)
        if self.state == "draft" or not self._billing_has_own_pdf():
            return documents
        others = [file for file in documents or [] if "pdf" not in file["filetype"]]
        return [self._billing_prepare_legal_pdf(), *others]

    def _billing_prepare_legal_pdf(self):
        return {
            "filename": self._billing_get_filename(),
            "filetype": "pdf",
            "content": self._billing_get_pdf(),
        }

    # === BUSINESS METHODS - SENDING === #

    def _billing_check_sendable(self):
        self.ensure_one()
        if self.billing_state == "void":
            raise UserError(
                self.env._(
                    "%(invoice)s is void and is not sent.", invoice=self.display_name
                )
            )
        if self.state != "posted":
            raise UserError(
                self.env._(
                    "%(invoice)s is a draft and is not sent before it is confirmed.",
                    invoice=self.display_name,
                )
            )

    # === BUSINESS METHODS - PAYMENT === #

    def _billing_update_payment_reference(self):
        """Keep the references of what paid each invoice, in the order received."""
        for move in self:
            references = move.billing_receipt_ids.sorted("id").mapped(
                "payment_reference"
            )
            trust(move).billing_payment_reference = (
                ", ".join(dict.fromkeys(filter(None, references))) or False
            )

    # === BUSINESS METHODS - STATISTICS === #

    def _billing_get_stats_domain(self):
        """Override: posted invoices and credit notes that are not void."""
        return (
            Domain("move_type", "in", BILLING_MOVE_TYPES)
            & Domain("state", "=", "posted")
            & Domain("billing_state", "!=", "void")
            # The credit note that balances a void says nothing about revenue either.
            & (
                Domain("reversed_entry_id", "=", False)
                | Domain("reversed_entry_id.billing_is_void", "=", False)
            )
        )

    def _billing_get_stats_columns(self):
        table = SQL.identifier(self._table)
        return (
            SQL("%s.amount_total_signed", table),
            SQL("%s.amount_residual_signed", table),
            SQL("%s.billing_state IN ('unpaid', 'partial')", table),
            SQL("%s.invoice_date", table),
            SQL("NULL::integer"),
        )

    def _billing_get_card_labels(self):
        return super()._billing_get_card_labels() | {
            "total": self.env._("All Invoices"),
            "open": self.env._("Unpaid Invoices"),
        }

    # === HELPERS === #

    def _billing_lock(self):
        """Lock the invoices; what is read after this is what is true.

        :raise UserError: if someone else is working on one of them.
        """
        self.check_access("write")
        try:
            self.lock_for_update(allow_referencing=True)
        except LockError as error:
            raise UserError(
                self.env._(
                    "Someone else is working on %(invoices)s right now. Nothing was"
                    " changed: try again in a moment.",
                    invoices=format_list(self.env, self[:5].mapped("display_name")),
                )
            ) from error
        self.invalidate_recordset()

    def _billing_translate(self, translate):
        """Return ``translate(env)`` in the language of the customer."""
        self.ensure_one()
        lang = self.partner_id.lang or self.env.lang
        return translate(self.with_context(lang=lang).env)

    def _billing_format_percentage(self, percentage):
        """Write a percentage as the language does: 5.5%, 5,5 %."""
        locale = get_lang(self.env).code
        return format_percent(
            Decimal(str(percentage)) / 100, locale=locale, decimal_quantization=False
        )
