"""Pictures of invoices in several countries: Odoo's page and ours, side by side."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from dev import abroad, browsing
from dev.console import Failure, Step
from dev.workspace import Workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser

#: An A4 page, in pixels of a browser.
A4 = {"width": 794, "height": 1123}
DPI = 96
GAP = 12
GREY = "#9ca3af"
#: Few colors: a page is text.
COLORS = 48


def take(space: Workspace, folder: Path) -> None:
    """Found a company in each country, and write a picture of each into a folder."""
    if not shutil.which("pdftoppm"):
        raise Failure("Pages cannot be drawn: please install poppler-utils.")
    with tempfile.TemporaryDirectory() as temporary, browsing.browser() as chromium:
        pages = Path(temporary)
        for code in abroad.PRINTED:
            with (
                Step(f"Printing in {code}", f"Printed in {code}"),
                abroad.drawing(space, (code,), pages),
            ):
                for ours in sorted(pages.glob(f"{code.lower()}-*.pdf")):
                    _take_one(chromium, ours, folder / f"country-{ours.stem}.png")


def _take_one(chromium: Browser, ours: Path, target: Path) -> None:
    from PIL import Image

    page = chromium.new_page(viewport=A4)
    page.goto(ours.with_suffix(".html").as_uri(), wait_until="networkidle")
    page.screenshot(path=ours.with_suffix(".png"), full_page=True)
    page.close()
    prefix = ours.with_name(f"{ours.stem}-page")
    subprocess.run(["pdftoppm", "-r", str(DPI), "-png", ours, prefix], check=True)
    left = [Image.open(ours.with_suffix(".png"))]
    right = [Image.open(file) for file in sorted(ours.parent.glob(f"{prefix.name}*"))]
    _join(left, right).quantize(COLORS).save(target, optimize=True)


def _join(left: list, right: list):
    """Return what is one below the other, on two sides, as one picture."""
    from PIL import Image

    heights = [sum(page.height + GAP for page in side) - GAP for side in (left, right)]
    size = (left[0].width + GAP + max(page.width for page in right), max(heights))
    sheet = Image.new("RGB", size, GREY)
    for x, side in ((0, left), (left[0].width + GAP, right)):
        y = 0
        for page in side:
            sheet.paste(page.convert("RGB"), (x, y))
            y += page.height + GAP
    return sheet
