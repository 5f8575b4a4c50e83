"""Counters for a program that watches, by Prometheus' own client (OpenMetrics)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.exposition import (
    CONTENT_TYPE_LATEST,
    generate_latest,
)
from prometheus_client.registry import Collector, CollectorRegistry

from .metric_families import Family

PREFIX = "omni_billing_"


class _Counted(Collector):
    """What was counted for this answer: nothing is kept between two."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._families = list(families)

    def collect(self) -> Iterator[Metric]:
        for family in self._families:
            metric = GaugeMetricFamily(
                PREFIX + family.name, family.text, labels=family.labels
            )
            for labels, value in family.samples:
                metric.add_metric(labels, value)
            yield metric


def write(families: Iterable[Family]) -> tuple[bytes, str]:
    """Return counters as OpenMetrics, and the type of that text for HTTP."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Counted(families))
    return generate_latest(registry), CONTENT_TYPE_LATEST
