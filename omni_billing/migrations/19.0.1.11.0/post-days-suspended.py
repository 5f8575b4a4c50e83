from odoo import SUPERUSER_ID, api


def migrate(cr, version):
    """What services were suspended for is a row of its own."""
    cr.execute(
        """
        INSERT INTO omni_billing_service_suspension (
               service_id, date_from, date_to, reason,
               create_uid, create_date, write_uid, write_date)
        SELECT id, suspended_from, suspended_to, 'staff',
               write_uid, write_date, write_uid, write_date
          FROM omni_billing_service service
         WHERE suspended_from IS NOT NULL
           AND NOT EXISTS (SELECT FROM omni_billing_service_suspension
                            WHERE service_id = service.id)
     RETURNING service_id
        """
    )
    ids = [service_id for [service_id] in cr.fetchall()]
    env = api.Environment(cr, SUPERUSER_ID, {"active_test": False})
    services = env["omni.billing.service"].browse(ids)
    # An older version of the addon may have computed it since, without these rows.
    env.add_to_compute(services._fields["next_date"], services)
    env.flush_all()
