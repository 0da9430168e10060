"""One chain in use: its adapter, its judge, and the only reader of its heads, shared by all lanes.

A chain that is down is tried again here and touches nobody but its own lanes. A finalized block that changed
is looked at with the light client: only what the light client stands behind halts the lanes, a liar does not.
Where trust advances from an anchor, a head is an endpoint's word until the light client has judged it: one
that does not come true is withdrawn, and the lanes go by it no more.
"""

import asyncio
from typing import Protocol

import structlog

from adapters.api import ChainStatus, Clock, GatewayChain, HeadWatcher, LightClientSpec
from adapters.errors import AdapterError, NotYetAvailable, RateLimited, Remedy
from proofs.types import BlockRef, ChainId
from proofs.verdict import Accepted, Rejected
from relays.core.backoff import delay_s
from relays.core.lane import Limits
from relays.runtime.bell import Bell
from relays.runtime.evidence import contradiction_of, may_contradict
from relays.runtime.ports import ChainHalt, TrustMemory
from relays.runtime.status import ChainHealth, ChainMode
from relays.runtime.trust import Contradiction, TrustBook

_log = structlog.get_logger("relays.heads")
_VERIFY_EVERY_S = 10.0
"""How often the last finalized block is looked up again, to see that it is still there."""
_WATCHED_FACTOR = 5
"""A chain that wakes us is polled this many times less often, to notice a silent subscription."""
_CONTRADICTION = "contradiction: "
_PATIENCE_S = 10.0
"""How long a head that nobody judged may stay out of reach: endpoints of one address lag behind another."""


class HeadListener(Protocol):
    """Who wants to know."""

    def heads_read(self, status: ChainStatus) -> None:
        """Head and finality were read."""

    def heads_withdrawn(self, chain: ChainId) -> None:
        """Heads that were told were not the chain's: nothing that follows from them may stay."""

    def chain_halted(self, chain: ChainId, detail: str) -> None:
        """The chain contradicted itself, or is another chain: its lanes must stop."""

    def chain_down(self, chain: ChainId, detail: str) -> None:
        """The chain cannot be read; it is being tried again."""


class ChainLink:
    """One connected chain. `run` owns its lifetime."""

    def __init__(
        self,
        chain: GatewayChain,
        spec: LightClientSpec,
        clock: Clock,
        *,
        poll_s: float = 1.0,
        memory: TrustMemory | None = None,
    ) -> None:
        """Use a chain. `memory` keeps trust and its loss over restarts."""
        self.chain = chain
        self.spec = spec
        self.trust = TrustBook()
        self._clock = clock
        self._poll_s = poll_s
        self._memory = memory
        self._bell = Bell(clock)
        self._resumed = asyncio.Event()
        self._pardons = 0
        self._remembered: ChainHalt | None = None
        self._listeners: list[HeadListener] = []
        self._mode = ChainMode.CONNECTING
        self._error = ""
        self._since_s = clock.now_s()
        self._status: ChainStatus | None = None
        self._reached_s = clock.monotonic_s()
        """When a head as high as the newest was read last."""
        self._verified: BlockRef | None = None
        self._verified_s = clock.monotonic_s()
        self._tries = 0
        self._connected = False
        self._woken_s = float("-inf")

    def subscribe(self, listener: HeadListener) -> None:
        """Tell this listener of every read from now on, and at once how things stand."""
        self._listeners.append(listener)
        if self._mode is ChainMode.HALTED:
            listener.chain_halted(self.chain.chain_id, self._error.removeprefix(_CONTRADICTION))
        elif self._status is not None:
            listener.heads_read(self._status)

    def unsubscribe(self, listener: HeadListener) -> None:
        """Tell this listener no more."""
        self._listeners.remove(listener)

    def health(self) -> ChainHealth:
        """Return how the chain does."""
        return ChainHealth(
            chain=self.chain.chain_id,
            mode=self._mode,
            error=self._error,
            since_s=self._since_s,
            status=self._status,
            assurance=self.spec.assurance,
            light_client=self.spec.family,
        )

    def head(self) -> BlockRef:
        """Return the newest block that was read. Raises `NotYetAvailable` before the first."""
        if self._status is None:
            raise NotYetAvailable(f"{self.chain.chain_id}: expected a head, none was read yet")
        return self._status.head

    async def contradict(self, detail: str) -> None:
        """Halt all lanes of this chain until a person resumes one, and return when no restart undoes that."""
        self._halt(detail)
        halt = ChainHalt(reason=detail, contradicted=self.trust.contradiction is not None)
        if self._memory is not None and halt != self._remembered:
            self._remembered = halt
            await self._memory.remember_halt(self.chain.chain_id, halt)

    async def forgive(self) -> None:
        """A person decided that the chain may be used again: trust starts from the configuration.

        Returns when nothing else is remembered.
        """
        self._pardons += 1
        self.trust.forgive()
        self._verified = None
        self._status = None
        if self._memory is not None:
            await self._memory.forget(self.chain.chain_id)
        self._remembered = None
        self._enter(ChainMode.CONNECTING, "")
        self._resumed.set()
        self._bell.ring()

    async def failed(self, detail: str) -> None:
        """Halt all lanes after an error that nobody expected; return when a person resumes one of them."""
        self._resumed.clear()
        self._halt(detail)
        await self._resumed.wait()

    async def run(self) -> None:
        """Connect and read heads until cancelled, then close the adapter."""
        try:
            await self._recall()
            async with asyncio.TaskGroup() as group:
                if isinstance(self.chain, HeadWatcher):
                    group.create_task(self._watch(self.chain))
                while True:
                    await self._bell.wait(await self._round())
        finally:
            await self.chain.close()

    async def _recall(self) -> None:
        """Take up trust and its loss where an earlier run left them.

        The configured anchor may have expired since, and a person has still to look at a contradiction.
        """
        if self._memory is None:
            return
        if self.spec.anchor is not None:
            known = await self._memory.recall_trust(self.spec.anchor)
            if known is not None:
                self.trust.recall(known)
        self._remembered = halt = await self._memory.recall_halt(self.chain.chain_id)
        if halt is not None:
            if halt.contradicted:
                self.trust.contradiction = Contradiction(
                    chain=self.chain.chain_id, detail=halt.reason, trusted=None, untrusted_update=None
                )
            self._halt(halt.reason)

    def _halt(self, detail: str) -> None:
        self._enter(ChainMode.HALTED, f"{_CONTRADICTION}{detail}")
        for listener in list(self._listeners):
            listener.chain_halted(self.chain.chain_id, detail)

    async def _watch(self, watcher: HeadWatcher) -> None:
        """Ring for every head that the chain announces; a subscription that ends is begun again.

        A chain that refuses subscriptions is polled and asked no more.
        """
        while True:
            if self._connected:
                try:
                    async for _ in watcher.heads():
                        self._woken_s = self._clock.monotonic_s()
                        self._bell.ring()
                except AdapterError as error:
                    _log.info("heads.subscription_lost", chain=self.chain.chain_id, error=str(error))
                    if error.remedy is Remedy.HALT:
                        return
            await self._clock.sleep(self._poll_s)

    async def _round(self) -> float:
        """Connect if need be and read once; return the seconds until the next round."""
        try:
            if not self._connected:
                await self.chain.connect()
                self._connected = True
            await self._read()
        except AdapterError as error:
            return self._failed(error)
        self._tries = 0
        watched = self._clock.monotonic_s() - self._woken_s < self._poll_s * _WATCHED_FACTOR
        return self._poll_s * (_WATCHED_FACTOR if watched else 1)

    async def _read(self) -> None:
        status = await self.chain.status()
        known = self._status
        if known is not None and self._is_refuted(known, status):
            self._withdraw(known.finalized)
            known = None
        if known is not None and status.finalized.height < known.finalized.height:
            status = known
        elif known is not None and self._contradicts(status.finalized, known.finalized):
            await self._doubt(known.finalized, status.finalized)
            return
        else:
            self._reached_s = self._clock.monotonic_s()
        self._status = status
        await self._verify(status.finalized)
        if self._mode is not ChainMode.HALTED:
            self._enter(ChainMode.UP, "")
            for listener in list(self._listeners):
                listener.heads_read(status)

    def _is_refuted(self, known: ChainStatus, read: ChainStatus) -> bool:
        """Say whether the newest head, which nobody signed, and the one just read cannot both be the chain's.

        A lower one may come from an endpoint that lags, so it is given time; below what the light client
        accepted it says nothing. No block has two hashes, and time does not go back.
        """
        if self.spec.anchor is None or self.trust.at(known.finalized) is not None:
            return False
        newest, height = self.trust.newest(), read.finalized.height
        if newest is not None and height < newest.block.height:
            return False
        if height < known.finalized.height:
            return self._clock.monotonic_s() - self._reached_s >= _PATIENCE_S
        is_rival = height == known.finalized.height and read.finalized != known.finalized
        return is_rival or read.finalized_time_s < known.finalized_time_s

    def _withdraw(self, head: BlockRef) -> None:
        """Take back a head that was an endpoint's invention; another one is at hand."""
        _log.warning("chain.head_withdrawn", chain=self.chain.chain_id, height=head.height)
        if self._verified is not None and self.trust.at(self._verified) is None:
            self._verified = None
        for listener in list(self._listeners):
            listener.heads_withdrawn(self.chain.chain_id)

    async def _verify(self, finalized: BlockRef) -> None:
        """Now and then, see that an earlier finalized block is still the chain's."""
        now_s, known = self._clock.monotonic_s(), self._verified
        if known is None:
            self._verified, self._verified_s = finalized, now_s
        elif finalized.height > known.height and now_s - self._verified_s >= _VERIFY_EVERY_S:
            actual = await self.chain.block(known.height)
            if self._verified is None:
                return  # forgiven meanwhile
            if self._contradicts(actual, known):
                await self._doubt(known, actual)
                return
            if actual != known:
                self._withdraw(known)
            self._verified, self._verified_s = finalized, now_s
            if self.spec.anchor is not None:
                await self._stay_fresh(finalized)

    def _contradicts(self, block: BlockRef, known: BlockRef) -> bool:
        """Say whether this is another block in the place of one that means something."""
        rivals = block.height == known.height and block != known
        return rivals and may_contradict(self.spec, self.trust, known)

    async def _stay_fresh(self, finalized: BlockRef) -> None:
        """Bring trust to the newest block: it would run out on a chain from which nothing is proven."""
        pardons = self._pardons
        verdict = await self.trust.advance_to(self.chain, self.spec, finalized, self._clock.now_s())
        if pardons != self._pardons:
            return  # forgiven meanwhile
        if isinstance(verdict, Accepted) and self._memory is not None and self.spec.anchor is not None:
            await self._memory.remember_trust(self.spec.anchor, verdict.value)
        elif isinstance(verdict, Rejected):
            self._enter(ChainMode.DOWN, f"{verdict.reason.value}: {verdict.detail}")

    async def _doubt(self, expected: BlockRef, actual: BlockRef) -> None:
        """Judge another block where a finalized one was: a violation if our light client accepts it."""
        pardons, now_s = self._pardons, self._clock.now_s()
        detail = await contradiction_of(self.chain, self.spec, self.trust, expected, actual, now_s)
        if pardons != self._pardons:
            return  # forgiven meanwhile
        if detail:
            await self.contradict(detail)
        else:
            self._enter(ChainMode.DOWN, f"false-finality: expected {expected}, got {actual}")

    def _failed(self, error: AdapterError) -> float:
        """Note an error and do what its remedy says; return the seconds to wait."""
        self._tries += 1
        detail = f"{error.code}: {error}"
        if error.remedy is Remedy.HALT:
            self._enter(ChainMode.HALTED, detail)
            for listener in list(self._listeners):
                listener.chain_halted(self.chain.chain_id, detail)
        elif self._mode is not ChainMode.HALTED:
            self._enter(ChainMode.DOWN, detail)
            for listener in list(self._listeners):
                listener.chain_down(self.chain.chain_id, detail)
        if error.remedy is Remedy.RECONNECT:
            self._connected = False
        if isinstance(error, RateLimited):
            return error.retry_after_s
        return delay_s(Limits().backoff_s, self._tries)

    def _enter(self, mode: ChainMode, error: str) -> None:
        """Note how the chain does. A halt is left by `forgive` only."""
        if self._mode is ChainMode.HALTED and mode not in (ChainMode.HALTED, ChainMode.CONNECTING):
            return
        if mode is not self._mode or error != self._error:
            if mode is not self._mode:
                self._since_s = self._clock.now_s()
                _log.info("chain.mode", chain=self.chain.chain_id, mode=mode.value, error=error)
            self._mode, self._error = mode, error
