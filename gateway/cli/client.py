"""The command line's way to a running gateway: its HTTP API, and nothing else.

A problem of the API becomes a `CliError` with the same words; a gateway that does not answer says how to
start one.
"""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import aiohttp
import orjson

from gateway.cli.output import CliError, Exit

_TIMEOUT = aiohttp.ClientTimeout(total=60)
_MAX_ANSWER_BYTES = 32 << 20


def call(
    url: str,
    method: str,
    path: str,
    *,
    key: str = "",
    query: Mapping[str, str] | None = None,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Any:
    """Return the JSON answer of one request. Raises `CliError`."""
    return asyncio.run(request(url, method, path, key=key, query=query, body=body, headers=headers))


def download(url: str, path: str, *, key: str = "") -> bytes:
    """Return the bytes of a file that the gateway offers. Raises `CliError`."""
    status, raw = asyncio.run(_exchange(url, "GET", path, key, None, None, {"Accept": "*/*"}))
    _judge(status, raw, url + path)
    return raw


async def request(
    url: str,
    method: str,
    path: str,
    *,
    key: str = "",
    query: Mapping[str, str] | None = None,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Any:
    """Do what `call` does, inside an event loop."""
    sent = {"Accept": "application/json", **(headers or {})}
    status, raw = await _exchange(url, method, path, key, query, body, sent)
    _judge(status, raw, url + path)
    return _parsed(raw, url + path)


async def _exchange(
    url: str,
    method: str,
    path: str,
    key: str,
    query: Mapping[str, str] | None,
    body: Any,
    headers: Mapping[str, str],
) -> tuple[int, bytes]:
    sent = {**headers, "Authorization": f"Bearer {key}"} if key else headers
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT) as session,
            session.request(
                method, url.rstrip("/") + path, params=query, json=body, headers=sent
            ) as response,
        ):
            return response.status, await response.content.read(_MAX_ANSWER_BYTES)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise CliError(
            f"no gateway answers at {url}: {str(error) or type(error).__name__}",
            exit_code=Exit.UNHEALTHY,
            hint="start one with `isthmus dev up` or `isthmus run --config FILE`, or name it with --url",
        ) from None


def _judge(status: int, raw: bytes, where: str) -> None:
    if status < HTTPStatus.BAD_REQUEST:
        return
    value = _parsed(raw, where)
    if not isinstance(value, dict) or "code" not in value:
        return  # an unready gateway answers 503 with its readiness
    code = Exit.USAGE if status == HTTPStatus.BAD_REQUEST else Exit.FAILED
    raise CliError(f"{value['code']}: {value['detail']}", exit_code=code, hint=value.get("remedy") or "")


def _parsed(raw: bytes, where: str) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise CliError(f"expected JSON from {where}, got {raw[:60]!r}", exit_code=Exit.UNHEALTHY) from None
