"""What people ask of the store: lists, one message, its timeline, counts. Run them with `SqliteStore.read`.

Lists are newest first, in the order in which messages were seen; a cursor is the place of the last one
shown, so pages neither skip nor repeat while new messages arrive.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Label, Select, func, literal_column, select

from gateway.store.changes import ID_HEAD_SIZE, lane_of
from gateway.store.codec import in_ranges
from gateway.store.store import FULL_MESSAGE, message_of
from gateway.store.tables import LANES, MESSAGES, MOVES
from proofs.codec import message_id
from proofs.types import ChainId, Lane
from relays.core.types import ENDS, Message, State

MAX_PAGE = 500
"""Messages of one page."""

MAX_TIMELINE = 1_000
"""Moves of one message that are shown: its newest."""

MIN_PREFIX = 8
"""Hex digits of a message id that suffice to ask for it."""

_SEEN_AT: Label[Any] = literal_column("packets.rowid").label("seen_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which messages a list shows; None is any."""

    lane: Lane | None = None
    state: State | None = None
    source: ChainId | None = None
    destination: ChainId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One message and where it travels."""

    id: bytes
    """32 bytes: `proofs.codec.message_id`."""
    lane: Lane
    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """One move of one message. What is None stayed as it was."""

    at_s: float
    state: str
    waiting_on: str
    reason: str
    attempts: int | None
    delivery: str | None
    delivered_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneTotals:
    """What a lane's messages come to."""

    counts: Mapping[State, int]
    oldest_open_s: float | None
    """When the open message that waits longest came into its state."""


def page(
    connection: Connection, wanted: Wanted, *, cursor: int | None, size: int
) -> tuple[list[Stored], int | None]:
    """Return up to `size` messages after the cursor, newest first, and the next cursor, if any."""
    query = _joined().order_by(_SEEN_AT.desc()).limit(min(size, MAX_PAGE) + 1)
    if cursor is not None:
        query = query.where(literal_column("packets.rowid") < cursor)
    if wanted.lane is not None:
        query = query.where(_is_lane(wanted.lane))
    if wanted.source is not None:
        query = query.where(LANES.c.source == wanted.source)
    if wanted.destination is not None:
        query = query.where(LANES.c.destination == wanted.destination)
    if wanted.state is not None:
        query = query.where(MESSAGES.c.state == wanted.state.value)
        if wanted.state not in ENDS:
            query = query.where(MESSAGES.c.ended.is_(False))
    rows = connection.execute(query).all()
    shown = rows[: min(size, MAX_PAGE)]
    return [_stored(row) for row in shown], shown[-1].seen_at if len(rows) > len(shown) else None


def find(connection: Connection, prefix: str) -> Stored | None:
    """Return the one message whose id begins with these eight or more hex digits; None for several."""
    digits = 2 * ID_HEAD_SIZE
    low = int(prefix[:digits].ljust(digits, "0"), 16)
    high = int(prefix[:digits].ljust(digits, "f"), 16)
    rows = connection.execute(_joined().where(MESSAGES.c.id_head.between(low, high)).limit(MAX_PAGE))
    found = [stored for stored in map(_stored, rows) if stored.id.hex().startswith(prefix)]
    return found[0] if len(found) == 1 else None


def timeline(connection: Connection, lane: Lane, sequence: int) -> list[Moved]:
    """Return the moves of one message, oldest first."""
    query = (
        select(MOVES)
        .join(LANES, LANES.c.id == MOVES.c.lane_id)
        .where(_is_lane(lane), MOVES.c.last_sequence >= sequence, MOVES.c.first_sequence <= sequence)
        .order_by(MOVES.c.id.desc())
    )
    found = []
    for row in connection.execute(query):
        if in_ranges(row.ranges, sequence):
            found.append(_moved(row))
        if len(found) == MAX_TIMELINE:
            break
    return found[::-1]


def totals(connection: Connection) -> dict[Lane, LaneTotals]:
    """Return the counts by state and the oldest open message of every lane that has messages."""
    counts: dict[int, dict[State, int]] = {}
    by_state = select(MESSAGES.c.lane_id, MESSAGES.c.state, func.count()).group_by(
        MESSAGES.c.lane_id, MESSAGES.c.state
    )
    for lane_id, state, count in connection.execute(by_state):
        counts.setdefault(lane_id, {})[State(state)] = count
    since = select(MESSAGES.c.lane_id, func.min(MESSAGES.c.since_s)).where(MESSAGES.c.ended.is_(False))
    oldest = {row[0]: row[1] for row in connection.execute(since.group_by(MESSAGES.c.lane_id))}
    return {
        lane_of(row): LaneTotals(counts=counts[row.id], oldest_open_s=oldest.get(row.id))
        for row in connection.execute(select(LANES))
        if row.id in counts
    }


def _joined() -> Select[Any]:
    lane = (LANES.c.source, LANES.c.source_client, LANES.c.destination, LANES.c.destination_client)
    return FULL_MESSAGE.join(LANES, LANES.c.id == MESSAGES.c.lane_id).add_columns(*lane, _SEEN_AT)


def _is_lane(lane: Lane) -> Any:
    return (
        (LANES.c.source == lane.source)
        & (LANES.c.source_client == lane.source_client)
        & (LANES.c.destination == lane.destination)
        & (LANES.c.destination_client == lane.destination_client)
    )


def _stored(row: Any) -> Stored:
    lane = lane_of(row)
    message = message_of(row)
    return Stored(
        id=message_id(lane.source, lane.source_client, message.packet.sequence), lane=lane, message=message
    )


def _moved(row: Any) -> Moved:
    return Moved(
        at_s=row.at_s,
        state=row.state,
        waiting_on=row.waiting_on,
        reason=row.reason,
        attempts=row.attempts,
        delivery=row.delivery,
        delivered_by=row.delivered_by,
    )
