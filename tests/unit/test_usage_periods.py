"""Months of usage are cut by a clock, and leave no gap (W41)."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.omni_billing_usage.tools.items import (
    mask_if_number,
    mask_number,
    write_quantity,
    write_rows,
)
from odoo.addons.omni_billing_usage.tools.periods import Calendar

SECOND = timedelta(seconds=1)


@given(
    moment=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),
    day=st.integers(1, 31),
    # Clocks of the second change at midnight, those of the third by half an hour.
    zone=st.sampled_from(["Europe/Paris", "Africa/Cairo", "Australia/Lord_Howe"]),
)
def test_each_moment_is_of_one_month(moment, day, zone):
    calendar = Calendar(zone, day)
    period = calendar.find(moment)
    assert period.begin <= moment < period.end
    assert calendar.begins_on(period.first)
    follower = calendar.follow(period)
    assert follower.begin == period.end
    assert follower.first == period.last + timedelta(days=1)
    assert calendar.find(period.begin) == period == calendar.find(period.end - SECOND)
    assert calendar.find(period.end) == follower


@pytest.mark.parametrize(
    ("day", "moment", "first", "last"),
    [
        (1, datetime(2026, 10, 31, 23), date(2026, 11, 1), date(2026, 11, 30)),
        (1, datetime(2026, 10, 31, 22, 59, 59), date(2026, 10, 1), date(2026, 10, 31)),
        (15, datetime(2026, 11, 3), date(2026, 10, 15), date(2026, 11, 14)),
        (31, datetime(2026, 2, 20), date(2026, 1, 31), date(2026, 2, 27)),
        (31, datetime(2026, 2, 28), date(2026, 2, 28), date(2026, 3, 30)),
        (30, datetime(2026, 3, 1), date(2026, 2, 28), date(2026, 3, 29)),
    ],
)
def test_days_that_a_month_lacks(day, moment, first, last):
    period = Calendar("Europe/Paris", day).find(moment)
    assert (period.first, period.last) == (first, last)


def test_months_between_moments():
    periods = Calendar().iterate(datetime(2026, 11, 30, 23), datetime(2027, 1, 1))
    assert [one.first.month for one in periods] == [11, 12, 1]


def test_rows_of_a_file():
    """What a spreadsheet would compute is text; numbers lack their last digits."""
    assert mask_number("+33612345678") == "+3361234****"
    assert mask_number("112") == "****"
    assert mask_number("") == ""


def test_what_may_be_a_number_is_masked_whatever_it_is_called():
    """W41: a meter need not say which of its dimensions is one."""
    for text in ("+33612345678", "06 12 34 56 78", "(514) 555-0199", "118218"):
        assert mask_if_number(text) == f"{text[:-4]}****"
    for text in ("FR", "zone 2", "12345", "peak", "2026"):
        assert mask_if_number(text) == text
    quantities = [Decimal(text) for text in ("1.500", "100", "0.000000000001")]
    written = [write_quantity(quantity) for quantity in quantities]
    assert written == ["1.5", "100", "0.000000000001"]
    rows = write_rows(["A", "B"], [["=1+1", "+33,1"], [None, 5]])
    assert rows == "\N{BOM}A,B\r\n'=1+1,\"'+33,1\"\r\n,5\r\n".encode()
