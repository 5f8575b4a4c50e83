from datetime import date

import pytest

from odoo.addons.omni_billing.tools.periods import format_period

FIRST, LAST = date(2025, 1, 1), date(2025, 1, 31)


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        (FIRST, LAST, "2025-01-01 - 2025-01-31"),
        (FIRST, FIRST, "2025-01-01"),
        (FIRST, None, "2025-01-01"),
        (None, LAST, "2025-01-31"),
        (None, None, ""),
    ],
)
def test_period(start, end, text):
    """F56, F67"""
    assert format_period(start, end, date.isoformat) == text
