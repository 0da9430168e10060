"""What may start now, for one lane: the whole policy of going forward, as a pure function.

Each stage of each leg is looked at by itself, so stages run at the same time; a stage has one list in flight,
except submissions, of which a window may be in flight. What happened, and what to do about failures, is in
`apply`.
"""

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence

from adapters.api import ChainStatus, Delivery
from proofs.types import Claim, Height, NotReceived
from relays.core.batch import Batch, joinable, joined
from relays.core.lane import LaneState, Stage
from relays.core.order import in_order
from relays.core.steps import Attest, Check, Observe, Prove, Step, Submit, Track, Wait
from relays.core.timeouts import at_block, horizon, reached
from relays.core.types import Leg

_LOOKS = {
    Leg.OUT: (Stage.CONFIRM, Stage.CHECK, Stage.SURVEY, Stage.SETTLE),
    Leg.BACK: (Stage.CONFIRM, Stage.CHECK),
}


def decide(state: LaneState, now_s: float) -> tuple[Step, ...]:
    """Return all steps that may start now, or one `Wait`. `now_s` is our clock, unix seconds.

    The caller applies `Started` for each step and asks again until it is told to wait.
    """
    if state.halted:
        return (Wait(until_s=math.inf),)
    steps = tuple(_startable(state, now_s))
    return steps or (Wait(until_s=_next_time_s(state, now_s)),)


def _startable(state: LaneState, now_s: float) -> Iterator[Step]:
    for leg in Leg:
        steps = (
            _observe(state, leg, now_s),
            *[_look(state, leg, stage, now_s) for stage in _LOOKS[leg]],
            _prove(state, leg, now_s),
            _attest(state, leg, now_s),
            _submit(state, leg, now_s),
            _track(state, leg, now_s),
        )
        yield from [step for step in steps if step is not None]


def _observe(state: LaneState, leg: Leg, now_s: float) -> Observe | None:
    status, own = state.proving(leg), state.leg(leg)
    if status is None or own.observing or _paused(state, leg, Stage.OBSERVE, now_s):
        return None
    if leg is Leg.OUT and len(state.packets) >= state.limits.max_open:
        return None
    if leg is Leg.BACK and not _has_caught_up(state) and len(state.packets) < state.limits.max_open:
        return None
    rescan, first, end = False, _next_height(state, leg), status.finalized.height
    if own.rescan_from is not None and own.cursor is not None and own.rescan_from <= own.cursor.height:
        rescan, first, end = True, own.rescan_from, own.cursor.height
    if first > end:
        return None
    return Observe(
        leg=leg,
        first=first,
        last=Height(min(end, first + state.limits.scan_range - 1)),
        finalized=status.finalized,
        pin=None if own.pinned else own.cursor,
        rescan=rescan,
    )


def _has_caught_up(state: LaneState) -> bool:
    """Acknowledgements are read only when the packets that they may be about have been read."""
    if state.old_up_to is None:
        return False
    start = state.params.source_start
    return state.old_up_to < start or (
        state.out.cursor is not None and state.out.cursor.height >= state.old_up_to
    )


def _next_height(state: LaneState, leg: Leg) -> Height:
    cursor = state.leg(leg).cursor
    if cursor is not None:
        return Height(cursor.height + 1)
    return state.params.source_start if leg is Leg.OUT else state.params.destination_start


def _look(state: LaneState, leg: Leg, stage: Stage, now_s: float) -> Check | None:
    """Ask the chain that must act about as many waiting claims as one look may be about.

    Only CHECK looks at the head: what is finalized is too old to say whether a delivery is still needed.
    """
    status = state.source if stage is Stage.SURVEY else state.acting(leg)
    if status is None or not _free(state, leg, stage, now_s):
        return None
    batches = _due(state, leg, stage, status, now_s)
    if not batches:
        return None
    claims: list[Claim] = [claim for batch in batches for claim in batch.claims]
    if stage is Stage.SURVEY:
        claims = [NotReceived(packet=claim.packet) for claim in claims]
    return Check(
        leg=leg,
        stage=stage,
        batches=batches,
        claims=tuple(claims),
        at=status.head if stage is Stage.CHECK else status.finalized,
        time_s=status.finalized_time_s,
    )


def _due(state: LaneState, leg: Leg, stage: Stage, status: ChainStatus, now_s: float) -> tuple[Batch, ...]:
    """Return the batches of one look: those that may be looked at, within the limit, at least one."""
    moment = at_block(state, status.finalized, status.finalized_time_s)
    due: list[Batch] = []
    room = state.limits.look
    for batch in state.queues.get((leg, stage), ()):
        if batch.ready_s > now_s or batch.after_height > status.finalized.height:
            continue
        if batch.held and not reached(batch, moment):
            continue
        if due and len(batch) > room:
            break
        due.append(batch)
        room -= len(batch)
    return tuple(due)


def _prove(state: LaneState, leg: Leg, now_s: float) -> Prove | None:
    status = state.proving(leg)
    if status is None or not _free(state, leg, Stage.PROVE, now_s):
        return None
    ahead = sum(
        len(batches.get((leg, stage), ()))
        for stage in (Stage.ATTEST, Stage.SUBMIT)
        for batches in (state.queues, state.busy)
    )
    if ahead >= state.limits.ahead and not state.params.ordered:
        return None
    chosen = _select(state, leg, now_s)
    if not chosen:
        return None
    parts = tuple([batch.id for batch in chosen])
    return Prove(leg=leg, batch=joined(chosen), parts=parts, at=status.finalized)


def _attest(state: LaneState, leg: Leg, now_s: float) -> Attest | None:
    if not _free(state, leg, Stage.ATTEST, now_s):
        return None
    batch = _next(state, leg, Stage.ATTEST, now_s)
    return None if batch is None else Attest(leg=leg, batch=batch)


def _submit(state: LaneState, leg: Leg, now_s: float) -> Submit | None:
    if state.acting(leg) is None or _paused(state, leg, Stage.SUBMIT, now_s):
        return None
    in_flight = len(state.busy.get((leg, Stage.SUBMIT), ())) + len(state.queues.get((leg, Stage.TRACK), ()))
    if in_flight >= state.limits.window:
        return None
    batch = _next(state, leg, Stage.SUBMIT, now_s)
    if batch is None or batch.evidence is None:
        return None
    delivery = Delivery(
        lane=state.params.lane, proven=batch.proven, evidence=batch.evidence, key=_key(state, batch)
    )
    return Submit(leg=leg, batch=batch, delivery=delivery)


def _key(state: LaneState, batch: Batch) -> str:
    """Return the idempotency key: the same claims proven at the same block are the same delivery."""
    at = batch.proven[0].at
    kind = type(batch.claims[0]).__name__
    numbers = ",".join(map(str, batch.sequences))
    text = f"{state.params.lane}|{kind}|{at.height}|{at.hash.hex()}|{numbers}"
    return hashlib.sha256(text.encode()).hexdigest()


def _track(state: LaneState, leg: Leg, now_s: float) -> Track | None:
    status, own = state.acting(leg), state.leg(leg)
    tracked = state.queues.get((leg, Stage.TRACK), ())
    if not tracked or status is None or own.tracking or _paused(state, leg, Stage.TRACK, now_s):
        return None
    if status.head.height == own.tracked_head and now_s < own.tracked_s + state.limits.track_s:
        return None
    ids = tuple([batch.submission for batch in tracked if batch.submission is not None])
    return Track(leg=leg, ids=ids, head=status.head.height)


def _sendable(state: LaneState, leg: Leg, now_s: float) -> Callable[[Batch], bool]:
    """Return the test for batches that may go on: not resting, and no packet too near its timeout."""
    if leg is Leg.BACK:
        return lambda batch: batch.ready_s <= now_s
    moment = horizon(state, now_s)
    return lambda batch: batch.ready_s <= now_s and not reached(batch, moment)


def _next(state: LaneState, leg: Leg, stage: Stage, now_s: float) -> Batch | None:
    """Return the first batch of a stage that may go on, or None."""
    queue = state.queues.get((leg, stage), ())
    if not queue:
        return None
    may, has_turn = _sendable(state, leg, now_s), in_order(state, leg)
    return next((batch for batch in queue if may(batch) and has_turn(batch)), None)


def _select(state: LaneState, leg: Leg, now_s: float) -> list[Batch]:
    """Return the batch to prove next and small ones behind it that travel with it; none when none may go."""
    may, has_turn = _sendable(state, leg, now_s), in_order(state, leg)
    chosen: list[Batch] = []
    room = state.limits.batch
    for batch in _by_turns(state, leg):
        if not may(batch):
            continue
        if not chosen:
            if not has_turn(batch):
                continue
        elif len(batch) > room or not _may_join(state, chosen, batch):
            continue
        chosen.append(batch)
        room -= len(batch)
        if room <= 0:
            break
    return chosen


def _may_join(state: LaneState, chosen: Sequence[Batch], batch: Batch) -> bool:
    follows = chosen[-1].sequences[-1] + 1 == batch.sequences[0]
    return joinable(chosen[0], batch) and (follows or not state.params.ordered)


def _by_turns(state: LaneState, leg: Leg) -> Sequence[Batch]:
    """Return what waits for its proof: fresh messages first, but after a run of them the old ones."""
    queue = state.queues.get((leg, Stage.PROVE), ())
    if state.params.ordered:
        return queue
    old_first = state.leg(leg).fresh_run >= state.limits.fresh_run
    return sorted(queue, key=lambda batch: batch.old is not old_first)


def _free(state: LaneState, leg: Leg, stage: Stage, now_s: float) -> bool:
    """Say whether a stage has something waiting, nothing in flight, and does not rest."""
    slot = (leg, stage)
    return bool(state.queues.get(slot)) and not state.busy.get(slot) and not _paused(state, leg, stage, now_s)


def _paused(state: LaneState, leg: Leg, stage: Stage, now_s: float) -> bool:
    pause = state.pauses.get((leg, stage))
    return pause is not None and pause.until_s > now_s


def _next_time_s(state: LaneState, now_s: float) -> float:
    """Return the next moment at which the passing of time alone may let a step start."""
    times: list[float] = [pause.until_s for pause in state.pauses.values()]
    for (leg, stage), batches in state.queues.items():
        if stage is Stage.TRACK and batches:
            times.append(state.leg(leg).tracked_s + state.limits.track_s)
        times.extend(_ready_times(batches))
    return min([time_s for time_s in times if time_s > now_s], default=math.inf)


def _ready_times(batches: Sequence[Batch]) -> list[float]:
    return [batch.ready_s for batch in batches if batch.ready_s]
