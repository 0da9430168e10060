"""From a proven list to a decided transaction. Only `checking` says that a message was delivered."""

from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

from adapters.api import Included, Lost, Pending, SubmissionStatus
from relays.core.batch import Batch, unproven
from relays.core.draft import Draft, again, in_state, move_of, rest, restart
from relays.core.events import Followed, Handed, Signed, Started
from relays.core.lane import Slot, Stage
from relays.core.steps import Attest, Check, Observe, Prove, Submit, Track
from relays.core.types import Leg, State, WaitingOn


def started(draft: Draft, event: Started) -> None:
    """Note that a step is in flight; for a submission this is the intent that is saved before it leaves."""
    step = event.step
    match step:
        case Observe(leg=leg):
            draft.set_leg(leg, observing=True)
        case Track(leg=leg, head=head):
            draft.set_leg(leg, tracking=True, tracked_head=head, tracked_s=draft.at_s)
        case Check(leg=leg, stage=stage, batches=batches):
            _take(draft, (leg, stage), [batch.id for batch in batches], batches)
        case Prove():
            _proving(draft, step)
        case Attest(leg=leg, batch=batch):
            _take(draft, (leg, Stage.ATTEST), [batch.id], [batch])
        case Submit():
            batch = _submitted(draft, step.batch)
            _take(draft, (step.leg, Stage.SUBMIT), [batch.id], [batch])
            draft.moved.append(move_of(draft, batch, Stage.TRACK))
        case _:
            assert_never(step)


def _proving(draft: Draft, step: Prove) -> None:
    """Note the list in flight, and whether old or fresh messages had their turn."""
    leg, run = step.leg, draft.state.leg(step.leg).fresh_run
    draft.set_leg(leg, fresh_run=0 if step.batch.old else run + 1)
    batch = step.batch if leg is Leg.BACK else in_state(draft, step.batch, State.PROVING)
    _take(draft, (leg, Stage.PROVE), step.parts, [batch])
    if leg is Leg.OUT:
        draft.moved.append(move_of(draft, batch, Stage.PROVE))


def _take(draft: Draft, slot: Slot, waiting: Sequence[int], batches: Sequence[Batch]) -> None:
    """Take the waiting batches of these ids out of a stage's queue; these are in flight instead."""
    draft.leave(*slot, waiting)
    draft.busy[slot] = (*draft.busy.get(slot, ()), *batches)


def _submitted(draft: Draft, batch: Batch) -> Batch:
    return in_state(draft, batch, State.SUBMITTED) if batch.leg is Leg.OUT else batch


def signed(draft: Draft, event: Signed) -> None:
    """A list has its evidence: it may be submitted."""
    batch = event.step.batch
    draft.done(batch.leg, Stage.ATTEST, batch)
    ready = replace(batch, evidence=event.evidence, ready_s=0.0)
    if batch.leg is Leg.OUT:
        ready = in_state(draft, ready, State.SCHEDULED)
    draft.enter(ready, Stage.SUBMIT)


def handed(draft: Draft, event: Handed) -> None:
    """The chain has the delivery: follow it."""
    batch = event.step.batch
    draft.done(batch.leg, Stage.SUBMIT, batch)
    draft.enter(replace(_submitted(draft, batch), submission=event.submission), Stage.TRACK)


def followed(draft: Draft, event: Followed) -> None:
    """Send each submission where its status sends it."""
    leg = event.step.leg
    draft.set_leg(leg, tracking=False)
    slot = (leg, Stage.TRACK)
    if slot in draft.state.pauses:
        draft.set(pauses={key: pause for key, pause in draft.state.pauses.items() if key != slot})
    status_of = dict(zip(event.step.ids, event.statuses, strict=True))
    for batch in draft.queues.get(slot, ()):
        status = None if batch.submission is None else status_of.get(batch.submission)
        if status is not None and not isinstance(status, Pending):
            draft.leave(leg, Stage.TRACK, (batch.id,))
            _decided(draft, batch, status)


def _decided(draft: Draft, batch: Batch, status: SubmissionStatus) -> None:
    match status:
        case Included(succeeded=True, at=at):
            draft.set_leg(batch.leg, refused_run=0)
            there = replace(unproven(batch), submission=batch.submission, after_height=at.height, note="")
            there = replace(there, delivered_by="self" if batch.leg is Leg.OUT else batch.delivered_by)
            if batch.leg is Leg.OUT:
                there = in_state(draft, there, State.INCLUDED)
            draft.enter(there, Stage.CONFIRM)
        case Included(detail=detail):
            refused(draft, batch, f"reverted: {detail}")
        case Lost(detail=detail):
            restart(draft, again(draft, unproven(batch), f"lost: {detail}"), Stage.CHECK)
        case Pending():
            pass
        case _:
            assert_never(status)


def refused(draft: Draft, batch: Batch, detail: str) -> None:
    """The chain refused a delivery: look whether it still matters, then find the message that is to blame.

    When one delivery after the other is refused, the chain is to blame and not the messages: then nothing is
    cut.
    """
    run = draft.state.leg(batch.leg).refused_run + 1
    draft.set_leg(batch.leg, refused_run=run)
    if run >= draft.state.limits.refused_run:
        restart(draft, replace(unproven(batch), note=detail), Stage.CHECK)
        rest(draft, batch.leg, Stage.SUBMIT, WaitingOn.OPERATOR, detail, None)
    else:
        restart(draft, replace(again(draft, unproven(batch), detail), suspect=True), Stage.CHECK)
