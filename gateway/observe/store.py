"""A store that tells what it saved: one log line and one step of the counters for each list of messages.

On the way of a message that fares well three lines tell of it: seen, delivered, acknowledged. Every step is a
line of level `debug`.

It wraps the real store and changes nothing about it. What it reports is durable: it speaks after the commit.
"""

from collections import Counter
from itertools import compress

import structlog

from gateway.observe.logs import lane_context
from gateway.observe.metrics import Metrics
from proofs.types import Lane, Sequence
from relays.core.types import ENDS, Changes, Move, State
from relays.runtime.ports import LaneRecord, Store

_log = structlog.get_logger("isthmus.lane")

_TOLD = ENDS | {State.DELIVERED, State.EXPIRED, State.PARKED}
"""States that operators are told of; of others only with a reason, which says what is wrong."""


class ObservedStore:
    """`relays.runtime.ports.Store` with eyes."""

    def __init__(self, store: Store, metrics: Metrics) -> None:
        self._store = store
        self._metrics = metrics
        self._since_s: dict[Lane, dict[Sequence, tuple[str, float]]] = {}

    async def load(self, lane: Lane) -> LaneRecord:
        """Return what the store returns."""
        record = await self._store.load(lane)
        self._since_s[lane] = {
            message.packet.sequence: (message.state.value, message.since_s) for message in record.open
        }
        return record

    async def save(self, lane: Lane, changes: Changes) -> None:
        """Save, then count and log."""
        await self._store.save(lane, changes)
        since_s = self._since_s.setdefault(lane, {})
        if changes.inserted:
            for message in changes.inserted:
                since_s[message.packet.sequence] = (message.state.value, message.since_s)
            states = {message.state.value for message in changes.inserted}
            for state in states:
                count = sum(message.state.value == state for message in changes.inserted)
                self._metrics.messages.labels(lane.source, lane.destination, state).inc(count)
            with lane_context(str(lane)):
                _log.info("messages observed", count=len(changes.inserted))
        for move in changes.moved:
            self._moved(lane, move, since_s)

    def _moved(self, lane: Lane, move: Move, since_s: dict[Sequence, tuple[str, float]]) -> None:
        state = move.state.value
        unknown = (state, move.at_s)
        left = [since_s.get(sequence, unknown) for sequence in move.sequences]
        entered = 0
        for (before, then_s), count in Counter(left).items():
            if before != state:
                entered += count
                spent_s = max(0.0, move.at_s - then_s)
                self._metrics.stage_s.observe((before, lane.source, lane.destination), spent_s, count)
        if move.state in ENDS:
            for sequence in move.sequences:
                since_s.pop(sequence, None)
        elif entered:
            changed = [before != state for before, _ in left]
            since_s.update(dict.fromkeys(compress(move.sequences, changed), unknown))
        if entered:
            self._metrics.messages.labels(lane.source, lane.destination, state).inc(entered)
        tell = _log.info if move.reason or (entered and move.state in _TOLD) else _log.debug
        with lane_context(str(lane)):
            tell("messages moved", state=state, count=len(move.sequences), reason=move.reason or None)
