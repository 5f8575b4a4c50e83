from odoo import api, fields, models
from odoo.fields import Domain


class OmniBillingOverdueLook(models.Model):
    """Which customers the job looks at next, see `omni.billing.overdue` (W35).

    A payment adds a row, and so waits for nobody; the job alone deletes them. One row
    is of no customer: how far the job is with all of them.
    """

    _name = "omni.billing.overdue.look"
    _inherit = "omni.billing.server.mixin"
    _description = "Customers to Be Looked at for Debts"
    _order = "id"

    partner_id = fields.Many2one(
        "res.partner",
        string="Customer",
        readonly=True,
        index="btree_not_null",
        ondelete="cascade",
    )
    last_id = fields.Integer(
        readonly=True, help="The customer that was looked at last, of all in turn."
    )

    @api.model
    def _call(self, accounts):
        """Have the job look at customers first.

        :param accounts: ids of company and customer.
        """
        customer_ids = sorted({customer_id for _company_id, customer_id in accounts})
        self.create([{"partner_id": customer_id} for customer_id in customer_ids])

    @api.model
    def _find_called(self):
        """Return whom something was paid or decided of, since they were looked at."""
        return self.search(Domain("partner_id", "!=", False))

    def _take(self, customer_ids):
        """Delete those of these that are of some customers: they were looked at."""
        self.exists().filtered(lambda one: one.partner_id.id in customer_ids).unlink()

    @api.model
    def _find_place(self):
        """Return the row that says how far the job is."""
        return self.search(Domain("partner_id", "=", False), limit=1) or self.create({})
