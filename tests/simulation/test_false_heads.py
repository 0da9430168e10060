"""Heads that an endpoint invents, where trust advances from an anchor: nothing stalls once they are over.

The light clients of these chains stand behind no such head: lanes wait while it is shown, and afterwards go
on as if it had never been.
"""

from collections.abc import Awaitable, Callable

import pytest

from adapters.api import ChainStatus
from adapters.errors import MalformedReply
from adapters.memory.adapter import MemoryAdapter
from proofs.types import BlockRef, ChainId, Height, NotReceived, Packet
from relays.core.types import Leg
from relays.runtime.status import ChainMode, LaneMode
from tests.simulation.test_stories import is_well
from tests.simulation.timewarp import run
from tests.simulation.world import CHAINS, GATEWAYS, LANE, LANES, World, deliveries

RED, BLUE = CHAINS
FAR, NEAR = 1_000_000_000, 300
"""Blocks ahead: beyond one observation, and within one, so that it is read through at once."""
AGE_S = 10 * 365 * 24 * 3600


class Inventor:
    """Has the adapter of one chain tell of a head that is not there, whose blocks hold nothing."""

    def __init__(self, adapter: MemoryAdapter, ahead: int, later_s: int) -> None:
        self.adapter, self.ahead, self.later_s = adapter, ahead, later_s
        self.shown: BlockRef | None = None
        self.is_lying = True
        self.original = {
            name: getattr(adapter, name) for name in ("status", "sent", "acknowledged", "update")
        }
        for name in self.original:
            setattr(adapter, name, getattr(self, name))

    async def status(self) -> ChainStatus:
        true = await self.original["status"]()
        if not self.is_lying:
            return true
        if self.shown is None:
            height = Height(true.finalized.height + self.ahead)
            self.shown = BlockRef(chain=self.adapter.chain_id, height=height, hash=b"\xee" * 32)
        time_s = true.finalized_time_s + self.later_s
        return ChainStatus(
            head=self.shown,
            finalized=self.shown,
            finalized_time_s=time_s,
            observed_at_s=true.observed_at_s,
        )

    async def sent(self, lane, first, last):
        return [] if last == self.shown else await self.original["sent"](lane, first, last)

    async def acknowledged(self, lane, first, last):
        return [] if last == self.shown else await self.original["acknowledged"](lane, first, last)

    async def update(self, target):
        if target == self.shown:
            raise MalformedReply("nobody signed this")
        return await self.original["update"](target)


def invent(world: World, chain: ChainId, ahead: int, later_s: int = 0) -> list[Inventor]:
    """Have every gateway that runs be told of a false head of this chain."""
    return [
        Inventor(gateway.adapters[chain], ahead, later_s)
        for gateway in world.gateways.values()
        if gateway.task is not None
    ]


def story(scene: Callable[[World], Awaitable[None]]) -> None:
    async def tell() -> None:
        world = World(1, anchored=True)
        for name in GATEWAYS:
            world.start(name)
        await world.clock.sleep(30)
        await scene(world)
        await world.stop()

    run(tell())


def timeouts(world: World) -> list[Packet]:
    """Return the packets that a chain was told to refund because their time was up."""
    claims = [claim for chain in world.chains.values() for one in deliveries(chain) for claim in one.claims]
    return [claim.packet for claim in claims if isinstance(claim, NotReceived)]


def assert_all_well(world: World) -> None:
    assert world.audit() == []
    assert timeouts(world) == []
    for gateway in world.gateways.values():
        assert is_well(gateway.supervisor)


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("ahead", [FAR, NEAR, 3])
@pytest.mark.parametrize("seconds", [2.5, 90.0])
def test_a_false_head_holds_up_nothing_once_it_is_over(chain: ChainId, ahead: int, seconds: float) -> None:
    async def scene(world: World) -> None:
        for lane in LANES:
            world.send(lane, 4, 3600)
        liars = invent(world, chain, ahead)
        await world.clock.sleep(1)
        for lane in LANES:
            world.send(lane, 4, 3600)
        await world.clock.sleep(seconds - 1)
        for liar in liars:
            liar.is_lying = False
        assert await world.until_settled(120)
        for lane in LANES:
            world.send(lane, 4, 3600)
        assert await world.until_settled(60)
        assert_all_well(world)

    story(scene)


def test_a_false_head_far_in_the_future_refunds_nothing() -> None:
    async def scene(world: World) -> None:
        world.send(LANE, 4, 3600)
        liars = invent(world, BLUE, 5, later_s=AGE_S)
        await world.clock.sleep(60)
        assert timeouts(world) == []
        for liar in liars:
            liar.is_lying = False
        assert await world.until_settled(120)
        assert_all_well(world)

    story(scene)


def test_the_cursor_that_a_false_head_left_in_the_store_skips_nothing_after_a_restart() -> None:
    async def scene(world: World) -> None:
        invent(world, RED, NEAR)
        await world.clock.sleep(1)
        world.send(LANE, 4, 3600)
        await world.clock.sleep(20)
        heights = [gateway.store.cursors[LANE][Leg.OUT].height for gateway in world.gateways.values()]
        assert min(heights) > world.chains[RED].head.ref.height
        for name in GATEWAYS:
            await world.kill(name)
            world.start(name)
        assert await world.until_settled(60)
        assert_all_well(world)

    story(scene)


def test_a_false_head_at_the_very_start_is_as_harmless() -> None:
    async def tell() -> None:
        world = World(2, anchored=True)
        for name in GATEWAYS:
            world.start(name)
        liars = invent(world, RED, FAR)
        world.send(LANE, 4, 3600)
        await world.clock.sleep(5)
        for liar in liars:
            liar.is_lying = False
        assert await world.until_settled(90)
        assert_all_well(world)
        await world.stop()

    run(tell())


def test_while_it_lasts_the_chain_can_be_read_and_its_lanes_are_not_halted() -> None:
    async def scene(world: World) -> None:
        invent(world, RED, FAR)
        world.send(LANE, 4, 3600)
        await world.clock.sleep(60)
        for gateway in world.gateways.values():
            assert not any(handle.status().mode is LaneMode.HALTED for handle in gateway.supervisor.lanes())
            assert not any(health.mode is ChainMode.HALTED for health in gateway.supervisor.chains())

    story(scene)
