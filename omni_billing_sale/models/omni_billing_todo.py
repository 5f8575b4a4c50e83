from odoo import api, fields, models
from odoo.tools import SQL

from odoo.addons.omni_billing.tools.write_guard import trust

#: Of its ids; those below sixteen are `omni_billing`'s.
NUMBER = 20


class OmniBillingTodo(models.Model):
    """Orders that are not in Billing as they should be, or were canceled after."""

    _inherit = "omni.billing.todo"
    _depends = {
        "sale.order": [
            *("amount_total", "billing_problem", "billing_to_settle", "company_id"),
            *("currency_id", "partner_id", "user_id"),
        ]
    }

    kind = fields.Selection(
        selection_add=[("sale", "Sales Order")], ondelete={"sale": "cascade"}
    )

    @api.model
    def _get_sources(self):
        return super()._get_sources() | {"sale": "sale.order"}

    @api.model
    def _get_queries(self):
        return [*super()._get_queries(), self._get_sale_query()]

    @api.model
    def _get_sale_query(self):
        """Return the SQL of orders with a problem."""
        return SQL(
            """
            SELECT %(id)s, 'sale', sold.id, sold.write_date,
                   COALESCE(sold.billing_problem, sold.billing_to_settle),
                   NULL, sold.amount_total, sold.currency_id,
                   customer.commercial_partner_id, NULL, NULL, sold.company_id,
                   sold.user_id, 'staff'
              FROM sale_order sold
              JOIN res_partner customer ON customer.id = sold.partner_id
             WHERE sold.billing_problem IS NOT NULL
                OR sold.billing_to_settle IS NOT NULL
            """,
            id=self._get_id(SQL("sold.id"), NUMBER),
        )

    def action_open(self):
        """Override of `omni_billing`: an order opens where it was sold."""
        self.ensure_one()
        if self.kind == "sale":
            return self._get_records().get_formview_action()
        return super().action_open()

    def _again_sale(self):
        """Put into Billing what is not there, as far as it can be."""
        # sudo: who bills need not sell; the list has only what they may see.
        for order in self._get_records().sudo().filtered("billing_problem"):
            order.action_billing_follow()

    def _give_up_sale(self):
        """Take it off the list; what is not in Billing is tried again by the job."""
        self.env["omni.billing.transaction"].check_access("write")
        self._get_records()._billing_settle()
        # sudo: as above.
        trust(self._get_records().sudo()).billing_problem = False
