from odoo import api, models
from odoo.fields import Domain


class OmniBillingUsageRating(models.Model):
    """What usage will cost: a check of a run writes nothing (W41)."""

    _inherit = "omni.billing.usage.rating"

    @api.model
    def _get_due_domain(self, moment, company):
        """Return what is not charged yet, and will be by a moment, as rated by now."""
        return Domain(
            [
                ("state", "=", "running"),
                ("is_closed", "=", False),
                ("end", "<=", moment),
                ("company_id", "=", company.id),
                ("amount", ">", 0),
            ]
        )

    def _prepare_preview(self):
        """Return the values of the charge that it will be, as by now."""
        self.ensure_one()
        service, meter = self.service_id, self.meter_id
        values = service._prepare_common_values(self.amount) | {
            "name": self.display_name,
            "currency_id": self.currency_id.id,
            "date": self.date_to,
            "tax_included": self.plan_id.tax_included,
        }
        if meter.product_id:
            values["product_id"] = meter.product_id.id
            del values["tax_ids"]
        return values


class OmniBillingService(models.Model):
    """Checks of runs know what usage will be charged (W41)."""

    _inherit = "omni.billing.service"

    @api.model
    def _preview_all_due(self, moment, company, customers):
        """Override of `omni_billing`: and of usage, what is over by then."""
        found = super()._preview_all_due(moment, company, customers)
        # sudo: who checks a run may read what it bills.
        Rating = self.env["omni.billing.usage.rating"].sudo()
        domain = Rating._get_due_domain(moment, company) & Domain(
            "service_id.commercial_partner_id", "in", customers.ids
        )
        # Also of services that were archived since.
        ratings = Rating.with_context(active_test=False).search(domain, order="id")
        Transaction = self.env["omni.billing.transaction"]
        return found.concat(
            *(
                Transaction.new(rating._prepare_preview() | {"state": "unbilled"})
                for rating in ratings
            )
        )


class OmniBillingRun(models.Model):
    """A check has those who have usage alone, too (W41)."""

    _inherit = "omni.billing.run"

    def _find_served(self):
        """Override of `omni_billing`: customers whose usage is over by then."""
        # sudo: as above.
        Rating = self.env["omni.billing.usage.rating"].sudo()
        groups = Rating._read_group(
            Rating._get_due_domain(self._get_check_moment(), self.company_id),
            ["service_id", "currency_id"],
        )
        return list(
            dict.fromkeys(
                super()._find_served()
                + [
                    (service.commercial_partner_id.with_env(self.env), currency)
                    for service, currency in groups
                ]
            )
        )
