from odoo import api, models


class OmniBillingDialogMixin(models.AbstractModel):
    """A dialog: its owner's alone, about records that the owner may read.

    Odoo 19 has no such rule of its own for transient models. That dialogs are their
    owner's is in the record rules; what a dialog is about is checked here, before
    anything is computed from it: Odoo shows the names of chosen records, and computes
    stored fields, with the rights of the superuser.
    """

    _name = "omni.billing.dialog.mixin"
    _description = "Dialog"

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        """Override of the ORM: about records that the user may read."""
        # With what the context proposes, which is chosen by the caller too.
        vals_list = [self._add_missing_default_values(values) for values in vals_list]
        for values in vals_list:
            self._check_values(values)
        return super().create(vals_list)

    def write(self, vals):
        """Override of the ORM: about records that the user may read."""
        self._check_values(vals)
        return super().write(vals)

    def onchange(self, values, field_names, fields_spec):
        """Override of `web`: it computes with what was not saved yet."""
        defaults = {}
        if not field_names:
            missing = [name for name in fields_spec if name not in values]
            defaults = self.default_get(missing)
        self._check_values(defaults | values)
        return super().onchange(values, field_names, fields_spec)

    # === HELPERS === #

    def _check_values(self, values):
        """Check the right to read each record that is named in values.

        :raise AccessError: if there is none.
        """
        if self.env.su:
            return
        # As the ORM reads them: a client can write the same in several ways.
        known = {name: value for name, value in values.items() if name in self._fields}
        # sudo: what is found is checked with the user's own rights.
        blank = self.browse().sudo().with_context(active_test=False)
        _check_named(blank.new(known), self.env, set())


def _check_named(records, env, seen):
    """Check what new records, and the new lines in them, were given."""
    for record in records:
        if record.id in seen:
            continue
        seen.add(record.id)
        for name in list(record._cache):
            if not record._fields[name].relational:
                continue
            named = record[name]
            if known := named._origin:
                known.with_env(env).check_access("read")
            # Lines of ours that are changed hold what is about to be written.
            is_ours = isinstance(named, env.registry["omni.billing.dialog.mixin"])
            _check_named(
                named.filtered(
                    lambda line, is_ours=is_ours: (
                        not line.id or (is_ours and line.id != line._origin.id)
                    )
                ),
                env,
                seen,
            )
