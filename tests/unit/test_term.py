"""How long a service is agreed for (W36)."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.omni_billing.tools.term import add_months, find_bound, find_term_end

DAY = timedelta(days=1)
dates = st.dates(date(2000, 1, 1), date(2050, 12, 31))


def test_months_end_where_they_can():
    assert add_months(date(2025, 1, 31), 1) == date(2025, 2, 28)
    assert add_months(date(2025, 1, 31), 14) == date(2026, 3, 31)
    assert find_term_end(date(2025, 2, 15), 12) == date(2026, 2, 14)


@given(dates, st.integers(0, 366), dates, st.integers(0, 36))
def test_notice_in_time_ends_with_the_term(today, notice, end, renewal):
    """W36: too late for one term, it is bound to the next, never to two."""
    bound = find_bound(today, notice, end, renewal)
    earliest = today + notice * DAY
    if earliest <= end:
        assert bound == end
    elif not renewal:
        assert bound is None
    else:
        assert bound >= earliest
        assert add_months(bound, -renewal) < earliest + 3 * DAY


def test_ends_of_terms_do_not_drift():
    """A year from the 1st of March on ends on the last of February, leap or not."""
    first = date(2023, 2, 28)
    ends = [find_bound(date(year, 1, 1), 0, first, 12) for year in (2024, 2025)]
    assert ends == [date(2024, 2, 29), date(2025, 2, 28)]
    assert find_bound(date(2025, 1, 1), 30, None, 12) is None
