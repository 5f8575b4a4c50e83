"""Tell whether a database has been upgraded to the code that serves it."""

from odoo.modules.module import Manifest
from odoo.tools import SQL
from odoo.tools.parse_version import parse_version


def find_outdated(env) -> dict[str, tuple[str, str]]:
    """Return our addons whose code is newer than the database.

    :return: by name, the version of the database and that of the code.
    """
    # A plain query: what the ORM would read along may be missing.
    rows = env.execute_query(
        SQL(
            """
            SELECT name, latest_version FROM ir_module_module
             WHERE name LIKE %s AND state = 'installed' AND latest_version IS NOT NULL
            """,
            r"omni\_billing%",
        )
    )
    found = {}
    for name, version in rows:
        manifest = Manifest.for_addon(name)
        if manifest and parse_version(manifest["version"]) > parse_version(version):
            found[name] = version, manifest["version"]
    return found
