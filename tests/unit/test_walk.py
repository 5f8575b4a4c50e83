"""docs/architecture.md names files, methods and promises that are there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ADDON = ROOT / "omni_billing"
TEXT = (ROOT / "docs/architecture.md").read_text()
WALK = TEXT.partition("<!-- walk -->")[2].partition("<!-- /walk -->")[0]
STEPS = re.findall(r"`([\w.]+)\.(\w+)` in `([\w/.]+)`", WALK)
PROMISED = TEXT.partition("## Promises")[2].partition("\n## ")[0]
PROMISES = re.findall(r"^(\d+)\. \*\*", PROMISED, re.MULTILINE)


def find_file(name):
    """Return a file by its name from the addon, or from its room, on."""
    return next(
        file for file in (ADDON / name, ADDON / "models" / name) if file.exists()
    )


@cache
def read_methods(file):
    """Return the line of each method, by the names of its class and its models."""
    found = {}
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ClassDef):
            owners = {node.name} | {
                text.value
                for part in node.body
                if isinstance(part, ast.Assign)
                and getattr(part.targets[0], "id", "") in ("_name", "_inherit")
                for text in ast.walk(part.value)
                if isinstance(text, ast.Constant)
            }
            for part in node.body:
                if isinstance(part, ast.FunctionDef):
                    found |= {(owner, part.name): part.lineno for owner in owners}
    return found


@cache
def read_all_methods():
    """Return the methods of each model, of all addons, and of each class outside."""
    folders = (
        ADDON / "wizards",
        ADDON / "gateways",
        *ROOT.glob("omni_billing*/models"),
    )
    files = [file for folder in folders for file in folder.rglob("*.py")]
    return {method for file in files for method in read_methods(file)}


@cache
def read_parents():
    """Return what each model of ours inherits from."""
    parents = {}
    for file in (ADDON / "models").rglob("*.py"):
        text = file.read_text()
        for name, inherited in re.findall(
            r'_name = "([\w.]+)"\n    _inherit = (.+?)\n    _', text, re.DOTALL
        ):
            parents[name] = re.findall(r'"([\w.]+)"', inherited)
    return parents


def has_method(owner, method):
    owners = (owner, *read_parents().get(owner, ()))
    return any((each, method) in read_all_methods() for each in owners)


def test_walk_goes_from_import_to_paid():
    assert len(STEPS) >= 10
    assert STEPS[0][1] == "load"
    assert STEPS[-1][0] == "account.partial.reconcile"


@pytest.mark.parametrize(("owner", "method", "file"), STEPS)
def test_step_is_there(owner, method, file):
    assert (owner, method) in read_methods(find_file(file))


def test_walk_does_not_come_back():
    """From top to bottom of a file, then on to the next."""
    left, last = [], ("", 0)
    for owner, method, file in STEPS:
        line = read_methods(find_file(file))[owner, method]
        if file != last[0]:
            assert file not in left
            left.append(file)
        else:
            assert line > last[1], method
        last = (file, line)


def test_methods_that_the_page_names_are_there():
    """Fields are named the same way: they are not looked for."""
    names = re.findall(r"`((?:\w+\.)+\w+)(?:\([^`]*\))?`", TEXT)
    owners = {owner for owner, _method in read_all_methods()}
    missing = set()
    for owner, _dot, method in (name.rpartition(".") for name in names):
        is_model = f"{owner}.{method}" in owners or owner not in owners
        if not is_model and not method.startswith("billing_"):
            if not has_method(owner, method):
                missing.add(f"{owner}.{method}")
    assert missing == set()


def test_promises_that_are_named_are_there():
    assert PROMISES == [str(number + 1) for number in range(len(PROMISES))]
    named = set()
    for folder in ("omni_billing", "omni_billing_facturx", "tests"):
        for file in (ROOT / folder).rglob("*.py"):
            for numbers in re.findall(
                r"[Pp]romises? (\d+(?:(?:, | and )\d+)*)", file.read_text()
            ):
                named |= set(re.findall(r"\d+", numbers))
    assert named
    assert named <= set(PROMISES)


def test_nothing_refers_to_a_document_that_is_not_here():
    """Sections are of documents that a reader does not have."""
    for folder in ("omni_billing", "omni_billing_facturx", "tests", "dev", "docs"):
        for file in (ROOT / folder).rglob("*"):
            if file.suffix in {".py", ".js", ".xml", ".md"}:
                assert not re.search("\N{SECTION SIGN} ?\\d", file.read_text()), file
