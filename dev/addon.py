"""The addon's own files: its manifest, and what has changed."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from pathlib import Path

from dev import paths
from dev.console import Failure

NAME = paths.ADDON.name
IGNORED = {"__pycache__", "static", "tests", "readme"}


def manifest() -> dict:
    """Read the manifest."""
    file = paths.ADDON / "__manifest__.py"
    if not file.exists():
        raise Failure(f"There is no addon in {paths.ADDON}.")
    return ast.literal_eval(file.read_text())


def installed_files() -> list[Path]:
    """List the files that decide what the installed addons look like."""
    return sorted(
        file
        for folder in paths.ADDONS
        for file in folder.rglob("*")
        if file.is_file() and not IGNORED.intersection(file.relative_to(folder).parts)
    )


def digest() -> str:
    """Hash the files that, when changed, call for an update of the database."""
    return digest_of(installed_files())


def digest_of(files: Iterable[Path], *more: str) -> str:
    """Hash files, by name and content, and other facts."""
    result = hashlib.sha256()
    for fact in more:
        result.update(fact.encode() + b"\0")
    for file in files:
        result.update(str(file.relative_to(paths.ROOT)).encode() + b"\0")
        result.update(file.read_bytes() + b"\0")
    return result.hexdigest()[:12]
