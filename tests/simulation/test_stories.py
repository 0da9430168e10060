"""Single faults, told one by one, over two chains and three gateways in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from adapters.memory import faults
from adapters.memory.transactions import Deliver
from proofs.records import replace
from proofs.types import Lane
from relays.core.types import Leg, State, WaitingOn
from relays.runtime.status import ChainMode, LaneMode
from relays.runtime.supervisor import Supervisor
from tests.simulation.timewarp import VirtualClock, run
from tests.simulation.world import CHAINS, ENDPOINTS, GATEWAYS, LANE, LANES, World, deliveries

RED, BLUE = CHAINS


def first_of(lane: Lane, world: World) -> str:
    """Return the gateway whose turn comes first on this lane."""
    return next(
        name
        for name, gateway in world.gateways.items()
        if gateway.supervisor is not None and gateway.supervisor.lane(lane).params.rank == 0
    )


def is_well(supervisor: Supervisor) -> bool:
    """Say whether every chain can be read and every lane runs or waits for a known remedy."""
    lanes = {handle.status().mode for handle in supervisor.lanes()}
    chains = {health.mode for health in supervisor.chains()}
    return lanes <= {LaneMode.RUNNING, LaneMode.WAITING} and chains == {ChainMode.UP}


def story(scene: Callable[[World], Awaitable[None]], **kwargs) -> None:
    async def tell() -> None:
        world = World(1, **kwargs)
        for name in GATEWAYS:
            world.start(name)
        await world.clock.sleep(3)
        await scene(world)
        await world.stop()

    run(tell())


@pytest.mark.covers("REL-14")
def test_messages_and_transfers_both_ways_arrive_once_and_are_acknowledged() -> None:
    async def scene(world: World) -> None:
        for lane in LANES:
            world.send(lane, 60, 600)
        assert await world.until_settled(120)
        assert world.audit() == []
        assert [world.tally(lane).sent for lane in LANES] == [60, 60]

    story(scene)


def test_only_the_first_in_turn_pays_when_all_gateways_are_well() -> None:
    async def scene(world: World) -> None:
        first = first_of(LANE, world)
        world.send(LANE, 40, 600)
        assert await world.until_settled(120)
        relayers = {delivery.relayer for delivery in deliveries(world.chains[BLUE])}
        assert relayers == {first.encode().ljust(20, b"\x00")}

    story(scene)


def test_all_gateways_come_to_the_same_view_of_what_was_delivered() -> None:
    async def scene(world: World) -> None:
        world.send(LANE, 20, 600)
        assert await world.until_settled(120)
        await world.clock.sleep(60)
        for gateway in world.gateways.values():
            messages = gateway.store.messages[LANE].values()
            assert {message.state for message in messages} == {State.ACKNOWLEDGED}
        by = {
            name: {message.delivered_by for message in gateway.store.messages[LANE].values()}
            for name, gateway in world.gateways.items()
        }
        assert by.pop(first_of(LANE, world)) == {"self"}
        assert list(by.values()) == [{"other"}, {"other"}]

    story(scene)


def test_with_the_first_gateway_down_the_next_takes_over() -> None:
    async def scene(world: World) -> None:
        first = first_of(LANE, world)
        await world.kill(first)
        world.send(LANE, 10, 600)
        assert await world.until_settled(120)
        assert first.encode().ljust(20, b"\x00") not in {d.relayer for d in deliveries(world.chains[BLUE])}

    story(scene)


def test_with_two_attestors_down_delivery_stops_says_why_and_goes_on_when_one_is_back() -> None:
    async def scene(world: World) -> None:
        first = first_of(LANE, world)
        others = [name for name in GATEWAYS if name != first]
        for name in others:
            await world.kill(name)
        world.send(LANE, 10, 600)
        await world.clock.sleep(40)
        assert world.tally(LANE).delivered == 0
        for message in world.gateways[first].store.messages[LANE].values():
            assert message.waiting_on is WaitingOn.ATTESTATIONS
            assert message.reason.startswith("attestors-missing: attestations 1 of 2; missing: ")
            assert all(name in message.reason for name in others)
        world.start(others[0])
        assert await world.until_settled(200)
        assert world.audit() == []

    story(scene)


@pytest.mark.covers("REL-15")
def test_a_stranger_that_races_every_delivery_does_no_harm() -> None:
    async def scene(world: World) -> None:
        for chain in world.chains.values():
            submit = chain.submit

            def racing(transaction, submit=submit):
                if isinstance(transaction, Deliver) and transaction.relayer != b"stranger":
                    submit(replace(transaction, relayer=b"stranger", key="stolen"))
                return submit(transaction)

            chain.submit = racing
        for lane in LANES:
            world.send(lane, 30, 600)
        world.send(LANE, 5, 5)
        assert await world.until_settled(200)
        assert world.audit() == []
        strangers = [delivery for delivery in deliveries(world.chains[BLUE]) if delivery.key == "stolen"]
        assert strangers

    story(scene)


@pytest.mark.covers("REL-10")
def test_a_packet_that_a_reorg_takes_back_is_never_delivered() -> None:
    async def scene(world: World) -> None:
        world.send(LANE, 5, 600)
        world.chains[RED].mine()
        world.chains[RED].reorg(1, keep_transactions=False)
        await world.clock.sleep(40)
        assert world.tally(LANE).delivered == 0
        assert world.tally(LANE).sent == 0

    story(scene)


@pytest.mark.covers("REL-11")
def test_a_broken_finality_halts_the_lanes_of_that_chain_and_a_person_lets_them_go_on() -> None:
    async def scene(world: World) -> None:
        world.send(LANE, 5, 900)
        assert await world.until_settled(120)
        await world.clock.sleep(30)
        world.chains[RED].reorg(len(world.chains[RED].blocks) - 3)
        await world.clock.sleep(60)
        for gateway in world.gateways.values():
            for handle in gateway.supervisor.lanes():
                assert handle.status().mode is LaneMode.HALTED
                assert "contradiction" in handle.status().reason
            assert not is_well(gateway.supervisor)
        cursors = {name: gateway.store.cursors[LANE][Leg.OUT] for name, gateway in world.gateways.items()}
        await world.clock.sleep(60)
        for name, gateway in world.gateways.items():
            assert gateway.store.cursors[LANE][Leg.OUT] == cursors[name]
            gateway.store.wipe()
            for handle in gateway.supervisor.lanes():
                await handle.resume()
        world.send(LANE, 5, 900)
        assert await world.until_settled(300)
        for gateway in world.gateways.values():
            assert is_well(gateway.supervisor)
        assert world.tally(LANE).duplicated == 0

    story(scene)


def test_a_lane_halted_by_a_person_goes_on_when_resumed() -> None:
    async def scene(world: World) -> None:
        for gateway in world.gateways.values():
            gateway.supervisor.lane(LANE).halt("maintenance")
        world.send(LANE, 5, 900)
        world.send(LANE.reverse(), 5, 900)
        await world.clock.sleep(60)
        assert world.tally(LANE).delivered == 0
        assert world.tally(LANE.reverse()).acknowledged == 5
        status = world.gateways["alpha"].supervisor.lane(LANE).status()
        assert (status.mode, status.reason) == (LaneMode.HALTED, "maintenance")
        for gateway in world.gateways.values():
            await gateway.supervisor.lane(LANE).resume()
        assert await world.until_settled(120)

    story(scene)


def test_an_error_that_nobody_expected_stops_its_lane_only_and_stays_visible() -> None:
    async def scene(world: World) -> None:
        for gateway in world.gateways.values():
            attestors = gateway.supervisor._attestors
            attest = attestors.attest

            async def broken(lane, proven, attest=attest):
                if lane == LANE:
                    raise ZeroDivisionError("a bug")
                return await attest(lane, proven)

            attestors.attest = broken
        for lane in LANES:
            world.send(lane, 5, 900)
        await world.clock.sleep(80)
        assert world.tally(LANE).delivered == 0
        assert world.tally(LANE.reverse()).acknowledged == 5
        failed = world.gateways[first_of(LANE, world)].supervisor
        assert failed.lane(LANE).status().mode is LaneMode.FAILED
        assert "a bug" in failed.lane(LANE).status().reason
        assert failed.lane(LANE.reverse()).status().mode is LaneMode.RUNNING
        assert not is_well(failed)
        for gateway in world.gateways.values():
            del gateway.supervisor._attestors.attest
            await gateway.supervisor.lane(LANE).resume()
        assert await world.until_settled(120)
        assert is_well(failed)

    story(scene)


def test_a_chains_reader_that_breaks_halts_its_lanes_until_a_person_resumes_them() -> None:
    async def scene(world: World) -> None:
        first = world.gateways[first_of(LANE, world)]
        adapter = first.adapters[RED]

        async def broken():
            raise ZeroDivisionError("a bug")

        adapter.status = broken
        await world.clock.sleep(10)
        for handle in first.supervisor.lanes():
            assert handle.status().mode is LaneMode.HALTED
            assert "a bug" in handle.status().reason
        del adapter.status
        for handle in first.supervisor.lanes():
            await handle.resume()
        await world.clock.sleep(20)
        assert is_well(first.supervisor)
        world.send(LANE, 5, 900)
        assert await world.until_settled(120)
        assert {delivery.relayer.rstrip(b"\x00").decode() for delivery in deliveries(world.chains[BLUE])} == {
            first.name
        }

    story(scene)


def test_a_chain_that_is_down_at_the_start_is_waited_for() -> None:
    async def scene() -> None:
        world = World(2)
        world.chains[BLUE].faults.update(dict.fromkeys(ENDPOINTS, faults.Silent()))
        for name in GATEWAYS:
            world.start(name)
        world.send(LANE, 5, 900)
        await world.clock.sleep(60)
        health = {each.chain: each for each in world.gateways["alpha"].supervisor.chains()}
        assert health[RED].mode is ChainMode.UP
        assert health[BLUE].mode is ChainMode.DOWN
        status = world.gateways["alpha"].supervisor.lane(LANE).status()
        assert status.mode is LaneMode.WAITING
        assert str(BLUE) in status.reason
        world.chains[BLUE].faults.clear()
        assert await world.until_settled(300)
        await world.stop()

    run(scene())


@pytest.mark.parametrize("lie", [faults.ForgeHeader(), faults.Equivocate(), faults.ForgeProof()])
def test_a_lying_endpoint_halts_nothing_and_changes_nothing(lie: faults.Personality) -> None:
    async def scene(world: World) -> None:
        for chain in world.chains.values():
            chain.faults["a"] = lie
        for lane in LANES:
            world.send(lane, 10, 900)
        assert await world.until_settled(300)
        assert world.audit() == []
        for gateway in world.gateways.values():
            assert not any(handle.status().mode is LaneMode.HALTED for handle in gateway.supervisor.lanes())
            if not isinstance(lie, faults.ForgeProof):
                assert any("a" in adapter.quarantined for adapter in gateway.adapters.values())

    story(scene)


@pytest.mark.covers("REL-16")
@pytest.mark.parametrize("skew_s", [-3600.0, 3600.0])
def test_a_wrong_wall_clock_makes_no_early_timeout_and_gets_nothing_stuck(skew_s: float) -> None:
    async def scene() -> None:
        world = World(3)
        truth = world.clock
        world.clock = VirtualClock(skew_s)
        for name in GATEWAYS:
            world.start(name)
        world.clock = truth
        await truth.sleep(3)
        world.send(LANE, 5, 120)
        await truth.sleep(60)
        assert world.tally(LANE).refunded == 0
        if skew_s > 0:
            assert await world.until_settled(300)
        else:
            message = world.gateways[first_of(LANE, world)].store.messages[LANE][1]
            assert message.reason.startswith("limit: header: time")
            assert message.attempts == 0
            assert message.state is not State.PARKED
        assert world.audit() == [] or skew_s < 0
        await world.stop()

    run(scene())


@pytest.mark.covers("REL-16")
def test_a_clock_that_is_set_back_stops_no_timer() -> None:
    async def scene() -> None:
        world = World(4)
        truth, wall = world.clock, VirtualClock()
        world.clock = wall
        for name in GATEWAYS:
            world.start(name)
            world.alive[name] = replace(world.alive[name], clock=truth)
        world.clock = truth
        await truth.sleep(3)
        for chain in world.chains.values():
            chain.faults.update(dict.fromkeys(ENDPOINTS, faults.Garbage()))
        world.send(LANE, 5, 900)
        await truth.sleep(20)
        wall.skew_s = -3600.0
        for chain in world.chains.values():
            chain.faults.clear()
        assert await world.until_settled(300)
        assert world.audit() == []
        await world.stop()

    run(scene())


def test_a_stopped_gateway_leaves_no_task_behind() -> None:
    async def scene(world: World) -> None:
        world.send(LANE, 5, 900)
        await world.clock.sleep(5)
        for name in GATEWAYS:
            await world.kill(name)
        await world.clock.sleep(10)
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert not others

    story(scene)
