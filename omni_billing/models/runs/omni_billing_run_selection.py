from odoo import api, fields, models
from odoo.fields import Domain

from ...tools.values import check_length


class OmniBillingRunSelection(models.AbstractModel):
    """Whom a billing run is for, and what it makes: of a run, and of a schedule."""

    _name = "omni.billing.run.selection"
    _description = "Selection of a Billing Run"

    company_id = fields.Many2one(
        "res.company",
        required=True,
        index=True,
        default=lambda self: self.env.company,
    )

    # === Customers === #
    partner_ids = fields.Many2many(
        "res.partner", string="Only Customers", help="None: all customers."
    )
    category_ids = fields.Many2many(
        "res.partner.category", string="Tags", help="Customers with one of these."
    )
    lang = fields.Selection(
        selection="_get_languages",
        string="Language",
        help="Customers who speak this language.",
    )
    payment_method = fields.Selection(
        [
            ("card", "With a saved payment method"),
            ("no_card", "Without a saved payment method"),
        ],
        help="Empty: whether they have a payment method or not.",
    )

    # === Transactions === #
    currency_id = fields.Many2one(
        "res.currency", help="Only transactions in this currency."
    )
    filter_text = fields.Char(
        string="Filter",
        help="Only transactions with this text in their title or description.",
    )
    amount_minimum = fields.Monetary(
        string="Minimum",
        currency_field="company_currency_id",
        help="What comes to less stays unbilled, until a later run.",
    )
    company_currency_id = fields.Many2one(
        related="company_id.currency_id", string="Company Currency"
    )

    # === Invoices === #
    title = fields.Char(
        string="Invoice Title",
        help="Empty: the period, in the language of the customer.",
    )
    customer_reference = fields.Char(
        string="Customer's Reference",
        help="For all invoices of the run, like the number of an order that a group of"
        " companies placed. Empty: those of what is billed.",
    )
    due_policy = fields.Selection(
        [
            ("date", "A fixed date"),
            ("term", "Payment terms"),
            ("customer", "The customer's payment terms"),
        ],
        string="Due",
        required=True,
        default="date",
    )
    payment_term_id = fields.Many2one(
        "account.payment.term",
        check_company=True,
        string="Payment Terms",
        index="btree_not_null",
    )

    # === What comes next === #
    is_charge = fields.Boolean(
        string="Charge the Default Payment Method",
        help="Of customers who have one. What fails is tried again, then left to"
        " staff in the action centre.",
    )
    is_email = fields.Boolean(
        string="Send by E-mail", help="After the charge, if there is one."
    )

    _minimum_not_negative = models.Constraint(
        "CHECK(amount_minimum IS NULL OR amount_minimum >= 0)",
        "The minimum cannot be negative.",
    )
    _term_required = models.Constraint(
        "CHECK(due_policy != 'term' OR payment_term_id IS NOT NULL)",
        "Choose the payment terms.",
    )

    @api.constrains("customer_reference")
    def _check_customer_reference(self):
        field = self._fields["customer_reference"]
        for selection in self:
            check_length(self.env, field, selection.customer_reference)

    @api.model
    def _get_languages(self):
        return self.env["res.lang"].get_installed()

    def _get_selection_domain(self):
        """Return which transactions a run is about. Hook: narrow it.

        Dates are those of the run; see `omni.billing.run`.
        """
        self.ensure_one()
        domain = Domain.TRUE
        if self.partner_ids:
            customers = self.partner_ids.commercial_partner_id
            domain &= Domain("commercial_partner_id", "in", customers.ids)
        if self.category_ids:
            domain &= Domain(
                "commercial_partner_id.category_id", "child_of", self.category_ids.ids
            )
        if self.lang:
            domain &= Domain("commercial_partner_id.lang", "=", self.lang)
        if self.payment_method:
            operator = "in" if self.payment_method == "card" else "not in"
            domain &= Domain(
                "commercial_partner_id", operator, self._find_customers_with_card()
            )
        return domain

    def _find_customers_with_card(self):
        # sudo: staff bill by whether there is a card, and read nothing of it.
        Token = self.env["payment.token"].sudo()
        groups = Token._read_group(
            Domain("billing_is_charged", "=", True)
            & Domain("provider_id.state", "in", ("enabled", "test"))
            & Domain("company_id", "parent_of", self.company_id.id),
            ["partner_id"],
        )
        partners = self.env["res.partner"].union(*(partner for (partner,) in groups))
        return partners.commercial_partner_id.ids
