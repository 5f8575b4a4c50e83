"""Building databases: base, then the addon on it, then the demo in it.

A database is built under a draft name and renamed when it is whole.
"""

from __future__ import annotations

from collections.abc import Sequence

from dev import addon, paths
from dev.console import Step
from dev.workspace import Workspace

LANGUAGES = "en_US,fr_FR"
# What the addon builds on, and what people expect to be there with it.
BASE_MODULES = {
    "account",
    "account_payment",
    "base_import",
    "payment_stripe",
    "portal",
    "web_tour",
}


def base_modules() -> list[str]:
    """List the modules under the addon."""
    return sorted(BASE_MODULES | set(addon.manifest()["depends"]))


def build_base(workspace: Workspace, database: str) -> None:
    """Create a database with accounting, a company and its chart of accounts."""
    with Step("Installing Odoo's accounting", "Odoo's accounting installed") as step:
        modules = f"--init={','.join(base_modules())}"
        languages = f"--load-language={LANGUAGES}"
        _load(workspace, database, step, "base", modules, languages)
        workspace.script(database, paths.SCRIPTS / "company.py")


def _load(
    workspace: Workspace, database: str, step: Step, log: str, *options: str
) -> None:
    """Have Odoo load a database, change it, and end."""
    workspace.odoo(
        *(f"--database={database}", *options, "--stop-after-init", "--no-http"),
        log=f"{log}-{database}",
        progress=step.progress,
    )


def install_addon(workspace: Workspace, database: str) -> None:
    """Install the addon."""
    with Step("Installing Omni Billing", "Omni Billing installed") as step:
        _load(workspace, database, step, "install", f"--init={addon.NAME}")


def install(workspace: Workspace, database: str, modules: Sequence[str]) -> None:
    """Install addons that are not ours, and ours that go with them."""
    names = ", ".join(modules)
    with Step(f"Installing {names}", f"{names} installed") as step:
        _load(workspace, database, step, "install", f"--init={','.join(modules)}")


def update_addon(workspace: Workspace, database: str) -> None:
    """Bring the database up to the addon's files."""
    with Step("Updating Omni Billing", "Omni Billing updated") as step:
        _load(workspace, database, step, "update", f"--update={addon.NAME}")


def load_demo(workspace: Workspace, database: str) -> None:
    """Load the addon's demo data, and not the demo data of Odoo's own addons."""
    files = addon.manifest().get("demo", [])
    with Step("Loading the demo data", "Demo data loaded"):
        workspace.script(
            database, paths.SCRIPTS / "demo.py", module=addon.NAME, files=files
        )


def make_assets(workspace: Workspace, database: str) -> None:
    """Spare the first page the making of scripts and styles."""
    with Step("Making scripts and styles", "Scripts and styles made"):
        workspace.script(database, paths.SCRIPTS / "assets.py")


def make_bridged(workspace: Workspace, database: str) -> None:
    """Have a seller, and a company that collects by SEPA."""
    with Step("Making what the other addons need", "What the other addons need made"):
        workspace.script(database, paths.SCRIPTS / "bridged.py")


def make_tested_company(workspace: Workspace, database: str) -> None:
    """Spare each class of tests the making of its company."""
    with Step("Making the company of the tests", "Company of the tests made"):
        workspace.script(database, paths.SCRIPTS / "tested.py")
