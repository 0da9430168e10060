"""The Cosmos adapter as a subject of the conformance kit: a chain of simd with nothing of ours on it.

The kit's lane is attested: the chain hosts a client of its own module `attestations`. What is sent from here
are ICS-20 transfers by stock `MsgTransfer`, and what arrives becomes vouchers.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import adapters.cosmos
from adapters.api import GatewayChain, Resources, SendTransfer
from adapters.cosmos import ADAPTER
from adapters.cosmos.config import CosmosConfig, EndpointConfig
from adapters.cosmos.devnode import DevNode
from adapters.cosmos.ibc.chain import open_host
from adapters.cosmos.ibc.clients import (
    ATTESTATIONS_PREFIX,
    create_attestations_client,
    register_counterparty,
)
from adapters.cosmos.light import read_blocks
from adapters.cosmos.rpc import CometClient
from adapters.cosmos.tx import address_of
from adapters.jsonrpc import RpcLimits
from adapters.manifest import load
from adapters.testkit.subject import ATTESTORS, KIT_CHAIN, KIT_CLIENT, THRESHOLD
from gateway.keys.signer import LocalSigner
from proofs.records import replace
from proofs.types import ChainId, ClientId, Height, Lane
from relays.runtime.clock import SystemClock
from relays.runtime.trust import TrustBook
from tests.support.cosmos_liar import forge, nonsense
from tests.support.liar import liar
from tests.support.simd import start_simd

CHAIN = ChainId("cosmos:chain-a")
RELAYER = LocalSigner(bytes(31) + b"\x21")
APPLICATION = LocalSigner(bytes(31) + b"\x22")
RICH = 10**12
_NAMES = ("bad", "good", "better")
_STEP_S = 0.02


class CosmosSubject:
    """One chain with a client of the kit's."""

    chain_id = CHAIN
    plugin = ADAPTER
    takes_tokens = True

    def __init__(
        self, node: DevNode, config: CosmosConfig, client: ClientId, application: GatewayChain
    ) -> None:
        self.manifest = load(Path(adapters.cosmos.__file__).parent / "manifest.toml")
        self.resources = Resources(clock=SystemClock(), signers=(RELAYER,))
        self.client = client
        self.config = config
        self.recipient = account(APPLICATION)
        self._node = node
        self._application = application

    async def produce(self, count: int, timeout_s: int) -> None:
        lane = Lane(
            source=CHAIN, source_client=self.client, destination=KIT_CHAIN, destination_client=KIT_CLIENT
        )
        transfer = SendTransfer(
            lane=lane, denom="stake", amount=1, receiver="0x" + "66" * 20, timeout_s=timeout_s
        )
        await self._application.send([transfer] * count)

    async def settle(self) -> None:
        head = (await self._application.status()).head.height
        while (await self._application.status()).finalized.height < head + 1:
            await asyncio.sleep(_STEP_S)

    async def pass_time(self, seconds: int) -> None:
        until_s = time.time() + seconds
        while (await self._application.status()).finalized_time_s < until_s:
            await asyncio.sleep(_STEP_S)

    async def reorg(self) -> bool:
        return False

    @asynccontextmanager
    async def garbled(self) -> AsyncIterator[GatewayChain]:
        async with self._spoiled() as (chain, named):
            for each in named.values():
                each.failure = nonsense()
            yield chain

    @asynccontextmanager
    async def with_liar(self) -> AsyncIterator[GatewayChain]:
        async with self._spoiled() as (chain, named):
            forge(named["bad"])
            yield chain

    @asynccontextmanager
    async def _spoiled(self):
        async with AsyncExitStack() as stack:
            named = {name: await stack.enter_async_context(liar(self._node.rpc_url)) for name in _NAMES}
            endpoints = tuple([EndpointConfig(name=name, rpc_url=each.url) for name, each in named.items()])
            chain = ADAPTER.build(CHAIN, replace(self.config, endpoints=endpoints), self.resources)
            await chain.connect()
            stack.push_async_callback(chain.close)
            yield chain, named


def account(signer: LocalSigner) -> str:
    """Return the account of a key."""
    return address_of("cosmos", signer.public_key)


async def config_of(node: DevNode, **changes: object) -> CosmosConfig:
    """Return a configuration that trusts the chain's third block."""
    client = CometClient("it", node.rpc_url, RpcLimits())
    [block] = await read_blocks(client, CHAIN, "chain-a", [Height(3)])
    await client.close()
    known = {
        "endpoints": (EndpointConfig(name="it", rpc_url=node.rpc_url, ws_url=node.ws_url),),
        "trust_height": 3,
        "trust_hash": block.ref.hash.hex(),
        "trusting_period_s": 1_000_000,
        "gas_price": "0stake",
        "poll_s": 0.05,
    }
    return CosmosConfig(**{**known, **changes})


@asynccontextmanager
async def cosmos_subject() -> AsyncIterator[CosmosSubject]:
    """Start a chain with a client of the kit's on it."""
    balances = dict.fromkeys([account(RELAYER), account(APPLICATION)], RICH)
    with start_simd(chain_id="chain-a", balances=balances, block_time_s=0.1) as chain:
        chain.node.until_height(4)
        config = await config_of(chain.node)
        resources = Resources(clock=SystemClock(), signers=(APPLICATION,))
        async with open_host(CHAIN, config, resources, TrustBook) as host:
            client = await create_attestations_client(host, ATTESTORS, THRESHOLD, 1, int(time.time()) - 5)
            await register_counterparty(host, client, KIT_CLIENT, ATTESTATIONS_PREFIX)
            await host.head()
        application = ADAPTER.build(CHAIN, config, resources)
        await application.connect()
        try:
            subject = CosmosSubject(chain.node, config, client, application)
            await subject.settle()
            yield subject
        finally:
            await application.close()
