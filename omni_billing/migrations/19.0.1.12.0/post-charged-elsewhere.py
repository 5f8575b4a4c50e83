def migrate(cr, version):
    """What is before the first charge was charged elsewhere, as it was taken until now.

    Which of these days were free instead is not known.
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
                 WHERE one.charged_until IS NOT NULL) known
         WHERE known.id = service.id
           AND known.day >= service.date_start
        """
    )
