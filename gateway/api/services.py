"""What handlers work with: the two ports, metrics, a clock, and the memory of idempotency keys."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus

from adapters.api import Clock
from gateway.api.ports import Operator, Reader
from gateway.api.problems import ApiError
from gateway.observe.metrics import Metrics
from gateway.views import LaneView, Overview

_MAX_REMEMBERED = 10_000
_REMEMBER_S = 24 * 3600


class IdempotencyBook:
    """Remembers for a day which key already stood for which request, so that a repeated request acts once.

    It lives in this process: after a restart a key is new again.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: OrderedDict[str, tuple[float, bytes, asyncio.Future[tuple[str, ...]]]] = OrderedDict()

    async def once(
        self, key: str, request: bytes, act: Callable[[], Awaitable[tuple[str, ...]]]
    ) -> tuple[str, ...]:
        """Return what `act` returns, or returned before under this key. Raises 409 for another request.

        A failed act is forgotten, so that it can be tried again.
        """
        self._forget()
        digest = sha256(request).digest()
        known = self._entries.get(key)
        if known is not None:
            if known[1] != digest:
                raise ApiError(
                    HTTPStatus.CONFLICT,
                    "idempotency-conflict",
                    "this Idempotency-Key stood for another request",
                )
            return await asyncio.shield(known[2])
        future = asyncio.ensure_future(act())
        self._entries[key] = (self._clock.monotonic_s(), digest, future)
        future.add_done_callback(lambda done: self._settle(key, done))
        return await asyncio.shield(future)

    def _settle(self, key: str, done: "asyncio.Future[tuple[str, ...]]") -> None:
        if done.cancelled() or done.exception() is not None:
            self._entries.pop(key, None)

    def _forget(self) -> None:
        horizon_s = self._clock.monotonic_s() - _REMEMBER_S
        while self._entries:
            key, (then_s, _, future) = next(iter(self._entries.items()))
            if then_s > horizon_s and len(self._entries) < _MAX_REMEMBERED:
                return
            if not future.done():
                return
            del self._entries[key]


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything behind the handlers."""

    reader: Reader
    operator: Operator
    metrics: Metrics
    clock: Clock
    idempotency: IdempotencyBook
    version: str

    async def lane(self, lane_id: str) -> tuple[Overview, LaneView]:
        """Return one lane by its id, with the overview it was found in. Raises 404."""
        view = await self.reader.overview()
        for lane in view.lanes:
            if lane.id == lane_id:
                return view, lane
        known = ", ".join(lane.id for lane in view.lanes)
        raise ApiError(HTTPStatus.NOT_FOUND, "unknown-lane", f"no lane named {lane_id!r}; known: {known}")
