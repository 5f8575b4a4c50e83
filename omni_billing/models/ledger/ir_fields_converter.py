from odoo import models


class ImportCache:
    """What a load has looked up. Odoo compares contexts often, and value by value:
    an object that is equal to itself alone costs nothing there, a dict would.
    """

    def __init__(self):
        self.found = {}


class IrFieldsConverter(models.AbstractModel):
    _inherit = "ir.fields.converter"

    def db_id_for(self, model, field, subfield, value, savepoint):
        """Override of `base`: look up each customer of a file once, not at each row."""
        cache = self.env.context.get("billing_import_cache")
        if cache is None or model._name != "omni.billing.transaction":
            return super().db_id_for(model, field, subfield, value, savepoint)
        key = field.name, subfield, value
        if key not in cache.found:
            cache.found[key] = super().db_id_for(
                model, field, subfield, value, savepoint
            )
        return cache.found[key]
