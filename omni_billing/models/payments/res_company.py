from odoo import fields, models


class ResCompany(models.Model):
    """Which journals take money, and what customers are told of it."""

    _inherit = "res.company"

    billing_cash_journal_id = fields.Many2one(
        "account.journal",
        string="Cash Journal",
        check_company=True,
        domain="[('type', '=', 'cash')]",
    )
    billing_pos_journal_id = fields.Many2one(
        "account.journal",
        string="POS Terminal Journal",
        check_company=True,
        domain="[('type', 'in', ('bank', 'credit', 'cash'))]",
    )
    billing_bank_journal_id = fields.Many2one(
        "account.journal",
        string="Bank Journal",
        check_company=True,
        domain="[('type', '=', 'bank')]",
    )
    billing_cheque_journal_id = fields.Many2one(
        "account.journal",
        string="Cheque Journal",
        check_company=True,
        domain="[('type', '=', 'bank')]",
    )
    billing_payment_instructions = fields.Text(
        string="Payment Instructions",
        translate=True,
        help="Printed at the foot of unpaid invoices, beside the bank account.",
    )

    # === HELPERS === #

    def _billing_get_payment_journal(self, mode):
        """Return the journal that takes the money of a manual payment.

        :param str mode: ``cash``, ``pos``, ``bank`` or ``cheque``.
        """
        self.ensure_one()
        types = {"cash": ["cash"], "pos": ["bank", "credit"]}.get(mode, ["bank"])
        return (
            self[f"billing_{mode}_journal_id"]
            or self._billing_find_journal(types)
            # Odoo's charts come without a cash journal: the money then waits in the
            # outstanding receipts of another journal, for the accountant to match.
            or self._billing_find_journal(["bank", "cash", "credit"])
        )

    def _billing_explain_no_payment_journal(self, mode):
        """Return what to do where no journal takes money by hand, or nothing.

        :param str mode: ``cash``, ``pos`` or ``bank``.
        """
        if self._billing_get_payment_journal(mode):
            return None
        return self.env._(
            "%(company)s has no bank or cash journal, so no money can be recorded. An"
            " accountant adds one: Billing > Configuration > First Steps leads there.",
            company=self.name,
        )
