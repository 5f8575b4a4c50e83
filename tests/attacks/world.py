"""The world that is attacked: what there is, what can be done in it, what must hold.

Two companies, Omni and its rival, on one account at Stripe. Omni's customers are Acme
(contacts Amy and Bob) and Globex (Gus and Gil); *acme* and *globex* are the companies'
own logins. At Omni work Sam (billing staff), Mia (billing manager), Art (accountant
without our groups), Ivy (invoicing, without our groups) and Pat (a plain user); at the
rival works Otto (billing staff), whose customer is Hidden.
"""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests

from dev.attacked import PASSWORD
from strict_stripe import PUBLISHABLE_KEY, StripeServer
from tests.attacks.people import SECONDS, Person

#: How often jobs are run for events that wait: each run takes as many as it likes.
GOES = 5
JOBS = (
    "omni_billing.ir_cron_process_events",
    "omni_billing.ir_cron_resolve_attempts",
    "payment.cron_post_process_payment_tx",
)


@dataclass(frozen=True)
class Invoice:
    """A numbered invoice, with the token of the link that its e-mail has."""

    id: int
    name: str
    amount: float
    token: str


class World:
    """All that attacks need, over HTTP where people have a hand in it."""

    def __init__(
        self,
        served,
        databases,
        cursor,
        stripe: StripeServer,
        ids: dict,
        sessions: dict[str, str],
    ) -> None:
        self.url = served.url
        self.database = served.database
        self.stripe = stripe
        self.ids = ids
        self._databases = databases
        self._cursor = cursor
        #: Cookies of who is logged in already.
        self._sessions = dict(sessions)
        self._jobs: list[int] = []
        self._people: dict[str, Person] = {}
        #: Events of Stripe that came.
        self._heard: set[str] = set()
        self._since = 0
        #: What was wrong already, which is told once.
        self._told: set[str] = set()

    # === PEOPLE === #

    def person(self, login: str) -> Person:
        """Give a person who is logged in; nobody is new each time."""
        if login == "nobody":
            return Person(self.url, self.database)
        if login not in self._people:
            cookie = self._sessions.pop(login, "")
            person = Person(self.url, self.database, login, PASSWORD, cookie)
            self._people[login] = person
        return self._people[login]

    def __getattr__(self, login: str) -> Person:
        """Give a person by name."""
        if login not in ("nobody", "admin", *self.ids["users"]):
            raise AttributeError(login)
        return self.person(login)

    # === WHAT THERE IS === #

    def bill(
        self, customer: str | int = "acme", amount: float = 100, by: str = "sam"
    ) -> Invoice:
        """Have a customer, known or new, billed; the e-mail with the link is out."""
        staff = self.person(by)
        partner = self.ids["partners"].get(customer, customer)
        values = {"partner_id": partner, "name": "Fibre", "retail_cost": amount}
        values["tax_ids"] = []
        staff.call("omni.billing.transaction", "create", [values])
        wizard = {"partner_id": partner, "date_start": "2020-01-01"}
        model = "omni.billing.proforma.wizard"
        [wizard] = staff.call(model, "create", [wizard])
        invoice = staff.call(model, "action_generate", [wizard])["res_id"]
        token = str(uuid.uuid4())
        [[name]] = self.sql(
            "UPDATE account_move SET access_token = %s WHERE id = %s RETURNING name",
            *(token, invoice),
        )
        return Invoice(invoice, name, amount, token)

    def welcome(self, **values: Any) -> int:
        """Have a customer whom Stripe does not know."""
        values = {"name": "Newcomer", "email": "new@example.com", **values}
        return self.sam.call("res.partner", "create", [values])[0]

    def sql(self, query: str, *values: Any) -> list[tuple]:
        """Look into the database from outside."""
        self._cursor.execute(query, values)
        return self._cursor.fetchall() if self._cursor.description else []

    @contextmanager
    def at_work_on(self, invoice: Invoice):
        """Have somebody at work on an invoice: its row is locked."""
        with self._databases.cursor(self.database) as cursor:
            query = "SELECT id FROM account_move WHERE id = %s FOR UPDATE"
            cursor.execute("BEGIN")
            cursor.execute(query, [invoice.id])
            yield
            cursor.execute("ROLLBACK")

    def wait_for_a_turn(self) -> None:
        """Wait until somebody at a dialog waits for who was there before."""
        waiting = (
            "SELECT 1 FROM pg_locks JOIN pg_database d ON d.oid = database"
            " WHERE datname = current_database() AND locktype = 'advisory'"
            " AND NOT granted"
        )
        end = time.monotonic() + SECONDS
        while not self.sql(waiting):
            assert time.monotonic() < end, "nobody waits"
            time.sleep(0.02)

    def read(self, record: Invoice | int, *names: str, model="account.move") -> Any:
        """Read a record as it is now, with an administrator's rights."""
        id = getattr(record, "id", record)
        [values] = self.admin.call(model, "read", [id], list(names))
        return values[names[0]] if len(names) == 1 else values

    def state(self, invoice: Invoice) -> str:
        """Tell how an invoice stands."""
        return self.read(invoice, "billing_state")

    def left(self, invoice: Invoice) -> float:
        """Tell what is left to pay."""
        return self.read(invoice, "amount_residual")

    @contextmanager
    def company(self, **values: Any):
        """Have other settings of the company for a while."""
        company = [self.ids["company"]]
        [before] = self.admin.call("res.company", "read", company, list(values))
        del before["id"]
        self.admin.call("res.company", "write", company, values)
        try:
            yield
        finally:
            self.admin.call("res.company", "write", company, before)

    # === PAYING ON ODOO'S FORM === #

    def form(self, **values: Any) -> dict[str, Any]:
        """Give what the browser sends to begin a payment on Odoo's form."""
        return {
            "provider_id": self.ids["provider"],
            "payment_method_id": self.ids["card_method"],
            "token_id": None,
            "flow": "direct",
            "tokenization_requested": False,
            "landing_route": "/my",
            **values,
        }

    def begin(self, who: Person, invoice: Invoice, route="", **values: Any) -> dict:
        """Begin to pay an invoice, with its link or a login.

        :return: what the browser goes on with: ``reference``, ``client_secret``.
        """
        self.forget()
        route = route or f"/my/billing/pay/transaction/{invoice.id}"
        values = {"amount": invoice.amount, "access_token": invoice.token, **values}
        return who.post(route, **self.form(**values))

    def forget(self) -> None:
        """Forget how often somebody began something: each attack stands for itself."""
        if self.sql("SELECT to_regclass('omni_billing_limit')") != [(None,)]:
            self.sql("DELETE FROM omni_billing_limit")

    def confirm(self, secret: str, card: str = "pm_card_visa") -> dict:
        """Confirm at Stripe, as the page of the customer does.

        :return: the intent, a PaymentIntent or a SetupIntent.
        """
        id = secret.split("_secret_")[0]
        kind = "setup_intents" if id.startswith("seti_") else "payment_intents"
        answer = requests.post(
            f"{self.stripe.url}/v1/{kind}/{id}/confirm",
            data={"client_secret": secret, "payment_method": card},
            headers={"Authorization": f"Bearer {PUBLISHABLE_KEY}"},
            timeout=SECONDS,
        )
        answer.raise_for_status()
        return answer.json()

    def come_back(self, who: Person, reference: str, intent: str, **more: str):
        """Come back from Stripe, with what the address says."""
        query = {"reference": reference, "payment_intent": intent, **more}
        return who.get("/payment/stripe/return", **query)

    def look(self, who: Person) -> dict:
        """Look at the page that tells how the payment went, and books it."""
        return who.post("/payment/status/poll")

    def pay(self, who: Person, invoice: Invoice) -> str:
        """Pay an invoice as an honest customer does; return the intent."""
        begun = self.begin(who, invoice)
        intent = self.confirm(begun["client_secret"])["id"]
        self.come_back(who, begun["reference"], intent)
        self.look(who)
        assert self.left(invoice) == 0
        return intent

    # === BY STAFF === #

    def open_payment(self, by: Person, *invoices: Invoice, **values: Any) -> int:
        """Open the payment dialog."""
        values = {"invoice_ids": [invoice.id for invoice in invoices], **values}
        values["invoice_ids"] = [(6, 0, values["invoice_ids"])]
        return by.call("omni.billing.payment.wizard", "create", [values])[0]

    def take(self, by: Person, *invoices: Invoice, mode="stripe", **values: Any) -> Any:
        """Take a payment in the dialog."""
        wizard = self.open_payment(by, *invoices, mode=mode, **values)
        return by.call("omni.billing.payment.wizard", "action_pay", [wizard])

    # === WHAT MUST HOLD === #

    def work(self) -> None:
        """Run the jobs, as Odoo does every few minutes."""
        if not self._jobs:
            self._jobs = [
                job
                for name in JOBS
                for [job] in self.sql(
                    "SELECT res_id FROM ir_model_data WHERE module || '.' || name = %s",
                    name,
                )
            ]
        for job in self._jobs:
            done = self.admin.call("ir.cron", "method_direct_trigger", [job])
            assert done is True, done

    def begin_attack(self) -> None:
        """Let bygones be: what others tried is not heard of, or counted, any more."""
        self._since = int(time.time())
        self.forget()

    def hear(self) -> None:
        """Have the events of this attack come that have not, and work on them."""
        for event in self.stripe.events():
            if event["created"] >= self._since and event["id"] not in self._heard:
                self._heard.add(event["id"])
                self.stripe.deliver(event["id"])
        waiting = "SELECT 1 FROM omni_billing_stripe_event WHERE state = 'new'"
        for _go in range(GOES):
            self.work()
            if not self.sql(waiting):
                return

    def charged(self) -> float:
        """Sum what Stripe took, less what went back."""
        return self.stripe.totals().get("usd", {}).get("net", 0) / 100

    def check(self) -> None:
        """See that nothing is booked that Stripe does not know, and nothing twice.

        And that no more was taken for invoices than they ask for.
        """
        problems = set(self._find_problems())
        news, self._told = problems - self._told, problems
        assert not news, "\n".join(sorted(news))

    def _find_problems(self) -> Iterator[str]:
        store = self.stripe.store()
        intents = {one["id"]: one for one in store["payment_intents"]}
        refunds = {one["id"]: one for one in store["refunds"]}
        booked: Counter[str] = Counter()
        for reference, at_stripe, amount, operation in self._find_done():
            known = refunds if operation == "refund" else intents
            told = f"{reference} is done, but {at_stripe} is"
            one = known.get(at_stripe)
            if not one:
                yield f"{told} not known to Stripe"
                continue
            if one["status"] != "succeeded":
                yield f"{told} {one['status']}"
            booked[at_stripe] += round(abs(amount) * 100)
            # A refund of one payment may be of several invoices.
            if booked[at_stripe] > one["amount"]:
                yield f"{told} of {one['amount']}, and booked {booked[at_stripe]}"
        taken: Counter[frozenset[int]] = Counter()
        invoices = self._find_invoices()
        for intent in intents.values():
            if intent["status"] == "succeeded" and intent["description"] in invoices:
                taken[invoices[intent["description"]]] += intent["amount_received"]
        found = self.sql("SELECT id, name, amount_total FROM account_move")
        moves = {id: (name, total) for id, name, total in found}
        for ids in taken:
            names, totals = zip(*(moves[id] for id in sorted(ids)), strict=True)
            sum_of_all = sum(taken[part] for part in taken if part <= ids)
            if sum_of_all > sum(totals) * 100:
                yield f"{', '.join(names)}: {sum_of_all} taken for {sum(totals)}"

    def _find_done(self) -> list[tuple]:
        # What was captured counts with the capture, and not once more.
        return self.sql(
            "SELECT tx.reference, tx.provider_reference, tx.amount, tx.operation"
            " FROM payment_transaction tx JOIN payment_provider p"
            " ON p.id = tx.provider_id WHERE p.code = 'stripe' AND tx.state = 'done'"
            " AND tx.operation != 'validation' AND NOT EXISTS ("
            " SELECT FROM payment_transaction c WHERE c.source_transaction_id = tx.id"
            " AND c.operation = tx.operation AND c.state = 'done')"
        )

    def _find_invoices(self) -> dict[str, frozenset[int]]:
        """Find which invoices each payment is of, by its reference."""
        found = self.sql(
            "SELECT tx.reference, array_agg(r.invoice_id) FROM payment_transaction tx"
            " JOIN account_invoice_transaction_rel r ON r.transaction_id = tx.id"
            " GROUP BY tx.reference"
        )
        return {reference: frozenset(ids) for reference, ids in found}
