"""What follows from a look at the state of the chain that must act: the only things that end a message.

A receipt of a transaction never counts as delivery. Deliveries by others are found here and are as good as
ours.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from proofs.codec import NEVER_S
from proofs.limits import MAX_UINT64
from proofs.types import Height, Sent
from relays.core.batch import Batch, is_timeout, unproven
from relays.core.draft import Draft, again, end, in_state, move_of, new_batch, park, restart, split
from relays.core.events import Checked
from relays.core.lane import Awaited, LaneState, Stage
from relays.core.observing import delivered, expired, give_up, rescan
from relays.core.steps import Check
from relays.core.timeouts import Moment, at_block, horizon, is_late, reached
from relays.core.types import Leg, State


def checked(draft: Draft, event: Checked) -> None:
    """Send each claim where the chain's state sends it."""
    step, outstanding = event.step, iter(event.outstanding)
    for batch in step.batches:
        draft.done(step.leg, step.stage, batch)
        standing, gone = split(draft, batch, list(islice(outstanding, len(batch))))
        match step.stage:
            case Stage.SURVEY:
                _surveyed(draft, standing, gone)
            case Stage.SETTLE:
                _settled(draft, step, standing, gone)
            case Stage.CONFIRM:
                _confirmed(draft, step, standing, gone)
            case _:
                _looked(draft, step, standing, gone)


def _surveyed(draft: Draft, standing: Batch | None, gone: Batch | None) -> None:
    """Old messages: those whose commitment stands are to be finished, somebody finished the others."""
    if standing is not None:
        draft.enter(standing, Stage.CHECK)
    if gone is not None:
        draft.enter(gone, Stage.SETTLE)


def _settled(draft: Draft, step: Check, not_received: Batch | None, received: Batch | None) -> None:
    """The commitment is gone: the receipt, or its lack when it is too late, says how the message ended."""
    if received is not None:
        end(draft, received, State.ACKNOWLEDGED, delivered_by=received.delivered_by or "other")
    if not_received is None:
        return
    moment = at_block(draft.state, step.at, step.time_s)
    refunded, unclear = split(draft, not_received, _late(not_received, moment))
    if refunded is not None:
        end(draft, refunded, State.REFUNDED, delivered_by="other", reason=refunded.note)
    if unclear is None:
        return
    if unclear.attempts < draft.state.limits.attempts:
        draft.enter(again(draft, unclear, unclear.note), Stage.SETTLE)
    elif unclear.note:
        give_up(draft, unclear, unclear.note)
    else:
        park(draft, unclear, "no-commitment: gone from the source before its timeout, and not received")


def _looked(draft: Draft, step: Check, standing: Batch | None, gone: Batch | None) -> None:
    """At the head of the acting chain: what is gone there was delivered, the rest is ours in our turn."""
    if gone is not None:
        by = gone.delivered_by or "other"
        state = State.INCLUDED if step.leg is Leg.OUT else gone.state
        there = replace(
            unproven(gone), after_height=step.at.height, delivered_by=by, ready_s=0.0, suspect=False
        )
        draft.enter(in_state(draft, there, state), Stage.CONFIRM)
    if standing is None:
        return
    if standing.suspect and gone is None:
        _bisect(draft, standing)
    elif standing.turn_s > draft.at_s:
        next_s = min(standing.turn_s, draft.at_s + draft.state.limits.standby_s)
        waiting = replace(standing, ready_s=next_s)
        draft.put(waiting, Stage.CHECK)
    else:
        restart(draft, replace(unproven(standing), suspect=False), Stage.PROVE)


def _bisect(draft: Draft, batch: Batch) -> None:
    """The chain refused this list and all of it matters: cut it in half; one alone is tried a few times."""
    batch = replace(unproven(batch), suspect=False)
    if len(batch) == 1:
        if batch.attempts >= draft.state.limits.refusals:
            park(draft, batch, batch.note)
        else:
            restart(draft, batch, Stage.PROVE)
        return
    half = len(batch) // 2
    for part in split(draft, batch, [index < half for index in range(len(batch))]):
        if part is not None:
            restart(draft, replace(part, attempts=1, ready_s=0.0), Stage.PROVE)


def _confirmed(draft: Draft, step: Check, standing: Batch | None, gone: Batch | None) -> None:
    """At a finalized block of the acting chain: what is gone there has ended on this leg, for good."""
    if step.leg is Leg.OUT:
        if gone is not None:
            delivered(draft, gone)
        if standing is not None:
            _not_delivered(draft, step, standing)
        return
    if gone is not None:
        state = State.REFUNDED if is_timeout(gone) else State.ACKNOWLEDGED
        end(draft, gone, state, reason="", delivered_by=None)
    if standing is not None:
        _not_settled(draft, standing)


def _not_settled(draft: Draft, batch: Batch) -> None:
    """The source took an answer and kept the commitment: its application refuses. Every try is paid for."""
    note = "no-effect: the commitment still stands"
    if batch.attempts >= draft.state.limits.attempts:
        park(draft, unproven(batch), note)
    else:
        restart(draft, again(draft, unproven(batch), note), Stage.CHECK)


def _not_delivered(draft: Draft, step: Check, batch: Batch) -> None:
    """No receipt in finalized state: refund what is too late, wait for what is nearly, resend the rest."""
    moment = at_block(draft.state, step.at, step.time_s)
    late, rest = split(draft, batch, _late(batch, moment))
    if late is not None:
        expired(draft, late, closed=moment.closed)
    if rest is None:
        return
    if rest.held:
        hold_until_timeout(draft, rest, rest.state)
    else:
        fresh = replace(again(draft, unproven(rest), "no-effect: not received"), delivered_by="")
        restart(draft, fresh, Stage.CHECK)


def hold_until_timeout(draft: Draft, batch: Batch, state: State) -> None:
    """Keep packets that are too near their timeout to be sent until a finalized block has passed it."""
    held = in_state(draft, replace(unproven(batch), held=True, ready_s=0.0), state)
    reason = _why_held(draft.state, held)
    draft.enter(held, Stage.CONFIRM, move=move_of(draft, held, Stage.CONFIRM, reason=reason))


def _why_held(state: LaneState, batch: Batch) -> str:
    if state.closed_at is not None:
        return f"closed: not sent, the destination's end is closed since block {state.closed_at}"
    revision, height = batch.deadline_height
    times = [f"at {batch.deadline_s}"] if batch.deadline_s < NEVER_S else []
    times += [f"at block {revision}-{height}"] if revision <= MAX_UINT64 else []
    return f"near-timeout: not sent, the first times out {' or '.join(times)}"


def _late(batch: Batch, moment: Moment) -> list[bool]:
    return [is_late(claim.packet, moment) for claim in batch.claims]


def destination_closed(draft: Draft, height: Height) -> None:
    """Nothing is received any more: what is not delivered goes back."""
    if draft.state.closed_at is None:
        draft.set(closed_at=height)
        sweep(draft)


def sweep(draft: Draft) -> None:
    """Take packets that are too near their timeout out of the stages before submission."""
    moment = horizon(draft.state, draft.at_s)
    for stage in (Stage.CHECK, Stage.PROVE, Stage.ATTEST, Stage.SUBMIT, Stage.PARKED):
        near = [batch for batch in draft.queues.get((Leg.OUT, stage), ()) if reached(batch, moment)]
        draft.leave(Leg.OUT, stage, [batch.id for batch in near])
        for batch in near:
            _sweep_batch(draft, batch, stage, moment)


def _sweep_batch(draft: Draft, batch: Batch, stage: Stage, moment: Moment) -> None:
    held, others = split(draft, batch, _late(batch, moment))
    if others is not None:
        if stage in (Stage.ATTEST, Stage.SUBMIT):
            restart(draft, others, Stage.PROVE)
        else:
            draft.enter(others, stage)
    if held is not None:
        state = batch.state if stage is Stage.PARKED else State.OBSERVED
        hold_until_timeout(draft, replace(held, suspect=False), state)


def recheck(draft: Draft) -> None:
    """Look again at delivered messages whose acknowledgement does not come, and at disputed ones."""
    state = draft.state
    if draft.at_s < state.rechecked_s + state.limits.recheck_s:
        return
    draft.set(rechecked_s=draft.at_s)
    if state.disputed and state.out.rescan_from is None:
        lowest = min([doubt.height for _, doubt in state.disputed.items()])
        draft.set_leg(Leg.OUT, rescan_from=lowest)
    late = [
        (sequence, awaited)
        for sequence, awaited in state.awaiting.items()
        if awaited.since_s + state.limits.recheck_s * 4**awaited.attempts <= draft.at_s
    ]
    if late:
        _confirm_again(draft, late)


def _confirm_again(draft: Draft, late: Sequence[tuple[int, Awaited]]) -> None:
    """Ask the destination's state once more, and read its blocks once more."""
    state = draft.state
    rescan(draft, Leg.BACK, [awaited.height for _, awaited in late])
    draft.set(awaiting=state.awaiting.without([sequence for sequence, _ in late]))
    for first in range(0, len(late), state.limits.batch):
        part = late[first : first + state.limits.batch]
        seen = [known for known in (state.packets.get(sequence) for sequence, _ in part) if known is not None]
        batch = new_batch(draft, Leg.OUT, [Sent(packet=known.packet) for known in seen], State.DELIVERED)
        tries = max([awaited.attempts for _, awaited in part]) + 1
        draft.enter(replace(batch, attempts=tries), Stage.CONFIRM)
