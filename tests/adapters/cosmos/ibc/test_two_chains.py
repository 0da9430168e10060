"""Set-up on two real chains: every handshake from every half, counterparties, and what the queries say."""

from contextlib import suppress
from dataclasses import dataclass

import msgspec
import pytest

from adapters.cosmos.ibc import clients, pending, queries, specs
from adapters.cosmos.ibc.chain import CosmosHost
from adapters.cosmos.ibc.channels import (
    ChannelTerms,
    channel_end,
    close_channel,
    open_channel,
    place,
)
from adapters.cosmos.ibc.clients import (
    ATTESTATIONS_PREFIX,
    TENDERMINT_PREFIX,
    create_attestations_client,
    create_tendermint_client,
    register_counterparty,
    update_client,
)
from adapters.cosmos.ibc.connections import connection_end, open_connection
from adapters.cosmos.ibc.handshake import Opened
from adapters.cosmos.ibc.lanes import open_lane
from adapters.cosmos.ibc.specs import ClientTerms
from adapters.cosmos.rpc import CometClient
from adapters.cosmos.tx import address_of
from adapters.errors import MalformedReply, Refused, Reorged
from gateway.keys.signer import LocalSigner
from proofs.merkle.ics23_spec import SMT
from proofs.pb.ibc.core.channel.v1 import channel_pb2
from proofs.types import ClientId
from tests.support.ibc_chains import (
    KEY,
    OTHER_KEY,
    RICH,
    KilledError,
    Mortal,
    config_of,
    host,
    transfer,
    two_chains,
)
from tests.support.simd import start_simd

TRANSFER = ChannelTerms(version="ics20-1")


@pytest.fixture(scope="module")
def chains():
    with two_chains() as pair:
        yield pair


@dataclass
class Linked:
    """Both chains, with clients of each other, and a connection."""

    a: CosmosHost
    b: CosmosHost
    on_a: ClientId
    on_b: ClientId


@pytest.fixture
async def linked(chains):
    async with host(chains.first) as a, host(chains.second) as b:
        on_a = await create_tendermint_client(a, b)
        yield Linked(a=a, b=b, on_a=on_a, on_b=await create_tendermint_client(b, a))


@pytest.mark.parametrize("steps", [0, 1, 2, 3])
async def test_a_connection_goes_on_where_it_stopped_and_from_either_side(linked, steps):
    lives = [0] * steps
    with suppress(KilledError):
        await open_connection(Mortal(linked.a, lives), linked.on_a, Mortal(linked.b, lives), linked.on_b)
        pytest.fail("expected the handshake to be interrupted")
    opened = await open_connection(linked.b, linked.on_b, linked.a, linked.on_a)
    ours = await connection_end(linked.a, opened.second, await linked.a.head())
    theirs = await connection_end(linked.b, opened.first, await linked.b.head())
    assert (ours.counterparty.connection_id, ours.client_id) == (opened.first, linked.on_a)
    assert (theirs.counterparty.connection_id, theirs.client_id) == (opened.second, linked.on_b)
    again = await open_connection(Mortal(linked.a, []), linked.on_a, Mortal(linked.b, []), linked.on_b)
    assert (again.first, again.second) == (opened.second, opened.first)


async def test_steps_that_others_made_count(linked, chains):
    lives = [0] * 2
    async with host(chains.first, OTHER_KEY) as other_a, host(chains.second, OTHER_KEY) as other_b:
        with suppress(KilledError):
            await open_connection(Mortal(other_a, lives), linked.on_a, Mortal(other_b, lives), linked.on_b)
    lives = [0] * 2
    opened = await open_connection(Mortal(linked.a, lives), linked.on_a, Mortal(linked.b, lives), linked.on_b)
    assert lives == []
    assert (await connection_end(linked.a, opened.first, await linked.a.head())).state == 3


@pytest.mark.parametrize("ordered", [False, True], ids=["unordered", "ordered"])
async def test_a_channel_goes_on_where_it_stopped(linked, ordered):
    connection = await open_connection(linked.a, linked.on_a, linked.b, linked.on_b)
    port, version = ("mock", "mock-version") if ordered else ("transfer", "ics20-1")
    terms = ChannelTerms(version=version, ordered=ordered)
    on_a = await place(linked.a, connection.first, port)
    on_b = await place(linked.b, connection.second, port)
    for steps in range(4):
        lives = [0]
        mortal_a = await place(Mortal(linked.a, lives), connection.first, port)
        mortal_b = await place(Mortal(linked.b, lives), connection.second, port)
        with suppress(KilledError):
            await open_channel(mortal_a, mortal_b, terms)
            assert steps == 3
    opened = await open_channel(on_a, on_b, terms)
    ours = await channel_end(linked.a, port, opened.first)
    assert (ours.state, ours.counterparty.channel_id) == (channel_pb2.STATE_OPEN, opened.second)
    assert (ours.ordering == channel_pb2.ORDER_ORDERED) is ordered
    theirs = await channel_end(linked.b, port, opened.second)
    assert (theirs.state, theirs.version) == (channel_pb2.STATE_OPEN, version)


async def test_a_channel_whose_application_agrees_is_closed_on_both_ends(linked):
    connection = await open_connection(linked.a, linked.on_a, linked.b, linked.on_b)
    on_a, on_b = (
        await place(linked.a, connection.first, "mock"),
        await place(linked.b, connection.second, "mock"),
    )
    opened = await open_channel(on_a, on_b, ChannelTerms(version="mock-version"))
    half = await place(Mortal(linked.b, []), connection.second, "mock")
    with suppress(KilledError):
        await close_channel(on_a, opened.first, half, opened.second)
    assert (await channel_end(linked.a, "mock", opened.first)).state == channel_pb2.STATE_CLOSED
    assert (await channel_end(linked.b, "mock", opened.second)).state == channel_pb2.STATE_OPEN
    await close_channel(on_b, opened.second, on_a, opened.first)
    assert (await channel_end(linked.b, "mock", opened.second)).state == channel_pb2.STATE_CLOSED


async def test_a_transfer_channel_cannot_be_closed_by_people(linked):
    connection = await open_connection(linked.a, linked.on_a, linked.b, linked.on_b)
    on_a, on_b = (
        await place(linked.a, connection.first, "transfer"),
        await place(linked.b, connection.second, "transfer"),
    )
    opened = await open_channel(on_a, on_b, TRANSFER)
    with pytest.raises(Refused, match="cannot close"):
        await close_channel(on_a, opened.first, on_b, opened.second)


async def test_a_lane_to_a_client_with_other_proof_specs_is_refused_when_the_client_is_looked_at(
    linked, monkeypatch
):
    at = await linked.a.head()
    assert (await linked.a.source.client(linked.on_a, at)).kind == "07-tendermint"
    monkeypatch.setattr(specs, "IAVL", SMT)
    other = await create_tendermint_client(linked.a, linked.b)
    with pytest.raises(Refused, match=f"client {other}: proof specs: expected IAVL, Tendermint, got Proof"):
        await linked.a.source.client(other, await linked.a.head())


async def test_counterparties_of_ibc_v2_are_registered_once(linked):
    assert await register_counterparty(linked.a, linked.on_a, linked.on_b, TENDERMINT_PREFIX)
    assert not await register_counterparty(linked.a, linked.on_a, linked.on_b, TENDERMINT_PREFIX)
    found = await clients.counterparty(linked.a, linked.on_a, await linked.a.head())
    assert (found.client_id, tuple(found.merkle_prefix)) == (linked.on_b, TENDERMINT_PREFIX)
    with pytest.raises(Refused, match=f"expected counterparty 07-tendermint-99, it has {linked.on_b}"):
        await register_counterparty(linked.a, linked.on_a, ClientId("07-tendermint-99"), TENDERMINT_PREFIX)


async def test_only_the_creator_of_a_client_may_register_its_counterparty(linked, chains):
    async with host(chains.first, OTHER_KEY) as stranger:
        with pytest.raises(Refused, match="expected same signer"):
            await register_counterparty(stranger, linked.on_a, linked.on_b, TENDERMINT_PREFIX)


async def test_an_attestations_client_believes_its_attestors(chains):
    attestors = [bytes([n]) * 20 for n in (1, 2, 3)]
    async with host(chains.first) as a:
        name = await create_attestations_client(a, attestors, 2, 1234, 1_900_000_000)
        await register_counterparty(a, name, ClientId("client-0"), ATTESTATIONS_PREFIX)
        row = await queries.client(a, name, await a.head())
        assert (row.kind, row.status, row.height) == ("attestations", "active", 1234)
        assert (row.counterparty, row.expires_in_s) == ("client-0", None)


async def test_a_client_is_brought_forward_and_only_by_headers_that_are_needed(linked):
    before = await clients.hosted(linked.a, linked.on_a, await linked.a.head())
    height = await update_client(linked.a, linked.on_a, linked.b)
    after = await clients.hosted(linked.a, linked.on_a, await linked.a.head())
    assert after.state.latest_height.revision_height == height > before.state.latest_height.revision_height
    at, updates = await clients.meet(linked.a, linked.on_a, linked.b)
    assert len(updates) == (at.height > height)


async def test_a_client_older_than_our_own_trust_is_brought_forward_too(linked, chains):
    newer = await linked.b.head()
    before = await clients.hosted(linked.a, linked.on_a, await linked.a.head())
    assert before.state.latest_height.revision_height < newer.height
    trust = {"trust_height": newer.height, "trust_hash": newer.hash.hex()}
    async with host(chains.second, **trust) as b:
        assert await update_client(linked.a, linked.on_a, b) >= newer.height


async def test_a_client_of_another_chain_is_not_brought_forward(linked):
    with pytest.raises(Refused, match="expected one of chain-a, got chain-b"):
        await update_client(linked.a, linked.on_a, linked.a)


async def test_without_a_key_nothing_is_sent(chains):
    async with host(chains.first, b"") as watcher, host(chains.second) as b:
        with pytest.raises(Refused, match="no signer is configured"):
            await create_tendermint_client(watcher, b)


async def test_terms_that_do_not_fit_are_refused(chains):
    async with host(chains.first) as a, host(chains.second) as b:
        with pytest.raises(Refused, match=r"expected 1 to 1814399 s, .* got 1814400"):
            await create_tendermint_client(a, b, ClientTerms(trusting_period_s=1_814_400))


async def test_the_lists_show_what_was_made_page_by_page(linked, monkeypatch):
    monkeypatch.setattr("adapters.cosmos.ibc.paging.PAGE", 1)
    connection = await open_connection(linked.a, linked.on_a, linked.b, linked.on_b)
    on_a, on_b = (
        await place(linked.a, connection.first, "transfer"),
        await place(linked.b, connection.second, "transfer"),
    )
    opened = await open_channel(on_a, on_b, TRANSFER)
    at = await linked.a.head()
    found = await queries.clients(linked.a, at, tracks="chain-b")
    row = next(each for each in found.entries if each.id == linked.on_a)
    assert (row.kind, row.tracks, row.status) == ("07-tendermint", "chain-b", "active")
    assert row.trusting_period_s == 1_209_600
    assert 1_209_000 < row.expires_in_s <= 1_209_600
    assert (await queries.clients(linked.a, at, tracks="chain-z")).entries == ()
    ends = {each.id: each for each in (await queries.connections(linked.a, at)).entries}
    end = ends[connection.first]
    assert (end.state, end.client, end.counterparty) == ("open", linked.on_a, connection.second)
    channels = {(each.port, each.id): each for each in (await queries.channels(linked.a, at)).entries}
    channel = channels["transfer", opened.first]
    assert (channel.state, channel.order, channel.version) == ("open", "unordered", "ics20-1")
    assert (channel.counterparty, channel.connection) == (opened.second, connection.first)
    way = pending.Way(
        source=linked.a,
        source_end=opened.first,
        source_port="transfer",
        destination=linked.b,
        destination_end=opened.second,
        destination_port="transfer",
    )
    assert await pending.pending(way) == pending.PendingPackets(unreceived=(), unacknowledged=(), more=False)
    await linked.a.execute([transfer(linked.a, opened.first) for _ in range(3)])
    found = await pending.pending(way)
    assert found == pending.PendingPackets(unreceived=(1, 2, 3), unacknowledged=(), more=False)


async def test_packets_of_ibc_v2_are_pending_until_they_are_received(linked):
    await register_counterparty(linked.a, linked.on_a, linked.on_b, TENDERMINT_PREFIX)
    await register_counterparty(linked.b, linked.on_b, linked.on_a, TENDERMINT_PREFIX)
    await linked.a.execute([transfer(linked.a, linked.on_a) for _ in range(2)])
    way = pending.Way(
        source=linked.a, source_end=linked.on_a, destination=linked.b, destination_end=linked.on_b
    )
    assert await pending.pending(way) == pending.PendingPackets(
        unreceived=(1, 2), unacknowledged=(), more=False
    )


@pytest.mark.parametrize("steps", [1, 2, 3])
async def test_a_lane_of_ibc_v2_goes_on_where_it_stopped(chains, steps):
    terms = ClientTerms(trusting_period_s=1_000_000 + steps)
    async with host(chains.first) as a, host(chains.second) as b:
        lives = [0] * steps
        with suppress(KilledError):
            await open_lane(Mortal(a, lives), Mortal(b, lives), terms)
            pytest.fail("expected the set-up to be interrupted")
        lives = [0] * (4 - steps)
        opened = await open_lane(Mortal(a, lives), Mortal(b, lives), terms)
        assert lives == []
        on_a = await clients.counterparty(a, opened.first, await a.head())
        on_b = await clients.counterparty(b, opened.second, await b.head())
        assert (on_a.client_id, on_b.client_id) == (opened.second, opened.first)
        assert await open_lane(Mortal(b, []), Mortal(a, []), terms) == Opened(
            first=opened.second, second=opened.first
        )


@pytest.fixture
def twin():
    """Return another chain that calls itself chain-a."""
    owner = address_of("cosmos", LocalSigner(KEY).public_key)
    with start_simd(chain_id="chain-a", balances={owner: RICH}, block_time_s=0.1) as chain:
        yield chain


async def test_a_client_that_trusts_another_chain_of_the_same_name_is_not_brought_forward(chains, twin):
    async with host(chains.first) as a, host(chains.second) as b, host(twin) as fork:
        client = await create_tendermint_client(b, fork)
        with pytest.raises(Refused, match=r"expected block \d+ with app hash [0-9a-f]{64}, which"):
            await update_client(b, client, a)


async def test_a_node_of_another_chain_of_the_same_name_convinces_nobody(chains, twin):
    trusted = await config_of(chains.first)
    async with host(twin, trust_height=trusted.trust_height, trust_hash=trusted.trust_hash) as fork:
        with pytest.raises(Reorged, match=f"expected block {trusted.trust_hash} at 3"):
            await fork.stored([b"clients/07-tendermint-0/clientState"], await fork.head())


def forging(monkeypatch, change):
    """Let every node answer queries for proofs with something else."""
    honest = CometClient.query

    async def query(self, queries, height=0):
        answers = await honest(self, queries, height)
        return [change(each) if asked.prove else each for asked, each in zip(queries, answers, strict=True)]

    monkeypatch.setattr(CometClient, "query", query)


def without_value(answer):
    return msgspec.structs.replace(answer, value=b"")


def another_value(answer):
    return msgspec.structs.replace(answer, value=b"another")


def without_proof(answer):
    return msgspec.structs.replace(answer, proof_ops=None)


def another_proof(answer):
    first, second = answer.proof_ops.ops
    flipped = msgspec.structs.replace(first, data=first.data[:-1] + bytes([first.data[-1] ^ 1]))
    forged = msgspec.structs.replace(answer.proof_ops, ops=[flipped, second])
    return msgspec.structs.replace(answer, proof_ops=forged)


@pytest.mark.parametrize("change", [without_value, without_proof, another_proof])
async def test_state_that_is_not_proven_is_refused(linked, monkeypatch, change):
    at = await linked.a.head()
    forging(monkeypatch, change)
    with pytest.raises(MalformedReply):
        await linked.a.stored([f"clients/{linked.on_a}/clientState".encode()], at)


async def test_the_value_is_the_proven_one_whatever_else_the_node_says(linked, monkeypatch):
    at, key = await linked.a.head(), f"clients/{linked.on_a}/clientState".encode()
    [honest] = await linked.a.stored([key], at)
    forging(monkeypatch, another_value)
    assert await linked.a.stored([key], at) == (honest,)
