from decimal import Decimal

from babel.numbers import format_percent

from odoo import api, fields, models
from odoo.exceptions import AccessError, LockError, UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import (
    SQL,
    format_date,
    format_list,
    get_lang,
    html2plaintext,
    plaintext2html,
)

from ...const import BILLED_TYPES, BILLING_MOVE_TYPES, MAX_TITLE_LENGTH, UNPAID_STATES
from ...tools.action import open_dialog, open_list
from ...tools.periods import format_period
from ...tools.write_guard import (
    is_trusted,
    trusting,
    without_any_default,
    without_defaults,
)
from .account_move_guard import COMPUTED, WRITTEN_BY_ODOO


class AccountMove(models.Model):
    _name = "account.move"
    _inherit = ["account.move", "omni.billing.guard.mixin", "omni.billing.stats"]
    _billing_open_filter = "not_yet_paid"
    _billing_void_field = "billing_state"

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
        domain=[("transaction_type", "in", BILLED_TYPES)],
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

    billing_is_advance = fields.Boolean(
        readonly=True,
        copy=False,
        export_string_translation=False,
        help="Money that is paid in advance, or goes back: what it is used for is"
        " invoiced later. So it is in no sum of what was invoiced.",
    )

    # The default search of the invoices list.
    _billing_list_idx = models.Index(
        "(company_id, invoice_date DESC, id DESC)"
        " WHERE move_type IN ('out_invoice', 'out_refund')"
    )
    #: Few: what balances them is looked for each time that invoices are summed up.
    _billing_void_idx = models.Index("(id) WHERE billing_is_void IS TRUE")
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

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        model, vals_list = self._billing_guard_create(vals_list)
        if is_trusted(self.env):
            model = without_any_default(model)
        else:
            model = without_defaults(model, COMPUTED | WRITTEN_BY_ODOO | {"state"})
            vals_list = [model._billing_leave_computed(vals) for vals in vals_list]
        return super(AccountMove, model).create(vals_list)

    def write(self, vals):
        """Override of `account`: posted is posted, by any road (promise 3)."""
        self._billing_guard_write(vals)
        if not is_trusted(self.env):
            self._billing_check_not_numbered(vals)
        return super().write(vals)

    @api.model
    def _billing_get_state_fields(self):
        """Override: where an invoice stands, and how it was paid."""
        return super()._billing_get_state_fields() | {
            "billing_is_advance",
            "billing_is_void",
            "billing_released_ids",
            "billing_state",
        }

    def _billing_raise_state_fields(self, names):
        raise AccessError(
            self.env._(
                "These fields cannot be set by hand: %(fields)s. Void or pay instead.",
                fields=self._billing_list_labels(names),
            )
        )

    # === ACTION METHODS === #

    def action_billing_open_detail(self):
        """Show the invoice in a dialog (F6, F78-F82)."""
        self.ensure_one()
        is_note = self.move_type == "out_refund"
        title = self.env._("Credit Note") if is_note else self.env._("Invoice")
        view = self.env.ref("omni_billing.account_move_view_form_billing")
        return open_dialog(self._name, title, res_id=self.id, view_id=view.id)

    def action_billing_activity(self):
        """Show what was done with the invoice, and who did it (F166)."""
        self.ensure_one()
        domain = [("move_id", "=", self.id)]
        return open_list(self.env, "omni_billing_activity_log_action", domain)

    def action_billing_open_entry(self):
        """Leave the dialog for Odoo's own invoice form."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "res_id": self.id,
            "views": [(False, "form")],
        }

    # === BUSINESS METHODS - POSTING === #

    def _post(self, soft=True):
        """Override of `account`: a transaction is on one live invoice (promise 2)."""
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
        with trusting(self.env):
            return super()._post(soft=soft)

    # === BUSINESS METHODS - STATISTICS === #

    @api.private
    def init(self):
        """Have the database count these rows for the cards above lists."""
        result = super().init()
        self._billing_count_rows()
        return result

    def _billing_get_stats_domain(self):
        """Override: posted invoices and credit notes that are not void."""
        return (
            Domain("move_type", "in", BILLING_MOVE_TYPES)
            & Domain("state", "=", "posted")
            & Domain("billing_state", "!=", "void")
            & Domain("billing_is_advance", "!=", True)
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
            SQL("%s.billing_state IN %s", table, UNPAID_STATES),
            SQL("%s.invoice_date", table),
            SQL("NULL::integer"),
        )

    def _billing_get_counted_condition(self):
        table = SQL.identifier(self._table)
        return SQL(
            "%s.move_type IN %s AND %s.state = 'posted'"
            " AND %s.billing_state IS DISTINCT FROM 'void'"
            " AND %s.billing_is_advance IS NOT TRUE",
            table,
            BILLING_MOVE_TYPES,
            *(table, table, table),
        )

    def _billing_get_uncounted_domain(self):
        """Override: what balances a void, which another row says of it."""
        return (
            Domain("move_type", "in", BILLING_MOVE_TYPES)
            & Domain("state", "=", "posted")
            & Domain("billing_state", "!=", "void")
            & Domain("billing_is_advance", "!=", True)
            & Domain("reversed_entry_id.billing_is_void", "=", True)
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

    def _billing_get_addressee(self):
        """Return whom it is for: the contact, if that still is the customer's."""
        self.ensure_one()
        contact, customer = self.partner_id, self.commercial_partner_id
        return contact if contact.commercial_partner_id == customer else customer

    def _billing_translate(self, translate):
        """Return ``translate(env)`` in the language of the customer."""
        self.ensure_one()
        lang = self.partner_id.lang or self.env.lang
        return translate(self.with_context(lang=lang).env)

    def _billing_tell_staff(self, message):
        """Leave a note and a to-do for who follows up on the invoice."""
        self.ensure_one()
        # sudo: jobs and customers leave it for staff.
        move = self.sudo()
        kind = self.env.ref("mail.mail_activity_data_warning")
        note = plaintext2html(message)
        told = move.activity_ids.filtered(
            lambda activity: (
                activity.activity_type_id == kind
                and html2plaintext(activity.note or "") == html2plaintext(note)
            )
        )
        if told:
            # The job asks again every few minutes; one to-do is enough.
            return
        user = move.invoice_user_id or self.env.ref("base.user_admin")
        move.activity_schedule(
            "mail.mail_activity_data_warning", note=note, user_id=user.id
        )

    def _billing_get_lines(self, base_lines=None):
        """Return the product lines with the amounts that the tax engine gives them.

        With taxes rounded over the whole invoice, each line carries its share of the
        rounding, so that the lines add up to the totals to the cent (W14).

        :param list base_lines: of `_billing_get_base_lines`, if they are known.
        :return: for each line ``record`` (`account.move.line`), ``date``, ``title``,
            ``description``, ``price`` (3 × $10.00), ``amount_untaxed``,
            ``tax_amount``, ``amount_total``, ``tax_percentage``; amounts as on the
            document, in its currency.
        :rtype: list[dict]
        """
        self.ensure_one()
        Transaction = self.env["omni.billing.transaction"]
        if base_lines is None:
            base_lines = self._billing_get_base_lines()
        products = self._billing_get_product_lines(base_lines)
        percentages = self._billing_find_percentages(products)
        has_references = len(self.invoice_line_ids.grouped("billing_reference")) > 1
        lines = []
        for base_line in products:
            record = base_line["record"]
            amounts = Transaction._read_base_line_amounts(base_line)
            if record in percentages:
                amounts["tax_percentage"] = percentages[record]
            title, _separator, description = (record.name or "").partition("\n")
            told = [description] if description else []
            if participant := record.billing_participant:
                told.append(self.env._("For: %s", participant))
            if has_references and (reference := record.billing_reference):
                told.append(self.env._("Your reference: %s", reference))
            lines.append(
                {
                    "record": record,
                    "date": record.billing_date,
                    "title": title,
                    "description": "\n".join(told),
                    "price": record._billing_describe_price(),
                    **amounts,
                }
            )
        return lines

    def _billing_format_percentage(self, percentage):
        """Write a percentage as the language does: 5.5%, 5,5 %."""
        locale = get_lang(self.env).code
        return format_percent(
            Decimal(str(percentage)) / 100, locale=locale, decimal_quantization=False
        )
