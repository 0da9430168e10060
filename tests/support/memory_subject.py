"""The memory adapter as a subject of the conformance kit."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import adapters.memory
from adapters.api import AdapterPlugin, GatewayChain, Resources, SendMessage
from adapters.manifest import load
from adapters.memory import ADAPTER
from adapters.memory.config import MemoryConfig, chain_spec
from adapters.memory.faults import ForgeHeader, Garbage, Personality
from adapters.memory.transactions import AddClient, SendPackets
from adapters.memory.world import forget, next_salt, open_chain, validator_addresses
from adapters.testkit.attesting import Key
from adapters.testkit.subject import ATTESTORS, KIT_CHAIN, KIT_CLIENT, THRESHOLD
from proofs.records import replace
from proofs.types import ChainId, ClientId, Lane
from tests.support.clocks import ManualClock

WORLD = "conformance"
CHAIN = ChainId("memory:subject")


class MemorySubject:
    """One memory chain with three endpoints, final one block below its head."""

    chain_id = CHAIN
    client = ClientId("subject-0")
    recipient = "0x" + "55" * 20
    takes_tokens = False

    def __init__(self, plugin: AdapterPlugin = ADAPTER) -> None:
        """Start the chain anew, with a client of the kit's chain."""
        forget(WORLD)
        self.plugin = plugin
        self.manifest = load(Path(adapters.memory.__file__).parent / "manifest.toml")
        self.clock = ManualClock()
        self.resources = Resources(clock=self.clock, signers=(Key("subject's relayer"),))
        self.config = MemoryConfig(
            validators=validator_addresses(CHAIN, 4),
            threshold=3,
            world=WORLD,
            block_time_s=0.0,
            finality_depth=1,
            request_timeout_s=60.0,
        )
        self._chain = open_chain(WORLD, CHAIN, chain_spec(self.config), self.clock)
        self._chain.submit(
            AddClient(client=self.client, counterparty=KIT_CLIENT, attestors=ATTESTORS, threshold=THRESHOLD)
        )
        self._chain.mine()

    async def produce(self, count: int, timeout_s: int) -> None:
        lane = Lane(
            source=CHAIN, source_client=self.client, destination=KIT_CHAIN, destination_client=KIT_CLIENT
        )
        message = SendMessage(
            lane=lane, recipient="0x" + "66" * 20, payload=b"to the kit", timeout_s=timeout_s
        )
        self._chain.submit(SendPackets(sender=bytes(20), requests=(message,) * count, salt=next_salt()))

    async def settle(self) -> None:
        self._chain.mine()

    async def pass_time(self, seconds: int) -> None:
        self.clock.time_s += seconds
        self._chain.mine(2)

    async def reorg(self) -> bool:
        self._chain.reorg(1)
        return True

    def garbled(self) -> AbstractAsyncContextManager[GatewayChain]:
        return self._faulty(dict.fromkeys(self.config.endpoints, Garbage()))

    def with_liar(self) -> AbstractAsyncContextManager[GatewayChain]:
        return self._faulty({"a": ForgeHeader()})

    @asynccontextmanager
    async def _faulty(self, faults: dict[str, Personality]) -> AsyncIterator[GatewayChain]:
        chain = self.plugin.build(CHAIN, replace(self.config), self.resources)
        await chain.connect()
        self._chain.faults.update(faults)
        try:
            yield chain
        finally:
            self._chain.faults.clear()
            await chain.close()
