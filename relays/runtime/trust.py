"""What is believed of one chain's blocks: the book of trusted states, and the climb to a wanted block.

The light client judges one step at a time, from a trusted state to an update. Here is what needs I/O around
it: starting at the configured anchor, cutting a step in half when it asks for too much trust at once
(bisection), and walking down, link by link, to blocks below everything trusted. Nothing here adds trust.

Implements: the skipping verification loop of the CometBFT light client specification ("VerifyToTarget").
"""

import asyncio
from dataclasses import dataclass, replace

from adapters.api import LightClientSpec, SourceChain
from proofs.registry import LIGHT_CLIENTS, advance, asking, assume
from proofs.types import BlockRef, ChainId, Height, TrustedState, UntrustedUpdate
from proofs.verdict import Accepted, NotEnoughTrust, Reason, Rejected, Verdict

_KEPT_STATES = 256
"""Trusted states kept per chain: enough for the proofs under way; the chain can always be asked again."""

_MAX_STEPS = 512
"""Updates judged on the way to one block. Halving a million blocks takes 20 when nothing changes at once."""

_MAX_DOWN = 1_000
"""Blocks walked down below the lowest trusted one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """Evidence against something already trusted, kept for a person to look at."""

    chain: ChainId
    detail: str
    trusted: TrustedState | None
    untrusted_update: UntrustedUpdate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """How trust came from one block to another."""

    updates: tuple[UntrustedUpdate, ...]
    """The update about the first block, then the accepted steps, the last of which is about the target."""
    state: TrustedState
    """The target."""


class TrustBook:
    """The trusted states of one chain, by height. It grows only by accepted updates."""

    def __init__(self, anchor: TrustedState | None = None) -> None:
        self._states: dict[Height, TrustedState] = {}
        self._updates: dict[BlockRef, UntrustedUpdate] = {}
        self._reading = asyncio.Lock()
        self.contradiction: Contradiction | None = None
        """The first contradiction met; it stays until a person has looked (`forgive`)."""
        if anchor is not None:
            self._states[anchor.block.height] = anchor

    def at(self, block: BlockRef) -> TrustedState | None:
        """Return the trusted state of exactly this block, if it is known."""
        state = self._states.get(block.height)
        return state if state is not None and state.block == block else None

    def trusted(self, height: Height) -> BlockRef | None:
        """Return the block that is trusted at this height, if there is one."""
        state = self._states.get(height)
        return state.block if state is not None else None

    def newest(self) -> TrustedState | None:
        """Return the trusted state of the greatest height, if there is any."""
        return self._states[max(self._states)] if self._states else None

    def below(self, height: Height) -> TrustedState | None:
        """Return the trusted state of the greatest height below this one, if there is any."""
        return (
            self._states[max(lower)] if (lower := [each for each in self._states if each < height]) else None
        )

    def recall(self, state: TrustedState) -> None:
        """Take up a state that was trusted in an earlier run."""
        self._states.setdefault(state.block.height, state)

    def forgive(self) -> None:
        """Forget contradiction and states: a person decided to start again from the configuration."""
        self.contradiction = None
        self._states.clear()
        self._updates.clear()

    async def advance_to(
        self, chain: SourceChain, spec: LightClientSpec, at: BlockRef, now_s: float
    ) -> Verdict[TrustedState]:
        """Judge block `at` with the chain's light client and remember it when it is accepted.

        Any height may be asked for, in any order. Once contradicted, every new block is rejected with that
        contradiction. Raises what `SourceChain.update` and `block` raise.
        """
        async with self._reading:
            known = self.at(at)
            if known is not None:
                return Accepted(value=known)
            if self.contradiction is not None:
                return Rejected(reason=Reason.CONTRADICTION, detail=self.contradiction.detail)
            if spec.anchor is not None and not self._states:
                verdict = await self._judge(chain, spec, None, spec.anchor, now_s)
                if not isinstance(verdict, Accepted) or at == spec.anchor:
                    return verdict
            return await self._reach(chain, spec, at, now_s)

    async def path(
        self,
        chain: SourceChain,
        spec: LightClientSpec,
        first: BlockRef,
        at: BlockRef,
        now_s: float,
        *,
        trust_level: tuple[int, int] | None = None,
    ) -> Verdict[Path]:
        """Return how to convince somebody who trusts block `first` of block `at`, which we trust.

        The steps are those that the light client accepts one from the other, starting at `first` alone, with
        his `trust_level`; None: ours. Whether we trust `first` does not matter: he does. And as nothing shows
        that the endpoint named the block that he trusts, nothing that follows from it is believed here, nor
        held against the chain. Raises what `SourceChain.update` and `block` raise.
        """
        his = spec if trust_level is None else replace(spec, params=asking(spec.params, trust_level))
        async with self._reading:
            begin = await self._fetch(chain, first)
            start = assume(begin, his.params, now_s)
            if not isinstance(start, Accepted):
                return start
            return await self._climb(chain, his, start.value, begin, at, now_s)

    async def _reach(
        self, chain: SourceChain, spec: LightClientSpec, at: BlockRef, now_s: float
    ) -> Verdict[TrustedState]:
        """Return the verdict on a block, seen from the nearest trusted state at or below it, or above it."""
        if not LIGHT_CLIENTS[spec.family].skipping:
            below = [height for height in self._states if height <= at.height]
            base = self._states[max(below)] if below else None
            return await self._judge(chain, spec, base, at, now_s)
        below = [height for height in self._states if height < at.height]
        if below:
            reached = await self._climb(chain, spec, self._states[max(below)], None, at, now_s)
            return Accepted(value=reached.value.state) if isinstance(reached, Accepted) else reached
        return await self._descend(chain, spec, self._states[min(self._states)], at, now_s)

    async def _climb(
        self,
        chain: SourceChain,
        spec: LightClientSpec,
        base: TrustedState,
        begin: UntrustedUpdate | None,
        at: BlockRef,
        now_s: float,
    ) -> Verdict[Path]:
        """Go from a trusted state to a block at or above it, halving steps that ask for too much trust.

        With `begin`, the update about the base, it is somebody else who trusts that base: see `path`.
        """
        taken = [] if begin is None else [begin]
        goals = [at] if base.block != at else []
        for _ in range(_MAX_STEPS):
            if not goals:
                return Accepted(value=Path(updates=tuple(taken), state=base))
            goal = goals[-1]
            verdict, update = await self._step(chain, spec, base, goal, now_s)
            if begin is None:
                self._learn(goal, base, update, verdict)
            match verdict:
                case Accepted(value=state):
                    taken.append(update)
                    base = state
                    goals.pop()
                case NotEnoughTrust() if goal.height > base.block.height + 1:
                    goals.append(await chain.block(Height((base.block.height + goal.height) // 2)))
                case _:
                    return verdict
        detail = f"bisection: {_MAX_STEPS} steps, at most, reached {base.block.height} and not {at.height}"
        return Rejected(reason=Reason.LIMIT, detail=detail)

    async def _descend(
        self, chain: SourceChain, spec: LightClientSpec, base: TrustedState, at: BlockRef, now_s: float
    ) -> Verdict[TrustedState]:
        """Go down to a block below everything trusted: each header names the one before it by its hash."""
        if base.block.height - at.height > _MAX_DOWN:
            detail = f"block {at.height}: {base.block.height - at.height} below trust, at most {_MAX_DOWN}"
            return Rejected(reason=Reason.LIMIT, detail=detail)
        if base.block.height == at.height:
            return await self._judge(chain, spec, base, at, now_s)
        verdict: Verdict[TrustedState] = Accepted(value=base)
        for height in range(base.block.height - 1, at.height - 1, -1):
            goal = at if height == at.height else await chain.block(Height(height))
            verdict = await self._judge(chain, spec, base, goal, now_s)
            if not isinstance(verdict, Accepted):
                return verdict
            base = verdict.value
        return verdict

    async def _judge(
        self,
        chain: SourceChain,
        spec: LightClientSpec,
        base: TrustedState | None,
        goal: BlockRef,
        now_s: float,
    ) -> Verdict[TrustedState]:
        """Return the light client's verdict on one step from a state that we trust, and learn from it."""
        verdict, update = await self._step(chain, spec, base, goal, now_s)
        self._learn(goal, base, update, verdict)
        return verdict

    async def _step(
        self,
        chain: SourceChain,
        spec: LightClientSpec,
        base: TrustedState | None,
        goal: BlockRef,
        now_s: float,
    ) -> tuple[Verdict[TrustedState], UntrustedUpdate]:
        """Return the light client's verdict on one step, and the update that it judged."""
        untrusted_update = await self._fetch(chain, goal)
        verdict = advance(base, untrusted_update, spec.params, now_s)
        fitting = self._fitting(goal, verdict.value) if isinstance(verdict, Accepted) else verdict
        return fitting, untrusted_update

    def _learn(
        self,
        goal: BlockRef,
        base: TrustedState | None,
        untrusted_update: UntrustedUpdate,
        verdict: Verdict[TrustedState],
    ) -> None:
        """Remember what was accepted from a state that we trust, and a contradiction of it."""
        if isinstance(verdict, Accepted):
            self._remember(verdict.value, untrusted_update)
        elif isinstance(verdict, Rejected) and verdict.reason is Reason.CONTRADICTION:
            self.contradiction = Contradiction(
                chain=goal.chain, detail=verdict.detail, trusted=base, untrusted_update=untrusted_update
            )

    def _fitting(self, goal: BlockRef, state: TrustedState) -> Verdict[TrustedState]:
        """Check an accepted state against the wanted block and against what is trusted already."""
        if state.block != goal:
            wrong = f"update: expected block {goal}, got {state.block}"
            return Rejected(reason=Reason.WRONG_BLOCK, detail=wrong)
        known = self._states.get(goal.height)
        if known is not None and known.block != goal:
            both = f"height {goal.height}: trusted {known.block.hash.hex()}, got {goal.hash.hex()}"
            return Rejected(reason=Reason.CONTRADICTION, detail=both)
        above = min([height for height in self._states if height > goal.height], default=None)
        if above is not None and self._states[above].time_s < state.time_s:
            back = f"time {state.time_s} at {goal.height}, and {self._states[above].time_s} at {above}"
            return Rejected(reason=Reason.CONTRADICTION, detail=f"expected time not to go back, got {back}")
        return Accepted(value=state)

    async def _fetch(self, chain: SourceChain, block: BlockRef) -> UntrustedUpdate:
        """Return the update about a block: the one that was accepted before, or the chain's word."""
        known = self._updates.get(block)
        return known if known is not None else await chain.update(block)

    def _remember(self, state: TrustedState, untrusted_update: UntrustedUpdate) -> None:
        """Keep an accepted state and its update; forget the lowest beyond the cap."""
        self._states[state.block.height] = state
        self._updates[state.block] = untrusted_update
        if len(self._states) > _KEPT_STATES:
            lowest = self._states.pop(min(self._states))
            self._updates.pop(lowest.block, None)
