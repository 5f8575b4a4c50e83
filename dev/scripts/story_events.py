"""What happens once in the story: what goes wrong, and what staff do about it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from dateutil.relativedelta import relativedelta

from odoo.fields import Command

from dev.scripts.story_people import CUSTOMERS, PRODUCTS

if TYPE_CHECKING:
    from dev.scripts.story_months import Step, Story

#: Cards of Stripe's tests: that are good, out of money, out of date, and ask the owner.
GOOD, EMPTY, EXPIRED = "4242424242424242", "4000000000009995", "4000000000000069"
ASKS = "4000002760003184"
#: By how much fibre became dearer.
RISE = 4
#: Work that is charged when it is done: title in English and French, price.
WORK = (
    ("On-site visit", "Intervention sur site", 90.0),
    ("Extra socket", "Prise supplémentaire", 65.0),
    ("Cabling, half a day", "Câblage, une demi-journée", 240.0),
    ("Configuration by phone", "Configuration par téléphone", 35.0),
)


class Events:
    """The events of a story, each with its moment."""

    def __init__(self, story: Story) -> None:
        from dev.scripts.story_months import CARDS, LAST, MAIL, PLANNED

        self.story = story
        self.stripe = story.stripe
        self.env = story.env
        self.cards, self.mail, self.last = CARDS, MAIL, LAST
        self._planned = PLANNED
        self._heard: set[str] = set()

    def list(self) -> Iterator[Step]:
        """List them all, in no order."""
        at, last, cards = self.story.at, self.last, self.cards
        for month in range(2, last):
            yield at(month, 20, 14), self._work_on_site
        yield at(3, 18), self._give_for_outage
        yield at(5, 20), self._cancel_an_item
        yield at(6, 1, 0, 30), self._raise_prices
        yield at(7, 12), self._void_and_bill_again
        yield at(cards, 17), self._begin_to_remind
        # In the first months with cards.
        yield at(cards, 12), self._sell_on_terms
        yield at(cards, 20, 16), lambda: self._dispute("Blue Heron Cottages")
        yield at(cards, 21, 16), lambda: self._dispute("Seagull Arcade")
        yield at(cards, 26), lambda: self._refund("Fernhill Veterinary", 20)
        yield at(cards, 26, 16), self._archive
        yield at(cards, 27, 16), lambda: self._dispute("Vantage Accounting")
        # The month before this one: what waits for a person now.
        month = last - 1
        yield at(month, 1, 22), self._let_cards_fail
        yield at(self.mail, 1, 4), self._begin_to_mail
        yield at(month, 4), self._let_mail_come_back
        yield at(month, 6), self._take_part_of_plan
        yield at(month, 6, 16), lambda: self._close("Blue Heron Cottages", "lost")
        yield at(month, 6, 17), lambda: self._close("Seagull Arcade", "won")
        yield at(month, 10, 7), lambda: self._change_card("Harborlight Brewing", EMPTY)
        for day in (5, 12, 13, 15, 19, 20, 21, 28):
            yield at(month, day, 6), self.story.charge_plans
        yield at(month, 13), self._decide
        yield at(month, 15), self._suspend
        yield at(month, 18, 10), self._fail_to_refund
        yield at(month, 20, 10), self._charge_other_card
        yield at(month, 20, 11), self._take_promise
        yield at(month, 20, 16), lambda: self._dispute("Pine Point Campground")
        yield at(month, 20, 17), lambda: self._close("Vantage Accounting", "lost")
        yield at(month, 21), self._fail_to_charge
        yield at(month, 24, 10), self._bill_acme
        yield at(month, 27, 7), lambda: self._change_card("Harborlight Brewing", GOOD)
        yield at(month, 28, 7), self._follow_promises
        yield at(month, 28, 8), lambda: self._change_card("Marc Gagnon", ASKS)

    # === WORK === #

    def _work_on_site(self) -> None:
        """Charge a few for work, and one or two for what they bought."""
        story = self.story
        here = [
            each
            for each in CUSTOMERS
            if each.name in story.firm.partners and each.until is None
        ]
        here = [each for each in here if story.partner(each.name).active]
        for customer in story.random.sample(here, 4):
            english, french, price = story.random.choice(WORK)
            title = french if customer.is_french else english
            story.charge(customer.name, title, price)
        for customer in story.random.sample(here, 3):
            code = story.random.choice(("router", "handset", "handset"))
            story.sell(customer.name, code, story.random.randint(1, 3))

    def _give_for_outage(self) -> None:
        """Give those on one cable something for a night without."""
        day = self.story.today - timedelta(days=4)
        for customer in CUSTOMERS[:12]:
            if customer.name in self.story.firm.partners:
                title = f"Outage of {day:%b} {day.day}"
                self.story.give(customer.name, title, 12, "goodwill")

    def _raise_prices(self) -> None:
        """Have fibre cost more from today, for all."""
        firm, today = self.story.firm, self.story.today
        fibre = [code for code in PRODUCTS if code.startswith("fibre")]
        products = self.env["product.product"].union(
            *(firm.products[code] for code in fibre)
        )
        for product in products:
            product.list_price += RISE
            product.billing_recurring_price += RISE
        services = self.story.staff("omni.billing.service").search(
            [("product_id", "in", products.ids), ("date_end", "=", False)]
        )
        for service in services:
            change = {"date": today, "quantity": service.quantity}
            change["price_unit"] = service.price_unit + RISE
            service.change_ids = [Command.create(change)]

    def _cancel_an_item(self) -> None:
        """Credit what was invoiced in error; it stays as credit on file."""
        wizard = self.story.staff("omni.billing.cancel.wizard").create(
            {
                "invoice_id": self.story.last_invoice("Cedar & Stone Masonry").id,
                "mode": "credit",
                "reason": "The line was given back in time",
            }
        )
        wizard.line_ids[-1].included = True
        wizard.action_cancel_items()

    def _void_and_bill_again(self) -> None:
        story, name = self.story, "Kestrel Surveyors"
        story.charge(name, "Configuration by phone", 35)
        wrong = story.bill(name, "Work in the shop")
        self.story.manager("omni.billing.void.wizard").create(
            {"invoice_ids": [Command.set(wrong.ids)], "reason": "The title was wrong"}
        ).action_void()
        story.bill(name, "Work on site")

    def _bill_acme(self) -> None:
        """Leave an invoice to pay in the portal."""
        story = self.story
        story.charge("Acme Rentals", "Cabling of the depot", 240)
        story.sell("Acme Rentals", "router", 1)
        story.bill("Acme Rentals", "North depot", days=40)

    def _suspend(self) -> None:
        """Let what sleeps in winter cost nothing."""
        services = self.story.staff("omni.billing.service").search(
            [
                ("partner_id", "=", self.story.partner("Blue Heron Cottages").id),
                ("product_id", "=", self.story.firm.products["wifi"].id),
            ]
        )
        services.suspended_from = self.story.today + timedelta(days=1)

    def _archive(self) -> None:
        """Archive a customer too early: the next run cannot bill what is left."""
        self.story.partner("Old Mill Apartments").active = False

    # === MAIL AND REMINDERS === #

    def _begin_to_remind(self) -> None:
        self.story.firm.company.write(
            {"billing_reminders": True, "billing_late_fee": "percent"}
        )

    def _begin_to_mail(self) -> None:
        schedules = self.story.manager("omni.billing.run.schedule").search([])
        schedules.filtered(lambda each: not each.is_charge).is_email = True

    def _let_mail_come_back(self) -> None:
        partner = self.story.partner("Kestrel Surveyors")
        mails = self.env["omni.billing.mail"].search(
            [("commercial_partner_id", "=", partner.id), ("state", "=", "sent")]
        )
        mails._receive_bounce(
            mails.mail_id.mail_message_id, partner.email, "550 5.1.1 No such mailbox"
        )
        # Who has no address got the first one by post.
        unsent = [("error_code", "=", "no_address"), ("needs_action", "=", True)]
        self.story.staff("omni.billing.mail").search(unsent).action_dismiss()

    def _take_promise(self) -> None:
        story = self.story
        invoices = story.open_invoices("Tall Pines Logistics")
        story.staff("omni.billing.promise.wizard").create(
            {
                "invoice_ids": [Command.set(invoices.ids)],
                "date": story.today + timedelta(days=7),
                "note": "Said on the phone",
            }
        ).action_promise()

    def _follow_promises(self) -> None:
        self.env["account.move"]._cron_billing_follow_promises()

    # === CARDS === #

    def _change_card(self, name: str, number: str) -> None:
        card = self.story.card(name)
        self.stripe.card_becomes(card.stripe_payment_method, number)

    def _let_cards_fail(self) -> None:
        self._change_card("Saltmarsh Design", EMPTY)
        self._change_card("Librairie Pelletier", EXPIRED)

    def _charge_other_card(self) -> None:
        """Charge again, after the customer told of a new card."""
        self._change_card("Librairie Pelletier", GOOD)
        lines = self.story.staff("omni.billing.run.line").search(
            [
                ("partner_id", "=", self.story.partner("Librairie Pelletier").id),
                ("charge_state", "=", "failed"),
            ]
        )
        lines.action_charge_again()

    def _sell_on_terms(self) -> None:
        """Sell much, to be paid month by month: two by card, one by transfer."""
        story, day = self.story, self.story.day
        phones, taproom, routers = self._planned
        story.sell("Bayview Inn", "handset", 12)
        invoice = story.bill("Bayview Inn", phones, days=120)
        months = [day(self.cards + number, 25) for number in range(4)]
        story.plan(invoice, months, story.card("Bayview Inn"))
        story.charge("Harborlight Brewing", "Cabling of the taproom", 480)
        invoice = story.bill("Harborlight Brewing", taproom, days=60)
        days = [day(self.last - 1, 5), day(self.last - 1, 12)]
        story.plan(invoice, days, story.card("Harborlight Brewing"))
        story.sell("Eastport Ferries", "router", 6)
        invoice = story.bill("Eastport Ferries", routers, days=120)
        days = [day(self.last - 1, 6), day(self.last - 1, 20), day(self.last, 28)]
        story.plan(invoice, days)

    def _take_part_of_plan(self) -> None:
        """Take the first transfer of a plan; the second will not come."""
        planned = self.story.staff("omni.billing.installment").search(
            [
                ("partner_id", "=", self.story.partner("Eastport Ferries").id),
                ("charge_state", "in", ("due", "failed")),
            ],
            order="date",
            limit=1,
        )
        self.story.staff("omni.billing.payment.wizard").create(
            {
                "invoice_ids": [Command.set(planned.invoice_id.ids)],
                "mode": "bank",
                "amount": planned.amount,
                "installment_id": planned.id,
            }
        ).action_pay()

    def _fail_to_charge(self) -> None:
        story, name = self.story, "Elena Rivera"
        story.charge(name, "Extra socket", 65)
        invoice = story.bill(name, "Work at home")
        self.stripe.decline_next("insufficient_funds")
        wizard = story.staff("omni.billing.payment.wizard").create(
            {"invoice_ids": [Command.set(invoice.ids)], "mode": "stripe"}
        )
        story.refuse(wizard.action_pay)

    def _refund(self, name: str, amount: float) -> None:
        invoice = self.story.last_invoice(name)
        self.story.manager("omni.billing.card.refund.wizard").create(
            {"invoice_id": invoice.id, "amount": amount}
        ).action_refund()

    def _fail_to_refund(self) -> None:
        self.stripe.refund_next("failed")
        self.story.refuse(lambda: self._refund("Juniper Yoga", 15))

    # === DISPUTES === #

    def _get_intent(self, name: str) -> str:
        payments = self.env["payment.transaction"].search(
            [
                ("partner_id", "=", self.story.partner(name).id),
                ("state", "=", "done"),
                ("operation", "!=", "refund"),
            ],
            order="id desc",
            limit=1,
        )
        return payments.provider_reference

    def _dispute(self, name: str) -> None:
        intent = self._get_intent(name)
        [charge] = [
            each
            for each in self.stripe.store()["charges"]
            if each["payment_intent"] == intent and each["paid"]
        ]
        self.stripe.dispute(charge["id"], reason="product_not_received")
        self._hear()

    def _close(self, name: str, status: str) -> None:
        partner = self.story.partner(name)
        dispute = self.env["omni.billing.dispute"].search(
            [("partner_id", "=", partner.id)]
        )
        self.stripe.close_dispute(dispute.reference, status)
        self._hear()

    def _hear(self) -> None:
        """Have what Stripe tells of disputes, as its events bring it."""
        events = self.env["omni.billing.stripe.event"]
        for event in self.stripe.events():
            if "dispute" in event["type"] and event["id"] not in self._heard:
                self._heard.add(event["id"])
                events._store(self.story.firm.provider, event)
        events._cron_process()
        self.env["omni.billing.payout"]._cron_fetch()

    def _decide(self) -> None:
        """Have a customer owe again what the bank gave it."""
        partner = self.story.partner("Blue Heron Cottages")
        dispute = self.story.manager("omni.billing.dispute").search(
            [("partner_id", "=", partner.id)]
        )
        self.story.manager("omni.billing.dispute.wizard").create(
            {"dispute_id": dispute.id, "decision": "owed", "note": "It was delivered"}
        ).action_decide()

    # === NOW === #

    def be_now(self) -> None:
        """Leave work for whoever looks at it today."""
        story = self.story
        first = story.today.replace(day=1)
        days = (story.today - first).days

        def some_day() -> object:
            return first + timedelta(days=story.random.randint(0, days))

        here = [each for each in CUSTOMERS if story.partner(each.name).active]
        here = [each for each in here if each.until is None and each.pays != "never"]
        for customer in story.random.sample(here, 14):
            english, french, price = story.random.choice(WORK)
            title = french if customer.is_french else english
            story.charge(customer.name, title, price, date=some_day())
        # The preview of an invoice begins two weeks ago.
        story.charge(
            *("Acme Rentals", "Data overage", 12.4),
            description="3.1 GB beyond the plan",
            date=story.today - timedelta(days=min(days, 5)),
        )
        story.sell("Acme Rentals", "handset", 2)
        visited = story.today - timedelta(days=min(days, 9))
        story.charge("Acme Rentals", "On-site visit", 90, date=visited)
        title = f"Outage of {first:%b} {first.day}"
        story.give("Acme Rentals", title, 10, "goodwill")
        story.give("Walter Quinn", "Moved in later", 30, "correction")
        story.staff("omni.billing.service").create(
            {
                "name": "Managed Wi-Fi",
                "partner_id": story.partner("Priya Nair").id,
                "product_id": story.firm.products["wifi"].id,
                "date_start": first + relativedelta(months=1),
                "anchor_day": 1,
            }
        )
        run = story.manager("omni.billing.run").create(
            {
                "name": "Work of this month",
                "date_due": story.today + timedelta(days=15),
                "is_charge": True,
                "is_email": True,
            }
        )
        run.action_check()
        self.env["omni.billing.run"]._cron_process()
