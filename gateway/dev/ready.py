"""Waiting for gateways to become ready, and saying why one does not."""

import asyncio
from collections.abc import Mapping, Sequence
from http import HTTPStatus

import aiohttp

from gateway.dev import processes

_PATIENCE_S = 180.0
_POLL_S = 0.2


async def until_ready(urls: Mapping[str, str], started: Sequence[processes.Started] = ()) -> None:
    """Return when every gateway answers 200 on /readyz. Raises `ProcessError` with the reasons."""
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + _PATIENCE_S
    waiting = dict.fromkeys(urls, "has not answered yet")
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        while waiting and loop.time() < deadline_s:
            _check_alive(started)
            for name in list(waiting):
                waiting[name] = await _unready(session, urls[name])
            waiting = {name: why for name, why in waiting.items() if why}
            await asyncio.sleep(_POLL_S if waiting else 0)
    if waiting:
        reasons = "; ".join(f"{name}: {why}" for name, why in waiting.items())
        raise processes.ProcessError(f"not ready after {_PATIENCE_S:.0f} s: {reasons}")


def _check_alive(started: Sequence[processes.Started]) -> None:
    for process in started:
        if not processes.alive(process):
            raise processes.ProcessError(f"{process.name} ended; it said: {processes.tail(process)}")


async def _unready(session: aiohttp.ClientSession, url: str) -> str:
    """Return why a gateway is not ready, empty when it is."""
    try:
        async with session.get(f"{url}/readyz") as response:
            if response.status == HTTPStatus.OK:
                return ""
            body = await response.json()
            return "; ".join(body.get("problems", ())) or f"answers {response.status}"
    except (aiohttp.ClientError, TimeoutError) as error:
        return str(error) or type(error).__name__
