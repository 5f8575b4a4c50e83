from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from odoo.addons.omni_billing.tools.lock import wait_for
from odoo.addons.omni_billing.tools.triggers import keep_rows

#: Whose usage it is.
OWNERS = ("partner_id", "company_id")


class OmniBillingService(models.Model):
    """A service that is used: by what usage names it (W41)."""

    _inherit = "omni.billing.service"

    usage_identifier_ids = fields.One2many(
        "omni.billing.usage.identifier",
        "service_id",
        string="Identifiers",
        groups="base.group_user",
    )
    has_usage = fields.Boolean(
        readonly=True,
        copy=False,
        groups="base.group_user",
        help="Its customer and company stay, and nobody deletes it.",
    )

    def init(self):
        """Have PostgreSQL keep what was used: events have no foreign key to it.

        A new month would lock the table of services for each such key, until who makes
        it has taken in all events. The customer is kept by `write` alone: who merges
        two customers has PostgreSQL name the other.
        """
        self.env.cr.execute(TRIGGERS)
        return super().init()

    # === CRUD METHODS === #

    def write(self, vals):
        """Override of `omni_billing`: whose usage it is stays.

        Who writes while the first usage comes is refused by PostgreSQL, and begins
        again: the intake writes the row as well.

        :raise UserError: if it changes; nothing is written.
        """
        names = [name for name in OWNERS if name in vals]
        # sudo: it stays also for who may not read that there is usage.
        for service in self.sudo().filtered("has_usage") if names else ():
            if any(service._will_change(name, vals[name]) for name in names):
                raise UserError(
                    self.env._(
                        "%(service)s was used: its customer and company stay. End it,"
                        " and add a new service.",
                        service=service.display_name,
                    )
                )
        return super().write(vals)

    @api.model
    def _billing_get_state_fields(self):
        """Override of `omni_billing`: the intake alone writes that there is usage."""
        return super()._billing_get_state_fields() | {"has_usage"}

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        """Say what to do; the database refuses it as well, whoever asks."""
        # sudo: what was used is nobody's to delete, also who may not read it.
        used = self.sudo().filtered("has_usage")
        if used:
            raise UserError(
                self.env._(
                    "%(service)s was used: end it, or archive it.",
                    service=used[0].display_name,
                )
            )

    # === ACTION METHODS === #

    def action_open_usage(self):
        """Open what was used."""
        self.ensure_one()
        return self.env["omni.billing.usage"]._open(
            [("service_id", "=", self.id)], {"search_default_group_meter": 1}
        )

    # === BUSINESS METHODS === #

    def _note_used(self):
        """Have these stay from now on; whoever changes one now begins again."""
        rows = self.env.execute_query(
            SQL(
                "SELECT id FROM omni_billing_service"
                " WHERE id = ANY(%s) AND has_usage IS NOT TRUE",
                self.ids,
            )
        )
        unused = self.browse(id_ for [id_] in rows)
        if unused:
            wait_for(unused)
            self.env.cr.execute(
                SQL(
                    "UPDATE omni_billing_service SET has_usage = TRUE"
                    " WHERE id = ANY(%s)",
                    unused.ids,
                )
            )
            unused.invalidate_recordset(["has_usage"])


#: See `init`.
TRIGGERS = SQL(
    "%s %s",
    SQL(
        """
CREATE OR REPLACE FUNCTION omni_billing_usage_keep_service() RETURNS trigger AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'restrict_violation',
        MESSAGE = 'Service ' || OLD.id || ' was used: it stays, and in its company.',
        TABLE = TG_TABLE_NAME,
        CONSTRAINT = TG_NAME;
END
$$ LANGUAGE plpgsql;
"""
    ),
    keep_rows(
        "omni_billing_service",
        "omni_billing_usage_keep",
        "omni_billing_usage_keep_service",
        columns=("company_id",),
        when=SQL("OLD.has_usage"),
    ),
)
