"""Say a sentence of ours that is kept anew, in the language of who reads it.

Why something failed is written down where it failed, by a job or in the language of who
pressed the button, and from wherever it was raised. What it was made of is found by the
addon's own translations: a sentence and its values.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

from odoo.fields import Char, Text
from odoo.tools.translate import code_translations

#: Whose sentences are known.
ADDONS = ("omni_billing", "omni_billing_facturx", "omni_billing_peppol")
#: The language of the source.
SOURCE = "en_US"
#: Letters that a sentence has beside its values; fewer would fit anything.
FEWEST = 8
#: What is longer is told as it is: to compare it takes the longer the more it repeats.
LONGEST = 2000

PLACE = re.compile(r"%(?:\((\w+)\))?[sd]")


class Sentence(NamedTuple):
    """A sentence that is kept, in one language, and its source."""

    source: str
    head: str
    letters: int
    pattern: re.Pattern[str]


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
    return _retell(text, lang, tuple(sorted(known - {SOURCE})))


@lru_cache(maxsize=4096)
def _retell(text: str, lang: str, known: tuple[str, ...]) -> str:
    if found := _find(text, known):
        return _say(*found, lang, known)
    if "\n" in text:
        lines = text.split("\n")
        return "\n".join(_retell(line, lang, known) for line in lines)
    # Remarks are put one behind the other.
    for cut in re.finditer(r"(?<=[.!?]) ", text):
        if found := _find(text[: cut.start()], known):
            rest = _retell(text[cut.end() :], lang, known)
            return f"{_say(*found, lang, known)} {rest}"
    return text


def _say(source: str, values: Any, lang: str, known: tuple[str, ...]) -> str:
    words = source if lang == SOURCE else _get_words(lang).get(source, source)
    if isinstance(values, dict):
        return words % {key: _retell(one, lang, known) for key, one in values.items()}
    return (
        words % tuple(_retell(one, lang, known) for one in values) if values else words
    )


def _find(text: str, known: tuple[str, ...]) -> tuple[str, Any] | None:
    """Return the source of a text, and the values that are in it."""
    best, found = 0, None
    for lang in (SOURCE, *known):
        exact, patterns = _get_sentences(lang, known)
        if text in exact:
            return exact[text], ()
        for sentence in patterns:
            if sentence.letters > best and text.startswith(sentence.head):
                if match := sentence.pattern.fullmatch(text):
                    best = sentence.letters
                    found = sentence.source, match.groupdict() or match.groups()
    return found


@lru_cache(maxsize=16)
def _get_sentences(
    lang: str, known: tuple[str, ...]
) -> tuple[dict[str, str], list[Sentence]]:
    """Return the sentences of a language: those without values, and those with."""
    if lang == SOURCE:
        pairs = [(source, source) for one in known for source in _get_words(one)]
    else:
        pairs = [(words, source) for source, words in _get_words(lang).items()]
    exact, patterns = {}, []
    for words, source in dict.fromkeys(pairs):
        if not PLACE.search(words):
            exact[words] = source
        elif sentence := _compile(words, source):
            patterns.append(sentence)
    return exact, patterns


def _compile(words: str, source: str) -> Sentence | None:
    parts, seen, end = [], set(), 0
    for place in PLACE.finditer(words):
        name = place[1]
        parts.append(re.escape(words[end : place.start()].replace("%%", "%")))
        if not name:
            parts.append("(.*?)")
        elif name in seen:
            parts.append(f"(?P={name})")
        else:
            parts.append(f"(?P<{name}>.*?)")
        seen.add(name)
        end = place.end()
    parts.append(re.escape(words[end:].replace("%%", "%")))
    letters = len(re.findall(r"\w", PLACE.sub("", words)))
    if letters < FEWEST:
        return None
    head = words[: PLACE.search(words).start()].replace("%%", "%")
    return Sentence(source, head, letters, re.compile("".join(parts), re.DOTALL))


@lru_cache(maxsize=16)
def _get_words(lang: str) -> dict[str, str]:
    """Return the translations of our code's sentences, by their source."""
    words: dict[str, str] = {}
    for name in ADDONS:
        words |= code_translations.get_python_translations(name, lang)
    return words
