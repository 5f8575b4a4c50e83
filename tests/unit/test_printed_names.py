"""What the table of printed things reads is in Odoo's addons of countries.

They are not installed where the other tests run, and a field or a method that has
another name by now would be missed on the page without a word, or keep it from being
made.
"""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

import odoo.addons

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "omni_billing/models/documents/account_move_printed.py"
#: Of our own, of Odoo's account addon, or of Python.
KNOWN = {"display_name", "format", "fromkeys", "get", "join", "split", "mapped"}


def find_names():
    """Return the fields and methods that the tables name."""
    tree = ast.parse(SOURCE.read_text())
    names = set()
    for node in tree.body:
        if not isinstance(node, ast.Assign):
            continue
        for part in ast.walk(node):
            if isinstance(part, ast.Attribute):
                names.add(part.attr)
            elif isinstance(part, ast.Constant) and re.fullmatch(
                r"_?(l10n|sst|ttx|income|trade|buyer|contract|purchase|aba|get)_\w+",
                str(part.value),
            ):
                names.add(part.value)
    return {name for name in names - KNOWN if not name.startswith("_billing")}


@cache
def read_addons():
    """Return the Python source of Odoo's addons of countries, and of accounting."""
    folders = [Path(place) for place in odoo.addons.__path__]
    files = [
        file
        for folder in folders
        for pattern in (
            "l10n_*/models/*.py",
            "account*/models/*.py",
            "base*/models/*.py",
        )
        for file in folder.glob(pattern)
    ]
    return "\n".join(file.read_text() for file in files)


@pytest.mark.parametrize("name", sorted(find_names()))
def test_name_is_in_odoo(name):
    defined = rf"^    (def {name}\(|{name} = fields\.)"
    assert re.search(defined, read_addons(), re.MULTILINE)


def test_there_are_names():
    assert len(find_names()) > 30
