"""Stands between a relayer and the nodes, and counts what the relayer asks. A process of its own.

Bytes pass unchanged and as they come. The plan names the nodes' ports; each line on standard input after
it is answered with the counts by chain. Who sends what cannot be counted loses its connection.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from typing import cast

import uvloop

from tests.benchmarks.ibc_counts import Counts, GrpcCounter, RpcCounter, UncountableError

Counter = RpcCounter | GrpcCounter


class _End(asyncio.Protocol):
    """One end of a connection that is passed on to the other end."""

    def __init__(self, counter: Counter | None) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: _End | None = None
        self._counter = counter
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by class

    def join(self, other: "_End") -> None:
        """Pass on to this end what came and what comes."""
        self.other = other
        for data in self._early:
            self._pass_on(data)
        self._early.clear()

    def data_received(self, data: bytes) -> None:
        if self._counter is not None:
            try:
                self._counter.feed(data)
            except (UncountableError, ValueError, IndexError) as error:
                print(f"ibc_proxy: {error}", file=sys.stderr, flush=True)
                self.close()
                return
        if self.other is None:
            self._early.append(data)
        else:
            self._pass_on(data)

    def _pass_on(self, data: bytes) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.write(data)

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        if self.other is not None:
            self.other.close()

    def close(self) -> None:
        """Close this end; the other follows."""
        if self.transport is not None:
            self.transport.close()


class Door:
    """One port of a node, reached through another of ours."""

    def __init__(self, port: int, counter: Callable[[], Counter]) -> None:
        self._port, self._counter = port, counter
        self._opening: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> int:
        """Listen; return our port."""
        self._server = await asyncio.get_running_loop().create_server(self._accept, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    def close(self) -> None:
        """Let nobody in any more."""
        if self._server is not None:
            self._server.close()

    def _accept(self) -> _End:
        near = _End(self._counter())
        opening = asyncio.get_running_loop().create_task(self._reach(near))
        self._opening.add(opening)
        opening.add_done_callback(self._opening.discard)
        return near

    async def _reach(self, near: _End) -> None:
        try:
            _, far = await asyncio.get_running_loop().create_connection(
                lambda: _End(None), "127.0.0.1", self._port
            )
        except OSError:
            near.close()
            return
        far.join(near)
        near.join(far)
        if near.transport is None or near.transport.is_closing():
            far.close()


def _shown(counts: Mapping[str, Counts]) -> str:
    shown = {name: {"requests": each.requests, "calls": each.calls} for name, each in counts.items()}
    return json.dumps(shown)


async def main() -> None:
    """Serve what the plan on standard input says, until standard input closes."""
    plan = json.loads(sys.stdin.readline())
    counts = {name: Counts() for name in plan}
    ports: dict[str, dict[str, int]] = {}
    for name, doors in plan.items():
        rpc = Door(doors["rpc"], lambda name=name: RpcCounter(counts[name]))  # type: ignore[misc]
        grpc = Door(doors["grpc"], lambda name=name: GrpcCounter(counts[name]))  # type: ignore[misc]
        ports[name] = {"rpc": await rpc.open(), "grpc": await grpc.open()}
    print(json.dumps(ports), flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(_shown(counts), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
