from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, format_list

from odoo.addons.omni_billing.tools.lock import take_turns, wait_for


class OmniBillingUsageMove(models.Model):
    """Usage that went to another service: who moved what, when, from where (W41)."""

    _name = "omni.billing.usage.move"
    _inherit = "omni.billing.server.mixin"
    _description = "Move of Usage"
    _order = "id desc"
    _rec_name = "identifier"

    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True
    )
    identifier = fields.Char(required=True, readonly=True)
    date_from = fields.Datetime(string="From", required=True, readonly=True)
    date_until = fields.Datetime(string="Until", required=True, readonly=True)
    from_service_id = fields.Many2one(
        "omni.billing.service",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    to_service_id = fields.Many2one(
        "omni.billing.service",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    count = fields.Integer(string="Events", required=True, readonly=True)


class OmniBillingUsage(models.Model):
    """Events of an identifier that was entered for the wrong service (W41)."""

    _inherit = "omni.billing.usage"

    # === HOOKS === #

    @api.model
    def _find_billed(self, services, begin, until):
        """Return those services of whose usage in a span something is billed. Hook.

        Their usage is neither taken away nor added to: the bill would be another one.
        What is closed stays as well, since it is not rated any more, and what events
        are gone of: it would be rated from those that are left.

        Who calls has taken its turn at the services and at those that rating locks for
        them (`wait_for`, then `take_turns` of tools/lock.py). Who bills usage otherwise
        does the same before it reads what they used: to lock them, or to write other
        rows, is not enough, since a transaction sees what was there when it began. Else
        what was moved would be billed of both, or what was billed would be moved.

        :param services: `omni.billing.service`, that have usage there or get some.
        :param datetime begin: of the span, in UTC.
        :param datetime until: its end, which is not of it.
        """
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT rating.service_id
                  FROM omni_billing_usage_rating rating
                  JOIN res_company company ON company.id = rating.company_id
             LEFT JOIN omni_billing_transaction charge
                    ON charge.id = rating.transaction_id
                 WHERE rating.service_id = ANY(%s)
                   AND rating.begin < %s AND rating."end" > %s
                   AND (charge.state = 'invoiced'
                        OR (charge.state = 'void' AND rating.amount != 0)
                        OR rating.is_closed
                        OR rating.begin < company.billing_usage_kept_from
                        OR rating.events > (
                            SELECT COUNT(*) FROM omni_billing_usage_event event
                             WHERE event.service_id = rating.service_id
                               AND event.meter_id = rating.meter_id
                               AND event.moment >= rating.begin
                               AND event.moment < rating."end"))
                """,
                services.ids,
                until,
                begin,
            )
        )
        return services.browse(id_ for [id_] in rows)

    # === BUSINESS METHODS === #

    @api.model
    def _preview_move(self, company, identifier, begin, until):
        """Return whose events of an identifier are, and whose they would be.

        :return: the service that has them, the one that had the identifier at their
            time by what is entered now (none: nobody), and how many they are.
        :rtype: list[tuple[omni.billing.service, omni.billing.service, int]]
        """
        Service = self.env["omni.billing.service"]
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                "SELECT service_id, owner_id, COUNT(*) FROM (%s) AS event"
                " GROUP BY service_id, owner_id ORDER BY service_id, owner_id",
                self._get_moved_sql(company, identifier, begin, until),
            )
        )
        return [
            (Service.browse(service), Service.browse(owner or ()), count)
            for service, owner, count in rows
        ]

    @api.model
    def _move(self, company, identifier, begin, until):
        """Give the events of an identifier to who had it at their time. In sudo.

        Their keys stay, and say the same: sent again, each is a double.

        :return: what was moved, `omni.billing.usage.move`.
        :raise UserError: if there is nothing to move, or some of it is billed.
        """
        found = self._preview_move(company, identifier, begin, until)
        wrong = [one for one in found if one[1] and one[0] != one[1]]
        services = self.env["omni.billing.service"].browse(
            {one.id for service, owner, _count in wrong for one in (service, owner)}
        )
        # Who rates or bills one of them comes before, or after, and then begins again.
        Rating = self.env["omni.billing.usage.rating"]
        taken = services | Rating._find_leaders(services)
        wait_for(taken)
        take_turns(taken)
        if billed := self._find_billed(services, begin, until):
            raise UserError(
                self.env._(
                    "Usage of %(services)s in that time is billed: nothing was moved."
                    " Void the invoices first, or choose a time that is not billed.",
                    services=format_list(self.env, billed.mapped("display_name")),
                )
            )
        rows = self.env.execute_query(
            SQL(
                """
                WITH found AS (
                    SELECT * FROM (%(events)s) AS event
                     WHERE owner_id != service_id
                ), moved AS (
                    UPDATE omni_billing_usage_event event
                       SET service_id = found.owner_id
                      FROM found
                     WHERE event.id = found.id AND event.moment = found.moment
                       AND event.moment >= %(begin)s AND event.moment < %(until)s
                 RETURNING found.service_id, found.owner_id
                )
                SELECT service_id, owner_id, COUNT(*) FROM moved
              GROUP BY service_id, owner_id ORDER BY service_id, owner_id
                """,
                events=self._get_moved_sql(company, identifier, begin, until),
                begin=begin,
                until=until,
            )
        )
        if not rows:
            raise UserError(
                self.env._(
                    "There is nothing to move: all usage of %(identifier)s in that time"
                    " is of who had it then, or nobody had it.",
                    identifier=identifier,
                )
            )
        self.env.invalidate_all()
        services.browse(owner for _service, owner, _count in rows)._note_used()
        Rating._note_moved(services, begin, until)
        return self.env["omni.billing.usage.move"].create(
            [
                {
                    "company_id": company.id,
                    "identifier": identifier,
                    "date_from": begin,
                    "date_until": until,
                    "from_service_id": service,
                    "to_service_id": owner,
                    "count": count,
                }
                for service, owner, count in rows
            ]
        )

    def _get_moved_sql(self, company, identifier, begin, until):
        """Return events of an identifier, with whose they are by what is entered."""
        return SQL(
            """
            SELECT event.id, event.moment, event.service_id, %(owner)s AS owner_id
              FROM (SELECT id, moment, service_id, identifier, NULL::integer AS service
                      FROM omni_billing_usage_event
                     WHERE company_id = %(company)s AND identifier = %(identifier)s
                       AND moment >= %(begin)s AND moment < %(until)s) AS event
            """,
            owner=self._get_owner_sql(company, "event"),
            company=company.id,
            identifier=identifier,
            begin=begin,
            until=until,
        )
