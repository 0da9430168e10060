"""What happened in a span of blocks, found without reading every block: events are hints, state narrows.

A short span is read block by block. A long one is halved: where something in state did not change between two
blocks, nothing of interest happened between them, and the half is not read. Nodes that no longer have the
states have every block of the span read. No index of the node is used: it may lag, or not be there.

Implements: CometBFT `/block_results` and `/block`.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from adapters.cosmos.events import NO_TRANSACTION, Happened, happened
from adapters.cosmos.rpc import CometClient
from adapters.cosmos.state import proven
from adapters.cosmos.wire import BlockBodyJson, QueryResponseJson, read
from adapters.errors import MalformedReply, Pruned
from proofs.merkle import ics23
from proofs.verdict import Refusal

Span = tuple[int, int]
"""(first, last) block, both included."""

Probe = Callable[[Sequence[int]], Awaitable[Sequence[bytes]]]
"""Heights -> what is stored after each of these blocks: it changes whenever what is looked for happens."""

_SHORT = 16
"""Blocks that are read rather than halved."""

_AT_ONCE = 20
"""Blocks asked for in one go: their answers are decoded and dropped before the next."""

_REMEMBERED = 64
_LEAST_STATE = 2
_ANY_KEY = b"nextClientSequence"


@dataclass(slots=True, kw_only=True)
class History:
    """Reads blocks of one chain. Remembers the events of the newest."""

    _known: dict[tuple[str, int], tuple[Happened, ...]] = field(default_factory=dict)
    _reading: defaultdict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    """By endpoint: what all lanes want to know of a block is read once, by whoever comes first."""

    async def events(
        self, endpoint: CometClient, span: Span, probe: Probe
    ) -> list[tuple[int, tuple[Happened, ...]]]:
        """Return (height, events) of every block of the span in which the probed state changed, by height.

        Raises `NotYetAvailable`, `Pruned`, `MalformedReply`.
        """
        try:
            spans = await narrowed(span, probe)
        except Pruned:
            spans = [span]
        heights = [height for first, last in spans for height in range(first, last + 1)]
        found: list[tuple[int, tuple[Happened, ...]]] = []
        endpoint.ahead.want_results()
        for start in range(0, len(heights), _AT_ONCE):
            async with self._reading[endpoint.name]:
                found += await self._read(endpoint, heights[start : start + _AT_ONCE])
        return [each for each in found if each[1]]

    def newest(self, endpoint: CometClient, height: int) -> tuple[Happened, ...]:
        """Return the events of a block whose results came with a head; none when they did not."""
        results = endpoint.ahead.results(height)
        if results is None:
            return ()
        if (endpoint.name, height) not in self._known:
            self._enter(endpoint, height, happened(results))
        return self._known[endpoint.name, height]

    async def _read(
        self, endpoint: CometClient, heights: Sequence[int]
    ) -> list[tuple[int, tuple[Happened, ...]]]:
        known = {height: self._known.get((endpoint.name, height)) for height in heights}
        missing = [height for height, events in known.items() if events is None]
        for height, results in zip(missing, await endpoint.results(missing), strict=True):
            events = happened(results)
            known[height] = events
            self._enter(endpoint, height, events)
        return [(height, events) for height, events in known.items() if events is not None]

    def _enter(self, endpoint: CometClient, height: int, events: tuple[Happened, ...]) -> None:
        self._known[endpoint.name, height] = events
        while len(self._known) > _REMEMBERED:
            del self._known[next(iter(self._known))]


async def narrowed(span: Span, probe: Probe) -> list[Span]:
    """Return the parts of a span, in order, that hold every block in which the probed state changed.

    Raises what the probe raises.
    """
    first, last = span
    if last - first < _SHORT:
        return [span]
    if first <= _LEAST_STATE:
        return [(first, _LEAST_STATE), *await narrowed((_LEAST_STATE + 1, last), probe)]
    before, after = await probe([first - 1, last])
    parts = [(first, last, before, after)] if before != after else []
    while any(stop - start >= _SHORT for start, stop, *_ in parts):
        wide = [part for part in parts if part[1] - part[0] >= _SHORT]
        middles = {part[:2]: (part[0] + part[1]) // 2 for part in wide}
        seen = dict(zip(middles.values(), await probe(list(middles.values())), strict=True))
        halves = []
        for start, stop, low, high in parts:
            middle = middles.get((start, stop))
            if middle is None:
                halves.append((start, stop, low, high))
                continue
            between = seen[middle]
            halves += [(start, middle, low, between), (middle + 1, stop, between, high)]
        parts = [part for part in halves if part[2] != part[3]]
    return [(start, stop) for start, stop, *_ in parts]


def value_probe(endpoint: CometClient, key: bytes) -> Probe:
    """Return a probe of what is stored under a key."""

    async def probe(heights: Sequence[int]) -> Sequence[bytes]:
        return [answer.value or b"" for answer in await _ask(endpoint, key, heights)]

    return probe


def store_probe(endpoint: CometClient) -> Probe:
    """Return a probe of the root of the IBC store, which changes with everything that is written there."""

    async def probe(heights: Sequence[int]) -> Sequence[bytes]:
        return [_store_root(endpoint, answer) for answer in await _ask(endpoint, _ANY_KEY, heights)]

    return probe


async def transactions(
    endpoint: CometClient, places: Mapping[int, Collection[int]]
) -> dict[tuple[int, int], bytes]:
    """Return {(height, place): transaction} for these places of these blocks. Raises `MalformedReply`."""
    wanted = {height: set(found) - {NO_TRANSACTION} for height, found in places.items()}
    found: dict[tuple[int, int], bytes] = {}
    for height, whole in (await _bodies(endpoint, [each for each in wanted if wanted[each]])).items():
        body = whole.block.data.txs or []
        for place in wanted[height]:
            if place >= len(body):
                told = f"expected more than {place} transactions in {height}, got {len(body)}"
                raise MalformedReply(f"endpoint {endpoint.name}: {told}")
            found[height, place] = body[place]
    return found


async def _bodies(endpoint: CometClient, heights: Sequence[int]) -> dict[int, BlockBodyJson]:
    here = {height: endpoint.ahead.body(height) for height in heights}
    missing = [height for height, body in here.items() if body is None]
    replies = await endpoint.batch([("block", {"height": str(height)}) for height in missing])
    what = f"endpoint {endpoint.name}: block"
    asked = {height: read(reply, BlockBodyJson, what) for height, reply in zip(missing, replies, strict=True)}
    return {height: body for height, body in here.items() if body is not None} | asked


async def names(endpoint: CometClient, places: Mapping[int, Collection[int]]) -> dict[tuple[int, int], str]:
    """Return {(height, place): name} of transactions; what no transaction did is named by its block."""
    named = {key: transaction_name(raw) for key, raw in (await transactions(endpoint, places)).items()}
    own = {
        (height, NO_TRANSACTION): f"block {height}"
        for height, found in places.items()
        if NO_TRANSACTION in found
    }
    return named | own


def transaction_name(raw: bytes) -> str:
    """Return how explorers name a transaction: its hash in upper-case hexadecimal."""
    return sha256(raw).hexdigest().upper()


async def _ask(endpoint: CometClient, key: bytes, heights: Sequence[int]) -> list[QueryResponseJson]:
    answers: list[QueryResponseJson] = []
    for start in range(0, len(heights), _AT_ONCE):
        answers += await endpoint.over_time(proven(key), heights[start : start + _AT_ONCE])
    return answers


def _store_root(endpoint: CometClient, answer: QueryResponseJson) -> bytes:
    operations = answer.proof_ops.ops if answer.proof_ops else []
    if len(operations) != 2:
        raise MalformedReply(f"endpoint {endpoint.name}: expected two proofs, got {len(operations)}")
    try:
        return ics23.decode(operations[1].data).exist.value
    except Refusal as refusal:
        raise MalformedReply(f"endpoint {endpoint.name}: {refusal}") from refusal
