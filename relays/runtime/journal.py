"""Keeps a lane's changes on their way to the store in order, and many of them in one commit.

The lane never waits for the disk, except before an effect that others can see: that waits for `flushed`.
"""

import asyncio
from collections.abc import Sequence

from adapters.api import Clock
from proofs.types import Lane
from relays.core.types import Changes, Cursor, Leg, Message, Move
from relays.runtime.bell import Bell
from relays.runtime.ports import Store


class Journal:
    """The one writer of one lane."""

    def __init__(self, store: Store, lane: Lane, clock: Clock) -> None:
        self._store = store
        self._lane = lane
        self._bell = Bell(clock)
        self._pending: list[Changes] = []
        self._put = 0
        self._saved = 0
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._has_ended = False

    def put(self, changes: Changes) -> None:
        """Take changes over; they are saved in the order of the calls."""
        if changes.cursors or changes.inserted or changes.moved or changes.halt is not None:
            self._pending.append(changes)
            self._put += 1
            self._bell.ring()

    async def flushed(self) -> None:
        """Return when everything put so far is durable; cancelled when the journal ends before."""
        if self._saved < self._put:
            done = asyncio.get_running_loop().create_future()
            if self._has_ended:
                done.cancel()
            self._waiting.append((self._put, done))
            await done

    async def run(self) -> None:
        """Save until cancelled. Raises what the store raises; then nothing more is durable."""
        try:
            while True:
                if not self._pending:
                    await self._bell.wait(float("inf"))
                await self._save()
        finally:
            self._has_ended = True
            for _, done in self._waiting:
                done.cancel()

    async def _save(self) -> None:
        """Save what is pending, as far as it makes one commit."""
        count = mergeable(self._pending)
        if count:
            batch, self._pending = self._pending[:count], self._pending[count:]
            await self._store.save(self._lane, merged(batch))
            self._saved += count
            self._tell()

    def _tell(self) -> None:
        still: list[tuple[int, asyncio.Future[None]]] = []
        for number, done in self._waiting:
            if number > self._saved:
                still.append((number, done))
            elif not done.done():
                done.set_result(None)
        self._waiting = still


def mergeable(changes: Sequence[Changes]) -> int:
    """Return how many of these, from the first on, may be saved as one.

    A store writes insertions before moves, so a message that is inserted again must not overtake its moves.
    """
    moves: list[Move] = []
    for count, each in enumerate(changes):
        again = {message.packet.sequence for message in each.inserted}
        if again and any(not again.isdisjoint(move.sequences) for move in moves):
            return count
        moves.extend(each.moved)
    return len(changes)


def merged(changes: Sequence[Changes]) -> Changes:
    """Return one record of several, in their order. Of a leg's cursors and of halts the last one counts."""
    cursors: dict[Leg, Cursor] = {}
    inserted: list[Message] = []
    moved: list[Move] = []
    halts = [each.halt for each in changes if each.halt is not None]
    for each in changes:
        if each.starts_over:
            cursors.clear()
        cursors.update(each.cursors)
        inserted.extend(each.inserted)
        moved.extend(each.moved)
    return Changes(
        cursors=tuple(cursors.items()),
        inserted=tuple(inserted),
        moved=tuple(moved),
        halt=halts[-1] if halts else None,
        starts_over=any(each.starts_over for each in changes),
    )
