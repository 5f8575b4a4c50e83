"""The package stands alone: whoever takes its folder has all of it."""

import ast
import sys
from pathlib import Path

import pytest

import strict_stripe

FOLDER = Path(strict_stripe.__file__).parent
#: What pyproject.toml asks for, and what comes with that.
NEEDED = {"aiohttp", "localstripe", "stripe", "typing_extensions", "strict_stripe"}
NEEDED_BY_TESTS = {"playwright", "pytest", "requests"}
FILES = sorted(FOLDER.rglob("*.py"))


def read_imports(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_nothing_of_its_neighbours_is_imported(file):
    allowed = NEEDED | (NEEDED_BY_TESTS if "tests" in file.parts else set())
    assert set(read_imports(file)) - sys.stdlib_module_names <= allowed
