"""A lane's next state in the making: what the functions behind `apply` write to. It lives for one event.

Nothing outside `relays/core` sees a draft; `apply` starts one from a frozen state and freezes it again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from proofs.types import Claim
from relays.core.backoff import delay_s
from relays.core.batch import Batch, batch_of, consecutive, is_timeout, reclaimed
from relays.core.lane import HELD_STAGES, LaneState, LegState, Pause, Stage
from relays.core.turns import turn_s
from relays.core.types import Changes, Cursor, Halt, Leg, Message, Move, State, WaitingOn

_WAITS_FOR = {
    (Leg.OUT, Stage.SURVEY): WaitingOn.NOTHING,
    (Leg.OUT, Stage.SETTLE): WaitingOn.DESTINATION_FINALITY,
    (Leg.OUT, Stage.CHECK): WaitingOn.NOTHING,
    (Leg.OUT, Stage.PROVE): WaitingOn.PROOF,
    (Leg.OUT, Stage.ATTEST): WaitingOn.ATTESTATIONS,
    (Leg.OUT, Stage.SUBMIT): WaitingOn.NOTHING,
    (Leg.OUT, Stage.TRACK): WaitingOn.INCLUSION,
    (Leg.OUT, Stage.CONFIRM): WaitingOn.DESTINATION_FINALITY,
    (Leg.OUT, Stage.PARKED): WaitingOn.OPERATOR,
    (Leg.BACK, Stage.CHECK): WaitingOn.NOTHING,
    (Leg.BACK, Stage.PROVE): WaitingOn.PROOF,
    (Leg.BACK, Stage.ATTEST): WaitingOn.ATTESTATIONS,
    (Leg.BACK, Stage.SUBMIT): WaitingOn.NOTHING,
    (Leg.BACK, Stage.TRACK): WaitingOn.INCLUSION,
    (Leg.BACK, Stage.CONFIRM): WaitingOn.SOURCE_FINALITY,
    (Leg.BACK, Stage.PARKED): WaitingOn.OPERATOR,
}


_UPSTREAM = {
    Stage.SURVEY: (Stage.SURVEY,),
    Stage.SETTLE: (Stage.SETTLE,),
    Stage.CHECK: (Stage.CHECK,),
    Stage.PROVE: (Stage.PROVE,),
    Stage.ATTEST: (Stage.PROVE, Stage.ATTEST),
    Stage.SUBMIT: (Stage.PROVE, Stage.ATTEST, Stage.SUBMIT),
    Stage.TRACK: (Stage.TRACK,),
    Stage.CONFIRM: (Stage.CONFIRM,),
    Stage.OBSERVE: (),
    Stage.PARKED: (),
}
"""Stage -> the stages whose batches wait when it rests."""


class Draft:
    """The state under change and the changes to save."""

    def __init__(self, state: LaneState, at_s: float) -> None:
        self.state = _copy(state)
        """Ours alone until `finish`: it changes under `set`."""
        self._before = state
        self.at_s = at_s
        self.queues = dict(state.queues)
        self.busy = dict(state.busy)
        self.inserted: list[Message] = []
        self.moved: list[Move] = []
        self.cursors: dict[Leg, Cursor] = {}
        self.starts_over = False

    def finish(self) -> tuple[LaneState, Changes]:
        """Return the next state and the changes to save. The draft must not be used any more."""
        self.set(queues=self.queues, busy=self.busy)
        state, before = self.state, self._before
        is_same = (state.halted, state.violated) == (before.halted, before.violated)
        changes = Changes(
            cursors=tuple(self.cursors.items()),
            inserted=tuple(self.inserted),
            moved=tuple(self.moved),
            halt=None if is_same else Halt(reason=state.halted, violated=state.violated),
            starts_over=self.starts_over,
        )
        return state, changes

    def set(self, **fields: Any) -> None:
        """Change fields of the state other than the batches."""
        for name, value in fields.items():
            object.__setattr__(self.state, name, value)

    def set_leg(self, leg: Leg, **fields: Any) -> None:
        """Replace fields of one leg."""
        changed: LegState = replace(self.state.leg(leg), **fields)
        self.set(**{leg.value: changed})

    def enter(self, batch: Batch, stage: Stage, *, move: Move | None = None, front: bool = False) -> None:
        """Put a batch into a stage's queue and record the move; None records what the stage needs next."""
        self.put(batch, stage, front=front)
        self.moved.append(move_of(self, batch, stage) if move is None else move)

    def put(self, batch: Batch, stage: Stage, *, front: bool = False) -> None:
        """Put a batch into a stage's queue; on an ordered lane at its place, and without holes."""
        slot = (batch.leg, stage)
        queue = self.queues.get(slot, ())
        if self.state.params.ordered:
            both = (*queue, *_without_holes(self, batch))
            self.queues[slot] = tuple(sorted(both, key=lambda each: each.sequences[0]))
        else:
            self.queues[slot] = (batch, *queue) if front else (*queue, batch)

    def leave(self, leg: Leg, stage: Stage, ids: Iterable[int]) -> None:
        """Take batches out of a stage's queue."""
        gone = set(ids)
        slot = (leg, stage)
        self.queues[slot] = tuple([batch for batch in self.queues.get(slot, ()) if batch.id not in gone])

    def drop(self, leg: Leg, stage: Stage, batch: Batch) -> None:
        """Note that a batch is no longer in flight in a stage."""
        slot = (leg, stage)
        self.busy[slot] = tuple([other for other in self.busy.get(slot, ()) if other.id != batch.id])

    def done(self, leg: Leg, stage: Stage, batch: Batch) -> None:
        """Note that a batch is no longer in flight in a stage, which works and so rests no more."""
        self.drop(leg, stage, batch)
        slot = (leg, stage)
        if slot in self.state.pauses:
            self.set(pauses={key: pause for key, pause in self.state.pauses.items() if key != slot})


def _without_holes(draft: Draft, batch: Batch) -> list[Batch]:
    """Return the batch, cut into batches of neighbouring sequences where it has holes."""
    if batch.sequences[-1] - batch.sequences[0] == len(batch) - 1:
        return [batch]
    parts = consecutive(batch.claims)
    first_id = draft.state.next_id
    draft.set(next_id=first_id + len(parts))
    return [reclaimed(batch, part, first_id + place) for place, part in enumerate(parts)]


def _copy(state: LaneState) -> LaneState:
    """Return a copy that a draft may change: one copy an event, instead of one for each field."""
    copy = object.__new__(LaneState)
    for name in LaneState.__slots__:
        object.__setattr__(copy, name, getattr(state, name))
    return copy


def move_of(
    draft: Draft,
    batch: Batch,
    stage: Stage,
    *,
    reason: str = "",
    waiting_on: WaitingOn | None = None,
    acknowledgements: tuple[tuple[bytes, ...], ...] | None = None,
) -> Move:
    """Return the record of a batch that is now in this stage: what it needs next, or why the stage rests."""
    pause = _pause_of(draft.state, batch.leg, stage)
    hold = draft.state.holds.get(batch.leg) if stage in HELD_STAGES else None
    if waiting_on is None and pause is not None:
        waiting_on, reason = pause.waiting_on, reason or pause.reason
    elif waiting_on is None and hold is not None and hold.holds(batch):
        waiting_on, reason = hold.waiting_on, reason or hold.reason
    return Move(
        sequences=batch.sequences,
        state=batch.state,
        at_s=draft.at_s,
        waiting_on=_needs(draft, batch, stage) if waiting_on is None else waiting_on,
        reason=reason or batch.note,
        next_action_s=max(batch.ready_s, 0.0 if pause is None else pause.until_s),
        attempts=batch.attempts,
        delivery=batch.submission if batch.leg is Leg.OUT else None,
        delivered_by=batch.delivered_by or None,
        acknowledgements=acknowledgements,
    )


def _needs(draft: Draft, batch: Batch, stage: Stage) -> WaitingOn:
    """Return what a batch in this stage waits for when nothing is wrong."""
    if stage is Stage.CHECK and batch.turn_s > draft.at_s:
        return WaitingOn.TURN
    if stage is Stage.ATTEST and draft.state.params.light_client:
        return WaitingOn.EVIDENCE
    return _WAITS_FOR[batch.leg, stage]


def _pause_of(state: LaneState, leg: Leg, stage: Stage) -> Pause | None:
    """Return the pause that holds up batches in this stage: its own, or that of a stage behind it."""
    for resting, held in _UPSTREAM.items():
        if stage in held and (leg, resting) in state.pauses:
            return state.pauses[leg, resting]
    return None


def in_state(draft: Draft, batch: Batch, state: State) -> Batch:
    """Return the batch in another state, since now; the same batch when it is there already."""
    return batch if batch.state is state else replace(batch, state=state, since_s=draft.at_s)


def new_batch(draft: Draft, leg: Leg, claims: Sequence[Claim], state: State) -> Batch:
    """Return a new batch of these claims (at least one)."""
    batch_id = draft.state.next_id
    draft.set(next_id=batch_id + 1)
    return batch_of(batch_id=batch_id, leg=leg, claims=claims, state=state, at_s=draft.at_s)


def split(draft: Draft, batch: Batch, flags: Sequence[bool]) -> tuple[Batch | None, Batch | None]:
    """Return the part whose flag is true and the part whose flag is false; None for an empty part.

    A whole batch stays as it is; of a cut batch, both parts lose proofs and signatures, which are about the
    whole list.
    """
    if all(flags):
        return batch, None
    if not any(flags):
        return None, batch
    pairs = list(zip(batch.claims, flags, strict=True))
    second = draft.state.next_id
    draft.set(next_id=second + 1)
    return (
        reclaimed(batch, [claim for claim, flag in pairs if flag], batch.id),
        reclaimed(batch, [claim for claim, flag in pairs if not flag], second),
    )


def again(draft: Draft, batch: Batch, note: str) -> Batch:
    """Return the batch with one more attempt counted, resting for as long as the backoff says."""
    attempts = batch.attempts + 1
    rest_s = delay_s(draft.state.limits.backoff_s, attempts)
    return replace(batch, attempts=attempts, ready_s=draft.at_s + rest_s, note=note)


def with_turn(draft: Draft, batch: Batch, due_s: float) -> Batch:
    """Return a batch that became deliverable at `due_s` with our turn, and with our first look at it."""
    params, limits = draft.state.params, draft.state.limits
    ours_s = turn_s(params.rank, params.takeover_s, due_s)
    look_s = min(ours_s, draft.at_s + limits.standby_s) if ours_s > draft.at_s else batch.ready_s
    return replace(batch, turn_s=ours_s, ready_s=look_s)


def end(
    draft: Draft, batch: Batch, state: State, *, reason: str = "", delivered_by: str | None = None
) -> None:
    """Let all messages of a batch end; nothing of them is kept but the count."""
    current = draft.state
    if state is State.REFUNDED and current.params.ordered and not current.broken_at:
        draft.set(broken_at=batch.sequences[0])
    count_ended(draft, state, len(batch))
    draft.set(
        packets=current.packets.without(batch.sequences),
        acknowledged=current.acknowledged.without(batch.sequences),
    )
    draft.moved.append(
        Move(
            sequences=batch.sequences,
            state=state,
            at_s=draft.at_s,
            reason=reason,
            attempts=batch.attempts,
            delivered_by=delivered_by,
        )
    )


def count_ended(draft: Draft, state: State, count: int) -> None:
    """Count messages that ended."""
    ended = draft.state.ended
    draft.set(ended={**ended, state: ended.get(state, 0) + count})


def park(draft: Draft, batch: Batch, reason: str) -> None:
    """Put a batch aside until a person retries it, or until its timeout has passed.

    A timeout or an acknowledgement that is parked keeps its leg, so a retry goes on from there.
    """
    parked = replace(in_state(draft, batch, State.PARKED), ready_s=0.0, note=reason, suspect=False)
    draft.enter(parked, Stage.PARKED)


def halt(draft: Draft, reason: str, *, violated: bool) -> None:
    """Stop the lane until a person lets it go on. The first reason stays."""
    if not draft.state.halted:
        draft.set(halted=reason, last_error=reason, last_error_s=draft.at_s)
    draft.set(violated=draft.state.violated or violated)


def home_state(batch: Batch) -> State:
    """Return the state of a batch that is (again) before its proof."""
    if batch.leg is Leg.OUT:
        return State.OBSERVED
    return State.EXPIRED if is_timeout(batch) else State.DELIVERED


def restart(draft: Draft, batch: Batch, stage: Stage) -> None:
    """Let a batch begin again at `stage`, without what belonged to its last try."""
    draft.enter(in_state(draft, batch, home_state(batch)), stage)


def rest(
    draft: Draft, leg: Leg, stage: Stage, waiting_on: WaitingOn, reason: str, retry_s: float | None
) -> None:
    """Let a stage rest after a failure; all that waits at or before it is told the reason."""
    slot = (leg, stage)
    before = draft.state.pauses.get(slot)
    tries = before.tries + 1 if before is not None else 1
    wait_s = delay_s(draft.state.limits.backoff_s, tries) if retry_s is None else retry_s
    pause = Pause(until_s=draft.at_s + wait_s, tries=tries, waiting_on=waiting_on, reason=reason)
    draft.set(pauses={**draft.state.pauses, slot: pause}, last_error=reason, last_error_s=draft.at_s)
    if before is None or (before.waiting_on, before.reason) != (waiting_on, reason):
        _announce(draft, leg, stage)


def _announce(draft: Draft, leg: Leg, stage: Stage) -> None:
    for held in _UPSTREAM[stage]:
        for batch in draft.queues.get((leg, held), ()):
            draft.moved.append(move_of(draft, batch, held))
