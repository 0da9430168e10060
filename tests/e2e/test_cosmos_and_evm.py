"""EVM and Cosmos on real nodes, three gateways: what becomes of traffic when some of them die."""

import asyncio
import time

import pytest

from adapters.cosmos.pb.cosmos.bank.v1beta1 import tx_pb2 as bank_tx
from adapters.cosmos.pb.ibc.applications.gmp.v1 import account_pb2
from gateway.cli.client import request
from gateway.present import REFUSED
from tests.e2e.network import PATIENCE_S, cosmos_network

pytestmark = pytest.mark.nodes

MESSAGES = 150


def calling(net):
    """Return the lanes that carry messages: those between the EVM chain and the others."""
    return [lane for lane in net.stage.lanes if net.stage.message(lane, 0) is not None]


def verified_from(net, chain):
    """Return the lanes that leave a Cosmos chain for the other one: a channel and clients of IBC v2."""
    lanes = [lane for lane in net.stage.lanes if lane.source == chain]
    return [lane for lane in lanes if lane.destination.startswith("cosmos:")]


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

        net.kill("alpha")
        leaving = verified_from(net, there.destination)
        await asyncio.gather(*[net.send_tokens(lane, 250) for lane in leaving])
        counts = await net.settled()
        assert [counts[lane].acknowledged for lane in leaving] == [1, 1]


async def test_what_the_other_chain_refuses_is_given_back_and_a_call_that_fails_does_nothing(tmp_path):
    async with cosmos_network(tmp_path) as net:
        there, back = net.stage.late
        verified = verified_from(net, there.destination)
        await asyncio.gather(*[refused_transfer(net, lane) for lane in (there, back, *verified)])
        await send(net, there, too_dear(net.stage.message(there, 0)))
        counts = await net.settled()
        assert [counts[lane].acknowledged for lane in (there, back, *verified)] == [2, 1, 1, 1]
        assert sum(count.lost for count in counts.values()) == 0
        assert await net.stage.unbalanced() == []
        for lane in (there, back, *verified):
            assert set(await endings(net, lane)) == {("acknowledged", REFUSED)}


async def endings(net, lane) -> list[tuple[str, str]]:
    """Return state and reason of a lane's messages as a gateway shows them, once none is under way."""
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        listed = await net.ask("alpha", "GET", f"/v1/messages?lane={net.lane_ids[lane]}")
        found = [(one["state"], one["reason"]) for one in listed["messages"]]
        if all(state == "acknowledged" for state, _ in found) or time.monotonic() > deadline_s:
            return found
        await asyncio.sleep(0.2)


async def refused_transfer(net, lane):
    """Send tokens to a receiver that the destination cannot read."""
    denom = net.stage.parties[lane.source].denom
    item = {"kind": "transfer", "denom": denom, "amount": "5", "receiver": "nobody"}
    await send(net, lane, item)


def too_dear(message):
    """Return a call that pays more than its account has."""
    payload = bytes.fromhex(message["payload"][2:])
    call = account_pb2.CosmosTx.FromString(payload)
    payment = bank_tx.MsgSend.FromString(call.messages[0].value)
    payment.amount[0].amount = str(10**15)
    call.messages[0].value = payment.SerializeToString()
    return {**message, "payload": f"0x{call.SerializeToString().hex()}"}


async def send(net, lane, item):
    access = net.stage.parties[lane.source].sender
    body = {"lane": net.lane_ids[lane], "items": [{**item, "timeout_s": int(time.time()) + 3600}]}
    await request(access.url, "POST", "/v1/messages", key=access.key, body=body)
