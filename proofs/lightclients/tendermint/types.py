"""Parameters of the `tendermint` light client, and the block of CometBFT as it judges it.

Nothing here is judged yet: a `LightBlock` is what a stranger's bytes say. Times are unix nanoseconds, hashes
are in the order in which CometBFT itself hashes.

Implements: the data structures of CometBFT 0.34 to 0.39 (block protocol 11).
"""

from dataclasses import dataclass
from enum import Enum, IntEnum

from msgspec import Struct

from proofs import limits
from proofs.types import ChainId, Height

HASH_SIZE = 32
ADDRESS_SIZE = 20


class KeyType(Enum):
    """Key types of validators that this client can check. A chain with any other is refused as a whole."""

    ED25519 = "ed25519"
    SECP256K1 = "secp256k1"


class Flag(IntEnum):
    """What a validator's entry in a commit says."""

    ABSENT = 1
    """No vote was seen."""
    COMMIT = 2
    """A vote for the block."""
    NIL = 3
    """A vote for no block: it counts for nothing, and is signed all the same."""


class Validator(Struct, frozen=True, kw_only=True, gc=False):
    """One seat. Made by `keys.validator`, which derives the address."""

    key_type: KeyType
    public_key: bytes
    """ed25519: 32 bytes; secp256k1: 33 bytes, compressed."""
    power: int
    address: bytes
    """20 bytes, derived from the key, never taken from an answer."""


Validators = tuple[Validator, ...]
"""A validator set in the chain's own order, which its hash binds."""


class CommitSig(Struct, frozen=True, kw_only=True, gc=False):
    """One validator's entry in a commit."""

    flag: Flag
    address: bytes
    time_ns: int
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockId:
    """A block as votes and headers name it; all empty means no block."""

    hash: bytes
    parts_total: int
    parts_hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The fourteen hashed fields, in their order."""

    block_version: int
    app_version: int
    chain_id: str
    height: int
    time_ns: int
    last_block: BlockId
    last_commit_hash: bytes
    data_hash: bytes
    validators_hash: bytes
    next_validators_hash: bytes
    consensus_hash: bytes
    app_hash: bytes
    """State after the block before this one; 32 bytes on Cosmos SDK chains, any length in CometBFT."""
    last_results_hash: bytes
    evidence_hash: bytes
    proposer_address: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """The votes for a block: entry i is that of validator i."""

    height: int
    round: int
    block: BlockId
    signatures: tuple[CommitSig, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LightBlock:
    """A header, the commit for it, and the validators who may sign that commit."""

    header: Header
    commit: Commit
    validators: Validators


@dataclass(frozen=True, slots=True, kw_only=True)
class TendermintParams:
    """Which chain, from which block on, and for how long trust lasts.

    Raises `ValueError` for parameters that could never be met, or that would break the security model.
    """

    chain: ChainId
    chain_id: str
    """The chain's own name, which every vote signs."""
    anchor_height: Height
    """The block from which trust starts: configuration, never taken from whoever serves the blocks."""
    anchor_hash: bytes
    trusting_period_s: int
    """Must be well below the chain's unbonding period (about two thirds of it)."""
    trust_level: tuple[int, int] = (1, 3)
    """Numerator and denominator, from 1/3 to 1: what part of a trusted set must have signed a skipped-to
    block; more than it, not exactly it."""
    max_clock_drift_s: int = 10
    """A block's time must be less than this far ahead of our clock."""

    def __post_init__(self) -> None:
        numerator, denominator = self.trust_level
        if not (0 < denominator <= limits.MAX_UINT64 and denominator <= 3 * numerator <= 3 * denominator):
            raise ValueError(f"trust_level: expected 1/3 to 1, got {numerator}/{denominator}")
        if not 1 <= len(self.chain_id.encode()) <= limits.MAX_TENDERMINT_CHAIN_ID:
            raise ValueError(
                f"chain_id: expected 1 to {limits.MAX_TENDERMINT_CHAIN_ID} bytes, got {self.chain_id!r}"
            )
        if len(self.anchor_hash) != HASH_SIZE or self.anchor_height < 1:
            raise ValueError(
                "anchor: expected a height of at least 1 and a hash of 32 bytes, "
                f"got {self.anchor_height} and {self.anchor_hash.hex()!r}"
            )
        if self.trusting_period_s < 1 or self.max_clock_drift_s < 0:
            raise ValueError(
                "trusting_period_s, max_clock_drift_s: expected at least 1 and 0, "
                f"got {self.trusting_period_s} and {self.max_clock_drift_s}"
            )
