"""Whatever goes wrong, Stripe and the books agree, and nothing happens twice.

The faults are in ``catalogue``. With plain payment_stripe (``bin/test compare``) only
what it comes to is noted: it is Odoo's, not ours.
"""

import os

import pytest

from tests.faults.catalogue import FAULTS, NotApplicable
from tests.faults.harness import new_case

SUBJECTS = ["ours"]
if "OMNI_BASE_TEMPLATE" in os.environ:
    # With events that come late, and at once.
    SUBJECTS += ["plain", "plain_prompt"]
CASES = [
    pytest.param(subject, fault, operation, id=f"{fault.name}-{operation}-{subject}")
    for fault in FAULTS
    for operation in fault.operations
    for subject in SUBJECTS
]


@pytest.mark.parametrize(("subject", "fault", "operation"), CASES)
def test_fault(subjects, stripe, report, subject, fault, operation):
    name, _, prompt = subject.partition("_")
    title = f"{fault.name} {operation} {subject}"
    case = new_case(subjects[name], stripe, operation, title)
    case.is_prompt = bool(prompt)
    row = report.setdefault((fault.title, operation), {})
    try:
        fault.happen(case)
    except NotApplicable as reason:
        row[subject] = {"stripe": "", "booked": "", "outcome": f"n/a: {reason}"}
        return
    result = case.judge()
    problems = result["problems"]
    row[subject] = {name: result[name] for name in ("stripe", "booked", "outcome")}
    stripe.check()
    if subject == "ours":
        assert not problems, result["books"]
