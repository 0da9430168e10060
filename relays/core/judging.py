"""What follows from verdicts: the only place where a claim becomes something that may be delivered.

A claim that was accepted goes on with its proof. A claim that trusted evidence refuted is not tried again as
it is. Evidence that is merely bad says nothing about the claim: it is fetched again, and only after many
attempts is the message parked.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from proofs.types import Acknowledged, Claim, NotReceived, Proven, Sent
from proofs.verdict import Accepted, NotEnoughTrust, Reason, Rejected, Verdict
from relays.core.batch import Batch, reclaimed, unproven
from relays.core.draft import Draft, again, halt, home_state, in_state, park, rest, split
from relays.core.events import BlockRefused, Judged
from relays.core.lane import Stage
from relays.core.observing import dispute, rescan
from relays.core.types import Leg, State, WaitingOn

_Verdict = Verdict[Proven[Claim]]


def judged(draft: Draft, event: Judged) -> None:
    """Send each claim of the list where its verdict sends it."""
    batch, verdicts = event.step.batch, event.verdicts
    draft.done(batch.leg, Stage.PROVE, batch)
    if draft.state.params.ordered:
        batch, verdicts = _in_order(draft, batch, verdicts)
    proven = tuple([verdict.value for verdict in verdicts if isinstance(verdict, Accepted)])
    if proven:
        _go_on(draft, _picked(draft, batch, [isinstance(verdict, Accepted) for verdict in verdicts]), proven)
    if len(proven) == len(batch):
        return
    for reason in Reason:
        refused = [isinstance(verdict, Rejected) and verdict.reason is reason for verdict in verdicts]
        if any(refused):
            _refused(draft, _picked(draft, batch, refused), reason, _detail(verdicts, reason))
    undecided = [isinstance(verdict, NotEnoughTrust) for verdict in verdicts]
    if any(undecided):
        draft.enter(
            again(draft, _at_home(draft, _picked(draft, batch, undecided)), "not-enough-trust"), Stage.PROVE
        )


def _in_order(draft: Draft, batch: Batch, verdicts: Sequence[_Verdict]) -> tuple[Batch, Sequence[_Verdict]]:
    """Return what may be judged on an ordered lane: up to the first claim that was not accepted.

    What comes behind it is proven again when that one is through.
    """
    bad = [place for place, verdict in enumerate(verdicts) if not isinstance(verdict, Accepted)]
    judgeable = bad[0] + 1 if bad else len(batch)
    first, behind = split(draft, batch, [place < judgeable for place in range(len(batch))])
    if first is None or behind is None:
        return batch, verdicts
    draft.enter(_at_home(draft, behind), Stage.PROVE)
    return first, verdicts[:judgeable]


def block_refused(draft: Draft, event: BlockRefused) -> None:
    """Wait when the block is not trusted, at which nothing can be judged; halt when it contradicts."""
    batch, verdict = event.step.batch, event.verdict
    draft.drop(batch.leg, Stage.PROVE, batch)
    if isinstance(verdict, NotEnoughTrust):
        reason = f"not-enough-trust: {verdict.have} of {verdict.need}"
    else:
        reason = f"{verdict.reason.value}: {verdict.detail}"
    rest(draft, batch.leg, Stage.PROVE, WaitingOn.PROOF, reason, None)
    draft.enter(_at_home(draft, batch), Stage.PROVE, front=True)
    if isinstance(verdict, Rejected) and verdict.reason is Reason.CONTRADICTION:
        halt(draft, reason, violated=True)


def _at_home(draft: Draft, batch: Batch) -> Batch:
    return in_state(draft, batch, home_state(batch))


def _go_on(draft: Draft, batch: Batch, proven: tuple[Proven[Claim], ...]) -> None:
    state = State.VERIFIED if batch.leg is Leg.OUT else home_state(batch)
    verified = replace(
        in_state(draft, batch, state), proven=proven, proven_s=draft.at_s, ready_s=0.0, note=""
    )
    draft.enter(verified, Stage.ATTEST)


def _detail(verdicts: Sequence[_Verdict], reason: Reason) -> str:
    """Return the code and the sentence of the first rejection for this reason."""
    details = [
        verdict.detail for verdict in verdicts if isinstance(verdict, Rejected) and verdict.reason is reason
    ]
    return f"{reason.value}: {details[0]}"


def _picked(draft: Draft, batch: Batch, flags: Sequence[bool]) -> Batch:
    """Return the flagged claims (at least one) as a batch of their own."""
    if all(flags):
        return batch
    batch_id = draft.state.next_id
    draft.set(next_id=batch_id + 1)
    return reclaimed(
        batch, [claim for claim, flag in zip(batch.claims, flags, strict=True) if flag], batch_id
    )


def _refused(draft: Draft, batch: Batch, reason: Reason, detail: str) -> None:
    """Act on a rejection, by what it says about the claims."""
    act = _REFUTED.get((type(batch.claims[0]), reason))
    if act is not None:
        act(draft, batch, detail)
    elif batch.attempts >= draft.state.limits.attempts:
        park(draft, batch, detail)
    else:
        draft.enter(again(draft, _at_home(draft, batch), detail), Stage.PROVE)


def _gone(draft: Draft, batch: Batch, detail: str) -> None:
    """No commitment on the source: it was never there, or others have finished the message."""
    draft.enter(replace(in_state(draft, batch, State.OBSERVED), ready_s=0.0, note=detail), Stage.SETTLE)


def _was_received(draft: Draft, batch: Batch, detail: str) -> None:
    """Proven: the packet was received after all. The OUT leg takes it back and confirms."""
    claims: list[Claim] = [Sent(packet=claim.packet) for claim in batch.claims]
    returned = replace(
        reclaimed(again(draft, batch, detail), claims, batch.id), leg=Leg.OUT, delivered_by="other"
    )
    draft.enter(in_state(draft, returned, State.INCLUDED), Stage.CONFIRM)


def _other_answer(draft: Draft, batch: Batch, detail: str) -> None:
    """The acknowledgement that we were told of is not the one in the destination's state: read it again."""
    if batch.attempts >= draft.state.limits.attempts:
        park(draft, batch, detail)
        return
    read_answer_again(draft, again(draft, batch, detail))


def read_answer_again(draft: Draft, batch: Batch) -> None:
    """Give delivered messages back to the OUT leg, to be confirmed and to get their acknowledgements anew."""
    state = draft.state
    heights = [seen.height for seen in map(state.acknowledged.get, batch.sequences) if seen is not None]
    draft.set(acknowledged=state.acknowledged.without(batch.sequences))
    rescan(draft, Leg.BACK, heights)
    claims: list[Claim] = [Sent(packet=claim.packet) for claim in batch.claims]
    returned = reclaimed(unproven(batch), claims, batch.id)
    returned = replace(returned, leg=Leg.OUT, delivered_by=batch.delivered_by or "other", suspect=False)
    draft.enter(in_state(draft, returned, State.INCLUDED), Stage.CONFIRM)


_REFUTED: dict[tuple[type[Claim], Reason], Callable[[Draft, Batch, str], None]] = {
    (Sent, Reason.ABSENT): _gone,
    (Sent, Reason.WRONG_VALUE): dispute,
    (Acknowledged, Reason.ABSENT): _other_answer,
    (Acknowledged, Reason.WRONG_VALUE): _other_answer,
    (NotReceived, Reason.PRESENT): _was_received,
}
"""Verdicts that speak about the claim itself, and what they mean. All others speak about the evidence."""
