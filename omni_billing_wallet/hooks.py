def uninstall_hook(env):
    """Drop what Odoo does not know of: what counts the units that are left."""
    env.cr.execute("DROP FUNCTION IF EXISTS omni_billing_pack_count() CASCADE")
