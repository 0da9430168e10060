"""The journal: order is kept, many changes share a commit, and an effect waits for what it depends on."""

import asyncio

import pytest

from proofs.records import replace
from proofs.types import Height, Lane, Sequence
from relays.core.types import Changes, Cursor, Halt, Leg, Message, Move, State
from relays.runtime.clock import SystemClock
from relays.runtime.journal import Journal, mergeable, merged
from relays.runtime.ports import LaneRecord
from tests.relays.lanes import LANE, packet


class SlowStore:
    """Commits when it is told to."""

    def __init__(self) -> None:
        self.saved: list[Changes] = []
        self.may_commit = asyncio.Event()

    async def load(self, lane: Lane) -> LaneRecord:
        raise AssertionError(lane)

    async def save(self, lane: Lane, changes: Changes) -> None:
        await self.may_commit.wait()
        self.saved.append(changes)


def move(*sequences: int, state: State = State.PROVING) -> Changes:
    return Changes(
        moved=(Move(sequences=tuple(Sequence(number) for number in sequences), state=state, at_s=1.0),)
    )


def insertion(sequence: int) -> Changes:
    message = Message(
        packet=packet(sequence), state=State.OBSERVED, height=Height(1), transaction="tx", since_s=1.0
    )
    return Changes(inserted=(message,))


async def test_flushed_returns_only_when_everything_before_it_is_durable() -> None:
    store = SlowStore()
    journal = Journal(store, LANE, SystemClock())
    async with asyncio.TaskGroup() as group:
        writer = group.create_task(journal.run())
        journal.put(move(1))
        waiting = group.create_task(journal.flushed())
        for _ in range(5):
            await asyncio.sleep(0)
        assert not waiting.done()
        store.may_commit.set()
        await waiting
        assert store.saved
        writer.cancel()


async def test_changes_that_come_during_a_commit_share_the_next_one() -> None:
    store = SlowStore()
    journal = Journal(store, LANE, SystemClock())
    async with asyncio.TaskGroup() as group:
        writer = group.create_task(journal.run())
        journal.put(move(1))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        for number in range(2, 50):
            journal.put(move(number))
        store.may_commit.set()
        await journal.flushed()
        writer.cancel()
    assert [len(changes.moved) for changes in store.saved] == [1, 48]


async def test_a_store_that_fails_is_told_to_the_lane() -> None:
    class Broken(SlowStore):
        async def save(self, lane: Lane, changes: Changes) -> None:
            raise OSError("disk full")

    journal = Journal(Broken(), LANE, SystemClock())
    journal.put(move(1))
    with pytest.raises(OSError, match="disk full"):
        await journal.run()


def test_nothing_is_put_for_an_event_that_changed_nothing() -> None:
    journal = Journal(SlowStore(), LANE, SystemClock())
    journal.put(Changes())
    assert journal._pending == []


def test_merged_changes_keep_their_order_and_the_last_cursor_counts() -> None:
    cursors = [Cursor(height=Height(height), hash=bytes([height])) for height in (1, 2)]
    whole = merged(
        [
            replace(insertion(1), cursors=((Leg.OUT, cursors[0]),)),
            move(1),
            replace(move(1, state=State.VERIFIED), cursors=((Leg.OUT, cursors[1]),)),
        ]
    )
    assert whole.cursors == ((Leg.OUT, cursors[1]),)
    assert [message.packet.sequence for message in whole.inserted] == [1]
    assert [each.state for each in whole.moved] == [State.PROVING, State.VERIFIED]


def test_a_message_that_is_inserted_again_does_not_overtake_its_moves() -> None:
    assert mergeable([insertion(1), move(1), insertion(2), insertion(1), move(1)]) == 3
    assert mergeable([insertion(1), move(1)]) == 2


def test_a_start_over_forgets_the_cursors_before_it() -> None:
    old, new = [Cursor(height=Height(height), hash=bytes([height])) for height in (9, 2)]
    whole = merged(
        [
            Changes(cursors=((Leg.OUT, old), (Leg.BACK, old))),
            Changes(starts_over=True),
            Changes(cursors=((Leg.OUT, new),)),
        ]
    )
    assert (whole.starts_over, whole.cursors) == (True, ((Leg.OUT, new),))


def test_of_the_halts_of_a_commit_the_last_one_counts() -> None:
    halts = [Halt(reason="maintenance"), Halt(reason="")]
    assert merged([Changes(halt=halts[0]), move(1), Changes(halt=halts[1]), move(1)]).halt == halts[1]
    assert merged([Changes(halt=halts[0]), move(1)]).halt == halts[0]
    assert merged([move(1)]).halt is None


async def test_whoever_waits_for_a_journal_that_ends_is_told() -> None:
    store = SlowStore()
    journal = Journal(store, LANE, SystemClock())
    writer = asyncio.create_task(journal.run())
    journal.put(Changes(halt=Halt(reason="maintenance")))
    waiting = asyncio.create_task(journal.flushed())
    for _ in range(5):
        await asyncio.sleep(0)
    writer.cancel()
    await asyncio.wait([waiting, late := asyncio.create_task(journal.flushed())])
    assert waiting.cancelled()
    assert late.cancelled()
