"""What a WebSocket endpoint tells wakes us, and however much it tells, everybody else gets his turn."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from adapters.cosmos import heads as cosmos
from adapters.evm import heads as evm
from tests.support.clocks import ManualClock

pytestmark = pytest.mark.asyncio

MESSAGES = 2000


@asynccontextmanager
async def talker():
    """Yield the URL of an endpoint that says everything at once."""

    async def talk(request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        for _ in range(MESSAGES):
            await socket.send_str("{}")
        await asyncio.Event().wait()

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
async def test_an_endpoint_that_never_stops_talking_leaves_others_their_turn(wake):
    clock, woken = ManualClock(), 0
    async with talker() as url, asyncio.timeout(20):
        heads, begin_s = wake([url], 1.0, clock), clock.now_s()
        async for _ in heads:
            woken += 1
            if woken == MESSAGES:
                break
        await heads.aclose()
    assert clock.now_s() - begin_s >= 0.01 * (MESSAGES - 1)
