"""bin/i18n: bring the translation files up to date with the code."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from dev import addon, core, paths, workspace
from dev.console import Step, say
from dev.templates import Templates
from dev.workspace import Workspace

if TYPE_CHECKING:
    from polib import POFile

TESTS = True
CORE = True

FOLDER = paths.ADDON / "i18n"
TEMPLATE = FOLDER / f"{addon.NAME}.pot"
COMPLETE = ("fr",)


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(prog="bin/i18n", description=__doc__)
    parser.add_argument(
        "--check",
        action="store_true",
        help=f"change nothing; fail if stale, or if {', '.join(COMPLETE)} lacks terms",
    )
    return parser.parse_args(arguments)


def main(options: argparse.Namespace) -> int:
    """Export the terms and merge them into each language, or compare them."""
    import polib

    with workspace.opened(core.ensure(), paths.TEST_DATA, durable=False) as space:
        fresh = polib.pofile(_export(space))
    return _check(fresh) if options.check else _update(fresh)


def _export(space: Workspace) -> str:
    """Export the addon's terms as Odoo does."""
    with (
        Step("Collecting the terms", "Terms collected"),
        Templates(space).copied("addon", "i18n") as database,
        tempfile.TemporaryDirectory() as folder,
    ):
        file = Path(folder) / TEMPLATE.name
        space.odoo(
            *("i18n", "export", f"--database={database}", "--languages=pot"),
            *(f"--output={file}", addon.NAME),
            log="i18n",
        )
        return file.read_text()


def _check(fresh: POFile) -> int:
    stale = [file.name for file in _files() if _is_stale(file, fresh)]
    missing = _missing()
    if stale:
        say(f"✗ Out of date: {', '.join(stale)}; bin/i18n updates them.")
    _tell(missing)
    return 1 if stale or any(missing.get(language) for language in COMPLETE) else 0


def _update(fresh: POFile) -> int:
    FOLDER.mkdir(exist_ok=True)
    for language in COMPLETE:
        _create(FOLDER / f"{language}.po", fresh)
    if _is_stale(TEMPLATE, fresh):
        fresh.save(str(TEMPLATE))
    for file in FOLDER.glob("*.po"):
        if _is_stale(file, fresh):
            _merge(file, fresh)
    _tell(_missing())
    return 0


def _files() -> list[Path]:
    languages = [FOLDER / f"{language}.po" for language in COMPLETE]
    return sorted({TEMPLATE, *languages, *FOLDER.glob("*.po")})


def _is_stale(file: Path, fresh: POFile) -> bool:
    """Tell whether a file has other terms than the code; its dates do not count."""
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


def _missing() -> dict[str, int]:
    """Count per language the terms without a translation."""
    import polib

    return {
        file.stem: len(polib.pofile(str(file)).untranslated_entries())
        for file in sorted(FOLDER.glob("*.po"))
    }


def _tell(missing: dict[str, int]) -> None:
    for language, count in missing.items():
        say(f"{'✗' if count else '✓'} {language}: {count} terms to translate")
