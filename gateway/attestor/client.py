"""One peer, as we reach it: HTTP with our API key, a deadline, and a circuit breaker that spares a dead host.

It carries bytes and reasons; whether a signature is worth anything is judged by `peers`.
"""

import io
from http import HTTPStatus

import aiohttp
import msgspec

from adapters.api import Clock
from adapters.secret import SecretUnavailableError
from gateway.attestor.signing import Signed
from gateway.attestor.wire import CONTENT_TYPE, MAX_ANSWER, PATH, WireError, decode_answer
from gateway.config.schema import PeerConfig

_FAILURES_TO_OPEN = 3
_OPEN_S = (1.0, 2.0, 5.0, 10.0, 30.0)
"""How long a circuit stays open, by the number of times it opened in a row; the last for ever after."""


class PeerFailed(Exception):  # noqa: N818 - a reason, to be shown beside the peer's name
    """This peer gave no signature; the text says why."""


class _Problem(msgspec.Struct):
    code: str = ""
    detail: str = ""


class PeerClient:
    """Asks one peer."""

    def __init__(self, config: PeerConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._failures = 0
        self._opened = 0
        self._closed_again_s = 0.0
        self.latency_s = 0.0
        """How long its last good answer took; 0 before the first."""
        self.error: str | None = None
        """Why the last answer was no use; empty when it was, None before the first."""

    async def ask(self, request: bytes) -> Signed:
        """Return what the peer signed, unchecked. Raises `PeerFailed`."""
        wait_s = self._closed_again_s - self._clock.monotonic_s()
        if wait_s > 0:
            raise PeerFailed(f"{self.error}; asked again in {wait_s:.0f} s")
        began_s = self._clock.monotonic_s()
        try:
            signed = await self._post(request)
        except PeerFailed as error:
            self.note(str(error))
            raise
        except _Unreachable as error:
            self._failed(str(error))
            raise PeerFailed(str(error)) from error
        self._failures = self._opened = 0
        self.latency_s = self._clock.monotonic_s() - began_s
        self.note("")
        return signed

    def note(self, error: str) -> None:
        """Remember what was wrong with the last answer, or nothing."""
        self.error = error

    async def close(self) -> None:
        """Close connections. Safe to call twice."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _post(self, request: bytes) -> Signed:
        """Send the request once. A peer that answers, even with a refusal, is reachable."""
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=self._config.timeout_s)
            self._session = aiohttp.ClientSession(timeout=timeout, auto_decompress=False)
        try:
            headers = {
                "Authorization": f"Bearer {self._config.api_key.reveal()}",
                "Content-Type": CONTENT_TYPE,
            }
            url = self._config.url + PATH
            async with self._session.post(
                url, data=io.BytesIO(request), headers=headers, allow_redirects=False
            ) as response:
                body = await _at_most(response, MAX_ANSWER)
                if response.status != HTTPStatus.OK:
                    raise PeerFailed(_reason(response.status, body))
                return decode_answer(body)
        except SecretUnavailableError as error:
            raise PeerFailed(f"our key for it: {error}") from error
        except WireError as error:
            raise PeerFailed(str(error)) from error
        except TimeoutError as error:
            raise _Unreachable(f"no answer within {self._config.timeout_s:g} s") from error
        except aiohttp.ClientConnectorError as error:
            raise _Unreachable(f"unreachable: {error.strerror or type(error.os_error).__name__}") from error
        except aiohttp.ClientError as error:
            raise _Unreachable(f"connection broke: {type(error).__name__}") from error

    def _failed(self, reason: str) -> None:
        self.note(reason)
        self._failures += 1
        if self._failures >= _FAILURES_TO_OPEN:
            open_s = _OPEN_S[min(self._opened, len(_OPEN_S) - 1)]
            self._closed_again_s = self._clock.monotonic_s() + open_s
            self._opened += 1


class _Unreachable(Exception):  # noqa: N818 - becomes `PeerFailed` after it was counted
    """No answer at all."""


async def _at_most(response: aiohttp.ClientResponse, cap: int) -> bytes:
    """Return the body, cut one byte above the cap: longer ones do not decode."""
    body = bytearray()
    while len(body) <= cap and (chunk := await response.content.read(cap + 1 - len(body))):
        body += chunk
    return bytes(body)


def _reason(status: int, body: bytes) -> str:
    """Return why the peer declined, in its own words when it has some."""
    try:
        problem = msgspec.json.decode(body, type=_Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return f"answered {status}"
    return f"{problem.code or status}: {problem.detail[:300]}"
