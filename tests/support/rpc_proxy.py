"""A JSON-RPC endpoint between an adapter and a node, which passes everything on, or garbles it, or lies."""

from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import ClientSession, web


def honest(reply: Any) -> bytes:
    """Pass the answer on."""
    return orjson.dumps(reply)


def nonsense(reply: Any) -> bytes:
    """Answer with something that is no JSON at all."""
    return b"<html>upstream is on fire</html>"


def forged(reply: Any) -> bytes:
    """Change every header, log and proof node."""
    return orjson.dumps(_forge(reply))


def _forge(value: Any) -> Any:
    if isinstance(value, list):
        return [_forge(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _lie(item) if key in _LIES and isinstance(item, str) else _forge(item)
        for key, item in value.items()
    }


_LIES = {"stateRoot", "hash", "blockHash", "data", "storageHash"}


def _lie(text: str) -> str:
    """Return other hexadecimal text of the same length."""
    return text[:-1] + ("0" if text[-1] != "0" else "1") if len(text) > 2 else text


class RpcProxy:
    """One endpoint: an async context manager."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.speak: Callable[[Any], bytes] = honest
        self.url = ""

    async def __aenter__(self) -> "RpcProxy":
        self._session = ClientSession()
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/", self._pass_on)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def _pass_on(self, request: web.Request) -> web.Response:
        headers = {"content-type": "application/json"}
        async with self._session.post(self.upstream, data=await request.read(), headers=headers) as answer:
            reply = orjson.loads(await answer.read())
        return web.Response(body=self.speak(reply), content_type="application/json")
