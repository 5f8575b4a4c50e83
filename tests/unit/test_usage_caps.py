"""What is beyond a cap is not charged until somebody agrees, and not after (W41)."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.omni_billing.tools.rating.charges import UNITS, Part
from odoo.addons.omni_billing.tools.rating.exact import to_exact
from odoo.addons.omni_billing.tools.rating.rate import Line, Rating
from odoo.addons.omni_billing_usage.tools.caps import Cap, Spent, Step, Watch, charge

BEGIN = datetime(2026, 11, 1)
DAY = timedelta(days=1)

cents = st.integers(0, 20_000).map(lambda value: Decimal(value) / 100)


def D(*values):
    return [None if value is None else Decimal(str(value)) for value in values]


def by_meter(*rows):
    return [D(*row) for row in rows]


def test_what_is_charged_by_examples():
    """W41: beyond 50 nothing; from the consent on what comes, up to what was agreed."""
    one = by_meter([0], [80])
    assert charge(one, D(50)) == by_meter([0], [50])
    assert charge(one, D(None)) == one
    # 30 of before the consent stay free, the next 20 are charged, up to 65 in all.
    agreed = by_meter([0], [80], [100])
    assert charge(agreed, D(50, 100))[-1] == D(70)
    assert charge(agreed, D(50, 65))[-1] == D(65)
    assert charge(agreed, D(50, None))[-1] == D(70)
    # Agreed before it was reached: all of it.
    assert charge(by_meter([0], [40], [100]), D(50, None))[-1] == D(100)
    # The fee of the period is charged anyhow, and counts.
    assert charge(by_meter([60], [70]), D(50))[-1] == D(60)
    # Lowered: what was charged is.
    assert charge(by_meter([0], [40], [60]), D(50, 20))[-1] == D(40)
    # Of two meters the first has what is left; more that costs less is not charged.
    assert charge(by_meter([0, 0], [30, 40]), D(50))[-1] == D(30, 20)
    assert charge(by_meter([0], [80], [60], [90]), D(50, None, None))[-1] == D(80)


@given(
    st.lists(st.tuples(cents, cents), min_size=1, max_size=6),
    st.lists(st.none() | cents, min_size=6, max_size=6),
)
def test_charged_is_never_more_than_agreed_nor_than_used(rises, limits):
    costs = [[Decimal(0)] * 2]
    for rise in rises:
        costs.append([a + b for a, b in zip(costs[-1], rise, strict=True)])
    limits = limits[: len(rises)]
    charged = charge(costs, limits)
    for number, limit in enumerate(limits):
        before, after = sum(charged[number]), sum(charged[number + 1])
        assert before <= after
        pairs = zip(charged[number + 1], costs[number + 1], strict=True)
        assert all(paid <= cost for paid, cost in pairs)
        if limit is not None:
            assert after <= max(limit, before)
            # As much as there is room for.
            more = sum(costs[number + 1]) - sum(costs[number])
            assert after == min(before + more, max(limit, before))
        else:
            assert after - before == sum(costs[number + 1]) - sum(costs[number])
    # A moment at which nothing else is agreed changes nothing.
    halves = [costs[0]]
    for low, high in zip(costs, costs[1:], strict=False):
        middle = [(a + b) / 2 for a, b in zip(low, high, strict=True)]
        halves += [middle, high]
    doubled = [limit for limit in limits for _half in range(2)]
    assert sum(charge(halves, doubled)[-1]) == sum(charged[-1])


@given(st.lists(st.tuples(cents, cents), max_size=5), st.data())
def test_charged_stays_within_what_is_used_where_more_costs_less(costs, data):
    costs = [[Decimal(0)] * 2, *map(list, costs)]
    size = len(costs) - 1
    limits = data.draw(st.lists(st.none() | cents, min_size=size, max_size=size))
    for paid, cost in zip(charge(costs, limits), costs, strict=bool(limits)):
        assert all(0 <= p <= c for p, c in zip(paid, cost, strict=True))


def rating(**amounts):
    lines = []
    for name, amount in amounts.items():
        part = Part(UNITS, to_exact(1), to_exact(amount))
        lines.append(Line(name, 1, to_exact(1), to_exact(1), {}, (part,)))
    return Rating(tuple(lines))


def step(days, amount, is_stop=True, source=0):
    limit = None if amount is None else Decimal(amount)
    return Step(BEGIN + days * DAY, limit, is_stop, source)


def test_caps_of_some_rates_and_of_all():
    """W41: each by what was agreed of it, at its moment."""
    roaming = Cap("Roaming", "Roaming", frozenset({"Roaming"}), (step(0, 50),))
    whole = Cap("", "All", frozenset(), (step(0, 70), step(10, None, source=4)))
    watch = Watch({1: [whole, roaming]}, BEGIN)
    seen = []

    def read(service):
        seen.append(service)
        return {7: rating(Roaming=80, Home=40) if len(seen) > 1 else Rating(())}

    watch.pass_by(BEGIN + DAY, read)
    assert seen == [1]
    watch.pass_by(BEGIN + 9 * DAY, read)
    assert seen == [1]
    watch.pass_by(BEGIN + 10 * DAY, read)
    watch.pass_by(None, read)
    assert seen == [1, 1]
    end = rating(Roaming="80.004", Home=45)
    rated = [(7, end, None), (8, Rating(()), None)]
    held, capped, spent = watch.hold_back(1, rated, 2)
    assert capped == D(0, 0)
    # 30.00 of roaming; of 50.00 and 40.00 at home 20.00 are beyond 70.00.
    assert held == D(50, 0)
    assert [(one.cap.name, one.amount, one.held) for one in spent] == [
        ("Roaming", Decimal(50), Decimal(30)),
        ("All", Decimal(75), Decimal(20)),
    ]
    assert spent[0].is_reached
    assert spent[0].percent == 100
    assert not spent[1].is_reached
    assert spent[1].percent is None
    assert whole.last.source == 4


def test_caps_that_warn_hold_nothing_back():
    cap = Cap("", "All", frozenset(), (step(0, 50, is_stop=False),))
    watch = Watch({1: [cap]}, BEGIN)
    watch.pass_by(None, lambda _service: {7: Rating(())})
    held, _capped, [spent] = watch.hold_back(1, [(7, rating(x=80), None)], 2)
    assert (held, spent.amount, spent.percent) == (D(0), 80, 160)
    assert watch.looks == {}
    nothing = replace(cap, steps=(step(0, 0),))
    assert Spent(nothing, Decimal(0), Decimal(0)).percent == 100
    nobody = Watch({}, BEGIN).hold_back(2, [(7, rating(x=80), None)], 2)
    assert nobody == (D(0), D(0), [])


def hold(caps, end, most=0):
    """Return what is held and capped, and what caps come to, by their names."""
    watch = Watch({1: caps}, BEGIN)
    watch.pass_by(None, lambda _service: {})
    held, capped, spent = watch.hold_back(1, end, 2, most)
    return held, capped, {one.cap.name: (one.amount, one.held) for one in spent}


def cap_of(name, amount, *rates):
    return Cap(name if rates else "", name, frozenset(rates), (step(0, amount),))


def test_most_of_a_meter_and_of_a_plan():
    """W41: the most of a meter is of what caps of some rates leave."""
    whole = cap_of("All", 50)
    end = [(7, rating(x=80), 30), (8, rating(y=40), None)]
    assert hold([whole], end) == (D(0, 20), D(50, 0), {"All": (50, 20)})
    # Not below the most of the plan it is never reached.
    assert hold([whole], end, most=40) == (D(0, 0), D(50, 0), {"All": (40, 0)})
    # At it: what is beyond was not agreed to, and who is told of it is told so.
    assert hold([whole], end, most=50) == (D(0, 20), D(50, 0), {"All": (50, 20)})
    # Home alone would cost 40, and roaming 10 beside it: the most of the meter is 40.
    one = [(7, rating(Home=40, Abroad=80), 40)]
    roaming = cap_of("Roaming", 10, "Abroad")
    held, capped, spent = hold([roaming], one)
    assert (held, capped, spent) == (D(70), D(10), {"Roaming": (10, 70)})


def test_percents_of_a_cap_are_crossed_also_of_nothing():
    """W41: of a cap of nothing whatever is used is all of it."""

    def cross(limit, amount, held=0):
        cap = Cap("", "All", frozenset(), (step(0, limit),))
        return Spent(cap, Decimal(amount), Decimal(held)).find_crossed([100, 80])

    assert cross(50, 39) == []
    assert cross(50, 40) == [80]
    assert cross(50, 50, 7) == [80, 100]
    assert cross(0, 0) == []
    assert cross(0, 0, "0.01") == [80, 100]
    assert cross(None, 1000) == []


def test_caps_of_other_rates_of_one_meter():
    """W41: each is of its own rates, as in Canada of data and of roaming."""
    data, roaming = cap_of("Data", 50, "Home"), cap_of("Roaming", 100, "Abroad")
    for caps in ([data, roaming], [roaming, data]):
        end = [(7, rating(Home=80, Abroad=120), None)]
        held, _capped, spent = hold(caps, end)
        assert held == D(50)
        assert spent == {"Data": (50, 30), "Roaming": (100, 20)}
        held, _capped, spent = hold(caps, [(7, rating(Home=80, Abroad=10), None)])
        assert spent == {"Data": (50, 30), "Roaming": (10, 0)}
    # Half a cent of each is a cent of both: no more is held than there is.
    nothing = [cap_of("A", 0, "Home"), cap_of("B", 0, "Abroad")]
    end = [(7, rating(Home="0.005", Abroad="0.005"), None)]
    assert hold(nothing, end)[0] == D("0.01")
