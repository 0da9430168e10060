"""When it is too late for a packet: by time, by height, or because the destination's end is closed.

Whether a packet may still be received is the destination's word alone, so every question is about a moment
of the destination: a block that it has finalized, or the latest that its head may have come to.
"""

from dataclasses import dataclass

from proofs import codec
from proofs.types import BlockRef, Packet
from relays.core.batch import Batch
from relays.core.lane import LaneState


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A moment of the destination, as far as timeouts go."""

    revision: int
    height: int
    time_s: int
    closed: bool
    """Its end of the channel is closed: nothing is received any more."""


def at_block(state: LaneState, at: BlockRef, time_s: int) -> Moment:
    """Return the moment of a finalized block of the destination."""
    return Moment(
        revision=codec.revision_of(state.params.lane.destination),
        height=at.height,
        time_s=time_s,
        closed=state.closed_at is not None and at.height >= state.closed_at,
    )


def horizon(state: LaneState, now_s: float) -> Moment:
    """Return the moment up to which nothing is sent any more: what the head may be at, and a margin."""
    status, limits = state.destination, state.limits
    time_s = now_s if status is None else max(now_s, status.finalized_time_s)
    return Moment(
        revision=codec.revision_of(state.params.lane.destination),
        height=0 if status is None else status.head.height + limits.timeout_margin_blocks,
        time_s=int(time_s + limits.timeout_margin_s),
        closed=state.closed_at is not None,
    )


def is_late(packet: Packet, moment: Moment) -> bool:
    """Say whether the packet may not be received at this moment any more."""
    return moment.closed or codec.timed_out(
        packet, height=moment.height, revision=moment.revision, time_s=moment.time_s
    )


def reached(batch: Batch, moment: Moment) -> bool:
    """Say whether it is too late for at least one packet of the batch."""
    by_height = (moment.revision, moment.height) >= batch.deadline_height
    return moment.closed or by_height or moment.time_s >= batch.deadline_s
