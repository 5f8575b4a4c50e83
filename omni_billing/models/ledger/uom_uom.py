import re

from odoo import api, fields, models
from odoo.exceptions import ValidationError

#: Of UN/ECE Recommendation 20, https://unece.org/trade/uncefact/cl-recommendations
CODE = re.compile(r"[A-Z0-9]{2,3}")


class UomUom(models.Model):
    """What e-invoices call a unit."""

    _inherit = "uom.uom"

    billing_unece_code = fields.Char(
        string="Code in E-Invoices",
        help="Of UN/ECE Recommendation 20, as SEC, 4L (megabyte) or E34 (gigabyte)."
        " Empty: as Odoo says; that is C62, a piece, of a unit that it does not know.",
    )

    @api.constrains("billing_unece_code")
    def _check_billing_unece_code(self):
        for unit in self:
            code = unit.billing_unece_code
            if code and not CODE.fullmatch(code):
                raise ValidationError(
                    self.env._(
                        "“%(code)s” is no code of a unit: it has two or three capital"
                        " letters and digits, as MIN or E34.",
                        code=code,
                    )
                )
