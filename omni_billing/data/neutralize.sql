-- a copy of the database sends no billing e-mail and tells nobody of it
UPDATE res_company
   SET billing_mail_provider = 'odoo',
       billing_mailjet_api_key = NULL,
       billing_mailjet_secret_key = NULL,
       billing_mailjet_hook_token = NULL,
       billing_mailjet_hook_password = NULL;

-- who watches the first database is not told of the copy
DELETE FROM res_users_apikeys
 WHERE scope = 'omni_billing.metrics';

DELETE FROM ir_config_parameter
 WHERE key IN ('omni_billing.mailjet_api_base', 'omni_billing.webhook_local_base');

UPDATE ir_cron
   SET active = false
 WHERE id IN (
    SELECT res_id
      FROM ir_model_data
     WHERE module = 'omni_billing'
       AND model = 'ir.cron'
 );

UPDATE omni_billing_mail
   SET state = 'canceled',
       attempt_date = NULL,
       error = 'This database is a copy.'
 WHERE state = 'queued';

-- other programs are told by the first database alone
UPDATE omni_billing_webhook
   SET state = 'off',
       secret = NULL,
       old_secret = NULL,
       old_secret_until = NULL,
       problem = 'This database is a copy.';

UPDATE omni_billing_webhook_delivery
   SET state = 'canceled',
       error = 'This database is a copy.'
 WHERE state = 'queued';
