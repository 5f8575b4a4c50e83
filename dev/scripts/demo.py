"""Load an addon's demo files into a database that was made without demo data.

Runs in ``odoo shell``. Marks the addon as having its demo, as Odoo itself does.
"""

from odoo.tools.convert import convert_file

for file in arguments["files"]:
    convert_file(env, arguments["module"], file, {}, mode="init", noupdate=True)
module = env["ir.module.module"].search([("name", "=", arguments["module"])])
module.demo = True
env.cr.commit()
