"""Whatever goes wrong, Stripe and the books agree, and nothing happens twice.

The faults are in ``catalogue``. Events come before, with or after the answer: in each
run at the same of these moments, or (``bin/test deep``) at all of them. With plain
payment_stripe (``bin/test compare``) only what it comes to is noted: it is Odoo's, not
ours.
"""

import os
from zlib import crc32

import pytest

from tests.faults.catalogue import FAULTS, NotApplicable
from tests.faults.courier import AFTER, BEFORE, WITH
from tests.faults.harness import new_case

#: When events come; the first, one of the second, or the third.
MOMENTS = (BEFORE, WITH, AFTER)
#: A part of an invoice is charged as all of it: of so many faults one is tried on both.
PARTS = 3


def _choose(fault, operation, subject):
    """Give the moments at which events come."""
    if fault.has_own_events or subject != "ours":
        return [AFTER]
    if os.environ.get("OMNI_FAULT_EVENTS") == "all":
        return [BEFORE, *WITH, AFTER]
    if operation == "part" and crc32(fault.name.encode()) % PARTS:
        return []
    number = crc32(f"{fault.name} {operation}".encode())
    moment = MOMENTS[number % len(MOMENTS)]
    return [moment] if isinstance(moment, str) else [moment[number % len(moment)]]


SUBJECTS = ["ours"]
if "OMNI_BASE_TEMPLATE" in os.environ:
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
