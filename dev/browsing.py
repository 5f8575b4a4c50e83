"""The browser, as the end-to-end tests and the screenshots use it."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING
from unittest.mock import patch

from dev.console import Failure

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

#: Generous, for a machine that has other things to do: who waits for what comes in a
#: second waits a second.
PATIENCE_SECONDS = 60
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
# A finger instead of a mouse. A menu that still slides in would be pushed away by it.
PHONE_DEVICE = {
    "viewport": PHONE,
    "has_touch": True,
    "is_mobile": True,
    "reduced_motion": "reduce",
}
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
# A browser that works in a container, and talks to nobody but the pages it is sent to.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


#: What hits nothing if an answer of the server moves the page meanwhile.
HITS = ("check", "click", "tap", "uncheck")


@contextmanager
def calm() -> Iterator[None]:
    """Have whoever hits something wait until the page has its answers and drew them.

    A choice makes fields come and go. A click that is under way just then, quicker than
    anybody's, goes down on a button and comes up where that was.
    """
    from playwright.sync_api import Locator

    def wait_and(hit: Callable) -> Callable:
        @functools.wraps(hit)
        def hit_calmly(locator: Locator, **options: object) -> None:
            locator.page.wait_for_function("() => window.quietFrames > 1")
            hit(locator, **options)

        return hit_calmly

    with ExitStack() as patches:
        for name in HITS:
            hit = wait_and(getattr(Locator, name))
            patches.enter_context(patch.object(Locator, name, hit))
        yield


@contextmanager
def browser() -> Iterator[Browser]:
    """Start the system's browser, without a window."""
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if not program:
        raise Failure("No browser was found: please install chromium.")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        try:
            yield chromium
        finally:
            chromium.close()


#: As on a page without TLS. Odoo's, once it is up, makes the page forget what it read,
#: loads pages for later, and complains when the browser is closed before that.
NO_SERVICE_WORKER = "delete Navigator.prototype.serviceWorker;"
#: Keeps what a page says in passing, for who comes too late to see it.
KEEP_NOTICES = """
window.toldInPassing = [];
new MutationObserver((changes) => {
    for (const node of changes.flatMap((change) => [...change.addedNodes])) {
        if (node.nodeType === Node.ELEMENT_NODE) {
            const inside = node.querySelectorAll(".o_notification");
            for (const notice of node.matches(".o_notification") ? [node] : inside) {
                window.toldInPassing.push(notice.innerText.replace(/\\s+/g, " "));
            }
        }
    }
}).observe(document, { childList: true, subtree: true });
"""
#: Counts the frames since the page last waited for an answer. Three are enough: a page
#: that counted on would be drawn on, all day.
COUNT_QUIET_FRAMES = """
(function () {
    window.quietFrames = 0;
    let awaited = 0;
    let isCounting = false;
    function count() {
        window.quietFrames = awaited ? 0 : window.quietFrames + 1;
        isCounting = !awaited && window.quietFrames < 3;
        if (isCounting) {
            requestAnimationFrame(count);
        }
    }
    function wait(change) {
        awaited += change;
        window.quietFrames = 0;
        if (!isCounting) {
            isCounting = true;
            requestAnimationFrame(count);
        }
    }
    const { send } = XMLHttpRequest.prototype;
    XMLHttpRequest.prototype.send = function (...values) {
        wait(1);
        this.addEventListener("loadend", () => wait(-1));
        return send.apply(this, values);
    };
    const { fetch } = window;
    window.fetch = (...values) => {
        wait(1);
        return fetch(...values).finally(() => wait(-1));
    };
    wait(0);
})();
"""


def log_in(page: Page, user: str, password: str | None = None) -> Page:
    """Log in through the login page; demo users have their login as password."""
    page.goto("/web/login")
    page.fill("input[name=login]", user)
    page.fill("input[name=password]", password or user)
    page.click(".oe_login_form button[type=submit]")
    page.wait_for_url(lambda url: "/web/login" not in url)
    return page


def collect_errors(page: Page, errors: list[str]) -> None:
    """Add to a list what goes wrong on a page from now on."""

    def on_console(message: object) -> None:
        if message.type == "error":
            errors.append(f"{message.text} ({message.location.get('url', '')})")

    page.on("console", on_console)
    page.on("pageerror", lambda error: errors.append(str(error)))
