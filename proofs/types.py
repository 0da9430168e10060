"""The vocabulary of Isthmus: what travels, between which chains, and what may be believed about it.

Read this file first. A **packet** (IBC v2, ICS-4 v2) travels along a **lane** (one direction between two
chains). A **claim** says something about a packet that a chain's state can prove: it was `Sent`, it was
`Acknowledged`, it was `NotReceived` in time. Evidence arrives as `Untrusted...` and stays so until
`proofs.verify` turns a claim into `Proven[...]`, the only thing that a destination accepts.

This module holds data, no behaviour: hashing is in `proofs.codec`, identifiers in `proofs.ids`, judging in
`proofs.verify`. Trust cannot be made here: `Proven` has a seal that only `proofs.verify` holds.

What a list holds by the hundred (packets, payloads, claims, proofs) is a frozen msgspec struct and the rest a
frozen dataclass: the same to read and to use, but made ten times quicker. `msgspec.structs.replace` changes
one. `gc=False`: nothing in them can be part of a cycle.

Implements: ICS-4 v2 (Packet, Payload), CAIP-2 (ChainId).
"""

from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field
from enum import Enum
from typing import Generic, NewType, TypeVar

from msgspec import Struct

ChainId = NewType("ChainId", str)
"""CAIP-2 text, for example `eip155:31337`."""

ClientId = NewType("ClientId", str)
"""Identifier of a light client on the chain that hosts it, for example `attestations-0`."""

Height = NewType("Height", int)
"""Block number. Alone it never identifies a block: see `BlockRef`."""

Sequence = NewType("Sequence", int)
"""Position of a packet on its source client, counted from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRef:
    """One block, beyond doubt."""

    chain: ChainId
    height: Height
    hash: bytes
    """32 bytes, in the order in which the chain itself hashes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One direction between two chains. Two-way traffic is two lanes."""

    source: ChainId
    source_client: ClientId
    """The client on the source that tracks the destination: answers and timeouts are proven to it."""
    destination: ChainId
    destination_client: ClientId
    """The client on the destination that tracks the source: packets are proven to it."""

    def reverse(self) -> "Lane":
        """Return the lane of the opposite direction, over the same two clients."""
        return Lane(
            source=self.destination,
            source_client=self.destination_client,
            destination=self.source,
            destination_client=self.source_client,
        )

    def __str__(self) -> str:
        return f"{self.source}/{self.source_client}->{self.destination}/{self.destination_client}"


class Payload(Struct, frozen=True, kw_only=True, gc=False):
    """What one application sends to another."""

    source_port: str
    destination_port: str
    version: str
    encoding: str
    """MIME type of `value`."""
    value: bytes


class Channel(Struct, frozen=True, kw_only=True, gc=False):
    """What a packet of an IBC v1 channel has beyond one of IBC v2 (ICS-4)."""

    timeout_ns: int
    """Unix nanoseconds by the destination's clock; 0: no such timeout."""
    timeout_revision: int
    timeout_height: Height
    """Destination height at which it may not be received any more; with revision 0 and height 0: none."""
    ordered: bool
    """Packets of this channel are received in the order of their sequences, or not at all."""


class Packet(Struct, frozen=True, kw_only=True, gc=False):
    """The message: an IBC v2 packet (ICS-4 v2), or one of an IBC v1 channel.

    In a packet of a channel the two clients are the channel ids of the two ends, and the one payload has
    neither version nor encoding: its value is the packet's data as it was sent.
    """

    sequence: Sequence
    source_client: ClientId
    destination_client: ClientId
    timeout_s: int
    """Unix seconds; at or after it, by the destination's clock, the packet must not be received.

    Of a channel's packet: its nanoseconds rounded up, or `codec.NEVER_S` when it has no such timeout.
    """
    payloads: tuple[Payload, ...]
    channel: Channel | None = None
    """Set when the packet belongs to an IBC v1 channel."""


class Sent(Struct, frozen=True, kw_only=True, gc=False):
    """The source's state holds the commitment of this packet."""

    packet: Packet


class Acknowledged(Struct, frozen=True, kw_only=True, gc=False):
    """The destination's state holds the commitment of these acknowledgements of this packet."""

    packet: Packet
    acknowledgements: tuple[bytes, ...]
    """One for each payload, in order."""


class NotReceived(Struct, frozen=True, kw_only=True, gc=False):
    """The destination's state holds no receipt of this packet, at a time at or past its timeout."""

    packet: Packet
    closed: bool = False
    """The timeout does not matter: the destination's end of the channel is closed (IBC v1)."""


Claim = Sent | Acknowledged | NotReceived
"""What a proof is about. `Sent` is proven on the lane's source, the other two on its destination."""


class Assurance(Enum):
    """Why a root is trusted. It is shown wherever a lane is shown."""

    CONSENSUS = "consensus"
    """The chain's own consensus was verified."""
    AGREEMENT = "agreement"
    """Independent endpoints agreed and nothing proves them right: lanes on it need `unsafe = true`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedState:
    """A block whose root may be proven against. It grows only through a light client's `advance`."""

    block: BlockRef
    root: bytes
    """32 bytes: the state root that proofs are checked against."""
    time_s: int
    """The block's own timestamp, floored to seconds: a pure function of the verified header."""
    assurance: Assurance
    consensus: bytes = b""
    """What the family carries forward (validator set, ...), in the family's own encoding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UntrustedUpdate:
    """Evidence for a new trusted state, as it was received."""

    light_client: str
    """Name of the family in `proofs.registry`."""
    target: BlockRef
    header: bytes
    """The header in the chain's own encoding; its hash is recomputed."""
    votes: Mapping[str, bytes] = field(default_factory=dict)
    """Signer or endpoint -> signature or block hash, as the family defines."""
    next_set: bytes = b""
    """Validators of the next block, in the chain's own encoding, where the family follows a changing set."""


class UntrustedProof(Struct, frozen=True, kw_only=True, gc=False):
    """Evidence for one claim, beyond what all claims of a list have in common."""

    nodes: tuple[bytes, ...]
    """Tree nodes from the root down, in the format's own encoding."""
    preimage: bytes = b""
    """What a hashed slot stands for, where the format needs it (see `docs/borders.md`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UntrustedProofs:
    """Evidence for a list of claims at one block, as it was received."""

    format: str
    """Name of the proof format in `proofs.registry`."""
    at: BlockRef
    common: tuple[bytes, ...]
    """Nodes that all claims share, for example the account proof."""
    each: tuple[UntrustedProof, ...]
    """One for each claim, in the order in which the claims were asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitmentStore:
    """Where a chain keeps its packet commitments. Configuration, never taken from the chain's answers."""

    chain: ChainId
    format: str
    """Name of the proof format in `proofs.registry`."""
    address: bytes
    """The contract, module or account that alone may hold commitments; meaning and length by format."""


C_co = TypeVar("C_co", bound=Claim, covariant=True)

_SEAL = object()


class ForgedProofError(TypeError):
    """Somebody other than `proofs.verify` tried to make a `Proven`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven(Generic[C_co]):
    """A claim that was verified. Only `proofs.verify` can make one; a delivery accepts nothing else."""

    lane: Lane
    claim: C_co
    at: BlockRef
    """The block against whose root the claim was proven."""
    time_s: int
    """Timestamp of that block, unix seconds."""
    assurance: Assurance
    seal: InitVar[object]

    def __post_init__(self, seal: object) -> None:
        if seal is not _SEAL:
            raise ForgedProofError(f"a Proven is made by proofs.verify alone, not from {type(seal).__name__}")
