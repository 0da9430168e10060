"""The command line's way to a running gateway: its HTTP API, and nothing else.

A problem of the API becomes a `CliError` with the same words; a gateway that does not answer says how to
start one.
"""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import aiohttp

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
    if key:
        sent["Authorization"] = f"Bearer {key}"
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT) as session,
            session.request(
                method, url.rstrip("/") + path, params=query, json=body, headers=sent
            ) as response,
        ):
            raw = await response.content.read(_MAX_ANSWER_BYTES)
            return _judged(response, raw)
    except (aiohttp.ClientError, TimeoutError) as error:
        raise CliError(
            f"no gateway answers at {url}: {str(error) or type(error).__name__}",
            exit_code=Exit.UNHEALTHY,
            hint="start one with `isthmus dev up` or `isthmus run --config FILE`, or name it with --url",
        ) from None


def _judged(response: aiohttp.ClientResponse, raw: bytes) -> Any:
    import orjson

    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise CliError(
            f"{response.url} answered {response.status} without JSON", exit_code=Exit.UNHEALTHY
        ) from None
    if response.status < HTTPStatus.BAD_REQUEST or response.content_type != "application/problem+json":
        return value
    code = Exit.USAGE if response.status == HTTPStatus.BAD_REQUEST else Exit.FAILED
    raise CliError(f"{value['code']}: {value['detail']}", exit_code=code, hint=value.get("remedy") or "")
