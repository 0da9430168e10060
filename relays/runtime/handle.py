"""What a person or a surface may do with one lane: look, halt, resume, retry. Commands are idempotent."""

import asyncio
from collections import Counter
from collections.abc import Iterable

from adapters.api import Clock
from proofs.types import Assurance, Height, Sequence
from relays.core.batch import Batch
from relays.core.events import DestinationClosed, Halted, Resumed, Retried
from relays.core.lane import LaneParams, LaneState, Stage
from relays.core.types import Leg, State
from relays.runtime.heads import ChainLink
from relays.runtime.loop import LaneLoop
from relays.runtime.status import ChainMode, LaneMode, LaneStatus


class NotSaved(Exception):  # noqa: N818 - a condition, named for what it says
    """The lane's run ended before a command was durable."""


class LaneHandle:
    """One lane of a running gateway."""

    def __init__(self, params: LaneParams, source: ChainLink, destination: ChainLink, clock: Clock) -> None:
        self.params = params
        self._links = (source, destination)
        self._clock = clock
        self._loop: LaneLoop | None = None
        self._failure = ""
        self._failed_s = 0.0
        self._may_run = asyncio.Event()

    def halt(self, reason: str) -> None:
        """Stop the lane until `resume`. What is in flight is finished but nothing follows from it."""
        if self._loop is not None:
            self._loop.obey(Halted(at_s=self._clock.now_s(), reason=reason))

    async def resume(self) -> None:
        """Let the lane go on, and return when a restart does not undo that. Raises `NotSaved`.

        After a contradiction it begins again from what the chains say now.
        """
        if self._failure:
            self._failure = ""
            self._may_run.set()
        elif self._loop is not None:
            state, at_s = self._loop.state, self._clock.now_s()
            if state is not None and state.violated:
                for link in self._links:
                    if link.health().mode is ChainMode.HALTED:
                        await link.forgive()
                self._loop.start_over()
            self._loop.obey(Resumed(at_s=at_s))
            await self.saved()

    async def saved(self) -> None:
        """Return when all that the lane was told so far is durable. Raises `NotSaved` when it ends before."""
        if self._loop is not None and not self._failure:
            flushed = asyncio.ensure_future(self._loop.journal.flushed())
            await asyncio.wait([flushed])
            if flushed.cancelled():
                raise NotSaved(f"lane {self.params.lane}: ended before this was saved")

    def retry(self, sequences: Iterable[Sequence] = ()) -> None:
        """Start these parked messages again, or all when none is named."""
        if self._loop is not None:
            self._loop.obey(Retried(at_s=self._clock.now_s(), sequences=frozenset(sequences)))

    def destination_closed(self, height: Height) -> None:
        """Tell the lane that the other end of its channel is closed, as of this block of the destination."""
        if self._loop is not None:
            self._loop.post(DestinationClosed(at_s=self._clock.now_s(), height=height))

    def status(self) -> LaneStatus:
        """Return a snapshot."""
        state = self._loop.state if self._loop is not None else None
        mode, reason = self._mode(state)
        batches = _batches(state) if state is not None else ()
        weakest = min((link.spec.assurance for link in self._links), key=list(Assurance)[::-1].index)
        return LaneStatus(
            lane=self.params.lane,
            mode=mode,
            reason=reason,
            unsafe=self.params.unsafe,
            assurance=weakest,
            rank=self.params.rank,
            counts=_counts(state, batches),
            open=len(state.packets) if state is not None else 0,
            oldest_open_s=_oldest_s(state, batches),
            in_flight={leg: len(state.queues.get((leg, Stage.TRACK), ())) if state else 0 for leg in Leg},
            cursors={leg: cursor for leg in Leg if state and (cursor := state.leg(leg).cursor) is not None},
            last_error=state.last_error if state is not None else self._failure,
            last_error_s=state.last_error_s if state is not None else self._failed_s,
        )

    def _mode(self, state: LaneState | None) -> tuple[LaneMode, str]:
        if self._failure:
            return LaneMode.FAILED, self._failure
        if self._loop is None or state is None:
            return LaneMode.STARTING, ""
        if state.halted:
            return LaneMode.HALTED, state.halted
        for chain, detail in self._loop.down.items():
            return LaneMode.WAITING, f"{chain}: {detail}"
        now_s = self._clock.now_s()
        resting = [pause.reason for pause in state.pauses.values() if pause.until_s > now_s]
        return (LaneMode.WAITING, resting[0]) if resting else (LaneMode.RUNNING, "")

    def began(self, loop: LaneLoop) -> None:
        """Note the loop that runs the lane now. For the supervisor."""
        self._loop = loop

    async def failed(self, reason: str) -> None:
        """Note an error that nobody expected, and wait until a person resumes. For the supervisor."""
        self._failure, self._failed_s = reason, self._clock.now_s()
        self._may_run.clear()
        await self._may_run.wait()


def _batches(state: LaneState) -> tuple[Batch, ...]:
    return tuple([batch for slots in (state.queues, state.busy) for some in slots.values() for batch in some])


def _counts(state: LaneState | None, batches: tuple[Batch, ...]) -> dict[State, int]:
    """Count messages by state, open ones and those that ended since the start."""
    if state is None:
        return {}
    counts: Counter[State] = Counter(state.ended)
    for batch in batches:
        counts[batch.state] += len(batch)
    counts[State.DELIVERED] += len(state.awaiting)
    counts[State.OBSERVED] += len(state.disputed)
    return {known: counts[known] for known in State if counts[known]}


def _oldest_s(state: LaneState | None, batches: tuple[Batch, ...]) -> float | None:
    if state is None:
        return None
    times = [batch.since_s for batch in batches]
    times.extend([awaited.since_s for _, awaited in state.awaiting.items()])
    return min(times, default=None)
