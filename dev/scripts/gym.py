"""Twelve months of a gym: 120 members, 3 plans, debits that come back, pauses, a rise.

Runs in ``odoo shell`` on a database with accounting and the addon, and no data. Each
day has its jobs, and what people do, in the dialogs that they use. At the end, as JSON,
what holds: of every member the statement, the books, what Stripe keeps and what the
bank returned. ``arguments``: the address of a strict Stripe, of its control, the seed.
"""

import json
import os
import random
import re
import sys
from collections import Counter
from datetime import datetime, time

sys.path.insert(0, os.getcwd())

from odoo.fields import Command  # noqa: E402

from dev.scripts import complaints  # noqa: E402
from dev.scripts import gym_members as plan  # noqa: E402
from dev.scripts.gym_members import DAY, FIRST, LAST  # noqa: E402
from dev.scripts.story_firm import Firm  # noqa: E402
from dev.scripts.story_time import Clock  # noqa: E402
from strict_stripe import WEBHOOK_SECRET, StripeServer  # noqa: E402

#: Until the last debit of the year is paid or returned, and what it costs is billed.
END = LAST + 40 * DAY
ACCOUNT = "000123456789"
CALL = re.compile(r"model\.(_cron_\w+)\(\)")
#: Jobs that no member would notice.
LEFT_OUT = {"ir_cron_make_pdfs"}
UNITS = {"basic": (1, "advance"), "plus": (1, "arrears"), "year": (12, "advance")}


class Gym:
    """The gym, its members, Stripe and the bank."""

    def __init__(self, env, stripe, clock, seed):
        self.firm = Firm(env)
        self.env = env(context={**env.context, "tracking_disable": True})
        self.stripe, self.clock = stripe, clock
        self.members = plan.enroll(seed)
        self.chance = random.Random(seed + 1)
        self.jobs = [*self.find_jobs()]
        self.services, self.partners, self.customers = {}, {}, {}
        #: What the bank was seen with: debits, and those that it paid.
        self.debits, self.heard, self.returns = {}, set(), Counter()

    def live(self):
        """Live through the year, and some weeks more."""
        self.clock.go_to(datetime.combine(FIRST, time(1)))
        self.open()
        today = FIRST
        while today <= END:
            self.clock.go_to(datetime.combine(today, time(6)))
            self.talk(today)
            for job in self.jobs:
                job()
                self.env.cr.commit()
            self.clock.go_to(datetime.combine(today, time(18)))
            self.decide()
            self.hear()
            self.work(today)
            today += DAY

    def find_jobs(self):
        """Give all scheduled actions of the addon, in the order of their data."""
        names = self.env["ir.model.data"].search(
            [("module", "=", "omni_billing"), ("model", "=", "ir.cron")], order="id"
        )
        for name in names.filtered(lambda one: one.name not in LEFT_OUT):
            action = self.env["ir.cron"].browse(name.res_id).ir_actions_server_id
            method = CALL.fullmatch(action.code.strip())[1]
            yield getattr(self.env[action.model_id.model], method)

    # === THE GYM === #

    def open(self):
        """Found the company, its plans, and when it bills."""
        self.firm.found()
        company = self.firm.company
        company.write({"billing_debits": True, "billing_return_fee": plan.FEE / 100})
        company.billing_late_fee_percent = 0
        self.env.ref("payment.payment_method_ach_direct_debit").active = True
        self.endpoint = self.stripe.add_webhook(
            "http://127.0.0.1:9/", secret=WEBHOOK_SECRET
        )
        self.stripe.hold_webhooks()
        schedules = self.firm.manager["omni.billing.run.schedule"]
        common = {"date_first": FIRST + DAY, "anchor_day": 2, "due_days": 14}
        schedules.create(
            [
                {"name": "Gym, debited", "payment_method": "card", "is_charge": True}
                | common,
                {"name": "Gym, by hand", "payment_method": "no_card"} | common,
            ]
        )

    def join(self, member):
        """Have a member, with the plan and what it pays by."""
        partner = self.env["res.partner"].create(
            {
                "name": member.name,
                "email": f"member-{member.number}@example.com",
                "country_id": self.firm.company.country_id.id,
                "company_id": self.firm.company.id,
            }
        )
        self.partners[member.number] = partner
        interval, timing = UNITS[member.plan]
        old, new = (price / 100 for price in plan.PRICES[member.plan])
        # Who comes after the rise was made is told both prices.
        is_told = member.since > plan.TOLD and old != new
        coming = {"date": plan.RISE, "price_unit": new, "quantity": 1}
        self.services[member.number] = self.firm.staff["omni.billing.service"].create(
            {
                "name": f"Membership {member.plan}",
                "partner_id": partner.id,
                "price_unit": new if member.since >= plan.RISE else old,
                "change_ids": [Command.create(coming)]
                if is_told and member.since < plan.RISE
                else [],
                "unit": "month",
                "interval": interval,
                "timing": timing,
                "anchor_day": 1,
                "date_start": member.since,
                "tax_ids": [Command.set(self.firm.taxes[False].ids)],
            }
        )
        if member.plan == "year":
            self.services[member.number].date_end = member.until
        if member.pays == "card":
            token = self.firm.save_card(partner, "pm_card_visa")
        elif member.pays == "debit":
            token = self.save_account(partner)
        else:
            return
        self.customers[member.number] = token.provider_ref

    def save_account(self, partner):
        """Have a bank account with its mandate, signed on paper."""
        gateway = self.firm.provider._billing_get_gateway()
        key = f"gym-{partner.id}"
        owner = gateway.create_customer(partner.name, partner.email, {}, key)
        saved = self.stripe.save_account(owner, "us_bank_account", ACCOUNT)
        method = self.env.ref("payment.payment_method_ach_direct_debit")
        token = self.env["payment.token"].create(
            {
                "provider_id": self.firm.provider.id,
                "payment_method_id": method.id,
                "partner_id": partner.id,
                "provider_ref": owner,
                "payment_details": ACCOUNT[-4:],
                "stripe_payment_method": saved["payment_method"],
                "stripe_mandate": saved["mandate"],
            }
        )
        token._billing_agree("paper")
        token.action_billing_set_default()
        return token

    def talk(self, today):
        """Hear what members say on a day."""
        for member in self.members:
            if member.since == today or (today == FIRST and member.since < today):
                self.join(member)
            service = self.services.get(member.number)
            for first, last, told in member.pauses:
                if told == today:
                    service.write({"suspended_from": first, "suspended_to": last})
            if member.told == today and member.until < LAST:
                service.date_end = member.until
        if today == plan.TOLD:
            self.rise()

    def rise(self):
        """Raise the prices of a month, for who is told in time."""
        rise = self.firm.manager["omni.billing.price.rise"].create(
            {
                "name": "July",
                "date": plan.RISE,
                "percent": plan.PERCENT,
                "step": 0.05,
                "domain": "[('interval', '=', 1)]",
            }
        )
        rise.action_preview()
        rise.action_apply()

    def work(self, today):
        """Do what staff do in the evening of some days."""
        if today.day == 28:
            for service in self.services.values():
                if service.adjustment:
                    service.action_adjust()
        if today.day in (20, 27):
            self.take_cash(today)

    def take_cash(self, today):
        """Take cash of who pays so, and of whose debits came back weeks ago."""
        invoices = self.firm.staff["account.move"].search(
            [
                ("move_type", "=", "out_invoice"),
                ("billing_state", "in", ("unpaid", "partial")),
                ("invoice_date", "<", today - 10 * DAY),
            ]
        )
        by_partner = invoices.grouped("partner_id")
        pays = {
            self.partners[m.number]: m.pays
            for m in self.members
            if m.number in self.partners
        }
        for partner, owed in by_partner.items():
            if pays[partner] != "cash":
                owed = owed.filtered(
                    lambda one: (
                        not one.billing_collecting
                        and one.invoice_date < today - 40 * DAY
                    )
                )
            if owed:
                values = {"invoice_ids": [Command.set(owed.ids)], "mode": "cash"}
                wizard = self.firm.staff["omni.billing.payment.wizard"].create(values)
                wizard.action_pay()

    # === THE BANK === #

    def decide(self):
        """Have the bank return some debits, and take back some that it had paid."""
        store = self.stripe.store()
        charges = {one["payment_intent"]: one for one in store["charges"]}
        for intent in store["payment_intents"]:
            state = intent["status"]
            if self.debits.get(intent["id"]) == state:
                continue
            is_debit = charges[intent["id"]]["payment_method_details"]["type"] != "card"
            self.debits[intent["id"]] = state
            if not is_debit:
                continue
            if state == "processing" and self.chance.randrange(100) < plan.RETURNED:
                self.stripe.settle(intent["id"], "failed", reason="insufficient_funds")
                self.returns[intent["customer"]] += 1
                self.debits[intent["id"]] = "requires_payment_method"
            elif state == "succeeded" and self.chance.randrange(100) < plan.TAKEN_BACK:
                charge = charges[intent["id"]]["id"]
                self.stripe.dispute(charge, reason="insufficient_funds")
                self.returns[intent["customer"]] += 1

    def hear(self):
        """Have Odoo told of all that Stripe told so far, once or twice."""
        events = self.env["omni.billing.stripe.event"].sudo()
        gateway = type(self.firm.provider._billing_get_gateway())
        for event in self.stripe.events():
            if event["id"] in self.heard and self.chance.randrange(200):
                continue
            self.heard.add(event["id"])
            body, headers = self.stripe.build_delivery(event["id"], self.endpoint)
            signature = headers["Stripe-Signature"]
            told = gateway.read_event(body, signature, WEBHOOK_SECRET)
            events._store(self.firm.provider, told)
        self.env.cr.commit()
        events._cron_process()
        self.env.cr.commit()

    # === WHAT CAME OF IT === #

    def judge(self):
        """Return each claim, and whether it holds of all members."""
        bad = {claim: [] for claim in ("list", "fees", "books", "Stripe", "statement")}
        for member in self.members:
            for claim, (wanted, found) in self.compare(member).items():
                if wanted != found:
                    bad[claim].append(f"{member.name}: {wanted} and not {found}")
        claims = {
            f"{claim} and product agree, but of {problems[:3]}": not problems
            for claim, problems in bad.items()
        }
        returned, debits = sum(self.returns.values()), self.count_debits()
        share = 100 * returned / max(debits, 1)
        totals = self.stripe.totals()["usd"]["net"]
        clearing = round(100 * self.sum_clearing())
        return {
            **claims,
            f"{debits} debits, {returned} came back ({share:.1f} %)": 2 < share < 8,
            f"Stripe keeps {totals}, its account in the books {clearing}": totals
            == clearing,
            "pauses and ends are known": self.count_known() == self.count_told(),
            "nobody is left to be charged": not self.env[
                "payment.transaction"
            ].search_count([("state", "in", ("draft", "pending"))]),
        }

    def compare(self, member):
        """Return what the list, the bank and Stripe say, and what the product says."""
        partner = self.partners[member.number]
        charges = self.env["omni.billing.transaction"].search(
            [("partner_id", "=", partner.id), ("state", "!=", "void")]
        )
        by_list = Counter()
        for one in charges.filtered(lambda one: one.period_start and one.service_id):
            if one.period_start <= LAST:
                by_list[one.period_start.month] += cents(one.amount_untaxed)
        fees = charges.filtered(lambda one: "returned debit" in one.name)
        store = self.stripe.store()
        owner = self.customers.get(member.number)
        paid = sum(
            one["amount_captured"] - lost(store, one)
            for one in store["charges"]
            if one["customer"] == owner and one["paid"]
        )
        [statement] = partner._billing_prepare_statement(
            self.firm.company, FIRST, END
        ) or [{"closing": 0, "rows": []}]
        ledger = sum(
            charges.filtered(lambda one: one.state == "invoiced").mapped("amount_total")
        )
        owed = sum(self.get_items(partner).mapped("balance"))
        by_statement = sum(row["charged"] - row["paid"] for row in statement["rows"])
        return {
            "list": (
                member.owes(),
                {day: sum_ for day, sum_ in by_list.items() if sum_},
            ),
            "fees": (
                self.returns[owner] * plan.FEE if owner else 0,
                cents(sum(fees.mapped("amount_untaxed"))),
            ),
            "books": (cents(ledger), cents(owed)),
            "Stripe": (paid if owner else 0, cents(self.sum_clearing(partner))),
            "statement": (
                (cents(owed), cents(owed)),
                (cents(statement["closing"]), cents(by_statement)),
            ),
        }

    def count_told(self):
        """Count the pauses and the ends that members told of."""
        ends = [m for m in self.members if m.until < LAST or m.plan == "year"]
        return sum(len(m.pauses) for m in self.members), len(ends)

    def count_known(self):
        """Count the pauses and the ends that the product has."""
        services = self.env["omni.billing.service"].concat(*self.services.values())
        rows = services.suspension_ids
        return len(rows), len(services.filtered("date_end"))

    def get_items(self, partner):
        """Return what the books have of a member."""
        return self.env["account.move.line"].search(
            [
                ("partner_id", "=", partner.id),
                ("account_type", "=", "asset_receivable"),
                ("parent_state", "=", "posted"),
            ]
        )

    def sum_clearing(self, partner=None):
        """Sum what the books say that Stripe has, of a member or of all."""
        domain = [
            ("account_id", "=", self.firm.accounts["clearing"].id),
            ("parent_state", "=", "posted"),
        ]
        if partner:
            # An entry of what a bank took back names the customer on another item.
            named = self.env["account.move.line"].search(
                [("partner_id", "=", partner.id), ("parent_state", "=", "posted")]
            )
            domain += [("move_id", "in", named.move_id.ids)]
        return sum(self.env["account.move.line"].search(domain).mapped("balance"))

    def count_debits(self):
        """Count what the bank was asked for."""
        return sum(
            one["payment_method_details"]["type"] != "card"
            for one in self.stripe.store()["charges"]
        )


def cents(amount):
    """Return an amount in cents."""
    return round(100 * amount)


def lost(store, charge):
    """Return what the bank took back of a charge, in cents."""
    return sum(
        one["amount"] for one in store["disputes"] if one["charge"] == charge["id"]
    )


complaints.listen()
stripe = StripeServer.at(arguments["stripe"], arguments["control"])
env["ir.config_parameter"].set_param(
    "omni_billing.stripe_api_base", arguments["stripe"]
)
end = datetime.combine(END, time(18))
with Clock(env, stripe, end) as clock:
    gym = Gym(env, stripe, clock, int(arguments["seed"]))
    gym.live()
    clock.go_to(end + DAY)
    claims = gym.judge()
env.cr.commit()
print(json.dumps(claims))
