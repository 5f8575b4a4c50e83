"""The rooms of docs/architecture.md are those of the code, and call as it says."""

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ADDON = ROOT / "omni_billing"
MODELS = ADDON / "models"
#: Odoo has methods of these names, too.
ODOOS = {"_render", "_set_done", "_set_pending"}


def read_table():
    """Return whom each room may call, as docs/architecture.md has it."""
    text = (ROOT / "docs/architecture.md").read_text()
    table = text.partition("<!-- rooms -->")[2].partition("<!-- /rooms -->")[0]
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|$", table, re.MULTILINE)
    return {room: set(re.findall(r"`(\w+)`", called)) for room, called in rows}


ROOMS = read_table()


class Room:
    """What the files of a room define, and what they use."""

    def __init__(self, name):
        self.imports = []
        self.defines = set()
        self.uses = defaultdict(list)
        for file in sorted((MODELS / name).glob("*.py")):
            self._read(file, f"{name}/{file.name}")

    def _read(self, file, where):
        tree = ast.parse(file.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                self.defines |= set(_find_defined(node))
            elif isinstance(node, ast.Attribute):
                self.uses[node.attr].append(f"{where}:{node.lineno}")
            elif isinstance(node, ast.Subscript) and _is_text(node.slice):
                # A model, or a field by its name.
                self.uses[node.slice.value].append(f"{where}:{node.lineno}")
            elif isinstance(node, ast.ImportFrom):
                self.imports.append((node.level, node.module, where))


def _find_defined(class_node):
    for node in class_node.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            yield node.targets[0].id
        elif isinstance(node, ast.Assign) and node.targets[0].id == "_name":
            yield node.value.value


def _is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _is_ours(name):
    """Whether a name is one that this addon gives: others Odoo may have, too."""
    return name not in ODOOS and re.match(
        r"_|billing_|action_billing_|omni\.billing\.", name
    )


FOUND = {name: Room(name) for name in ROOMS}


def test_each_room_is_in_the_table():
    folders = {path.name for path in MODELS.iterdir() if path.suffix != ".py"}
    assert folders - {"__pycache__"} == set(ROOMS)
    packages = ast.parse((MODELS / "__init__.py").read_text()).body
    assert [node.names[0].name for node in packages] == list(ROOMS)


@pytest.mark.parametrize("name", ROOMS)
def test_room_imports_no_file_of_another(name):
    for level, module, where in FOUND[name].imports:
        inside = module is None or "." not in module
        # Of its own room, or of what all share: constants, tools, gateways.
        assert level == 0 or (level == 1 and inside) or level == 3, (where, module)


@pytest.mark.parametrize("folder", ["controllers", "wizards", "tools", "gateways"])
def test_nobody_imports_models(folder):
    for file in (ADDON / folder).glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level:
                assert not (node.module or "").startswith("models"), file


@pytest.mark.parametrize("name", ROOMS)
def test_room_calls_whom_it_may(name):
    """A hook that a room below declares may be called, whoever extends it above."""
    allowed = {name, *ROOMS[name]}
    known = set().union(*(FOUND[room].defines for room in allowed))
    others = {
        defined: room
        for room in ROOMS
        if room not in allowed
        for defined in FOUND[room].defines
        if _is_ours(defined) and defined not in known
    }
    wrong = {
        f"{used} of {others[used]}": places
        for used, places in FOUND[name].uses.items()
        if used in others
    }
    assert not wrong


def test_rooms_call_down_only():
    order = list(ROOMS)
    for name, called in ROOMS.items():
        assert all(order.index(room) < order.index(name) for room in called), name
