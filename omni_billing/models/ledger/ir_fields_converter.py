from odoo import models

from ...tools.memo import remember


class IrFieldsConverter(models.AbstractModel):
    _inherit = "ir.fields.converter"

    def db_id_for(self, model, field, subfield, value, savepoint):
        """Override of `base`: look up each customer of a file once, not at each row."""
        find = super().db_id_for
        if model._name != "omni.billing.transaction":
            return find(model, field, subfield, value, savepoint)
        return remember(
            self.env,
            ("imported", field.name, subfield, value),
            lambda: find(model, field, subfield, value, savepoint),
        )
