"""From a chain's word to a verdict: advance the light client to a block, fetch evidence at it, verify.

Used by the relay loop for its own proofs and by the attestor service for the ones it is asked to sign: the
same path, so that nobody signs what he would not deliver. Nothing here decides what happens next.
"""

from collections.abc import Callable, Sequence

from adapters.api import LightClientSpec, SourceChain
from proofs.types import BlockRef, Claim, Height, Lane, Proven, UntrustedProofs
from proofs.verdict import Accepted, NotEnoughTrust, Reason, Rejected, Verdict
from proofs.verify import verify
from relays.runtime.trust import TrustBook


async def prove_and_verify(
    chain: SourceChain,
    spec: LightClientSpec,
    trust: TrustBook,
    lane: Lane,
    claims: Sequence[Claim],
    at: BlockRef,
    now_s: float,
    *,
    keep: Callable[[Sequence[Claim], UntrustedProofs], None] | None = None,
) -> tuple[Verdict[Proven[Claim]], ...]:
    """Return one verdict per claim, in order, each proven in the state of block `at` of `chain`.

    `at` is a finalized block of the chain that the claims are about. When the block itself is not accepted,
    every claim gets that verdict. `keep` is handed the proofs when there is one for each claim. Raises what
    `update` and `prove` of the adapter raise.
    """
    block = await trust.advance_to(chain, spec, at, now_s)
    match block:
        case Accepted(value=trusted):
            untrusted_proofs = await chain.prove(lane, claims, at)
            if keep is not None and len(untrusted_proofs.each) == len(claims):
                keep(claims, untrusted_proofs)
            return verify(lane, trusted, chain.store, claims, untrusted_proofs)
        case NotEnoughTrust() | Rejected():
            return (block,) * len(claims)


def may_contradict(spec: LightClientSpec, trust: TrustBook, block: BlockRef) -> bool:
    """Say whether another block in the place of this one would mean anything.

    Where trust advances from an anchor, a block that our light client never judged was an endpoint's word:
    that it turns out to have been a lie violates nothing.
    """
    return spec.anchor is None or trust.at(block) is not None


def sure_block(spec: LightClientSpec, trust: TrustBook, below: Height | None = None) -> BlockRef | None:
    """Return the newest block (below this height) that our light client stands behind, or else the anchor.

    None when there is none, and where trust does not advance from an anchor: there no block is a mere hint.
    """
    if spec.anchor is None:
        return None
    state = trust.newest() if below is None else trust.below(below)
    if state is not None:
        return state.block
    return spec.anchor if below is None or spec.anchor.height < below else None


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
