"""Head and finality, agreed by endpoints; and the wake-up at new heads, worth nothing but the waking.

The finalized block is the highest that `threshold` endpoints call final under one hash: one endpoint that
runs ahead or lags moves nothing. It never goes back within one connection; what it is worth, the light
client judges.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aiohttp

from adapters.api import ChainStatus, Clock
from adapters.errors import AdapterError, NotYetAvailable
from adapters.evm.blocks import Block, block_call, checked_block, read_block
from adapters.evm.endpoints import Endpoints, check_chain
from adapters.evm.rpc import RpcClient
from proofs.types import ChainId, Height

_SUBSCRIBE = {"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"]}
_MAX_MESSAGE = 1 << 20
_PATIENCE = aiohttp.ClientWSTimeout(ws_receive=30.0, ws_close=1.0)
"""A socket that tells of nothing for so long is given up: another one, or polling, takes over."""
_LEAST_S = 0.05
"""Between two wake-ups: an endpoint that never stops talking would leave nobody else a turn."""


@dataclass(slots=True, kw_only=True)
class Heads:
    """Reads the head and the finalized block of one chain."""

    chain: ChainId
    endpoints: Endpoints
    clock: Clock
    finality: str
    confirmations: int
    _final: Block | None = field(default=None)

    async def status(self) -> ChainStatus:
        """See `Chain.status`."""
        answers = await self.endpoints.each(self._read)
        seen = [answer for answer in answers.values() if not isinstance(answer, AdapterError)]
        if len(seen) < self.endpoints.threshold:
            raise self.endpoints.failure(answers)
        head = await self._agreed([latest for latest, _ in seen])
        finals = [final for _, final in seen if final is not None]
        final = await (self._agreed(finals) if finals else self._confirmed(head))
        if self._final is None or final.ref.height >= self._final.ref.height:
            self._final = final
        newest = head if head.ref.height >= self._final.ref.height else self._final
        return ChainStatus(
            head=newest.ref,
            finalized=self._final.ref,
            finalized_time_s=self._final.time_s,
            observed_at_s=self.clock.now_s(),
        )

    async def block(self, height: Height) -> Block:
        """Return the block that `threshold` endpoints have at this height. Raises `NotYetAvailable`."""
        return await self.endpoints.agreed(lambda client: read_block(client, self.chain, height))

    async def _read(self, client: RpcClient) -> tuple[Block, Block | None]:
        """Return (latest, final by the chain's own tag), after checking that this is our chain."""
        by_tag = self.finality != "confirmations"
        calls = [("eth_chainId", []), block_call("latest"), *([block_call(self.finality)] if by_tag else [])]
        chain, latest, *final = await client.batch(calls)
        check_chain(client, self.endpoints.chain_number, chain)
        head = await checked_block(client, self.chain, latest)
        return head, await checked_block(client, self.chain, final[0]) if final else None

    async def _agreed(self, blocks: list[Block]) -> Block:
        """Return the highest block that `threshold` endpoints have reached and give one hash for."""
        threshold = self.endpoints.threshold
        ranked = sorted(blocks, key=lambda block: block.ref.height, reverse=True)
        if len(ranked) < threshold:
            raise NotYetAvailable(f"expected {threshold} endpoints with a final block, got {len(ranked)}")
        candidate = ranked[threshold - 1]
        if ranked.count(candidate) >= threshold:
            return candidate
        return await self.block(candidate.ref.height)

    async def _confirmed(self, head: Block) -> Block:
        return await self.block(Height(max(head.ref.height - self.confirmations, 0)))


async def wake(ws_urls: list[str], poll_s: float, clock: Clock) -> AsyncIterator[None]:
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
