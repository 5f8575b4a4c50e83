from odoo import api, models
from odoo.tools import SQL

from ...tools.triggers import BOOKED_COLUMNS, keep_rows
from ...tools.write_guard import is_trusted


class AccountMove(models.Model):
    """The entry of money that Stripe moved stays as it is, as numbered invoices do.

    Without it the invoice would be unpaid, and charged again.
    """

    _inherit = "account.move"

    @api.private
    def init(self):
        """Have the database refuse it as well."""
        result = super().init()
        self.env.cr.execute(TRIGGERS)
        return result

    # === OVERRIDES OF ACCOUNT === #

    def button_draft(self):
        """Override of `account`: nor is its entry opened again.

        Other money that is opened again pays nothing meanwhile: Odoo leaves it set
        against invoices, which would say "paid" of what the books do not have.
        """
        self._billing_check_not_taken()
        result = super().button_draft()
        self._billing_take_off_invoices()
        return result

    def button_cancel(self):
        """Override of `account`: nor canceled."""
        self._billing_check_not_taken()
        return super().button_cancel()

    def _billing_take_off_invoices(self):
        """Undo what these entries are set against invoices of ours for."""
        # Money, an entry, or a credit note of Odoo's dialog.
        money = self.filtered(lambda move: not move._billing_is_ours())
        lines = money._billing_get_receivable_lines()
        for partial in lines.matched_debit_ids + lines.matched_credit_ids:
            others = (partial.debit_move_id + partial.credit_move_id).move_id - money
            if any(other._billing_is_ours() for other in others):
                partial.unlink()

    def _billing_check_not_taken(self):
        for payment in () if is_trusted(self.env) else self.origin_payment_id:
            if payment._billing_is_taken():
                payment._billing_raise_taken()

    def _billing_is_kept(self):
        """Override: the entry, once it is posted, of what Stripe confirmed."""
        if super()._billing_is_kept():
            return True
        payment = self.origin_payment_id
        return bool(payment and self.state == "posted" and payment._billing_is_taken())

    def _billing_raise_numbered(self, names=()):
        """Override: what helps with a payment is something else."""
        if self.move_type == "entry" and self._billing_is_kept():
            self.origin_payment_id._billing_raise_taken()
        return super()._billing_raise_numbered(names)


#: Only what makes the books forget money, or tell of another amount. The function asks
#: for the payment when one of these columns changes after posting, which Odoo does when
#: a payment is opened again or canceled, and never else.
TRIGGERS = SQL(
    "%s %s %s",
    SQL(
        """
CREATE OR REPLACE FUNCTION omni_billing_keep_taken() RETURNS trigger AS $$
DECLARE
    kept integer;
BEGIN
    IF TG_TABLE_NAME = 'account_move' THEN
        kept := OLD.id;
    ELSE
        kept := OLD.move_id;
    END IF;
    IF EXISTS (
        SELECT 1 FROM account_move m
        JOIN account_payment p ON p.id = m.origin_payment_id
        JOIN payment_transaction t ON t.id = p.payment_transaction_id
        JOIN payment_provider v ON v.id = t.provider_id
        WHERE m.id = kept AND t.state = 'done' AND v.code = 'stripe'
            -- Not what `const.AGAIN` says of: no money came.
            AND COALESCE(t.provider_reference, '') NOT LIKE 'again: %%'
    )
    THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation',
            MESSAGE = 'Entry ' || kept || ' is of money that Stripe moved, and stays.',
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
        "omni_billing_keep_entry",
        "omni_billing_keep_taken",
        columns=("state", "origin_payment_id", "company_id", "currency_id"),
        when=SQL("OLD.origin_payment_id IS NOT NULL AND OLD.state = 'posted'"),
    ),
    keep_rows(
        "account_move_line",
        "omni_billing_keep_item",
        "omni_billing_keep_taken",
        columns=BOOKED_COLUMNS,
        when=SQL("OLD.payment_id IS NOT NULL AND OLD.parent_state = 'posted'"),
    ),
)
#: What takes them away, as the addon goes.
DROP_TRIGGERS = SQL("DROP FUNCTION IF EXISTS omni_billing_keep_taken() CASCADE")
