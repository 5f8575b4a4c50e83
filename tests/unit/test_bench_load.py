"""bin/bench load is on demand: that it may begin is seen here."""

import ast
import re

import pytest

from dev import bench, paths

FOLDER = paths.ROOT / "tests" / "bench"
PEOPLE = FOLDER / "load_people.py"


@pytest.mark.parametrize("name", sorted(file.name for file in FOLDER.glob("*.py")))
def test_script_is_python(name):
    """Odoo and locust run them, and nothing imports them here."""
    file = FOLDER / name
    compile(file.read_text(), str(file), "exec")


def test_people_do_what_the_server_has():
    """Addresses and methods that people ask for are there."""
    source = PEOPLE.read_text()
    sources = "".join(
        file.read_text()
        for folder in ("controllers", "models", "wizards")
        for file in (paths.ADDON / folder).rglob("*.py")
    )
    for path in re.findall(r'"(/my/billing[a-z/]*)', source):
        assert path.rstrip("/") in sources, path
    for name in re.findall(r'"(omni\.billing[a-z.]*)"', source):
        assert f'"{name}"' in sources, name
    for name in re.findall(r'"(action_[a-z_]+|billing_retrieve_stats)"', source):
        assert f"def {name}(" in sources, name


def test_people_have_tasks():
    """Customers do five things and staff five, besides logging in."""
    tasks = {
        one.name: sum(
            any(ast.unparse(mark).startswith("task(") for mark in step.decorator_list)
            for step in one.body
            if isinstance(step, ast.FunctionDef)
        )
        for one in ast.parse(PEOPLE.read_text()).body
        if isinstance(one, ast.ClassDef)
    }
    assert tasks == {"Clock": 0, "Somebody": 0, "Customer": 6, "Staff": 5}


def test_load_is_a_benchmark():
    """It is found by its name, with options of its own."""
    options = bench.parse(["load", "--users", "20"])
    assert (options.name, options.arguments) == ("load", ["--users", "20"])
