"""Complete French: no term without a translation, no placeholder lost."""

import re
from pathlib import Path

import polib
import pytest

FOLDER = Path(__file__).parents[2] / "omni_billing" / "i18n"
TEMPLATE = polib.pofile(str(FOLDER / "omni_billing.pot"))
PLACEHOLDER = re.compile(r"%\(\w+\)s|%s|</?\w+[^>]*>")


@pytest.mark.parametrize("language", ["fr"])
def test_every_term_is_translated(language):
    translated = {
        entry.msgid
        for entry in polib.pofile(str(FOLDER / f"{language}.po"))
        if entry.msgstr and not entry.fuzzy
    }
    assert {entry.msgid for entry in TEMPLATE} - translated == set()


@pytest.mark.parametrize("language", ["fr"])
def test_placeholders_are_kept(language):
    wrong = [
        entry.msgid
        for entry in polib.pofile(str(FOLDER / f"{language}.po"))
        if sorted(set(PLACEHOLDER.findall(entry.msgid)))
        != sorted(set(PLACEHOLDER.findall(entry.msgstr)))
    ]
    assert wrong == []
