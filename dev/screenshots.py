"""bin/screenshots: take the pictures that the documentation shows."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from dev import browsing, build, core, countries, paths, server, story, workspace
from dev.console import Failure, Step
from dev.templates import Templates
from dev.workspace import Workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

TESTS = True
CORE = True

#: Invoices of several countries, beside Odoo's.
COUNTRIES = "countries"
FOLDER = paths.ROOT / "docs" / "images"
#: Milliseconds in which a page draws what it has.
SETTLED = 1500


class Shot(NamedTuple):
    """A picture: its file name, the page, who looks at it, and on what."""

    name: str
    path: str
    user: str
    viewport: dict[str, int] = browsing.DESKTOP
    # What is there once the page is.
    ready: str = "main, .o_main_navbar"
    # Brings the page into the state to show, after it was loaded.
    prepare: Callable[[Page], None] | None = None


TRANSACTIONS, INVOICES = "/odoo/billing-transactions", "/odoo/billing-invoices"
RUNS, SERVICES = "/odoo/billing-runs", "/odoo/billing-services"
TEMPLATES, REVENUE = "/odoo/billing-templates", "/odoo/billing-revenue-receipts"
CUSTOMERS, TODO = "/odoo/billing-customers", "/odoo/billing-to-do"
CUSTOMER = "Acme Rentals"
#: An invoice of it that is not paid, by its title.
UNPAID = "North depot"


def _settle(page: Page) -> None:
    """Wait for the cards, which load beside the list."""
    page.wait_for_selector(".o_billing_card")


def _open_customer(page: Page) -> None:
    page.get_by_text(CUSTOMER, exact=True).first.click()
    page.wait_for_selector(".o_notebook")
    page.locator('.o_notebook_headers a[name="omni_billing"]').click()
    page.wait_for_selector(".o_billing_tab_list .o_billing_card")


def _open_proforma(page: Page) -> None:
    _open_customer(page)
    page.locator('button[name="action_billing_proforma"]').click()
    page.locator(".o_proforma_row", has_text="Data overage").click()
    page.wait_for_selector(".o_proforma_excluded")


def _open_invoice(page: Page) -> None:
    page.locator(".o_data_row", has_text=UNPAID).first.locator(
        '[name="billing_title"]'
    ).click()
    page.wait_for_selector(".modal .o_form_view")


def _open_payment(page: Page) -> None:
    _open_invoice(page)
    page.locator('.modal button[name="action_billing_pay"]').click()
    page.locator('.modal [name="mode"]').get_by_text(
        "Card or Bank Debit", exact=True
    ).click()
    page.wait_for_selector('.modal [name="token_id"]')


def _open_run(page: Page) -> None:
    page.locator(".o_data_row").first.locator('[name="name"]').click()
    page.wait_for_selector(".o_billing_run")


def _open_service(page: Page) -> None:
    page.locator(".o_data_row", has_text="Mobile plan").first.locator(
        '[name="name"]'
    ).click()
    page.wait_for_selector('.o_field_widget[name="preview"] tbody tr')


def _show_who_owes(page: Page) -> None:
    """Put those first who owe most."""
    head = page.locator('th[data-name="billing_balance"]')
    for _order in ("rising", "falling"):
        head.click()
        page.wait_for_timeout(SETTLED)
    page.wait_for_selector(".o_data_row")


def _show_graph(page: Page) -> None:
    page.locator(".o_switch_view.o_graph").click()
    page.wait_for_selector(".o_graph_renderer canvas")
    # It grows into its shape; what the pointer is on has a label.
    page.mouse.move(0, 0)
    page.wait_for_timeout(SETTLED)


def _open_template(page: Page) -> None:
    page.locator(".o_data_row", has_text="Color band").locator('[name="name"]').click()
    page.frame_locator("iframe").locator(".page[data-loaded] canvas").wait_for()


SHOTS = [
    Shot("todo", TODO, "manager", ready=".o_data_row"),
    Shot("customers", CUSTOMERS, "staff", ready=".o_data_row", prepare=_show_who_owes),
    Shot("transactions", TRANSACTIONS, "staff", ready=".o_data_row", prepare=_settle),
    Shot("invoices", INVOICES, "staff", ready=".o_data_row", prepare=_settle),
    Shot("customer", CUSTOMERS, "staff", prepare=_open_customer),
    Shot("proforma", CUSTOMERS, "staff", prepare=_open_proforma),
    Shot("invoice", INVOICES, "staff", ready=".o_data_row", prepare=_open_invoice),
    Shot("payment", INVOICES, "staff", ready=".o_data_row", prepare=_open_payment),
    Shot("run", RUNS, "staff", ready=".o_data_row", prepare=_open_run),
    Shot("service", SERVICES, "staff", ready=".o_data_row", prepare=_open_service),
    Shot("template", TEMPLATES, "manager", ready=".o_data_row", prepare=_open_template),
    Shot("revenue", REVENUE, "manager", ready=".o_pivot table", prepare=_show_graph),
    Shot("portal", "/my/billing", "customer", ready=".o_billing_portal"),
    Shot(
        "portal-phone",
        "/my/billing",
        "customer",
        browsing.PHONE,
        ready=".o_billing_portal",
    ),
    Shot(
        "invoices-phone",
        INVOICES,
        "staff",
        browsing.PHONE,
        ready=".o_kanban_record:not(.o_kanban_ghost)",
    ),
]


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read which pictures; none named means all."""
    parser = argparse.ArgumentParser(prog="bin/screenshots", description=__doc__)
    names = [*(shot.name for shot in SHOTS), COUNTRIES]
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(names):
        parser.error(f"there is no picture {', '.join(unknown)}")
    return options


def main(options: argparse.Namespace) -> int:
    """Serve the demo, and look at it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    shots = [shot for shot in SHOTS if shot.name in options.names or not options.names]
    with workspace.opened(core.ensure(), paths.TEST_DATA, durable=False) as space:
        if shots:
            _take_all(space, shots)
        if COUNTRIES in options.names or not options.names:
            countries.take(space, FOLDER)
    return 0


def _take_all(space: Workspace, shots: list[Shot]) -> None:
    with (
        Templates(space).copied("addon", "screenshots") as database,
        _serving(space, database) as odoo,
        browsing.browser() as chromium,
    ):
        for shot in shots:
            with Step(f"Taking {shot.name}", f"{shot.name}.png"):
                _take(chromium, odoo.url, shot)


@contextmanager
def _serving(space: Workspace, database: str) -> Iterator[server.Server]:
    story.tell(space, database)
    build.make_assets(space, database)
    # Nothing happens by itself while it is looked at.
    options = {"port": server.free_port(), "log": "screenshots"}
    serving = server.serving(space, database, "--max-cron-threads=0", **options)
    try:
        with story.stripe_beside(space, database), serving as odoo:
            yield odoo
    finally:
        story.forget(space, database)


def _take(chromium: Browser, url: str, shot: Shot) -> None:
    from playwright.sync_api import Error

    errors: list[str] = []
    context = chromium.new_context(
        base_url=url, viewport=shot.viewport, device_scale_factor=2
    )
    page = context.new_page()
    browsing.collect_errors(page, errors)
    try:
        browsing.log_in(page, shot.user)
        page.goto(shot.path)
        page.wait_for_selector(shot.ready)
        if shot.prepare:
            shot.prepare(page)
    except Error as error:
        reason = str(error).splitlines()[0]
        raise Failure(f"{shot.name} cannot be taken: {reason}") from None
    page.screenshot(path=FOLDER / f"{shot.name}.png")
    context.close()
    if errors:
        raise Failure(f"The page of {shot.name} has an error: {errors[0]}")
