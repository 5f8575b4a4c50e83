"""Complete French: no term without a translation, no placeholder lost."""

import re
from pathlib import Path

import polib
import pytest

FOLDERS = sorted(Path(__file__).parents[2].glob("omni_billing*/i18n"))
PLACEHOLDER = re.compile(r"%\(\w+\)s|%s|</?\w+[^>]*>")


@pytest.mark.parametrize("language", ["fr"])
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_every_term_is_translated(folder, language):
    [template] = folder.glob("*.pot")
    translated = {
        entry.msgid
        for entry in polib.pofile(str(folder / f"{language}.po"))
        if entry.msgstr and not entry.fuzzy
    }
    terms = {entry.msgid for entry in polib.pofile(str(template))}
    assert terms - translated == set()


@pytest.mark.parametrize("language", ["fr"])
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_placeholders_are_kept(folder, language):
    wrong = [
        entry.msgid
        for entry in polib.pofile(str(folder / f"{language}.po"))
        if sorted(set(PLACEHOLDER.findall(entry.msgid)))
        != sorted(set(PLACEHOLDER.findall(entry.msgstr)))
    ]
    assert wrong == []
