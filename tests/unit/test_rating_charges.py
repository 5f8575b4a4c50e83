"""Charge models come to what the documentation and tests of others say (W41).

Their repositories are on GitHub, as of 2026 (getlago/lago-docs, killbill-docs: 2023).
Numbers alone are taken from them.
"""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from odoo.addons.omni_billing.tools.rating.charges import (
    UNITS,
    Graduated,
    Percentage,
    PerUnit,
    Plan,
    Scale,
    Tier,
    Usage,
    Volume,
    package,
)
from odoo.addons.omni_billing.tools.rating.exact import round_half_up, to_exact
from odoo.addons.omni_billing.tools.rating.limits import cap, find_missing, prorate

LAGO = Graduated([Tier(10, 10, 2), Tier(20, 5, 3), Tier(None, 5, 3)])
DECIMAL = Graduated([Tier("0.1", 10), Tier(1, 5), Tier(None, 2)])
METER = Graduated(
    [Tier(5, flat=100), Tier(10, flat=50), Tier(15, 10), Tier(None, 5)],
)
STRIPE = [Tier(5, 7), Tier(10, "6.5"), Tier(None, 6)]
TENS = [Tier(100, 1), Tier(None, "0.5")]
BLOCK = Scale(10, is_whole=True)
MEGABYTES = [Tier(1024, "0.5"), Tier(None, "0.1")]
LAGO_VOLUME = Volume([Tier(100, 2, 10), Tier(200, 1), Tier(None, "0.5", 50)])
PERCENTS = Graduated(
    [Tier(10, "0.01", 200), Tier(20, "0.02", 300), Tier(None, "0.03", 400)]
)


@pytest.mark.parametrize(
    ("charge", "expected"),
    [
        # getlago/lago-docs: charges/standard.md
        (PerUnit("0.05"), {1000: 50}),
        # openmeterio/openmeter: unitconfig_rating_test.go
        (PerUnit(10, Scale(1000, is_whole=True)), {1400: 20}),
        (PerUnit(10, Scale(1000, is_whole=True), free_sizes="0.5"), {1400: 15}),
        # getlago/lago-docs: charges/package.md
        (package(5, 100, free=100), {201: 10}),
        # getlago/lago-api: package_service_spec.rb
        (package(100, 10), {0: 0, 121: 1300}),
        (package(100, 10, free=10), {121: 1200}),
        (package(100, 10, free=200), {121: 0}),
        # Orb: price-configuration
        (package("0.80", 10), {4: "0.80", 11: "1.60"}),
        # Chargebee: package-pricing; one package at least
        (
            package("1.25", 1_000_000, least=1),
            {0: "1.25", 10: "1.25", 1_000_000: "1.25", 1_500_000: "2.50"},
        ),
        # getlago/lago-api: graduated_service_spec.rb
        (LAGO, {0: 2, 1: 12, 10: 102, 11: 110, 12: 115, 21: 163}),
        (DECIMAL, {"0.05": "0.5", "0.5": 3}),
        # openmeterio/openmeter: tieredgraduated_test.go
        (METER, {0: 100, 5: 100, "5.001": 150, 12: 170, 22: 235}),
        # docs.stripe.com: tiered-pricing
        (Graduated(STRIPE), {5: 35, 6: "41.5", 20: "127.5"}),
        (Volume(STRIPE), {1: 7, 5: 35, 6: 39, 20: 120, 25: 150}),
        # frappe/erpnext#44252
        (Graduated([Tier(10, 10), Tier(20, 8), Tier(None, 6)]), {25: 210}),
        # killbill/killbill-docs: catalog-examples.adoc, catalog-usage.adoc
        (Graduated(TENS, BLOCK), {400: 40, 1200: 110, 1505: "125.5", 1500: 125}),
        (Volume(TENS, BLOCK), {1500: 75}),
        (Graduated(MEGABYTES), {2048: "614.4"}),
        (Volume(MEGABYTES), {2048: "204.8"}),
        (Volume([Tier(1000, flat=750), Tier(None, flat=500)]), {400: 750, 1200: 500}),
        # getlago/lago-api: volume_service_spec.rb
        (
            LAGO_VOLUME,
            {0: 10, 100: 210, "100.5": "100.5", 101: 101, 200: 200, 300: 200},
        ),
        # getlago/lago-docs: charges/volume.md
        (Volume([Tier(None, "0.0006", 10)]), {65_000: 49}),
        # getlago/lago-api: graduated_percentage_service_spec.rb
        (PERCENTS, {1: "200.01", 10: "200.1", 11: "500.12", 21: "900.33"}),
        # Zuora: rating details
        (Plan(0, included=100, overage=2), {100: 0, 130: 60}),
        (Plan("9.90", included=100, overage=2), {0: "9.90", 101: "11.90"}),
    ],
)
def test_quantity_costs_what_others_say(charge, expected):
    for quantity, price in expected.items():
        assert charge.price(Usage.of(quantity)) == to_exact(price), quantity


@pytest.mark.parametrize(
    ("charge", "amounts", "price"),
    [
        # getlago/lago-api: percentage_service_spec.rb
        (Percentage("1.3", 2, free_amount=250), (50, 100, 250, 400), "11.15"),
        (Percentage("1.3", 2, free_events=3), (50, 100, 250, 400), "7.2"),
        (Percentage("1.3", 2), (50, 100, 250, 400), "18.4"),
        (Percentage("2.99", least="1.75", most=12), (10, 80, 10_000), "16.142"),
        (Percentage("2.99", 2, "1.75", 12), (10, 80, 10_000), "18.691"),
        # What ends first; and what is nothing costs nothing.
        (Percentage(1, 1, free_events=1, free_amount=30), (50, 50), "2.7"),
        (Percentage(1, 1, free_events=2, free_amount=200), (50, 50, 50), "1.5"),
        (Percentage(1, 1, least=5), (0, 100), 5),
    ],
)
def test_share_of_events_costs_what_others_say(charge, amounts, price):
    assert charge.price(Usage.of(*amounts)) == to_exact(price)


def test_volume_of_a_part_of_the_period_goes_by_the_whole():
    """getlago/lago-api, volume_service_spec.rb: 300 in all, 198.6 by days."""
    usage = Usage.of("198.6", total=300)
    assert LAGO_VOLUME.price(usage) == to_exact("149.3")


def test_least_and_most_of_a_period():
    """getlago/lago-api, create_true_up_service_spec.rb; openmeter, tieredgraduated"""
    assert find_missing(7, 10) == 3
    for days, whole, used, missing in ((15, 31, 2, "2.84"), (25, 28, 8, "0.93")):
        least = prorate(10, days, whole)
        assert round_half_up(find_missing(used, least), 2) == Decimal(missing)
    assert find_missing(0, 1000, billed=100) == 900
    assert find_missing(12, 10) == 0
    assert cap([15, 7], 170, billed=160) == [5, 7]
    assert cap([15, 7], 100, billed=160) == [15, 7]
    for days, whole in ((2, 1), (-1, 30), (0, 0)):
        with pytest.raises(ValueError, match="days"):
            prorate(10, days, whole)


def test_price_is_exact():
    """474.995 is not 475 (cgrates#118), 0.175 is 0.18, and a whole minute is whole."""
    assert PerUnit("0.0375").price(Usage.of(7)) == Fraction(2625, 10_000)
    assert PerUnit(0.1).price(Usage.of(0.3, 3)) == Fraction(33, 100)
    assert round_half_up(PerUnit("0.5", Scale(60)).price(Usage.of(60)), 2) == 0.5
    rounded = [round_half_up(to_exact(n), 2) for n in ("0.175", "-0.175", "0.1749")]
    assert rounded == [Decimal("0.18"), Decimal("-0.18"), Decimal("0.17")]
    for wrong in ("nan", float("inf"), None, "two"):
        with pytest.raises(ValueError, match="[nN]"):
            to_exact(wrong)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Graduated([]),
        lambda: Volume([Tier(4, 1)]),
        lambda: Graduated([Tier(10, 1), Tier(10, 2), Tier(None, 3)]),
        lambda: Graduated([Tier(None, 1), Tier(None, 2)]),
        lambda: Graduated([Tier(None, 1)] * 2),
        lambda: Usage.of(2, -1),
        lambda: Tier(None, -1),
        lambda: Scale(0),
        lambda: PerUnit(-1),
        lambda: Percentage(1, least=3, most=2),
    ],
)
def test_price_that_makes_no_sense_is_refused(make):
    with pytest.raises(ValueError, match="tier|zero|least"):
        make()


# === Properties === #

hundredths = st.integers(0, 10**6).map(lambda number: Fraction(number, 100))
scales = st.builds(Scale, st.sampled_from([1, 10, "0.5"]), st.booleans())
ends = st.lists(st.integers(1, 5000), unique=True, max_size=4).map(sorted)


@st.composite
def tiers(draw):
    return [
        Tier(end, draw(hundredths), draw(hundredths)) for end in [*draw(ends), None]
    ]


continued = st.one_of(
    st.builds(Graduated, tiers(), scales),
    st.builds(PerUnit, hundredths, scales, free=hundredths, least=st.integers(0, 2)),
    st.builds(Plan, hundredths, hundredths, hundredths),
)
volumes = st.builds(Volume, tiers(), scales)
percentages = st.builds(
    Percentage,
    hundredths,
    hundredths,
    least=hundredths,
    free_events=st.none() | st.integers(0, 3),
    free_amount=st.none() | hundredths,
)
charges = st.one_of(continued, volumes, percentages)


@given(charges, st.lists(hundredths, max_size=5))
def test_parts_are_the_price_and_none_is_missing(charge, amounts):
    """What units are explained are those that there were, and nothing is negative."""
    usage = Usage.of(*amounts)
    parts = charge.explain(usage)
    assert sum(part.amount for part in parts) == charge.price(usage) >= 0
    if isinstance(charge, Graduated | Volume):
        units = sum(part.quantity for part in parts if part.kind == UNITS)
        assert units == charge.scale.count(usage.quantity)


@given(continued, hundredths, hundredths)
def test_more_costs_no_less(charge, few, more):
    less, greater = charge.price(Usage.of(few)), charge.price(Usage.of(few + more))
    assert less <= greater


@given(continued, hundredths, hundredths)
def test_period_in_two_pieces_costs_the_same(charge, one, other):
    """Also of packages that are begun: 1,300 after 1,400 by 1,000 is one, not two."""
    second = Usage.of(other, before=one, is_first=False)
    whole = charge.price(Usage.of(one + other))
    assert charge.price(Usage.of(one)) + charge.price(second) == whole


def test_tier_is_entered_by_what_comes_after_the_one_before():
    """Its flat fee is charged with the eleventh, also if ten were billed before."""
    second = Usage.of(1, before=10, is_first=False)
    assert LAGO.price(second) == 8
    assert LAGO.price(Usage.of(0, before=10, is_first=False)) == 0


@given(volumes, hundredths, hundredths)
def test_volume_in_two_pieces_costs_the_same(charge, one, other):
    total = one + other
    first = Usage.of(one, total=total)
    second = Usage.of(other, before=one, total=total, is_first=False)
    assert charge.price(first) + charge.price(second) == charge.price(Usage.of(total))


@given(percentages, st.lists(hundredths, max_size=6), st.integers(0, 6))
@example(Percentage(1, 1, free_events=1), [Fraction(0), Fraction(50)], 1)
def test_events_in_two_batches_cost_the_same(charge, amounts, cut):
    first, rest = amounts[:cut], amounts[cut:]
    second = Usage.of(
        *rest, before=sum(first), number=sum(map(bool, first)), is_first=False
    )
    whole = charge.price(Usage.of(*amounts))
    assert charge.price(Usage.of(*first)) + charge.price(second) == whole
