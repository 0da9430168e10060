"""The checks, each alone: structure first, which costs hashes, then power, then signatures.

Nothing here knows which block is trusted; `advance` and `misbehaviour` put the checks together. Every failure
is a `Refusal`.

Implements: CometBFT types/{block,validation,validator_set}.go and light/verifier.go, stricter in two ways:
every vote of a commit is checked, also those for nil and those beyond the power that is needed, and every
vote must stand at its own validator's place.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from proofs import limits
from proofs.lightclients.tendermint import hashing, keys
from proofs.lightclients.tendermint.types import (
    ADDRESS_SIZE,
    HASH_SIZE,
    BlockId,
    Commit,
    CommitSig,
    Flag,
    Header,
    LightBlock,
    TendermintParams,
    Validators,
)
from proofs.lightclients.tendermint.wire import ZERO_TIME_NS, decode_light_block, decode_validators
from proofs.types import BlockRef, Height, UntrustedUpdate
from proofs.verdict import NotEnoughTrust, Reason, Refusal

BLOCK_PROTOCOL = 11
"""Version of the block format that all of this is about."""

_MAX_SIGNATURE = 96
_MAX_INT32 = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A light block that is well-formed, of one piece, and the one it claims to be. Nobody vouched for it."""

    ref: BlockRef
    block: LightBlock


def open_update(untrusted_update: UntrustedUpdate, params: TendermintParams) -> Candidate:
    """Return the update's block, its hashes recomputed; raise `Refusal` if any part is not what it should be.

    The hash of the target is expected, never believed.
    """
    candidate = open_block(untrusted_update, params)
    places = zip(candidate.block.commit.signatures, candidate.block.validators, strict=True)
    for at, (entry, seat) in enumerate(places):
        _check_entry(at, entry, seat.address)
    return candidate


def open_block(untrusted_update: UntrustedUpdate, params: TendermintParams) -> Candidate:
    """Return the same, with entries of the commit that may be anything: see `valid_votes`."""
    target = untrusted_update.target
    if target.chain != params.chain:
        raise Refusal(Reason.WRONG_CHAIN, f"target: expected chain {params.chain}, got {target.chain}")
    block = decode_light_block(untrusted_update.header)
    check_header(block.header, params.chain_id)
    _check_set("validators", block.validators, block.header.validators_hash)
    actual = hashing.header_hash(block.header)
    if actual != target.hash:
        raise Refusal(Reason.WRONG_HASH, f"header: expected {target.hash.hex()[:80]}, got {actual.hex()}")
    if block.header.height != target.height:
        raise Refusal(
            Reason.WRONG_BLOCK, f"header: expected height {target.height}, got {block.header.height}"
        )
    _check_commit(block, actual)
    return Candidate(ref=target, block=block)


def open_next_set(untrusted_update: UntrustedUpdate, header: Header) -> Validators:
    """Return the validators of the block after this one; raise `Refusal` if the header binds others."""
    validators = decode_validators(untrusted_update.next_set)
    _check_set("next validators", validators, header.next_validators_hash)
    return validators


def check_header(header: Header, chain_id: str) -> None:
    """Refuse a header that is not of this chain and block format, or whose fields have impossible sizes."""
    if header.block_version != BLOCK_PROTOCOL:
        raise Refusal(
            Reason.WRONG_CHAIN,
            f"header: expected block protocol {BLOCK_PROTOCOL}, got {header.block_version}: upgrade needed",
        )
    if header.chain_id != chain_id:
        raise Refusal(
            Reason.WRONG_CHAIN,
            f"header: expected chain {chain_id!r}, got {header.chain_id[:80]!r}: if the chain was upgraded "
            "to a new revision, a new anchor is needed",
        )
    if header.height < 1:
        raise Refusal(Reason.MALFORMED, f"header: expected a height of at least 1, got {header.height}")
    for name in ("validators_hash", "next_validators_hash"):
        _check_size(f"header: {name}", getattr(header, name), HASH_SIZE)
    for name in ("last_commit_hash", "data_hash", "consensus_hash", "last_results_hash", "evidence_hash"):
        _check_size(f"header: {name}", getattr(header, name), 0, HASH_SIZE)
    _check_size("header: proposer_address", header.proposer_address, ADDRESS_SIZE)
    _check_block_id("header: last block", header.last_block)


def _check_size(what: str, value: bytes, *sizes: int) -> None:
    if len(value) not in sizes:
        raise Refusal(Reason.MALFORMED, f"{what}: expected {sizes} bytes, got {value.hex()[:200]!r}")


def _check_block_id(what: str, block: BlockId) -> None:
    _check_size(f"{what}: hash", block.hash, 0, HASH_SIZE)
    _check_size(f"{what}: parts hash", block.parts_hash, 0, HASH_SIZE)


def _check_set(what: str, validators: Validators, expected_hash: bytes) -> None:
    """Refuse a set that is empty, has idle or double seats or too much power, or has another hash."""
    if not validators:
        raise Refusal(Reason.MALFORMED, f"{what}: expected at least one, got none")
    for seat in validators:
        if seat.power < 1:
            raise Refusal(
                Reason.MALFORMED, f"{what}: expected power above 0, got {seat.power} of {seat.address.hex()}"
            )
    limits.check_at_most(f"{what}: power", total_power(validators), limits.MAX_VALIDATOR_POWER)
    if len({seat.address for seat in validators}) != len(validators):
        raise Refusal(Reason.MALFORMED, f"{what}: expected {len(validators)} validators, one is there twice")
    actual = hashing.validators_hash(validators)
    if actual != expected_hash:
        raise Refusal(Reason.WRONG_HASH, f"{what}: expected hash {expected_hash.hex()}, got {actual.hex()}")


def _check_commit(block: LightBlock, block_hash: bytes) -> None:
    """Refuse a commit that is not for this block, or that has not one entry for each validator."""
    commit = block.commit
    if commit.height != block.header.height:
        raise Refusal(
            Reason.WRONG_BLOCK, f"commit: expected height {block.header.height}, got {commit.height}"
        )
    if commit.block.hash != block_hash:
        raise Refusal(
            Reason.WRONG_HASH,
            f"commit: expected block {block_hash.hex()}, got {commit.block.hash.hex()[:80]}",
        )
    _check_block_id("commit: block", commit.block)
    if not 0 <= commit.round <= _MAX_INT32:
        raise Refusal(Reason.MALFORMED, f"commit: expected a round of at least 0, got {commit.round}")
    if len(commit.signatures) != len(block.validators):
        raise Refusal(
            Reason.INCOMPLETE,
            f"commit: expected {len(block.validators)} entries, got {len(commit.signatures)}",
        )


def _check_entry(at: int, entry: CommitSig, address: bytes) -> None:
    if entry.flag is Flag.ABSENT:
        if entry.address or entry.signature or entry.time_ns != ZERO_TIME_NS:
            raise Refusal(Reason.MALFORMED, f"commit: entry {at}: expected nothing where no vote is")
        return
    if entry.address != address:
        raise Refusal(
            Reason.BAD_SIGNATURE,
            f"commit: entry {at}: expected a vote of {address.hex()}, got {entry.address.hex()[:80]!r}",
        )
    if not 0 < len(entry.signature) <= _MAX_SIGNATURE:
        raise Refusal(
            Reason.BAD_SIGNATURE,
            f"commit: entry {at}: expected a signature, got {len(entry.signature)} bytes",
        )


def check_not_expired(time_ns: int, params: TendermintParams, now_ns: int) -> None:
    """Refuse (`EXPIRED`) to rest on a block whose trusting period has passed, at its very end already."""
    end_ns = time_ns + params.trusting_period_s * 10**9
    if end_ns <= now_ns:
        raise Refusal(
            Reason.EXPIRED,
            f"trusted block: trust ended at {end_ns // 10**9}, our clock says {now_ns // 10**9}: "
            "a newer anchor is needed",
        )


def check_drift(time_ns: int, params: TendermintParams, now_ns: int) -> None:
    """Refuse (`LIMIT`) a block whose time is not less than the allowed drift ahead of our clock."""
    if time_ns >= now_ns + params.max_clock_drift_s * 10**9:
        raise Refusal(
            Reason.LIMIT,
            f"header: time {time_ns // 10**9}, expected less than {params.max_clock_drift_s} s ahead of "
            f"our clock, {now_ns // 10**9}",
        )


def total_power(validators: Validators) -> int:
    """Return the power of the whole set."""
    return sum([seat.power for seat in validators])


def check_reached(
    height: Height, trusted_validators: Validators, candidate: Candidate, params: TendermintParams
) -> NotEnoughTrust | None:
    """Check that trust in the block at `height` reaches one above it, for which its own set vouches.

    Returns what is missing when too few of the trusted validators voted; raises `Refusal` when a vote is
    invalid or the block's own set does not vouch for it. The trusted set is counted first: the other one is a
    stranger's, and may be large on purpose.
    """
    voters = trusted_voters(candidate.block, trusted_validators)
    check_signatures(candidate.block, params.chain_id, voters)
    missing = shortfall(height, candidate, sum(voters.values()), power_needed(trusted_validators, params))
    if missing is None:
        check_vouched(candidate.block, params.chain_id, checked=voters)
    return missing


def shortfall(height: Height, candidate: Candidate, have: int, need: int) -> NotEnoughTrust | None:
    """Return what is missing when `have` of the power that is trusted at `height` is not enough."""
    if have >= need:
        return None
    middle = (height + candidate.ref.height + 1) // 2
    return NotEnoughTrust(have=have, need=need, try_height=middle if middle < candidate.ref.height else None)


def check_vouched(block: LightBlock, chain_id: str, checked: Iterable[int] = ()) -> None:
    """Refuse a block unless more than two thirds of its own set voted for it and every vote is valid.

    Power is counted first: signatures cost. `checked`: places whose signatures were verified already.
    """
    check_power(block, voters(block.commit))
    done = set(checked)
    votes = [at for at, entry in enumerate(block.commit.signatures) if entry.flag is not Flag.ABSENT]
    check_signatures(block, chain_id, [at for at in votes if at not in done])


def check_power(block: LightBlock, places: Iterable[int]) -> None:
    """Refuse a block unless the validators at these places have more than two thirds of its set's power."""
    total = total_power(block.validators)
    have = sum([block.validators[at].power for at in places])
    if have * 3 <= total * 2:
        raise Refusal(
            Reason.INCOMPLETE, f"commit: expected more than two thirds of a power of {total}, got {have}"
        )


def voters(commit: Commit) -> list[int]:
    """Return the places of the entries that vote for the block."""
    return [at for at, entry in enumerate(commit.signatures) if entry.flag is Flag.COMMIT]


def trusted_voters(block: LightBlock, trusted_validators: Validators) -> dict[int, int]:
    """Return which voters, by place, are in a trusted set, by address, and with what power there."""
    powers = {(seat.address, seat.public_key): seat.power for seat in trusted_validators}
    seats = [(at, block.validators[at]) for at in voters(block.commit)]
    return {
        at: powers[seat.address, seat.public_key]
        for at, seat in seats
        if (seat.address, seat.public_key) in powers
    }


def power_needed(validators: Validators, params: TendermintParams) -> int:
    """Return the least power that is more than the trust level of a set."""
    numerator, denominator = params.trust_level
    return total_power(validators) * numerator // denominator + 1


def check_signatures(block: LightBlock, chain_id: str, places: Iterable[int]) -> None:
    """Refuse a block when the signature at any of these places is not its validator's over its vote."""
    wanted = set(places)
    for at, message in enumerate(hashing.sign_bytes(block.commit, chain_id)):
        if at in wanted and not _is_signed(block, at, message):
            raise Refusal(
                Reason.BAD_SIGNATURE,
                f"commit: entry {at}: not a signature of {block.validators[at].address.hex()}",
            )


def valid_votes(block: LightBlock, chain_id: str, places: Iterable[int]) -> set[int]:
    """Return those of these places whose own validator signed the vote there."""
    wanted = set(places)
    return {
        at
        for at, message in enumerate(hashing.sign_bytes(block.commit, chain_id))
        if at in wanted and _is_signed(block, at, message)
    }


def _is_signed(block: LightBlock, at: int, message: bytes) -> bool:
    seat, entry = block.validators[at], block.commit.signatures[at]
    return entry.address == seat.address and keys.signed(seat, message, entry.signature)
