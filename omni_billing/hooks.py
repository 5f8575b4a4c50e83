def _uninstall_hook(env):
    """Remove what Odoo does not: the parameters that settings wrote."""
    # sudo: the parameters of an addon go with it, whoever removes it.
    env["ir.config_parameter"].sudo().search(
        [("key", "=like", "omni_billing.%")]
    ).unlink()
