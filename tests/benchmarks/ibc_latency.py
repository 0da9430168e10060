"""Latency at light load on the IBC row: one by one, from the block that sends to the one that receives.

Blocks are seen as the nodes tell of them, on one clock. The floor is what the chains alone impose: the header
after the one that sends must exist (it proves the packet), then a block of the other chain must begin and
end. Both chains' blocks take unlike times, so that a run sees all phases, not the one it began with.
"""

import asyncio
import json
import statistics
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import aiohttp

from tests.benchmarks.framework import expect, percentile
from tests.benchmarks.ibc_chains import A, B, BenchChain, IbcWorld
from tests.benchmarks.ibc_peers import Contender, running
from tests.benchmarks.ibc_runs import Spent, prepared, spending
from tests.benchmarks.lab import until

Seen = Mapping[str, Mapping[int, float]]
"""By chain and height, when the node told of the block, on the monotonic clock."""

_SUBSCRIBE = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "subscribe",
    "params": {"query": "tm.event='NewBlockHeader'"},
}
SECOND_BLOCK_S = 0.21
_READY_S = 60
_AFTER_S = 60
_WARM_UP = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """One packet's way, in seconds."""

    wall_s: float
    """From the news of the sending block to the news of the receiving block."""
    header_s: float
    """The same by the times that the headers carry, of two clocks that are one here."""
    floor_s: float
    """What `wall_s` would be of a relayer that needs no time."""

    @property
    def added_s(self) -> float:
        """What the relayer adds."""
        return self.wall_s - self.floor_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """All packets of a run."""

    passages: Sequence[Passage]
    spent: Spent

    @property
    def added_ms(self) -> float:
        """Return the mean of what the relayer adds: single packets wait for whole blocks, or for none."""
        return statistics.fmean(each.added_s for each in self.passages) * 1000

    def ms(self, kind: str, percent: float) -> float:
        """Return a percentile of `wall_s`, `header_s`, `floor_s` or `added_s`, in milliseconds."""
        return percentile([getattr(each, kind) for each in self.passages], percent) * 1000


@contextmanager
def watching(world: IbcWorld) -> Iterator[Seen]:
    """Write down when each block of both chains is told of, meanwhile."""
    seen: dict[str, dict[int, float]] = {name: {} for name in world.chains}
    stop = threading.Event()
    urls = {name: chain.node.ws_url for name, chain in world.chains.items()}
    thread = threading.Thread(target=lambda: asyncio.run(_follow_all(urls, seen, stop)))
    thread.start()
    try:
        until("news of blocks", lambda: all(seen.values()), _READY_S)
        yield seen
    finally:
        stop.set()
        thread.join()


async def _follow_all(
    urls: Mapping[str, str], seen: Mapping[str, dict[int, float]], stop: threading.Event
) -> None:
    following = [asyncio.create_task(_follow(url, seen[name])) for name, url in urls.items()]
    await asyncio.to_thread(stop.wait)
    for each in following:
        each.cancel()
    await asyncio.gather(*following, return_exceptions=True)


async def _follow(url: str, seen: dict[int, float]) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(url, max_msg_size=0) as socket:
        await socket.send_json(_SUBSCRIBE)
        async for message in socket:
            told_s = time.monotonic()
            event = json.loads(message.data)["result"]
            if event:
                seen[int(event["data"]["value"]["header"]["height"])] = told_s


def latency(contender: Contender, packets: int, every_s: float) -> Latency:
    """Let a relayer relay this many packets, sent one by one, and return how long each took."""
    with (
        prepared(contender, SECOND_BLOCK_S) as (world, folder, channel),
        running(contender.live(folder), folder) as relayer,
        watching(world) as seen,
    ):
        source = world.chains[A]
        for number in range(1, _WARM_UP + 1):
            source.send_transfers(channel, 1)
            until("a packet of the warm-up", lambda: _settled(world, channel, number), _READY_S)  # noqa: B023
        with spending(world, relayer.pid, packets) as spent:
            first = world.heights()
            begin_s = time.monotonic()
            for index in range(packets):
                time.sleep(max(0.0, begin_s + index * every_s - time.monotonic()))
                source.send_transfers(channel, 1)
            until("all acknowledgements", lambda: _settled(world, channel, _WARM_UP + packets), _AFTER_S)
        spent.transactions = world.transactions(first)
        until("news of the last blocks", lambda: _caught_up(world, seen), _READY_S)
        return Latency(passages=_passages(world, seen, first, packets), spent=spent)


def _settled(world: IbcWorld, channel: str, packets: int) -> bool:
    """Whether this many packets were received, and none is open."""
    received = world.chains[B].received(channel) == packets
    return received and not world.chains[A].unacknowledged(channel, exactly=False)


def _caught_up(world: IbcWorld, seen: Seen) -> bool:
    return all(max(seen[name]) >= chain.height() for name, chain in world.chains.items())


def _passages(world: IbcWorld, seen: Seen, first: Mapping[str, int], packets: int) -> list[Passage]:
    sent = packet_heights(world.chains[A], first[A], "send_packet")
    received = packet_heights(world.chains[B], first[B], "recv_packet")
    expect("sequences received", sorted(sent), sorted(received))
    expect("packets sent", packets, len(sent))
    times = {
        name: {block.height: block.time_s for block in chain.blocks(first[name], chain.height())}
        for name, chain in world.chains.items()
    }
    return [
        Passage(
            wall_s=seen[B][received[sequence]] - seen[A][at],
            header_s=times[B][received[sequence]] - times[A][at],
            floor_s=floor_s(seen, at),
        )
        for sequence, at in sorted(sent.items())
    ]


def floor_s(seen: Seen, sent_at: int, second_block_s: float = SECOND_BLOCK_S) -> float:
    """Return seconds from the sending block to the first block of chain-b that could hold the packet.

    A block holds what came before its proposal, `second_block_s` after the block before it.
    """
    provable_s = seen[A][sent_at + 1]
    following = [
        told_s
        for height, told_s in seen[B].items()
        if height - 1 in seen[B] and seen[B][height - 1] + second_block_s >= provable_s
    ]
    return min(following) - seen[A][sent_at]


def packet_heights(chain: BenchChain, after: int, kind: str) -> dict[int, int]:
    """Return the block of each packet's event of this kind, by sequence."""
    busy = [block.height for block in chain.blocks(after + 1, chain.height()) if block.transactions]
    return {int(event["packet_sequence"]): height for height in busy for event in chain.events(height, kind)}
