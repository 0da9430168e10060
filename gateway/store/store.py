"""The store on SQLite: WAL, `synchronous=FULL`, one writer with group commit, migrated when it is opened.

Implements `relays.runtime.ports.Store`. Durable before its effect: the changes of a lane, and the
timestamps that attestors sign. What people read is in `queries`.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from gateway.store import audit, changes, signing
from gateway.store.codec import unpack_list, unpack_packet
from gateway.store.engine import lock, open_engine
from gateway.store.errors import StoreError
from gateway.store.migrate import migrate
from gateway.store.tables import ACKNOWLEDGEMENTS, CURSORS, HALTED_LANES, LANES, MESSAGES, PACKETS
from gateway.store.writer import Writer
from proofs.types import Height, Lane
from relays.core.types import Changes, Cursor, Halt, Leg, Message, State, WaitingOn
from relays.runtime.ports import LaneRecord

T = TypeVar("T")

FULL_MESSAGE = (
    select(
        MESSAGES,
        PACKETS.c.height,
        PACKETS.c.transaction_name,
        PACKETS.c.packet,
        ACKNOWLEDGEMENTS.c.acknowledgements,
    )
    .join(PACKETS, (PACKETS.c.lane_id == MESSAGES.c.lane_id) & (PACKETS.c.sequence == MESSAGES.c.sequence))
    .outerjoin(
        ACKNOWLEDGEMENTS,
        (ACKNOWLEDGEMENTS.c.lane_id == MESSAGES.c.lane_id)
        & (ACKNOWLEDGEMENTS.c.sequence == MESSAGES.c.sequence),
    )
)
"""Messages with everything that is known of them."""


class SqliteStore:
    """Durable memory of one gateway."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock: sqlite3.Connection | None = None
        self._engine = open_engine(file)
        self.writer = Writer(self._engine)
        self._lane_ids: dict[Lane, int] = {}

    async def open(self) -> None:
        """Create or migrate the database and begin to write. Raises `StoreError`."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._lock = lock(self._file)
            await asyncio.to_thread(self._migrate)
        except (OSError, SQLAlchemyError) as error:
            raise StoreError(f"{self._file} cannot be opened: {error}") from error
        self.writer.start()

    async def close(self) -> None:
        """Write what is queued and close. Safe to call twice."""
        await self.writer.stop()
        self._engine.dispose()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a query in one read transaction, beside the writer. Raises `StoreError`."""
        try:
            return await asyncio.to_thread(self._read, query)
        except SQLAlchemyError as error:
            raise StoreError(f"the database refuses: {error}") from error

    async def load(self, lane: Lane) -> LaneRecord:
        """Return the lane's cursors, open messages by sequence, and halt; empty for an unknown lane."""
        lane_id = self._lane_ids.get(lane)
        if lane_id is None:
            return LaneRecord(cursors={}, open=())
        return await self.read(lambda connection: _load(connection, lane_id))

    async def save(self, lane: Lane, saved: Changes) -> None:
        """Write the changes of one lane in one transaction and return when they are durable."""
        rows = 1 + len(saved.inserted) + sum(len(move.sequences) for move in saved.moved)

        def work(connection: Connection) -> int:
            lane_id = self._lane_id(connection, lane)
            changes.write(connection, lane_id, lane, saved)
            return lane_id

        self._lane_ids[lane] = await self.writer.write(work, rows=rows)

    async def remember_height(self, lane: Lane, height: Height, time_s: int, *, asked_by: str) -> None:
        """Note durably that this timestamp is signed for this height, before it is signed.

        Raises `TimestampConflictError` when another one was noted before.
        """

        def work(connection: Connection) -> int:
            lane_id = self._lane_id(connection, lane)
            if signing.remember(connection, lane_id, height, time_s):
                detail = f"{lane} height {height} time {time_s}"
                audit.append(connection, time.time(), asked_by, "sign", detail)
            return lane_id

        self._lane_ids[lane] = await self.writer.write(work, rows=2)

    async def note(self, actor: str, act: str, detail: str) -> None:
        """Add a line to the audit log."""
        await self.writer.write(
            lambda connection: audit.append(connection, time.time(), actor, act, detail), rows=1
        )

    def _migrate(self) -> None:
        with self._engine.begin() as connection:
            migrate(connection)
            self._lane_ids = {changes.lane_of(row): row.id for row in connection.execute(select(LANES))}

    def _read(self, query: Callable[[Connection], T]) -> T:
        with self._engine.begin() as connection:
            return query(connection)

    def _lane_id(self, connection: Connection, lane: Lane) -> int:
        """Return the lane's row id; a new one is remembered only when its transaction is durable."""
        known = self._lane_ids.get(lane)
        return changes.lane_id(connection, lane) if known is None else known


def _load(connection: Connection, lane_id: int) -> LaneRecord:
    cursors = connection.execute(select(CURSORS).where(CURSORS.c.lane_id == lane_id))
    found = {Leg(row.leg): Cursor(height=Height(row.height), hash=row.hash) for row in cursors}
    unended = FULL_MESSAGE.where(MESSAGES.c.lane_id == lane_id, MESSAGES.c.ended.is_(False))
    rows = connection.execute(unended.order_by(MESSAGES.c.sequence))
    halted = connection.execute(select(HALTED_LANES).where(HALTED_LANES.c.lane_id == lane_id)).one_or_none()
    return LaneRecord(
        cursors=found,
        open=tuple([message_of(row) for row in rows]),
        halt=None if halted is None else Halt(reason=halted.reason, violated=halted.violated),
    )


def message_of(row: Any) -> Message:
    """Return the message in a row of `FULL_MESSAGE`."""
    return Message(
        packet=unpack_packet(row.sequence, row.packet),
        state=State(row.state),
        height=Height(row.height),
        transaction=row.transaction_name,
        since_s=row.since_s,
        waiting_on=WaitingOn(row.waiting_on),
        reason=row.reason,
        next_action_s=row.next_action_s,
        attempts=row.attempts,
        delivery=row.delivery,
        delivered_by=row.delivered_by,
        acknowledgements=unpack_list(row.acknowledgements),
    )
