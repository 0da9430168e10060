"""Endpoints that lie about broadcasts: whatever they say, the transaction has one effect."""

import pytest
import pytest_asyncio

from adapters.errors import Underfunded
from tests.adapters.evm.test_sender import Node, pay, sending, settled
from tests.support.anvil import start_anvil
from tests.support.liar import Error, liar, says

pytestmark = [pytest.mark.nodes, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node():
    with start_anvil(block_time_s=3600) as running:
        yield Node(running)


def fail(*_):
    raise Error(-32000, "no")


@pytest.mark.covers("RPC-10")
async def test_an_endpoint_that_says_yes_and_drops_it_loses_nothing(node):
    signer, before = node.signer(), await node.received_wei()
    async with liar(node.node.url) as bad:
        bad.lies["eth_sendRawTransaction"] = lambda *_: "0x" + "11" * 32
        original = bad._forward

        async def drop(many):
            kept = [each for each in many if each["method"] != "eth_sendRawTransaction"]
            answers = {each["id"]: each for each in (await original(kept) if kept else [])}
            return [answers.get(each["id"], {"id": each["id"], "result": "0x"}) for each in many]

        bad._forward = drop
        async with sending(node, signer, bad.url, node.node.url, agreement_threshold=1) as (sender, _):
            [sent] = await sender.send([pay()])
            assert await node.transaction(sent) is None
            await sender.fates([sent])
            assert await node.transaction(sent) is not None
            await settled(node, sender, [sent])
    assert await node.received_wei() == before + 1


@pytest.mark.covers("RPC-10")
async def test_an_endpoint_that_says_no_and_broadcasts_has_one_effect(node):
    signer, before = node.signer(), await node.received_wei()
    async with liar(node.node.url) as bad:
        bad.lies["eth_sendRawTransaction"] = fail
        async with sending(node, signer, bad.url) as (sender, _):
            hashes = await sender.send([pay(), pay()])
            await settled(node, sender, hashes)
            assert await node.count(signer) == 2
    assert await node.received_wei() == before + 2


@pytest.mark.covers("RPC-10", "REL-05")
async def test_a_broadcast_without_an_answer_is_kept_and_tried_again(node):
    signer, before = node.signer(), await node.received_wei()
    async with liar(node.node.url) as bad, sending(node, signer, bad.url) as (sender, clock):
        await sender.next_nonce()

        async def cut(request, body):
            if bad.calls[-1][0] == "eth_sendRawTransaction":
                return await says(status=502)(request, body)
            from aiohttp import web

            return web.Response(body=body, content_type="application/json")

        bad.failure = cut
        [sent] = await sender.send([pay()])
        bad.failure = None
        clock.time_s += 60
        await settled(node, sender, [sent])
    assert await node.received_wei() == before + 1


async def test_a_refusal_for_lack_of_funds_frees_the_nonce(node):
    signer = node.signer()
    async with liar(node.node.url) as bad, sending(node, signer, bad.url) as (sender, _):
        await sender.next_nonce()
        balances = iter(["0xde0b6b3a7640000", "0x1"])
        bad.lies["eth_getBalance"] = lambda *_: next(balances)
        bad.lies["eth_sendRawTransaction"] = fail
        bad.lies["eth_getTransactionByHash"] = lambda *_: None
        with pytest.raises(Underfunded):
            await sender.send([pay()])
        assert sender.open_count() == 0
        assert await sender.next_nonce() == 0


@pytest.mark.covers("REL-06")
async def test_a_receipt_that_appears_later_than_its_block_is_no_loss(node):
    signer = node.signer()
    async with liar(node.node.url) as bad, sending(node, signer, bad.url) as (sender, _):
        [sent] = await sender.send([pay()])
        await node.mine(4)
        answers = iter([None])
        bad.lies["eth_getTransactionReceipt"] = lambda _, true: next(answers, true)
        [fate] = await sender.fates([sent])
        assert fate.receipt is not None
        assert fate.lost == ""
