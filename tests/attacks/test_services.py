"""Services, prices and debts, at the hands of who has no business there (W35-W37).

Amy and Bob are Acme's, Gus and Gil are Globex'. Each of both companies has a service.
"""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.attacks.people import refused, tried_by

SERVICE = "omni.billing.service"
OPERATIONS = (
    *("pause", "resume", "end", "plan", "keep", "coupon"),
    *("autopay_on", "autopay_off"),
)
#: What anybody may call by RPC, if they may do it.
BUTTONS = (
    *("action_adjust", "action_change_plan", "action_end", "action_redeem"),
    *("action_resume", "action_suspend", "action_undo_plan", "action_write_due"),
)
#: What the server does.
INNER = (
    ("_billing_pause", "2030-01-01", "2030-01-02"),
    ("_billing_end", "2030-01-01"),
    ("_billing_close", "2030-01-01", 1),
    ("_billing_change_plan", 1, "now", ""),
    ("_billing_change_own_plan", 1, ""),
    ("_billing_undo_own_plan",),
    ("_billing_redeem", "PUBLIC"),
    ("_billing_redeem_own", "PUBLIC"),
    ("_suspend_for_debts", "2025-01-01"),
    ("_resume_from_debts",),
    ("_write_due", "2030-01-01"),
    ("_cron_write_due",),
)
TODAY = date.today()


class Gym:
    """A service of each customer, plans to change to, and coupons."""

    def __init__(self, world):
        self.world = world
        self.plans = {
            name: self._add_plan(name, **values)
            for name, values in {
                "large": {"billing_recurring_price": 60},
                "hidden": {"billing_recurring_price": 1},
                "archived": {"billing_recurring_price": 1, "active": False},
                "foreign": {"billing_recurring_price": 1},
            }.items()
        }
        offered = [self.plans[name] for name in ("large", "archived", "foreign")]
        small = self._add_plan("small", billing_plan_ids=[(6, 0, offered)])
        self.services = {
            customer: self._add_service(customer, small)
            for customer in ("acme", "globex")
        }
        partners = world.ids["partners"]
        self.coupons = {
            code: self._add_coupon(code, **values)
            for code, values in {
                "PUBLIC": {},
                "STAFF": {"is_own": False},
                "OTHERS": {"partner_ids": [(6, 0, [partners["globex"]])]},
                "OVER": {"date_to": str(TODAY - timedelta(days=1))},
                "LATER": {"date_from": str(TODAY + timedelta(days=1))},
                "LARGE": {"product_ids": [(6, 0, [self.plans["large"]])]},
                "CLOSED": {"active": False},
                "RIVAL": {},
            }.items()
        }
        # No user of Odoo works for both companies.
        world.sql(
            "UPDATE product_template SET company_id = %s WHERE id IN"
            " (SELECT product_tmpl_id FROM product_product WHERE id = %s)",
            *(world.ids["rival"], self.plans["foreign"]),
        )
        world.sql(
            "UPDATE omni_billing_coupon SET company_id = %s WHERE id = %s",
            *(world.ids["rival"], self.coupons["RIVAL"]),
        )

    def _add_plan(self, name, **values):
        values = {
            "name": name,
            "type": "service",
            "billing_unit": "month",
            "billing_recurring_price": 30,
            "taxes_id": [(5,)],
            **values,
        }
        return self.world.admin.call("product.product", "create", [values])[0]

    def _add_service(self, customer, plan):
        values = {
            "name": f"Gym of {customer}",
            "partner_id": self.world.ids["partners"][customer],
            "product_id": plan,
            "date_start": str(TODAY - timedelta(days=40)),
        }
        [service] = self.world.sam.call(SERVICE, "create", [values])
        self.world.sam.call(SERVICE, "action_write_due", [service])
        return service

    def _add_coupon(self, code, **values):
        values = {"name": code, "code": code, "value": 50, **values}
        return self.world.admin.call("omni.billing.coupon", "create", [values])[0]

    def read(self):
        """Read all that an attack could have changed."""
        return [
            self.world.sql(query)
            for query in (
                "SELECT id, active, name, partner_id, product_id, price_unit, quantity,"
                " date_start, date_end, charged_until, autopay_off, replaces_id"
                " FROM omni_billing_service ORDER BY id",
                "SELECT id, service_id, date_from, date_to"
                " FROM omni_billing_service_suspension ORDER BY id",
                "SELECT id, service_id, value FROM omni_billing_service_discount",
                "SELECT id, service_id, price_unit FROM omni_billing_service_change",
                "SELECT id, active, code, value, uses, is_own FROM omni_billing_coupon"
                " ORDER BY id",
                "SELECT count(*), sum(amount_total) FROM omni_billing_transaction"
                " WHERE service_id IS NOT NULL",
                "SELECT count(*) FROM omni_billing_price_rise",
                "SELECT id, suspends FROM omni_billing_reminder_level ORDER BY id",
                "SELECT count(*) FROM omni_billing_closing_reason",
                "SELECT count(*) FROM omni_billing_overdue",
            )
        ]


@pytest.fixture(scope="module")
def whole_gym(whole_world):
    """Let customers pause, change and end; made once for all attacks."""
    rules = {
        "billing_plan_rule": "upgrade",
        "billing_lets_end": True,
        "billing_pause_days": 30,
    }
    with whole_world.company(**rules):
        gym = Gym(whole_world)
        yield gym
        services = list(gym.services.values())
        whole_world.admin.call(SERVICE, "action_archive", services)
        # What other attacks bill is theirs alone.
        owed = [("service_id", "in", services), ("state", "=", "unbilled")]
        charges = whole_world.sam.call("omni.billing.transaction", "search", owed)
        if charges:
            whole_world.sam.call("omni.billing.transaction", "action_void", charges)


@pytest.fixture
def gym(world, whole_gym):
    """Give what is there; at the end nothing of it has changed."""
    before = whole_gym.read()
    yield whole_gym
    for was, is_now in zip(before, whole_gym.read(), strict=True):
        assert is_now == was


@tried_by("gus", "pat", "otto", "nobody")
def test_page_of_another_s_service(world, gym, who):
    """Pause, resume, end or change the service of another customer, on its page"""
    service = gym.services["acme"]
    token = world.bill().token
    plan = gym.plans["large"]
    for path in ("", f"/plan?product_id={plan}"):
        answer = who.get(f"/my/billing/services/{service}{path}", access_token=token)
        check_nothing_there(answer)
    for operation in OPERATIONS:
        world.forget()
        answer = who.submit(
            f"/my/billing/services/{service}/{operation}",
            **{"date_from": str(TODAY), "date_to": str(TODAY), "product_id": plan},
            **{"last": f"{TODAY}|", "code": "PUBLIC", "access_token": token},
        )
        check_nothing_there(answer)


def check_nothing_there(answer):
    """See that there is no such page, or that one has to log in."""
    if answer.status_code == 303:
        assert "/web/login" in answer.headers["Location"]
    else:
        assert answer.status_code == 404


def test_plan_that_is_not_offered(world, gym):
    """Change to a plan that is not offered, is archived or another company's"""
    page = f"/my/billing/services/{gym.services['acme']}"
    for name, said in (
        ("hidden", "Please ask us"),
        ("archived", "Please ask us"),
        ("foreign", "Please ask us"),
        ("large", "not what was shown"),
    ):
        form = {"product_id": gym.plans[name], "seen": f"{TODAY}; 0.0"}
        answer = world.amy.submit(f"{page}/plan", **form)
        assert said in answer.text, name
        if name != "large":
            assert said in world.amy.get(f"{page}/plan", **form).text
    with world.company(billing_plan_rule=False):
        form = {"product_id": gym.plans["large"], "seen": ""}
        assert "Please ask us" in world.amy.submit(f"{page}/plan", **form).text


def test_end_and_pause_that_are_not_offered(world, gym):
    """End or pause one's service on other days than are offered, or where none are"""
    page = f"/my/billing/services/{gym.services['acme']}"
    week = {"date_from": str(TODAY), "date_to": str(TODAY + timedelta(days=7))}
    years = {"date_from": "2030-01-01", "date_to": "2039-01-01"}
    back = {"date_from": "2030-01-02", "date_to": "2030-01-01"}
    for operation, form in (
        ("pause", week),
        ("pause", years),
        ("pause", back),
        ("pause", {"date_from": "soon", "date_to": ""}),
        ("end", {"last": f"{TODAY}|", "reason_id": "1"}),
        ("end", {"last": "2030-01-01|", "reason_id": "1"}),
        ("end", {"last": "|", "reason_id": "x"}),
        ("resume", {}),
        ("keep", {}),
    ):
        answer = world.amy.submit(f"{page}/{operation}", **form)
        assert answer.status_code == 200 and "alert" in answer.text, (operation, form)
    with world.company(billing_pause_days=0, billing_lets_end=False):
        for operation in ("pause", "end"):
            answer = world.amy.submit(f"{page}/{operation}", **week, last=f"{TODAY}|")
            assert "Please ask us" in answer.text


def test_coupon_of_somebody_else(world, gym):
    """Redeem a coupon that is staff's, another's, over, closed or another company's"""
    page = f"/my/billing/services/{gym.services['acme']}/coupon"
    for code in ("STAFF", "OTHERS", "OVER", "LATER", "LARGE", "CLOSED", "RIVAL", "%"):
        world.forget()
        answer = world.amy.submit(page, code=code)
        assert "cannot be redeemed" in answer.text, code


@tried_by("amy", "gus", "pat", "art", "ivy", "otto")
def test_services_by_rpc(world, gym, who):
    """Write services, prices, pauses and discounts, or press their buttons, by RPC"""
    service = gym.services["acme"]
    of_it = {"service_id": service}
    for values in (
        {"price_unit": 0},
        {"date_end": str(TODAY)},
        {"partner_id": world.ids["partners"]["globex"]},
        {"is_never_suspended": True},
        {"discount_ids": [(0, 0, {"name": "Mine", "value": 100})]},
    ):
        with refused():
            who.call(SERVICE, "write", [service], values)
    for model, values in (
        (f"{SERVICE}.change", {**of_it, "date": str(TODAY), "price_unit": 0}),
        (f"{SERVICE}.suspension", {**of_it, "date_from": str(TODAY)}),
        (
            f"{SERVICE}.discount",
            {**of_it, "name": "Mine", "value": 100, "date_from": str(TODAY)},
        ),
        ("omni.billing.plan.wizard", {**of_it, "product_id": gym.plans["large"]}),
        ("omni.billing.end.wizard", of_it),
        ("omni.billing.coupon.wizard", {**of_it, "code": "PUBLIC"}),
    ):
        with refused():
            who.call(model, "create", [values])
    for button in BUTTONS:
        with refused():
            who.call(SERVICE, button, [service])
    with refused():
        who.call(SERVICE, "unlink", [service])
    if who.login == "otto":
        return  # Acme may be a customer of his company, too.
    partner = world.ids["partners"]["acme"]
    for model, values in (
        (SERVICE, {"name": "Mine", "partner_id": partner}),
        ("omni.billing.overdue.wizard", {"partner_id": partner}),
    ):
        with refused():
            who.call(model, "create", [values])
    with refused():
        who.call("res.partner", "action_billing_suspend_now", [partner])


@tried_by("amy", "gus", "pat", "otto")
def test_services_of_others_are_not_read(world, gym, who):
    """Read services of others, coupons, price rises and decisions on debts by RPC"""
    services = who.call(SERVICE, "search", []) if who.login != "pat" else []
    assert gym.services["globex" if who.login == "amy" else "acme"] not in services
    own = {"amy": "acme", "gus": "globex"}.get(who.login)
    for customer, service in gym.services.items():
        if customer != own:
            with refused():
                who.call(SERVICE, "read", [service], ["name"])
    coupon = gym.coupons["STAFF"]
    with refused():
        who.call("omni.billing.coupon", "read", [coupon], ["code"])
    if who.login == "otto":
        # Staff of another company have their own.
        found = who.call("omni.billing.coupon", "search_read", [], ["code"])
        assert {one["code"] for one in found} <= {"RIVAL"}
        return
    for model in (
        *("omni.billing.coupon", "omni.billing.price.rise", "omni.billing.overdue"),
        *(f"{SERVICE}.discount", f"{SERVICE}.suspension", f"{SERVICE}.change"),
        *("omni.billing.closing.reason", "omni.billing.overdue.look"),
    ):
        with refused():
            who.call(model, "search_read", [], ["display_name"])


@tried_by("amy", "art", "sam", "mia")
def test_what_the_server_does_with_services(world, gym, who):
    """Call by RPC what the pages and jobs of services call"""
    service = gym.services["acme"]
    for method, *arguments in INNER:
        with refused():
            who.call(SERVICE, method, [service], *arguments)
    for model, method in (
        ("omni.billing.overdue", "_review"),
        ("omni.billing.overdue", "_cron_review"),
        ("omni.billing.overdue.look", "_call"),
        ("omni.billing.coupon", "_billing_find"),
        ("omni.billing.coupon", "_billing_count"),
        ("res.partner", "_billing_give_time"),
    ):
        with refused():
            who.call(model, method, [1])


@tried_by("sam", "mia")
def test_what_is_counted_of_services(world, gym, who):
    """Write what is counted: uses of coupons, charged days, plans, and debts"""
    service, coupon = gym.services["acme"], gym.coupons["PUBLIC"]
    other = gym.services["globex"]
    for values in (
        {"charged_until": "2040-01-01"},
        {"charged_elsewhere": "2040-01-01"},
        {"is_setup_charged": True},
        {"replaces_id": other},
        {"exit_fee_id": False},
        {"lifted_on": "2040-01-01"},
        {"known_state": "ended"},
    ):
        with refused():
            who.call(SERVICE, "write", [service], values)
    values = {"service_id": service, "name": "Mine", "value": 50}
    values["date_from"] = str(TODAY + timedelta(days=60))
    for more in ({"coupon_id": coupon}, {"customer_id": 1}, {"value": 101}):
        with refused():
            who.call(f"{SERVICE}.discount", "create", [values | more])
    with refused():
        who.call("omni.billing.coupon", "write", [coupon], {"uses": 0, "max_uses": 1})
    partner = world.ids["partners"]["acme"]
    for model, values in (
        ("omni.billing.overdue", {"partner_id": partner, "is_kept": True}),
        ("omni.billing.overdue.look", {"partner_id": partner}),
    ):
        values["company_id"] = world.ids["company"]
        with refused():
            who.call(model, "create", [values])


def test_services_below_zero(world, gym):
    """Sell below zero: a quantity, a price, a discount, another plan"""
    service = gym.services["acme"]
    of_it = {"service_id": service, "date": str(TODAY + timedelta(days=60))}
    for values in ({"quantity": -1}, {"price_unit": -1}, {"setup_price": -1}):
        new = {"name": "Less", "partner_id": world.ids["partners"]["acme"], **values}
        with refused():
            world.sam.call(SERVICE, "create", [new])
    for values in ({"quantity": -1}, {"price_unit": -1}):
        with refused():
            world.sam.call(f"{SERVICE}.change", "create", [of_it | values])
    dialog = {"service_id": service, "product_id": gym.plans["large"]}
    for values in ({"quantity": -1}, {"price_unit": -1}, {"interval": 0}):
        with refused():
            model = "omni.billing.plan.wizard"
            [one] = world.sam.call(model, "create", [dialog | values])
            world.sam.call(model, "action_change", [one])


def test_what_managers_decide_of_services(world, gym):
    """Decide as staff what managers do: coupons, price rises, reasons, suspensions"""
    coupon = gym.coupons["PUBLIC"]
    [level] = world.admin.call("omni.billing.reminder.level", "search", [], limit=1)
    for model, record, values in (
        ("omni.billing.coupon", coupon, {"value": 100}),
        ("omni.billing.coupon", coupon, {"is_own": True, "max_uses": 0}),
        ("omni.billing.reminder.level", level, {"suspends": True}),
        ("res.company", world.ids["company"], {"billing_plan_rule": "period"}),
        ("product.product", gym.plans["large"], {"billing_recurring_price": 0}),
    ):
        with refused():
            world.sam.call(model, "write", [record], values)
    for model, values in (
        ("omni.billing.coupon", {"name": "Mine", "code": "MINE", "value": 100}),
        ("omni.billing.price.rise", {"name": "Mine", "date": str(TODAY)}),
        ("omni.billing.closing.reason", {"name": "Mine"}),
    ):
        with refused():
            world.sam.call(model, "create", [values])
    with refused():
        world.sam.call("omni.billing.coupon", "unlink", [coupon])
