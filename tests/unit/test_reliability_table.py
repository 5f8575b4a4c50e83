"""What docs/reliability.md says of attacks is what is tried."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_each_attack_is_told():
    """Run `bin/test attacks`, and take the lines of .omni/attacks.md over."""
    text = (ROOT / "docs/reliability.md").read_text()
    table = text.partition("<!-- attacks -->")[2].partition("<!-- /attacks -->")[0]
    told = [line.split("|")[1].strip() for line in table.splitlines() if "✓" in line]
    assert sorted(told) == sorted(set(_find_titles()))


def _find_titles():
    for file in sorted((ROOT / "tests/attacks").glob("test_*.py")):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield " ".join(ast.get_docstring(node).split())
