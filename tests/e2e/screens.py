"""The screens of the product, so that a story reads like the story.

What a person does has a name here; how a page is operated for it is written here
once. All waiting is for what the person sees.
"""

from __future__ import annotations

import re
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from playwright.sync_api import expect
from words import say, spoken

from dev.browsing import PATIENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Download, Locator, Page

expect.set_options(timeout=PATIENCE_SECONDS * 1000)


class Rows:
    """The rows of a list, each known by what one of its columns shows."""

    def __init__(self, scope: Locator, key: str = "name") -> None:
        self._scope = scope
        self._key = key

    def row(self, text: str) -> Locator:
        """Find the row of that name."""
        exactly = re.compile(rf"^\s*{re.escape(text)}\s*$")
        cell = self._scope.page.locator(f"td[name={self._key}]", has_text=exactly)
        return self._scope.get_by_role("row").filter(has=cell)

    def show(self, text: str, **cells: str) -> None:
        """Wait for the row of that name, and for what its cells show."""
        row = self.row(text)
        expect(row).to_be_visible()
        for column, value in cells.items():
            expect(row.locator(f"td[name={column}]")).to_have_text(value)

    def show_only(self, *texts: str) -> None:
        """Wait until these rows, in their order, are all there is."""
        cells = self._scope.locator(f"td[name={self._key}]")
        if texts:
            expect(cells).to_have_text(list(texts))
        else:
            expect(cells).to_have_count(0)

    def lack(self, text: str) -> None:
        """Wait until there is no row of that name."""
        expect(self.row(text)).to_have_count(0)

    def count(self, number: int) -> None:
        """Wait until there are so many rows."""
        expect(self._scope.locator(f"td[name={self._key}]")).to_have_count(number)

    def read(self, text: str, column: str) -> str:
        """Read a cell."""
        return self.row(text).locator(f"td[name={column}]").inner_text().strip()

    def open(self, text: str) -> None:
        """Click on a row."""
        self.row(text).locator(f"td[name={self._key}]").click()

    def press(self, text: str, action: str) -> None:
        """Press a button of a row, which is known by its icon alone."""
        self.row(text).locator(f"button[name={action}]").click()

    def select(self, *texts: str) -> None:
        """Tick rows."""
        for text in texts:
            self.row(text).get_by_role("checkbox").check()

    def are_not_selected(self) -> None:
        """Wait until no row is ticked any more, as after a list was read again."""
        boxes = self._scope.get_by_role("checkbox", checked=True)
        expect(boxes).to_have_count(0)

    def menu(self, text: str) -> Menu:
        """Open the menu of a row."""
        self.menu_button(text).click()
        return Menu(self._scope.page)

    def menu_button(self, text: str) -> Locator:
        """Find the button that opens it."""
        return self.row(text).get_by_role("button", name=say("Actions"), exact=True)

    def right_click(self, text: str) -> Menu:
        """Open the menu of a row where the pointer is."""
        self.row(text).locator(f"td[name={self._key}]").click(button="right")
        return Menu(self._scope.page)

    def sort(self, column: str) -> None:
        """Click on the head of a column."""
        self._scope.locator(f"th[data-name={column}]").click()


class Menu:
    """A menu that was opened."""

    def __init__(self, page: Page) -> None:
        items = page.get_by_role("menuitem")
        # A phone shows it at the bottom.
        self.box = page.locator(".o_popover, .o_bottom_sheet_ready").filter(has=items)
        expect(self.box.get_by_role("menuitem").last).to_be_in_viewport(ratio=1)

    @property
    def actions(self) -> list[str]:
        """The names of the actions."""
        texts = self.box.get_by_role("menuitem").all_inner_texts()
        return [text.strip() for text in texts]

    def item(self, action: str) -> Locator:
        """Find an action."""
        return self.box.get_by_role("menuitem", name=say(action), exact=True)

    def choose(self, action: str) -> None:
        """Choose an action."""
        self.item(action).click()
        self.is_gone()

    def close(self) -> None:
        """Close it with the keyboard."""
        self.box.page.keyboard.press("Escape")
        self.is_gone()

    def is_gone(self) -> None:
        """Wait until it was closed."""
        expect(self.box).to_have_count(0)


class Cards:
    """The rows of a list on a phone, where each is a card."""

    def __init__(self, scope: Locator) -> None:
        self._scope = scope

    def card(self, text: str) -> Locator:
        """Find the card on which this stands."""
        cards = self._scope.get_by_role("link")
        return cards.filter(has=self._scope.page.get_by_text(text, exact=True))

    def show(self, text: str, *words: str) -> None:
        """Wait for a card, and for what else stands on it."""
        expect(self.card(text)).to_be_visible()
        for word in words:
            expect(self.card(text).get_by_text(word, exact=True)).to_be_visible()

    def open(self, text: str) -> None:
        """Tap on a card."""
        self.card(text).get_by_text(text, exact=True).tap()

    def menu(self, text: str) -> Menu:
        """Open the menu of a card."""
        self.card(text).locator(".o_dropdown_kanban button").tap()
        return Menu(self._scope.page)


class Dialog:
    """A dialog, known by a field that only it has."""

    #: The field.
    mark: str

    def __init__(self, page: Page) -> None:
        self.page = page
        self.box = page.get_by_role("dialog").filter(has=find_field(page, self.mark))
        expect(self.box).to_be_visible()

    def field(self, name: str) -> Locator:
        """Find a field."""
        return find_field(self.box, name)

    def enter(self, **values: str | None) -> None:
        """Fill in fields; those without a value are left as they are."""
        for name, value in values.items():
            if value is not None:
                fill(self.field(name), value)

    def holds(self, **values: str) -> None:
        """Wait for what is written in fields."""
        for name, value in values.items():
            expect(self.field(name).get_by_role("textbox")).to_have_value(value)

    def press(self, button: str) -> None:
        """Press one of its buttons."""
        press(self.box, button)

    def is_gone(self) -> None:
        """Wait until it was closed."""
        expect(self.box).to_have_count(0)

    def close(self) -> None:
        """Close it with the cross."""
        self.box.locator("header").get_by_role("button").last.click()
        self.is_gone()


class TransactionDialog(Dialog):
    """Where a charge or a credit is entered."""

    mark = "retail_cost"

    def save(self) -> None:
        """Save and close."""
        self.press("Save")
        self.is_gone()


class ProformaDialog(Dialog):
    """The preview of an invoice."""

    mark = "date_end"

    def show_only(self, *titles: str) -> None:
        """Wait until these lines, in their order, are all there is."""
        expect(self.box.locator(".o_proforma_title")).to_have_text(list(titles))

    def toggle(self, *titles: str) -> None:
        """Take lines out, or put them back."""
        for title in titles:
            name = re.compile(rf"^{re.escape(title)}\. ")
            button = self.box.get_by_role("button", name=name)
            was_included = button.get_attribute("aria-pressed")
            button.click()
            expect(button).not_to_have_attribute("aria-pressed", was_included)

    def clear_all(self) -> None:
        """Take all lines out."""
        self.press("Clear All")
        self.counts(0)

    def select_all(self) -> None:
        """Put all lines in."""
        self.press("Select All")
        expect(self.box.locator("[aria-pressed=false]")).to_have_count(0)

    def counts(self, included: int) -> None:
        """Wait for the number of lines that are in, on the badge and on the button."""
        is_one = spoken().is_one(included)
        noun = say("transaction selected" if is_one else "transactions selected")
        text = f"{included} {noun}"
        expect(self.box.get_by_text(text, exact=True)).to_be_visible()
        expect(self._button).to_have_text(f"{say('Generate Invoice')} ({included})")

    def totals(self, subtotal: str, tax: str, total: str) -> None:
        """Wait for the three totals."""
        for name, amount in (
            ("amount_untaxed", subtotal),
            ("amount_tax", tax),
            ("amount_total", total),
        ):
            expect(self.box.locator(f"dd[name={name}]")).to_have_text(amount)

    def date(self, name: str) -> str:
        """Read a date as it is written."""
        return self.field(name).locator("button").get_attribute("value")

    def is_impossible(self, reason: str) -> None:
        """Wait for the reason why nothing can be generated."""
        expect(self.box.get_by_text(reason)).to_be_visible()
        expect(self._button).to_be_disabled()

    def generate(self) -> InvoiceDialog:
        """Bill what is in, which opens the invoice."""
        self._button.click()
        self.is_gone()
        return InvoiceDialog(self.page)

    def generate_note(self) -> InvoiceDialog:
        """Bill more credits than charges, which opens the credit note."""
        name = re.compile("^Generate Credit Note")
        self.box.get_by_role("button", name=name).click()
        self.is_gone()
        return InvoiceDialog(self.page)

    @property
    def _button(self) -> Locator:
        name = re.compile(f"^{say('Generate Invoice')}")
        return self.box.get_by_role("button", name=name)


class InvoiceDialog(Dialog):
    """An invoice in detail."""

    mark = "invoice_line_ids"

    @property
    def number(self) -> str:
        """The number of the invoice."""
        return self.field("name").inner_text().strip()

    @property
    def lines(self) -> Rows:
        """What was billed."""
        return Rows(self.field("invoice_line_ids"))

    @property
    def buttons(self) -> list[str]:
        """The names of what can be done, at once and in the menu of the rest."""
        footer = self.box.locator("footer")
        self._open_menu()
        items = footer.get_by_role("menuitem").all_inner_texts()
        self._more.click()
        buttons = footer.get_by_role("button").all_inner_texts()
        return [name for name in (*buttons, *items) if name.strip()]

    def choose_more(self, action: str) -> None:
        """Choose what is done less often, from the menu."""
        self._open_menu()
        self.box.get_by_role("menuitem", name=say(action), exact=True).click()

    def _open_menu(self) -> None:
        self._more.click()
        expect(self._more).to_have_attribute("aria-expanded", "true")

    @property
    def _more(self) -> Locator:
        return self.box.get_by_role("button", name=say("More"), exact=True)

    def total(self, total: str, due: str) -> None:
        """Wait for what was billed, and for what is left to pay of it."""
        sums = self.box.locator(".oe_subtotal_footer")
        expect(sums).to_contain_text(re.compile(_loose(total)))
        expect(find_field(sums, "amount_residual")).to_have_text(due)

    def is_marked(self, word: str) -> None:
        """Wait for the state, in words."""
        expect(self.box.get_by_text(say(word), exact=True)).to_be_visible()

    def pdf(self) -> str:
        """Download the PDF and read it."""
        with self.page.expect_download() as download:
            self.press("Download PDF")
        return read_pdf(download.value)

    def send(self) -> None:
        """Send by e-mail, with one click; where no mail server is, it waits."""
        self.press("Send by E-mail")
        is_told(self.page, "e-mail sent successfully", "e-mail waits to be sent")

    def pay(self) -> PaymentDialog:
        """Go on to the payment."""
        self.press("Pay Invoice")
        return PaymentDialog(self.page)

    def cancel_items(self) -> CancelDialog:
        """Go on to what is canceled."""
        self.choose_more("Cancel Items")
        return CancelDialog(self.page)

    def void(self, reason: str) -> None:
        """Void it, for a reason."""
        self.choose_more("Void Invoice")
        VoidDialog(self.page).void(reason)

    def void_and_bill(self, reason: str) -> ProformaDialog:
        """Void it, and go on to a new invoice of what was on it."""
        self.choose_more("Void Invoice")
        return VoidDialog(self.page).void_and_bill(reason)


class CancelDialog(Dialog):
    """Where items of an invoice are canceled."""

    mark = "penalty_type"

    @property
    def items(self) -> Rows:
        """What can be canceled."""
        return Rows(self.field("line_ids"))

    def tick(self, *titles: str) -> None:
        """Tick these items."""
        for title in titles:
            self.items.row(title).get_by_role("checkbox").check()

    def keep(self, percentage: str) -> None:
        """Keep a part of the price."""
        self.choose("penalty_type", "Percentage")
        self.enter(penalty_percentage=percentage)

    def choose(self, name: str, label: str) -> None:
        """Choose one of several."""
        self.field(name).get_by_role("radio", name=say(label), exact=True).check()

    def confirm(self) -> InvoiceDialog:
        """Cancel the items, which opens the credit note."""
        self.press("Cancel Items")
        self.is_gone()
        return InvoiceDialog(self.page)


class VoidDialog(Dialog):
    """Where a reason is asked for."""

    mark = "reason"

    def void(self, reason: str) -> None:
        """Give the reason, and go on."""
        self.enter(reason=reason)
        self.press("Confirm Void")
        self.is_gone()

    def void_and_bill(self, reason: str) -> ProformaDialog:
        """Give the reason, and bill what was on it again."""
        self.enter(reason=reason)
        self.press("Void and Bill Again")
        return ProformaDialog(self.page)


class AskDialog(Dialog):
    """Where staff ask a manager for what is not theirs to do."""

    mark = "reason"

    def ask(self, reason: str) -> None:
        """Say why, and leave it to a manager."""
        self.enter(reason=reason)
        self.press("Ask a Manager")
        self.is_gone()


class PaymentDialog(Dialog):
    """Where money is taken for invoices."""

    mark = "mode"

    def choose(self, mode: str) -> None:
        """Choose a mode of payment."""
        self.box.get_by_role("radio", name=say(mode), exact=True).check()

    def pay(self, mode: str, **values: str) -> None:
        """Pay, which closes the dialog and says so."""
        self.choose(mode)
        self.enter(**values)
        self.press("Pay Invoice")
        self.is_gone()

    def plan(self, frequency: str) -> None:
        """Tick that it is paid on later days, so often."""
        self.field("is_post_dated").get_by_role("checkbox").check()
        radio = self.field("frequency").get_by_role("radio", name=say(frequency))
        radio.check()

    def amounts(self, *amounts: str) -> None:
        """Wait for the payments that are proposed."""
        cells = self.field("plan_line_ids").locator("td[name=amount]")
        expect(cells).to_have_text(list(amounts))

    def lacks_a_card(self) -> None:
        """Try to pay by card, where none is saved; the dialog stays."""
        self.choose("Card or Bank Debit")
        self.press("Pay Invoice")
        assert "No payment method found" in read_message(self.page)
        expect(self.box).to_be_visible()

    def is_refused(self) -> str:
        """Try to pay, and read why it is not possible; the dialog stays."""
        self.press("Pay Invoice")
        return read_message(self.page)


class RefundDialog(Dialog):
    """Where credit is given back to a customer."""

    mark = "credit_available"

    def refund(self, mode: str, **values: str) -> None:
        """Give it back, which closes the dialog and says so."""
        self.box.get_by_role("radio", name=mode, exact=True).check()
        self.enter(**values)
        self.press("Record Refund")
        self.is_gone()


class BulkDialog(Dialog):
    """Where the same is done with many invoices; known by its title."""

    def __init__(self, page: Page, title: str) -> None:
        self.page = page
        heading = page.get_by_role("heading", name=title, exact=True)
        self.box = page.get_by_role("dialog").filter(has=heading)
        expect(self.box).to_be_visible()

    def is_at(self, progress: str) -> None:
        """Wait until it is so far."""
        expect(self.box.get_by_role("status")).to_have_text(progress)

    def says(self, text: str) -> None:
        """Wait for a text."""
        expect(self.box.get_by_text(text)).to_be_visible()

    def failure(self, number: str) -> Locator:
        """Find the row that tells why an invoice failed."""
        cell = self.page.get_by_role("button", name=number, exact=True)
        return self.box.get_by_role("row").filter(has=cell)

    def tells(self, failures: dict[str, str]) -> None:
        """Wait until it tells why these invoices failed, and no others."""
        expect(self.box.locator("tbody tr")).to_have_count(len(failures))
        for number, reason in failures.items():
            expect(self.failure(number)).to_contain_text(reason)

    def is_done(self, progress: str) -> None:
        """Wait until all was done, and close it."""
        self.is_at(progress)
        self.says("All done.")
        self.finish()

    def stop(self) -> None:
        """Stop it with the keyboard, which does not wait until it pauses."""
        self.box.get_by_role("button", name="Stop", exact=True).press("Enter")

    def finish(self) -> None:
        """Close it with the button."""
        self.box.locator("footer").get_by_text("Close", exact=True).click()
        self.is_gone()

    def download(self, button: str) -> Download:
        """Press a button that downloads the file, when it is ready."""
        with self.page.expect_download() as download:
            self.press(button)
        return download.value


class CustomerPage:
    """The page of a customer, on its billing tab."""

    def __init__(self, page: Page) -> None:
        self.page = page
        # Odoo lays the form out anew as this comes, on its first tab.
        expect(page.locator(".o-mail-Chatter").first).to_be_attached()
        page.get_by_role("tab", name=say("Customer Billing"), exact=True).click()
        self.transactions = self._list("date")
        self.invoices = self._list("billing_status")

    @classmethod
    def open(cls, page: Page, customer: int) -> CustomerPage:
        """Go to the page of a customer."""
        page.goto(f"/odoo/customers/{customer}")
        return cls(page)

    @classmethod
    def create(cls, page: Page, **values: str) -> CustomerPage:
        """Enter a new customer."""
        page.goto("/odoo/customers")
        page.get_by_role("button", name="New", exact=True).click()
        for name, value in values.items():
            # The name of a company is a combobox, that proposes and does not ask.
            find_field(page, name).locator("input").first.fill(value)
        page.get_by_role("button", name="Save manually").click()
        page.wait_for_url(re.compile(r"/customers/\d+$"))
        return cls(page)

    def has_nothing_yet(self) -> None:
        """Wait for lists that say what to do, and have no rows that are made up."""
        lists = self.page.locator(".o_billing_tab_list")
        expect(lists.get_by_text("No transaction to show")).to_be_visible()
        expect(lists.get_by_text("No invoice to show")).to_be_visible()
        expect(lists.locator(".o_data_row")).to_have_count(0)

    def owes(self, **amounts: str) -> None:
        """Wait for balances: ``unbilled``, ``due``, ``paid``, ``credit``."""
        for name, amount in amounts.items():
            expect(self._field(f"billing_{name}_amount")).to_have_text(amount)

    def operations(self) -> Menu:
        """Open the menu of operations."""
        self.press("Operations")
        return Menu(self.page)

    def see(self, group: str) -> None:
        """Press one of the amounts, which opens what it sums up."""
        amounts = self.page.locator(".o_billing_balance")
        amounts.get_by_role("button", name=re.compile(f"^{group}")).click()

    def add_charge(self, title: str, cost: str, **values: str) -> None:
        """Enter a charge."""
        self.press("Add a Transaction")
        self._save_transaction(name=title, retail_cost=cost, **values)

    def add_credit(self, title: str, cost: str, kind: str, **values: str) -> None:
        """Enter a credit of a kind."""
        self.operations().choose("Create a Credit")
        self._save_transaction(
            name=title, retail_cost=cost, credit_type_id=kind, **values
        )

    def bill(self) -> ProformaDialog:
        """Start an invoice."""
        self.press("Generate a Proforma Invoice")
        return ProformaDialog(self.page)

    def open_invoice(self, number: str) -> InvoiceDialog:
        """Open one of the customer's invoices."""
        self.invoices.open(number)
        return InvoiceDialog(self.page)

    def pay_all(self) -> PaymentDialog:
        """Take money for whatever is unpaid."""
        self.press("Pay Unpaid Invoices")
        return PaymentDialog(self.page)

    def _save_transaction(self, **values: str) -> None:
        dialog = TransactionDialog(self.page)
        dialog.enter(**values)
        dialog.save()

    def press(self, button: str) -> None:
        """Press a button of the page."""
        press(self.page, button)

    def _field(self, name: str) -> Locator:
        return find_field(self.page, name)

    def _list(self, column: str) -> Rows:
        """Find the list of the tab that has a column of that name."""
        head = self.page.locator(f"th[data-name={column}]")
        return Rows(self.page.locator(".o_billing_tab_list").filter(has=head))


class CustomerPhonePage(CustomerPage):
    """The same on a phone: cards, and no room for lists."""

    def _list(self, column: str) -> Cards:
        number = ("date", "billing_status").index(column)
        return Cards(self.page.locator(".o_billing_tab_list").nth(number))


class SystemList:
    """A list over all customers, with its search bar."""

    path: str

    def __init__(self, page: Page, *, is_open: bool = False) -> None:
        self.page = page
        if is_open:
            page.wait_for_url(f"**{self.path.removeprefix('/odoo')}*")
        else:
            page.goto(self.path)
        self.rows = Rows(page.get_by_role("table"))
        expect(page.get_by_role("table")).to_be_visible()

    @property
    def facets(self) -> Locator:
        """What the list is searched for."""
        return self.page.get_by_role("search").get_by_role("listitem")

    @property
    def page_size(self) -> Locator:
        """Where one chooses how many rows a page has."""
        return self.page.get_by_role("combobox", name="Rows per page")

    def choose_page_size(self, size: str) -> None:
        """Have so many rows on a page."""
        with self._read_again():
            self.page_size.select_option(size)

    def card(self, name: str, amount: str) -> None:
        """Wait for the amount on a card: ``total``, ``open`` and so on."""
        card = self.page.locator(f".o_billing_card[data-card={name}]")
        expect(card.locator(".o_billing_card_amount")).to_have_text(amount)

    def pager(self, text: str) -> None:
        """Wait for which rows the page has, of how many."""
        expect(self.page.locator(".o_pager_counter")).to_have_text(text)

    def filter(self, name: str) -> None:
        """Choose a filter of the search menu."""
        self.page.get_by_title("Toggle Search Panel").click()
        with self._read_again():
            self.page.get_by_role("menuitemcheckbox", name=name, exact=True).click()
        self.page.keyboard.press("Escape")
        self.is_searched(name)

    def unfilter(self, name: str | None = None) -> None:
        """Take a filter away, or all of them."""
        if name:
            facet = self.facets.filter(has_text=name)
            with self._read_again():
                facet.get_by_role("button", name="Remove").click()
            expect(facet).to_have_count(0)
            return
        while left := self.facets.count():
            with self._read_again():
                self.facets.first.get_by_role("button", name="Remove").click()
            expect(self.facets).to_have_count(left - 1)

    def search(self, text: str, by: str) -> None:
        """Type into the search bar, and choose what to search."""
        self.page.get_by_role("searchbox").fill(text)
        offer = self.page.get_by_role("menuitem", name=f"Search {by} for: {text}")
        with self._read_again():
            offer.click()
        self.is_searched(text)

    @contextmanager
    def _read_again(self) -> Iterator[None]:
        """Wait until the list is drawn anew: reading it again forgets its ticks."""
        rows = self.page.locator("tr.o_data_row")
        old = rows.first.element_handle() if rows.count() else None
        yield
        if old:
            old.wait_for_element_state("hidden")

    def press(self, button: str) -> None:
        """Press a button for the selected rows."""
        press(self.page.locator(".o_control_panel"), button)

    def is_searched(self, text: str) -> None:
        """Wait for a filter to be on."""
        expect(self.facets.filter(has_text=text)).to_be_visible()


class TransactionList(SystemList):
    """Billing > Transactions."""

    path = "/odoo/billing-transactions"

    def open(self, title: str) -> TransactionDialog:
        """Open a transaction."""
        self.rows.open(title)
        return TransactionDialog(self.page)

    def void(self, title: str, reason: str) -> None:
        """Void a transaction, for a reason."""
        self.rows.press(title, "action_open_void_wizard")
        VoidDialog(self.page).void(reason)

    def bill(self, title: str) -> ProformaDialog:
        """Start an invoice for the customer of a transaction."""
        self.rows.select(title)
        self.press("Generate Invoice")
        return ProformaDialog(self.page)


class TodoList(SystemList):
    """Billing > To Do; a row is known by its invoice."""

    path = "/odoo/billing-to-do"

    def __init__(self, page: Page) -> None:
        super().__init__(page)
        self.rows = Rows(page.get_by_role("table"), key="move_name")

    def again(self, *numbers: str) -> None:
        """Have what failed done again."""
        self.rows.select(*numbers)
        self.press("Again")

    def approve(self, number: str) -> None:
        """Do what staff asked for; a dialog asks first."""
        self.rows.press(number, "action_approve")
        press(self.page.get_by_role("dialog"), "Approve")

    def give_up(self, *numbers: str) -> None:
        """Take rows off the list; a dialog asks first."""
        self.rows.select(*numbers)
        self.press("Give Up")
        press(self.page.get_by_role("dialog"), "Give Up")


class InvoiceList(SystemList):
    """Billing > Invoices."""

    path = "/odoo/billing-invoices"

    def open(self, number: str) -> InvoiceDialog:
        """Open an invoice."""
        self.rows.open(number)
        return InvoiceDialog(self.page)

    def pay(self, *numbers: str) -> PaymentDialog:
        """Take money for several invoices."""
        self.rows.select(*numbers)
        self.press("Pay")
        return PaymentDialog(self.page)

    def void(self, reason: str, *numbers: str) -> BulkDialog:
        """Void several invoices, for a reason."""
        self.rows.select(*numbers)
        self.press("Void Invoices")
        VoidDialog(self.page).void(reason)
        return BulkDialog(self.page, f"Void {len(numbers)} Invoices")

    def send(self, *numbers: str) -> BulkDialog:
        """Send several invoices; the dialog asks first."""
        self.rows.select(*numbers)
        self.press("Send by E-mail")
        return BulkDialog(self.page, f"Send {len(numbers)} Invoices by E-mail")

    def download(self, *numbers: str) -> BulkDialog:
        """Download several invoices; the dialog asks how."""
        self.rows.select(*numbers)
        self.press("Download")
        return BulkDialog(self.page, f"Download {len(numbers)} Invoices")


def start_invoice(page: Page, customer: str) -> ProformaDialog:
    """Start an invoice from the menu, where the customer is still to be chosen."""
    page.get_by_role("menuitem", name="Generate Invoice").click()
    dialog = ProformaDialog(page)
    dialog.enter(partner_id=customer)
    return dialog


def find_field(scope: Page | Locator, name: str) -> Locator:
    """Find a field of a form; those in the rows of a list are not meant."""
    rows = "td *, .o_kanban_record *"
    return scope.locator(f".o_field_widget[name={name}]:not({rows})")


def press(scope: Page | Locator, name: str) -> None:
    """Press the button of that name; the icon before it counts as a letter."""
    whole = re.compile(rf"^\W*{re.escape(say(name))}$")
    scope.get_by_role("button", name=whole).click()


def fill(field: Locator, value: str) -> None:
    """Fill in a field, as a person would."""
    choice = field.get_by_role("combobox")
    if choice.count():
        choice.fill(value)
        field.page.get_by_role("option", name=value, exact=True).click()
        return
    day = field.locator("button[data-field]")
    if day.count():
        # A date is a button until it is edited, and has a calendar until it is left.
        day.click()
    entry = field.locator("input, textarea")
    entry.fill(value)
    entry.press("Enter" if entry.get_attribute("data-field") else "Tab")


def read_message(page: Page) -> str:
    """Read the message that keeps a person from going on, and close it."""
    box = page.get_by_role("dialog").filter(has=page.get_by_role("alert"))
    text = box.get_by_role("alert").inner_text()
    box.get_by_text("Close", exact=True).click()
    expect(box).to_have_count(0)
    return " ".join(text.split())


def fits(page: Page, dialog: Dialog | None = None) -> None:
    """Check that one need not scroll sideways."""
    boxes = [page.locator("html"), page.locator("body")]
    if dialog:
        boxes.append(dialog.box.get_by_role("main").first)
    for box in boxes:
        assert box.evaluate("box => box.scrollWidth") <= page.viewport_size["width"]


def is_told(page: Page, *texts: str) -> None:
    """Wait for one of these to be said in passing, and close what is said.

    It goes by itself after some seconds, maybe before one looks.
    """
    page.wait_for_function(
        "texts => texts.some(text => toldInPassing.some(said => said.includes(text)))",
        arg=texts,
    )
    page.locator(".o_notification_close").evaluate_all(
        "buttons => buttons.forEach(button => button.click())"
    )


def wait_until(page: Page, is_so: Callable[[], bool]) -> None:
    """Wait for what comes to the test itself while the browser goes on."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "It does not come."
        page.wait_for_timeout(20)


def read_pdf(source: Download | bytes) -> str:
    """Read the words of a PDF, one space between them."""
    return " ".join(read_pages(source))


def read_pages(source: Download | bytes) -> list[str]:
    """Read the words of each page of a PDF."""
    content = source if isinstance(source, bytes) else source.path().read_bytes()
    result = subprocess.run(
        ["pdftotext", "-raw", "-", "-"], input=content, capture_output=True
    )
    assert not result.returncode, result.stderr
    *pages, end = result.stdout.decode().split("\f")
    assert not end
    return [" ".join(page.split()) for page in pages]


def _loose(text: str) -> str:
    """Let any space in a pattern stand for Odoo's own kinds of it."""
    return r"\s".join(map(re.escape, text.split(" ")))
