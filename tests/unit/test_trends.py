import pytest

from odoo.addons.omni_billing.tools.trends import compute_trend


@pytest.mark.parametrize(
    ("amount", "before", "direction", "percent"),
    [
        (150, 100, "up", 50.0),
        (50, 100, "down", -50.0),
        (100, 100, "level", 0.0),
        (10, 0, "up", None),
        (-10, 0, "down", None),
        (-50, -100, "up", 50.0),
    ],
)
def test_trend(amount, before, direction, percent):
    """F71"""
    assert compute_trend(amount, before) == {"direction": direction, "percent": percent}


def test_nothing_to_tell():
    assert compute_trend(0, 0) is None
