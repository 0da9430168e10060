"""gRPC of one Cosmos node: queries of the newest state that no proof covers. Hints, for people and plans.

It bounds what a stranger can do (time, size) and sorts what goes wrong into `adapters.errors`. What a
decision rests on is read over `rpc`, at a height and with a proof.

Implements: gRPC (unary calls) with the messages in `adapters.cosmos.pb`.
"""

from typing import TypeVar

import grpc
from google.protobuf.message import Message
from grpc import aio

from adapters.errors import AdapterError, MalformedReply, RateLimited, Refused, TransportError

R = TypeVar("R", bound=Message)

_RETRY_AFTER_S = 1.0
_BROKEN = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.DATA_LOSS,
}
_ODD = {grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.OUT_OF_RANGE}


class GrpcClient:
    """One gRPC endpoint. Connects when first used; `close` releases the connection."""

    def __init__(
        self, name: str, address: str, *, timeout_s: float, max_message_bytes: int, tls: bool
    ) -> None:
        self.name = name
        self.requests = 0
        """Calls made so far."""
        self._address = address
        self._timeout_s = timeout_s
        self._tls = tls
        self._options = [
            ("grpc.max_receive_message_length", max_message_bytes),
            ("grpc.max_send_message_length", max_message_bytes),
            ("grpc.enable_http_proxy", 0),
        ]
        self._channel: aio.Channel | None = None

    async def ask(self, method: str, request: Message, answer: type[R]) -> R:
        """Return the answer of a method (`/package.Service/Method`) to one request.

        Raises `TransportError`, `RateLimited` (also for an answer above the cap), `Refused` when the chain
        says no, `MalformedReply` when it does not know the method.
        """
        self.requests += 1
        call = self._open().unary_unary(
            method,
            request_serializer=type(request).SerializeToString,
            response_deserializer=answer.FromString,
        )
        try:
            return await call(request, timeout=self._timeout_s)
        except aio.AioRpcError as error:
            raise self._sorted(error) from error

    async def close(self) -> None:
        """Close the connection. Safe to call twice."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    def _open(self) -> aio.Channel:
        if self._channel is None:
            if self._tls:
                credentials = grpc.ssl_channel_credentials()
                self._channel = aio.secure_channel(self._address, credentials, options=self._options)
            else:
                self._channel = aio.insecure_channel(self._address, options=self._options)
        return self._channel

    def _sorted(self, error: aio.AioRpcError) -> AdapterError:
        code = error.code()
        told = f"endpoint {self.name}: {code.name}: {(error.details() or '')[:300]}"
        if code in _BROKEN:
            return TransportError(told)
        if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            return RateLimited(told, retry_after_s=_RETRY_AFTER_S)
        if code in _ODD:
            return MalformedReply(told)
        return Refused(told)
