"""Lists, single messages, timelines and counts, as people ask for them."""

import pytest

from gateway.store import audit, queries
from gateway.store.queries import Wanted
from gateway.store.store import SqliteStore
from proofs.codec import message_id
from proofs.types import ChainId
from relays.core.types import Changes, Move, State, WaitingOn
from tests.gateway.store.samples import BACK, LANE, inserted


@pytest.fixture
async def store(tmp_path):
    store = SqliteStore(tmp_path / "isthmus.db")
    await store.open()
    await store.save(LANE, inserted(*range(1, 8)))
    await store.save(BACK, inserted(*range(1, 4), lane=BACK))
    yield store
    await store.close()


async def listed(store, wanted=Wanted(), size=500):  # noqa: B008
    found, cursor = [], None
    for _ in range(20):
        page, cursor = await store.read(lambda c, at=cursor: queries.page(c, wanted, cursor=at, size=size))
        found += [(one.lane.source, one.message.packet.sequence) for one in page]
        if cursor is None:
            return found
    raise AssertionError("the pages do not end")


async def test_pages_are_newest_first_and_neither_skip_nor_repeat(store):
    whole = await listed(store)
    assert whole == [(BACK.source, s) for s in (3, 2, 1)] + [(LANE.source, s) for s in range(7, 0, -1)]
    for size in (1, 2, 3, 10, 11):
        assert await listed(store, size=size) == whole


async def test_a_new_message_does_not_disturb_paging(store):
    first, cursor = await store.read(lambda c: queries.page(c, Wanted(), cursor=None, size=4))
    await store.save(LANE, inserted(8))
    second, _ = await store.read(lambda c: queries.page(c, Wanted(), cursor=cursor, size=500))
    assert len({one.id for one in [*first, *second]}) == 10


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(lane=BACK), 3),
        (Wanted(source=LANE.source), 7),
        (Wanted(destination=LANE.source), 3),
        (Wanted(state=State.PARKED), 2),
        (Wanted(state=State.ACKNOWLEDGED), 1),
        (Wanted(lane=BACK, state=State.PARKED), 0),
        (Wanted(source=ChainId("eip155:1")), 0),
    ],
)
async def test_filters_show_what_they_say(store, wanted, expected):
    moves = (
        Move(sequences=(2, 4), state=State.PARKED, at_s=3.0),
        Move(sequences=(3,), state=State.ACKNOWLEDGED, at_s=3.0),
    )
    await store.save(LANE, Changes(moved=moves))
    assert len(await listed(store, wanted)) == expected


async def test_a_message_is_found_by_its_id_and_by_a_prefix(store):
    identity = message_id(BACK.source, BACK.source_client, 2)
    for length in (64, 63, 20, 12, 11, 8):
        prefix = identity.hex()[:length]
        found = await store.read(lambda c, p=prefix: queries.find(c, p))
        assert (found.id, found.lane, found.message.packet.sequence) == (identity, BACK, 2)
    other = identity.hex()[:-1] + ("0" if identity.hex()[-1] != "0" else "1")
    assert await store.read(lambda c: queries.find(c, other)) is None


async def test_a_timeline_holds_the_moves_of_that_message_only(store):
    moves = (
        Move(sequences=(1, 2, 3), state=State.PROVING, at_s=2.0, waiting_on=WaitingOn.PROOF),
        Move(sequences=(1, 3), state=State.PARKED, at_s=3.0, reason="why", attempts=4),
        Move(sequences=(2,), state=State.SUBMITTED, at_s=4.0, delivery="0x01"),
    )
    for move in moves:
        await store.save(LANE, Changes(moved=(move,)))

    async def states(sequence):
        moved = await store.read(lambda c: queries.timeline(c, LANE, sequence))
        return [(one.state, one.at_s) for one in moved]

    assert await states(3) == [("observed", 1.0), ("proving", 2.0), ("parked", 3.0)]
    assert await states(2) == [("observed", 1.0), ("proving", 2.0), ("submitted", 4.0)]
    assert await states(5) == [("observed", 1.0)]


async def test_totals_count_states_and_know_the_oldest_open_message(store):
    await store.save(LANE, Changes(moved=(Move(sequences=(1, 2), state=State.ACKNOWLEDGED, at_s=9.0),)))
    await store.save(LANE, Changes(moved=(Move(sequences=(3,), state=State.PROVING, at_s=0.5),)))
    totals = await store.read(queries.totals)
    assert dict(totals[LANE].counts) == {State.ACKNOWLEDGED: 2, State.PROVING: 1, State.OBSERVED: 4}
    assert (totals[LANE].oldest_open_s, totals[BACK].oldest_open_s) == (0.5, 1.0)


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE audit SET detail = 'x' WHERE id = 2",
        "DELETE FROM audit WHERE id = 2",
        "DELETE FROM audit WHERE id = 1",
    ],
)
async def test_an_edited_or_deleted_audit_line_shows(store, tampering):
    for number in range(4):
        await store.note("operator", "retry", f"message {number}")
    assert await store.read(audit.first_broken) is None
    await store.writer.write(lambda c: c.exec_driver_sql(tampering), rows=1)
    assert await store.read(audit.first_broken) is not None
