"""Two blocks that cannot both be: whether they prove that validators lied, how, and who.

`judge` asks of both blocks what a client on a chain asks that is brought forward from the trusted one: that
enough power voted for them. Votes for nil, and those beyond what is needed, such a client ignores, so here
they may be anything: who spoils one hides no fork. A time in the future is no excuse either (a forward
lunatic attack lives there).

It freezes nothing itself: who gets `Accepted` halts every lane of the chain until a person decides, and hands
both blocks to the clients of the chain elsewhere (ibc-go: MsgUpdateClient with Misbehaviour, after which that
client is frozen for good and recovers through governance only). Anything but `Accepted` is no reason to halt.
The sets of the blocks after the two are not asked for: a forged header may name a set that nobody knows.

What decides is the header's canonical hash: the same header with its votes written, ordered or chosen
otherwise is the same header.

Implements: ibc-go 07-tendermint misbehaviour_handle.go; CometBFT types/evidence.go for kinds and culprits.
"""

from dataclasses import dataclass
from enum import Enum

from proofs.lightclients.tendermint import predicates
from proofs.lightclients.tendermint.predicates import Candidate
from proofs.lightclients.tendermint.trust import Trust, read
from proofs.lightclients.tendermint.types import Header, TendermintParams
from proofs.types import BlockRef, Height, TrustedState, UntrustedUpdate
from proofs.verdict import Accepted, NotEnoughTrust, Reason, Refusal, Verdict


class Kind(Enum):
    """How validators lied."""

    EQUIVOCATION = "equivocation"
    """Two blocks of one height, committed in one round."""
    AMNESIA = "amnesia"
    """Two blocks of one height, committed in different rounds."""
    LUNATIC = "lunatic"
    """Two blocks of one height, of which one has fields that no execution of the chain gives."""
    TIME = "time"
    """A higher block with a time that is not after the lower one's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Misbehaviour:
    """Two blocks, each vouched for as if it were true, that contradict each other."""

    kind: Kind
    first: BlockRef
    second: BlockRef
    culprits: tuple[bytes, ...]
    """Addresses, 20 bytes each, ascending. Lunatic: trusted validators that voted for the second block.
    Amnesia: empty, for votes in two rounds may both be honest. Otherwise: validators that voted for both."""


def judge(
    trusted: TrustedState,
    first: UntrustedUpdate,
    second: UntrustedUpdate,
    params: TendermintParams,
    now_s: float,
) -> Verdict[Misbehaviour]:
    """Judge whether two blocks above a trusted one prove misbehaviour; `first` is the one believed so far.

    Returns `Accepted` with what it is; `NotEnoughTrust` when the trusted block is too far from one of them
    (a nearer one below both may do); `Rejected` when a block is no good, when the two do not conflict
    (`WRONG_VALUE`), or when the trusted block is not below both (`STALE`) or expired (`EXPIRED`). Never
    raises for any input.
    """
    try:
        trust = read(trusted, params.chain)
        predicates.check_not_expired(trust.time_ns, params, int(now_s * 10**9))
        candidates = [predicates.open_block(update, params) for update in (first, second)]
        kind = _conflict(*candidates)
        _check_above(trusted, *candidates)
        voted = list[set[bytes]]()
        for candidate in candidates:
            voters = _convincing(trusted.block.height, trust, candidate, params)
            if isinstance(voters, NotEnoughTrust):
                return voters
            voted.append(voters)
    except Refusal as refusal:
        return refusal.verdict()
    return Accepted(
        value=Misbehaviour(
            kind=kind,
            first=candidates[0].ref,
            second=candidates[1].ref,
            culprits=_culprits(kind, trust, *voted),
        )
    )


def _check_above(trusted: TrustedState, *candidates: Candidate) -> None:
    lowest = min(candidate.ref.height for candidate in candidates)
    if lowest <= trusted.block.height:
        raise Refusal(Reason.STALE, f"blocks: expected heights above {trusted.block.height}, got {lowest}")


def _conflict(first: Candidate, second: Candidate) -> Kind:
    """Return how the two contradict each other; raise `Refusal` if they do not."""
    if first.ref.height == second.ref.height:
        if first.ref.hash == second.ref.hash:
            raise Refusal(
                Reason.WRONG_VALUE, f"misbehaviour: expected two headers, got {first.ref.hash.hex()} twice"
            )
        if _outcome(first.block.header) != _outcome(second.block.header):
            return Kind.LUNATIC
        same_round = first.block.commit.round == second.block.commit.round
        return Kind.EQUIVOCATION if same_round else Kind.AMNESIA
    low, high = sorted((first, second), key=lambda candidate: candidate.ref.height)
    if high.block.header.time_ns > low.block.header.time_ns:
        raise Refusal(
            Reason.WRONG_VALUE,
            f"misbehaviour: expected blocks that conflict, got {low.ref.height} and later {high.ref.height}",
        )
    return Kind.TIME


def _outcome(header: Header) -> tuple[bytes, ...]:
    """Return the fields that follow from the chain so far: correct proposers cannot differ in them."""
    return (
        header.validators_hash,
        header.next_validators_hash,
        header.consensus_hash,
        header.app_hash,
        header.last_results_hash,
    )


def _convincing(
    height: Height, trust: Trust, candidate: Candidate, params: TendermintParams
) -> set[bytes] | NotEnoughTrust:
    """Return who validly voted for a block, if that convinces whoever trusts the block at `height`.

    Raises `Refusal` when its own set does not vouch for it. The trusted set is counted first.
    """
    block = candidate.block
    trusted = predicates.trusted_voters(block, trust.next_validators)
    valid = predicates.valid_votes(block, params.chain_id, trusted)
    have, need = sum([trusted[at] for at in valid]), predicates.power_needed(trust.next_validators, params)
    missing = predicates.shortfall(height, candidate, have, need)
    if missing is not None:
        return missing
    others = set(predicates.voters(block.commit)) - trusted.keys()
    valid |= predicates.valid_votes(block, params.chain_id, others)
    predicates.check_power(block, valid)
    return {block.validators[at].address for at in valid}


def _culprits(kind: Kind, trust: Trust, first: set[bytes], second: set[bytes]) -> tuple[bytes, ...]:
    if kind is Kind.AMNESIA:
        return ()
    others = {seat.address for seat in trust.next_validators} if kind is Kind.LUNATIC else first
    return tuple(sorted(second & others))
