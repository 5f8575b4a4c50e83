from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..tools.events import is_text


class OmniBillingUsageIdentifier(models.Model):
    """A number, SIM or badge: whose usage it is, and since when (W41)."""

    _name = "omni.billing.usage.identifier"
    _description = "Identifier of Usage"
    _rec_name = "value"
    _order = "value, valid_from desc, id"

    value = fields.Char(
        string="Identifier",
        required=True,
        help="A phone number, SIM or badge, as usage names it.",
    )
    service_id = fields.Many2one(
        "omni.billing.service",
        required=True,
        index=True,
        ondelete="cascade",
        help="Whose usage it is.",
    )
    partner_id = fields.Many2one(
        related="service_id.commercial_partner_id", string="Customer"
    )
    company_id = fields.Many2one(
        related="service_id.company_id", store=True, precompute=True
    )
    valid_from = fields.Datetime(help="Empty: since ever.")
    valid_until = fields.Datetime(
        help="From then on it is nobody's, or another service's. Empty: until further"
        " notice.",
    )

    _valid_in_order = models.Constraint(
        "CHECK(valid_until > valid_from)", "An identifier ends after it begins."
    )
    # Whatever door it comes by, at each moment a number is of one service.
    _one_at_a_time = models.Constraint(
        "EXCLUDE USING gist (int4range(company_id, company_id, '[]') WITH =,"
        " omni_billing_text_range(value, value, '[]') WITH =,"
        " tsrange(valid_from, valid_until) WITH &&)",
        "This identifier is of another service in that time. End it there first.",
    )
    _value_idx = models.Index("(company_id, value)")

    @api.model_create_multi
    def create(self, vals_list):
        """Override of the ORM: one that ended just now makes way for the next."""
        self.flush_model(["valid_from", "valid_until", "value"])
        return super().create(vals_list)

    @api.constrains("value")
    def _check_value(self):
        for identifier in self:
            if not is_text(identifier.value):
                raise ValidationError(
                    self.env._(
                        "An identifier is a text of up to 128 characters, without"
                        " spaces around it."
                    )
                )
