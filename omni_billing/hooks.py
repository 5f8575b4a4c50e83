def _uninstall_hook(env):
    """Give core records back the values that they had before us."""
    env["ir.config_parameter"].sudo().search(
        [("key", "=like", "omni_billing.%")]
    ).unlink()
