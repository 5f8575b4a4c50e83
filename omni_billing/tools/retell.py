"""Say a sentence of ours that is kept anew, in the language of who reads it.

Why something failed is written down where it failed, by a job or in the language of who
pressed the button, and from wherever it was raised. What it was made of is found by the
addon's own translations: a sentence and its values.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

from odoo.fields import Char, Text
from odoo.tools.translate import code_translations

#: What the names of our addons begin with: their sentences are known.
OURS = "omni_billing"
#: The language of the source.
SOURCE = "en_US"
#: Letters that a sentence has beside its values; fewer would fit anything.
FEWEST = 8
#: What is longer is told as it is: to compare it takes the longer the more it repeats.
LONGEST = 2000
#: Remarks of a text that are looked at one by one; ours are a few.
MOST_REMARKS = 20
#: Sentences in the values of sentences; whoever quotes more made it up.
DEEPEST = 3

#: Not a percent sign of the words, which is written twice.
PLACE = re.compile(r"(?<!%)%(?:\((\w+)\))?[sd]")
REMARK = re.compile(r"(?<=[.!?]) ")

#: By name, or by number where the places have none.
Values = dict[str | int, str]
#: Addons whose sentences are known, and languages beside that of the source.
Known = tuple[tuple[str, ...], tuple[str, ...]]


class Sentence(NamedTuple):
    """A sentence that is kept, in one language, and its source."""

    source: str
    head: str
    letters: int
    #: Which value comes next, and the words behind it.
    places: tuple[tuple[str | int, str], ...]


class Kept:
    """A text of ours that is kept, and read in the reader's language.

    Code, searches and groups have it as it was written.
    """

    def convert_to_read(self, value, record, use_display_name=True):
        return retell(record.env, super().convert_to_read(value, record)) or False

    def convert_to_export(self, value, record):
        return retell(record.env, super().convert_to_export(value, record))


class KeptSentence(Kept, Char):
    """One sentence, or a few."""


class KeptText(Kept, Text):
    """Several lines."""


def retell(env: Any, text: str | None) -> str:
    """Return a text in the language of the environment; one not ours as it is."""
    if not text:
        return ""
    if len(text) > LONGEST:
        return text
    lang = env.lang or SOURCE
    known = {code for code, _name in env["res.lang"].get_installed()}
    return _retell(text, lang, (find_ours(env), tuple(sorted(known - {SOURCE}))))


def find_ours(env: Any) -> tuple[str, ...]:
    """Return the names of our addons that are installed."""
    installed = env["ir.module.module"]._installed()
    return tuple(sorted(name for name in installed if name.startswith(OURS)))


@lru_cache(maxsize=4096)
def _retell(text: str, lang: str, known: Known, depth: int = 0) -> str:
    if found := _find(text, known):
        return _say(*found, lang, known, depth)
    if "\n" in text:
        lines = text.split("\n")
        return "\n".join(_retell(line, lang, known, depth) for line in lines)
    said, start = [], 0
    # Remarks are put one behind the other.
    for cut in islice(REMARK.finditer(text), MOST_REMARKS):
        if found := _find(text[start : cut.start()], known):
            said.append(_say(*found, lang, known, depth))
            start = cut.end()
            if found := _find(text[start:], known):
                return " ".join((*said, _say(*found, lang, known, depth)))
    return " ".join((*said, text[start:]))


def _say(source: str, values: Values, lang: str, known: Known, depth: int) -> str:
    words = source if lang == SOURCE else _get_words(lang, known[0]).get(source, source)
    if not values:
        return words
    if depth < DEEPEST:
        values = {
            key: _retell(one, lang, known, depth + 1) for key, one in values.items()
        }
    return words % (tuple(values.values()) if 0 in values else values)


def _find(text: str, known: Known) -> tuple[str, Values] | None:
    """Return the source of a text, and the values that are in it."""
    best, found = 0, None
    for lang in (SOURCE, *known[1]):
        exact, sentences = _get_sentences(lang, known)
        if text in exact:
            return exact[text], {}
        for sentence in sentences if len(text) >= FEWEST else ():
            if sentence.letters > best and text.startswith(sentence.head):
                if values := _fit(sentence, text):
                    best, found = sentence.letters, (sentence.source, values)
    return found


def _fit(sentence: Sentence, text: str) -> Values | None:
    """Return the values that a text has in the places of a sentence, if it is that one.

    A value ends where the words behind it come first. So a text is gone through once,
    whatever it repeats: customers, banks and servers say what they like.
    """
    values: Values = {}
    at, last = len(sentence.head), len(sentence.places) - 1
    for number, (name, words) in enumerate(sentence.places):
        if name in values:
            end = at + len(values[name])
            if text[at:end] != values[name] or not text.startswith(words, end):
                return None
        else:
            end = text.find(words, at) if number < last else len(text) - len(words)
            if end < at or not text.startswith(words, end):
                return None
            values[name] = text[at:end]
        at = end + len(words)
    return values if at == len(text) else None


@lru_cache(maxsize=16)
def _get_sentences(lang: str, known: Known) -> tuple[dict[str, str], list[Sentence]]:
    """Return the sentences of a language: those without values, and those with."""
    addons, languages = known
    if lang == SOURCE:
        pairs = [
            (source, source) for one in languages for source in _get_words(one, addons)
        ]
    else:
        pairs = [(words, source) for source, words in _get_words(lang, addons).items()]
    exact, sentences = {}, []
    for words, source in dict.fromkeys(pairs):
        if not PLACE.search(words):
            exact[words] = source
        elif sentence := _compile(words, source):
            sentences.append(sentence)
    return exact, sentences


def _compile(words: str, source: str) -> Sentence | None:
    letters = len(re.findall(r"\w", PLACE.sub("", words)))
    if letters < FEWEST:
        return None
    found = list(PLACE.finditer(words))
    ends = [*(place.start() for place in found[1:]), len(words)]
    places = tuple(
        (place[1] or number, words[place.end() : end].replace("%%", "%"))
        for number, (place, end) in enumerate(zip(found, ends, strict=True))
    )
    head = words[: found[0].start()].replace("%%", "%")
    return Sentence(source, head, letters, places)


@lru_cache(maxsize=16)
def _get_words(lang: str, addons: tuple[str, ...]) -> dict[str, str]:
    """Return the translations of our code's sentences, by their source."""
    words: dict[str, str] = {}
    for name in addons:
        words |= code_translations.get_python_translations(name, lang)
    return words
