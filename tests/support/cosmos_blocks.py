"""CometBFT light blocks made for tests: chains with changing validators, forks, signed forgeries.

Keys follow from small numbers, so everything is the same in every run. `grow` makes a chain; `forged` makes
another block out of one; `signed` does the same for a whole header; all of them sign with the seats' keys.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import coincurve
from nacl.signing import SigningKey

from proofs.hashing import sha256
from proofs.lightclients.tendermint import TendermintParams, encode_light_block, encode_validators
from proofs.lightclients.tendermint import hashing as cometbft
from proofs.lightclients.tendermint.keys import validator
from proofs.lightclients.tendermint.types import (
    BlockId,
    Commit,
    CommitSig,
    Flag,
    Header,
    KeyType,
    LightBlock,
    Validator,
)
from proofs.lightclients.tendermint.wire import ZERO_TIME_NS
from proofs.records import replace
from proofs.types import BlockRef, ChainId, Height, UntrustedUpdate

CHAIN = ChainId("cosmos:test-1")
CHAIN_ID = "test-1"
NS = 10**9
START_S = 1_700_000_000
"""Time of block 0, which does not exist; block h is `INTERVAL_S * h` later."""
INTERVAL_S = 5
NO_BLOCK = BlockId(hash=b"", parts_total=0, parts_hash=b"")

_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@dataclass(frozen=True, slots=True)
class Seat:
    """A validator and its private key, which follows from a number."""

    number: int
    power: int = 10
    key_type: KeyType = KeyType.ED25519
    secret: bytes = field(init=False)
    validator: Validator = field(init=False)

    def __post_init__(self) -> None:
        secret = sha256(b"validator %d" % self.number)
        if self.key_type is KeyType.ED25519:
            public_key = bytes(SigningKey(secret).verify_key)
        else:
            public_key = coincurve.PrivateKey(secret).public_key.format()
        object.__setattr__(self, "secret", secret)
        object.__setattr__(self, "validator", validator(self.key_type, public_key, self.power))

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature over a message."""
        if self.key_type is KeyType.ED25519:
            return SigningKey(self.secret).sign(message).signature
        return coincurve.PrivateKey(self.secret).sign_recoverable(message)[:64]


Seats = tuple[Seat, ...]


def seats(*numbers: int, power: int = 10, key_type: KeyType = KeyType.ED25519) -> Seats:
    """Return seats of equal power, in a chain's order."""
    return ordered([Seat(number, power, key_type) for number in numbers])


def ordered(unordered: Sequence[Seat]) -> Seats:
    """Return seats as CometBFT orders them: most power first, then by address."""
    return tuple(sorted(unordered, key=lambda seat: (-seat.power, seat.validator.address)))


def validators_of(some: Seats) -> tuple[Validator, ...]:
    """Return the seats' validators, in the same order."""
    return tuple([seat.validator for seat in some])


FOUR = seats(1, 2, 3, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A light block with everything that it takes to make another one."""

    block: LightBlock
    seats: Seats
    next_seats: Seats
    chain: ChainId = CHAIN

    @property
    def hash(self) -> bytes:
        """The header's own hash."""
        return cometbft.header_hash(self.block.header)

    @property
    def ref(self) -> BlockRef:
        """Which block it is."""
        return BlockRef(chain=self.chain, height=Height(self.block.header.height), hash=self.hash)

    @property
    def update(self) -> UntrustedUpdate:
        """What an adapter would hand over for it."""
        return UntrustedUpdate(
            light_client="tendermint",
            target=self.ref,
            header=encode_light_block(self.block),
            next_set=encode_validators(validators_of(self.next_seats)),
        )

    @property
    def time_s(self) -> int:
        """The block's time, floored to seconds."""
        return self.block.header.time_ns // NS


def block_id(block_hash: bytes) -> BlockId:
    """Return how headers and votes name a block."""
    return BlockId(hash=block_hash, parts_total=1, parts_hash=sha256(block_hash))


def signed(
    header: Header,
    some: Seats,
    next_seats: Seats,
    *,
    flags: Mapping[int, Flag] | None = None,
    round_: int = 0,
    chain: ChainId = CHAIN,
) -> Made:
    """Return the block of a header, signed by all seats, or at some places not, or for nil (`flags`)."""
    entries = []
    for at, seat in enumerate(some):
        flag = (flags or {}).get(at, Flag.COMMIT)
        is_absent = flag is Flag.ABSENT
        entries.append(
            CommitSig(
                flag=flag,
                address=b"" if is_absent else seat.validator.address,
                time_ns=ZERO_TIME_NS if is_absent else header.time_ns + NS + at,
                signature=b"",
            )
        )
    named = block_id(cometbft.header_hash(header))
    commit = resigned(
        Commit(height=header.height, round=round_, block=named, signatures=tuple(entries)),
        some,
        header.chain_id,
    )
    block = LightBlock(header=header, commit=commit, validators=validators_of(some))
    return Made(block=block, seats=some, next_seats=next_seats, chain=chain)


def resigned(commit: Commit, some: Seats, chain_id: str = CHAIN_ID) -> Commit:
    """Return the commit with every vote signed anew by the seat at its place."""
    messages = cometbft.sign_bytes(commit, chain_id)
    entries = [
        entry if entry.flag is Flag.ABSENT else replace(entry, signature=seat.sign(message))
        for entry, seat, message in zip(commit.signatures, some, messages, strict=True)
    ]
    return replace(commit, signatures=tuple(entries))


def header_of(
    height: int, some: Seats, next_seats: Seats, *, parent: Made | None = None, chain_id: str = CHAIN_ID
) -> Header:
    """Return an honest header: times five seconds apart, an app hash for each height."""
    return Header(
        block_version=11,
        app_version=1,
        chain_id=chain_id,
        height=height,
        time_ns=(START_S + INTERVAL_S * height) * NS + 123_456_789,
        last_block=NO_BLOCK if parent is None else block_id(parent.hash),
        last_commit_hash=sha256(b"commit %d" % height),
        data_hash=sha256(b""),
        validators_hash=cometbft.validators_hash(validators_of(some)),
        next_validators_hash=cometbft.validators_hash(validators_of(next_seats)),
        consensus_hash=sha256(b"parameters"),
        app_hash=sha256(b"app %d" % height),
        last_results_hash=sha256(b"results %d" % height),
        evidence_hash=sha256(b""),
        proposer_address=some[0].validator.address,
    )


def grow(
    sets: Sequence[Seats], *, first: int = 1, chain: ChainId = CHAIN, chain_id: str = CHAIN_ID
) -> dict[int, Made]:
    """Return blocks by height: `sets[i]` signs block `first + i`, and the last set also follows itself."""
    blocks: dict[int, Made] = {}
    parent = None
    for at, some in enumerate(sets):
        next_seats = sets[min(at + 1, len(sets) - 1)]
        header = header_of(first + at, some, next_seats, parent=parent, chain_id=chain_id)
        parent = signed(header, some, next_seats, chain=chain)
        blocks[first + at] = parent
    return blocks


def forged(
    made: Made, *, flags: Mapping[int, Flag] | None = None, round_: int = 0, **changes: object
) -> Made:
    """Return another block in its place: header fields changed, everything signed anew by the same seats."""
    header = replace(made.block.header, **changes)
    return signed(header, made.seats, made.next_seats, flags=flags, round_=round_, chain=made.chain)


def with_commit(made: Made, **changes: object) -> Made:
    """Return the block with fields of its commit changed and nothing signed anew."""
    return replace(made, block=replace(made.block, commit=replace(made.block.commit, **changes)))


def with_entry(made: Made, at: int, **changes: object) -> Made:
    """Return the block with fields of one entry of its commit changed and nothing signed anew."""
    entries = list(made.block.commit.signatures)
    entries[at] = replace(entries[at], **changes)
    return with_commit(made, signatures=tuple(entries))


def high_s(signature: bytes) -> bytes:
    """Return the other valid-looking secp256k1 signature: the same r, and the order minus s."""
    return signature[:32] + (_ORDER - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")


def params_of(anchor: Made, **changes: object) -> TendermintParams:
    """Return parameters that trust this block, for an hour."""
    params = TendermintParams(
        chain=anchor.chain,
        chain_id=anchor.block.header.chain_id,
        anchor_height=anchor.ref.height,
        anchor_hash=anchor.hash,
        trusting_period_s=3600,
    )
    return replace(params, **changes)
