"""What happens in the story, month by month."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta

from dateutil.relativedelta import relativedelta

from odoo.exceptions import UserError
from odoo.fields import Command

from dev.scripts.story_events import Events
from dev.scripts.story_firm import Firm
from dev.scripts.story_people import CUSTOMERS, PRODUCTS, SEASON, Customer
from dev.scripts.story_time import Clock

MONTHS = 14
#: The last one is the month that it is.
LAST = MONTHS - 1
COLUMNS = [
    *("partner_id/.id", "date", "name", "product_id/.id", "quantity", "price_unit"),
    *("external_ref", "transaction_type"),
]
#: What one costs of what is counted, and how many make one of the average.
COUNTED = {"calls": (0.35, 9), "data": (4.0, 1), "passes": (3.0, 1)}
#: Since then cards are charged, and mail goes to who pays otherwise; before, all money
#: came by transfer, and invoices went by post.
CARDS = LAST - 2
MAIL = LAST - 1
#: Who has it paid weeks after it was due.
LATE_DAYS = 40

#: What is paid on days that were agreed, by its title.
PLANNED = ("Phones for the rooms", "Taproom", "Routers on board")
#: Who pays no more, and for how many months.
STOPPED = {"Red Barn Antiques": 4, "Tall Pines Logistics": 3}

Step = tuple[datetime, Callable[[], object]]


class Story:
    """Fourteen months; each step is done at its moment, in the order of time."""

    def __init__(self, firm: Firm, stripe: object, clock: Clock) -> None:
        self.firm = firm
        self.stripe = stripe
        self.clock = clock
        # What jobs do is not told under each document: that takes a fifth of the time.
        self.env = firm.root(context={**firm.root.context, "tracking_disable": True})
        # The same whoever runs it.
        self.random = random.Random(1492)
        self.first = clock.end.date().replace(day=1) - relativedelta(months=LAST)

    def tell(self) -> None:
        """Go through it, up to now."""
        self.clock.go_to(self.at(0, 1, 1))
        self.firm.found()
        self._schedule_runs()
        steps = sorted(self._list_steps(), key=lambda step: step[0])
        for moment, step in steps:
            if moment > self.clock.end:
                break
            self.clock.go_to(moment)
            step()
        self.clock.go_to(self.clock.end)
        Events(self).be_now()
        self.env.cr.commit()

    def at(self, month: int, day: int, hour: int = 9, minute: int = 0) -> datetime:
        """Return a moment of a month of the story."""
        first = self.first + relativedelta(months=month)
        return datetime.combine(first.replace(day=day), time(hour, minute))

    def day(self, month: int, day: int) -> date:
        """Return a day of a month of the story."""
        return self.at(month, day).date()

    @property
    def today(self) -> date:
        """Return the day that it is in the story."""
        return datetime.now().date()

    # === WHAT COMES EACH MONTH === #

    def _list_steps(self) -> Iterator[Step]:
        for month in range(MONTHS):
            yield from self._list_monthly(month)
        yield from Events(self).list()

    def _list_monthly(self, month: int) -> Iterator[Step]:
        new = [customer for customer in CUSTOMERS if customer.since == month]
        yield self.at(month, 1, 1), lambda: self._welcome(new, self.day(month, 1))
        if month:
            yield self.at(month, 1, 2), lambda: self._import_counted(month - 1)
        yield self.at(month, 1, 3), self.env["omni.billing.service"]._cron_write_due
        # The run, which begins by itself; and what could not be charged, again.
        for day in (2, 3, 5, 9) if month >= CARDS else (2,):
            yield self.at(month, day, 6), self._process_runs
        yield self.at(month, 16, 11), lambda: self._take_transfers(month)
        if month % 3 == LAST % 3:
            yield self.at(month, 10, 15), self._take_cash
        if month == CARDS:
            yield self.at(month, 1, 4), self._begin_with_cards
        if month >= CARDS:
            for day in (3, 10, 26):
                yield self.at(month, day, 20), self._pay_out
                yield self.at(month, day + 2, 20), self._receive_payout
        if month >= CARDS:
            yield self.at(month, 25, 6), self.charge_plans
        if month >= CARDS:
            yield self.at(month, 24, 5), self._remind

    def _welcome(self, customers: list[Customer], day: date) -> None:
        for customer in customers:
            self.firm.welcome(customer, day)
            if customer.pays == "card" and day >= self.day(CARDS, 1):
                self.firm.give_card(customer)
            if day > self.day(0, 1):
                self.sell(customer.name, "router", 1)
            if customer.until is not None:
                # They told so when they came: what they rent is for a time.
                services = self.env["omni.billing.service"].search(
                    [("partner_id", "=", self.partner(customer.name).id)]
                )
                services.date_end = self.day(customer.until, 28)
            if customer.pays == "advance":
                self._take_advance(customer)

    def _import_counted(self, month: int) -> None:
        """Import what was counted in a month, as from a file of the switches."""
        busy = SEASON[self.day(month, 1).month - 1]
        rows = []
        for customer in CUSTOMERS:
            kind, average = customer.counted
            is_gone = customer.until is not None and customer.until < month
            if not kind or customer.since > month or is_gone:
                continue
            price, times = COUNTED[kind]
            share = busy if kind == "passes" else (2 + busy) / 3
            count = round(average * times * share * self.random.uniform(0.8, 1.2))
            if not count:
                continue
            partner = self.partner(customer.name)
            rows.append(
                [
                    str(partner.id),
                    str(self.day(month, self.random.randint(24, 28))),
                    PRODUCTS[kind].name(customer.is_french),
                    str(self.firm.products[kind].id),
                    str(count),
                    str(price),
                    f"{kind}-{self.day(month, 1):%Y%m}-{partner.id}",
                    "charge",
                ]
            )
        result = self.staff("omni.billing.transaction").load(COLUMNS, rows)
        assert not result["messages"], result["messages"]

    def _schedule_runs(self) -> None:
        self.firm.manager["omni.billing.run.schedule"].create(
            {
                "name": "Monthly billing",
                "date_first": self.day(0, 2),
                "anchor_day": 2,
                "due_days": 28,
            }
        )

    def _process_runs(self) -> None:
        self.env["omni.billing.run"]._cron_process()
        self.env["omni.billing.mail"]._cron_send()

    def _take_transfers(self, month: int) -> None:
        """Take what is on the statement of the bank, all in Odoo's own dialog."""
        paying = []
        for number, customer in enumerate(CUSTOMERS):
            before = self.today
            # Before anybody was reminded, each paid every third month.
            if month < LAST - 4 and (number + month) % 3:
                continue
            if customer.pays == "late":
                before -= timedelta(days=LATE_DAYS)
            # What is not due yet some have not paid.
            if month == LAST and number % 2:
                continue
            if customer.name in STOPPED and month > LAST - STOPPED[customer.name]:
                continue
            if customer.pays == "card" and month >= CARDS:
                continue
            if customer.pays in ("cash", "pos", "advance"):
                continue
            if customer.name in self.firm.partners:
                # What is paid as planned comes on its days.
                domain = [
                    ("invoice_date", "<=", before),
                    ("billing_title", "not in", PLANNED),
                ]
                paying += self.open_invoices(customer.name, *domain).ids
        if paying:
            context = {**self.env.context, "active_model": "account.move"}
            dialog = self.manager("account.payment.register")
            dialog = dialog.with_context(**context, active_ids=paying)
            dialog.create({"group_payment": True}).action_create_payments()

    def _take_cash(self) -> None:
        for customer in CUSTOMERS:
            if customer.pays in ("cash", "pos"):
                self._pay(customer.name, customer.pays)
            elif customer.pays == "advance":
                self._pay(customer.name, "credit")

    def _begin_with_cards(self) -> None:
        """Have the portal, where customers save their cards."""
        for customer in CUSTOMERS:
            if customer.pays == "card" and customer.name in self.firm.partners:
                self.firm.give_card(customer)
        [schedule] = self.manager("omni.billing.run.schedule").search([])
        schedule.copy(
            {
                "name": "Monthly billing, by card",
                "date_first": self.day(CARDS, 2),
                "payment_method": "card",
                "is_charge": True,
            }
        )
        schedule.payment_method = "no_card"

    def _take_advance(self, customer: Customer) -> None:
        """Take the money of a year; each invoice takes its part."""
        payment = self.firm.manager["account.payment"].create(
            {
                "payment_type": "inbound",
                "partner_id": self.partner(customer.name).id,
                "amount": 5000,
                "memo": "A year in advance",
            }
        )
        payment.action_post()

    def _pay_out(self) -> None:
        try:
            self.stripe.pay_out("usd")
        except Exception as error:
            # There is nothing, in the first weeks.
            assert "nothing to pay out" in str(error), error

    def _receive_payout(self) -> None:
        for payout in self.stripe.store()["payouts"]:
            if payout["status"] == "in_transit":
                self.stripe.settle(payout["id"], "paid")
        self.env["omni.billing.payout"]._cron_fetch()

    def charge_plans(self) -> None:
        """Charge what is planned for today."""
        self.env["omni.billing.installment"]._cron_charge()

    def _remind(self) -> None:
        self.env["omni.billing.reminder"]._cron_remind()
        self.env["omni.billing.late.fee"]._cron_charge()
        self.env["omni.billing.mail"]._cron_send()

    # === WHAT PEOPLE DO === #

    def staff(self, model: str) -> object:
        """Return a model as staff use it."""
        return self.firm.staff[model]

    def manager(self, model: str) -> object:
        """Return a model as the manager uses it."""
        return self.firm.manager[model]

    def partner(self, name: str) -> object:
        """Return a customer."""
        return self.firm.partners[name]

    def open_invoices(self, name: str, *domain: tuple) -> object:
        """Return what a customer owes, the oldest first."""
        return self.staff("account.move").search(
            [
                ("commercial_partner_id", "=", self.partner(name).id),
                ("billing_state", "in", ("unpaid", "partial")),
                *domain,
            ],
            order="invoice_date, id",
        )

    def last_invoice(self, name: str) -> object:
        """Return the latest invoice of a customer."""
        return self.staff("account.move").search(
            [
                ("commercial_partner_id", "=", self.partner(name).id),
                ("move_type", "=", "out_invoice"),
                ("billing_state", "!=", "void"),
            ],
            order="invoice_date desc, id desc",
            limit=1,
        )

    def _pay(self, name: str, mode: str, *domain: tuple, **values: object) -> None:
        """Record money of a customer, for all that it owes."""
        if name not in self.firm.partners:
            return
        invoices = self.open_invoices(name, *domain)
        if not invoices:
            return
        values = {"invoice_ids": [Command.set(invoices.ids)], "mode": mode, **values}
        self.staff("omni.billing.payment.wizard").create(values).action_pay()

    def charge(self, name: str, title: str, cost: float, **values: object) -> object:
        """Enter a charge by hand."""
        return self.staff("omni.billing.transaction").create(
            {
                "partner_id": self.partner(name).id,
                "name": title,
                "retail_cost": cost,
                "date": self.today,
                "tax_ids": [Command.set(self.firm.taxes[False].ids)],
                **values,
            }
        )

    def sell(self, name: str, code: str, count: int, title: str = "") -> object:
        """Enter what was sold once, of the list of products."""
        customer = next(each for each in CUSTOMERS if each.name == name)
        product = PRODUCTS[code]
        return self.staff("omni.billing.transaction").create(
            {
                "partner_id": self.partner(name).id,
                "product_id": self.firm.products[code].id,
                "name": title or product.name(customer.is_french),
                "quantity": count,
                "price_unit": product.price,
                "date": self.today,
            }
        )

    def give(self, name: str, title: str, cost: float, kind: str) -> object:
        """Enter a credit."""
        kind = self.env.ref(f"omni_billing.credit_type_{kind}")
        return self.charge(
            name, title, cost, transaction_type="credit", credit_type_id=kind.id
        )

    def bill(self, name: str, title: str, days: int = 15) -> object:
        """Bill what is unbilled, in the preview."""
        wizard = self.staff("omni.billing.proforma.wizard").create(
            {
                "partner_id": self.partner(name).id,
                "title": title,
                "date_due": self.today + timedelta(days=days),
            }
        )
        return self.staff("account.move").browse(wizard.action_generate()["res_id"])

    def plan(self, invoice: object, days: list[date], card: object = None) -> None:
        """Agree that an invoice is paid in equal parts."""
        part = round(invoice.amount_residual / len(days), 2)
        rest = round(invoice.amount_residual - part * (len(days) - 1), 2)
        parts = [*[part] * (len(days) - 1), rest]
        self.staff("omni.billing.payment.wizard").create(
            {
                "invoice_ids": [Command.set(invoice.ids)],
                "mode": "stripe" if card else "bank",
                "token_id": card.id if card else False,
                "is_post_dated": True,
                "plan_line_ids": [
                    Command.create({"date": day, "amount": amount})
                    for day, amount in zip(days, parts, strict=True)
                ],
            }
        ).action_plan()

    def card(self, name: str) -> object:
        """Return the default card of a customer."""
        return self.partner(name)._billing_get_cards(self.firm.company)[:1]

    def refuse(self, action: Callable[[], object]) -> str:
        """Press a button that is refused; return what is said."""
        try:
            action()
        except UserError as error:
            return str(error)
        raise AssertionError("It was to be refused.")
