"""What is asked together with the head of a real chain: asked once, used where it fits, and judged."""

import pytest
import pytest_asyncio

from adapters.cosmos.ahead import BODY
from adapters.cosmos.endpoints import Hostile
from adapters.cosmos.light import read_blocks, read_latest
from adapters.cosmos.rpc import CometClient
from adapters.cosmos.state import State, proven
from adapters.cosmos.wire import BlockBodyJson, BlockDataJson, BlockTransactionsJson
from adapters.errors import MalformedReply
from adapters.jsonrpc import RpcLimits
from proofs.types import ChainId
from tests.support.liar import Error, liar
from tests.support.simd import start_simd

pytestmark = [pytest.mark.nodes, pytest.mark.asyncio(loop_scope="module")]

CHAIN = ChainId("cosmos:chain-a")
KEY = b"nextClientSequence"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node():
    with start_simd() as chain:
        chain.node.until_height(6)
        yield chain.node


@pytest_asyncio.fixture(loop_scope="module")
async def served(node):
    async with liar(node.rpc_url) as endpoint:
        client = CometClient("it", endpoint.url, RpcLimits(timeout_s=10, batch=10))
        yield endpoint, client
        await client.close()


async def wanting(endpoint, client):
    """Want both kinds; return the block that the node answered about.

    A block that comes between the answers, or is there and not executed yet, is one to wait out.
    """
    newest = last = 0
    while not last or newest < last:
        client.ahead.want(proven(KEY))
        client.ahead.want_results()
        endpoint.sizes.clear()
        newest = (await read_latest(client, CHAIN, "chain-a")).ref.height
        last = last or newest + 50
        for height in (newest, newest + 1):
            if client.ahead.results(height) and client.ahead.answer(proven(KEY), height):
                return height
    raise AssertionError("fifty blocks, each of them between the answers")


async def test_what_is_wanted_comes_with_the_head_in_one_request_and_is_not_asked_again(served):
    endpoint, client = served
    height = await wanting(endpoint, client)
    assert endpoint.sizes == [3]
    [results] = await client.results([height])
    [answer] = await client.query([proven(KEY)], height)
    assert endpoint.sizes == [3]
    assert results.height == answer.height == height
    assert answer.value == bytes(8)


async def test_what_came_with_the_head_is_what_a_question_at_that_height_is_told(served, node):
    endpoint, client = served
    height = await wanting(endpoint, client)
    other = CometClient("other", node.rpc_url, RpcLimits(timeout_s=10, batch=10))
    assert await client.results([height]) == await other.results([height])
    assert await client.query([proven(KEY)], height) == await other.query([proven(KEY)], height)
    await other.close()


async def test_other_blocks_and_other_keys_are_asked_for(served):
    endpoint, client = served
    height = await wanting(endpoint, client)
    await client.results([height - 1, height])
    await client.query([proven(b"another key")], height)
    await client.query([proven(KEY)], height - 1)
    assert endpoint.sizes == [3, 1, 1, 1]


async def test_what_nobody_wants_any_more_is_not_asked_for_ever(served):
    endpoint, client = served
    await wanting(endpoint, client)
    for _ in range(60):
        await read_latest(client, CHAIN, "chain-a")
    assert endpoint.sizes[1] == 3
    assert endpoint.sizes[-1] == 1


async def test_what_a_block_calls_for_is_asked_once_with_the_next_head(served, node):
    endpoint, client = served
    height = (await read_latest(client, CHAIN, "chain-a")).ref.height
    node.until_height(height)  # a node shows a block before it has executed it
    for _ in range(2):
        client.ahead.want_once(BODY, height)
        client.ahead.want_once(proven(KEY), height)
    for _ in range(2):
        await read_latest(client, CHAIN, "chain-a")
    assert endpoint.sizes == [1, 3, 1]
    [answer] = await client.query([proven(KEY)], height)
    assert endpoint.sizes == [1, 3, 1]
    assert answer.height == height
    assert client.ahead.body(height) == BlockBodyJson(block=BlockTransactionsJson(data=BlockDataJson(txs=[])))


async def test_a_block_of_very_much_does_not_make_the_next_head_a_large_request(served):
    endpoint, client = served
    for number in range(1000):
        client.ahead.want_once(proven(b"key %d" % number), 5)
    await read_latest(client, CHAIN, "chain-a")
    assert endpoint.sizes == [9]


async def test_a_head_is_read_whatever_becomes_of_the_questions_beside_it(served, node):
    endpoint, client = served

    def refuse(*_):
        raise Error(-32603, "busy")

    endpoint.lies.update(abci_query=refuse, block_results=lambda *_: {"height": "x"})
    client.ahead.want(proven(KEY))
    client.ahead.want_results()
    height = (await read_latest(client, CHAIN, "chain-a")).ref.height
    with pytest.raises(MalformedReply):
        await client.results([height])
    endpoint.lies.clear()
    node.until_height(height)  # a node shows a block before it has executed it
    [results] = await client.results([height])
    assert results.height == height


async def test_a_lie_that_came_with_the_head_is_caught_by_the_header_that_follows(served, node):
    endpoint, client = served

    def false_value(_, true):
        true["response"]["value"] = "AAAAAAAAAAk="
        return true

    endpoint.lies.update(abci_query=false_value)
    height = await wanting(endpoint, client)
    node.until_height(height + 1)
    [block] = await read_blocks(client, CHAIN, "chain-a", [height + 1])
    endpoint.lies.clear()
    with pytest.raises(Hostile, match="its proof shows another value"):
        await State(chain=CHAIN, native_id="chain-a").values(client, [KEY], block.ref)
