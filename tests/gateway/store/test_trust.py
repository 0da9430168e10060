"""What light clients trust survives a restart, under the anchor that it grew from and no other."""

from dataclasses import replace

from gateway.store.store import SqliteStore
from gateway.store.trust import SqliteTrust
from proofs.types import Assurance, BlockRef, ChainId, Height, TrustedState
from relays.runtime.ports import ChainHalt

ANCHOR = BlockRef(chain=ChainId("cosmos:test-1"), height=Height(5), hash=b"a" * 32)
STATE = TrustedState(
    block=BlockRef(chain=ANCHOR.chain, height=Height(90), hash=b"b" * 32),
    root=b"r" * 32,
    time_s=1_700_000_000,
    assurance=Assurance.CONSENSUS,
    consensus=b"the next set",
)


async def remembered(file, *states) -> None:
    store = SqliteStore(file)
    await store.open()
    for state in states:
        await SqliteTrust(store).remember_trust(ANCHOR, state)
    await store.close()


async def recalled(file, anchor):
    store = SqliteStore(file)
    await store.open()
    try:
        return await SqliteTrust(store).recall_trust(anchor)
    finally:
        await store.close()


async def test_nothing_is_recalled_from_an_empty_store(tmp_path) -> None:
    assert await recalled(tmp_path / "isthmus.db", ANCHOR) is None


async def test_the_newest_state_is_recalled_whole(tmp_path) -> None:
    later = replace(STATE, block=replace(STATE.block, height=Height(91)), consensus=b"another set")
    await remembered(tmp_path / "isthmus.db", STATE, later)
    assert await recalled(tmp_path / "isthmus.db", ANCHOR) == later


async def test_another_anchor_starts_anew(tmp_path) -> None:
    await remembered(tmp_path / "isthmus.db", STATE)
    for other in (
        replace(ANCHOR, hash=b"c" * 32),
        replace(ANCHOR, height=Height(6)),
        replace(ANCHOR, chain=ChainId("cosmos:test-2")),
    ):
        assert await recalled(tmp_path / "isthmus.db", other) is None


async def test_a_halted_chain_is_remembered_until_it_is_forgotten_with_its_trust(tmp_path) -> None:
    other = ChainId("cosmos:test-2")
    halts = [ChainHalt(reason="fork", contradicted=False), ChainHalt(reason="worse", contradicted=True)]
    await remembered(tmp_path / "isthmus.db", STATE)
    for halt in halts:
        store = SqliteStore(tmp_path / "isthmus.db")
        await store.open()
        await SqliteTrust(store).remember_halt(ANCHOR.chain, halt)
        await store.close()
    await store.open()
    trust = SqliteTrust(store)
    assert await trust.recall_halt(ANCHOR.chain) == halts[1]
    assert await trust.recall_halt(other) is None
    await trust.forget(other)
    assert await trust.recall_halt(ANCHOR.chain) == halts[1]
    assert await trust.recall_trust(ANCHOR) == STATE
    await trust.forget(ANCHOR.chain)
    await store.close()
    await store.open()
    assert await trust.recall_halt(ANCHOR.chain) is None
    assert await trust.recall_trust(ANCHOR) is None
    await store.close()
