"""What goes between an adapter and an endpoint of a memory chain: requests, and replies as JSON bytes.

The replies are bytes on purpose: an endpoint is a stranger, and what it sends must survive decoding and the
checks of `adapters.memory.decode` before anybody looks at it. Requests are plain data, because we make them.
"""

from dataclasses import dataclass

import msgspec

from adapters.api import ClientView, SeenAcknowledgement, SeenPacket, SubmissionId
from adapters.memory.transactions import Transaction
from proofs.types import BlockRef, ChainId, Claim, ClientId, Height, Lane


@dataclass(frozen=True, slots=True, kw_only=True)
class GetStatus:
    """Asks for `Status`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetBlock:
    """Asks for the `Block` at a height."""

    height: Height


@dataclass(frozen=True, slots=True, kw_only=True)
class GetHeader:
    """Asks for the `Header` of a block."""

    at: BlockRef


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPackets:
    """Asks for the `Packets` that this chain sent along a lane."""

    lane: Lane
    first: Height
    last: BlockRef


@dataclass(frozen=True, slots=True, kw_only=True)
class GetAcknowledgements:
    """Asks for the `Acknowledgements` that this chain wrote for a lane's packets."""

    lane: Lane
    first: Height
    last: BlockRef


@dataclass(frozen=True, slots=True, kw_only=True)
class GetProofs:
    """Asks for `Proofs` that these keys are in the tree, or are not."""

    keys: tuple[bytes, ...]
    at: BlockRef


@dataclass(frozen=True, slots=True, kw_only=True)
class GetClient:
    """Asks for a `Client`."""

    client: ClientId
    at: BlockRef


@dataclass(frozen=True, slots=True, kw_only=True)
class GetOutstanding:
    """Asks for `Flags`: whether each claim would have an effect."""

    claims: tuple[Claim, ...]
    at: BlockRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """Hands in a transaction; the answer is `Taken`."""

    transaction: Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSubmissions:
    """Asks for `Outcomes`."""

    ids: tuple[SubmissionId, ...]


Request = (
    GetStatus
    | GetBlock
    | GetHeader
    | GetPackets
    | GetAcknowledgements
    | GetProofs
    | GetClient
    | GetOutstanding
    | Submit
    | GetSubmissions
)


class Ref(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A block of the reply's chain."""

    height: int
    hash: bytes


class Outcome(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What became of one transaction: without a block it waits, or is `lost`."""

    lost: bool = False
    block: Ref | None = None
    succeeded: bool = False
    detail: str = ""
    sequences: tuple[int, ...] = ()


class _Reply(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag=True, kw_only=True):
    chain: ChainId
    """CAIP-2 of the chain that the endpoint serves."""


class Status(_Reply, frozen=True):
    """Head and finality."""

    head: Ref
    finalized: Ref
    finalized_time_s: int


class Block(_Reply, frozen=True):
    """The canonical block at a height."""

    ref: Ref


class Header(_Reply, frozen=True):
    """A block's header, and who signed its hash."""

    header: bytes
    votes: dict[str, bytes]


class Packets(_Reply, frozen=True):
    """Packets sent."""

    items: tuple[SeenPacket, ...]


class Acknowledgements(_Reply, frozen=True):
    """Acknowledgements written."""

    items: tuple[SeenAcknowledgement, ...]


class Proofs(_Reply, frozen=True):
    """One encoded tree proof for each key."""

    nodes: tuple[bytes, ...]


class Client(_Reply, frozen=True):
    """A light client."""

    view: ClientView


class Flags(_Reply, frozen=True):
    """One answer for each claim."""

    values: tuple[bool, ...]


class Taken(_Reply, frozen=True):
    """The transaction waits."""

    id: str


class Outcomes(_Reply, frozen=True):
    """One outcome for each id."""

    items: tuple[Outcome, ...]


class Failure(_Reply, frozen=True):
    """The endpoint cannot answer: `not-yet`, `reorged` or `refused`."""

    code: str
    detail: str


Reply = (
    Status
    | Block
    | Header
    | Packets
    | Acknowledgements
    | Proofs
    | Client
    | Flags
    | Taken
    | Outcomes
    | Failure
)

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Reply)


def encode(reply: Reply) -> bytes:
    """Return the bytes of a reply."""
    return _ENCODER.encode(reply)


def decode(untrusted_bytes: bytes) -> Reply:
    """Return the reply in these bytes. Raises `msgspec.DecodeError` (also for a wrong shape)."""
    reply: Reply = _DECODER.decode(untrusted_bytes)
    return reply
