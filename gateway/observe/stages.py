"""How long messages spend in each state, as a Prometheus histogram that counts whole lists at once.

The client library's histogram takes one observation at a time; messages travel in lists of one age.
"""

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

_BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, float("inf"))

Labels = tuple[str, str, str]
"""Stage, source, destination."""


class StageTimes(Collector):
    """The histogram `isthmus_message_stage_seconds`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._counts: dict[Labels, list[int]] = {}
        self._sums_s: dict[Labels, float] = {}
        registry.register(self)

    def observe(self, labels: Labels, spent_s: float, count: int) -> None:
        """Count this many messages that spent this time there."""
        counts = self._counts.setdefault(labels, [0] * len(_BUCKETS_S))
        counts[bisect_left(_BUCKETS_S, spent_s)] += count
        self._sums_s[labels] = self._sums_s.get(labels, 0.0) + spent_s * count

    def collect(self) -> Iterator[Metric]:
        """Yield the histogram as it stands."""
        family = HistogramMetricFamily(
            "isthmus_message_stage_seconds",
            "Time that messages spent in a state before they left it.",
            labels=("stage", "source", "destination"),
        )
        for labels, counts in self._counts.items():
            buckets = zip(map(floatToGoString, _BUCKETS_S), accumulate(counts), strict=True)
            family.add_metric(labels, list(buckets), self._sums_s[labels])
        yield family
