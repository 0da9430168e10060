"""The doorway of the `tendermint` light client: from the anchor, to the next block, far ahead, one back.

Implements: CometBFT light/verifier.go (adjacent, non-adjacent, backwards); ibc-go's 07-tendermint for what
counts as a contradiction (another block at a trusted height, time that does not move on).
"""

from proofs.lightclients.tendermint import predicates
from proofs.lightclients.tendermint.predicates import Candidate
from proofs.lightclients.tendermint.trust import Trust, read, state_of
from proofs.lightclients.tendermint.types import TendermintParams
from proofs.types import TrustedState, UntrustedUpdate
from proofs.verdict import Accepted, Reason, Refusal, Verdict


def advance(
    trusted: TrustedState | None, untrusted_update: UntrustedUpdate, params: TendermintParams, now_s: float
) -> Verdict[TrustedState]:
    """Judge whether a block's validators vouch for it and whether trust in one block reaches it.

    Without a trusted state only the anchor is accepted. Returns `Accepted` with the new state (assurance
    CONSENSUS; `trusted` itself for the block that it is about), `NotEnoughTrust` with powers and the height
    to try instead, or `Rejected`: `EXPIRED` when `trusted` is too old to rest on, `CONTRADICTION` only when
    validators that count stand behind both sides. Never raises for any input.
    """
    now_ns = int(now_s * 10**9)
    try:
        if trusted is None:
            return _from_anchor(untrusted_update, params, now_ns)
        trust = read(trusted, params.chain)
        predicates.check_not_expired(trust.time_ns, params, now_ns)
        candidate = predicates.open_update(untrusted_update, params)
        predicates.check_drift(candidate.block.header.time_ns, params, now_ns)
        return _from_trusted(trusted, trust, candidate, untrusted_update, params)
    except Refusal as refusal:
        return refusal.verdict()


def _from_anchor(
    untrusted_update: UntrustedUpdate, params: TendermintParams, now_ns: int
) -> Verdict[TrustedState]:
    target = untrusted_update.target
    if (target.height, target.hash) != (params.anchor_height, params.anchor_hash):
        raise Refusal(
            Reason.WRONG_BLOCK,
            f"anchor: expected block {params.anchor_height} {params.anchor_hash.hex()}, "
            f"got {target.height} {target.hash.hex()[:80]}",
        )
    candidate = predicates.open_update(untrusted_update, params)
    predicates.check_not_expired(candidate.block.header.time_ns, params, now_ns)
    predicates.check_drift(candidate.block.header.time_ns, params, now_ns)
    predicates.check_vouched(candidate.block, params.chain_id)
    return _accepted(candidate, untrusted_update)


def _from_trusted(
    trusted: TrustedState,
    trust: Trust,
    candidate: Candidate,
    untrusted_update: UntrustedUpdate,
    params: TendermintParams,
) -> Verdict[TrustedState]:
    distance = candidate.ref.height - trusted.block.height
    if distance == 0:
        _check_same(trusted, trust, candidate, params)
        return Accepted(value=trusted)
    if distance < 0:
        _check_parent(trusted, trust, candidate, params)
    elif distance == 1:
        _check_child(trusted, trust, candidate, params)
    else:
        shortfall = predicates.check_reached(trusted.block.height, trust.next_validators, candidate, params)
        if shortfall is not None:
            return shortfall
    if distance > 0:
        _check_time_moves_on(trust, candidate)
    return _accepted(candidate, untrusted_update)


def _check_same(trusted: TrustedState, trust: Trust, candidate: Candidate, params: TendermintParams) -> None:
    """Refuse another block at the trusted height: a contradiction if those who count signed that one, too."""
    if candidate.ref.hash == trusted.block.hash:
        return
    detail = (
        f"height {trusted.block.height}: trusted {trusted.block.hash.hex()}, got {candidate.ref.hash.hex()}"
    )
    voters = predicates.trusted_voters(candidate.block, trust.next_validators)
    is_its_own_set = candidate.block.header.validators_hash == trust.validators_hash
    if not is_its_own_set and sum(voters.values()) < predicates.power_needed(trust.next_validators, params):
        raise Refusal(Reason.WRONG_HASH, f"{detail}, for which too few trusted validators voted")
    predicates.check_signatures(candidate.block, params.chain_id, voters)
    predicates.check_vouched(candidate.block, params.chain_id, checked=voters)
    raise Refusal(Reason.CONTRADICTION, detail)


def _check_parent(
    trusted: TrustedState, trust: Trust, candidate: Candidate, params: TendermintParams
) -> None:
    """Refuse a lower block that is not the parent of the trusted one, whose header binds it by its hash."""
    height = trusted.block.height
    if candidate.ref.height != height - 1:
        raise Refusal(
            Reason.STALE, f"header: expected height {height - 1} or more, got {candidate.ref.height}"
        )
    if candidate.ref.hash != trust.parent_hash:
        raise Refusal(
            Reason.WRONG_HASH,
            f"header: expected {trust.parent_hash.hex()}, the parent of block {height}, "
            f"got {candidate.ref.hash.hex()}",
        )
    if candidate.block.header.time_ns >= trust.time_ns:
        raise Refusal(
            Reason.CONTRADICTION,
            f"header: expected a time before {trust.time_ns} ns, that of its child, "
            f"got {candidate.block.header.time_ns}",
        )
    predicates.check_vouched(candidate.block, params.chain_id)


def _check_child(trusted: TrustedState, trust: Trust, candidate: Candidate, params: TendermintParams) -> None:
    """Refuse a block right above the trusted one that others signed than those whom that one names."""
    if candidate.block.validators != trust.next_validators:
        raise Refusal(
            Reason.WRONG_HASH,
            f"validators: expected the {len(trust.next_validators)} that block {trusted.block.height} names, "
            f"got {len(candidate.block.validators)} others",
        )
    predicates.check_vouched(candidate.block, params.chain_id)
    parent = candidate.block.header.last_block.hash
    if parent and parent != trusted.block.hash:
        raise Refusal(
            Reason.CONTRADICTION,
            f"block {candidate.ref.height}: expected parent {trusted.block.hash.hex()}, got {parent.hex()}",
        )


def _check_time_moves_on(trust: Trust, candidate: Candidate) -> None:
    """Refuse a vouched-for block whose time is not after the trusted one's: the chain's clock was forged."""
    time_ns = candidate.block.header.time_ns
    if time_ns <= trust.time_ns:
        raise Refusal(
            Reason.CONTRADICTION,
            f"block {candidate.ref.height}: expected a time after {trust.time_ns} ns, got {time_ns}",
        )


def _accepted(candidate: Candidate, untrusted_update: UntrustedUpdate) -> Accepted[TrustedState]:
    """Return the new state. The next set is opened last: it matters to nobody before."""
    next_validators = predicates.open_next_set(untrusted_update, candidate.block.header)
    return Accepted(value=state_of(candidate.block, candidate.ref, next_validators))
