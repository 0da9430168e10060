"""Two real Cosmos chains for tests, connected by IBC v1 and v2, and the gateways that relay, as processes.

The chains' own state is what tests believe: balances, commitments, client states; never a gateway's word.
Users act with keys of their own.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from adapters.api import GatewayChain, Resources, SendTransfer
from adapters.cosmos import ADAPTER
from adapters.cosmos.config import CosmosConfig, EndpointConfig
from adapters.cosmos.devnode import DevChain
from adapters.cosmos.ibc import queries
from adapters.cosmos.ibc.chain import CosmosHost, open_host
from adapters.cosmos.ibc.channels import ChannelTerms, open_channel, place
from adapters.cosmos.ibc.clients import TENDERMINT_PREFIX, ClientTerms, register_counterparty
from adapters.cosmos.ibc.clients import create_tendermint_client as create_client
from adapters.cosmos.ibc.connections import open_connection
from adapters.cosmos.ibc.pending import PendingPackets, Way, pending
from adapters.cosmos.pb.cosmos.bank.v1beta1 import query_pb2 as bank_pb2
from gateway.keys.signer import LocalSigner
from proofs.apps.ics20 import escrow_address, voucher_denom
from proofs.bech32 import encode
from proofs.hashing import sha256
from proofs.types import BlockRef, ChainId, ClientId, Height, Lane
from relays.runtime.clock import SystemClock
from relays.runtime.trust import TrustBook
from tests.e2e.cosmos.relayer import DENOM, Relayer, Route
from tests.support.simd import start_simd

PATIENCE_S = 300.0
"""Only bounds a wait that would never end."""
RICH = 10**15
RELAYER_KEYS = (sha256(b"tests: relayer"), sha256(b"tests: other relayer"))
SETTER = LocalSigner(sha256(b"tests: who sets up"))
USERS = tuple([LocalSigner(sha256(b"tests: user %d" % number)) for number in range(4)])


def address(signer: LocalSigner) -> str:
    return ADAPTER.account(CosmosConfig(endpoints=()), signer.public_key)


ADMIN = address(SETTER)
SENDER, RECEIVER, OTHER, FORWARDED = [address(user) for user in USERS]


def voucher(lane: Lane, denom: str = DENOM) -> str:
    """Return how a coin of the lane's source is called once it has crossed."""
    return voucher_denom(f"transfer/{lane.destination_client}/{denom}")


def escrow(lane: Lane) -> str:
    """Return the account that holds what left over this lane."""
    return encode("cosmos", escrow_address("transfer", lane.source_client))


def commitment_key(lane: Lane, sequence: int) -> bytes:
    """Return where the source of a channel keeps that a packet of token transfer is under way."""
    return f"commitments/ports/transfer/channels/{lane.source_client}/sequences/{sequence}".encode()


@dataclass(slots=True)
class Side:
    """One chain with all that tests do to it."""

    chain: DevChain
    config: CosmosConfig
    host: CosmosHost
    """Acts for `ADMIN`."""
    user: GatewayChain
    """Acts for the first user."""

    @property
    def id(self) -> ChainId:
        return self.host.chain

    async def balance(self, account: str, denom: str = DENOM, at: BlockRef | None = None) -> int:
        question = bank_pb2.QueryBalanceRequest(address=account, denom=denom)
        method, answer = "/cosmos.bank.v1beta1.Query/Balance", bank_pb2.QueryBalanceResponse
        found = await self.host.ask(method, question, answer, at or await self.host.head())
        return int(found.balance.amount or 0)

    async def supply(self, denom: str) -> int:
        question = bank_pb2.QuerySupplyOfRequest(denom=denom)
        method, answer = "/cosmos.bank.v1beta1.Query/SupplyOf", bank_pb2.QuerySupplyOfResponse
        found = await self.host.ask(method, question, answer, await self.host.head())
        return int(found.amount.amount or 0)

    async def client(self, name: str) -> queries.ClientRow:
        """Return a light client that lives on this chain, proven."""
        found = await queries.client(self.host, ClientId(name), await self.host.head())
        if found is None:
            raise AssertionError(f"{self.id}: no client {name}")
        return found

    async def holds(self, key: bytes, at: BlockRef) -> bytes:
        """Return what the store of IBC holds at a block, proven; empty: nothing."""
        [found] = await self.host.stored([key], at)
        return found.value

    async def first(self, start: int, is_so: Callable[[BlockRef], Any]) -> int:
        """Return the first block from `start` on whose state is so, given that it stayed so until now."""
        low, high = start, (await self.host.head()).height
        while low < high:
            middle = (low + high) // 2
            so = await is_so(await self.host.source.block(Height(middle)))
            low, high = (low, middle) if so else (middle + 1, high)
        return low


@dataclass(slots=True)
class Pair:
    """Two connected chains, and a gateway that may be started, killed and asked."""

    directory: Path
    a: Side
    b: Side
    v1: Route
    v2: Route
    connections: tuple[str, str]
    limits: dict[str, float]
    relayers: list[Relayer] = field(default_factory=list)

    def side(self, chain: ChainId) -> Side:
        return self.a if chain == self.a.id else self.b

    def lanes(self) -> list[Lane]:
        return [lane for route in (self.v1, self.v2) for lane in (route.there, route.back)]

    async def transfer(
        self,
        lane: Lane,
        amount: int,
        *,
        count: int = 1,
        denom: str = DENOM,
        lifetime_s: float = 600,
        receiver: str = RECEIVER,
    ) -> list[int]:
        """Send transfers from the first user to one on the other chain; return their sequences."""
        item = SendTransfer(
            lane=lane,
            denom=denom,
            amount=amount,
            receiver=receiver,
            timeout_s=int(time.time() + lifetime_s),
        )
        side = self.side(lane.source)
        sequences = list(await side.user.send([item] * count))
        executed = (await side.user.status()).head.height

        async def is_seen() -> bool:
            return (await side.host.head()).height > executed

        await self.until(is_seen, what="a block after the transfers")
        return sequences

    async def sent_at(self, lane: Lane, sequence: int, start: int) -> BlockRef:
        """Return the first block of the source that shows a packet, which was sent at `start` or later."""
        user = self.side(lane.source).user
        seen = await user.sent(lane, Height(start), (await user.status()).finalized)
        [height] = [each.height for each in seen if each.packet.sequence == sequence]
        return await user.block(height)

    async def received(self, lane: Lane) -> int:
        """Return how many vouchers of the source's coin the second user has on the destination."""
        return await self.side(lane.destination).balance(RECEIVER, voucher(lane))

    async def pending(self, lane: Lane) -> PendingPackets:
        port = "transfer" if lane.source_client.startswith("channel-") else ""
        way = Way(
            source=self.side(lane.source).host,
            source_end=lane.source_client,
            destination=self.side(lane.destination).host,
            destination_end=lane.destination_client,
            source_port=port,
            destination_port=port,
        )
        return await pending(way)

    async def settled(self, lane: Lane) -> bool:
        """Say whether no commitment stands on the lane's source."""
        left = await self.pending(lane)
        return not left.unreceived and not left.unacknowledged

    async def arrived(self, lane: Lane, total: int) -> None:
        """Return once so much was received in all, not more, and nothing is under way."""

        async def so() -> bool:
            return await self.received(lane) >= total and await self.settled(lane)

        await self.until(so, what=f"{lane}: {total} received and acknowledged")
        assert await self.received(lane) == total

    async def conserved(self, lane: Lane) -> bool:
        """Say whether what is in escrow is what exists as vouchers."""
        held = await self.side(lane.source).balance(escrow(lane))
        return held == await self.side(lane.destination).supply(voucher(lane))

    async def until(self, done: Callable[[], Any], *, patience_s: float = PATIENCE_S, what: str = "") -> None:
        """Return once it is so, by what `done` awaits; fail with the gateways' logs when patience ends."""
        deadline_s = time.monotonic() + patience_s
        while not await done():
            for relayer in self.relayers:
                relayer.check()
            if time.monotonic() > deadline_s:
                logs = "\n".join(relayer.log_tail() for relayer in self.relayers)
                raise AssertionError(f"gave up after {patience_s:.0f} s: {what}\n{logs}")
            await asyncio.sleep(0.1)

    async def start_gateway(self, *more: Route) -> Relayer:
        """Start another gateway, with a key of its own, and wait until it is ready."""
        number = len(self.relayers)
        relayer = Relayer(
            name=("alpha", "beta")[number],
            directory=self.directory / f"gateway-{number}",
            key=RELAYER_KEYS[number],
            chains={side.id: side.config for side in (self.a, self.b)},
            routes=[self.v1, self.v2, *more],
            limits=self.limits,
        )
        self.relayers.append(relayer)
        await self.restart_gateway(relayer)
        return relayer

    async def restart_gateway(self, relayer: Relayer) -> None:
        """Start a gateway that was killed, and wait until it is ready."""
        relayer.start()
        await self.until(relayer.ready, what="the gateway is ready")

    def end(self) -> None:
        for relayer in self.relayers:
            relayer.kill()


@asynccontextmanager
async def pair(
    directory: Path,
    *,
    terms: ClientTerms | None = None,
    powers: Sequence[int] = (10,),
    limits: Mapping[str, float] | None = None,
) -> AsyncIterator[Pair]:
    """Start two chains and connect them; `powers` are of the first one's validators, `terms` of clients."""
    accounts = [address(LocalSigner(key)) for key in RELAYER_KEYS] + [ADMIN, SENDER, RECEIVER, OTHER]
    everyone = dict.fromkeys(accounts, RICH)
    async with AsyncExitStack() as stack:
        chains = [
            start_simd(chain_id=name, balances=everyone, powers=seats)
            for name, seats in (("chain-a", powers), ("chain-b", (10,)))
        ]
        for chain in await asyncio.gather(*[asyncio.to_thread(chain.start) for chain in chains]):
            stack.push_async_callback(asyncio.to_thread, chain.stop)
        a, b = [await _side(stack, chain) for chain in chains]
        made = await _connect(directory, a, b, terms or ClientTerms(), dict(limits or {}))
        stack.callback(made.end)
        yield made


async def _side(stack: AsyncExitStack, chain: DevChain) -> Side:
    height, block_hash = await _trusted(chain)
    node = chain.node
    endpoint = EndpointConfig(
        name="node", rpc_url=node.rpc_url, grpc_url=node.grpc_target, ws_url=node.ws_url
    )
    config = CosmosConfig(
        endpoints=(endpoint,),
        trust_height=height,
        trust_hash=block_hash,
        trusting_period_s=1_000_000,
        gas_price=f"0{DENOM}",
        poll_s=0.1,
    )
    name, clock = ChainId(f"cosmos:{chain.options.chain_id}"), SystemClock()
    resources = Resources(clock=clock, signers=(SETTER,))
    host = await stack.enter_async_context(open_host(name, config, resources, TrustBook))
    user = ADAPTER.build(name, config, Resources(clock=clock, signers=(USERS[0],)))
    await user.connect()
    stack.push_async_callback(user.close)
    return Side(chain=chain, config=config, host=host, user=user)


async def _trusted(chain: DevChain) -> tuple[int, str]:
    url = f"{chain.node.rpc_url}/commit?height=1"
    async with aiohttp.ClientSession() as session, session.get(url) as reply:
        commit = (await reply.json())["result"]["signed_header"]["commit"]
    return int(commit["height"]), commit["block_id"]["hash"].lower()


async def _connect(directory: Path, a: Side, b: Side, terms: ClientTerms, limits: dict[str, float]) -> Pair:
    """Two clients with a connection and a channel, and two more with each other as v2 counterparties."""
    on_a, on_b = await asyncio.gather(
        create_client(a.host, b.host, terms), create_client(b.host, a.host, terms)
    )
    opened = await open_connection(a.host, on_a, b.host, on_b)
    connections = (opened.first, opened.second)
    v1 = await channel(a, b, connections, ("transfer", "transfer"), ChannelTerms(version="ics20-1"))
    v2_a, v2_b = await asyncio.gather(
        create_client(a.host, b.host, terms), create_client(b.host, a.host, terms)
    )
    for side, own, other in ((a, v2_a, v2_b), (b, v2_b, v2_a)):
        await register_counterparty(side.host, own, other, TENDERMINT_PREFIX)
    v2 = route(a.id, v2_a, b.id, v2_b)
    return Pair(directory, a, b, v1, v2, connections, limits)


async def channel(
    a: Side, b: Side, connections: tuple[str, str], ports: tuple[str, str], terms: ChannelTerms
) -> Route:
    """Open a channel, or finish one that an application has begun."""
    first, second = (
        await place(a.host, connections[0], ports[0]),
        await place(b.host, connections[1], ports[1]),
    )
    opened = await open_channel(first, second, terms)
    return route(a.id, ClientId(opened.first), b.id, ClientId(opened.second), ordered=terms.ordered)


def route(a: ChainId, on_a: ClientId, b: ChainId, on_b: ClientId, *, ordered: bool = False) -> Route:
    there = Lane(source=a, source_client=on_a, destination=b, destination_client=on_b)
    return Route(there, there.reverse(), ordered)
