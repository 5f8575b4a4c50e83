"""The hands of who is new: every press of the mouse counts, and every field.

A way is the shortest that one sees: no key but Enter after a search, no address, no
menu by right click.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from playwright.sync_api import expect
from screens import find_field

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


@dataclass
class Hands:
    """Works on a page, and counts."""

    page: Page
    clicks: int = 0
    fields: int = 0

    def rest(self) -> None:
        """Look until the page has its answers; what was closed is gone then."""
        self.page.wait_for_function("() => window.quietFrames > 1")

    @property
    def top(self) -> Page | Locator:
        """What is on top: the last dialog, or the page."""
        dialogs = self.page.locator(".modal:not(.o_inactive_modal)")
        return dialogs.last if dialogs.count() else self.page

    def click(self, target: Locator) -> None:
        """Press what is found."""
        target.click()
        self.clicks += 1
        self.rest()

    def press(self, name: str) -> None:
        """Press a button by what is on it; a number that it tells is not its name."""
        whole = re.compile(rf"^\W*{re.escape(name)}( \(\d+\))?$")
        self.click(self.top.get_by_role("button", name=whole).first)

    def tick(self, name: str) -> None:
        """Tick a box of the form."""
        self.click(find_field(self.top, name).get_by_role("checkbox"))

    def type(self, field: Locator | str, text: str, end: str = "Tab") -> None:
        """Type into a field, by its name or found; how one gets there is in it."""
        self.rest()
        if isinstance(field, str):
            field = find_field(self.top, field).locator("input, textarea").first
        field.fill(text)
        if end:
            field.press(end)
        self.fields += 1

    def choose(self, name: str, text: str) -> None:
        """Type into a field that proposes, and take what it proposes."""
        self.type(name, text, end="")
        self.click(self.page.get_by_role("option", name=text, exact=True))

    def go(self, name: str, *parents: str) -> None:
        """Choose an entry of the menu bar, after those that it is under."""
        for parent in parents:
            self.click(self.page.get_by_role("button", name=parent, exact=True))
        self.click(self.page.get_by_role("menuitem", name=name, exact=True))

    def find(self, text: str) -> None:
        """Search a list, which has the cursor in its search bar."""
        box = self.page.get_by_role("searchbox")
        self.type(box, text, end="")
        # Where it would be looked for, before it is.
        expect(
            self.page.get_by_role("menuitem").filter(has_text=text)
        ).not_to_have_count(0)
        box.press("Enter")
        expect(self.page.locator(".o_facet_value").last).to_have_text(text)
