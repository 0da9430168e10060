"""Ordered lanes: what must go first, and who holds up the others.

The packets of an ordered channel are received in the order of their sequences, and acknowledged in that
order too. So of each leg only the list that begins with the next sequence may be proven and submitted: what
does not get on holds all behind it, and they say which sequence it is. Nothing is ever skipped.

A timeout closes such a channel. Then nothing more is received: what is behind goes back when its own time is
up, or when the destination's end is closed as well.

Implements: ICS-4 (ordered channels), as ibc-go does.
"""

from collections.abc import Callable, Iterator

from relays.core.batch import Batch, is_timeout
from relays.core.draft import Draft, move_of
from relays.core.lane import HELD_STAGES, Hold, LaneState, Stage
from relays.core.types import Leg, WaitingOn


def in_order(state: LaneState, leg: Leg) -> Callable[[Batch], bool]:
    """Return the test for lists that may go on as far as order goes; on other lanes all may."""
    if not state.params.ordered:
        return lambda _: True
    following = next_sequence(state, leg)
    if leg is Leg.OUT:
        return lambda batch: not state.broken_at and batch.sequences[0] == following
    return lambda batch: batch.sequences[0] == following or bool(state.broken_at and is_timeout(batch))


def next_sequence(state: LaneState, leg: Leg) -> int | None:
    """Return the sequence that must go first on this leg, None when nothing is open there."""
    if leg is Leg.BACK:
        firsts = [state.packets.first(), state.disputed.first()]
    else:
        firsts = [state.disputed.first(), *[batch.sequences[0] for _, batch in _undelivered(state)]]
    return min([first for first in firsts if first is not None], default=None)


def _undelivered(state: LaneState) -> Iterator[tuple[Stage, Batch]]:
    """Yield lists whose packets the destination is not known to have received, with their stages."""
    for slots in (state.queues, state.busy):
        for (leg, stage), batches in slots.items():
            for batch in batches:
                if leg is Leg.OUT or is_timeout(batch):
                    yield stage, batch


def tell_holds(draft: Draft) -> None:
    """Record on the lists that wait behind another sequence why they do, when that has changed."""
    if not draft.state.params.ordered:
        return
    draft.set(queues=draft.queues, busy=draft.busy)
    for leg in Leg:
        before, hold = draft.state.holds.get(leg), _hold(draft.state, leg)
        if hold == before:
            continue
        draft.set(holds={**draft.state.holds, leg: hold})
        for stage in HELD_STAGES:
            for batch in draft.queues.get((leg, stage), ()):
                if any(each is not None and each.holds(batch) for each in (hold, before)):
                    draft.moved.append(move_of(draft, batch, stage))


def _hold(state: LaneState, leg: Leg) -> Hold | None:
    """Return who holds up a leg, and why; None when it goes on by itself."""
    if leg is Leg.OUT and state.broken_at:
        why = f"ordered: sequence {state.broken_at} timed out, which closed the channel"
        return Hold(sequence=state.broken_at, reason=why, waiting_on=WaitingOn.OPERATOR)
    first = next_sequence(state, leg)
    if first is None:
        return None
    trouble, needs = _trouble(state, leg, first)
    why = f"ordered: waits for sequence {first}, {trouble}"
    return Hold(sequence=first, reason=why, waiting_on=needs) if trouble else None


def _trouble(state: LaneState, leg: Leg, first: int) -> tuple[str, WaitingOn | None]:
    """Return what keeps the next sequence of a leg for long, and who can help; empty when nothing does."""
    if first in state.disputed:
        return "which is read again", WaitingOn.SOURCE_RPC
    places = [
        (stage, batch)
        for slots in (state.queues, state.busy)
        for (_, stage), batches in slots.items()
        for batch in batches
        if batch.sequences[0] <= first <= batch.sequences[-1]
    ]
    if not places:
        return "which has no acknowledgement yet", WaitingOn.ACKNOWLEDGEMENT
    stage, batch = places[0]
    match stage:
        case Stage.PARKED:
            return f"which is parked: {batch.note}", WaitingOn.OPERATOR
        case Stage.CONFIRM if batch.held:
            return "which is too near its timeout to be sent", WaitingOn.DESTINATION_FINALITY
        case _ if leg is not batch.leg:
            return ("whose timeout goes back" if leg is Leg.OUT else "which is not delivered"), None
        case _:
            return "", None
