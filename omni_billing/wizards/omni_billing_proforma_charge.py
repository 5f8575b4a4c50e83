from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date

from ..tools.action import open_dialog
from ..tools.numbers import format_amount
from ..tools.periods import format_period

#: So many transactions that were left out are named in the history.
MAX_TOLD = 30


class OmniBillingProformaWizard(models.TransientModel):
    """A charge that is entered in the preview; and what the history tells of it."""

    _inherit = "omni.billing.proforma.wizard"

    new_name = fields.Char(string="Title of a New Charge")
    new_product_id = fields.Many2one(
        "product.product", string="Product", check_company=True
    )
    new_amount = fields.Monetary(
        string="Retail Cost",
        compute="_compute_new_amount",
        store=True,
        readonly=False,
        precompute=True,
    )

    @api.depends("new_product_id")
    def _compute_new_amount(self):
        for wizard in self:
            price = wizard.new_product_id.lst_price
            wizard.new_amount = price or wizard.new_amount

    def action_add_charge(self):
        """Enter a charge, which is on the preview, and unbilled until it is billed.

        :return: the action that shows the preview anew.
        :raise UserError: if title or amount is missing.
        """
        self.ensure_one()
        if not (self.new_name or self.new_product_id) or self.new_amount <= 0:
            raise UserError(
                self.env._("Enter a title, or a product, and what it costs.")
            )
        if self.filter_text:
            raise UserError(
                self.env._("Remove the filter first: it may hide what you add.")
            )
        self.env["omni.billing.transaction"].create(self._prepare_new_charge())
        self.write({"new_name": False, "new_product_id": False, "new_amount": 0.0})
        self._compute_line_ids()
        context = {"billing_partner_fixed": True}
        return open_dialog(
            self._name, self.env._("Create an Invoice"), context, res_id=self.id
        )

    # === HELPERS === #

    def _prepare_new_charge(self):
        """Return the values of what was entered here, on a day of the period."""
        today = fields.Date.context_today(self)
        day = min(filter(None, (today, self.date_end)))
        values = {
            "partner_id": self.partner_id.id,
            "company_id": self.company_id.id,
            "currency_id": self.currency_id.id,
            "date": max(filter(None, (day, self.date_start))),
            "retail_cost": self.new_amount,
        }
        if self.new_name:
            values["name"] = self.new_name
        if self.new_product_id:
            values["product_id"] = self.new_product_id.id
        return values

    def _describe_choice(self):
        """Write from what the lines were chosen, for the invoice's history (F217)."""
        self.ensure_one()
        period = format_period(
            self.date_start, self.date_end, lambda day: format_date(self.env, day)
        )
        texts = [period and self.env._("Period: %(period)s", period=period)]
        if self.filter_text:
            texts.append(self.env._("Filter: %(text)s", text=self.filter_text))
        left_out = self.line_ids.filtered(lambda line: not line.included)
        texts += [
            self.env._(
                "Left out: %(title)s (%(date)s, %(amount)s)",
                title=line.name,
                date=format_date(self.env, line.date),
                amount=format_amount(self.env, line.amount_total, line.currency_id),
            )
            for line in left_out[:MAX_TOLD]
        ]
        if more := len(left_out[MAX_TOLD:]):
            texts.append(self.env._("Left out: %(count)s more", count=more))
        return "\n".join(filter(None, texts))
