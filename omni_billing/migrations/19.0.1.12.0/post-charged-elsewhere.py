from odoo import SUPERUSER_ID, api
from odoo.tools import split_every

from odoo.addons.omni_billing.tools.recurrence import compute_amount, iterate_periods
from odoo.addons.omni_billing.tools.write_guard import trust


def migrate(cr, version):
    """What is before the first charge was charged elsewhere, as it was taken until now.

    Days that come to nothing, as of a gift, were free: they are adjusted if they are
    not any more.
    """
    cr.execute(
        """
        UPDATE omni_billing_service service
           SET charged_elsewhere = known.day
          FROM (SELECT one.id, COALESCE(
                         (SELECT MIN(period_start) - 1
                            FROM omni_billing_transaction
                           WHERE service_id = one.id
                             AND COALESCE(service_part, 0) >= 0),
                         one.charged_until) AS day
                  FROM omni_billing_service one
                 WHERE one.charged_until IS NOT NULL
                   AND one.unit IS NOT NULL) known
         WHERE known.id = service.id
           AND known.day >= service.date_start
     RETURNING service.id
        """
    )
    ids = [service_id for [service_id] in cr.fetchall()]
    env = api.Environment(cr, SUPERUSER_ID, {"active_test": False})
    env["omni.billing.service"].invalidate_model(["charged_elsewhere"])
    for chunk in split_every(1000, ids):
        services = env["omni.billing.service"].browse(chunk)
        trust(services.filtered(_was_free)).charged_elsewhere = False
        env.flush_all()
        env.invalidate_all()


def _was_free(service):
    prices, decimals = service._get_prices(), service.currency_id.decimal_places
    periods = iterate_periods(
        service._get_recurrence(),
        None,
        service.charged_elsewhere,
        service._get_free_days(),
    )
    return not any(
        compute_amount(period.shorten(service.date_end or None), prices, decimals)
        for period in periods
    )
