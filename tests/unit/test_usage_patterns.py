"""Whether two patterns of names may have a name in common (W41)."""

import pytest

from odoo.addons.omni_billing_usage.tools.patterns import may_meet


@pytest.mark.parametrize(
    ("first", "second", "is_met"),
    [
        ("*", "*.csv", True),
        ("a*", "*", True),
        ("a*", "*z", True),
        ("a*c", "a*b*c", True),
        ("a.csv", "a.csv", True),
        ("*", "", True),
        ("calls_*", "sms_*", False),
        ("*.csv", "*.txt", False),
        ("a.csv", "A.csv", False),
        ("a?", "a", False),
        ("a?", "ab", True),
        ("a[0-9]*", "a[!x]", True),
        ("[]]", "x", True),
        ("[x", "y", False),
        ("*a" * 50, "*b" * 50, False),
        ("a" * 2000 + "*", "*" + "a" * 9, True),
    ],
)
def test_patterns_meet(first, second, is_met):
    """W41: a choice of characters may be any of them, rather than none."""
    assert may_meet(first, second) is is_met
    assert may_meet(second, first) is is_met
