"""The columns of docs/features.md and docs/odoo.md that say where something is.

``bin/lint --fix`` writes them anew; tests/unit/test_pages.py holds them to the code.
"""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

from dev import paths

FEATURES = paths.ROOT / "docs" / "features.md"
ODOO = paths.ROOT / "docs" / "odoo.md"
#: A row of features, and how tests cite it.
FEATURE = re.compile(r"^\| ([FW]\d+) \| (.+?) \| (.*?) \|$", re.MULTILINE)
CITED = re.compile(r"\b[FW]\d+\b(?!\.\d)")
#: What linters are told, and is no row.
NO_ROW = re.compile(r"noqa: .*")
#: A row of what we lean on: Odoo's names, our files, why, and tests.
LEANING = re.compile(r"^\| (`.+?`) \| (.*?) \| (.+?) \| (.*?) \|$", re.MULTILINE)
#: What a row says that has no test.
NO_TEST = "no test:"
SHOWN = 3
TEST_SUFFIXES = {".py", ".js", ".xml"}


# === Features === #


@cache
def find_citations() -> dict[str, Counter[str]]:
    """Return how often each test file cites each row."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    beside = (_name(folder) for folder in paths.ROOT.glob("*/tests"))
    for file in _list_files("tests", *beside):
        if file.suffix in TEST_SUFFIXES:
            for row in CITED.findall(NO_ROW.sub("", file.read_text())):
                found[row][_name(file)] += 1
    return found


def write_features(text: str) -> str:
    """Return the page with the tests of each row."""

    def fill(match: re.Match[str]) -> str:
        row, sentence, tests = match.groups()
        files = [name for name, _count in find_citations().get(row, Counter()).items()]
        if files:
            names = sorted(files, key=lambda name: (-find_citations()[row][name], name))
            tests = ", ".join(f"`{name.rpartition('/')[2]}`" for name in names[:SHOWN])
            if len(names) > SHOWN:
                tests += f" and {len(names) - SHOWN} more"
        return f"| {row} | {sentence} | {tests} |"

    return FEATURE.sub(fill, text)


# === Odoo === #


class Source:
    """One file of ours: which names it uses, and which methods of whose it extends."""

    def __init__(self, file: Path) -> None:
        self.name = _short(file)
        self.text = file.read_text()
        #: Methods of Odoo's models, by model.
        self.extends: set[tuple[str, str]] = set()
        #: Methods of classes that are ours alone.
        self.defines: set[str] = set()
        #: Attributes, and the texts of what they are of.
        self.uses: dict[str, set[str]] = defaultdict(set)
        if file.suffix == ".py":
            self._read(ast.parse(self.text))

    def _read(self, tree: ast.Module) -> None:
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                self._read_class(node)
            elif isinstance(node, ast.FunctionDef):
                self.defines.add(node.name)
            elif isinstance(node, ast.Attribute):
                self.uses[node.attr].add(ast.unparse(node.value))

    def _read_class(self, node: ast.ClassDef) -> None:
        models = {
            text.value
            for part in node.body
            if isinstance(part, ast.Assign)
            and getattr(part.targets[0], "id", "") in ("_inherit", "_name")
            for text in ast.walk(part.value)
            if isinstance(text, ast.Constant) and isinstance(text.value, str)
        }
        odoos = {model for model in models if not model.startswith("omni.")}
        # A controller extends by its base class.
        odoos |= {base.id for base in node.bases if isinstance(base, ast.Name)}
        for part in node.body:
            if isinstance(part, ast.FunctionDef):
                self.extends |= {(model, part.name) for model in odoos}

    def has(self, owner: str, name: str) -> bool:
        """Tell whether it uses or extends what Odoo has under this name."""
        if (owner, name) in self.extends:
            return True
        if not name.startswith("_") or self.name.endswith((".js", ".xml")):
            return _has_word(self.text, _as_we_write(owner, name))
        uses = self.uses.get(name, set())
        if name in _own_names():
            # Ours have it, too: only what is surely of Odoo's counts.
            inherits = any(model == owner for model, _method in self.extends)
            return any(owner in use or (inherits and "self" in use) for use in uses)
        return bool(uses)


@cache
def read_sources() -> list[Source]:
    """Return all files of the addons but their tests."""
    suffixes = {".py", ".js", ".xml"}
    return [
        Source(file)
        for addon in paths.ADDONS
        for file in _list_files(addon.name)
        if file.suffix in suffixes
        and file.name != "__init__.py"
        and "tests" not in file.relative_to(addon).parts
    ]


@cache
def _own_names() -> set[str]:
    """Return the private names that models of ours have, whatever Odoo has."""
    extended = {name for source in read_sources() for _model, name in source.extends}
    own: set[str] = set()
    for source in read_sources():
        here = {name for _model, name in source.extends}
        own |= source.defines - here
    return own | (extended & own)


@cache
def _as_we_write(owner: str, name: str) -> str:
    """Return a name as it stands in our code: with its owner, or alone."""
    full = f"{owner}.{name}"
    return full if any(_has_word(each.text, full) for each in read_sources()) else name


def _has_word(text: str, word: str) -> bool:
    # Few texts have it at all, which is seen at once.
    return word in text and bool(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text))


def split_names(cell: str) -> list[tuple[str, str]]:
    """Return owner and name of each name in the first column."""
    names = re.findall(r"`([^`]+)`", cell)
    return [(owner, last) for owner, _dot, last in (n.rpartition(".") for n in names)]


def find_places(cell: str) -> list[str]:
    """Return our files that use what the first column of a row names."""
    names = split_names(cell)
    return sorted(
        {
            source.name
            for source in read_sources()
            if any(source.has(owner, name) for owner, name in names)
        }
    )


def write_odoo(text: str) -> str:
    """Return the page with the files of each row."""

    def fill(match: re.Match[str]) -> str:
        names, _files, why, tests = match.groups()
        files = [f"`{place}`" for place in find_places(names)]
        shown = ", ".join(files[:SHOWN])
        if len(files) > SHOWN:
            shown += f" and {len(files) - SHOWN} more"
        return f"| {names} | {shown} | {why} | {tests} |"

    return LEANING.sub(fill, text)


# === Both === #


def write() -> None:
    """Write the columns anew."""
    FEATURES.write_text(write_features(FEATURES.read_text()))
    ODOO.write_text(write_odoo(ODOO.read_text()))


def _list_files(*folders: str) -> list[Path]:
    return sorted(
        file
        for folder in folders
        for file in (paths.ROOT / folder).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    )


def _name(file: Path) -> str:
    return str(file.relative_to(paths.ROOT))


def _short(file: Path) -> str:
    """Name a file as docs/architecture.md does: from the addon, or its room, on."""
    name = _name(file).removeprefix("omni_billing/").removeprefix("models/")
    return name.removeprefix("static/src/")
