"""What is installed is what was looked at: each file of each package has its hash."""

import re

import pytest

from dev import paths

NAMES = ("requirements", "test-requirements", "queue-requirements")
# The locks of the project, also in a run with versions of others.
LOCKS = [paths.ROOT / f"{name}.txt" for name in NAMES]


def _read_pins(text):
    """Return the lines that pin a version, without markers and hashes."""
    return re.findall(r"^([a-z0-9.-]+==[^ \n\\]+)", text, re.MULTILINE)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_each_package_has_a_hash(lock):
    text = lock.read_text()
    entries = re.split(r"^(?=[a-z])", text, flags=re.MULTILINE)[1:]
    assert len(entries) == len(_read_pins(text)) > 1
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_what_is_asked_for_is_in_the_lock(lock):
    wanted = _read_pins(lock.with_suffix(".in").read_text())
    assert wanted
    assert set(wanted) - set(_read_pins(lock.read_text())) == set()
