from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tools import SQL

from ...tools.triggers import BOOKED_COLUMNS, keep_rows
from ...tools.write_guard import trust

#: Of a context, what the server's own entries are made in.
KEPT = {"allowed_company_ids", "lang", "tz"}


class AccountMove(models.Model):
    """Entries of what Stripe paid out, took as a fee, or holds back."""

    _inherit = "account.move"

    billing_stripe_ref = fields.Char(
        string="Booked of Stripe",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="Stripe's id of the payout, the dispute or the movement that it books.",
    )

    #: What is booked of Stripe's balance is booked once, whoever is at it.
    _billing_stripe_uniq = models.UniqueIndex(
        "(company_id, billing_stripe_ref) WHERE billing_stripe_ref IS NOT NULL"
    )

    @api.model
    def _billing_get_state_fields(self):
        return super()._billing_get_state_fields() | {"billing_stripe_ref"}

    @api.private
    def init(self):
        """Have the database refuse to change what is booked of Stripe's balance."""
        result = super().init()
        self.env.cr.execute(TRIGGERS)
        return result

    # === OVERRIDES === #

    def button_draft(self):
        """Override of `account`: what Stripe moved stays booked."""
        self._billing_check_not_of_stripe()
        return super().button_draft()

    def button_cancel(self):
        """Override of `account`: what Stripe moved stays booked."""
        self._billing_check_not_of_stripe()
        return super().button_cancel()

    def _billing_check_not_of_stripe(self):
        for move in self:
            if move.billing_stripe_ref and move.state == "posted":
                move._billing_raise_numbered()

    def _billing_is_kept(self):
        """Override: what is booked of Stripe's balance, once it is posted."""
        if super()._billing_is_kept():
            return True
        return bool(self.billing_stripe_ref and self.state == "posted")

    def _billing_raise_numbered(self, names=()):
        """Override: what helps with an entry of Stripe's balance is something else."""
        if self.billing_stripe_ref:
            raise UserError(
                self.env._(
                    "%(entry)s books %(reference)s of Stripe, and stays as it is. If it"
                    " is wrong, correct it by a journal entry of your own.",
                    entry=self.display_name,
                    reference=self.billing_stripe_ref,
                )
            )
        return super()._billing_raise_numbered(names)

    # === ACTION METHODS === #

    def action_billing_decide_dispute(self):
        """Open the dialog in which a lost dispute is decided (W19)."""
        self.ensure_one()
        self.check_access("read")
        # sudo: who may decide, the dialog says.
        disputes = self.env["omni.billing.dispute"].sudo()
        dispute = disputes.search(
            [
                ("transaction_id.invoice_ids", "in", self.ids),
                ("state", "=", "lost"),
            ],
            limit=1,
        )
        if not dispute:
            raise UserError(
                self.env._(
                    "%(invoice)s has no lost dispute that is to be decided.",
                    invoice=self.display_name,
                )
            )
        return dispute.action_decide()

    # === BUSINESS METHODS === #

    @api.model
    def _billing_post_of_stripe(self, values, lines):
        """Create an entry and post it; its items are in the order of ``lines``."""
        # A client chooses its context: its entry, its taxes, are not for it to choose.
        context = {key: self.env.context[key] for key in KEPT & set(self.env.context)}
        clean = self.with_context(context)  # pylint: disable=context-overridden
        # sudo: jobs, and managers who keep no books, have them kept.
        moves = trust(clean.sudo())
        # What Stripe says is tax is an item of its own.
        items = [{"tax_ids": [Command.clear()], **line} for line in lines]
        move = moves.create(
            {**values, "line_ids": [Command.create(item) for item in items]}
        )
        move.action_post()
        # sudo: as above, and no more trusted than who called.
        return self.sudo().browse(move.id)


#: As for the entries of payments: nobody makes the books forget it, by whatever call.
TRIGGERS = SQL(
    "%s %s %s",
    SQL(
        """
CREATE OR REPLACE FUNCTION omni_billing_keep_stripe() RETURNS trigger AS $$
BEGIN
    IF TG_TABLE_NAME = 'account_move_line' THEN
        IF NOT EXISTS (
            SELECT 1 FROM account_move
            WHERE id = OLD.move_id AND billing_stripe_ref IS NOT NULL
        )
        THEN
            RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
        END IF;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'restrict_violation',
        MESSAGE = 'Row ' || OLD.id || ' books money that Stripe moved, and stays.',
        TABLE = TG_TABLE_NAME,
        CONSTRAINT = TG_NAME;
END
$$ LANGUAGE plpgsql;
"""
    ),
    keep_rows(
        "account_move",
        "omni_billing_keep_balance",
        "omni_billing_keep_stripe",
        columns=("state", "billing_stripe_ref", "company_id", "currency_id", "date"),
        when=SQL("OLD.billing_stripe_ref IS NOT NULL AND OLD.state = 'posted'"),
    ),
    keep_rows(
        "account_move_line",
        "omni_billing_keep_balance_item",
        "omni_billing_keep_stripe",
        columns=BOOKED_COLUMNS,
        when=SQL("OLD.parent_state = 'posted'"),
    ),
)
#: What takes them away, as the addon goes.
DROP_TRIGGERS = SQL("DROP FUNCTION IF EXISTS omni_billing_keep_stripe() CASCADE")
