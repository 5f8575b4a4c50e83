"""bin/i18n: bring the translation files up to date with the code."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from dev import core, customers, paths, venv, workspace
from dev.console import Step, say
from dev.templates import Templates
from dev.workspace import Workspace

if TYPE_CHECKING:
    from polib import POFile

TESTS = True
CORE = True

COMPLETE = ("fr",)
#: What customers see; of the rest, Odoo shows the source, which is English.
OF_CUSTOMERS = ("de", "es")
LANGUAGES = (*COMPLETE, *OF_CUSTOMERS)


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(prog="bin/i18n", description=__doc__)
    parser.add_argument(
        "--check",
        action="store_true",
        help=f"change nothing; fail if stale, or if {', '.join(LANGUAGES)} lacks terms",
    )
    return parser.parse_args(arguments)


def main(options: argparse.Namespace) -> int:
    """Export the terms and merge them into each language, or compare them."""
    import polib

    with workspace.opened(core.ensure(), paths.TEST_DATA, durable=False) as space:
        exported = _export(workspace.with_path(space, venv.ensure_sepa()))
    work = _check if options.check else _update
    return max(work(folder, polib.pofile(terms)) for folder, terms in exported.items())


def _export(space: Workspace) -> dict[Path, str]:
    """Export the terms of each addon as Odoo does."""
    exported = {}
    with (
        Step("Collecting the terms", "Terms collected"),
        tempfile.TemporaryDirectory() as temporary,
    ):
        for kind, folders in _places().items():
            with Templates(space).copied(kind, "i18n") as database:
                for folder in folders:
                    file = Path(temporary) / f"{folder.name}.pot"
                    space.odoo(
                        *("i18n", "export", f"--database={database}"),
                        *("--languages=pot", f"--output={file}", folder.name),
                        log="i18n",
                    )
                    exported[folder] = file.read_text()
    return exported


def _places() -> dict[str, list[Path]]:
    """Return which addons have words, by the kind of database that has them."""
    everywhere = [one for one in paths.ADDONS if one not in paths.GUEST_ADDONS]
    return {
        "addon": everywhere,
        "sale": [paths.SALE_ADDON],
        "sepa": [paths.SEPA_ADDON],
        "usage": [paths.USAGE_ADDON],
        "wallet": [paths.WALLET_ADDON],
    }


def _check(folder: Path, fresh: POFile) -> int:
    stale = [
        file.name for file in _files(folder) if _is_stale(file, _pick(file, fresh))
    ]
    missing = _missing(folder)
    if stale:
        say(f"✗ Out of date: {', '.join(stale)}; bin/i18n updates them.")
    _tell(folder, missing)
    return 1 if stale or any(missing.get(language) for language in LANGUAGES) else 0


def _update(folder: Path, fresh: POFile) -> int:
    (folder / "i18n").mkdir(exist_ok=True)
    for language in LANGUAGES:
        _create(folder / "i18n" / f"{language}.po", fresh)
    template = folder / "i18n" / f"{folder.name}.pot"
    if _is_stale(template, fresh):
        fresh.save(str(template))
    for file in (folder / "i18n").glob("*.po"):
        picked = _pick(file, fresh)
        if _is_stale(file, picked):
            _merge(file, picked)
    _tell(folder, _missing(folder))
    return 0


def _files(folder: Path) -> list[Path]:
    texts = folder / "i18n"
    languages = [texts / f"{language}.po" for language in LANGUAGES]
    return sorted({texts / f"{folder.name}.pot", *languages, *texts.glob("*.po")})


def _pick(file: Path, fresh: POFile) -> POFile:
    """Return the terms that belong into a file."""
    return customers.keep(fresh) if file.stem in OF_CUSTOMERS else fresh


def _is_stale(file: Path, fresh: POFile) -> bool:
    """Tell whether a file has other terms than it should; its dates do not count."""
    import polib

    if not file.exists():
        return True
    return _terms(polib.pofile(str(file))) != _terms(fresh)


def _terms(catalogue: POFile) -> set[tuple]:
    return {
        (entry.msgctxt, entry.msgid, entry.comment, tuple(sorted(entry.occurrences)))
        for entry in catalogue
        if not entry.obsolete
    }


def _create(file: Path, fresh: POFile) -> None:
    import polib

    if not file.exists():
        catalogue = polib.POFile()
        catalogue.metadata = {**fresh.metadata, "Language": file.stem}
        catalogue.save(str(file))


def _merge(file: Path, fresh: POFile) -> None:
    """Take over new terms, without a guess at their translation; drop old ones."""
    import polib

    catalogue = polib.pofile(str(file))
    catalogue.merge(fresh)
    for entry in catalogue.obsolete_entries():
        catalogue.remove(entry)
    catalogue.sort(key=lambda entry: entry.msgid)
    catalogue.save(str(file))


def _missing(folder: Path) -> dict[str, int]:
    """Count per language the terms without a translation, or with a guess at one."""
    import polib

    return {
        file.stem: sum(not entry.translated() for entry in polib.pofile(str(file)))
        for file in sorted((folder / "i18n").glob("*.po"))
    }


def _tell(folder: Path, missing: dict[str, int]) -> None:
    for language, count in missing.items():
        say(
            f"{'✗' if count else '✓'} {folder.name}, {language}: {count} terms to"
            " translate"
        )
