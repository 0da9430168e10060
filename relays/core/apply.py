"""What an event makes of a lane: `apply(state, event)` returns the next state and the changes to save. Pure.

The functions behind it are grouped by what happened: `observing`, `checking`, `judging`, `delivering`,
`failing`. Cost is in proportion to the list that an event is about, never to the number of open messages.
"""

from dataclasses import replace
from typing import assert_never

from adapters.api import ChainStatus
from proofs.types import BlockRef
from relays.core.batch import unproven
from relays.core.checking import checked, destination_closed, recheck, sweep
from relays.core.delivering import followed, handed, signed, started
from relays.core.draft import Draft, halt, restart, split
from relays.core.events import (
    AcknowledgementsSeen,
    BlockRefused,
    Checked,
    CursorLost,
    DestinationClosed,
    Event,
    Failed,
    Followed,
    Halted,
    Handed,
    HeadsRead,
    Judged,
    OutcomeEvent,
    PacketsSeen,
    Resumed,
    Retried,
    Signed,
    Started,
    Violated,
)
from relays.core.failing import failed
from relays.core.judging import block_refused, judged, read_answer_again
from relays.core.lane import LaneState, Stage
from relays.core.observing import acknowledgements_seen, cursor_lost, packets_seen, read_again_from
from relays.core.order import tell_holds
from relays.core.types import Changes, Leg


def apply(state: LaneState, event: Event) -> tuple[LaneState, Changes]:
    """Return the state after the event and what must be saved."""
    draft = Draft(state, event.at_s)
    match event:
        case HeadsRead():
            _heads_read(draft, event)
        case Started():
            started(draft, event)
        case DestinationClosed(height=height):
            destination_closed(draft, height)
        case Violated(chain=chain, detail=detail):
            halt(draft, f"contradiction on {chain}: {detail}", violated=True)
        case Halted(reason=reason):
            halt(draft, reason, violated=False)
        case Resumed():
            draft.starts_over = draft.state.violated
            draft.set(halted="", violated=False, pauses={})
        case Retried():
            _retried(draft, event)
        case _:
            _came_of(draft, event)
    tell_holds(draft)
    return draft.finish()


def _came_of(draft: Draft, event: OutcomeEvent) -> None:
    """Take in what came of a step."""
    match event:
        case PacketsSeen() | AcknowledgementsSeen() | CursorLost():
            _observed(draft, event)
        case Checked():
            checked(draft, event)
        case Judged():
            judged(draft, event)
        case BlockRefused():
            block_refused(draft, event)
        case Signed():
            signed(draft, event)
        case Handed():
            handed(draft, event)
        case Followed():
            followed(draft, event)
        case Failed():
            failed(draft, event)
        case _:
            assert_never(event)


def _observed(draft: Draft, event: PacketsSeen | AcknowledgementsSeen | CursorLost) -> None:
    """Take in what was read from blocks."""
    match event:
        case PacketsSeen():
            packets_seen(draft, event)
        case AcknowledgementsSeen():
            acknowledgements_seen(draft, event)
        case CursorLost():
            cursor_lost(draft, event)
        case _:
            assert_never(event)


def _heads_read(draft: Draft, event: HeadsRead) -> None:
    """Take in newer heads; time passes on the destination."""
    if event.source is not None:
        _check_cursor(draft, Leg.OUT, event.source, event.sure)
        draft.set(source=_newer(draft.state.source, event.source))
    if event.destination is not None:
        _check_cursor(draft, Leg.BACK, event.destination, event.sure)
        draft.set(destination=_newer(draft.state.destination, event.destination))
    state = draft.state
    if state.source is not None and state.old_up_to is None:
        draft.set(old_up_to=state.source.finalized.height)
    if state.destination is not None:
        sweep(draft)
    recheck(draft)


def _check_cursor(draft: Draft, leg: Leg, read: ChainStatus, sure: BlockRef | None) -> None:
    """At the first head of a run: what was read above it, and above all that is sure, is read again."""
    cursor = draft.state.leg(leg).cursor
    if draft.state.proving(leg) is not None or cursor is None or sure is None:
        return
    if max(read.finalized.height, sure.height) < cursor.height:
        read_again_from(draft, leg, sure)


def _newer(known: ChainStatus | None, read: ChainStatus) -> ChainStatus:
    """Return the status to go by: finality never goes back, and a block at its height is not replaced.

    Whether such a block is a lie or a violation is for the chain's head reader to find out.
    """
    if known is None or read.finalized.height > known.finalized.height or read.finalized == known.finalized:
        return read
    return known


def _retried(draft: Draft, event: Retried) -> None:
    """Start parked messages again with all their attempts."""
    for leg in Leg:
        for batch in draft.queues.get((leg, Stage.PARKED), ()):
            flags = [not event.sequences or sequence in event.sequences for sequence in batch.sequences]
            if not any(flags):
                continue
            draft.leave(leg, Stage.PARKED, (batch.id,))
            wanted, others = split(draft, batch, flags)
            if others is not None:
                draft.enter(others, Stage.PARKED)
            if wanted is None:
                continue
            fresh = replace(unproven(wanted), attempts=0, note="", ready_s=0.0)
            if leg is Leg.BACK and wanted.sequences[0] in draft.state.acknowledged:
                read_answer_again(draft, fresh)
            else:
                restart(draft, fresh, Stage.CHECK)
