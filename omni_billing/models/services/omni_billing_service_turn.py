from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain

from ...tools.database import commit_progress, retry
from ...tools.write_guard import trust

#: What the state of a service comes from.
CAUSES = {
    "active",
    "date_end",
    "date_start",
    "unit",
}
#: Services that are looked at together.
CHUNK = 500


class OmniBillingService(models.Model):
    """A service starts, is suspended, goes on, or ends: each is noted once (W39).

    Mostly a day comes to that, and nobody writes anything. So it is kept how a service
    stood when it was last looked at, and a job looks at those whose day has come.
    """

    _inherit = "omni.billing.service"

    known_state = fields.Char(
        readonly=True, copy=False, help="The status when it was last looked at."
    )

    _upcoming_idx = models.Index("(date_start) WHERE known_state = 'upcoming'")
    _ending_idx = models.Index(
        "(date_end) WHERE date_end IS NOT NULL"
        " AND known_state IN ('running', 'suspended', 'upcoming')"
    )
    _suspended_idx = models.Index("(id) WHERE known_state = 'suspended'")

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        services = super().create(vals_list)
        services._look_at_states()
        return services

    def write(self, vals):
        result = super().write(vals)
        if CAUSES & vals.keys():
            self._look_at_states()
        return result

    def unlink(self):
        """Override of the ORM: what is deleted does not go on."""
        for before, services in self.grouped("known_state").items():
            if before in ("running", "suspended"):
                services._note_turn(before, "ended")
        return super().unlink()

    @api.model
    def _billing_get_state_fields(self):
        """Override: what was noted of it."""
        return super()._billing_get_state_fields() | {"known_state"}

    # === BUSINESS METHODS === #

    @api.model
    def _cron_look_at_states(self):
        """Note what became of services because a day has come; commits.

        It is tomorrow already somewhere, and still yesterday somewhere else.
        """
        today = fields.Date.today()
        tomorrow = today + timedelta(days=1)
        for domain in (
            Domain("known_state", "=", "upcoming")
            & Domain("date_start", "<=", tomorrow),
            Domain("known_state", "in", ("running", "suspended", "upcoming"))
            & Domain("date_end", "<=", today),
            *self._get_turned_domains(today),
        ):
            if not self._look_at_all(domain):
                # What is left is found by the next run.
                return

    @api.model
    def _look_at_all(self, domain):
        """Look at the services of a domain; commits after each chunk.

        :return: whether there was time for all of them.
        """
        last = 0
        while services := self.search(
            domain & Domain("id", ">", last), order="id", limit=CHUNK
        ):
            last = services[-1].id
            retry(self.env, services._look_at_free)
            if not commit_progress(self.env, len(services)):
                return False
        return True

    def _look_at_free(self):
        """Look at those that nobody else is working on."""
        free = self.try_lock_for_update(allow_referencing=True)
        free.invalidate_recordset()
        free._look_at_states()

    def _look_at_states(self):
        """Note where services stand now, and tell what became of them."""
        turned = self.filtered(
            lambda service: service._get_own_state() != service.known_state
        )
        for (before, after), services in turned.grouped(
            lambda service: (service.known_state, service._get_own_state())
        ).items():
            trust(services).write({"known_state": after})
            services._note_turn(before, after)

    def _get_own_state(self):
        """Return its status; what is archived is charged no more, and so has ended."""
        self.ensure_one()
        return self.state if self.active or self.state == "none" else "ended"

    def _note_turn(self, before, after):
        """Do what follows when services come from one status to another. Hook.

        It is called in the database transaction that notes it, once for each turn; a
        status that lasted for less time than between two looks is not noted.

        :param str | None before: none for a service that is new.
        :param str after: all services of ``self`` have come to it.
        """
