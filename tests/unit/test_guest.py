"""The addons in an Odoo that is not ours: nothing of theirs is in the way (W43)."""

import ast
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from dev import paths

#: Odoo itself does not start without them.
ODOO_NEEDS = {"dateutil", "lxml", "odoo", "polib", "psycopg2", "requests", "werkzeug"}
BLOCKED = (
    *("aiosmtpd", "facturx", "freezegun", "hypothesis", "openpyxl", "pypdf"),
    "saxonche",
)
FOLDERS = [folder / "tests" for folder in paths.ADDONS]


def _name(folder: Path) -> str:
    return folder.parent.name


@pytest.mark.parametrize("folder", FOLDERS, ids=_name)
def test_tests_of_others_run_where_packages_of_ours_are_missing(folder, monkeypatch):
    """With `--test-enable` Odoo imports the tests of each addon that is installed."""
    for package in BLOCKED:
        monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, "odoo.addons.omni_billing.tests", raising=False)
    spec = spec_from_file_location(
        "guest", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    tests = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "guest", tests)
    spec.loader.exec_module(tests)
    assert [name for name in dir(tests) if name.startswith("test_")] == []
    assert tests.MISSING == list(tests.NEEDED)


@pytest.mark.parametrize("folder", FOLDERS, ids=_name)
def test_what_the_tests_import_is_named(folder):
    text = (folder / "__init__.py").read_text()
    needed = next(
        ast.literal_eval(node.value)
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "NEEDED"
    )
    used = {
        name.partition(".")[0]
        for file in folder.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        for name in _imported(node)
    }
    ours = {"prometheus_client", "standardwebhooks"}  # asked for in the manifest
    assert used - sys.stdlib_module_names - ODOO_NEEDS - ours - set(needed) == set()


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level:
        return [node.module]
    return []
