"""Room on Python's stack."""

import resource
import sys

import pytest

from odoo.addons.omni_billing.tools.call_stack import call_with_room


def descend(depth, work):
    return descend(depth - 1, work) if depth else work()


def count_faults(depth):
    """Return how often memory was mapped anew in 500 calls from some depth.

    The system may take memory away at any time, so the least of some tries counts.
    """

    def work():
        for _time in range(500):
            descend(3, int)

    def read():
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

    counts = []
    for _time in range(4):
        before = read()
        descend(depth, work)
        counts.append(read() - before)
    return min(counts)


def test_result_and_arguments():
    assert call_with_room(divmod, 7, 2) == (3, 1)
    assert call_with_room(sorted, [1, 2], reverse=True) == [2, 1]


def test_error_comes_through():
    with pytest.raises(ZeroDivisionError):
        call_with_room(divmod, 1, 0)


def test_no_memory_is_mapped_anew():
    depths = range(150)
    if sys.version_info >= (3, 11):  # Python 3.10 has no chunks.
        assert max(count_faults(depth) for depth in depths) > 400
    assert max(call_with_room(count_faults, depth) for depth in depths) < 100
