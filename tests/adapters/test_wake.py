"""What a WebSocket endpoint tells wakes us, and however much it tells, everybody else gets his turn."""

import asyncio
from contextlib import asynccontextmanager, suppress

import pytest
from aiohttp import web

from adapters.cosmos import heads as cosmos
from adapters.evm import heads as evm
from tests.support.clocks import ManualClock

pytestmark = pytest.mark.asyncio

WAKES = 300


@asynccontextmanager
async def talker():
    """Yield the URL of an endpoint that never stops talking."""

    async def talk(request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        with suppress(ConnectionError):
            while True:
                await socket.send_str("{}")
                await asyncio.sleep(0)
        return socket

    app = web.Application()
    app.router.add_get("/websocket", talk)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"ws://127.0.0.1:{runner.addresses[0][1]}/websocket"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("wake", [cosmos.wake, evm.wake])
async def test_an_endpoint_that_never_stops_talking_leaves_others_their_turn_and_can_be_left(wake):
    clock, woken = ManualClock(), 0
    async with talker() as url, asyncio.timeout(20):
        heads, begin_s = wake([url], 1.0, clock), clock.now_s()
        async for _ in heads:
            woken += 1
            if woken == WAKES:
                break
        await heads.aclose()
    assert clock.now_s() - begin_s >= 0.01 * (WAKES - 1)
