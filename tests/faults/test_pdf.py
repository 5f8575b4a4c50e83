"""Several programs ask for the same PDF at once (F108, promise 6)."""

from __future__ import annotations

import base64

import pytest


@pytest.fixture
def invoice(runs, request):
    """Give an invoice of which there is no PDF yet, and a key to it."""
    name = f"Customer of {request.node.name}"
    yield runs.run("web.add_invoice", users=runs.users, name=name, lines=60).expect()
    runs.end()


def fetch(runs, invoice, **options):
    return runs.start("web.request", **invoice, **options)


@pytest.mark.parametrize("step", ["rendering", "stored"])
def test_four_first_requests_make_one_pdf(runs, invoice, step):
    """F108, promise 6: they wait for the first, and have the same file."""
    first = fetch(runs, invoice, stop=step).wait_until_stopped()
    others = [fetch(runs, invoice) for _number in range(3)]
    for other in others:
        runs.wait_for_lock(other)
        assert not other.has_news(0), "it did not wait"
    answers = [task.result().expect() for task in (first.go_on(), *others)]
    assert [answer[0] for answer in answers] == [200] * 4
    assert len({answer[2] for answer in answers}) == 1
    assert base64.b64decode(answers[0][2]).startswith(b"%PDF")
    assert [answer[3] for answer in answers] == [True, False, False, False]

    tag = {"If-None-Match": answers[0][1]["ETag"]}
    status, _headers, content, _made = fetch(runs, {**invoice, **tag}).result().expect()
    assert (status, content) == (304, "")


@pytest.mark.parametrize("step", ["rendering", "stored"])
def test_first_request_is_killed_while_others_wait(runs, invoice, step):
    """F108: the next makes the file, and the last has the same."""
    first = fetch(runs, invoice, stop=step).wait_until_stopped()
    others = [fetch(runs, invoice) for _number in range(2)]
    for other in others:
        runs.wait_for_lock(other)
    first.kill()
    answers = [other.result().expect() for other in others]
    assert [answer[0] for answer in answers] == [200] * 2
    assert answers[0][2] == answers[1][2]
    assert sum(answer[3] for answer in answers) == 1
