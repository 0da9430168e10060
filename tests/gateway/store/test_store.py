"""The store: what was acknowledged is there again, whatever happens."""

import asyncio
import os
import signal
import sqlite3
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.store.changes import lane_id, write
from gateway.store.engine import open_engine
from gateway.store.errors import NewerSchemaError, StoreError, TimestampConflictError
from gateway.store.migrate import _MIGRATIONS
from gateway.store.signing import remember
from gateway.store.store import SqliteStore
from proofs.records import replace
from proofs.types import ChainId, Height
from relays.core.types import ENDS, Changes, Cursor, Halt, Leg, Move, State, WaitingOn
from tests.gateway.store.samples import BACK, LANE, inserted, message


@pytest.fixture
async def store(tmp_path):
    store = SqliteStore(tmp_path / "isthmus.db")
    await store.open()
    yield store
    await store.close()


async def test_an_unknown_lane_is_empty(store):
    record = await store.load(LANE)
    assert (dict(record.cursors), record.open) == ({}, ())


async def test_what_was_saved_is_loaded_after_reopening(tmp_path):
    first = SqliteStore(tmp_path / "isthmus.db")
    await first.open()
    cursor = Cursor(height=Height(7), hash=bytes(range(32)))
    await first.save(LANE, Changes(cursors=((Leg.OUT, cursor),), inserted=(message(2), message(1))))
    move = Move(
        sequences=(2,), state=State.SUBMITTED, at_s=5.0, waiting_on=WaitingOn.INCLUSION, delivery="0xab"
    )
    await first.save(LANE, Changes(moved=(move,)))
    await first.close()
    second = SqliteStore(tmp_path / "isthmus.db")
    await second.open()
    record = await second.load(LANE)
    await second.close()
    moved = replace(
        message(2), state=State.SUBMITTED, since_s=5.0, waiting_on=WaitingOn.INCLUSION, delivery="0xab"
    )
    assert dict(record.cursors) == {Leg.OUT: cursor}
    assert record.open == (message(1), moved)


async def test_ended_messages_are_not_loaded_as_open(store):
    await store.save(LANE, inserted(1, 2, 3))
    await store.save(LANE, Changes(moved=(Move(sequences=(1, 3), state=State.ACKNOWLEDGED, at_s=2.0),)))
    assert [one.packet.sequence for one in (await store.load(LANE)).open] == [2]


async def test_lanes_do_not_mix(store):
    near = replace(LANE, source=ChainId(LANE.source[:-1]))
    await store.save(LANE, inserted(1))
    await store.save(BACK, inserted(2, lane=BACK))
    await store.save(near, inserted(3, lane=near))
    found = [[one.packet.sequence for one in (await store.load(lane)).open] for lane in (LANE, BACK, near)]
    assert found == [[1], [2], [3]]


async def test_concurrent_saves_share_commits(store):
    await store.save(LANE, inserted(1))
    before = store.writer.commits
    await asyncio.gather(*[store.save(LANE, inserted(sequence)) for sequence in range(2, 202)])
    assert store.writer.commits - before <= 5
    assert len((await store.load(LANE)).open) == 201


async def test_a_group_is_bounded(store):
    big = [inserted(*range(first, first + 400)) for first in range(1, 2401, 400)]
    before = store.writer.commits
    await asyncio.gather(*[store.save(LANE, changes) for changes in big])
    assert 2 <= store.writer.commits - before <= 6


async def test_a_save_that_fails_leaves_no_trace_and_spares_its_neighbours(store):
    bad = Changes(inserted=(message(5), replace(message(6), since_s=None)))  # NOT NULL refuses it
    good = [store.save(LANE, inserted(sequence)) for sequence in (1, 2, 3)]
    results = await asyncio.gather(*good, store.save(LANE, bad), return_exceptions=True)
    assert [type(result) for result in results] == [type(None)] * 3 + [StoreError]
    assert [one.packet.sequence for one in (await store.load(LANE)).open] == [1, 2, 3]


async def test_a_failed_first_save_of_a_lane_does_not_lose_the_lane(store):
    with pytest.raises(StoreError):
        await store.save(LANE, Changes(inserted=(replace(message(6), since_s=None),)))
    await store.save(LANE, inserted(1))
    await store.save(BACK, inserted(2, lane=BACK))
    assert [one.packet.sequence for one in (await store.load(LANE)).open] == [1]
    assert [one.packet.sequence for one in (await store.load(BACK)).open] == [2]


async def test_a_closed_store_refuses(store):
    await store.close()
    await store.close()
    with pytest.raises(StoreError, match="open store"):
        await store.save(LANE, inserted(1))


async def test_two_timestamps_for_one_height_are_refused_even_after_reopening(tmp_path):
    first = SqliteStore(tmp_path / "isthmus.db")
    await first.open()
    await first.remember_height(LANE, Height(9), 1000, asked_by="self")
    await first.close()
    second = SqliteStore(tmp_path / "isthmus.db")
    await second.open()
    await second.remember_height(LANE, Height(9), 1000, asked_by="beta")
    await second.remember_height(BACK, Height(9), 1001, asked_by="beta")
    with pytest.raises(TimestampConflictError, match="1000"):
        await second.remember_height(LANE, Height(9), 1001, asked_by="beta")
    await second.close()


async def test_a_database_of_a_newer_gateway_is_refused_untouched(tmp_path):
    file = tmp_path / "isthmus.db"
    store = SqliteStore(file)
    await store.open()
    await store.close()
    with sqlite3.connect(file) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.close()
    with pytest.raises(NewerSchemaError, match="9999"):
        await SqliteStore(file).open()


async def test_a_database_of_somebody_else_is_refused(tmp_path):
    file = tmp_path / "isthmus.db"
    with sqlite3.connect(file) as raw:
        raw.execute("CREATE TABLE messages (x)")
    raw.close()
    with pytest.raises(StoreError, match="schema version"):
        await SqliteStore(file).open()


async def test_a_second_user_of_a_database_is_refused(store, tmp_path):
    second = SqliteStore(tmp_path / "isthmus.db")
    with pytest.raises(StoreError, match="only user"):
        await second.open()
    await second.close()
    await store.close()
    await second.open()
    await second.close()


@pytest.mark.parametrize("damage", ["noise", "flipped"])
async def test_a_damaged_database_is_refused_with_a_sentence(tmp_path, damage):
    file = tmp_path / "isthmus.db"
    store = SqliteStore(file)
    await store.open()
    await store.save(LANE, inserted(*range(1, 500)))
    await store.close()
    content = bytearray(file.read_bytes())
    content[:100] = b"x" * 100 if damage == "noise" else bytes(byte ^ 0xFF for byte in content[:100])
    file.write_bytes(content)
    broken = SqliteStore(file)
    with pytest.raises(StoreError, match="cannot be opened"):
        await broken.open()
    await broken.close()


async def test_a_directory_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be opened"):
        await SqliteStore(tmp_path / "file" / "isthmus.db").open()


async def test_the_migrated_schema_is_the_one_that_queries_use(tmp_path):
    from sqlalchemy import create_engine, inspect

    from gateway.store.tables import METADATA

    store = SqliteStore(tmp_path / "isthmus.db")
    await store.open()
    await store.close()
    METADATA.create_all(declared := create_engine(f"sqlite:///{tmp_path / 'declared.db'}"))
    migrated = create_engine(f"sqlite:///{tmp_path / 'isthmus.db'}")

    def shape(engine):
        looked = inspect(engine)
        names = set(looked.get_table_names()) - {"alembic_version"}
        return {
            name: (
                [(c["name"], str(c["type"]), c["nullable"]) for c in looked.get_columns(name)],
                looked.get_pk_constraint(name)["constrained_columns"],
                sorted((i["name"] or "", tuple(i["column_names"])) for i in looked.get_indexes(name)),
            )
            for name in names
        }

    assert shape(migrated) == shape(declared)
    migrated.dispose()
    declared.dispose()


CRASHING = """
import asyncio, sys
from pathlib import Path
from gateway.store.store import SqliteStore
from tests.gateway.store.samples import LANE, inserted

async def main():
    store = SqliteStore(Path(sys.argv[1]))
    await store.open()
    first = len((await store.load(LANE)).open) + 1
    for start in range(first, first + 10_000, 5):
        await store.save(LANE, inserted(*range(start, start + 5)))
        print(start + 4, flush=True)

asyncio.run(main())
"""


async def test_acknowledged_commits_survive_kill_9(tmp_path):
    file = tmp_path / "isthmus.db"
    root = Path(__file__).parents[3]
    for round_number in range(3):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CRASHING, str(file), stdout=asyncio.subprocess.PIPE, cwd=root,
            env={**os.environ, "PYTHONPATH": str(root)},
        )  # fmt: skip
        acknowledged = 0
        for _ in range(20 + 13 * round_number):
            acknowledged = int(await process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        acknowledged = max(
            [acknowledged, *[int(line) for line in (await process.stdout.read()).split()[:-1]]]
        )
        await process.wait()
        store = SqliteStore(file)
        await store.open()
        found = [one.packet.sequence for one in (await store.load(LANE)).open]
        await store.close()
        assert found == list(range(1, len(found) + 1))
        assert len(found) >= acknowledged
        assert len(found) % 5 == 0, "half a save is there"


_SEQUENCES = st.lists(st.integers(1, 12), min_size=1, max_size=8, unique=True)
_MOVES = st.builds(
    Move,
    sequences=_SEQUENCES.map(tuple),
    state=st.sampled_from(State),
    at_s=st.floats(1, 9),
    waiting_on=st.sampled_from(WaitingOn),
    reason=st.text(max_size=5),
    next_action_s=st.floats(0, 9),
    attempts=st.none() | st.integers(0, 9),
    delivery=st.none() | st.text(min_size=1, max_size=3),
    delivered_by=st.none() | st.sampled_from(["", "self", "other"]),
)


@st.composite
def _changes(draw):
    new = draw(st.lists(st.integers(1, 12), max_size=6, unique=True))
    moves = draw(st.lists(_MOVES, max_size=3))
    with_acks = []
    for move in moves:
        acks = draw(st.none() | st.just(tuple((bytes([s]),) for s in move.sequences)))
        with_acks.append(replace(move, acknowledgements=acks))
    return Changes(inserted=tuple(message(sequence) for sequence in new), moved=tuple(with_acks))


def _apply(model, changes):
    for new in changes.inserted:
        model[new.packet.sequence] = new
    for move in changes.moved:
        for index, sequence in enumerate(move.sequences):
            if sequence not in model:
                continue
            old = model[sequence]
            kept = {"attempts": move.attempts, "delivery": move.delivery, "delivered_by": move.delivered_by}
            given_values = {name: value for name, value in kept.items() if value is not None}
            acks = old.acknowledgements if move.acknowledgements is None else move.acknowledgements[index]
            model[sequence] = replace(
                old,
                state=move.state,
                since_s=old.since_s if old.state is move.state else move.at_s,
                waiting_on=move.waiting_on,
                reason=move.reason,
                next_action_s=move.next_action_s,
                acknowledgements=acks,
                **given_values,
            )


@settings(max_examples=40)
@given(st.lists(_changes(), max_size=6))
def test_the_store_does_what_a_dict_does(tmp_path_factory, history):
    async def run():
        store = SqliteStore(tmp_path_factory.mktemp("model") / "isthmus.db")
        await store.open()
        model = {}
        for changes in history:
            known = set(model) | {one.packet.sequence for one in changes.inserted}
            kept = [replace(m, **_only(m, known)) for m in changes.moved]
            changes = replace(changes, moved=tuple(m for m in kept if m.sequences))
            await store.save(LANE, changes)
            await store.save(LANE, Changes(inserted=(), moved=changes.moved[-1:]))
            _apply(model, changes)
            _apply(model, Changes(moved=changes.moved[-1:]))
        found = (await store.load(LANE)).open
        await store.close()
        assert list(found) == [model[key] for key in sorted(model) if model[key].state not in ENDS]

    asyncio.run(run())


def _only(move, known):
    places = [index for index, sequence in enumerate(move.sequences) if sequence in known]
    acks = move.acknowledgements
    return {
        "sequences": tuple(move.sequences[index] for index in places),
        "acknowledgements": None if acks is None else tuple(acks[index] for index in places),
    }


async def test_a_halt_is_kept_until_the_lane_goes_on(tmp_path):
    halts = [Halt(reason="by operator: look at it"), Halt(reason="contradiction on x: fork", violated=True)]
    for halt in halts:
        store = SqliteStore(tmp_path / "isthmus.db")
        await store.open()
        await store.save(LANE, Changes(halt=halt))
        await store.save(LANE, inserted(1))
        await store.save(BACK, inserted(1, lane=BACK))
        await store.close()
        await store.open()
        assert (await store.load(LANE)).halt == halt
        assert (await store.load(BACK)).halt is None
        await store.close()
    await store.open()
    await store.save(LANE, Changes(halt=Halt(reason="")))
    await store.close()
    await store.open()
    assert (await store.load(LANE)).halt is None
    await store.close()


async def test_a_lane_that_starts_over_has_no_cursors_but_those_that_come_after(store):
    cursors = [(leg, Cursor(height=Height(7), hash=bytes(range(32)))) for leg in Leg]
    await store.save(LANE, Changes(cursors=tuple(cursors)))
    await store.save(BACK, Changes(cursors=tuple(cursors)))
    await store.save(LANE, Changes(starts_over=True, cursors=tuple(cursors[:1])))
    assert dict((await store.load(LANE)).cursors) == dict(cursors[:1])
    assert dict((await store.load(BACK)).cursors) == dict(cursors)


async def test_a_database_of_the_schema_before_keeps_all_that_it_holds(tmp_path):
    file = tmp_path / "isthmus.db"
    cursor = Cursor(height=Height(7), hash=bytes(range(32)))
    old = Changes(cursors=((Leg.OUT, cursor),), inserted=(message(1), message(2)))
    engine = open_engine(file)
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        write(connection, lane_id(connection, LANE), LANE, old)
        remember(connection, lane_id(connection, LANE), Height(9), 1000)
    engine.dispose()
    with sqlite3.connect(file) as raw:
        names = {name for (name,) in raw.execute("SELECT name FROM sqlite_master")}
    raw.close()
    assert "trust" in names
    assert "halted_lanes" not in names
    store = SqliteStore(file)
    await store.open()
    record = await store.load(LANE)
    assert (dict(record.cursors), record.open, record.halt) == (
        {Leg.OUT: cursor},
        (message(1), message(2)),
        None,
    )
    with pytest.raises(TimestampConflictError, match="1000"):
        await store.remember_height(LANE, Height(9), 1001, asked_by="beta")
    await store.save(LANE, Changes(halt=Halt(reason="look")))
    assert (await store.load(LANE)).halt == Halt(reason="look")
    await store.close()
