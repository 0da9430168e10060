"""Head of the chain, agreed by endpoints; and the wake-up at new heads, worth nothing but the waking.

A block of CometBFT is final when it exists. The head is the highest block that `threshold` endpoints have
under one hash: one endpoint that runs ahead or lags moves nothing. What it is worth, the light client judges.

Implements: CometBFT `/commit`; the WebSocket subscription to `NewBlockHeader`.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import aiohttp

from adapters.api import ChainStatus, Clock
from adapters.cosmos.endpoints import Endpoints
from adapters.cosmos.light import Block, read_blocks, read_latest
from adapters.cosmos.rpc import CometClient
from adapters.cosmos.state import State
from proofs.types import BlockRef, Height

_SUBSCRIBE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "subscribe",
    "params": {"query": "tm.event='NewBlockHeader'"},
}
_MAX_MESSAGE = 1 << 22
_FRESH_S = 0.5
_PATIENCE = aiohttp.ClientWSTimeout(ws_receive=30.0, ws_close=1.0)
"""A socket that tells of nothing for so long is given up: another one, or polling, takes over."""
_LEAST_S = 0.05
"""Between two wake-ups: an endpoint that never stops talking would leave nobody else a turn."""


@dataclass(slots=True, kw_only=True)
class Heads:
    """Reads the head of one chain."""

    endpoints: Endpoints
    state: State
    clock: Clock
    _newest: BlockRef | None = None
    _read_s: float = 0.0

    async def status(self) -> ChainStatus:
        """See `Chain.status`. The finalized block is the head."""
        answers = await self.endpoints.each(self._latest)
        seen = [answer for answer in answers.values() if isinstance(answer, Block)]
        if len(seen) < self.endpoints.threshold:
            raise self.endpoints.failure(answers)
        agreed = await self._agreed(seen)
        self._newest, self._read_s = agreed.ref, self.clock.monotonic_s()
        self.state.remember(agreed)
        return ChainStatus(
            head=agreed.ref,
            finalized=agreed.ref,
            finalized_time_s=agreed.time_s,
            observed_at_s=self.clock.now_s(),
        )

    async def block(self, height: Height) -> BlockRef:
        """Return the block that `threshold` endpoints have at this height. Raises `NotYetAvailable`."""

        async def work(endpoint: CometClient) -> BlockRef:
            [block] = await read_blocks(endpoint, self.state.chain, self.state.native_id, [height])
            self.state.remember(block)
            return block.ref

        return await self.endpoints.agreed(work)

    async def reached(self, height: Height) -> BlockRef | None:
        """Return the block at this height, None while the head is below it.

        A head that was read a moment ago, as it is where heads are watched, is not read again.
        """
        if self._newest is None or self.clock.monotonic_s() - self._read_s > _FRESH_S:
            await self.status()
        if self._newest is None or self._newest.height < height:
            return None
        return self._newest if self._newest.height == height else await self.block(height)

    async def _latest(self, endpoint: CometClient) -> Block:
        return await read_latest(endpoint, self.state.chain, self.state.native_id)

    async def _agreed(self, blocks: Sequence[Block]) -> Block:
        """Return the highest block that `threshold` endpoints have reached and give one hash for."""
        ranked = sorted(blocks, key=lambda block: block.ref.height, reverse=True)
        candidate = ranked[self.endpoints.threshold - 1]
        if sum(block.ref == candidate.ref for block in ranked) >= self.endpoints.threshold:
            return candidate
        ref = await self.block(candidate.ref.height)
        return await self.endpoints.first(lambda endpoint: self.state.block(endpoint, ref))


async def wake(ws_urls: Sequence[str], poll_s: float, clock: Clock) -> AsyncIterator[None]:
    """Yield at each new head that a WebSocket endpoint tells of, and every `poll_s` where none does."""
    while True:
        for url in ws_urls:
            try:
                async with aiohttp.ClientSession() as session:  # closes it all without a word
                    socket = await session.ws_connect(url, max_msg_size=_MAX_MESSAGE, timeout=_PATIENCE)
                    await socket.send_json(_SUBSCRIBE)
                    async for _ in socket:
                        yield
                        await clock.sleep(_LEAST_S)
            except (aiohttp.ClientError, OSError, TimeoutError):
                continue
        await clock.sleep(poll_s)
        yield
