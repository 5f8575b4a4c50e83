def migrate(cr, version):
    """Have lines of what usage cost say of how many units their price is.

    Of those that are billed, which nobody writes again. Rates say it, where all of one
    name say the same; 0: nobody knows.
    """
    cr.execute(
        """
        WITH known AS (
             SELECT plan_id, meter_id, name, MIN(charge) AS charge,
                    CASE WHEN MIN(charge) IN ('plan', 'percentage') THEN 1
                         ELSE MIN(size) END AS size
               FROM omni_billing_rate
           GROUP BY plan_id, meter_id, name
             HAVING MIN(size) = MAX(size) AND MIN(charge) = MAX(charge))
        UPDATE omni_billing_usage_rating_line line
           SET size = COALESCE(known.size, 0),
               kind = CASE WHEN line.kind = 'units' AND known.charge = 'percentage'
                           THEN 'share' ELSE line.kind END
          FROM omni_billing_usage_rating_line own
          JOIN omni_billing_usage_rating rating ON rating.id = own.rating_id
     LEFT JOIN known ON known.plan_id = rating.plan_id
                    AND known.meter_id = rating.meter_id
                    AND known.name = own.name
         WHERE own.id = line.id AND (own.kind = 'units' OR own.is_tier)
        """
    )
