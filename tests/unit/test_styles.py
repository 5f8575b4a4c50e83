"""Our screens follow the theme, light or dark: they have no colours of their own."""

import re
from pathlib import Path

import pytest

STATIC = Path(__file__).parents[2] / "omni_billing" / "static" / "src"
COLOUR = re.compile(r"#[0-9a-f]{3,8}\b|\brgba?\(|\bhsla?\(|:\s*(?:white|black)\b", re.I)


@pytest.mark.parametrize(
    "sheet",
    sorted(STATIC.rglob("*.scss")),
    ids=lambda path: path.relative_to(STATIC).as_posix(),
)
def test_no_colour_is_written_out(sheet):
    assert not COLOUR.findall(sheet.read_text())


def test_pages_ask_for_no_features_of_fonts():
    """WeasyPrint loses memory for each text that has some: a worker would grow."""
    sheet = (STATIC / "pdf" / "invoice.css").read_text()
    assert not re.findall(r"font-(?:variant|feature|kerning)[\w-]*\s*:", sheet)
