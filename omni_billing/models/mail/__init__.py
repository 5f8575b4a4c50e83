from . import (
    account_move,
    account_move_channel,
    account_move_send,
    mail_thread,
    omni_billing_activity_log,
    omni_billing_mail,
    omni_billing_mail_channel,
    omni_billing_mail_delivery,
    omni_billing_mail_event,
    omni_billing_mail_recipient,
    res_company,
    res_partner,
)
