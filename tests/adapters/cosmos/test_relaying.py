"""Headers and proofs between two real chains, one step at a time: what relays do, without a relay."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

import pytest
import pytest_asyncio
from nacl.signing import SigningKey

from adapters.api import Carried, Delivery, GatewayChain, Included, Lost, Resources, SeenPacket, SendTransfer
from adapters.cosmos import ADAPTER
from adapters.cosmos.config import CosmosConfig, EndpointConfig, light_client, store
from adapters.cosmos.ibc.channels import ChannelTerms, open_channel, place
from adapters.cosmos.ibc.clients import TENDERMINT_PREFIX, create_tendermint_client, register_counterparty
from adapters.cosmos.ibc.connections import open_connection
from adapters.errors import Refused
from gateway.keys.signer import LocalSigner
from proofs.lightclients.tendermint import decode_light_block, encode_light_block, hashing, header_hash
from proofs.lightclients.tendermint.types import BlockId
from proofs.records import replace
from proofs.types import Acknowledged, Claim, ClientId, Height, Lane, NotReceived, Proven, Sent
from proofs.verdict import Accepted
from proofs.verify import verify
from relays.runtime.clock import SystemClock
from relays.runtime.trust import TrustBook
from tests.support.ibc_chains import KEY, OTHER_KEY, Pair, caip, config_of, host, two_chains
from tests.support.liar import liar

pytestmark = [pytest.mark.nodes, pytest.mark.asyncio(loop_scope="module")]

RECEIVER = ADAPTER.account(CosmosConfig(endpoints=()), LocalSigner(KEY).public_key)
CLOCK = SystemClock()


@dataclass
class Side:
    """One chain: its adapter with a relayer's key, and what is believed of its blocks."""

    chain: GatewayChain
    config: CosmosConfig
    book: TrustBook

    @property
    def spec(self):
        return light_client(self.chain.chain_id, self.config)


@dataclass
class World:
    """Two chains and the lanes from the first to the second: over a channel, over clients."""

    a: Side
    b: Side
    channel: Lane
    clients: Lane
    pair: Pair
    keys: Iterator[int] = field(default_factory=count)

    def side(self, chain_id) -> Side:
        return self.a if chain_id == self.a.chain.chain_id else self.b

    async def settle(self, side: Side) -> None:
        head = (await side.chain.status()).head.height
        while (await side.chain.status()).head.height <= head:
            await CLOCK.sleep(0.02)

    async def transfer(self, lane: Lane, number: int = 3, lives_s: int = 600) -> list[SeenPacket]:
        """Send transfers and return them as the chain shows them."""
        side = self.side(lane.source)
        start = (await side.chain.status()).head.height
        until_s = int(time.time()) + lives_s
        item = SendTransfer(lane=lane, denom="stake", amount=7, receiver=RECEIVER, timeout_s=until_s)
        sequences = await side.chain.send([item] * number)
        await self.settle(side)
        seen = await side.chain.sent(lane, Height(start + 1), (await side.chain.status()).finalized)
        assert [each.packet.sequence for each in seen] == list(sequences)
        return list(seen)

    async def prove(self, lane: Lane, claims: Sequence[Claim]) -> tuple[Sequence[Proven[Claim]], object]:
        """Prove claims in the newest block of the chain that they are about."""
        side = self.side(lane.source if isinstance(claims[0], Sent) else lane.destination)
        at = (await side.chain.status()).finalized
        trusted = await side.book.advance_to(side.chain, side.spec, at, CLOCK.now_s())
        assert isinstance(trusted, Accepted), trusted
        evidence = await side.chain.prove(lane, claims, at)
        verdicts = verify(lane, trusted.value, store(at.chain, side.config), claims, evidence)
        assert all(isinstance(each, Accepted) for each in verdicts), verdicts
        return [each.value for each in verdicts], evidence

    async def delivery(self, lane: Lane, claims: Sequence[Claim]) -> Delivery:
        """Return what a relay would carry."""
        arriving = isinstance(claims[0], Sent)
        proven_on = self.side(lane.source if arriving else lane.destination)
        target = self.side(lane.destination if arriving else lane.source)
        name = lane.destination_client if arriving else lane.source_client
        proven, evidence = await self.prove(lane, claims)
        view = await target.chain.client(name, (await target.chain.status()).finalized)
        known = await proven_on.chain.block(view.latest_height)
        path = await proven_on.book.path(proven_on.chain, proven_on.spec, known, evidence.at, CLOCK.now_s())
        assert isinstance(path, Accepted), path
        carried = Carried(updates=path.value.updates, proofs=evidence)
        return Delivery(lane=lane, proven=tuple(proven), evidence=carried, key=f"{lane} {next(self.keys)}")

    async def deliver(self, delivery: Delivery) -> Included:
        arriving = isinstance(delivery.proven[0].claim, Sent)
        target = self.side(delivery.lane.destination if arriving else delivery.lane.source)
        submission = await target.chain.submit(delivery)
        for _ in range(1000):
            [status] = await target.chain.submissions([submission])
            assert not isinstance(status, Lost), status
            if isinstance(status, Included):
                return status
            await CLOCK.sleep(0.02)
        raise AssertionError("in no block")

    async def outstanding(self, lane: Lane, claims: Sequence[Claim]) -> list[bool]:
        target = self.side(lane.destination if isinstance(claims[0], Sent) else lane.source)
        await self.settle(target)
        return list(await target.chain.outstanding(lane, claims, (await target.chain.status()).finalized))

    async def acknowledgements(self, lane: Lane, seen: Sequence[SeenPacket], first: int) -> list[Claim]:
        side = self.side(lane.destination)
        found = await side.chain.acknowledged(lane, Height(first), (await side.chain.status()).finalized)
        by_sequence = {each.sequence: each.acknowledgements for each in found}
        return [
            Acknowledged(packet=each.packet, acknowledgements=by_sequence[each.packet.sequence])
            for each in seen
        ]


async def _side(chain, **changes) -> Side:
    config = await config_of(chain, **changes)
    built = ADAPTER.build(caip(chain), config, Resources(clock=CLOCK, signers=(LocalSigner(OTHER_KEY),)))
    await built.connect()
    return Side(chain=built, config=config, book=TrustBook())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world():
    with two_chains() as pair:
        async with host(pair.first) as first, host(pair.second) as second:
            on_a = await create_tendermint_client(first, second)
            on_b = await create_tendermint_client(second, first)
            opened = await open_connection(first, on_a, second, on_b)
            channel = await open_channel(
                await place(first, opened.first, "transfer"),
                await place(second, opened.second, "transfer"),
                ChannelTerms(version="ics20-1"),
            )
            v2_a = await create_tendermint_client(first, second)
            v2_b = await create_tendermint_client(second, first)
            await register_counterparty(first, v2_a, v2_b, TENDERMINT_PREFIX)
            await register_counterparty(second, v2_b, v2_a, TENDERMINT_PREFIX)
        a, b = await _side(pair.first), await _side(pair.second)

        def lane(source: str, destination: str) -> Lane:
            return Lane(
                source=a.chain.chain_id,
                source_client=ClientId(source),
                destination=b.chain.chain_id,
                destination_client=ClientId(destination),
            )

        yield World(
            a=a, b=b, channel=lane(channel.first, channel.second), clients=lane(v2_a, v2_b), pair=pair
        )
        await a.chain.close()
        await b.chain.close()


@pytest.fixture(params=["channel", "clients"])
def lane(request, world) -> Lane:
    return getattr(world, request.param)


async def test_packets_are_received_acknowledged_and_settled_with_headers_and_proofs(world, lane) -> None:
    seen = await world.transfer(lane)
    sent = [Sent(packet=each.packet) for each in seen]
    assert (seen[0].packet.channel is not None) == (lane == world.channel)
    assert await world.outstanding(lane, sent) == [True] * 3

    start = (await world.b.chain.status()).head.height
    included = await world.deliver(await world.delivery(lane, sent))
    assert included.succeeded, included.detail
    assert await world.outstanding(lane, sent) == [False] * 3

    answers = await world.acknowledgements(lane, seen, start)
    assert {each.acknowledgements for each in answers} == {(b'{"result":"AQ=="}',)}
    assert await world.outstanding(lane, answers) == [True] * 3
    included = await world.deliver(await world.delivery(lane, answers))
    assert included.succeeded, included.detail
    assert await world.outstanding(lane, answers) == [False] * 3


async def test_a_packet_its_transaction_and_its_proof_come_with_the_head_that_proves_it(world, lane) -> None:
    node = world.pair.first.node
    async with liar(node.rpc_url) as watched:
        follower = await _side(world.pair.first, endpoints=(EndpointConfig(name="it", rpc_url=watched.url),))
        asked = None
        for _ in range(50):  # a block may come between the answers of one request, or not be executed yet
            if not (asked := await _asked_after_the_head(world, follower, watched, lane)):
                break
        await follower.chain.close()
    assert asked == []


async def test_a_hosted_client_that_is_looked_at_often_comes_with_the_heads(world, lane) -> None:
    node = world.pair.first.node
    async with liar(node.rpc_url) as watched:
        follower = await _side(world.pair.first, endpoints=(EndpointConfig(name="it", rpc_url=watched.url),))
        last, asked = None, None
        for _ in range(2000):  # about fifty blocks; one may come between the answers of one request
            head = (await follower.chain.status()).finalized
            if head == last:
                await CLOCK.sleep(0.005)
                continue
            last = head
            watched.calls.clear()
            view = await follower.chain.client(lane.source_client, head)
            if not (asked := list(watched.calls)):
                break
        await follower.chain.close()
    assert asked == []
    assert view == await world.a.chain.client(lane.source_client, head)


async def _asked_after_the_head(world, follower: Side, watched, lane: Lane) -> list:
    """Send a packet, follow the heads, return what was asked once the head was there that shows it."""
    last = (await follower.chain.status()).finalized
    sending = asyncio.create_task(world.transfer(lane, 1))
    for _ in range(2000):
        head = (await follower.chain.status()).finalized
        if head == last:
            await CLOCK.sleep(0.01)
            continue
        watched.calls.clear()
        found = await follower.chain.sent(lane, Height(last.height + 1), head)
        last = head
        if found:
            await follower.chain.prove(lane, [Sent(packet=found[0].packet)], head)
            asked = list(watched.calls)
            await sending
            return asked
    raise AssertionError("the packet was not seen")


async def test_a_delivery_that_others_made_before_succeeds_without_a_transaction(world, lane) -> None:
    seen = await world.transfer(lane, number=1)
    sent = [Sent(packet=each.packet) for each in seen]
    first, second = await world.delivery(lane, sent), await world.delivery(lane, sent)
    assert (await world.deliver(first)).succeeded
    head = (await world.b.chain.status()).head
    submission = await world.b.chain.submit(second)
    assert submission.startswith("nothing-left@")
    assert int(submission.partition("@")[2]) > head.height
    again = await world.deliver(second)
    assert (again.succeeded, again.fee) == (True, 0)
    assert await world.outstanding(lane, sent) == [False]


async def test_packets_past_their_time_are_settled_by_proof_that_they_were_not_received(world, lane) -> None:
    seen = await world.transfer(lane, number=2, lives_s=10)
    late = [NotReceived(packet=each.packet) for each in seen]
    until_s = max(each.packet.timeout_s for each in seen)
    while (await world.b.chain.status()).finalized_time_s < until_s:
        await CLOCK.sleep(0.05)
    assert await world.outstanding(lane, late) == [True] * 2
    included = await world.deliver(await world.delivery(lane, late))
    assert included.succeeded, included.detail
    assert await world.outstanding(lane, late) == [False] * 2


async def test_proofs_of_other_packets_are_refused_with_the_chains_own_reason(world, lane) -> None:
    seen = await world.transfer(lane, number=2)
    good = await world.delivery(lane, [Sent(packet=each.packet) for each in seen])
    swapped = replace(good.evidence.proofs, each=good.evidence.proofs.each[::-1])
    bad = replace(good, evidence=replace(good.evidence, proofs=swapped), key="swapped")
    with pytest.raises(Refused, match=r"^(channel|channelv2|commitment|ics23|sdk|client|undefined)\w* \d+: "):
        await world.b.chain.submit(bad)


async def test_a_client_is_refreshed_without_packets_and_its_updates_are_seen(world, lane) -> None:
    name = lane.destination_client
    before = await world.b.chain.client(name, (await world.b.chain.status()).finalized)
    start = (await world.b.chain.status()).head
    at = (await world.a.chain.status()).finalized
    known = await world.a.chain.block(before.latest_height)
    assert isinstance(await world.a.book.advance_to(world.a.chain, world.a.spec, at, CLOCK.now_s()), Accepted)
    path = await world.a.book.path(world.a.chain, world.a.spec, known, at, CLOCK.now_s())
    refresh = Delivery(
        lane=lane,
        proven=(),
        evidence=Carried(updates=path.value.updates, proofs=None),
        key=f"refresh {at.height}",
    )
    submission = await world.b.chain.submit(refresh)
    while not isinstance((await world.b.chain.submissions([submission]))[0], Included):
        await CLOCK.sleep(0.05)
    head = (await world.b.chain.status()).finalized
    after = await world.b.chain.client(name, head)
    assert after.latest_height == at.height > before.latest_height
    assert (after.kind, after.frozen, after.ordered, after.closed) == ("07-tendermint", False, False, False)
    assert after.trusting_period_s == 1_209_600
    assert 0 <= time.time() - after.latest_time_s < 60

    seen = await world.b.chain.client_updates(name, Height(start.height + 1), head)
    assert [(each.untrusted_update.target, each.trusted_height) for each in seen] == [
        (at, before.latest_height)
    ]


async def test_a_long_span_is_read_by_its_changes_and_misses_nothing(world, lane) -> None:
    head = (await world.a.chain.status()).finalized
    fresh = ADAPTER.build(world.a.chain.chain_id, world.a.config, Resources(clock=CLOCK))
    await fresh.connect()
    try:
        seen = await fresh.sent(lane, Height(0), head)
        assert [each.packet.sequence for each in seen] == list(range(1, len(seen) + 1))
        assert await fresh.sent(lane, Height(5), head) == seen
        other = world.b.chain
        last = (await other.status()).finalized
        acknowledged = await other.acknowledged(lane, Height(0), last)
        received = {each.sequence for each in acknowledged}
        assert received <= {each.packet.sequence for each in seen}
        assert [each.height for each in acknowledged] == sorted(each.height for each in acknowledged)
    finally:
        await fresh.close()


def forged(update, seed: bytes):
    """Return another block in the place of this one, signed by the chain's one validator."""
    block = decode_light_block(update.header)
    header = replace(block.header, app_hash=b"\x07" * 32)
    name = BlockId(hash=header_hash(header), parts_total=1, parts_hash=b"\x08" * 32)
    [entry] = block.commit.signatures
    head = hashing.vote_head(hashing.PRECOMMIT, header.height, block.commit.round, name)
    signature = SigningKey(seed).sign(hashing.vote_bytes(head, entry.time_ns, header.chain_id)).signature
    commit = replace(block.commit, block=name, signatures=(replace(entry, signature=signature),))
    target = replace(update.target, hash=name.hash)
    return replace(
        update, target=target, header=encode_light_block(replace(block, header=header, commit=commit))
    )


@pytest.mark.parametrize("shown", [False, True])
async def test_a_client_is_frozen_by_two_headers_of_one_height(world, shown) -> None:
    """Whether it was shown the forged one before, or both are shown to it at once."""
    async with host(world.pair.first) as first, host(world.pair.second) as second:
        name = await create_tendermint_client(second, first)
    source, target = world.a.chain, world.b.chain
    view = await target.client(name, (await target.status()).finalized)
    trusted = await source.update(await source.block(view.latest_height))
    while (newest := (await source.status()).finalized).height <= view.latest_height:
        await CLOCK.sleep(0.02)
    true = await source.update(newest)
    fork = forged(true, world.pair.first.node.home.seed)
    lane = replace(world.clients, destination_client=name)

    async def submitted(key: str, **evidence: object) -> Included:
        carried = Carried(proofs=None, **evidence)
        submission = await target.submit(Delivery(lane=lane, proven=(), evidence=carried, key=key))
        while not isinstance(status := (await target.submissions([submission]))[0], Included):
            await CLOCK.sleep(0.05)
        return status

    if shown:
        assert (await submitted(f"fork {name}", updates=(trusted, fork))).succeeded
        head = (await target.status()).finalized
        seen = await target.client_updates(name, Height(1), head)
        assert [each.untrusted_update.target for each in seen] == [fork.target]
    assert (await submitted(f"both {name}", updates=(trusted, fork), conflict=true)).succeeded
    assert (await target.client(name, (await target.status()).finalized)).frozen
