"""The signing log: one timestamp per lane and height, for ever. Rows are never changed and never deleted."""

from sqlalchemy import Connection, insert, select

from gateway.store.errors import TimestampConflictError
from gateway.store.tables import SIGNED_HEIGHTS
from proofs.types import Height


def remember(connection: Connection, lane_id: int, height: Height, time_s: int) -> bool:
    """Note the timestamp of a height; return True when it is new. Raises `TimestampConflictError`."""
    known = connection.scalar(
        select(SIGNED_HEIGHTS.c.time_s).where(
            SIGNED_HEIGHTS.c.lane_id == lane_id, SIGNED_HEIGHTS.c.height == height
        )
    )
    if known is None:
        connection.execute(insert(SIGNED_HEIGHTS).values(lane_id=lane_id, height=height, time_s=time_s))
        return True
    if known != time_s:
        raise TimestampConflictError(
            f"height {height}: expected the time {known} signed before, got {time_s}"
        )
    return False
