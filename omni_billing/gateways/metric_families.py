"""What is counted for operators, as plain values; `metrics` writes it down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Family:
    """One counter: a value for each set of labels.

    :param name: without the prefix that all have.
    :param text: what it counts, in English.
    :param labels: the names of the labels.
    :param samples: the values of the labels, and how many.
    """

    name: str
    text: str
    labels: tuple[str, ...]
    samples: Sequence[tuple[tuple[str, ...], float]] = field(default_factory=list)
