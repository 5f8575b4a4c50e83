"""bin/lint: check the code against the project's rules."""

from __future__ import annotations

import argparse
import ast
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from pathlib import Path

from dev import pages, paths
from dev.console import say

TESTS = True
CORE = False

ADDON_NAMES = [folder.name for folder in paths.ADDONS]
SOURCES = (*ADDON_NAMES, "strict_stripe", "tests", "dev", "conftest.py")
TEXT = {
    *(".py", ".xml", ".csv", ".js", ".scss", ".css", ".md", ".rst", ".txt", ".sql"),
    *(".toml", ".yaml", ".yml", ".html"),
}
OUTSIDE_SDKS = {"stripe", "mailjet_rest", "weasyprint", "requests", "paramiko"}
#: The folder of an addon that alone knows them.
GATEWAYS = "gateways"
DATABASE = paths.ADDON / "tools" / "database.py"
#: What ends a transaction, or a part of it: methods of cursors and of the scheduler.
COMMITS = {"commit", "rollback", "savepoint", "_commit_progress"}
LOCK = paths.ADDON / "tools" / "lock.py"
#: What waits for others; with SKIP LOCKED nobody does.
LOCKS = re.compile(r"FOR (NO KEY )?UPDATE(?! SKIP LOCKED)|advisory_.*lock|LOCK TABLE")
NUMBERS = paths.ADDON / "tools" / "numbers.py"
#: Amounts as Odoo writes them: its function, its currencies' method, its widget.
AMOUNTS = re.compile(
    r"odoo\.tools import .*\bformat_amount\b|currency\w*\.format\b"
    r"|widget['\"]?[=:] ?['\"]monetary"
)
SUDO_COMMENT = "sudo:"
SUDO_COMMENT_LINES = 3


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(prog="bin/lint", description=__doc__)
    parser.add_argument("--fix", action="store_true", help="repair what can be")
    parser.add_argument("--hook", action="store_true", help="check before each commit")
    return parser.parse_args(arguments)


def main(options: argparse.Namespace) -> int:
    """Check everything, and say which rules hold."""
    if options.hook:
        return _run("pre_commit", "install")
    if options.fix:
        fix()
    verdicts = check()
    for rule, holds in verdicts.items():
        say(f"{'✓' if holds else '✗'} {rule}")
    return 0 if all(verdicts.values()) else 1


def fix() -> None:
    """Repair what can be repaired without thinking."""
    _run("ruff", "check", "--quiet", "--fix-only", *_python_files())
    _run("ruff", "format", "--quiet", *_python_files())
    for file in _text_files():
        text = file.read_text()
        if text != _trimmed(text):
            file.write_text(_trimmed(text))
    pages.write()


def check() -> dict[str, bool]:
    """Check each rule; the offences are printed as they are found."""
    return {rule: holds() for rule, holds in RULES.items()}


def _run(module: str, *arguments: str) -> int:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=paths.ROOT).returncode


def _ruff_check() -> bool:
    return _run("ruff", "check", "--quiet", *_python_files()) == 0


def _ruff_format() -> bool:
    return _run("ruff", "format", "--quiet", "--check", *_python_files()) == 0


def _pylint_odoo() -> bool:
    # Of tests, which are half of the code, ruff and pytest tell what is wrong.
    options = ("--rcfile=.pylintrc-mandatory", "--ignore=tests")
    return _run("pylint", *options, *ADDON_NAMES) == 0


def _has_no(offences: Callable[[], Iterator[str]]) -> Callable[[], bool]:
    """Make a rule of a function that finds what is against it."""

    def holds() -> bool:
        found = list(offences())
        for offence in found:
            say(offence)
        return not found

    return holds


def _broken_xml() -> Iterator[str]:
    for file in (file for folder in paths.ADDONS for file in folder.rglob("*.xml")):
        try:
            ElementTree.parse(file)
        except ElementTree.ParseError as error:
            yield f"{_name(file)}: {error}"


def _untidy_ends() -> Iterator[str]:
    for file in _text_files():
        text = file.read_text()
        if text != _trimmed(text):
            yield f"{_name(file)}: spaces at the end of a line, or of the file"


def _misplaced_imports() -> Iterator[str]:
    """Find outside SDKs that bypass the gateways, and gateways that know Odoo."""
    for file in _addon_code():
        inside = GATEWAYS in file.parts
        forbidden = {"odoo"} if inside else OUTSIDE_SDKS
        for line, package in _imports(file):
            if package in forbidden:
                rule = "gateways know no Odoo" if inside else "only gateways use it"
                yield f"{_name(file)}:{line}: import of {package}: {rule}"


def _imports(file: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name.partition(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module.partition(".")[0]


def _unexplained_sudo() -> Iterator[str]:
    """Find calls of sudo() without a comment on why the rights are set aside."""
    for file in _addon_code():
        lines = file.read_text().splitlines()
        for node in ast.walk(ast.parse(file.read_text())):
            if not (isinstance(node, ast.Call) and _called(node) == "sudo"):
                continue
            end = node.func.end_lineno
            nearby = lines[max(0, end - SUDO_COMMENT_LINES) : end]
            if not any(SUDO_COMMENT in line for line in nearby):
                yield f"{_name(file)}:{end}: sudo() without a comment 'sudo: why'"


def _unlisted_tests() -> Iterator[str]:
    """Find tests that Odoo's own runner would not: it imports what a package names."""
    for folder in paths.ADDONS:
        package = folder / "tests" / "__init__.py"
        listed = {
            alias.name
            for node in ast.walk(ast.parse(package.read_text()))
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        for file in sorted(package.parent.glob("test_*.py")):
            if file.stem not in listed:
                yield f"{_name(package)}: does not import {file.stem}"


def _scattered_commits() -> Iterator[str]:
    """Find commits and savepoints that tools/database.py does not count."""
    for file in _addon_code():
        if file == DATABASE:
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in COMMITS:
                use = f"use that of {_name(DATABASE)}"
                yield f"{_name(file)}:{node.end_lineno}: .{node.attr}: {use}"


def _scattered_locks() -> Iterator[str]:
    """Find locks of which tools/lock.py does not say where they stand in the order."""
    for file in _addon_code():
        for node in ast.walk(ast.parse(file.read_text())):
            if file != LOCK and isinstance(node, ast.Constant):
                if LOCKS.search(str(node.value)):
                    use = f"use what {_name(LOCK)} has"
                    yield f"{_name(file)}:{node.end_lineno}: a lock: {use}"


def _scattered_amounts() -> Iterator[str]:
    """Find amounts that people would read with the sign after the symbol."""
    views = [file for folder in paths.ADDONS for file in folder.rglob("*.xml")]
    for file in {*_addon_code(), *views} - {NUMBERS}:
        for number, line in enumerate(file.read_text().splitlines(), 1):
            if AMOUNTS.search(line):
                use = "use tools/numbers.py, or the widget omni_billing_amount"
                yield f"{_name(file)}:{number}: an amount: {use}"


def _copied_for_few() -> Iterator[str]:
    """Find what others could not duplicate, or create, a record of Odoo's for."""
    for file in _addon_code():
        for line, name in copied_for_few(file.read_text()):
            rule = "groups= wants copy=False and no default on a model of Odoo's"
            yield f"{_name(file)}:{line}: {name}: {rule}"


def copied_for_few(source: str) -> Iterator[tuple[int, str]]:
    """Find fields of some groups that Odoo writes for whoever duplicates or creates.

    Of models that are not ours: to duplicate one, Odoo reads and writes what is copied
    as the user, who is refused.
    """
    for model in ast.walk(ast.parse(source)):
        if not isinstance(model, ast.ClassDef) or _is_own_model(model):
            continue
        for statement in model.body:
            call = statement.value if isinstance(statement, ast.Assign) else None
            if not isinstance(call, ast.Call) or _called(call) == "One2many":
                continue
            options = {keyword.arg: keyword.value for keyword in call.keywords}
            if "groups" not in options:
                continue
            # What is computed and not kept is not copied.
            is_kept = "compute" not in options or {"store", "inverse"} & options.keys()
            copies = options.get("copy", ast.Constant(value=is_kept))
            if "default" in options or getattr(copies, "value", True):
                yield call.lineno, ast.unparse(statement.targets[0])


def _is_own_model(model: ast.ClassDef) -> bool:
    """Tell whether it is a model of ours, or no model at all."""
    names = {}
    for statement in model.body:
        if isinstance(statement, ast.Assign):
            names[ast.unparse(statement.targets[0])] = statement.value
    name = names.get("_name", names.get("_inherit"))
    return not isinstance(name, ast.Constant) or name.value.startswith("omni.")


def _called(call: ast.Call) -> str | None:
    return call.func.attr if isinstance(call.func, ast.Attribute) else None


def _addon_code() -> list[Path]:
    return [
        file
        for folder in paths.ADDONS
        for file in folder.rglob("*.py")
        if folder / "tests" not in file.parents
    ]


def _python_files() -> list[str]:
    """Name what ruff checks: the sources, and scripts whose names have no suffix."""
    scripts = [*sorted((paths.ROOT / "bin").iterdir()), paths.ODOO_BIN]
    present = [name for name in SOURCES if (paths.ROOT / name).exists()]
    return present + [_name(script) for script in scripts if script.is_file()]


def _text_files() -> list[Path]:
    """List the texts that Git has, or would take."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    result = subprocess.run(command, cwd=paths.ROOT, capture_output=True, text=True)
    if result.returncode:
        files = [file for name in SOURCES for file in (paths.ROOT / name).rglob("*")]
    else:
        files = [paths.ROOT / name for name in result.stdout.splitlines()]
    return [file for file in files if file.suffix in TEXT and file.is_file()]


def _trimmed(text: str) -> str:
    lines = [line.rstrip() for line in text.splitlines()]
    return "\n".join(lines).rstrip("\n") + "\n" if text.strip() else ""


def _name(file: Path) -> str:
    return str(file.relative_to(paths.ROOT))


RULES: dict[str, Callable[[], bool]] = {
    "ruff check": _ruff_check,
    "ruff format": _ruff_format,
    "pylint-odoo": _pylint_odoo,
    "XML is well-formed": _has_no(_broken_xml),
    "lines and files end well": _has_no(_untidy_ends),
    "outside services only in gateways": _has_no(_misplaced_imports),
    "each sudo() is explained": _has_no(_unexplained_sudo),
    "each test is in its package": _has_no(_unlisted_tests),
    "commits and savepoints in one place": _has_no(_scattered_commits),
    "locks in one place": _has_no(_scattered_locks),
    "amounts are written in one place": _has_no(_scattered_amounts),
    "what few may read is not copied": _has_no(_copied_for_few),
}
