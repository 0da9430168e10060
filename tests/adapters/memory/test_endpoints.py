"""Lying, lagging and silent endpoints: no effect, a typed reason, and never a lower quorum."""

from collections.abc import Awaitable, Callable

import pytest

from adapters.api import Included, Lost, Pending
from adapters.errors import (
    AdapterError,
    MalformedReply,
    NoAgreement,
    NotYetAvailable,
    Refused,
    Reorged,
    TransportError,
    WrongChain,
)
from adapters.memory.adapter import MemoryAdapter
from adapters.memory.faults import (
    DropTransactions,
    Equivocate,
    ForgeHeader,
    ForgePacket,
    ForgeProof,
    Garbage,
    Lag,
    Omit,
    OtherChain,
    Personality,
    Silent,
    Stall,
)
from proofs.types import ChainId, Sent
from tests.support.memory import LANE, A, B, Bridge

WRONG = OtherChain(chain=ChainId("memory:other"))
LIARS: list[tuple[Personality, str | None]] = [
    (Omit(), "disagrees"),
    (ForgePacket(), "disagrees"),
    (ForgeProof(), "malformed-reply"),
    (ForgeHeader(), "disagrees"),
    (Equivocate(), "disagrees"),
    (Garbage(), "malformed-reply"),
    (WRONG, "wrong-chain"),
    (Silent(), "transport"),
    (Lag(blocks=1), None),
    (DropTransactions(), None),
]


@pytest.fixture
async def bridge() -> Bridge:
    return await Bridge().connect()


@pytest.fixture
async def impatient() -> Bridge:
    """A bridge whose adapters give up an endpoint that never answers, within a second of real time."""
    return await Bridge(changes={"request_timeout_s": 1.0}).connect()


async def work(bridge: Bridge) -> None:
    """Send on A, deliver to B, read everything that a relay reads."""
    packets = await bridge.message(2)
    at = await bridge.final(A)
    for _ in range(2):
        await bridge.adapters[A].block(at.height)
        await bridge.adapters[A].sent(LANE, 1, at)
        await bridge.prove(LANE, [Sent(packet=packet) for packet in packets], at)
    await bridge.carry(LANE, [Sent(packet=packet) for packet in packets])
    final = await bridge.final(B)
    assert len(await bridge.adapters[B].acknowledged(LANE, 1, final)) == 2
    assert list(await bridge.adapters[B].outstanding(LANE, [Sent(packet=packets[0])], final)) == [False]


@pytest.mark.covers("RPC-01", "RPC-03", "RPC-09", "ADP-02", "ADP-03")
@pytest.mark.parametrize("name", ["a", "b", "c"])
@pytest.mark.parametrize(("liar", "code"), LIARS, ids=lambda value: type(value).__name__)
async def test_one_bad_endpoint_of_three_changes_nothing_and_is_put_aside_for_its_reason(
    bridge: Bridge, liar: Personality, code: str | None, name: str
) -> None:
    await one_bad_endpoint_changes_nothing(bridge, liar, code, name)


@pytest.mark.covers("RPC-08")
@pytest.mark.parametrize("name", ["a", "b", "c"])
async def test_one_endpoint_of_three_that_never_answers_changes_nothing(impatient: Bridge, name: str) -> None:
    await one_bad_endpoint_changes_nothing(impatient, Stall(), "transport", name)


async def one_bad_endpoint_changes_nothing(
    bridge: Bridge, liar: Personality, code: str | None, name: str
) -> None:
    for chain in bridge.chains.values():
        chain.faults[name] = liar
    await work(bridge)
    codes = {chain: bridge.adapters[chain].quarantined for chain in (A, B)}
    seen = {why.code for aside in codes.values() for why in aside.values()}
    others = {other for aside in codes.values() for other in aside} - {name}
    assert others == set()
    if code is None:
        assert seen == set()
    elif name == "a" or code == "wrong-chain":
        assert code in seen


@pytest.mark.covers("RPC-02")
@pytest.mark.parametrize("liar", [ForgePacket(), Omit()])
async def test_when_only_liars_and_the_silent_are_left_nothing_is_read(
    bridge: Bridge, liar: Personality
) -> None:
    await bridge.message(2)
    at = await bridge.final(A)
    bridge.chains[A].faults = {"a": Silent(), "b": Silent(), "c": liar}
    with pytest.raises(AdapterError) as error:
        await bridge.adapters[A].sent(LANE, 1, at)
    assert type(error.value) in (NoAgreement, TransportError)
    with pytest.raises(NoAgreement, match="expected 2 usable endpoints, got 1"):
        await bridge.adapters[A].sent(LANE, 1, at)


async def test_three_answers_that_all_differ_are_no_agreement(bridge: Bridge) -> None:
    await bridge.message(2)
    at = await bridge.final(A)
    bridge.chains[A].faults = {"a": Omit(), "b": ForgePacket()}
    with pytest.raises(NoAgreement):
        await bridge.adapters[A].sent(LANE, 1, at)


@pytest.mark.covers("RPC-08")
async def test_a_stalling_endpoint_gets_another_chance_and_a_liar_does_not(impatient: Bridge) -> None:
    bridge = impatient
    await bridge.message(2)
    at = await bridge.final(A)
    bridge.chains[A].faults = {"a": Stall()}
    await bridge.adapters[A].sent(LANE, 1, at)
    assert set(bridge.adapters[A].quarantined) == {"a"}
    bridge.clock.time_s += 60
    assert bridge.adapters[A].quarantined == {}
    bridge.chains[A].faults = {"a": Omit()}
    await bridge.adapters[A].sent(LANE, 1, at)
    bridge.clock.time_s += 3600
    assert bridge.adapters[A].quarantined["a"].code == "disagrees"


@pytest.mark.covers("RPC-09")
async def test_a_chain_whose_every_endpoint_serves_another_is_refused(bridge: Bridge) -> None:
    bridge.chains[A].faults = dict.fromkeys("abc", WRONG)
    adapter = bridge.adapter(A)
    with pytest.raises(WrongChain, match=r"expected memory:a, got memory:other"):
        await adapter.connect()


async def test_a_chain_that_nobody_serves_is_a_transport_error(bridge: Bridge) -> None:
    bridge.chains[A].faults = dict.fromkeys("abc", Silent())
    with pytest.raises(TransportError):
        await bridge.adapter(A).connect()
    with pytest.raises(TransportError, match="not connected"):
        await bridge.adapter(B).status()


async def test_a_lagging_minority_holds_nothing_back_and_a_lagging_majority_waits(bridge: Bridge) -> None:
    await bridge.message(1)
    newest = bridge.chains[A].head.ref
    bridge.chains[A].faults = {"a": Lag(blocks=1)}
    assert (await bridge.adapters[A].status()).head == newest
    bridge.chains[A].faults = {"a": Lag(blocks=1), "b": Lag(blocks=1)}
    assert (await bridge.adapters[A].status()).head.height == newest.height - 1
    with pytest.raises(NotYetAvailable):
        await bridge.adapters[A].block(newest.height)
    assert bridge.adapters[A].quarantined == {}


@pytest.mark.covers("RPC-07")
async def test_the_finalized_height_never_goes_back_within_one_connection(bridge: Bridge) -> None:
    await bridge.message(1)
    before = (await bridge.adapters[A].status()).finalized
    bridge.chains[A].faults = dict.fromkeys("abc", Lag(blocks=1))
    assert (await bridge.adapters[A].status()).finalized == before


@pytest.mark.covers("RPC-10")
async def test_an_endpoint_that_says_ok_and_drops_the_transaction_changes_nothing(bridge: Bridge) -> None:
    bridge.chains[A].faults = {"a": DropTransactions(), "b": DropTransactions()}
    assert len(await bridge.message(1)) == 1


async def test_a_transaction_that_all_endpoints_drop_is_lost_and_the_sender_is_told(bridge: Bridge) -> None:
    bridge.chains[A].faults = dict.fromkeys("abc", DropTransactions())
    with pytest.raises(Refused, match="neither in a block nor waiting"):
        await bridge.message(1)


async def test_a_submission_is_pending_then_included_and_lost_when_a_fork_drops_it() -> None:
    bridge = await Bridge(changes={"block_time_s": 10.0}).connect()
    for chain in bridge.chains.values():
        chain.mine()
    packets = await bridge.message(1)
    delivery = await bridge.delivery(LANE, [Sent(packet=packets[0])], await bridge.final(A))
    adapter, chain = bridge.adapters[B], bridge.chains[B]
    submission = await adapter.submit(delivery)
    assert list(await adapter.submissions([submission])) == [Pending()]
    block = chain.mine()
    (status,) = await adapter.submissions([submission])
    assert status == Included(at=block.ref, succeeded=True, detail="", fee=0)
    chain.reorg(1, keep_transactions=False)
    (status,) = await adapter.submissions([submission])
    assert isinstance(status, Lost)
    assert await adapter.submit(delivery) == submission


READS: dict[str, Callable[[MemoryAdapter, object], Awaitable[object]]] = {
    "status": lambda adapter, _: adapter.status(),
    "block": lambda adapter, at: adapter.block(at.height),
    "sent": lambda adapter, at: adapter.sent(LANE, 1, at),
    "update": lambda adapter, at: adapter.update(at),
    "prove": lambda adapter, at: adapter.prove(LANE, [], at),
    "client": lambda adapter, at: adapter.client(LANE.source_client, at),
}


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize(
    "spoken",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"type":"Status"}',
        b'{"type":"Flags","chain":"memory:a","values":[true],"extra":1}',
        b'{"type":"Failure","chain":"memory:a","code":"no-such-code","detail":""}',
        b'{"type":"Status","chain":"memory:a","head":{"height":-1,"hash":""},'
        b'"finalized":{"height":9,"hash":""},"finalized_time_s":0}',
        b'{"type":"Block","chain":"memory:a","ref":{"height":1e999,"hash":""}}',
        b"[" * 100_000,
        b"\xff\xfe\xfd",
    ],
)
async def test_whatever_an_endpoint_says_only_typed_errors_come_out(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch, read: str, spoken: bytes
) -> None:
    at = await bridge.final(A)
    monkeypatch.setattr("adapters.memory.faults.spoken", lambda *_: spoken)
    with pytest.raises(MalformedReply):
        await READS[read](bridge.adapters[A], at)


async def test_reads_at_a_block_that_left_say_so(bridge: Bridge) -> None:
    await bridge.message(1)
    old = await bridge.final(A)
    bridge.chains[A].reorg(1)
    with pytest.raises(Reorged):
        await bridge.adapters[A].sent(LANE, 1, old)
    with pytest.raises(Reorged):
        await bridge.adapters[A].update(old)
