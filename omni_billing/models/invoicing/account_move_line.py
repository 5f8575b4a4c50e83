from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date

from ...tools.notice import notice
from ...tools.numbers import format_amount, format_quantity
from ...tools.unit_price import shorten_price
from ...tools.write_guard import is_trusted, trust, without_defaults
from .account_move_guard import is_judged, will_change

#: What may change on the lines of a numbered invoice; see `account_move_guard` for
#: the invoice itself. What the customer was shown, and what was booked, may not.
MAY_CHANGE = {
    # What the company counts for itself.
    "analytic_distribution",
    "analytic_line_ids",
    # Reminding, by other addons.
    "no_followup",
    # Money that meets the invoice.
    "matching_number",
    "reconciled_lines_ids",
}
#: Which transaction a line is of, and what that says of it; billing says so.
LINKS = {
    *("billing_transaction_id", "billing_date", "billing_site_id"),
    *("billing_reference", "billing_participant"),
}
#: Of which time a line is, in Odoo Enterprise, which defers the rest of it.
PERIOD = ("deferred_start_date", "deferred_end_date")


class AccountMoveLine(models.Model):
    _inherit = "account.move.line"

    # The company is checked where the transaction names the invoice: each line would
    # cost as much as an account does.
    billing_report_state = fields.Selection(
        related="billing_transaction_id.report_state", string="Reported"
    )
    billing_transaction_id = fields.Many2one(
        "omni.billing.transaction",
        readonly=True,
        copy=False,
        ondelete="restrict",
    )
    billing_date = fields.Date(readonly=True)
    # Of its own: a void line has no transaction, and is of that site all the same.
    billing_site_id = fields.Many2one(
        "res.partner",
        string="Site of the Customer",
        readonly=True,
        index="btree_not_null",
        help="Where it was used.",
    )
    billing_reference = fields.Char(
        string="Customer's Reference",
        readonly=True,
        help="The customer's own number for it, like that of a purchase order.",
    )
    # By name: what the customer was told stays.
    billing_participant = fields.Char(
        string="Used by", readonly=True, help="Who used what another customer pays."
    )
    billing_tax_label = fields.Char(string="Tax", compute="_compute_billing_amounts")
    billing_total = fields.Monetary(
        string="Total with Tax",
        compute="_compute_billing_amounts",
        currency_field="currency_id",
    )

    # Two people at once cannot put a transaction on two invoices (promise 2).
    _billing_transaction_unique = models.UniqueIndex(
        "(billing_transaction_id) WHERE billing_transaction_id IS NOT NULL",
        "This transaction is on an invoice already.",
    )

    @api.depends("price_subtotal", "tax_ids", "move_id.amount_tax")
    @api.depends_context("lang")
    def _compute_billing_amounts(self):
        """Write the tax of a line like "$10.00 (10%)" (F79), "-" if there is none."""
        self.billing_tax_label, self.billing_total = "-", 0.0
        for move in self.move_id:
            for line in move._billing_get_lines():
                record = line["record"]
                record.billing_total = line["amount_total"]
                if line["tax_amount"]:
                    amount = format_amount(
                        self.env, line["tax_amount"], move.currency_id
                    )
                    percentage = move._billing_format_percentage(line["tax_percentage"])
                    record.billing_tax_label = f"{amount} ({percentage})"

    @api.model_create_multi
    def create(self, vals_list):
        if any(vals.get("billing_transaction_id") for vals in vals_list):
            self._billing_check_link()
        # Nor by a default of the context, which any client chooses.
        model = without_defaults(self, LINKS)
        lines = super(AccountMoveLine, model).create(vals_list)
        lines._billing_check_not_numbered()
        return lines

    def write(self, vals):
        """Override of `account`: posted is posted, for each line of the invoice.

        Odoo itself lets a script change the price on a posted, unhashed invoice.
        """
        if "billing_transaction_id" in vals:
            self._billing_check_link()
        names = [
            name
            for name in vals
            if name not in MAY_CHANGE
            and name in self._fields
            and is_judged(self._fields[name])
        ]
        if names:
            self._billing_check_not_numbered(
                lambda line: any(will_change(line, vals, name) for name in names)
            )
        result = super().write(vals)
        if "analytic_distribution" in vals:
            self._billing_tell_distribution()
        if "move_id" in vals:
            # Nor may a line be moved to a numbered invoice from another one.
            self._billing_check_not_numbered()
        return result

    def unlink(self):
        """Override of `account`: what leaves a draft can be billed again (F34)."""
        self._billing_check_not_numbered()
        # sudo: who may take a line out of a draft frees its transaction.
        if lines := self.sudo().filtered("billing_transaction_id"):
            lines.billing_transaction_id._release()
        return super().unlink()

    def _billing_describe_price(self):
        """Return how many of what were charged at which price; nothing of a single one.

        As on the invoice: before tax, but for prices that Odoo's taxes are in. Of what
        the tax engine could only take as a whole, it is what was entered.
        """
        self.ensure_one()
        # sudo: who reads the invoice may not read transactions, or units.
        line = self.sudo()
        quantity, price = line.quantity, abs(line.price_unit)
        entered = line.billing_transaction_id
        if quantity == 1 and entered and entered.quantity != 1:
            quantity, price = entered.quantity, entered.price_unit
        if quantity == 1:
            return ""
        return format_quantity(
            self.env,
            quantity,
            line.product_uom_id,
            shorten_price(price, quantity, self.currency_id.round),
            self.currency_id,
        )

    def _billing_comes_to(self, amount):
        """Whether quantity and price come to an amount without being rounded."""
        price = self.price_unit * (1 - self.discount / 100)
        return abs(self.quantity * price - amount) < 1e-9 * max(1.0, abs(amount))

    @api.model
    def _billing_defers(self):
        """Whether Odoo itself defers what lines are of, by their dates."""
        return all(name in self._fields for name in PERIOD)

    @api.model
    def _billing_prepare_period(self, account, first, last):
        """Return the values by which Odoo defers a line, if it does so at all.

        :param account: where it is booked: what is no income is not deferred.
        """
        is_deferred = first and last and account.internal_group == "income"
        if not is_deferred or not self._billing_defers():
            return {}
        return dict(zip(PERIOD, (first, last), strict=True))

    def _billing_copy_period(self):
        """Return what has a line that credits this one deferred as it is."""
        if not self._billing_defers():
            return {}
        return {name: self[name] for name in PERIOD}

    def _related_analytic_distribution(self):
        """Override of `account`: what its transaction says comes before any model."""
        related = super()._related_analytic_distribution()
        # sudo: who works on an invoice need not see transactions.
        transaction = self.sudo().billing_transaction_id
        return related | (transaction.analytic_distribution or {})

    # === ACTION METHODS === #

    def action_billing_open_transaction(self):
        """Show what a line was made of: of which service it is, or who entered it.

        :return: the dialog of the transaction; of a line that has none, a notice.
        """
        self.ensure_one()
        if transaction := self.billing_transaction_id:
            return transaction.action_open_detail()
        if self.move_id.billing_is_void:
            message = self.env._(
                "The invoice is void: its items are among the customer's transactions."
            )
        else:
            message = self.env._(
                "%(user)s entered this line in accounting on %(date)s.",
                user=self.create_uid.name,
                date=format_date(self.env, self.create_date),
            )
        return notice(message, "info")

    def _billing_tell_distribution(self):
        """Have transactions counted for what their lines are, by whatever door."""
        # sudo: who may change a line in the books need not see its transaction.
        for line in self.sudo().filtered("billing_transaction_id"):
            transaction = line.billing_transaction_id
            if transaction.analytic_distribution != line.analytic_distribution:
                trust(transaction).analytic_distribution = line.analytic_distribution

    def _billing_check_link(self):
        if not is_trusted(self.env):
            raise UserError(self.env._("To put a transaction on an invoice, bill it."))

    def _billing_check_not_numbered(self, is_concerned=lambda line: True):
        """Check that no line of a numbered invoice is added, changed or removed."""
        if is_trusted(self.env):
            return
        # Ask the invoice, not `parent_state` of the line, which could be written over.
        for move, lines in self.grouped("move_id").items():
            if (
                move.state != "draft"
                and any(is_concerned(line) for line in lines)
                and move._billing_is_numbered()
            ):
                move._billing_raise_numbered()
