"""One lying endpoint among three on a real chain: no effect, a typed reason, quarantine. Alone, it stops."""

import time
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from adapters.api import Included, Pending, SendMessage
from adapters.errors import AdapterError, MalformedReply, NoAgreement, TransportError, WrongChain
from adapters.evm.adapter import EvmChain
from adapters.evm.blocks import encode_header
from adapters.evm.config import EndpointConfig
from adapters.evm.endpoints import Lie
from adapters.evm.wire import BlockJson
from adapters.testkit.attesting import delivery_of
from proofs.hashing import keccak256
from proofs.records import replace
from proofs.types import Sent
from tests.support.clocks import ManualClock
from tests.support.evm import KEYS, LANE, Side, final_at_least, pair, proven, resources, until_included
from tests.support.liar import Error, liar, says, silence

pytestmark = [pytest.mark.nodes, pytest.mark.asyncio(loop_scope="module")]


@asynccontextmanager
async def watched(a: Side, *, clock=None, **changes):
    """Yield chain A as seen through the liar (asked first) and two honest proxies, and the liar itself."""
    async with liar(a.node.url) as bad, liar(a.node.url) as good, liar(a.node.url) as better:
        named = {"liar": bad, "honest-1": good, "honest-2": better}
        endpoints = tuple([EndpointConfig(name=name, url=each.url) for name, each in named.items()])
        patient = {"request_timeout_s": 60.0, "straggler_s": 60.0}
        settings = replace(a.config, endpoints=endpoints, **{**patient, **changes})
        chain = EvmChain(a.chain.chain_id, settings, resources(1, clock))
        await chain.connect()
        try:
            yield Side(a.node, a.deployed, chain, settings), named
        finally:
            await chain.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chains():
    """A pair of chains, with two messages sent on A, and a block that is final there."""
    async with pair() as (a, b):
        request = SendMessage(
            lane=LANE, recipient=b.deployed.sample_app, payload=b"true", timeout_s=int(time.time()) + 3600
        )
        await a.chain.send([request, request])
        status = await final_at_least(a.chain, (await a.chain.status()).head.height)
        yield a, b, status.finalized


@pytest.fixture
def sent_chain(chains):
    """Chain A and the final block."""
    a, _, at = chains
    return a, at


def quarantined(side: Side) -> dict:
    return {each.name: each.quarantined_for for each in side.chain.endpoint_health() if each.quarantined_for}


def lifted(value: str) -> str:
    return "0x" + format(int(value, 16) ^ 1, "064x")


def forge_state_root(_, block):
    return block and {**block, "stateRoot": lifted(block["stateRoot"])}


def forge_whole_header(_, block):
    forged = forge_state_root(None, block)
    known = {
        field: forged.get(key)
        for field, key in zip(BlockJson.__struct_fields__, BlockJson.__struct_encode_fields__, strict=True)
    }
    return {**forged, "hash": "0x" + keccak256(encode_header(BlockJson(**known))).hex()}


def forge_value(_, logs):
    return [{**log, "data": log["data"].replace(b"true".hex(), b"fals".hex())} for log in logs]


def forge_nodes(_, proof):
    slots = [
        {**each, "proof": [node[:-2] + "00" for node in each["proof"]]} for each in proof["storageProof"]
    ]
    return {**proof, "storageProof": slots}


def other_account(_, proof):
    return {**proof, "accountProof": proof["accountProof"][:-1]}


@pytest.mark.covers("RPC-01", "RPC-05")
async def test_forged_logs_have_no_effect_and_quarantine_their_author(sent_chain):
    a, at = sent_chain
    async with watched(a) as (side, named):
        honest = await a.chain.sent(LANE, a.deployed.start_height, at)
        named["liar"].lies["eth_getLogs"] = forge_value
        assert await side.chain.sent(LANE, a.deployed.start_height, at) == honest
        assert quarantined(side) == {"liar": Lie.FALSE_LOGS.value}
        detail = side.chain.endpoint_health()[0].detail
        assert "packet 1" in detail
        assert "commitment" in detail


@pytest.mark.covers("RPC-05", "RPC-06")
@pytest.mark.parametrize(
    "lie",
    [
        pytest.param(lambda _, logs: [], id="none"),
        pytest.param(lambda _, logs: logs[:1], id="the first only"),
        pytest.param(lambda _, logs: logs[1:], id="the last only"),
        pytest.param(lambda _, logs: logs + logs[:1], id="one twice"),
        pytest.param(lambda _, logs: list(reversed(logs)), id="backwards, which does no harm"),
        pytest.param(
            lambda _, logs: [{**log, "blockNumber": "0xffff"} for log in logs], id="beyond the head"
        ),
        pytest.param(
            lambda _, logs: [{**log, "address": "0x" + "11" * 20} for log in logs], id="another contract"
        ),
        pytest.param(lambda _, logs: [{**log, "removed": True} for log in logs], id="removed"),
        pytest.param(lambda _, logs: "nonsense", id="nonsense"),
    ],
)
async def test_logs_that_are_not_all_there_is_are_read_elsewhere(lie, sent_chain):
    a, at = sent_chain
    async with watched(a) as (side, named):
        named["liar"].lies["eth_getLogs"] = lie
        seen = await side.chain.sent(LANE, a.deployed.start_height, at)
        assert [each.packet.sequence for each in seen] == [1, 2]
        assert named["liar"].count("eth_getLogs") == 1


async def test_a_gap_that_every_endpoint_shows_is_an_error_and_never_a_shorter_list(sent_chain):
    a, at = sent_chain
    async with watched(a) as (side, named):
        for each in named.values():
            each.lies["eth_getLogs"] = lambda _, logs: logs[1:]
        with pytest.raises(MalformedReply, match="expected 1 to 2 without a gap"):
            await side.chain.sent(LANE, a.deployed.start_height, at)


@pytest.mark.covers("RPC-01")
@pytest.mark.parametrize("lie", [forge_nodes, other_account])
async def test_forged_proofs_have_no_effect_and_quarantine_their_author(lie, sent_chain):
    a, at = sent_chain
    async with watched(a) as (side, named):
        claims = [Sent(packet=each.packet) for each in await a.chain.sent(LANE, a.deployed.start_height, at)]
        named["liar"].lies["eth_getProof"] = lie
        accepted = await proven(side, LANE, claims, at)
        assert len(accepted) == 2
        assert quarantined(side) == {"liar": Lie.FORGED_PROOF.value}


@pytest.mark.covers("RPC-01")
async def test_a_header_that_does_not_give_its_hash_quarantines_its_author(sent_chain):
    a, at = sent_chain
    async with watched(a) as (side, named):
        named["liar"].lies["eth_getBlockByNumber"] = forge_state_root
        update = await side.chain.update(at)
        assert update.votes == {"honest-1": at.hash, "honest-2": at.hash}
        assert quarantined(side) == {"liar": Lie.FORGED_HEADER.value}


@pytest.mark.covers("RPC-01")
async def test_a_header_that_was_forged_whole_is_a_lonely_vote(sent_chain):
    a, at = sent_chain
    async with watched(a) as (side, named):
        named["liar"].lies["eth_getBlockByNumber"] = forge_whole_header
        update = await side.chain.update(at)
        assert sorted(name for name, vote in update.votes.items() if vote == at.hash) == [
            "honest-1",
            "honest-2",
        ]
        assert update.votes["liar"] != at.hash
        status = await side.chain.status()
        assert (await a.chain.block(status.finalized.height)).hash == status.finalized.hash


@pytest.mark.covers("RPC-02")
async def test_with_the_honest_endpoints_down_the_quorum_is_not_lowered(sent_chain):
    a, at = sent_chain
    async with watched(a) as (side, named):
        for name in ("honest-1", "honest-2"):
            named[name].failure = says(status=503)
        for read in (side.chain.status(), side.chain.update(at), side.chain.block(at.height)):
            with pytest.raises((NoAgreement, TransportError)):
                await read
        for name in ("honest-1", "honest-2"):
            named[name].failure = None
        assert (await side.chain.update(at)).target == at


@pytest.mark.covers("RPC-09")
async def test_an_endpoint_that_switches_to_another_chain_is_quarantined(sent_chain):
    a, _ = sent_chain
    async with watched(a) as (side, named):
        named["liar"].lies["eth_chainId"] = lambda *_: "0x1"
        await side.chain.status()
        assert quarantined(side) == {"liar": Lie.WRONG_CHAIN.value}
        for each in named.values():
            each.lies["eth_chainId"] = lambda *_: "0x1"
        with pytest.raises(WrongChain, match="expected chain 31337, it serves 1"):
            await side.chain.connect()


@pytest.mark.covers("RPC-07")
@pytest.mark.parametrize(
    "tag_lie",
    [
        pytest.param("latest", id="far ahead"),
        pytest.param("0x0", id="far back"),
    ],
)
async def test_a_finalized_tag_of_one_endpoint_moves_nothing(tag_lie, sent_chain):
    a, _ = sent_chain
    async with watched(a) as (side, named):
        before = await side.chain.status()
        node = a.node.url

        async def ask(tag):
            import aiohttp

            call = {"jsonrpc": "2.0", "id": 1, "method": "eth_getBlockByNumber", "params": [tag, False]}
            async with aiohttp.ClientSession() as session, session.post(node, json=call) as response:
                return (await response.json())["result"]

        false = await ask(tag_lie)
        named["liar"].lies["eth_getBlockByNumber"] = lambda params, true: (
            false if params[0] == "finalized" else true
        )
        status = await side.chain.status()
        true = await a.chain.status()
        assert before.finalized.height <= status.finalized.height <= true.finalized.height
        assert status.finalized.height < status.head.height or true.finalized.height == true.head.height


@pytest.mark.covers("RPC-08", "RPC-11")
async def test_a_silent_endpoint_costs_one_wait_and_comes_back(sent_chain):
    a, at = sent_chain
    clock = ManualClock(time.time())
    async with watched(a, clock=clock, straggler_s=0.5) as (side, named):
        named["liar"].failure = silence
        assert (await side.chain.update(at)).target == at
        assert not side.chain.endpoint_health()[0].usable
        await side.chain.status()
        asked = len(named["liar"].calls)
        for _ in range(5):
            await side.chain.status()
        assert len(named["liar"].calls) == asked
    async with watched(a, clock=clock, request_timeout_s=2.0) as (side, named):
        named["liar"].failure = silence
        assert (await side.chain.update(at)).target == at
        assert not side.chain.endpoint_health()[0].usable
        named["liar"].failure = None
        clock.time_s += 60
        assert side.chain.endpoint_health()[0].usable
        assert "liar" in (await side.chain.update(at)).votes


@pytest.mark.covers("RPC-10")
async def test_receipts_and_refusals_of_one_endpoint_neither_make_nor_hide_a_delivery(chains):
    a, b, at = chains
    claims = [Sent(packet=each.packet) for each in await a.chain.sent(LANE, a.deployed.start_height, at)]
    delivery = delivery_of(LANE, await proven(a, LANE, claims, at), KEYS[:2])

    def refuse(*_):
        raise Error(3, "execution reverted", "0x")

    async with watched(b) as (side, named):
        bad = named["liar"]
        bad.lies["eth_getTransactionReceipt"] = lambda *_: None
        bad.lies["eth_sendRawTransaction"] = lambda params, _: "0x" + "00" * 32
        bad.lies["eth_estimateGas"] = bad.lies["eth_call"] = refuse
        bad.lies["eth_getBalance"] = lambda *_: "0x0"
        bad.lies["eth_getTransactionCount"] = lambda *_: "0x0"
        included = await until_included(side.chain, await side.chain.submit(delivery))
        assert isinstance(included, Included)
        assert included.succeeded, included.detail
        bad.lies["eth_getTransactionReceipt"] = lambda params, _: {
            "transactionHash": params[0], "blockNumber": "0x1", "blockHash": "0x" + "22" * 32,
            "status": "0x1",
            "gasUsed": "0x1", "effectiveGasPrice": "0x1",
        }  # fmt: skip
        [forged] = await side.chain.submissions(["0x" + "33" * 32])
        assert not isinstance(forged, Included | Pending)


async def test_an_endpoint_of_another_chain_alone_is_refused_at_connect(sent_chain):
    a, _ = sent_chain
    alone = replace(a.config, endpoints=a.config.endpoints[:1])
    chain = EvmChain("eip155:99", alone, resources(1))
    with pytest.raises(WrongChain):
        await chain.connect()
    with pytest.raises(AdapterError):
        await chain.status()
    await chain.close()
