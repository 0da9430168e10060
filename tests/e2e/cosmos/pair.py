"""Two real Cosmos chains for tests, connected by IBC v1 and v2, and a gateway that relays, as a process.

The chains' own state is what tests believe: balances, commitments, client states; never the gateway's word.
Users act with keys of their own, through the adapter's `send`.
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp

from adapters.api import GatewayChain, Resources, SendTransfer
from adapters.cosmos import ADAPTER
from adapters.cosmos.config import CosmosConfig, EndpointConfig
from adapters.cosmos.devnode import DevChain
from adapters.cosmos.ibc.chain import CosmosHost, open_host
from adapters.cosmos.ibc.channels import ChannelTerms, open_channel, place
from adapters.cosmos.ibc.clients import ClientTerms, create_tendermint_client, register_counterparty
from adapters.cosmos.ibc.connections import open_connection
from adapters.cosmos.ibc.pending import PendingPackets, Way, pending
from adapters.cosmos.pb.cosmos.bank.v1beta1 import query_pb2 as bank_pb2
from gateway.cli.client import request
from gateway.dev import processes
from gateway.keys.keystore import Keystore
from gateway.keys.signer import LocalSigner
from proofs.apps.ics20 import voucher_denom
from proofs.bech32 import encode
from proofs.hashing import sha256
from proofs.types import ChainId, ClientId, Lane
from relays.runtime.clock import SystemClock
from relays.runtime.trust import TrustBook
from tests.support.simd import start_simd

PATIENCE_S = 90.0
DENOM = "stake"
RICH = 10**12
PASSWORD = "tests: password"
RELAYER = LocalSigner(sha256(b"tests: relayer"))
SETTER = LocalSigner(sha256(b"tests: who sets up"))
USERS = tuple([LocalSigner(sha256(b"tests: user %d" % number)) for number in range(4)])


def address(signer: LocalSigner) -> str:
    return ADAPTER.account(CosmosConfig(endpoints=()), signer.public_key)


ADMIN = address(SETTER)


@dataclass(frozen=True, slots=True)
class Route:
    """Both directions between two ends: channels of IBC v1, or clients of IBC v2."""

    there: Lane
    back: Lane
    ordered: bool = False

    @property
    def is_channel(self) -> bool:
        return self.there.source_client.startswith("channel-")


@dataclass(slots=True)
class Side:
    """One chain with all that tests do to it."""

    chain: DevChain
    config: CosmosConfig
    host: CosmosHost
    user: GatewayChain

    @property
    def id(self) -> ChainId:
        return self.host.chain

    async def balance(self, account: str, denom: str = DENOM) -> int:
        question = bank_pb2.QueryBalanceRequest(address=account, denom=denom)
        answer = await self.host.ask(
            "/cosmos.bank.v1beta1.Query/Balance",
            question,
            bank_pb2.QueryBalanceResponse,
            await self.host.head(),
        )
        return int(answer.balance.amount or 0)

    async def supply(self, denom: str = DENOM) -> int:
        question = bank_pb2.QuerySupplyOfRequest(denom=denom)
        answer = await self.host.ask(
            "/cosmos.bank.v1beta1.Query/SupplyOf",
            question,
            bank_pb2.QuerySupplyOfResponse,
            await self.host.head(),
        )
        return int(answer.amount.amount or 0)


@dataclass(slots=True)
class Pair:
    """Two connected chains, and a gateway that may be started, killed and asked."""

    directory: Path
    a: Side
    b: Side
    v1: Route
    v2: Route
    extra: list[Route] = field(default_factory=list)
    gateway: processes.Started | None = None
    port: int = 0

    def side(self, chain: ChainId) -> Side:
        return self.a if chain == self.a.id else self.b

    async def transfer(
        self, lane: Lane, amount: int, *, count: int = 1, denom: str = DENOM, lifetime_s: int = 600
    ) -> list[int]:
        """Send transfers from the first user to the second one on the other chain; return sequences."""
        item = SendTransfer(
            lane=lane,
            denom=denom,
            amount=amount,
            receiver=address(USERS[1]),
            timeout_s=int(time.time()) + lifetime_s,
        )
        return list(await self.side(lane.source).user.send([item] * count))

    async def received(self, lane: Lane) -> int:
        """Return how many vouchers of the source's coin the second user has on the destination."""
        denom = voucher_denom(f"transfer/{lane.destination_client}/{DENOM}")
        return await self.side(lane.destination).balance(address(USERS[1]), denom)

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

    async def until(self, done: Callable[[], Any], *, patience_s: float = PATIENCE_S, what: str = "") -> None:
        """Return once it is so, by what `done` awaits; fail with the gateway's log when patience ends."""
        deadline_s = time.monotonic() + patience_s
        while not await done():
            if time.monotonic() > deadline_s:
                raise AssertionError(f"gave up after {patience_s:.0f} s: {what}\n{self.log_tail()}")
            await asyncio.sleep(0.1)

    def log_tail(self) -> str:
        file = self.directory / "gateway.log"
        return file.read_text()[-3000:] if file.exists() else "no gateway"

    async def start_gateway(self) -> None:
        """Start the gateway and wait until it is ready."""
        self.gateway = processes.start(
            "gateway",
            [sys.executable, "-m", "gateway", "run", "--config", str(self.directory / "isthmus.toml")],
            log=self.directory / "gateway.log",
            environment={"ISTHMUS_PASSWORD": PASSWORD},
        )

        async def ready() -> bool:
            try:
                return bool((await self.ask("GET", "/status"))["ready"])
            except Exception:  # noqa: BLE001 - not listening yet
                return False

        await self.until(ready, what="the gateway is ready")

    def kill_gateway(self) -> None:
        """Kill -9: nothing is said goodbye to."""
        if self.gateway is not None:
            os.killpg(self.gateway.pid, signal.SIGKILL)
            processes.stop([self.gateway])
            self.gateway = None

    async def ask(self, method: str, path: str) -> Any:
        return await request(f"http://127.0.0.1:{self.port}", method, path, key="", body=None)


@asynccontextmanager
async def pair(
    directory: Path,
    *,
    ordered_ports: Sequence[str] = (),
    trusting_period_s: int = 0,
    powers: Sequence[int] = (10,),
    limits: str = "",
    relayers: int = 1,
    **options: Any,
) -> AsyncIterator[Pair]:
    """Start two chains and connect them; the gateway is configured and not started."""
    everyone = {address(signer): RICH for signer in (RELAYER, SETTER, *USERS)}
    async with AsyncExitStack() as stack:
        chains = [
            await asyncio.to_thread(
                stack.enter_context, start_simd(chain_id=name, balances=everyone, powers=powers, **options)
            )
            for name in ("chain-a", "chain-b")
        ]
        sides = [await _side(stack, chain) for chain in chains]
        made = await _connect(directory, sides[0], sides[1], trusting_period_s)
        _write(made, limits)
        stack.callback(made.kill_gateway)
        yield made


async def _side(stack: AsyncExitStack, chain: DevChain) -> Side:
    height, block_hash = await _trusted(chain)
    config = CosmosConfig(
        endpoints=(
            EndpointConfig(
                name="node",
                rpc_url=chain.node.rpc_url,
                grpc_url=chain.node.grpc_target,
                ws_url=chain.node.ws_url,
            ),
        ),
        trust_height=height,
        trust_hash=block_hash,
        trusting_period_s=1_000_000,
        gas_price=f"0{DENOM}",
        poll_s=0.1,
    )
    name = ChainId(f"cosmos:{chain.node.home and _native(chain)}")
    clock = SystemClock()
    host = await stack.enter_async_context(
        open_host(name, config, Resources(clock=clock, signers=(SETTER,)), TrustBook)
    )
    user = ADAPTER.build(name, config, Resources(clock=clock, signers=(USERS[0],)))
    await user.connect()
    stack.push_async_callback(user.close)
    return Side(chain=chain, config=config, host=host, user=user)


def _native(chain: DevChain) -> str:
    return str(chain.options.chain_id)


async def _trusted(chain: DevChain) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{chain.node.rpc_url}/commit?height=1") as reply,
    ):
        commit = (await reply.json())["result"]["signed_header"]["commit"]
    return int(commit["height"]), commit["block_id"]["hash"].lower()


async def _connect(directory: Path, a: Side, b: Side, trusting_period_s: int) -> Pair:
    """Two clients with a connection and a channel, and two more with each other as v2 counterparties."""
    terms = ClientTerms(trusting_period_s=trusting_period_s) if trusting_period_s else None
    on_a, on_b = await asyncio.gather(
        create_tendermint_client(a.host, b.host, terms), create_tendermint_client(b.host, a.host, terms)
    )
    opened = await open_connection(a.host, on_a, b.host, on_b)
    v1 = await _channel(a, b, opened.first, opened.second, "transfer", "ics20-1", ordered=False)
    v2_a, v2_b = await asyncio.gather(
        create_tendermint_client(a.host, b.host, terms), create_tendermint_client(b.host, a.host, terms)
    )
    prefix = [b"ibc", b""]
    await asyncio.gather(
        register_counterparty(a.host, v2_a, v2_b, prefix), register_counterparty(b.host, v2_b, v2_a, prefix)
    )
    return Pair(directory=directory, a=a, b=b, v1=v1, v2=route(a.id, v2_a, b.id, v2_b))


async def _channel(
    a: Side, b: Side, on_a: str, on_b: str, port: str, version: str, *, ordered: bool
) -> Route:
    terms = ChannelTerms(version=version, ordered=ordered)
    opened = await open_channel(await place(a.host, on_a, port), await place(b.host, on_b, port), terms)
    return route(a.id, ClientId(opened.first), b.id, ClientId(opened.second), ordered=ordered)


def route(a: ChainId, on_a: ClientId, b: ChainId, on_b: ClientId, *, ordered: bool = False) -> Route:
    there = Lane(source=a, source_client=on_a, destination=b, destination_client=on_b)
    return Route(there, there.reverse(), ordered)


def _write(made: Pair, limits: str) -> None:
    """Write the gateway's keys and configuration."""
    made.port = _free_port()
    keystore = Keystore(made.directory / "data" / "keystore")
    keystore.save("master", sha256(b"tests: master"), PASSWORD)
    keystore.save("relayer", sha256(b"tests: relayer"), PASSWORD)
    parts = [
        '[gateway]\nname = "alpha"\nlog = "json"\n',
        f'[api]\nlisten = "127.0.0.1:{made.port}"\n',
        f"[limits]\n{limits}\n" if limits else "",
    ]
    parts += [_chain_text(side) for side in (made.a, made.b)]
    parts += [
        _lane_text(lane, one.ordered)
        for one in (made.v1, made.v2, *made.extra)
        for lane in (one.there, one.back)
    ]
    (made.directory / "isthmus.toml").write_text("\n".join(parts))


def rewrite(made: Pair, limits: str = "") -> None:
    """Write the configuration again after routes were added."""
    _write(made, limits)


def _chain_text(side: Side) -> str:
    endpoint = side.config.endpoints[0]
    return f"""
[[chains]]
id = "{side.id}"
adapter = "cosmos"
signer = "keystore:relayer"
[chains.config]
trust_height = {side.config.trust_height}
trust_hash = "{side.config.trust_hash}"
trusting_period_s = {side.config.trusting_period_s}
gas_price = "0{DENOM}"
poll_s = 0.1
[[chains.config.endpoints]]
name = "node"
rpc_url = "{endpoint.rpc_url}"
grpc_url = "{endpoint.grpc_url}"
ws_url = "{endpoint.ws_url}"
"""


def _lane_text(lane: Lane, ordered: bool) -> str:
    return f"""
[[lanes]]
from = {{ chain = "{lane.source}", client = "{lane.source_client}" }}
to = {{ chain = "{lane.destination}", client = "{lane.destination_client}" }}
security = "light-client"
ordered = {json.dumps(ordered)}
"""


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def with_period(side: Side, trusting_period_s: int) -> None:
    """Let our own light client of this chain trust for so long."""
    side.config = replace(side.config, trusting_period_s=trusting_period_s)


def bech32(prefix: str, data: bytes) -> str:
    return encode(prefix, data)
