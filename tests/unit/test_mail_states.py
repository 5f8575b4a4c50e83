"""W12: the state of an e-mail does not depend on the order of what is told."""

from itertools import permutations

import pytest

from odoo.addons.omni_billing.tools.mail_states import follow, sum_up

SENT, OPEN = (1, "sent", ""), (2, "open", "")
SOFT = (1, "bounce", "mailbox full")


@pytest.mark.parametrize(
    "events, expected",
    [
        ([], ("sent", "")),
        ([SENT], ("delivered", "")),
        ([SENT, OPEN], ("opened", "")),
        ([SENT, OPEN, (3, "click", "")], ("opened", "")),
        ([SENT, OPEN, (3, "sent", "")], ("opened", "")),
        ([SOFT], ("bounced", "mailbox full")),
        ([SOFT, (2, "sent", "")], ("delivered", "")),
        ([SENT, (2, "bounce", "no such user")], ("bounced", "no such user")),
        ([SENT, (1, "bounce", "no such user")], ("bounced", "no such user")),
        ([(1, "blocked", "blocklisted")], ("blocked", "blocklisted")),
        ([SENT, (1, "spam", ""), (1, "unsub", "")], ("delivered", "")),
    ],
)
def test_state_follows_from_all_events(events, expected):
    assert {follow(order) for order in permutations(events)} == {expected}


@pytest.mark.parametrize(
    "states, expected",
    [
        ([], "sent"),
        (["sent", "delivered"], "sent"),
        (["delivered", "delivered"], "delivered"),
        (["delivered", "opened"], "opened"),
        (["opened", "bounced"], "bounced"),
        (["bounced", "blocked"], "blocked"),
    ],
)
def test_worst_of_several_recipients_counts(states, expected):
    assert sum_up(states) == expected
