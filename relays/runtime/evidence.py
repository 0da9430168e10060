"""From a chain's word to a verdict: advance the light client to a block, fetch evidence at it, verify.

Used by the relay loop for its own proofs and by the attestor service for the ones it is asked to sign: the
same path, so that nobody signs what he would not deliver. Nothing here decides what happens next.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from adapters.api import LightClientSpec, SourceChain
from proofs.registry import advance
from proofs.types import BlockRef, ChainId, Claim, Lane, Proven, TrustedState, UntrustedUpdate
from proofs.verdict import Accepted, NotEnoughTrust, Reason, Rejected, Verdict
from proofs.verify import verify

_KEPT_STATES = 256
"""Trusted states kept per chain: enough for the proofs under way; the chain can always be asked again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """Evidence against something already trusted, kept for a person to look at."""

    chain: ChainId
    detail: str
    trusted: TrustedState | None
    untrusted_update: UntrustedUpdate | None


class TrustBook:
    """The trusted states of one chain, by height. It grows only by accepted updates."""

    def __init__(self, anchor: TrustedState | None = None) -> None:
        self._states: dict[int, TrustedState] = {}
        self._reading = asyncio.Lock()
        self.contradiction: Contradiction | None = None
        """The first contradiction met; it stays until a person has looked (`forgive`)."""
        if anchor is not None:
            self._states[anchor.block.height] = anchor

    def at(self, block: BlockRef) -> TrustedState | None:
        """Return the trusted state of exactly this block, if it is known."""
        state = self._states.get(block.height)
        return state if state is not None and state.block == block else None

    def forgive(self) -> None:
        """Forget contradiction and states: a person decided to start again from the configuration."""
        self.contradiction = None
        self._states.clear()

    async def advance_to(
        self, chain: SourceChain, spec: LightClientSpec, at: BlockRef, now_s: float
    ) -> Verdict[TrustedState]:
        """Judge block `at` with the chain's light client and remember it when it is accepted.

        Any height may be asked for, in any order. Once contradicted, every new block is rejected with that
        contradiction. Raises what `SourceChain.update` raises.
        """
        async with self._reading:
            known = self.at(at)
            if known is not None:
                return Accepted(value=known)
            if self.contradiction is not None:
                return Rejected(reason=Reason.CONTRADICTION, detail=self.contradiction.detail)
            untrusted_update = await chain.update(at)
            verdict = self._judge(spec, untrusted_update, at, now_s)
            if isinstance(verdict, Accepted):
                self._remember(verdict.value)
            return verdict

    def _judge(
        self, spec: LightClientSpec, untrusted_update: UntrustedUpdate, at: BlockRef, now_s: float
    ) -> Verdict[TrustedState]:
        """Return the light client's verdict, seen from the nearest trusted state at or below `at`."""
        base = self._base(at)
        verdict = advance(base, untrusted_update, spec.params, now_s)
        if isinstance(verdict, Accepted) and verdict.value.block != at:
            wrong = f"update: expected block {at}, got {verdict.value.block}"
            return Rejected(reason=Reason.WRONG_BLOCK, detail=wrong)
        if isinstance(verdict, Rejected) and verdict.reason is Reason.CONTRADICTION:
            self.contradiction = Contradiction(
                chain=at.chain, detail=verdict.detail, trusted=base, untrusted_update=untrusted_update
            )
        return verdict

    def _base(self, at: BlockRef) -> TrustedState | None:
        """Return the trusted state with the greatest height not above `at`."""
        below = [height for height in self._states if height <= at.height]
        return self._states[max(below)] if below else None

    def _remember(self, state: TrustedState) -> None:
        """Keep an accepted state; forget the lowest beyond the cap."""
        self._states[state.block.height] = state
        if len(self._states) > _KEPT_STATES:
            del self._states[min(self._states)]


async def prove_and_verify(
    chain: SourceChain,
    spec: LightClientSpec,
    trust: TrustBook,
    lane: Lane,
    claims: Sequence[Claim],
    at: BlockRef,
    now_s: float,
) -> tuple[Verdict[Proven[Claim]], ...]:
    """Return one verdict per claim, in order, each proven in the state of block `at` of `chain`.

    `at` is a finalized block of the chain that the claims are about. When the block itself is not accepted,
    every claim gets that verdict. Raises what `update` and `prove` of the adapter raise.
    """
    block = await trust.advance_to(chain, spec, at, now_s)
    match block:
        case Accepted(value=trusted):
            untrusted_proofs = await chain.prove(lane, claims, at)
            return verify(lane, trusted, chain.store, claims, untrusted_proofs)
        case NotEnoughTrust() | Rejected():
            return (block,) * len(claims)


async def contradiction_of(
    chain: SourceChain,
    spec: LightClientSpec,
    trust: TrustBook,
    expected: BlockRef,
    actual: BlockRef,
    now_s: float,
) -> str:
    """Say whether `actual`, another block at the height of finalized block `expected`, is really the chain's.

    Returns what was expected and what came when the light client accepts `actual` or calls it a
    contradiction: finality was violated. Returns an empty text when it does not: somebody lied. Raises what
    `SourceChain.update` raises.
    """
    verdict = await trust.advance_to(chain, spec, actual, now_s)
    match verdict:
        case Accepted():
            pass
        case Rejected(reason=Reason.CONTRADICTION):
            pass
        case NotEnoughTrust() | Rejected():
            return ""
    return f"finalized block {expected.height}: expected {expected.hash.hex()}, got {actual.hash.hex()}"
