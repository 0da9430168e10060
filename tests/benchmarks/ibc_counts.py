"""What a relayer asks of a node, counted from the bytes that it sends. Pure.

HTTP/1.1 with JSON-RPC bodies (alone or in batches), WebSockets, and the streams of HTTP/2: gRPC opens one for
each call. What cannot be read is an error, not a gap: an uncounted call would flatter somebody.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

_METHOD = re.compile(rb'"method"\s*:\s*"([a-zA-Z_]+)"')
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_FRAME_HEADER = 9
_HEADERS = 1
_TEXT, _BINARY = 1, 2


class UncountableError(Exception):
    """Bytes that are not what this counter reads."""


@dataclass(slots=True)
class Counts:
    """What was asked so far."""

    requests: Counter[str] = field(default_factory=Counter)
    """HTTP requests, WebSocket messages and gRPC streams: round trips; by the first call in each."""
    calls: Counter[str] = field(default_factory=Counter)
    """By method, every element of a batch for itself; all streams of gRPC are `grpc`."""

    def since(self, before: "Counts") -> "Counts":
        """Return what came after `before`."""
        return Counts(self.requests - before.requests, self.calls - before.calls)


class RpcCounter:
    """Reads what a client of CometBFT's RPC sends on one connection."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._rest = bytearray()
        self._socket = False

    def feed(self, data: bytes) -> None:
        """Take the next bytes. Raises `UncountableError`."""
        self._rest += data
        while self._message() if self._socket else self._request():
            pass

    def _request(self) -> bool:
        end = self._rest.find(b"\r\n\r\n")
        if end < 0:
            return False
        first, *lines = bytes(self._rest[:end]).split(b"\r\n")
        pairs = [line.partition(b":") for line in lines]
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        if b"transfer-encoding" in headers:
            raise UncountableError(f"expected a length, got {headers[b'transfer-encoding']!r}")
        whole = end + 4 + int(headers.get(b"content-length", b"0"))
        if len(self._rest) < whole:
            return False
        body = bytes(self._rest[end + 4 : whole])
        del self._rest[:whole]
        self._socket = headers.get(b"upgrade", b"").lower() == b"websocket"
        if body:
            self._count_calls(body)
        else:
            path = first.split(b" ")[1].split(b"?")[0].strip(b"/")
            self._count([path.decode()])
        return True

    def _message(self) -> bool:
        if len(self._rest) < 2:
            return False
        kind, length = self._rest[0] & 15, self._rest[1] & 127
        start = 2 + {126: 2, 127: 8}.get(length, 0)
        if len(self._rest) < start + 4:
            return False
        if start > 2:
            length = int.from_bytes(self._rest[2:start], "big")
        end = start + 4 + length
        if len(self._rest) < end:
            return False
        mask, body = self._rest[start : start + 4], self._rest[start + 4 : end]
        if kind in (_TEXT, _BINARY):
            self._count_calls(bytes(byte ^ mask[i % 4] for i, byte in enumerate(body)))
        del self._rest[:end]
        return True

    def _count_calls(self, body: bytes) -> None:
        methods = _METHOD.findall(body)
        if not methods:
            raise UncountableError(f"expected calls with a method, got {body[:100]!r}")
        self._count([method.decode() for method in methods])

    def _count(self, methods: Sequence[str]) -> None:
        self._counts.requests[methods[0]] += 1
        self._counts.calls.update(methods)


class GrpcCounter:
    """Reads what a gRPC client sends on one connection."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._rest = bytearray()
        self._greeted = False

    def feed(self, data: bytes) -> None:
        """Take the next bytes. Raises `UncountableError`."""
        self._rest += data
        if not self._greeted:
            if len(self._rest) < len(_PREFACE):
                return
            if not self._rest.startswith(_PREFACE):
                raise UncountableError(f"expected HTTP/2, got {bytes(self._rest[:24])!r}")
            del self._rest[: len(_PREFACE)]
            self._greeted = True
        start = 0
        while len(self._rest) - start >= _FRAME_HEADER:
            whole = _FRAME_HEADER + int.from_bytes(self._rest[start : start + 3], "big")
            if len(self._rest) - start < whole:
                break
            if self._rest[start + 3] == _HEADERS:
                self._counts.requests["grpc"] += 1
                self._counts.calls["grpc"] += 1
            start += whole
        del self._rest[:start]
