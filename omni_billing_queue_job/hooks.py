"""What is done when the addon goes."""

ACTIONS = (
    "omni_billing.ir_cron_process_runs",
    "omni_billing.ir_cron_send_mails",
    "omni_billing.ir_cron_send_webhooks",
    "omni_billing.ir_cron_write_service_charges",
)


def uninstall_hook(env):
    """Leave no job behind that nobody can do: the scheduled actions do the work."""
    jobs = env["queue.job"]
    # Those that failed, too: somebody might have them done again.
    jobs.search(jobs._billing_get_waiting_domain("failed")).button_cancelled()
    for name in ACTIONS:
        env.ref(name)._trigger()
