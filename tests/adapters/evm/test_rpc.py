"""The JSON-RPC client against endpoints that answer badly: every case is bounded and has a typed error."""

import asyncio
import time

import orjson
import pytest

from adapters.errors import MalformedReply, RateLimited, TransportError
from adapters.evm.rpc import ErrorObject, RpcClient, RpcLimits
from tests.support.liar import Error, drip, flood, gzip_bomb, liar, says, silence

LIMITS = RpcLimits(timeout_s=30.0, max_body_bytes=1 << 20)
IMPATIENT = RpcLimits(timeout_s=1.0, max_body_bytes=1 << 20)
"""For endpoints that never come to an end: silence and dripping last a minute."""
CALLS = [("eth_blockNumber", []), ("eth_chainId", [])]


async def ask(failure=None, calls=CALLS, limits=LIMITS):
    async with liar() as endpoint:
        endpoint.failure = failure
        endpoint.lies = {"eth_blockNumber": lambda *_: "0x10", "eth_chainId": lambda *_: "0x1"}
        client = RpcClient("it", endpoint.url, limits)
        try:
            return await client.batch(calls)
        finally:
            await client.close()


async def test_replies_come_in_the_order_of_the_calls_whatever_order_they_arrived_in():
    async def backwards(request, body):
        from aiohttp import web

        return web.Response(body=orjson.dumps(list(reversed(orjson.loads(body)))))

    assert [bytes(reply) for reply in await ask(backwards)] == [b'"0x10"', b'"0x1"']


DEEP = b'[{"id":1,"result":' + b"[" * 100_000 + b"]" * 100_000 + b'},{"id":2,"result":1}]'


@pytest.mark.covers("RPC-08")
@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        pytest.param(silence, TransportError, id="silence"),
        pytest.param(drip, TransportError, id="one byte at a time"),
        pytest.param(flood, MalformedReply, id="endless body"),
        pytest.param(gzip_bomb, MalformedReply, id="gzip bomb"),
        pytest.param(says(text="<html>busy</html>"), MalformedReply, id="HTML with status 200"),
        pytest.param(says(text=b"\xff\xfe\x00"), MalformedReply, id="bytes that are no text"),
        pytest.param(says(text=""), MalformedReply, id="nothing"),
        pytest.param(says(text=DEEP), MalformedReply, id="deep JSON"),
        pytest.param(says(text='[{"id":1,"result":1}]'), MalformedReply, id="short batch"),
        pytest.param(says(text='[{"id":1,"result":1},{"id":9,"result":1}]'), MalformedReply, id="wrong id"),
        pytest.param(says(text='[{"id":1,"result":1},{"id":1,"result":1}]'), MalformedReply, id="double id"),
        pytest.param(
            says(text='[{"id":1,"result":1},{"id":2}]'), MalformedReply, id="neither result nor error"
        ),
        pytest.param(says(text='{"id":1,"result":1}'), MalformedReply, id="one result for two calls"),
        pytest.param(says(status=404, text="no"), MalformedReply, id="404"),
        pytest.param(says(status=302, Location="http://127.0.0.1:1/"), MalformedReply, id="redirect"),
        pytest.param(says(status=503, text="later"), TransportError, id="503"),
        pytest.param(says(status=429, text="slow"), RateLimited, id="429"),
        pytest.param(
            says(text='{"id":null,"error":{"code":-32005,"message":"limit"}}'),
            RateLimited,
            id="HTTP 200, limited",
        ),
    ],
)
async def test_an_endpoint_that_answers_badly_becomes_a_typed_error_in_bounded_time(failure, expected):
    started_s = time.monotonic()
    with pytest.raises(expected):
        await ask(failure, limits=IMPATIENT if failure in (silence, drip) else LIMITS)
    assert time.monotonic() - started_s < 30


async def test_an_unreachable_endpoint_is_a_transport_error():
    client = RpcClient("it", "http://127.0.0.1:9/", LIMITS)
    with pytest.raises(TransportError, match="endpoint it"):
        await client.batch(CALLS)
    await client.close()


async def test_the_asked_patience_is_kept_within_reason():
    with pytest.raises(RateLimited) as caught:
        await ask(says(status=429, Retry_After="7"))
    assert caught.value.retry_after_s == 7
    with pytest.raises(RateLimited) as caught:
        await ask(says(status=429, Retry_After="99999"))
    assert caught.value.retry_after_s == 60


async def test_an_error_of_one_call_is_the_reply_to_that_call():
    async with liar() as endpoint:

        def fail(*_):
            raise Error(3, "execution reverted", "0x1234")

        endpoint.lies = {"eth_call": fail, "eth_chainId": lambda *_: "0x1"}
        client = RpcClient("it", endpoint.url, LIMITS)
        failed, worked = await client.batch([("eth_call", []), ("eth_chainId", [])])
        await client.close()
    assert isinstance(failed, ErrorObject)
    assert (failed.code, bytes(failed.data)) == (3, b'"0x1234"')
    assert bytes(worked) == b'"0x1"'


async def test_an_endpoint_that_refuses_long_lists_gets_shorter_ones_from_then_on():
    from aiohttp import web

    async with liar() as endpoint:
        endpoint.lies = {"eth_chainId": lambda *_: "0x1"}

        async def at_most_ten(request, body):
            if endpoint.sizes[-1] > 10:
                return web.json_response({"id": None, "error": {"code": -32600, "message": "batch too long"}})
            return web.Response(body=body)

        endpoint.failure = at_most_ten
        client = RpcClient("it", endpoint.url, RpcLimits(batch=64))
        assert len(await client.batch([("eth_chainId", [])] * 50)) == 50
        learned = len(endpoint.sizes)
        assert len(await client.batch([("eth_chainId", [])] * 50)) == 50
        await client.close()
    assert max(endpoint.sizes[learned:]) <= 10
    assert endpoint.sizes[:3] == [50, 25, 12]


async def test_a_connection_that_the_endpoint_closed_is_replaced():
    from aiohttp import web

    async with liar() as endpoint:
        endpoint.lies = {"eth_chainId": lambda *_: "0x1"}
        cut = {"next": False}

        async def sometimes(request, body):
            if cut["next"]:
                cut["next"] = False
                request.transport.abort()
            return web.Response(body=body)

        endpoint.failure = sometimes
        client = RpcClient("it", endpoint.url, LIMITS)
        await client.batch([("eth_chainId", [])])
        cut["next"] = True
        [reply] = await client.batch([("eth_chainId", [])])
        await client.close()
    assert bytes(reply) == b'"0x1"'


async def test_cancelling_a_request_leaves_the_client_usable():
    async with liar() as endpoint:
        endpoint.lies = {"eth_chainId": lambda *_: "0x1"}
        endpoint.failure = silence
        client = RpcClient("it", endpoint.url, LIMITS)
        task = asyncio.create_task(client.batch(CALLS))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        endpoint.failure = None
        [reply] = await client.batch([("eth_chainId", [])])
        await client.close()
        await client.close()
    assert bytes(reply) == b'"0x1"'
