"""The EVM adapter as a subject of the conformance kit: a development chain that mines when it is told to."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

import adapters.evm
from adapters.api import GatewayChain, Resources
from adapters.evm import ADAPTER
from adapters.evm.abi import array, dynamic, encode, selector, word
from adapters.evm.config import EndpointConfig
from adapters.evm.deploy import ClientSetup, Deployment, add_clients, deploy, deployer
from adapters.evm.devnode import DevNode
from adapters.evm.send import included
from adapters.evm.sender import Sender
from adapters.evm.transactions import Intent
from adapters.manifest import load
from adapters.testkit.subject import ATTESTORS, KIT_CHAIN, KIT_CLIENT, THRESHOLD
from proofs.ids import InteropAddress, encode_interop
from proofs.records import replace
from proofs.types import ClientId
from tests.support.anvil import start_anvil
from tests.support.evm import A, DevSigner, WallClock, config
from tests.support.liar import liar, says

CLIENT = ClientId("kit-client")
_NAMES = ("bad", "good", "better")
_FINAL_AFTER = 3
"""Blocks on top of a final one, with one slot to an epoch."""


@dataclass
class ChainClock(WallClock):
    """The real time, or the chain's where that is ahead."""

    ahead_s: float = 0.0

    def now_s(self) -> float:
        return time.time() + self.ahead_s


class EvmSubject:
    """One development chain with our contracts and a client of the kit's chain."""

    chain_id = A
    client = CLIENT
    plugin = ADAPTER
    takes_tokens = False

    def __init__(self, node: DevNode, clock: ChainClock, deployed: Deployment, operator: Sender) -> None:
        self.manifest = load(Path(adapters.evm.__file__).parent / "manifest.toml")
        self.clock = clock
        self.resources = Resources(clock=clock, signers=(DevSigner(0),))
        endpoints = tuple([EndpointConfig(name=name, url=f"{node.url}/?{name}") for name in _NAMES])
        self.config = config(node, deployed, endpoints=endpoints, request_timeout_s=2.0)
        self.recipient = deployed.sample_app
        self._node = node
        self._deployed = deployed
        self._operator = operator

    async def rpc(self, method, *params):
        """Return what the node answers."""
        call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        async with aiohttp.ClientSession() as session, session.post(self._node.url, json=call) as response:
            answer = await response.json()
        assert "error" not in answer, (method, answer)
        return answer["result"]

    async def produce(self, count: int, timeout_s: int) -> None:
        recipient = encode_interop(InteropAddress(chain=KIT_CHAIN, address=b"\x66" * 20))
        until = selector("deliverBefore(uint256)") + word(timeout_s)
        parts = [dynamic(recipient), array([dynamic(b"to the kit")] * count), array([dynamic(until)])]
        call_data = selector("sendMany(bytes,bytes[],bytes[])") + encode(parts)
        app = bytes.fromhex(self._deployed.sample_app[2:])
        intent = Intent(to=app, data=call_data, gas=200_000 + 200_000 * count)
        [fate] = await included(self._operator, await self._operator.send([intent]))
        assert fate.receipt.status == "0x1"

    async def settle(self) -> None:
        await self.rpc("anvil_mine", hex(_FINAL_AFTER), "0x0")
        await self._follow()

    async def pass_time(self, seconds: int) -> None:
        await self.rpc("evm_increaseTime", seconds)
        await self.rpc("anvil_mine", hex(1 + _FINAL_AFTER), "0x0")
        self.clock.ahead_s += seconds
        await self._follow()

    async def _follow(self) -> None:
        block = await self.rpc("eth_getBlockByNumber", "latest", False)
        self.clock.ahead_s = max(self.clock.ahead_s, int(block["timestamp"], 16) - time.time())

    async def reorg(self) -> bool:
        await self.rpc("anvil_rollback", 1)
        await self.rpc("evm_increaseTime", 7)
        await self.rpc("anvil_mine", "0x1", "0x0")
        await self._follow()
        return True

    @asynccontextmanager
    async def garbled(self) -> AsyncIterator[GatewayChain]:
        async with self._spoiled() as (chain, named):
            for each in named.values():
                each.failure = says(text="<html>nonsense</html>")
            yield chain

    @asynccontextmanager
    async def with_liar(self) -> AsyncIterator[GatewayChain]:
        async with self._spoiled() as (chain, named):
            named["bad"].lies["eth_getBlockByNumber"] = lambda _, block: (
                block and {**block, "stateRoot": "0x" + "11" * 32}
            )
            named["bad"].lies["eth_getLogs"] = lambda *_: []
            named["bad"].lies["eth_call"] = lambda *_: "0x" + "00" * 320
            yield chain

    @asynccontextmanager
    async def _spoiled(self):
        async with AsyncExitStack() as stack:
            named = {name: await stack.enter_async_context(liar(self._node.url)) for name in _NAMES}
            endpoints = tuple([EndpointConfig(name=name, url=each.url) for name, each in named.items()])
            chain = ADAPTER.build(A, replace(self.config, endpoints=endpoints), self.resources)
            await chain.connect()
            stack.push_async_callback(chain.close)
            yield chain, named


@asynccontextmanager
async def evm_subject() -> AsyncIterator[EvmSubject]:
    """Start a chain with everything on it."""
    clock = ChainClock()
    setup = ClientSetup(
        client=CLIENT,
        counterparty=KIT_CLIENT,
        counterparty_chain=KIT_CHAIN,
        attestors=ATTESTORS,
        threshold=THRESHOLD,
    )
    with start_anvil(block_time_s=None) as node:
        operator_resources = Resources(clock=clock, signers=(DevSigner(9),))
        async with deployer(A, node.url, operator_resources, poll_s=0.02) as operator:
            deployed = await deploy(operator, A)
            await add_clients(operator, deployed, [setup])
            subject = EvmSubject(node, clock, deployed, operator)
            await subject.settle()
            yield subject
