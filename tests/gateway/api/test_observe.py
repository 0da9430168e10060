"""What operators see: one line and one step of the counters for each list, once it is durable."""

import json
import subprocess
import sys

import pytest
import structlog
from prometheus_client import CollectorRegistry, Histogram

from gateway.observe.metrics import Metrics
from gateway.observe.stages import StageTimes
from gateway.observe.store import ObservedStore
from proofs.types import Height, Sequence
from relays.core.types import Changes, Message, Move, State
from relays.runtime.ports import LaneRecord
from tests.gateway.cli.running import ROOT
from tests.support.packets import LANE, packet

LABELS = {"source": LANE.source, "destination": LANE.destination}


class FakeStore:
    def __init__(self):
        self.saved = []
        self.breaks = False

    async def load(self, lane):
        return LaneRecord(cursors={}, open=(message(7),))

    async def save(self, lane, changes):
        if self.breaks:
            raise OSError("disk full")
        self.saved.append(changes)


def message(number):
    return Message(
        packet=packet(number), state=State.OBSERVED, height=Height(1), transaction="0x", since_s=100.0
    )


def moved(state, at_s, *numbers):
    return Changes(moved=(Move(sequences=tuple(map(Sequence, numbers)), state=state, at_s=at_s),))


def value(metrics, name, **labels):
    return metrics.registry.get_sample_value(name, {**LABELS, **labels})


async def test_a_list_of_a_hundred_is_one_line_and_counts_a_hundred():
    metrics, numbers = Metrics(), range(1, 101)
    store = ObservedStore(FakeStore(), metrics)
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        await store.save(LANE, Changes(inserted=tuple(map(message, numbers))))
        await store.save(LANE, moved(State.VERIFIED, 103.0, *numbers))
        await store.save(LANE, moved(State.DELIVERED, 104.0, *numbers))
    assert [
        (line["event"], line["count"], line["lane"]) for line in lines if line["log_level"] == "info"
    ] == [
        ("messages observed", 100, str(LANE)),
        ("messages moved", 100, str(LANE)),
    ]
    assert value(metrics, "isthmus_messages_total", state="observed") == 100
    assert value(metrics, "isthmus_messages_total", state="verified") == 100
    assert value(metrics, "isthmus_message_stage_seconds_count", stage="observed") == 100
    assert value(metrics, "isthmus_message_stage_seconds_sum", stage="observed") == pytest.approx(300.0)


async def test_operators_are_told_of_ends_and_of_trouble_and_not_of_each_step():
    store = ObservedStore(FakeStore(), Metrics())
    await store.save(LANE, Changes(inserted=tuple(map(message, range(1, 7)))))
    with structlog.testing.capture_logs() as lines:
        for state in (State.VERIFIED, State.SUBMITTED, State.DELIVERED, State.DELIVERED, State.ACKNOWLEDGED):
            await store.save(LANE, moved(state, 105.0, 1))
        for number, state in enumerate((State.EXPIRED, State.REFUNDED, State.REJECTED, State.PARKED), 2):
            await store.save(LANE, moved(state, 106.0, number))
        trouble = Move(sequences=(Sequence(6),), state=State.SCHEDULED, at_s=107.0, reason="underfunded")
        await store.save(LANE, Changes(moved=(trouble,)))
    told = [(line["state"], line["reason"]) for line in lines if line["log_level"] == "info"]
    ends = ("delivered", "acknowledged", "expired", "refunded", "rejected", "parked")
    assert told == [*((state, None) for state in ends), ("scheduled", "underfunded")]
    assert [line["state"] for line in lines if line["log_level"] == "debug"] == [
        "verified",
        "submitted",
        "delivered",
    ]


async def test_a_move_into_the_same_state_counts_nothing_and_the_stage_goes_on():
    metrics = Metrics()
    store = ObservedStore(FakeStore(), metrics)
    await store.save(LANE, Changes(inserted=(message(1),)))
    await store.save(LANE, moved(State.OBSERVED, 105.0, 1))
    await store.save(LANE, moved(State.ACKNOWLEDGED, 110.0, 1))
    assert value(metrics, "isthmus_messages_total", state="observed") == 1
    assert value(metrics, "isthmus_message_stage_seconds_sum", stage="observed") == pytest.approx(10.0)


async def test_messages_that_were_open_before_a_restart_are_timed_from_when_they_came_into_their_state():
    metrics = Metrics()
    store = ObservedStore(FakeStore(), metrics)
    await store.load(LANE)
    await store.save(LANE, moved(State.VERIFIED, 160.0, 7))
    assert value(metrics, "isthmus_message_stage_seconds_sum", stage="observed") == pytest.approx(60.0)


async def test_what_could_not_be_saved_is_neither_counted_nor_logged():
    metrics, broken = Metrics(), FakeStore()
    broken.breaks = True
    with structlog.testing.capture_logs() as lines, pytest.raises(OSError, match="disk full"):
        await ObservedStore(broken, metrics).save(LANE, Changes(inserted=(message(1),)))
    assert lines == []
    assert value(metrics, "isthmus_messages_total", state="observed") is None


def test_log_lines_are_json_on_standard_error_with_lane_and_message():
    script = (
        "import structlog\n"
        "from gateway.observe import logs\n"
        "logs.configure('info', logs.LogFormat.JSON)\n"
        "with logs.lane_context('a->b', 'ff00'):\n"
        "    structlog.get_logger().info('hello', count=3)\n"
        "structlog.get_logger().debug('unheard')\n"
        "import logging; logging.getLogger('aiohttp').error('from a library')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout == ""
    first, second = map(json.loads, done.stderr.splitlines())
    assert (first["event"], first["lane"], first["message"], first["count"]) == ("hello", "a->b", "ff00", 3)
    assert (second["event"], second["level"]) == ("from a library", "error")


def test_stage_times_are_those_of_a_histogram_that_saw_every_message():
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    buckets = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200)
    name, labels = "isthmus_message_stage_seconds", ("stage", "source", "destination")
    histogram = Histogram(name, "Time.", labels, buckets=buckets, registry=theirs)
    stages = StageTimes(ours)
    for spent_s, count in ((0.0, 3), (0.05, 1), (0.051, 2), (7.0, 100), (7200.0, 1), (9e9, 4)):
        stages.observe(("sent", "a", "b"), spent_s, count)
        for _ in range(count):
            histogram.labels("sent", "a", "b").observe(spent_s)
    made, expected = _samples(ours), _samples(theirs)
    assert len(made) == len(buckets) + 3
    assert made == pytest.approx(expected)


def _samples(registry):
    """Return (name, labels) -> value of everything in a registry, but the time of creation."""
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if not sample.name.endswith("_created")
    }
