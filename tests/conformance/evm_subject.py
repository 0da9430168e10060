"""The EVM adapter on a development chain as a subject of the kit: three endpoints, all of them proxies."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import coincurve

import adapters.evm
from adapters.api import GatewayChain, Resources, SendMessage
from adapters.evm import ADAPTER
from adapters.evm.adapter import EvmChain
from adapters.evm.config import EndpointConfig, EvmConfig
from adapters.evm.deploy import ClientSetup, add_clients, deploy, deployer
from adapters.evm.devnode import DEV_KEYS
from adapters.manifest import load
from adapters.testkit.subject import ATTESTORS, KIT_CHAIN, KIT_CLIENT, THRESHOLD
from proofs.signatures import address_of, sign
from proofs.types import ChainId, ClientId, Lane
from tests.support.anvil import start_anvil
from tests.support.rpc_proxy import RpcProxy, forged, honest, nonsense

CHAIN = ChainId("eip155:31337")
_FINAL_BELOW_HEAD = 3
"""Blocks to make so that the development chain calls an old head final."""


class DevSigner:
    """One of the accounts that development chains fund."""

    def __init__(self, index: int) -> None:
        self._key = bytes.fromhex(DEV_KEYS[index])

    @property
    def address(self) -> bytes:
        return address_of(coincurve.PrivateKey(self._key).public_key)

    def sign(self, digest: bytes) -> bytes:
        return sign(self._key, digest)


class ChainClock:
    """Real time, moved ahead as far as the chain's own: every block is at least a second after its parent."""

    ahead_s = 0.0

    def now_s(self) -> float:
        return time.time() + self.ahead_s

    def monotonic_s(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class EvmSubject:
    """One development chain with our contracts on it."""

    manifest = load(Path(adapters.evm.__file__).parent / "manifest.toml")
    plugin = ADAPTER
    chain_id = CHAIN
    client = ClientId("subject-0")

    def __init__(self, url: str, proxies: list[RpcProxy], config: EvmConfig, recipient: str) -> None:
        self._url = url
        self._proxies = proxies
        self.config = config
        self.recipient = recipient
        self.clock = ChainClock()
        self.resources = Resources(clock=self.clock, signer=DevSigner(1))
        self._user = EvmChain(CHAIN, config, Resources(clock=self.clock, signer=DevSigner(2)))

    async def produce(self, count: int, timeout_s: int) -> None:
        lane = Lane(
            source=CHAIN, source_client=self.client, destination=KIT_CHAIN, destination_client=KIT_CLIENT
        )
        request = SendMessage(
            lane=lane, recipient="0x" + "66" * 20, payload=b"to the kit", timeout_s=timeout_s
        )
        await self._user.connect()
        try:
            await self._user.send([request] * count)
        finally:
            await self._user.close()

    async def settle(self) -> None:
        await self._rpc("anvil_mine", hex(_FINAL_BELOW_HEAD))
        block = await self._rpc("eth_getBlockByNumber", "latest", False)
        self.clock.ahead_s = max(self.clock.ahead_s, int(block["timestamp"], 16) - time.time())

    async def pass_time(self, seconds: int) -> None:
        await self._rpc("evm_increaseTime", seconds)
        self.clock.ahead_s += seconds
        await self.settle()

    async def reorg(self) -> bool:
        await self._rpc("anvil_setCoinbase", "0x" + "c0" * 20)
        await self._rpc("anvil_reorg", 1, [])
        return True

    def garbled(self) -> AbstractAsyncContextManager[GatewayChain]:
        return self._faulty(nonsense, self._proxies)

    def with_liar(self) -> AbstractAsyncContextManager[GatewayChain]:
        return self._faulty(forged, self._proxies[:1])

    @asynccontextmanager
    async def _faulty(
        self, speak: Callable[[Any], bytes], proxies: list[RpcProxy]
    ) -> AsyncIterator[GatewayChain]:
        chain = ADAPTER.build(CHAIN, self.config, self.resources)
        await chain.connect()
        try:
            for proxy in proxies:
                proxy.speak = speak
            yield chain
        finally:
            for proxy in proxies:
                proxy.speak = honest
            await chain.close()

    async def _rpc(self, method: str, *params: Any) -> Any:
        call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        async with aiohttp.ClientSession() as session, session.post(self._url, json=call) as answer:
            reply = await answer.json()
        if "error" in reply:
            raise RuntimeError(f"{method}: {reply['error']}")
        return reply["result"]


@asynccontextmanager
async def evm_subject() -> AsyncIterator[EvmSubject]:
    """Yield a subject on a chain of its own that makes a block for each transaction."""
    setup = ClientSetup(
        client=EvmSubject.client,
        counterparty=KIT_CLIENT,
        counterparty_chain=KIT_CHAIN,
        attestors=ATTESTORS,
        threshold=THRESHOLD,
    )
    with start_anvil(block_time_s=None) as node:
        resources = Resources(clock=ChainClock(), signer=DevSigner(0))
        async with deployer(CHAIN, node.url, resources, poll_s=0.05) as sender:
            deployed = await deploy(sender, CHAIN)
            await add_clients(sender, deployed, [setup])
        async with AsyncExitStack() as stack:
            proxies = [await stack.enter_async_context(RpcProxy(node.url)) for _ in range(3)]
            config = EvmConfig(
                endpoints=tuple(
                    [
                        EndpointConfig(name=name, url=proxy.url)
                        for name, proxy in zip("abc", proxies, strict=True)
                    ]
                ),
                router=deployed.router,
                erc7786_gateway=deployed.erc7786_gateway,
                transfer=deployed.transfer,
                start_height=deployed.start_height,
                poll_s=0.05,
                straggler_s=0.2,
                in_flight_window=64,
            )
            subject = EvmSubject(node.url, proxies, replace(config), deployed.sample_app)
            await subject.settle()
            yield subject
