"""Which of many of a kind are tried: some in each run, all by ``bin/test deep``."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from itertools import product

import pytest

IS_WHOLE = os.environ.get("OMNI_FAULT_SWEEPS") == "all"


def some(names: Iterable[str], *few: str) -> list[str]:
    """Give a few of some names, or all."""
    names = list(names)
    assert names and set(few) <= set(names), few
    return names if IS_WHOLE else list(few)


def turns(
    names: Collection[str] | Mapping[str, object],
    *others: Collection[str] | Mapping[str, object],
    times: int,
) -> list[object]:
    """Give each of some with ``times`` combinations of others in turn, or with all.

    A mapping gives its values, under its names.
    """
    rest = list(product(*others))
    times = len(rest) if IS_WHOLE else times
    found = []
    for number, name in enumerate(names):
        for place in range(number * times, (number + 1) * times):
            chosen = (name, *rest[place % len(rest)])
            pairs = zip((names, *others), chosen, strict=True)
            values = [
                axis[key] if isinstance(axis, Mapping) else key for axis, key in pairs
            ]
            found.append(pytest.param(*values, id="-".join(chosen)))
    return found
