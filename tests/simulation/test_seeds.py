"""Whatever goes wrong, every message ends exactly once: seeded storms over two chains and three gateways."""

import pytest

from relays.runtime.status import LaneMode
from tests.simulation.faults import storm
from tests.simulation.timewarp import run
from tests.simulation.world import GATEWAYS, LANES, World

STORM_S = 30.0
DEADLINE_S = 900.0


async def simulate(seed: int) -> tuple[str, int]:
    """Run one seed; return its fingerprint and the number of messages. Raises with all findings."""
    world = World(seed)
    for name in GATEWAYS:
        world.start(name)
    kinds = await storm(world, STORM_S)
    settled = await world.until_settled(DEADLINE_S)
    wrong = world.audit() + ([] if settled else ["liveness: not settled in time"])
    for gateway in world.gateways.values():
        if gateway.supervisor is not None:
            for handle in gateway.supervisor.lanes():
                status = handle.status()
                if status.mode in (LaneMode.FAILED, LaneMode.HALTED):
                    wrong.append(f"{gateway.name} {status.lane}: {status.mode.value} {status.reason}")
    sent = sum(world.tally(lane).sent for lane in LANES)
    fingerprint = world.fingerprint()
    await world.stop()
    assert not wrong, (seed, kinds, wrong)
    return fingerprint, sent


@pytest.mark.parametrize("block", range(10))
def test_in_every_storm_each_message_ends_exactly_once(block: int) -> None:
    sent = [run(simulate(seed))[1] for seed in range(block * 10, block * 10 + 10)]
    assert min(sent) > 0


@pytest.mark.parametrize("seed", [3, 14, 41])
def test_a_seed_runs_the_same_way_twice(seed: int) -> None:
    assert run(simulate(seed)) == run(simulate(seed))
