"""Halts outlive the process, and what a person resumed stays resumed."""

from relays.runtime.status import ChainMode, LaneMode
from tests.simulation.test_stories import BLUE, RED, is_well, story
from tests.simulation.world import GATEWAYS, LANE, LANES, World


def halts(world: World, name: str) -> list[str]:
    """Return why each lane of a gateway is halted; every one of them must be."""
    statuses = [handle.status() for handle in world.gateways[name].supervisor.lanes()]
    assert {status.mode for status in statuses} == {LaneMode.HALTED}
    return [status.reason for status in statuses]


def test_a_broken_finality_halts_over_restarts_and_what_a_person_resumed_stays_resumed() -> None:
    async def scene(world: World) -> None:
        world.send(LANE, 5, 900)
        assert await world.until_settled(120)
        await world.clock.sleep(30)
        world.chains[RED].reorg(len(world.chains[RED].blocks) - 3)
        await world.clock.sleep(60)
        before = {name: halts(world, name) for name in GATEWAYS}
        delivered = world.tally(LANE).delivered
        world.send(LANE, 5, 900)
        for name in GATEWAYS:
            await world.kill(name)
            world.start(name)
        await world.clock.sleep(60)
        assert {name: halts(world, name) for name in GATEWAYS} == before
        assert world.tally(LANE).delivered == delivered
        for gateway in world.gateways.values():
            modes = {health.chain: health.mode for health in gateway.supervisor.chains()}
            assert modes == {RED: ChainMode.HALTED, BLUE: ChainMode.UP}
            for handle in gateway.supervisor.lanes():
                await handle.resume()
        for name in GATEWAYS:
            await world.kill(name)
            world.start(name)
        assert await world.until_settled(300)
        for gateway in world.gateways.values():
            assert is_well(gateway.supervisor)

    story(scene)


def test_a_halted_chain_halts_lanes_that_were_added_after_a_restart() -> None:
    async def scene(world: World) -> None:
        await world.clock.sleep(30)
        world.chains[RED].reorg(len(world.chains[RED].blocks) - 3)
        await world.clock.sleep(60)
        for name in GATEWAYS:
            await world.kill(name)
            world.gateways[name].store.halts.clear()
            world.gateways[name].store.cursors.clear()
            world.start(name)
        await world.clock.sleep(10)
        assert all("contradiction" in reason for name in GATEWAYS for reason in halts(world, name))

    story(scene)


def test_one_lane_that_is_resumed_leaves_the_other_halted_over_restarts() -> None:
    async def scene(world: World) -> None:
        await world.clock.sleep(30)
        world.chains[RED].reorg(len(world.chains[RED].blocks) - 3)
        await world.clock.sleep(60)
        for name in GATEWAYS:
            await world.gateways[name].supervisor.lane(LANE).resume()
            await world.kill(name)
            world.start(name)
        await world.clock.sleep(10)
        for gateway in world.gateways.values():
            statuses = [gateway.supervisor.lane(lane).status() for lane in LANES]
            modes = [status.mode for status in statuses]
            assert modes == [LaneMode.RUNNING, LaneMode.HALTED], [status.reason for status in statuses]
            await gateway.supervisor.lane(LANE.reverse()).resume()
        await world.clock.sleep(10)
        for gateway in world.gateways.values():
            assert is_well(gateway.supervisor)

    story(scene)
