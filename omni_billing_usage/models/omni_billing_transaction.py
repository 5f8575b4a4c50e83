from odoo import api, fields, models
from odoo.exceptions import UserError

#: What is written by the job, with the usage that it is made of.
RATED_FIELDS = {
    *("name", "description", "transaction_type", "credit_type_id"),
    *("partner_id", "company_id", "currency_id", "date", "service_id", "product_id"),
    *("retail_cost", "quantity", "price_unit", "uom_id", "tax_included"),
}


class OmniBillingTransaction(models.Model):
    """A transaction of usage: its amount is rated, and can be opened (W41)."""

    _inherit = "omni.billing.transaction"

    usage_rating_ids = fields.One2many(
        "omni.billing.usage.rating",
        "transaction_id",
        string="Rated Usage",
        readonly=True,
        groups="base.group_user",
    )
    usage_topup_ids = fields.One2many(
        "omni.billing.usage.topup",
        "transaction_id",
        string="Top-Ups",
        readonly=True,
        groups="base.group_user",
    )
    is_usage = fields.Boolean(
        compute="_compute_is_usage", compute_sudo=True, groups="base.group_user"
    )

    # === COMPUTE METHODS === #

    @api.depends("usage_rating_ids")
    def _compute_is_usage(self):
        for transaction in self:
            transaction.is_usage = bool(transaction.usage_rating_ids)

    # === CRUD METHODS === #

    def _check_write_values(self, vals):
        """Override of `omni_billing`: what usage comes to is rated, not entered.

        :raise UserError: if it would change by hand.
        """
        if RATED_FIELDS & vals.keys():
            self._check_not_rated(
                self.env._(
                    "“%(title)s” is usage: its amount is rated. Enter a credit or a"
                    " charge beside it, or void it."
                )
            )
        return super()._check_write_values(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_rated(self):
        self._check_not_rated(
            self.env._(
                "“%(title)s” is usage, and would be charged again: void it instead."
            )
        )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_topup(self):
        # sudo: it stays also for who may not read top-ups.
        if charge := self.sudo().filtered("usage_topup_ids")[:1]:
            raise UserError(
                self.env._(
                    "“%(title)s” is the charge of a top-up: void it instead, and the"
                    " top-up ends.",
                    title=charge.name,
                )
            )

    def _set_void(self, reason=None, is_free=False):
        """Override of `omni_billing`: a top-up ends that nobody is to pay for.

        What was used of it by then stays covered. What is given away stays.
        """
        result = super()._set_void(reason=reason, is_free=is_free)
        if not is_free:
            # sudo: as above, and whoever voids it.
            self.sudo().usage_topup_ids._end()
        return result

    def _check_not_rated(self, message):
        # sudo: it stays also for who may not read what it is made of.
        rated = self.sudo().filtered("usage_rating_ids")
        if rated:
            raise UserError(message % {"title": rated[0].name})

    # === ACTION METHODS === #

    def action_open_usage_rating(self):
        """Open what the amount is made of."""
        self.ensure_one()
        rating = self.usage_rating_ids
        return {
            "type": "ir.actions.act_window",
            "res_model": rating._name,
            "res_id": rating.id,
            "views": [(False, "form")],
        }

    # === HELPERS === #

    def _billing_find_rated_anew(self, values, names):
        """Return what is to be written, if usage comes to something else by now.

        :param dict values: what it comes to.
        :param names: fields that are written together. Another product comes with its
            taxes; else those of the transaction stay, which staff may have corrected.
        :rtype: dict
        """
        self.ensure_one()
        changed = {
            name
            for name in {*names, "product_id"} & values.keys()
            if self._fields[name].convert_to_write(self[name], self) != values[name]
        }
        if "product_id" in changed:
            names = {*names, "product_id", "tax_ids"}
        return {name: values[name] for name in names & values.keys() if changed}
