"""For all tests. None is inside an addon: it would be imported under a wrong name."""

import warnings
from pathlib import Path

import freezegun.api
from hypothesis import HealthCheck, settings

CALM = {"deadline": None, "suppress_health_check": list(HealthCheck)}
# In each run the same examples; bin/test deep looks for others, and keeps what failed.
settings.register_profile("ci", derandomize=True, database=None, **CALM)
settings.register_profile("deep", max_examples=5_000, print_blob=True, **CALM)
settings.load_profile("ci")


def _count_names(module):
    """Tell whether a module is as it was by how many names it has.

    Each time that a clock is stopped, Freezegun asks thousands of modules for all of
    their names, and sorts them.
    """
    return f"{id(module)}-{len(getattr(module, '__dict__', ()))}"


freezegun.api._get_module_attributes_hash = _count_names


def pytest_configure(config):
    """Let tests that run without pytest-odoo import the addon as Odoo does."""
    if config.pluginmanager.hasplugin("odoo"):
        return
    with warnings.catch_warnings():
        # Odoo's password library, on Python 3.11 and 3.12.
        warnings.filterwarnings("ignore", "'crypt' is deprecated")
        import odoo.init  # noqa: F401
        from odoo.modules.module import initialize_sys_path
        from odoo.tools import config as odoo_config

    addons = f"--addons-path={Path(__file__).parent}"
    odoo_config.parse_config(
        [addons, "--http-interface=127.0.0.1"], setup_logging=False
    )
    initialize_sys_path()
