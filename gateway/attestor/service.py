"""Answers peers: proves again, with our own endpoints, what they want signed, and signs what held.

The block is ours: the peer names a height and a hash, and gets nothing unless our own chain has that very
block, final. What does not hold is declined with a reason that names it; a wish never makes us trust
anything.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from adapters.api import Clock, LightClientSpec, SourceChain
from adapters.errors import AdapterError
from gateway.attestor.finality import Finality
from gateway.attestor.signing import LaneSigners, Signed, SigningRefused, signing_lane
from gateway.attestor.wire import Request
from gateway.store.errors import StoreError, TimestampConflictError
from proofs.types import BlockRef, ChainId, Claim, Height, Proven
from proofs.verdict import Accepted, NotEnoughTrust, Rejected, Verdict
from relays.runtime.evidence import prove_and_verify
from relays.runtime.trust import TrustBook

_MAX_AT_ONCE = 8
"""Requests that are proven at the same time; others wait, their askers time out and come again."""

_MAX_ANSWER_S = 120.0
"""The longest that a peer may be configured to wait: what takes longer is given up and makes room."""


class Declined(Exception):  # noqa: N818 - an answer, not a fault
    """No signature. `code` is stable; `later` says whether asking again may help."""

    def __init__(self, code: str, detail: str, *, later: bool) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.later = later


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A chain as we prove on it."""

    chain: SourceChain
    light_client: LightClientSpec
    trust: TrustBook


class AttestationService:
    """Proves and signs on request."""

    def __init__(
        self, *, sources: Mapping[ChainId, Source], signers: LaneSigners, finality: Finality, clock: Clock
    ) -> None:
        self._sources = dict(sources)
        self._signers = signers
        self._finality = finality
        self._clock = clock
        self._room = asyncio.Semaphore(_MAX_AT_ONCE)

    async def answer(self, request: Request, *, asked_by: str) -> Signed:
        """Return our signatures over what the peer asks for. Raises `Declined`."""
        lane = signing_lane(request.lane, request.untrusted_claims[0])
        try:
            self._signers.address(lane)
            async with self._room, asyncio.timeout(_MAX_ANSWER_S):
                proven, finalized = await self._prove(request, self._sources[lane.source])
            return await self._signers.sign(proven, finalized=finalized.height, asked_by=asked_by)
        except SigningRefused as error:
            raise Declined(error.code, error.detail, later=error.later) from error
        except TimeoutError as error:
            detail = f"expected a proof within {_MAX_ANSWER_S:g} s, gave it up"
            raise Declined("too-slow", detail, later=True) from error
        except AdapterError as error:
            raise Declined(error.code, str(error), later=True) from error
        except TimestampConflictError as error:
            raise Declined("timestamp-conflict", str(error), later=False) from error
        except StoreError as error:
            raise Declined("store", str(error), later=True) from error

    async def _prove(self, request: Request, source: Source) -> tuple[list[Proven[Claim]], BlockRef]:
        """Return the proven claims and the finalized block under which they were proven."""
        wanted = request.untrusted_at
        finalized = await self._finality.reaching(wanted.height, source.chain)
        if finalized.height < wanted.height:
            detail = f"expected a final height, got {wanted.height}; final here: {finalized.height}"
            raise Declined("not-final", detail, later=True)
        ours = await source.chain.block(wanted.height)
        if ours != wanted:
            detail = (
                f"expected our block {ours.hash.hex()} at height {ours.height}, got {wanted.hash.hex()[:64]}"
            )
            raise Declined("other-block", detail, later=False)
        if source.light_client.anchor is not None and _is_below_trust(source.trust, ours):
            detail = f"expected a block above those that are trusted here, got {ours.height}"
            raise Declined("too-old", detail, later=True)
        verdicts = await prove_and_verify(
            source.chain,
            source.light_client,
            source.trust,
            request.lane,
            request.untrusted_claims,
            ours,
            self._clock.now_s(),
        )
        return [_accepted(index, verdict) for index, verdict in enumerate(verdicts)], finalized


def _is_below_trust(trust: TrustBook, block: BlockRef) -> bool:
    """Say whether a light client would have to walk down to a block: our own proofs would wait meanwhile."""
    return trust.newest() is not None and trust.below(Height(block.height + 1)) is None


def _accepted(index: int, verdict: Verdict[Proven[Claim]]) -> Proven[Claim]:
    match verdict:
        case Accepted(value=proven):
            return proven
        case NotEnoughTrust(have=have, need=need):
            raise Declined("not-enough-trust", f"block: {have} of {need} witnesses", later=True)
        case Rejected(reason=reason, detail=detail):
            raise Declined("not-proven", f"claim {index}: {reason.value}: {detail}", later=False)
