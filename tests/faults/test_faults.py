"""Whatever goes wrong, Stripe and the books agree, and nothing happens twice.

The faults are in ``catalogue``. Events come before, with or after the answer: in each
run at the same of these moments, or (``bin/test deep``) at all of them; so are parts
of an invoice and refunds tried of some faults, or of all. With plain
payment_stripe (``bin/test compare``) only what it comes to is noted: it is Odoo's, not
ours.
"""

import os
from zlib import crc32

import pytest

from tests.faults.catalogue import FAULTS, NotApplicable
from tests.faults.courier import AFTER, BEFORE, WITH
from tests.faults.harness import new_case
from tests.faults.sweeps import IS_WHOLE

#: When events come; the first, one of the second, or the third.
MOMENTS = (BEFORE, WITH, AFTER)
#: A part of an invoice is charged as all of it, and a refund asks and books as a charge
#: does: of so many faults one is tried on them, too.
SHARES = {"part": 6, "refund": 2}
IS_COMPARED = "OMNI_BASE_TEMPLATE" in os.environ


def _choose(fault, operation, subject):
    """Give the moments at which events come; none, if it is not tried."""
    number = crc32(f"{fault.name} {operation}".encode())
    is_another = operation != fault.operations[0]
    if is_another and not (IS_WHOLE or IS_COMPARED) and number % SHARES[operation]:
        return []
    if fault.has_own_events or subject != "ours":
        return [AFTER]
    if IS_WHOLE:
        return [BEFORE, *WITH, AFTER]
    moment = MOMENTS[number % len(MOMENTS)]
    return [moment] if isinstance(moment, str) else [moment[number % len(moment)]]


SUBJECTS = ["ours"]
if IS_COMPARED:
    # With events that come late, and at once.
    SUBJECTS += ["plain", "plain_prompt"]
CASES = [
    pytest.param(
        subject,
        fault,
        operation,
        when,
        id=f"{fault.name}-{operation}-{subject}-{when.replace(' ', '_')}",
    )
    for fault in FAULTS
    for operation in fault.operations
    for subject in SUBJECTS
    for when in _choose(fault, operation, subject)
]


@pytest.mark.parametrize(("subject", "fault", "operation", "when"), CASES)
def test_fault(subjects, stripe, report, subject, fault, operation, when):
    name, _, prompt = subject.partition("_")
    title = f"{fault.name} {operation} {subject}"
    case = new_case(subjects[name], stripe, operation, title, when)
    case.is_prompt = bool(prompt)
    row = report.setdefault((fault.title, operation), {})
    try:
        fault.happen(case)
        result = case.judge()
    except NotApplicable as reason:
        row[subject] = {"stripe": "", "booked": "", "outcome": f"n/a: {reason}"}
        return
    finally:
        case.close()
    problems = result["problems"]
    found = {name: result[name] for name in ("stripe", "booked", "outcome")}
    if subject not in row or problems:
        row[subject] = found
    stripe.check()
    if subject == "ours":
        assert not problems, result["books"]
