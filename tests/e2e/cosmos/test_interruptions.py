"""What happens to packets under way between two real Cosmos chains when a gateway or a node goes down.

One pair of chains serves all tests of this file. Lists are short, so that there is a middle to be killed in.
"""

import asyncio

import pytest
import pytest_asyncio

from proofs.types import Lane
from tests.e2e.cosmos.pair import Pair, pair
from tests.e2e.cosmos.relayer import Relayer

pytestmark = [pytest.mark.nodes, pytest.mark.asyncio(loop_scope="module")]

COUNT = 300


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chains(tmp_path_factory):
    limits = {"batch": 10, "window": 2, "ahead": 2}
    async with pair(tmp_path_factory.mktemp("pair"), limits=limits) as made:
        await made.start_gateway()
        yield made


async def begin(chains: Pair) -> dict[Lane, int]:
    """Send a burst over both routes; return what must be received in all, once some but not all is."""
    lanes = (chains.v1.there, chains.v2.there)
    before = {lane: await chains.received(lane) for lane in lanes}
    await asyncio.gather(*[chains.transfer(lane, 1, count=COUNT // 2) for lane in lanes])

    async def some() -> bool:
        return all([await chains.received(lane) > before[lane] for lane in lanes])

    await chains.until(some, what="the first packets")
    return {lane: before[lane] + COUNT // 2 for lane in lanes}


async def all_arrive(chains: Pair, totals: dict[Lane, int]) -> None:
    for lane, total in totals.items():
        await chains.arrived(lane, total)
        assert await chains.conserved(lane)


@pytest.mark.covers("REL-01")
async def test_a_gateway_killed_in_a_burst_goes_on_where_it_was(chains: Pair) -> None:
    totals = await begin(chains)
    [relayer] = chains.relayers
    relayer.kill()
    assert not all([await chains.settled(lane) for lane in totals])
    await chains.restart_gateway(relayer)
    await all_arrive(chains, totals)


@pytest.mark.covers("REL-01")
async def test_a_gateway_that_lost_its_store_in_a_burst_finds_everything_on_the_chains(chains: Pair) -> None:
    totals = await begin(chains)
    [relayer] = chains.relayers
    relayer.kill()
    assert not all([await chains.settled(lane) for lane in totals])
    relayer.forget()
    await chains.restart_gateway(relayer)
    await all_arrive(chains, totals)


@pytest.mark.parametrize("name", ["a", "b"])
async def test_a_node_that_goes_down_in_a_burst_holds_packets_up_and_loses_none(
    chains: Pair, name: str
) -> None:
    node = getattr(chains, name).chain.node
    totals = await begin(chains)
    assert not all([await chains.settled(lane) for lane in totals])
    await asyncio.to_thread(node.stop, at_once=True)
    await asyncio.to_thread(node.start)
    await all_arrive(chains, totals)


@pytest.mark.covers("REL-15")
async def test_two_gateways_deliver_each_packet_once_and_neither_stops(chains: Pair) -> None:
    totals = {lane: await chains.received(lane) + COUNT // 2 for lane in (chains.v1.there, chains.v2.there)}
    await chains.start_gateway()
    await asyncio.gather(*[chains.transfer(lane, 1, count=COUNT // 2) for lane in totals])
    await all_arrive(chains, totals)
    for relayer in chains.relayers:
        for lane in chains.lanes():

            async def agrees(relayer: Relayer = relayer, lane: Lane = lane) -> bool:
                view = await relayer.lane(lane)
                assert (view["state"], view["reason"]) == ("running", "")
                return view["open"] == 0 and set(view["counts"]) <= {"acknowledged"}

            await chains.until(agrees, what=f"{relayer.name}: nothing open on {lane}")
