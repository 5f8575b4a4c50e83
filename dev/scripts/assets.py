"""Make the scripts and styles of the pages, which else the first visitor waits for.

Runs in ``odoo shell``.
"""

SCRIPTS = [
    "web.assets_web",
    "web.assets_emoji",
    "web.assets_frontend_minimal",
    "web.assets_frontend_lazy",
    "portal.assets_chatter",
]
STYLES = [
    "web.assets_web",
    "web.assets_web_print",
    "web.assets_frontend",
    "web.report_assets_common",
    "portal.assets_chatter",
]
for name in SCRIPTS:
    env["ir.qweb"]._get_asset_bundle(name, css=False).js()
for name in STYLES:
    env["ir.qweb"]._get_asset_bundle(name, js=False).css()
env.cr.commit()
