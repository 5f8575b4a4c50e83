from odoo import api, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.models import MAGIC_COLUMNS
from odoo.tools import SQL

from ...const import BILLING_MOVE_TYPES
from ...tools.triggers import keep_rows
from ...tools.write_guard import is_trusted, trusting

#: Who defines the fields that are judged here. What other addons keep on an invoice,
#: as the state of an e-invoice, is theirs.
JUDGED_MODULES = {"account", "account_payment", "omni_billing"}
#: What may change on an invoice of ours that has a number: all else may not. No word
#: and no amount that the customer was shown, and nothing that the books are made of.
MAY_CHANGE = {
    # Who follows up on it, and how far they are.
    "checked",
    "invoice_user_id",
    "no_followup",
    "preferred_payment_method_line_id",
    # The buyer's own number, which may come late: their e-invoice portals ask for it.
    "ref",
    # Sending.
    "attachment_ids",
    "billing_template_id",
    "is_move_sent",
    "sending_data",
    # Odoo's dialog of payments names them; what they are worth, the entries say.
    "matched_payment_ids",
    # Odoo notes them on whatever it touches, also on the next number.
    "is_manually_modified",
    "made_sequence_gap",
}
#: What may be filled in where it is empty: some countries do when it is posted.
MAY_BE_FILLED = {"delivery_date", "qr_code_method", "taxable_supply_date"}
#: What may not be written on a draft with our transactions either, but by its buttons.
STEPS = {"move_type", "posted_before", "state"}
#: What an invoice of any customer comes to, and that it is paid: nobody enters it.
COMPUTED = {
    "amount_residual",
    "amount_residual_signed",
    "amount_tax",
    "amount_tax_signed",
    "amount_total",
    "amount_total_in_currency_signed",
    "amount_total_signed",
    "amount_untaxed",
    "amount_untaxed_in_currency_signed",
    "amount_untaxed_signed",
    "payment_state",
}
#: What Odoo seals, and whose an invoice is: on invoices of ours nobody enters it. On
#: others Odoo's own steps do, as a person joins a company, and Odoo guards the seals.
WRITTEN_BY_ODOO = {
    "commercial_partner_id",
    "inalterable_hash",
    "secure_sequence_number",
}


def is_judged(field):
    """Whether it is for these lists to say if a field may change.

    Not if nothing is kept of what is written on it; Odoo's code does that at times.
    """
    is_magic = field.name in MAGIC_COLUMNS or field.name == "display_name"
    is_kept = field.store or field.inverse
    return is_kept and not is_magic and not JUDGED_MODULES.isdisjoint(field._modules)


def will_change(record, vals, name):
    """Whether writing the values would change this field of the record.

    :param record: `account.move` or `account.move.line`.
    """
    field, value = record._fields[name], vals[name]
    if field.type == "one2many":
        # A change of a line is checked where the line is written.
        return any(
            not isinstance(command, (list, tuple)) or command[0] != Command.UPDATE
            for command in value or ()
        )
    if field.type == "binary":
        return True
    if field.type == "many2many":
        return set(field.convert_to_cache(value, record)) != set(record[name]._ids)
    if field.type in ("monetary", "float", "json"):
        return record.env["account.move"]._field_will_change(record, vals, name)
    old = field.convert_to_cache(record[name], record, validate=False)
    return (old or None) != (field.convert_to_cache(value, record) or None)


class AccountMove(models.Model):
    """A numbered invoice stays as it is, by whatever door somebody comes (F168).

    The lists above say what may change. The rest is refused here, for every caller that
    is no code of ours; and, where that can be said there, by the database.
    """

    _inherit = "account.move"

    @api.private
    def init(self):
        """Have the database refuse what nobody may do, not even a program.

        Only what a document is known by, what it comes to, and that it is there: what
        Odoo itself changes by SQL, as the customer when contacts are merged, is not
        for the database to refuse.
        """
        result = super().init()
        self.env.cr.execute(TRIGGERS)
        return result

    # === COMPUTE METHODS === #

    @api.depends("matched_payment_ids.amount", "matched_payment_ids.currency_id")
    def _compute_payment_state(self):
        """Override of `account`: a payment without an entry pays what it comes to.

        Odoo takes an invoice for paid as soon as one is linked, be it of one cent.
        """
        result = super()._compute_payment_state()
        for move in self:
            if (
                move.move_type in BILLING_MOVE_TYPES
                and move.state == "posted"
                and move.payment_state in ("paid", "in_payment")
                and not move.currency_id.is_zero(move.amount_residual)
                and move._billing_is_ours()
                and not move._billing_is_covered()
            ):
                is_part = move.currency_id.compare_amounts(
                    move.amount_residual, move.amount_total
                )
                move.payment_state = "partial" if is_part else "not_paid"
        return result

    def _billing_is_covered(self):
        """Whether payments that Odoo has no entry of come to all that is left."""
        self.ensure_one()
        payments = self.matched_payment_ids.filtered(
            lambda payment: (
                not payment.move_id and payment.state in ("in_process", "paid")
            )
        )
        amount = sum(
            payment.currency_id._convert(
                payment.amount, self.currency_id, self.company_id, payment.date
            )
            for payment in payments
        )
        # The payments may be for other invoices as well: what is left of all counts.
        left = sum(
            move.currency_id._convert(
                move.amount_residual, self.currency_id, self.company_id, self.date
            )
            for move in payments.invoice_ids | self
        )
        return self.currency_id.compare_amounts(amount, left) >= 0

    # === CRUD METHODS === #

    def copy(self, default=None):
        """Override of `account`: what is on an invoice is not billed again by a copy.

        A copy has no transactions: those of a void invoice are unbilled again, and
        would be billed once more; those of another one may be, later. Credit notes are
        copies, too, also those of Odoo's own dialog.

        :raise UserError: if it is no credit note; the message says what to do.
        """
        default = dict(default or {})
        for move in self:
            is_note = default.get("reversed_entry_id") == move.id
            if not is_note and not is_trusted(self.env) and move._billing_is_ours():
                raise UserError(
                    self.env._(
                        "%(invoice)s cannot be copied here, because its items would be"
                        " billed twice. Open it in Billing and press Duplicate.",
                        invoice=move.display_name,
                    )
                )
            if is_note and ("line_ids" in default or move._billing_is_ours()):
                default = move._billing_prepare_reversal(default)
        return super().copy(default)

    def _billing_leave_computed(self, vals):
        """Return the values of a new move without those that come of what is done.

        Odoo's forms send some of them.
        """
        move_type = vals.get("move_type", self.env.context.get("default_move_type"))
        if move_type not in BILLING_MOVE_TYPES:
            return vals
        left = COMPUTED | WRITTEN_BY_ODOO
        return {name: value for name, value in vals.items() if name not in left}

    def _billing_check_not_numbered(self, vals):
        """Check that writing the values leaves numbered invoices as they are.

        :raise UserError: if it does not; the message says which field.
        """
        names = [
            name
            for name in vals
            if name not in MAY_CHANGE
            and name in self._fields
            and is_judged(self._fields[name])
        ]
        if not names:
            return
        for move in self:
            if move.move_type not in BILLING_MOVE_TYPES:
                if not move._billing_is_kept():
                    continue
            kept = names
            if move.state == "draft":
                kept = COMPUTED | WRITTEN_BY_ODOO | STEPS
            changed = [
                name
                for name in names
                if name in kept
                and not (name in MAY_BE_FILLED and not move[name])
                and will_change(move, vals, name)
            ]
            if not changed:
                continue
            is_own = move._billing_is_ours() or move._billing_is_kept()
            computed = COMPUTED | WRITTEN_BY_ODOO if is_own else COMPUTED
            if forged := computed.intersection(changed):
                self._billing_raise_computed(forged)
            if is_own:
                move._billing_raise_numbered(changed)

    def _billing_is_ours(self):
        """Whether our transactions are on the invoice, or were before it was void."""
        self.ensure_one()
        return self.move_type in BILLING_MOVE_TYPES and (
            self.billing_is_void
            or self._billing_has_transactions()
            or self._billing_balances_a_void()
        )

    def _billing_is_kept(self):
        """Whether it is no invoice, and stays as it is all the same. Hook."""
        self.ensure_one()
        return False

    def _billing_is_numbered(self):
        """Whether it is an invoice of ours that nothing may change any more."""
        self.ensure_one()
        return (
            self.state != "draft"
            and self.name not in (False, "/")
            and (self._billing_is_ours() or self._billing_is_kept())
        )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_billing_numbered(self):
        """A number that was given is never used again, whatever the context (F168)."""
        for move in self:
            if move._billing_is_kept():
                move._billing_raise_numbered()
            if move.name and move._billing_is_ours():
                raise UserError(
                    self.env._(
                        "%(invoice)s has a number and stays in the books.",
                        invoice=move.display_name,
                    )
                )

    def _billing_raise_computed(self, names):
        raise AccessError(
            self.env._(
                "These fields are computed, and cannot be set by hand: %(fields)s."
                " Record a payment, or void the invoice.",
                fields=self._billing_list_labels(names),
            )
        )

    def _billing_raise_numbered(self, names=()):
        """Say what to do instead.

        :param names: the fields that somebody wants to change.
        """
        self.ensure_one()
        message = (
            self.env._(
                "%(invoice)s is paid and cannot be edited. Bill a credit for what is"
                " wrong, or add a credit note.",
                invoice=self.display_name,
            )
            if self.billing_state in ("paid", "partial", "refunded")
            else self.env._(
                "%(invoice)s is numbered and cannot be edited. Void it and bill its"
                " transactions again, or add a credit note.",
                invoice=self.display_name,
            )
        )
        if names:
            labels = self._billing_list_labels(names)
            message += "\n" + self.env._("What would change: %(fields)s", fields=labels)
        raise UserError(message)

    # === ACTION METHODS === #

    def action_toggle_block_payment(self):
        """Override of `account`: it is for bills that are not to be paid yet.

        A blocked invoice of ours would stay unpaid when its money comes. What is not
        ours is blocked, and let go, as ever.
        """
        if self.filtered(lambda move: move._billing_is_ours()):
            raise UserError(
                self.env._(
                    "Only payments of vendor bills can be blocked. Pause the reminders"
                    " of the invoice instead."
                )
            )
        # What Odoo writes here is how it was paid, which nobody else may.
        with trusting(self.env):
            return super().action_toggle_block_payment()

    # === BUSINESS METHODS === #

    def _hash_moves(self, **kwargs):
        """Override of `account`: sealing writes what nobody else may."""
        with trusting(self.env):
            return super()._hash_moves(**kwargs)


#: See `init` for what is not in here. The function asks for our transactions only when
#: one of these columns changes after posting, which is never but by mistake: posting,
#: paying, sending and voiding do not come here.
TRIGGERS = SQL(
    "%s %s %s",
    SQL(
        """
CREATE OR REPLACE FUNCTION omni_billing_keep_numbered() RETURNS trigger AS $$
DECLARE
    kept integer;
BEGIN
    IF TG_TABLE_NAME = 'account_move' THEN
        kept := OLD.id;
    ELSE
        kept := OLD.move_id;
    END IF;
    IF EXISTS (SELECT 1 FROM account_move WHERE id = kept AND billing_is_void)
        OR EXISTS (
            SELECT 1 FROM omni_billing_transaction
            WHERE invoice_id = kept AND transaction_type IN ('charge', 'credit')
        )
    THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation',
            MESSAGE = 'Invoice ' || kept || ' is numbered and stays as it is.',
            TABLE = TG_TABLE_NAME,
            CONSTRAINT = TG_NAME;
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$ LANGUAGE plpgsql;
"""
    ),
    keep_rows(
        "account_move",
        "omni_billing_keep_move",
        "omni_billing_keep_numbered",
        columns=(
            *("name", "move_type", "company_id", "journal_id", "currency_id"),
            *("invoice_date", "amount_untaxed", "amount_tax", "amount_total"),
        ),
        when=SQL("OLD.state <> 'draft' AND OLD.name <> '/'"),
        when_deleted=SQL("OLD.name <> '/'"),
    ),
    keep_rows(
        "account_move_line",
        "omni_billing_keep_line",
        "omni_billing_keep_numbered",
        columns=(
            *("move_id", "display_type", "quantity", "price_unit", "discount"),
            *("balance", "amount_currency", "currency_id"),
        ),
        when=SQL("OLD.parent_state = 'posted' AND OLD.move_name <> '/'"),
        when_deleted=SQL("OLD.parent_state = 'posted'"),
    ),
)
#: What takes them away, as the addon goes.
DROP_TRIGGERS = SQL("DROP FUNCTION IF EXISTS omni_billing_keep_numbered() CASCADE")
