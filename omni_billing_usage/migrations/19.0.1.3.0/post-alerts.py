def migrate(cr, version):
    """Have alerts of the cap of all usage without its name, as they are since.

    Of months that run: else their customers would be told again.
    """
    cr.execute(
        """
        UPDATE omni_billing_usage_alert
           SET name = NULL
         WHERE id IN (
        SELECT DISTINCT ON (alert.service_id, alert.date_from, alert.percent,
                            alert.step_number) alert.id
          FROM omni_billing_usage_alert alert
          JOIN omni_billing_usage_plan given ON given.service_id = alert.service_id
          JOIN omni_billing_cap cap ON cap.plan_id = given.plan_id
                                   AND cap.name = alert.name
         WHERE alert.kind = 'cap' AND alert."end" > now() AT TIME ZONE 'UTC'
           AND given.date_from <= alert.date_from
           AND TRIM(BOTH ' ,' FROM COALESCE(cap.rate_names, '')) = ''
           AND NOT EXISTS (
               SELECT FROM omni_billing_usage_alert other
                WHERE other.kind = 'cap' AND other.name IS NULL
                  AND other.service_id = alert.service_id
                  AND other.date_from = alert.date_from
                  AND other.percent = alert.percent
                  AND other.step_number = alert.step_number)
           AND NOT EXISTS (
               SELECT FROM omni_billing_usage_plan later
                WHERE later.service_id = given.service_id
                  AND later.date_from > given.date_from
                  AND later.date_from <= alert.date_from)
      ORDER BY alert.service_id, alert.date_from, alert.percent, alert.step_number,
               alert.id DESC)
        """
    )
