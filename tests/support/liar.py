"""A lying endpoint: forwards JSON-RPC to a real node (or to nothing) and spoils the answers on demand.

`lies[method]` changes the result of a method, `failure` spoils whole HTTP answers. Loopback only.
"""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson
from aiohttp import web

Lie = Callable[[list, Any], Any]
"""(parameters, true result) -> false result."""


class Error(Exception):
    """Raised by a lie: the call is answered with this error."""

    def __init__(self, code: int, message: str = "", data: Any = None) -> None:
        super().__init__(message)
        self.body = {"code": code, "message": message, "data": data}


@dataclass
class Liar:
    """One spoiled endpoint."""

    upstream: str = ""
    lies: dict[str, Lie] = field(default_factory=dict)
    failure: Callable[[web.Request, bytes], Any] | None = None
    """Answers instead of the node: an async function of the request and the honest body."""
    calls: list[tuple[str, list]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    """Calls in each request."""
    url: str = ""

    def count(self, method: str) -> int:
        return sum(name == method for name, _ in self.calls)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        asked = orjson.loads(await request.read())
        many = asked if isinstance(asked, list) else [asked]
        self.calls += [(each["method"], each["params"]) for each in many]
        self.sizes.append(len(many))
        honest = (
            await self._forward(many)
            if self.upstream
            else [{"id": each["id"], "result": None} for each in many]
        )
        answers = [self._spoil(each, answer) for each, answer in zip(many, honest, strict=True)]
        body = orjson.dumps(answers if isinstance(asked, list) else answers[0])
        if self.failure is not None:
            return await self.failure(request, body)
        return web.Response(body=body, content_type="application/json")

    async def _forward(self, many: list[dict]) -> list[dict]:
        async with aiohttp.ClientSession() as session, session.post(self.upstream, json=many) as response:
            said = orjson.loads(await response.read())  # CometBFT answers a list of one without the list
            answers = {answer["id"]: answer for answer in (said if isinstance(said, list) else [said])}
            return [answers[each["id"]] for each in many]

    def _spoil(self, call: dict, answer: dict) -> dict:
        lie = self.lies.get(call["method"])
        if lie is None or (self.upstream and "result" not in answer):
            return answer
        try:
            return {"jsonrpc": "2.0", "id": call["id"], "result": lie(call["params"], answer.get("result"))}
        except Error as error:
            return {"jsonrpc": "2.0", "id": call["id"], "error": error.body}


@asynccontextmanager
async def liar(upstream: str = "") -> AsyncIterator[Liar]:
    """Yield a lying endpoint on a port of its own."""
    made = Liar(upstream=upstream)
    app = web.Application(client_max_size=1 << 28)
    app.router.add_post("/", made.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/"
    try:
        yield made
    finally:
        await runner.cleanup()


async def silence(request: web.Request, body: bytes) -> web.StreamResponse:
    """Never answer (within a test's patience)."""
    await asyncio.sleep(60)
    return web.Response()


async def drip(request: web.Request, body: bytes) -> web.StreamResponse:
    """One byte every tenth of a second, for ever."""
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(600):
        await response.write(b" ")
        await asyncio.sleep(0.1)
    return response


async def flood(request: web.Request, body: bytes) -> web.StreamResponse:
    """White space without end."""
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(1 << 16):
        await response.write(b" " * (1 << 16))
    return response


_BOMB = gzip.compress(b" " * (8 << 20), compresslevel=1)


async def gzip_bomb(request: web.Request, body: bytes) -> web.StreamResponse:
    """A small body that decompresses to 8 MiB."""
    return web.Response(body=_BOMB, headers={"Content-Encoding": "gzip"}, content_type="application/json")


def says(status: int = 200, text: str | bytes = "", **headers: str) -> Callable[..., Any]:
    """Return a failure that always gives this HTTP answer."""

    async def failure(request: web.Request, body: bytes) -> web.StreamResponse:
        raw = text.encode() if isinstance(text, str) else text
        return web.Response(
            status=status, body=raw, headers={key.replace("_", "-"): value for key, value in headers.items()}
        )

    return failure
