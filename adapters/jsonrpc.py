"""A lean JSON-RPC client for one endpoint: lists of calls in, lists of undecoded results out.

It bounds what a stranger can do (time, size, depth, ids) and sorts what goes wrong into
`adapters.errors`. It judges nothing and never tries another endpoint (`endpoints` does). Results stay
bytes: the caller decodes them into types of its own. Batch limits are learned: an endpoint that refuses a
list gets shorter ones from then on. What the chains' dialects differ in is a subclass.

Implements: JSON-RPC 2.0 over HTTP POST.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import aiohttp
import msgspec
import orjson

from adapters.errors import MalformedReply, RateLimited, TransportError

Call = tuple[str, list[Any] | Mapping[str, Any]]
"""(method, parameters by position or by name)."""

_RETRY_AFTER_S = 1.0
_MAX_RETRY_AFTER_S = 60.0
_READ_BUFFER = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RpcLimits:
    """What one endpoint may cost us, and what we ask of it at once."""

    timeout_s: float = 10.0
    """From the first byte sent to the last byte read."""
    max_body_bytes: int = 64 * 1024 * 1024
    """Of one answer, decompressed."""
    batch: int = 100
    """Calls in one request, at first."""
    connections: int = 8


class ErrorObject(msgspec.Struct, frozen=True):
    """What an endpoint answered instead of a result. `message` is for people and never parsed."""

    code: int
    message: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")


Reply = msgspec.Raw | ErrorObject
"""The undecoded result of one call, or its error."""


class _Envelope(msgspec.Struct):
    id: int | str | None = None
    result: msgspec.Raw = msgspec.Raw(b"")
    error: ErrorObject | None = None


_ONE = msgspec.json.Decoder(_Envelope)
_MANY = msgspec.json.Decoder(list[_Envelope])


class _BatchRefused(Exception):  # noqa: N818 - never leaves this module
    """The endpoint wants shorter lists."""


class JsonRpcClient:
    """One endpoint. Opens connections when first used; `close` releases them."""

    limited_codes: ClassVar[frozenset[int]] = frozenset({429})
    """Error codes by which endpoints of this dialect ask for patience."""

    def __init__(self, name: str, url: str, limits: RpcLimits) -> None:
        self.name = name
        self.requests = 0
        """HTTP requests made so far."""
        self._url = url
        self._limits = limits
        self._batch_limit = limits.batch
        self._next_id = 1
        self._session: aiohttp.ClientSession | None = None

    async def batch(self, calls: Sequence[Call]) -> list[Reply]:
        """Return the reply to each call, in order.

        Raises `TransportError`, `RateLimited` (also when a single call was limited) or `MalformedReply`.
        """
        replies: list[Reply] = []
        while len(replies) < len(calls):
            part = calls[len(replies) : len(replies) + self._batch_limit]
            try:
                replies += await self._request(part)
            except _BatchRefused:
                self._batch_limit = max(1, len(part) // 2)
        return replies

    async def close(self) -> None:
        """Close all connections. Safe to call twice."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _request(self, calls: Sequence[Call]) -> list[Reply]:
        first_id = self._next_id
        self._next_id += len(calls)
        bodies = [
            {"jsonrpc": "2.0", "id": first_id + index, "method": method, "params": params}
            for index, (method, params) in enumerate(calls)
        ]
        data = await self._post(orjson.dumps(bodies[0] if len(calls) == 1 else bodies), len(calls))
        return self._sort(self._decode(data, len(calls)), first_id, len(calls))

    async def _post(self, body: bytes, calls: int) -> bytes:
        """Return the body of an answer with status 200; a connection that went stale is replaced once."""
        try:
            return await self._post_once(body, calls)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            return await self._checked_post(body, calls)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise self._unreachable(error) from error

    async def _checked_post(self, body: bytes, calls: int) -> bytes:
        try:
            return await self._post_once(body, calls)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> TransportError:
        cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
        said = cause.strerror if isinstance(cause, OSError) and cause.strerror else type(error).__name__
        return TransportError(f"endpoint {self.name}: expected an answer, got: {said}")

    async def _post_once(self, body: bytes, calls: int) -> bytes:
        self.requests += 1
        async with self._open_session().post(self._url, data=body, allow_redirects=False) as response:
            if response.status == 200:
                return await self._read(response, calls)
            raise self._status_error(response, calls)

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._limits.connections),
                timeout=aiohttp.ClientTimeout(total=self._limits.timeout_s),
                headers={"Content-Type": "application/json", "Accept": "application/json"},
                read_bufsize=_READ_BUFFER,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    async def _read(self, response: aiohttp.ClientResponse, calls: int) -> bytes:
        """Return the body. What is too long for many answers may do for fewer: anybody can fill a block."""
        cap = self._limits.max_body_bytes
        chunks, size = [], 0
        async for chunk in response.content.iter_any():
            size += len(chunk)
            if size > cap and calls > 1:
                raise _BatchRefused
            if size > cap:
                raise MalformedReply(f"endpoint {self.name}: expected at most {cap} bytes, got more")
            chunks.append(chunk)
        return b"".join(chunks)

    def _status_error(self, response: aiohttp.ClientResponse, calls: int) -> Exception:
        status = response.status
        if status == 429:
            return RateLimited(f"endpoint {self.name}: HTTP 429", retry_after_s=_retry_after_s(response))
        if status == 413 and calls > 1:
            return _BatchRefused()
        if status >= 500 or status == 408:
            return TransportError(f"endpoint {self.name}: expected HTTP 200, got {status}")
        return MalformedReply(f"endpoint {self.name}: expected HTTP 200, got {status}")

    def _decode(self, data: bytes, calls: int) -> list[_Envelope]:
        is_list = data[:64].lstrip()[:1] == b"["
        try:
            envelopes = _MANY.decode(data) if is_list else [_ONE.decode(data)]
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            wanted = f"endpoint {self.name}: expected a JSON-RPC answer of {calls}"
            raise MalformedReply(f"{wanted}, got {len(data)} bytes that are none: {error}") from error
        if not is_list and calls > 1:
            self._refuse_batch(envelopes[0])
        return envelopes

    def _refuse_batch(self, envelope: _Envelope) -> None:
        """One answer to many calls: an error about the list itself, or nonsense."""
        if envelope.error is None:
            raise MalformedReply(f"endpoint {self.name}: expected a list of answers, got one result")
        if envelope.error.code in self.limited_codes:
            raise RateLimited(f"endpoint {self.name}: {envelope.error.message}", retry_after_s=_RETRY_AFTER_S)
        raise _BatchRefused

    def _sort(self, envelopes: list[_Envelope], first_id: int, calls: int) -> list[Reply]:
        """Return the replies in the order of the calls; each id must be there exactly once."""
        replies: list[Reply | None] = [None] * calls
        if len(envelopes) != calls:
            raise MalformedReply(f"endpoint {self.name}: expected {calls} answers, got {len(envelopes)}")
        for envelope in envelopes:
            index = envelope.id - first_id if isinstance(envelope.id, int) else -1
            if not 0 <= index < calls or replies[index] is not None:
                raise MalformedReply(f"endpoint {self.name}: expected each id once, got {envelope.id!r}")
            replies[index] = self._reply(envelope)
        return [reply for reply in replies if reply is not None]

    def _reply(self, envelope: _Envelope) -> Reply:
        error = envelope.error
        if error is None:
            if not bytes(envelope.result):
                raise MalformedReply(f"endpoint {self.name}: expected a result or an error, got neither")
            return envelope.result
        if error.code in self.limited_codes:
            raise RateLimited(f"endpoint {self.name}: {error.message}", retry_after_s=_RETRY_AFTER_S)
        return error


def _retry_after_s(response: aiohttp.ClientResponse) -> float:
    """Return what the endpoint asks for in seconds, within reason."""
    text = response.headers.get("Retry-After", "")
    wanted_s = float(text) if text.isascii() and text.isdigit() and len(text) < 6 else _RETRY_AFTER_S
    return min(max(wanted_s, 0.1), _MAX_RETRY_AFTER_S)
