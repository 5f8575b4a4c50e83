from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from odoo.addons.omni_billing.tools.action import open_list
from odoo.addons.omni_billing.tools.lock import take_turns, wait_for
from odoo.addons.omni_billing.tools.numbers import format_number
from odoo.addons.omni_billing.tools.recurrence import DAY
from odoo.addons.omni_billing.tools.write_guard import trust

from ..tools.shares import DECIMALS, count_paid

#: Of the payment of the invoice: a pack may be used nevertheless.
UNDISPUTED = (False, "won", "owed")
#: Where its invoice may stand for a pack to be used, by what the company chose.
USABLE = {"payment": ("paid",), "invoice": ("unpaid", "partial", "paid")}


class OmniBillingPack(models.Model):
    """So many units that a customer bought, and what is left of them (W42).

    It is made when its invoice is posted, by the server alone. Whether it can be used
    is not kept: the invoice is asked, each time, so a payment that comes back, a void
    or a dispute needs nobody to tell the pack.

    What it is worth is not kept either. The books say so: each line of an invoice, a
    credit note or an entry of income on the account of deferred revenue names its pack,
    and their balance, less what was used and is not booked yet, is what is left.
    """

    _name = "omni.billing.pack"
    _inherit = "omni.billing.server.mixin"
    _description = "Prepaid Pack"
    # What ends first is used first.
    _order = "expires_on, id"
    _check_company_auto = True

    name = fields.Char(required=True, readonly=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    partner_id = fields.Many2one(
        "res.partner",
        string="Customer",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
        help="Who uses it.",
    )
    commercial_partner_id = fields.Many2one(
        "res.partner",
        string="Main Customer",
        required=True,
        readonly=True,
        ondelete="restrict",
        help="Whose contacts may use it.",
    )
    product_id = fields.Many2one(
        "product.product",
        string="Used for",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    uom_id = fields.Many2one(related="product_id.uom_id")
    units = fields.Float(
        string="Bought", digits="Product Unit", required=True, readonly=True
    )
    units_left = fields.Float(
        string="Left",
        digits="Product Unit",
        required=True,
        readonly=True,
        help="The database counts it, from the rows of uses.",
    )
    units_usable = fields.Float(
        string="Left and Paid",
        digits="Product Unit",
        compute="_compute_units_usable",
        compute_sudo=True,
        help="Without those whose price was written off with the invoice.",
    )
    price = fields.Monetary(
        readonly=True,
        currency_field="currency_id",
        help="What it was sold for, without taxes that come on top.",
    )
    currency_id = fields.Many2one("res.currency", required=True, readonly=True)
    company_currency_id = fields.Many2one(related="company_id.currency_id")
    begins_on = fields.Date(string="Begins", required=True, readonly=True)
    expires_on = fields.Date(
        string="Ends", readonly=True, help="The last day. Empty: it never expires."
    )
    low_units = fields.Float(digits="Product Unit", readonly=True)
    transaction_id = fields.Many2one(
        "omni.billing.transaction",
        string="Sold by",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    invoice_id = fields.Many2one(
        "account.move",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    account_id = fields.Many2one(
        "account.account",
        string="Deferred Revenue",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
        groups="base.group_user",
    )
    income_account_id = fields.Many2one(
        "account.account",
        string="Income",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
        groups="base.group_user",
    )
    use_ids = fields.One2many("omni.billing.pack.use", "pack_id", string="Uses")
    state = fields.Selection(
        [
            ("waiting", "Not Paid Yet"),
            ("open", "Can Be Used"),
            ("used", "Used Up"),
            ("expired", "Expired"),
            ("closed", "Closed"),
        ],
        string="Status",
        compute="_compute_state",
    )
    value_left = fields.Monetary(
        string="Worth",
        compute="_compute_value_left",
        currency_field="company_currency_id",
        groups="base.group_user",
        help="What is left of it, without taxes: deferred revenue that is income once"
        " it is used.",
    )

    _units_left_within = models.Constraint(
        "CHECK(units > 0 AND units_left >= 0 AND units_left <= units)",
        "No more can be used of a pack than is left of it. Nothing was changed.",
    )
    _sold_once = models.UniqueIndex(
        "(transaction_id, invoice_id)", "This pack was made already."
    )
    # What a customer can use, and what expires.
    _customer_idx = models.Index("(commercial_partner_id, company_id, expires_on, id)")
    _expires_idx = models.Index("(expires_on) WHERE units_left > 0")
    _company_idx = models.Index("(company_id, expires_on, id)")

    # === COMPUTE METHODS === #

    @api.depends(
        *("units_left", "expires_on", "company_id.billing_pack_usable"),
        *("invoice_id.billing_state", "invoice_id.billing_dispute"),
    )
    def _compute_state(self):
        for pack in self:
            today = fields.Date.context_today(pack)
            if not pack._is_sold():
                # sudo: what the invoice says is a customer's to know, and no more.
                state = pack.sudo().invoice_id.billing_state
                is_waiting = pack.units_left and state in ("unpaid", "partial")
                pack.state = "waiting" if is_waiting else "closed"
            elif not pack.units_left:
                pack.state = "used"
            elif not pack.units_usable:
                pack.state = "closed"
            elif pack.expires_on and pack.expires_on < today:
                pack.state = "expired"
            else:
                pack.state = "open"

    @api.depends("units", "units_left", "invoice_id.billing_state")
    def _compute_units_usable(self):
        """What was written off is paid by nobody: units count as far as it was paid."""
        for pack in self:
            lost, owed = pack.invoice_id._billing_read_loss()
            unpaid = pack.units - count_paid(pack.units, lost, owed) if lost else 0.0
            pack.units_usable = max(0.0, round(pack.units_left - unpaid, DECIMALS))

    def _compute_value_left(self):
        left = self._read_values_left()
        for pack in self:
            pack.value_left = left.get(pack.id, 0.0)

    # === HELPERS: WHAT IT IS WORTH === #

    def _read_values_left(self):
        """Return what is left of each, in the currency of the company.

        The balance in the books, less what was used and is not booked yet.

        :rtype: dict[int, float]
        """
        if not self.ids:
            return {}
        Line, Use = self.env["account.move.line"], self.env["omni.billing.pack.use"]
        for model, names in (
            (Line, ["billing_pack_id", "balance", "parent_state", "account_id"]),
            (Use, ["pack_id", "amount", "is_booked", "kind", "transaction_id"]),
            (self.env["omni.billing.transaction"], ["state"]),
        ):
            model.flush_model(names)
        self.env.cr.execute(
            SQL(
                """
                SELECT pack.id, COALESCE(books.balance, 0) - COALESCE(used.amount, 0)
                  FROM omni_billing_pack pack
     LEFT JOIN LATERAL (
                SELECT -SUM(line.balance) AS balance
                  FROM account_move_line line
                 WHERE line.billing_pack_id = pack.id
                   AND line.account_id = pack.account_id
                   AND line.parent_state = 'posted') books ON TRUE
     LEFT JOIN LATERAL (
                SELECT SUM(use.amount) AS amount
                  FROM omni_billing_pack_use use
             LEFT JOIN omni_billing_transaction credit
                    ON credit.id = use.transaction_id
                 WHERE use.pack_id = pack.id
                   AND NOT use.is_booked
                   AND (use.kind != 'refund' OR credit.state = 'unbilled')
                       ) used ON TRUE
                 WHERE pack.id = ANY(%s)
                """,
                list(self.ids),
            )
        )
        found = dict(self.env.cr.fetchall())
        return {
            pack.id: pack.company_id.currency_id.round(float(found[pack.id]))
            for pack in self
        }

    # === HELPERS: WHERE IT STANDS === #

    def _get_usable_domain(self, company):
        """Return what is sold: invoiced or paid, as the company chose."""
        state = "invoice_id.billing_state"
        return (
            Domain("company_id", "=", company.id)
            & (
                Domain(state, "in", USABLE[company.billing_pack_usable])
                # Credits paid for it: nothing is owed for what is on a credit note.
                | Domain("invoice_id.move_type", "=", "out_refund")
                & Domain(state, "in", USABLE["invoice"])
            )
            & Domain("invoice_id.billing_dispute", "in", UNDISPUTED)
        )

    def _is_sold(self):
        """Whether its invoice lets it be used."""
        self.ensure_one()
        # sudo: what the invoice says is asked for whoever may see the pack.
        pack = self.sudo()
        move = pack.invoice_id
        is_owed = move.move_type == "out_invoice"
        states = USABLE[pack.company_id.billing_pack_usable if is_owed else "invoice"]
        return move.billing_state in states and move.billing_dispute in UNDISPUTED

    def _find_taken(self):
        """Return the rows of what was used or refunded, and not given back."""
        rows = self.use_ids.filtered(lambda use: use.kind in ("use", "refund"))
        return rows.filtered(lambda use: not use.is_taken_back)

    def _find_refunded(self):
        """Return those of which units were refunded, and not given back."""
        return self._find_taken().filtered(lambda use: use.kind == "refund").pack_id

    @api.model
    def _get_customer_domain(self, customer):
        """Return what is a customer's: who bought it may belong to a company by now.

        What a company bought stays its own, wherever the contact works today. Uses are
        found the same way.

        :param customer: a commercial `res.partner`.
        """
        return Domain("commercial_partner_id.commercial_partner_id", "=", customer.id)

    # === BUSINESS METHODS === #

    @api.model
    def _make_of_lines(self, lines):
        """Make a pack of each line of an invoice that sells one, just posted."""
        # sudo: whoever posts an invoice makes what it sells; see the mixin.
        for line in lines.sudo():
            self.sudo()._make_of_line(line)

    @api.model
    def _make_of_line(self, line):
        transaction, move = line.billing_transaction_id, line.move_id
        product = line.product_id.with_company(move.company_id)
        product.product_tmpl_id._billing_check_sellable(move.company_id)
        units = transaction._count_pack_units()
        begins, partner = move.invoice_date, transaction.partner_id
        months = product.billing_pack_months
        accounts = product.product_tmpl_id.get_product_accounts(move.fiscal_position_id)
        pack = self.create(
            {
                "name": transaction.name,
                "company_id": move.company_id.id,
                "partner_id": partner.id,
                "commercial_partner_id": partner.commercial_partner_id.id,
                "product_id": product.billing_pack_product_id.id,
                "units": units,
                "units_left": units,
                "price": transaction.retail_cost,
                "currency_id": transaction.currency_id.id,
                "begins_on": begins,
                "expires_on": begins + relativedelta(months=months) - DAY
                if months
                else False,
                "low_units": product.billing_pack_low,
                "transaction_id": transaction.id,
                "invoice_id": move.id,
                "account_id": line.account_id.id,
                "income_account_id": (
                    accounts["income"] or move.journal_id.default_account_id
                ).id,
            }
        )
        trust(line).billing_pack_id = pack
        return pack

    def _close(self, kind):
        """Take what is left of each pack: nothing can be used any more.

        Its worth, if any is left, becomes income with what is used; less than nothing
        takes income back.

        :param str kind: of the row: ``expired``, ``closed``, or ``difference`` where no
            unit is left.
        """
        left = self._read_values_left()
        self.env["omni.billing.pack.use"]._add(
            [
                {
                    "pack_id": pack.id,
                    "kind": kind,
                    "units": pack.units_left,
                    "amount": left[pack.id],
                }
                for pack in self
                if pack.units_left or left[pack.id]
            ]
        )

    def _follow_credits(self, lines):
        """Close packs that credit notes, just posted, give back.

        What is credited by hand is a lower price as long as what is left is worth
        something after it; then the pack is given back. Whatever else a credit note
        says, it is booked: the money is the customer's, and income follows.

        :param lines: of the credit notes, on the account of the pack.
        """
        packs = lines.billing_pack_id
        # Who refunds or uses units meanwhile begins again, and reads what is left.
        wait_for(packs)
        take_turns(packs)
        for pack, own in lines.grouped("billing_pack_id").items():
            is_canceled = pack.transaction_id in own.billing_transaction_id.cancels_id
            is_refund = all(line.billing_transaction_id.pack_id == pack for line in own)
            if is_refund and not pack.units_left:
                # They may come back: their credit can be voided still.
                pack._close("difference")
            elif is_canceled or not pack.units_left or pack._is_given_back():
                pack._close("closed")

    def _is_given_back(self):
        """Whether documents leave nothing of what the units that are left cost.

        In the currency of the documents: a credit note has another rate than the
        invoice.
        """
        self.ensure_one()
        lines = self.env["account.move.line"].search(
            Domain("billing_pack_id", "=", self.id)
            & Domain("account_id", "=", self.account_id.id)
            & Domain("parent_state", "=", "posted")
            & Domain("move_id.move_type", "in", ("out_invoice", "out_refund"))
        )
        sold = lines.filtered(lambda line: line.move_id == self.invoice_id)
        booked = sum(sold.mapped("balance"))
        rate = sum(sold.mapped("amount_currency")) / booked if booked else 1.0
        gone = self.use_ids.filtered(
            lambda use: use.kind != "refund" or use.transaction_id.state == "unbilled"
        )
        left = -sum(lines.mapped("amount_currency"))
        left -= sum(gone.mapped("amount")) * rate
        # Each share was rounded in the currency of the company.
        is_own = self.currency_id == self.company_currency_id
        dust = 0.0 if is_own else self.currency_id.rounding * len(gone)
        return self.currency_id.compare_amounts(left, dust) <= 0

    # === ACTION METHODS === #

    def action_open_uses(self):
        """Show what became of the pack."""
        action = "omni_billing_wallet.omni_billing_pack_use_action"
        return open_list(self.env, action, [("pack_id", "in", self.ids)])

    def action_open_invoice(self):
        """Show the invoice that sold it."""
        self.ensure_one()
        return self.invoice_id.action_billing_open_detail()

    def _describe_left(self):
        """Return how much is left of packs for the same: 7 Hours × Consulting."""
        left = format_number(self.env, round(sum(self.mapped("units_usable")), 6))
        # sudo: what a product is called is no secret.
        product = self[:1].product_id.sudo()
        unit = product.uom_id
        if not unit or unit == self.env.ref("uom.product_uom_unit"):
            return f"{left} × {product.name}"
        return f"{left} {unit.name} × {product.name}"
