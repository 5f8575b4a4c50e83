"""What many Odoos have beside the addon, Odoo's own and OCA's: does each still work?"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from dev import build, paths, server, system, venv, workspace
from dev.console import Failure, Step, say
from dev.templates import Templates
from dev.workspace import Workspace

#: Odoo's own, installed after ours, without a warning.
OWN = (
    "crm",
    "payment_demo",
    "point_of_sale",
    "sale_management",
    "sale_stock",
    "sale_timesheet",
    "website_payment",
    "website_sale",
)
#: OCA's, with what they depend on. They are no part of our requirements, which would
#: make their license (AGPL) one of ours: the newest of 19.0 come into a folder apart.
OCA = (
    "account-credit-control",
    "account-reconcile-oca",
    "account-statement-base",
    "contract",
    "partner-statement",
    "report-xlsx",
    "report-xlsx-helper",
)
OCA_MODULES = (
    "account_credit_control",
    "account_reconcile_oca",
    "contract",
    "partner_statement",
    "queue_job",
)
#: The functions of the script, in its order.
PATHS = (
    "contract",
    "queue_job",
    "account_credit_control",
    "partner_statement",
    "account_reconcile_oca",
    "sale",
    "sale_billing",
    "point_of_sale",
    "website_sale",
)
SCRIPT = paths.SCRIPTS / "neighbors.py"
WHEEL = re.compile(r"odoo_addon_(\w+)-([\d.]+)\.dist-info")


def check(space: Workspace, expression: str = "") -> dict[str, bool]:
    """Install them with ours, and do what each is for.

    :param expression: the names of paths, if not all are wanted.
    :return: for each path, and for the installation, whether all was well.
    """
    chosen = [name for name in PATHS if name in expression.split() or not expression]
    if not chosen:
        raise Failure(f"there is no such path; there are {', '.join(PATHS)}")
    oca = ensure_oca()
    say("  OCA: " + ", ".join(f"{name} {number}" for name, number in versions(oca)))
    space = workspace.with_path(workspace.with_path(space, venv.ensure_queue()), oca)
    with Templates(space).copied("addon", "neighbors") as database:
        verdicts = {
            "Odoo's own are installed without a warning": _install(space, database)
        }
        build.install(space, database, OCA_MODULES)
        printed = space.script(database, SCRIPT, paths=chosen)
    for name, failure in json.loads(printed.splitlines()[-1]).items():
        verdicts[name] = not failure
        say(f"✗ {name}: {failure}" if failure else f"✓ {name}")
    return verdicts


def _install(space: Workspace, database: str) -> bool:
    log = space.odoo(
        *(f"--database={database}", f"--init={','.join(OWN)}", "--stop-after-init"),
        f"--http-port={server.free_port()}",
        log="neighbors",
    )
    complaints = workspace.complaints(log.read_text())
    for line in complaints:
        say(line)
    return not complaints


def ensure_oca() -> Path:
    """Have OCA's addons in a folder of their own."""
    place = paths.STATE / "neighbors"
    wanted = [f"odoo-addon-{name}==19.0.*" for name in OCA]

    def install(folder: Path) -> None:
        with Step("Installing OCA's addons", "OCA's addons installed"):
            system.run(
                [
                    *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"),
                    *("--no-input", "--disable-pip-version-check"),
                    *(f"--target={folder}", *wanted),
                ],
                "OCA's addons cannot be installed; is the network up?",
            )

    system.build_once(place, install)
    return place


def versions(place: Path) -> list[tuple[str, str]]:
    """Read which addons, and which versions of them, are in a folder."""
    found = (WHEEL.fullmatch(folder.name) for folder in place.iterdir())
    return sorted((match[1], match[2]) for match in found if match)
