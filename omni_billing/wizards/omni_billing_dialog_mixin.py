import json
from contextlib import contextmanager
from functools import wraps

from odoo import api, fields, models
from odoo.exceptions import AccessError, MissingError, UserError
from odoo.tools.json import json_default

from ..const import MAX_ID
from ..tools.lock import HeldError, hold, take_turns
from ..tools.values import check_new, check_values
from ..tools.write_guard import without_any_default


def once(action):
    """Have a dialog do it once: called again, it answers as the first time.

    A program, or a browser, that lost the answer may ask again; who asks while the
    first is at it waits for that answer. What failed was not done, and may be tried
    again in the same dialog.
    """

    @wraps(action)
    def act(self, *args, **kwargs):
        # What is made on the way has no default of a client's.
        self = without_any_default(self)  # noqa: PLW0642
        self._check_is_one()
        with self._hold():
            # sudo: answers are internal; the dialog is the user's own.
            dialog = self.sudo()
            if not dialog.first_result:
                result = action(self, *args, **kwargs)
                if self._is_under_way():
                    return result
                dialog.first_result = json.loads(
                    json.dumps(result, default=json_default)
                )
                # Written to the database now: who presses again meanwhile waits for the
                # row.
                dialog.flush_recordset()
            return dialog.first_result

    act._billing_once = True
    return act


class OmniBillingDialogMixin(models.AbstractModel):
    """A dialog: its owner's alone, about records that the owner may read.

    Odoo 19 has no such rule of its own for transient models. That dialogs are their
    owner's is in the record rules; what a dialog is about is checked here, before
    anything is computed from it: Odoo shows the names of chosen records, and computes
    stored fields, with the rights of the superuser.

    What moves money or makes documents is marked with :func:`once`.
    """

    _name = "omni.billing.dialog.mixin"
    _description = "Dialog"
    #: What came of the dialog: only the server writes these.
    _server_fields = frozenset()

    first_result = fields.Json(
        readonly=True, copy=False, groups="base.group_system", help="What it answered."
    )

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        """Override of the ORM: about records that the user may read."""
        # The defaults of the context as well: the caller chose them too.
        check_new(self, vals_list)
        vals_list = [self._add_missing_default_values(values) for values in vals_list]
        for values in vals_list:
            self._check_values(values)
        return super().create(vals_list)

    def write(self, vals):
        """Override of the ORM: about records that the user may read."""
        check_values(self, vals)
        self._check_values(vals)
        # sudo: answers are internal.
        if any(dialog.first_result for dialog in self.sudo()):
            raise UserError(
                self.env._(
                    "This dialog has done what it was asked for, and cannot be changed"
                    " any more. Open a new one."
                )
            )
        return super().write(vals)

    def onchange(self, values, field_names, fields_spec):
        """Override of `web`: it computes with what was not saved yet."""
        defaults = {}
        if not field_names:
            missing = [name for name in fields_spec if name not in values]
            defaults = self.default_get(missing)
        self._check_values(defaults | values)
        return super().onchange(values, field_names, fields_spec)

    # === BUSINESS METHODS === #

    def _is_under_way(self):
        """Whether what was begun has no outcome yet: then it is asked for again. Hook.

        The action must not begin anew what it finds begun.
        """
        return False

    def _get_hold_names(self):
        """Return what nobody else may work on while this dialog acts. Hook."""
        return [f"{self._name},{self.id}"]

    @contextmanager
    def _hold(self):
        """Let nobody else act in this dialog; who waited sees what the other did.

        :raise UserError: if that takes too long.
        """
        self.check_access("write")
        self.flush_recordset()
        try:
            with hold(self.env, *self._get_hold_names()):
                # Who waited began before the other had committed: this fails then, and
                # Odoo runs the request again.
                take_turns(self)
                yield
        except HeldError as error:
            raise UserError(
                self.env._(
                    "This dialog has been at work for a while, and has not ended."
                    " Nothing was done twice: ask again in a minute, and it answers"
                    " what came of it."
                )
            ) from error

    # === HELPERS === #

    def _check_is_one(self):
        """Check that the ids a program sent are the id of one dialog.

        :raise UserError: if they are none, several, or no ids.
        """
        if len(self._ids) != 1:
            raise UserError(self.env._("Say which dialog: send the id of one."))
        [dialog_id] = self._ids
        is_id = type(dialog_id) is int and 0 < dialog_id <= MAX_ID
        if not is_id or not self.exists():
            raise MissingError(
                self.env._(
                    "There is no such dialog any more: they are deleted an hour after"
                    " they were used. Look at what was done, then open a new one."
                )
            )

    def _check_values(self, values):
        """Check the right to read each record that is named in values.

        :raise AccessError: if there is none, or if it is for the server to say.
        """
        if self.env.su:
            return
        for name in self._server_fields & values.keys():
            if values[name]:
                raise AccessError(
                    self.env._(
                        "“%(field)s” is what came of the dialog, and cannot be sent.",
                        field=self._fields[name]._description_string(self.env),
                    )
                )
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
            # Lines of our own dialogs may be changed here, and hold what will be
            # written.
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
