"""French for all, and what customers see in more languages: no term without a
translation, none too many, no placeholder lost.
"""

import ast
import re
from collections import Counter
from pathlib import Path

import polib
import pytest

from dev import customers, paths
from dev.i18n import COMPLETE, LANGUAGES

FOLDERS = sorted(Path(__file__).parents[2].glob("omni_billing*/i18n"))
#: What Python fills in, elements, and what templates fill in.
PLACEHOLDER = re.compile(r"%\(\w+\)s|%[s%]|</?\w+[^>]*>|\{\{.*?\}\}")
#: Words in an expression are translated, too.
WORDS = re.compile(r"'[^']*'|\"[^\"]*\"")

each_folder = pytest.mark.parametrize(
    "folder", FOLDERS, ids=lambda folder: folder.parent.name
)
each_language = pytest.mark.parametrize("language", LANGUAGES)


def read(folder, language):
    return polib.pofile(str(folder / f"{language}.po"))


def find_placeholders(text):
    """Count the placeholders of a text, without the words in them."""
    return Counter(
        WORDS.sub("''", found) if found.startswith("{{") else found
        for found in PLACEHOLDER.findall(text)
    )


@each_language
@each_folder
def test_every_term_is_translated(folder, language):
    [file] = folder.glob("*.pot")
    terms = polib.pofile(str(file))
    if language not in COMPLETE:
        terms = customers.keep(terms)
    translated = {
        entry.msgid
        for entry in read(folder, language)
        if entry.msgstr and not entry.fuzzy
    }
    assert {entry.msgid for entry in terms} == translated


@each_language
@each_folder
def test_placeholders_are_kept(folder, language):
    wrong = [
        entry.msgid
        for entry in read(folder, language)
        if find_placeholders(entry.msgid) != find_placeholders(entry.msgstr)
    ]
    assert wrong == []


@pytest.mark.parametrize("language", sorted(set(LANGUAGES) - set(COMPLETE)))
@each_folder
def test_nothing_of_staff_is_there(folder, language):
    """A text is translated where customers see it, and nowhere else."""
    [file] = folder.glob("*.pot")
    kept = {e.msgid: e.occurrences for e in customers.keep(polib.pofile(str(file)))}
    for entry in read(folder, language):
        assert sorted(entry.occurrences) == sorted(kept[entry.msgid])


@pytest.mark.parametrize("path", sorted(customers.METHODS))
def test_methods_that_speak_to_customers_are_there(path):
    """One that got another name takes its texts along."""
    tree = ast.parse((paths.ROOT / path).read_text())
    for name in customers.METHODS[path]:
        assert customers.find_said(tree, name), name


def test_files_that_speak_to_customers_are_there():
    assert all((paths.ROOT / path).exists() for path in customers.FILES)


def test_templates_are_pages_documents_and_mails():
    found = customers.templates()
    assert {"omni_billing.portal_billing", "omni_billing.reminder_rows"} <= found
    assert "omni_billing.account_move_view_form_billing" not in found


@pytest.mark.parametrize(
    ("text", "changed", "kept"),
    [
        ("%(a)s of %(b)s", "%(b)s, %(a)s", True),
        ("%(a)s of %(b)s", "%(a)s", False),
        ("%(a)s %%", "%(a)s", False),
        ("<b>Pay</b>", "<b>Pagar", False),
        ("{{ x and 'one' or 'two' }}", "{{ x and 'uno' or 'dos' }}", True),
        ("{{ x.name }}", "{{ x.nombre }}", False),
    ],
)
def test_what_counts_as_lost(text, changed, kept):
    assert (find_placeholders(text) == find_placeholders(changed)) is kept
