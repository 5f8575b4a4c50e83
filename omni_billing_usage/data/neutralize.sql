-- a copy of the database fetches nothing: what it moved would be missing elsewhere
UPDATE omni_billing_usage_source
   SET fetch_from = NULL,
       sftp_secret = NULL;

UPDATE ir_cron
   SET active = false
 WHERE id IN (
    SELECT res_id
      FROM ir_model_data
     WHERE module = 'omni_billing_usage'
       AND model = 'ir.cron'
 );
