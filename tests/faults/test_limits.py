"""All of Odoo's processes count together what customers begin."""

from __future__ import annotations

import pytest

REFUSED = "TooManyRequestsError"


@pytest.fixture
def key(runs, request):
    """Give the name of somebody of whom nothing was counted yet."""
    yield request.node.name
    runs.end()


def test_who_comes_at_once_is_counted_after_the_other(runs, key):
    """Four at once, of whom two may; one is held when it has counted."""
    values = {"key": key, "at_once": 2}
    first = runs.start("limits.begin", stop="counted", **values).wait_until_stopped()
    others = [runs.start("limits.begin", **values) for _number in range(3)]
    for other in others:
        runs.wait_for_lock(other)
        assert not other.has_news(0), "it did not wait"
    outcomes = [task.result() for task in (first.go_on(), *others)]
    errors = [outcome.error for outcome in outcomes]
    assert errors[0] == ""
    assert sorted(errors[1:]) == ["", REFUSED, REFUSED]


def test_what_failed_was_begun_too(runs, key):
    values = {"key": key, "at_once": 2}
    for _try in range(2):
        assert runs.run("limits.begin_in_vain", **values).error == "UserError"
    assert runs.run("limits.begin_in_vain", **values).error == REFUSED


def test_who_dies_before_it_is_counted_has_begun_nothing(runs, key):
    values = {"key": key, "at_once": 1}
    task = runs.start("limits.begin", stop="counted", **values).wait_until_stopped()
    task.kill()
    runs.wait_until_gone(task)
    assert runs.run("limits.begin", **values).error == ""
    assert runs.run("limits.begin", **values).error == REFUSED
