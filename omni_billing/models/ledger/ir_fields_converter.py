import re

from odoo import models

from ...tools.memo import remember

#: A part of a distribution as people write it: *North, Repairs (60%)*.
PART = re.compile(r"(?P<names>.+?)(\s*\(\s*(?P<share>\d+([.,]\d+)?)\s*%\s*\))?", re.S)


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

    def _str_to_json(self, model, field, value, savepoint):
        """Override of `base`: analytic accounts of charges may be named, or coded."""
        charges = self.env.registry["omni.billing.distribution.mixin"]
        is_ours = isinstance(model, charges) and field.name == "analytic_distribution"
        if not is_ours or value.lstrip().startswith("{"):
            return super()._str_to_json(model, field, value, savepoint)
        distribution = remember(
            self.env,
            ("distribution", value),
            lambda: self._billing_read_distribution(value),
        )
        return dict(distribution), []

    def _billing_read_distribution(self, text):
        """Read a distribution as people write it: *North, Repairs (60%); South (40%)*.

        :raise ValueError: as an import says what is wrong with a cell.
        """
        distribution = {}
        for part in filter(str.strip, text.split(";")):
            found = PART.fullmatch(part.strip())
            names = [name.strip() for name in found["names"].split(",")]
            key = ",".join(
                str(self._billing_find_analytic(name).id) for name in names if name
            )
            share = float((found["share"] or "100").replace(",", "."))
            distribution[key] = distribution.get(key, 0.0) + share
        return distribution

    def _billing_find_analytic(self, name):
        Account = self.env["account.analytic.account"]
        found = Account.search([("code", "=", name)], limit=2)
        found = found or Account.search([("name", "=", name)], limit=2)
        if len(found) == 1:
            return found
        message = (
            self.env._(
                "There are several analytic accounts '%s' for field '%%(field)s'. Use"
                " their references, or IDs."
            )
            if found
            else self.env._("There is no analytic account '%s' for field '%%(field)s'")
        )
        raise self._format_import_error(ValueError, message, name)
