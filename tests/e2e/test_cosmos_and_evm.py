"""EVM and Cosmos on real nodes, three gateways: what becomes of traffic when some of them die."""

import asyncio

import pytest

from tests.e2e.network import cosmos_network

pytestmark = [pytest.mark.nodes, pytest.mark.timeout(300)]

MESSAGES = 150


def calling(net):
    """Return the lanes that carry messages: those between the EVM chain and the others."""
    return [lane for lane in net.stage.lanes if net.stage.message(lane, 0) is not None]


async def traffic(net):
    """Send messages where there are any, and tokens on all lanes."""
    await asyncio.gather(*[net.send(lane, MESSAGES) for lane in calling(net)])
    await asyncio.gather(*[net.send_tokens(lane, 250) for lane in net.stage.lanes])


def check(net, counts):
    """Every packet arrived and was acknowledged, once."""
    for lane, count in counts.items():
        sent = 1 + MESSAGES * (lane in calling(net))
        assert (count.sent, count.delivered, count.acknowledged) == (sent, sent, sent)
        assert (count.lost, count.duplicated) == (0, 0)


async def test_everything_arrives_once_though_a_gateway_dies_in_the_middle_and_has_lost_its_store(tmp_path):
    async with cosmos_network(tmp_path) as net:
        await traffic(net)
        at_kill = await net.until(lambda counts: any(one.delivered for one in counts.values()))
        net.kill("beta")
        assert not all(one.settled() for one in at_kill.values()), "killed too late to be in the middle"
        for file in (tmp_path / "beta" / "data").glob("isthmus.db*"):
            file.unlink()
        await net.start("beta")
        check(net, await net.settled())
        assert await net.stage.unbalanced() == []


async def test_two_of_three_gateways_carry_everything_and_light_client_lanes_need_only_one(tmp_path):
    async with cosmos_network(tmp_path) as net:
        net.kill("gamma")
        there, back = net.stage.late
        await asyncio.gather(net.send(there, 20), net.send(back, 20))
        counts = await net.settled()
        assert [counts[lane].acknowledged for lane in (there, back)] == [20, 20]

        verified = [lane for lane in net.stage.lanes if lane.source.startswith("cosmos:")]
        verified = [lane for lane in verified if lane.destination.startswith("cosmos:")]
        net.kill("alpha")
        leaving = [lane for lane in verified if lane.source == there.destination]
        await asyncio.gather(*[net.send_tokens(lane, 250) for lane in leaving])
        counts = await net.settled()
        assert [counts[lane].acknowledged for lane in leaving] == [1, 1]
