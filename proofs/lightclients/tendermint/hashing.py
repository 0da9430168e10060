"""The bytes that CometBFT hashes and signs: header hash, validators hash, votes.

They are protobuf in one canonical form, written by hand: fields in order, scalars that are zero left out,
some submessages always there. No parsing here, and no judgement.

Implements: CometBFT types/{block,validator,canonical}.go, crypto/merkle (RFC 6962).
"""

from collections.abc import Iterable, Iterator, Sequence

from proofs.hashing import sha256
from proofs.lightclients.tendermint.types import BlockId, Commit, Flag, Header, KeyType, Validator, Validators

PRECOMMIT = 2
"""Type of the votes in a commit."""

_NS = 10**9
_KEY_FIELDS = {KeyType.ED25519: 1, KeyType.SECP256K1: 2}


def header_hash(header: Header) -> bytes:
    """Return the 32 bytes by which the chain knows this block."""
    hashes = (
        *(header.last_commit_hash, header.data_hash, header.validators_hash, header.next_validators_hash),
        *(header.consensus_hash, header.app_hash, header.last_results_hash, header.evidence_hash),
        header.proposer_address,
    )
    return merkle_root(
        [
            _varint_field(1, header.block_version) + _varint_field(2, header.app_version),
            _bytes_field(1, header.chain_id.encode()),
            _varint_field(1, header.height),
            _timestamp(header.time_ns),
            _bytes_field(1, header.last_block.hash) + _message_field(2, _parts(header.last_block)),
            *[_bytes_field(1, value) for value in hashes],
        ]
    )


def validators_hash(validators: Validators) -> bytes:
    """Return the 32 bytes that bind every key, power and place of a validator set."""
    return merkle_root([_simple_validator(seat) for seat in validators])


def sign_bytes(commit: Commit, chain_id: str) -> Iterator[bytes]:
    """Yield, for each entry of the commit in order, what its validator signed."""
    for_block = vote_head(PRECOMMIT, commit.height, commit.round, commit.block)
    for_nil = vote_head(PRECOMMIT, commit.height, commit.round, None)
    for entry in commit.signatures:
        yield vote_bytes(for_block if entry.flag is Flag.COMMIT else for_nil, entry.time_ns, chain_id)


def vote_head(vote_type: int, height: int, round_: int, block: BlockId | None) -> bytes:
    """Return what all votes of one commit have in common; `block` is None in a vote for no block."""
    head = _varint_field(1, vote_type) + _fixed64_field(2, height) + _fixed64_field(3, round_)
    if block is None:
        return head
    return head + _message_field(4, _bytes_field(1, block.hash) + _message_field(2, _parts(block)))


def vote_bytes(head: bytes, time_ns: int, chain_id: str) -> bytes:
    """Return what a validator signs: the vote after its length."""
    vote = head + _message_field(5, _timestamp(time_ns)) + _bytes_field(6, chain_id.encode())
    return _varint(len(vote)) + vote


def merkle_root(leaves: Iterable[bytes]) -> bytes:
    """Return the root of the tree over the leaves: split at the largest power of two, no leaf twice."""
    level: Sequence[bytes] = [sha256(b"\0" + leaf) for leaf in leaves]
    while len(level) > 1:
        pairs = [sha256(b"\1" + level[at] + level[at + 1]) for at in range(0, len(level) - 1, 2)]
        level = [*pairs, level[-1]] if len(level) % 2 else pairs
    return level[0] if level else sha256(b"")


def _simple_validator(seat: Validator) -> bytes:
    key = _message_field(_KEY_FIELDS[seat.key_type], seat.public_key)
    return _message_field(1, key) + _varint_field(2, seat.power)


def _parts(block: BlockId) -> bytes:
    return _varint_field(1, block.parts_total) + _bytes_field(2, block.parts_hash)


def _timestamp(time_ns: int) -> bytes:
    seconds, nanos = divmod(time_ns, _NS)
    return _varint_field(1, seconds) + _varint_field(2, nanos)


def _varint(value: int) -> bytes:
    """Return a protobuf varint; a negative number has its 64-bit two's complement."""
    rest = value & 0xFFFF_FFFF_FFFF_FFFF
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def _varint_field(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value) if value else b""


def _fixed64_field(number: int, value: int) -> bytes:
    return _varint(number << 3 | 1) + value.to_bytes(8, "little", signed=True) if value else b""


def _bytes_field(number: int, value: bytes) -> bytes:
    return _message_field(number, value) if value else b""


def _message_field(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value
