"""What goes wrong in a simulation: a random subset for each seed, at random times, healed at the end."""

import asyncio
from collections.abc import Awaitable, Callable

from adapters.memory import faults
from adapters.memory.faults import Personality
from proofs.types import ChainId
from tests.simulation.world import CHAINS, ENDPOINTS, GATEWAYS, LANES, World

LIES: tuple[Personality, ...] = (
    faults.Lag(blocks=3),
    faults.Omit(),
    faults.ForgePacket(),
    faults.ForgeProof(),
    faults.ForgeHeader(),
    faults.Equivocate(),
    faults.Stall(),
    faults.Silent(),
    faults.Garbage(),
    faults.OtherChain(chain=ChainId("memory:elsewhere")),
    faults.DropTransactions(),
)

Fault = Callable[[World], Awaitable[None]]


async def kill_one(world: World) -> None:
    """A process dies and comes back."""
    name = world.random.choice(GATEWAYS)
    await world.kill(name)
    await world.clock.sleep(world.random.uniform(0.0, 12.0))
    world.start(name)


async def lose_a_disk(world: World) -> None:
    """A process dies and comes back with an empty store."""
    name = world.random.choice(GATEWAYS)
    await world.kill(name, wipe=True)
    await world.clock.sleep(world.random.uniform(0.0, 6.0))
    world.start(name)


async def kill_two(world: World) -> None:
    """No threshold for a while."""
    names = world.random.sample(GATEWAYS, 2)
    for name in names:
        await world.kill(name)
    await world.clock.sleep(world.random.uniform(2.0, 15.0))
    for name in names:
        world.start(name)


async def reorg(world: World) -> None:
    """Blocks above finality are replaced; their transactions wait again, or are gone."""
    chain = world.chains[world.random.choice(CHAINS)]
    depth = world.random.randint(1, chain.spec.finality_depth)
    if len(chain.blocks) > depth + 1:
        chain.reorg(depth, keep_transactions=world.random.random() < 0.5)


async def lie(world: World) -> None:
    """One endpoint of a chain, in one run the same, has a personality for a while: below the quorum."""
    chain = world.chains[world.random.choice(CHAINS)]
    if chain.faults:
        return
    name = world.liars[chain.chain_id]
    chain.faults[name] = world.random.choice(LIES)
    await world.clock.sleep(world.random.uniform(2.0, 15.0))
    chain.faults.pop(name, None)


async def outage(world: World) -> None:
    """All endpoints of a chain are gone for a while."""
    chain = world.chains[world.random.choice(CHAINS)]
    if chain.faults:
        return
    kind = world.random.choice((faults.Silent(), faults.Stall(), faults.Garbage()))
    chain.faults.update(dict.fromkeys(ENDPOINTS, kind))
    await world.clock.sleep(world.random.uniform(1.0, 8.0))
    for name in ENDPOINTS:
        chain.faults.pop(name, None)


async def drop_transactions(world: World) -> None:
    """What waits for a block is forgotten."""
    world.chains[world.random.choice(CHAINS)].mempool.clear()


KINDS: tuple[Fault, ...] = (kill_one, lose_a_disk, kill_two, reorg, lie, outage, drop_transactions)


async def users(world: World, end_s: float) -> None:
    """Send at random, with timeouts from hopeless to comfortable."""
    while world.clock.monotonic_s() < end_s:
        timeout_s = world.random.choice((4, 12, 30, 300, 300, 300))
        world.send(world.random.choice(LANES), world.random.randint(1, 6), timeout_s)
        await world.clock.sleep(world.random.uniform(0.5, 6.0))


async def _again(world: World, fault: Fault, end_s: float) -> None:
    while True:
        await world.clock.sleep(world.random.expovariate(1 / 10.0))
        if world.clock.monotonic_s() >= end_s:
            return
        await fault(world)


async def storm(world: World, seconds: float) -> tuple[str, ...]:
    """Let users send and a random subset of faults happen, then heal. Return the faults' names."""
    chosen = world.random.sample(KINDS, world.random.randint(1, len(KINDS)))
    process_faults = [fault for fault in chosen if fault in (kill_one, lose_a_disk, kill_two)]
    others = [fault for fault in chosen if fault not in process_faults]
    end_s = world.clock.monotonic_s() + seconds

    async def processes() -> None:
        while process_faults:
            await world.clock.sleep(world.random.expovariate(1 / 8.0))
            if world.clock.monotonic_s() >= end_s:
                return
            await world.random.choice(process_faults)(world)

    async with asyncio.TaskGroup() as group:
        group.create_task(users(world, end_s))
        group.create_task(processes())
        for fault in others:
            group.create_task(_again(world, fault, end_s))
    for chain in world.chains.values():
        chain.faults.clear()
    for name in GATEWAYS:
        if name not in world.alive:
            world.start(name)
    return tuple(fault.__name__ for fault in chosen)
