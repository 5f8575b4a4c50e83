"""The menu bar fits on a laptop, with all of our addons, in each language."""

from pathlib import Path

import polib
import pytest
from lxml import etree

from dev.i18n import LANGUAGES

ROOT = Path(__file__).parents[2]
APP = "omni_billing_menu_root"
#: Pixels of a laptop, less those on the right: messages, activities, a company, a face.
WIDTH = 1366 - 241
#: Of the button of apps, around each word, and for each character, as a browser has
#: them with Odoo's font; those of the app are larger.
BUTTON, AROUND, CHARACTER, LARGE = 48, 20, 7, 8.3


def read_words():
    """Return the words in the bar, each with its addon; the app's comes first."""
    actions, words = {}, []
    for path in sorted(ROOT.glob("omni_billing*/**/*.xml")):
        addon = path.relative_to(ROOT).parts[0]
        tree = etree.parse(str(path))
        for record in tree.iter("record"):
            if record.get("model").startswith("ir.actions."):
                name = record.findtext("field[@name='name']")
                actions[f"{addon}.{record.get('id')}"] = name
        for item in tree.iter("menuitem"):
            parent = item.get("parent") or item.getparent().get("id") or ""
            if item.get("id") == APP:
                words.insert(0, (addon, item))
            elif parent.split(".")[-1] == APP:
                words.append((addon, item))
    return [
        (addon, item.get("name") or actions[f"{addon}.{item.get('action')}"])
        for addon, item in words
    ]


def translate(addon, language, word):
    entry = polib.pofile(str(ROOT / addon / "i18n" / f"{language}.po")).find(word)
    return entry and entry.msgstr


@pytest.mark.parametrize("language", ["en", *LANGUAGES])
def test_menu_bar_fits_on_a_laptop(language):
    """Nothing of it goes behind a plus sign."""
    # What staff alone read is English in some.
    words = [
        (language != "en" and translate(addon, language, word)) or word
        for addon, word in read_words()
    ]
    app, *entries = words
    width = BUTTON + LARGE * len(app)
    width += sum(AROUND + CHARACTER * len(word) for word in entries)
    assert width <= WIDTH, (round(width), words)
