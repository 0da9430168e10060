"""The main job on real nodes: three gateways as processes, 2-of-3 attested, between two anvil chains."""

import asyncio
import json
import time

import pytest

from gateway.demo.ledger import Count
from tests.e2e.network import PATIENCE_S, network
from tests.gateway.cli.running import isthmus_beside
from tests.support.liar import liar

pytestmark = pytest.mark.nodes

MESSAGES = 1_000


async def test_a_thousand_messages_each_way_arrive_once_though_a_gateway_is_killed_in_the_middle(tmp_path):
    async with network(tmp_path) as net:
        await asyncio.gather(*[net.send(lane, MESSAGES) for lane in net.stage.lanes])
        await asyncio.gather(*[net.send_tokens(lane, 250) for lane in net.stage.lanes])
        at_kill = await net.until(lambda counts: any(one.delivered for one in counts.values()))
        net.kill("alpha")
        assert not all(one.settled() for one in at_kill.values()), "killed too late to be in the middle"
        await net.start("alpha")
        counts = await net.settled()
        whole = Count(
            sent=MESSAGES + 1,
            delivered=MESSAGES + 1,
            acknowledged=MESSAGES + 1,
            refunded=0,
            lost=0,
            duplicated=0,
        )
        assert dict(counts) == dict.fromkeys(net.stage.lanes, whole)
        assert await net.stage.unbalanced() == []


async def test_one_gateway_down_changes_nothing_and_two_down_stop_the_lane_which_says_why_until_one_is_back(
    tmp_path,
):
    async with network(tmp_path) as net:
        lane, _ = net.stage.lanes
        net.kill("gamma")
        await net.send(lane, 20)
        counts = await net.settled()
        assert (counts[lane].acknowledged, counts[lane].lost) == (20, 0)

        net.kill("beta")
        ids = await net.send(lane, 20)
        why = await why_it_waits(net, ids[0], waiting_on="attestations")
        assert "beta" in why
        assert "gamma" in why
        assert (await net.counts())[lane].delivered == 20

        await net.start("beta")
        counts = await net.settled()
        assert counts[lane] == Count(sent=40, delivered=40, acknowledged=40, refunded=0, lost=0, duplicated=0)


async def why_it_waits(net, message, *, waiting_on):
    """Return what `isthmus message why` says once the message, observed or not yet, waits for this."""
    url = net.stage.gateways["alpha"].url
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        asked = await isthmus_beside("message", "why", message, "--json", ISTHMUS_URL=url)
        if asked.returncode == 0 and json.loads(asked.stdout)["evidence"]["waiting_on"] == waiting_on:
            return json.loads(asked.stdout)["sentence"]
        assert time.monotonic() < deadline_s, (asked.stdout, asked.stderr)


async def test_a_transfer_past_its_timeout_is_refunded_and_never_delivered(tmp_path):
    async with network(tmp_path) as net:
        lane, _ = net.stage.lanes
        for name in ("beta", "gamma"):
            net.kill(name)
        await net.until_final(lane.destination, await net.send_tokens(lane, 77, lifetime_s=5))
        assert (await net.counts())[lane].delivered == 0
        for name in ("beta", "gamma"):
            await net.start(name)
        counts = await net.settled()
        assert counts[lane] == Count(sent=1, delivered=0, acknowledged=0, refunded=1, lost=0, duplicated=0)
        assert await net.stage.unbalanced() == []


async def test_an_endpoint_that_forges_everything_has_no_effect_and_is_quarantined_with_its_lie(tmp_path):
    async with network(tmp_path) as net, liar(net.node(0)) as honest, liar(net.node(0)) as lying:
        lane, back = net.stage.lanes
        forge_everything(lying)
        net.kill("alpha")
        urls = {"plain": net.node(0), "proxied": honest.url, "lying": lying.url}
        net.replace_endpoints("alpha", urls)
        net.kill("gamma")
        await net.start("alpha")
        await asyncio.gather(net.send(lane, 200), net.send(back, 200))
        counts = await net.settled()
        whole = Count(sent=200, delivered=200, acknowledged=200, refunded=0, lost=0, duplicated=0)
        assert dict(counts) == {lane: whole, back: whole}
        states = await net.endpoints("alpha", lane.source)
        assert states["plain"] == states["proxied"] == ("usable", "")
        assert states["lying"][0] == "quarantined"
        assert states["lying"][1] in {"forged-header", "forged-proof", "false-logs"}
        assert lying.calls, "the liar was never asked"


def forge_everything(lying):
    """Let an endpoint flip bits in headers, proofs, logs and receipts."""
    lying.lies |= {
        "eth_getBlockByNumber": lambda asked, block: (
            block and block | {"stateRoot": flipped(block["stateRoot"])}
        ),
        "eth_getBlockByHash": lambda asked, block: (
            block and block | {"stateRoot": flipped(block["stateRoot"])}
        ),
        "eth_getLogs": lambda asked, logs: [log | {"data": flipped(log["data"])} for log in logs],
        "eth_getTransactionReceipt": lambda asked, receipt: receipt and receipt | {"status": "0x0"},
        "eth_getProof": lambda asked, proof: (
            proof | {"accountProof": [flipped(node) for node in proof["accountProof"]]}
        ),
    }


def flipped(text):
    """Return hex text with its last bit turned."""
    return text[:-1] + format(int(text[-1], 16) ^ 1, "x")


async def test_an_endpoint_of_another_chain_is_refused_by_name_and_the_others_carry_on(tmp_path):
    async with network(tmp_path) as net:
        lane, _ = net.stage.lanes
        net.kill("alpha")
        net.replace_endpoints("alpha", {"right": net.node(0), "wrong": net.node(1)}, threshold=1)
        await net.start("alpha")
        await net.send(lane, 20)
        counts = await net.settled()
        assert counts[lane].acknowledged == 20
        states = await net.endpoints("alpha", lane.source)
        assert states == {"right": ("usable", ""), "wrong": ("quarantined", "wrong-chain")}
