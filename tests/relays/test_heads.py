"""The reader of a chain's heads: what it tells the lanes, and what it survives."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from adapters.api import ChainStatus, HeadWatcher
from adapters.errors import AdapterError, RateLimited, Refused, TransportError, WrongChain
from proofs.types import BlockRef, ChainId
from relays.runtime.heads import ChainLink
from relays.runtime.status import ChainMode
from tests.relays.lanes import RED, block, status
from tests.relays.test_evidence import SPEC, SignedChain
from tests.simulation.timewarp import VirtualClock, run


class Chain:
    """A chain whose head is what the test says."""

    chain_id = RED

    def __init__(self) -> None:
        self.height = 10
        self.error: AdapterError | None = None
        self.connects = self.reads = 0
        self.closed = False
        self.rival: BlockRef | None = None
        self.signed = SignedChain()

    async def connect(self) -> None:
        self.connects += 1
        if self.error is not None:
            raise self.error

    async def close(self) -> None:
        self.closed = True

    async def status(self) -> ChainStatus:
        self.reads += 1
        if self.error is not None:
            raise self.error
        now = status(RED, self.height, self.height)
        if self.rival is not None:
            return ChainStatus(head=self.rival, finalized=self.rival, finalized_time_s=1, observed_at_s=1.0)
        return now

    async def block(self, height: int) -> BlockRef:
        return self.rival if self.rival is not None else block(RED, height)

    async def update(self, target: BlockRef):
        return await self.signed.update(target)


class WatchedChain(Chain, HeadWatcher):
    """Announces heads until it falls silent."""

    def __init__(self) -> None:
        super().__init__()
        self.announce = asyncio.Event()
        self.refuses = False
        self.subscriptions = 0

    async def heads(self) -> AsyncIterator[None]:
        self.subscriptions += 1
        if self.refuses:
            raise Refused("no subscriptions here")
        while True:
            await self.announce.wait()
            self.announce.clear()
            yield


class Listener:
    def __init__(self) -> None:
        self.heights: list[int] = []
        self.halts: list[str] = []
        self.downs: list[str] = []

    def heads_read(self, read: ChainStatus) -> None:
        self.heights.append(read.finalized.height)

    def heads_withdrawn(self, chain: ChainId) -> None:
        self.heights.clear()

    def chain_halted(self, chain: ChainId, detail: str) -> None:
        self.halts.append(detail)

    def chain_down(self, chain: ChainId, detail: str) -> None:
        self.downs.append(detail)


Scene = Callable[[Chain, ChainLink, Listener], Awaitable[None]]


def play(scene: Scene, make: type[Chain] = Chain) -> None:
    async def tell() -> None:
        chain, listener = make(), Listener()
        link = ChainLink(chain, SPEC, VirtualClock(), poll_s=1.0)
        link.subscribe(listener)
        task = asyncio.create_task(link.run())
        try:
            await scene(chain, link, listener)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert chain.closed

    run(tell())


def test_heads_are_read_once_a_poll_and_told_to_the_lanes() -> None:
    async def scene(chain: Chain, link: ChainLink, listener: Listener) -> None:
        await asyncio.sleep(5.5)
        assert chain.reads == 6
        assert listener.heights == [10] * 6
        assert link.health().mode is ChainMode.UP

    play(scene)


def test_a_lane_that_comes_late_is_told_the_last_heads_at_once() -> None:
    async def scene(chain: Chain, link: ChainLink, listener: Listener) -> None:
        await asyncio.sleep(0.5)
        late = Listener()
        link.subscribe(late)
        assert late.heights == [10]

    play(scene)


def test_an_announced_head_is_read_at_once_and_polling_becomes_rare() -> None:
    async def scene(chain: Chain, link: ChainLink, listener: Listener) -> None:
        assert isinstance(chain, WatchedChain)
        await asyncio.sleep(1.5)
        before = chain.reads
        chain.announce.set()
        await asyncio.sleep(0.01)
        assert chain.reads == before + 1
        await asyncio.sleep(4)
        assert chain.reads == before + 1

    play(scene, WatchedChain)


@pytest.mark.covers("REL-02")
def test_a_subscription_that_falls_silent_does_not_stop_the_reading() -> None:
    async def scene(chain: Chain, link: ChainLink, listener: Listener) -> None:
        assert isinstance(chain, WatchedChain)
        await asyncio.sleep(1.5)
        chain.announce.set()
        await asyncio.sleep(1)
        before = chain.reads
        await asyncio.sleep(20)
        assert chain.reads > before + 5

    play(scene, WatchedChain)


def test_a_chain_that_refuses_subscriptions_is_polled_and_asked_no_more() -> None:
    async def scene(chain: Chain, link: ChainLink, listener: Listener) -> None:
        assert isinstance(chain, WatchedChain)
        chain.refuses = True
        await asyncio.sleep(10.5)
        assert chain.subscriptions == 1
        assert chain.reads == 11

    play(scene, WatchedChain)


def test_a_chain_that_is_down_is_told_and_connected_to_again() -> None:
    async def scene(chain: Chain, link: ChainLink, listener: Listener) -> None:
        chain.error = TransportError("gone")
        await asyncio.sleep(5)
        assert link.health().mode is ChainMode.DOWN
        assert link.health().error == "transport: gone"
        assert listener.downs
        assert not listener.halts
        chain.error = None
        await asyncio.sleep(10)
        assert chain.connects > 2
        assert link.health().mode is ChainMode.UP
        assert listener.heights

    play(scene)


def test_the_patience_that_an_endpoint_asks_for_is_given() -> None:
    async def scene(chain: Chain, link: ChainLink, listener: Listener) -> None:
        await asyncio.sleep(0.5)
        chain.error = RateLimited("slow down", retry_after_s=40.0)
        await asyncio.sleep(1)
        before = chain.reads
        await asyncio.sleep(38)
        assert chain.reads == before
        await asyncio.sleep(3)
        assert chain.reads == before + 1

    play(scene)


def test_another_chain_than_the_configured_one_halts_the_lanes() -> None:
    async def scene(chain: Chain, link: ChainLink, listener: Listener) -> None:
        chain.error = WrongChain("expected memory:red, got memory:blue")
        await asyncio.sleep(3)
        assert link.health().mode is ChainMode.HALTED
        assert listener.halts[0] == "wrong-chain: expected memory:red, got memory:blue"

    play(scene)


def test_a_finalized_block_that_changed_by_the_light_client_halts_the_lanes() -> None:
    async def scene(chain: Chain, link: ChainLink, listener: Listener) -> None:
        await asyncio.sleep(0.5)
        chain.rival = chain.signed.add(10)
        await asyncio.sleep(2)
        assert link.health().mode is ChainMode.HALTED
        assert listener.halts
        told = len(listener.heights)
        chain.rival = None
        await asyncio.sleep(30)
        assert len(listener.heights) == told

    play(scene)


def test_a_finalized_block_that_only_an_endpoint_changed_halts_nothing() -> None:
    async def scene(chain: Chain, link: ChainLink, listener: Listener) -> None:
        await asyncio.sleep(0.5)
        chain.signed.signers = 1
        chain.rival = chain.signed.add(10)
        await asyncio.sleep(2)
        assert link.health().mode is ChainMode.DOWN
        assert link.health().error.startswith("false-finality")
        assert not listener.halts
        chain.rival = None
        await asyncio.sleep(30)
        assert link.health().mode is ChainMode.UP

    play(scene)


def test_finality_is_never_told_to_go_back() -> None:
    async def scene(chain: Chain, link: ChainLink, listener: Listener) -> None:
        await asyncio.sleep(0.5)
        chain.height = 20
        await asyncio.sleep(1)
        chain.height = 15
        await asyncio.sleep(2)
        assert listener.heights == sorted(listener.heights)
        assert listener.heights[-1] == 20

    play(scene)
