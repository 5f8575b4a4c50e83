"""An SDK that is missing, broken or too old is a message, and no failed start."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from odoo.addons.omni_billing import gateways
from odoo.addons.omni_billing.exceptions import GatewayDenied

ROOT = Path(__file__).resolve().parents[2]
ADDON = ROOT / "omni_billing"
SDKS = {"stripe": "stripe", "mailjet": "mailjet_rest"}
#: Starts as conftest.py does, with the SDKs out of order.
START = """
import importlib.abc, json, sys, warnings

class Fault(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "stripe":
            raise ModuleNotFoundError("No module named 'stripe'")
        if name == "mailjet_rest":
            raise AttributeError("half of it is there")
        if name in ("cssselect2", "weasyprint"):
            raise OSError("cannot load library 'libpango'")

sys.meta_path.insert(0, Fault())
warnings.simplefilter("ignore")
import odoo.init
from odoo.modules.module import initialize_sys_path
from odoo.tools import config
config.parse_config(["--addons-path={root}"], setup_logging=False)
initialize_sys_path()
from odoo.addons.omni_billing import controllers, gateways, models, wizards
from odoo.addons.omni_billing.exceptions import RenderError
from odoo.addons.omni_billing.gateways.mailjet_messages import Message
from odoo.addons.omni_billing.gateways.pdf import Document, WeasyPrintRenderer
from odoo.addons.omni_billing.gateways.stripe_answers import Charge
try:
    pdf = WeasyPrintRenderer([]).render(Document("<p>Invoice</p>"))
except RenderError as error:
    pdf = str(error)
problems = [gateways.find_problem("stripe"), gateways.find_problem("mailjet"), pdf]
print(json.dumps(problems))
"""


@pytest.fixture(autouse=True)
def _forget():
    """Have each test look again."""
    gateways.load.cache_clear()
    yield
    gateways.load.cache_clear()


def test_addon_is_loaded_without_the_sdks():
    """In a process of its own, as Odoo starts."""
    code = START.replace("{root}", str(ROOT))
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    stripe, mailjet, pdf = json.loads(done.stdout)
    assert stripe == "stripe>=16 (ModuleNotFoundError: No module named 'stripe')"
    assert mailjet == "mailjet-rest>=1.9 (AttributeError: half of it is there)"
    assert "installs both. (OSError: cannot load library 'libpango')" in pdf


def test_nothing_loads_the_sdks_but_their_gateways():
    """A start loads neither; who imports a gateway by name would load its SDK."""
    for file in ADDON.rglob("*.py"):
        if "tests" in file.parts:
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom):
                names = {alias.name for alias in node.names}
                is_package = (node.module or "").endswith("gateways")
                assert not (is_package and names & set(SDKS)), file
                last = (node.module or "").rpartition("gateways.")[2]
                assert last not in SDKS, file


@pytest.mark.parametrize("name", SDKS)
def test_old_sdk_is_said(name, monkeypatch):
    package, oldest = gateways.SDKS[name]
    monkeypatch.setattr(gateways, "version", lambda _package: "0.9.3")
    with pytest.raises(GatewayDenied) as failure:
        gateways.load(name)
    assert failure.value.code == "no_sdk"
    expected = f"{package}>={oldest} (ImportError: 0.9.3 is installed)"
    assert str(failure.value) == gateways.find_problem(name) == expected


@pytest.mark.parametrize("name", SDKS)
def test_good_sdk_is_loaded(name):
    assert gateways.find_problem(name) == ""
    assert gateways.load(name).__name__.endswith(f"gateways.{name}")


@pytest.mark.parametrize("name", SDKS)
def test_package_that_pip_does_not_know_is_tried(name, monkeypatch):
    def version(package):
        raise gateways.PackageNotFoundError(package)

    monkeypatch.setattr(gateways, "version", version)
    assert gateways.find_problem(name) == ""


def test_manifest_names_what_the_gateways_need():
    manifest = ast.literal_eval((ADDON / "__manifest__.py").read_text())
    asked = set(manifest["external_dependencies"]["python"])
    needed = {f"{package}>={oldest}" for package, oldest in gateways.SDKS.values()}
    assert asked - needed == {"weasyprint>=70"}
    assert needed <= asked
