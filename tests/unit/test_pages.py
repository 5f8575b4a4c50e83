"""docs/features.md and docs/odoo.md say what the code and the tests have."""

import re
from functools import cache
from pathlib import Path

import pytest

import odoo.addons

from dev import pages, paths

DOCS = paths.ROOT / "docs"
TESTS = {file.name for file in paths.ROOT.rglob("tests/**/test_*.py")}
#: Addons whose models and pages we extend, or whose methods we call.
ADDONS = """
    account account_edi_ubl_cii account_payment account_peppol account_qr_code_sepa
    analytic base base_import base_setup base_vat http_routing mail payment
    payment_stripe portal product sale uom web
""".split()
#: What all of Odoo's code has.
EVERYWHERE = {"_", "_inherit", "_logger"}
#: How names of our own begin, and of what Odoo calls by a name that we chose.
OUR_NAMES = re.compile(
    r"_(billing|compute|inverse|search|check|onchange|cron|gc|unlink|default)_"
)
DEFINED = re.compile(r"(?:def |^\s+|self\.)(_\w+)(?:\(|\s*[:=])", re.MULTILINE)
AGAIN = "bin/lint --fix writes it anew"

FEATURES = {
    row: tests
    for row, _what, tests in pages.FEATURE.findall(pages.FEATURES.read_text())
}
LEANING = pages.LEANING.findall(pages.ODOO.read_text())
LISTED = {name for cell, *_rest in LEANING for _owner, name in pages.split_names(cell)}


# === Features === #


def test_rows_are_in_order_and_there_once():
    rows = [row for row, *_rest in pages.FEATURE.findall(pages.FEATURES.read_text())]
    assert len(rows) == len(set(rows))
    for letter in "FW":
        numbers = [int(row[1:]) for row in rows if row[0] == letter]
        assert numbers == list(range(1, len(numbers) + 1))


def test_each_row_that_is_cited_is_in_the_table():
    cited = set(pages.find_citations())
    for folder in (*paths.ADDONS, paths.ROOT / "dev", DOCS):
        for file in folder.rglob("*"):
            if file.suffix in {".py", ".js", ".xml", ".md", ".rst"}:
                text = pages.NO_ROW.sub("", file.read_text())
                cited |= {row for row in pages.CITED.findall(text)}
    assert cited - set(FEATURES) == set()


@pytest.mark.parametrize("row", FEATURES)
def test_row_has_a_test_or_says_why_not(row):
    cited = {Path(name).name for name in pages.find_citations().get(row, ())}
    if cited:
        named = set(re.findall(r"`([^`]+)`", FEATURES[row]))
        assert named, AGAIN
        assert named <= cited, AGAIN
    else:
        assert FEATURES[row].startswith(pages.NO_TEST)


# === Odoo === #


@cache
def read_odoo():
    """Return the source of Odoo's framework, and of the addons that we build on."""
    homes = [Path(path) for path in odoo.addons.__path__]
    folders = [
        home / name for name in ADDONS for home in homes if (home / name).is_dir()
    ]
    [framework] = {
        Path(path) for path in odoo.__path__ if (Path(path) / "orm").is_dir()
    }
    folders += [framework / name for name in ("orm", "modules", "service", "tools")]
    files = [*framework.glob("*.py")]
    for folder in folders:
        files += (file for file in folder.rglob("*") if file.suffix in SUFFIXES)
    return {file: file.read_text() for file in files if "tests" not in file.parts}


SUFFIXES = {".py", ".js", ".xml"}


@cache
def find_defined():
    """Return the private names that Odoo defines."""
    return {
        name
        for file, text in read_odoo().items()
        if file.suffix == ".py"
        for name in DEFINED.findall(text)
    }


def test_odoo_has_each_name():
    """One that is gone would be overridden, and never called."""
    words = set()
    for text in read_odoo().values():
        words |= set(re.findall(r"\w+", text))
    # PostgreSQL's, ours on Odoo's tables, and the relation of Odoo's table with ours.
    not_odoos = {
        "xmin",
        "omni_billing_keep_numbered",
        "account_tax_omni_billing_transaction_rel",
    }
    missing = {
        name
        for name in LISTED - not_odoos
        if not set(re.findall(r"\w+", name)) <= words
        or (name.startswith("_") and name not in find_defined())
    }
    assert missing == set()


def test_each_private_name_of_odoo_is_listed():
    own = {
        name
        for source in pages.read_sources()
        for name in source.defines
        if name not in {extended for _model, extended in source.extends}
    }
    used = {
        name
        for source in pages.read_sources()
        for name in (*source.uses, *(method for _model, method in source.extends))
        if name.startswith("_") and not name.startswith("__")
    }
    odoos = {
        name
        for name in used - own - EVERYWHERE
        if name in find_defined() and not OUR_NAMES.match(name)
    }
    assert odoos - LISTED == set(), "docs/odoo.md does not list them"


@pytest.mark.parametrize("row", LEANING, ids=lambda row: row[0])
def test_row_says_where_and_what_fails(row):
    names, files, why, tests = row
    places = pages.find_places(names)
    named = re.findall(r"`([^`]+)`", files)
    assert places, "we do not use it any more"
    assert named, AGAIN
    assert set(named) <= set(places), AGAIN
    assert why
    assert tests
    for name in re.findall(r"test_\w+\.py", tests):
        assert name in TESTS, name
