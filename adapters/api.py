"""The adapter border: what a chain says, and how it is told something. Read `proofs/types.py` first.

An adapter fetches; it never judges. Everything that it returns about packets is untrusted until `proofs`
has accepted it. Every read of state names the block that it is pinned to. Errors are those of
`adapters.errors` and no others.

The border is twelve obligatory methods in three roles; a chain may play all of them. What only some chains
can do is a separate one-method ability (`adapters.abilities`), declared in the manifest. Two adapters never
import each other.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NewType, Protocol

from msgspec import Struct

from adapters.abilities import (
    ClientWatcher,
    EndpointHealth,
    EndpointReporter,
    Funds,
    FundsReporter,
    HeadWatcher,
    MessageSender,
    SeenClientUpdate,
    SendMessage,
    SendTransfer,
)
from proofs.types import (
    Assurance,
    BlockRef,
    ChainId,
    Claim,
    ClientId,
    CommitmentStore,
    Height,
    Lane,
    Packet,
    Proven,
    UntrustedProofs,
    UntrustedUpdate,
)
from proofs.types import Sequence as PacketSequence

__all__ = [
    "AdapterPlugin",
    "Attested",
    "Carried",
    "Chain",
    "ChainStatus",
    "ClientView",
    "ClientWatcher",
    "Clock",
    "Delivery",
    "DestinationChain",
    "EndpointHealth",
    "EndpointReporter",
    "Evidence",
    "Funds",
    "FundsReporter",
    "GatewayChain",
    "HeadWatcher",
    "Included",
    "LightClientSpec",
    "Lost",
    "MessageSender",
    "Pending",
    "Resources",
    "SeenAcknowledgement",
    "SeenClientUpdate",
    "SeenPacket",
    "SendMessage",
    "SendTransfer",
    "Signer",
    "SourceChain",
    "SubmissionId",
    "SubmissionStatus",
]

SubmissionId = NewType("SubmissionId", str)
"""The chain's own name of a submitted transaction, for example its hash in hex."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainStatus:
    """Head and finality, read together. Hints until a light client has judged the block."""

    head: BlockRef
    finalized: BlockRef
    finalized_time_s: int
    """Timestamp of the finalized block, unix seconds."""
    observed_at_s: float
    """When we read it, unix seconds by our clock."""


class SeenPacket(Struct, frozen=True, kw_only=True, gc=False):
    """A packet that the chain says was sent. Untrusted: prove `Sent(packet)`."""

    packet: Packet
    height: Height
    transaction: str
    """The chain's name of the transaction, for people."""


class SeenAcknowledgement(Struct, frozen=True, kw_only=True, gc=False):
    """An acknowledgement that the chain says was written. Untrusted: prove `Acknowledged(...)`."""

    sequence: PacketSequence
    acknowledgements: tuple[bytes, ...]
    height: Height
    transaction: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attested:
    """Threshold signatures over a height of the proven chain and over the claims, in the list's order.

    Format: ibc-go `attestations` (see `proofs.attestation`).
    """

    height: Height
    time_s: int
    state_signatures: tuple[bytes, ...]
    packet_signatures: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What a chain with a light client of the proven chain judges for itself: headers and proofs."""

    updates: tuple[UntrustedUpdate, ...]
    """The first is about a block that the hosted client already trusts; the others bring it forward, in
    order, each from the one before. With one or none the client already knows the proven block."""
    proofs: UntrustedProofs | None
    """One for each claim of the delivery, in order; None when there are no claims."""
    conflict: UntrustedUpdate | None = None
    """Misbehaviour: another header that the hosted client would accept, at the height of the last update, or
    above it with a time that is not after its own."""


Evidence = Attested | Carried
"""Why the destination believes a delivery: the security of a lane says which of the two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Proven claims of one kind and one lane, on their way to the chain that must act on them.

    `Sent` claims go to the lane's destination; `Acknowledged` and `NotReceived` go to its source. A delivery
    without claims keeps the client alive, or freezes it (`Carried.conflict`): it goes to the destination.
    """

    lane: Lane
    proven: tuple[Proven[Claim], ...]
    evidence: Evidence
    key: str
    """Idempotency key: the same delivery always has the same key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """Known to the chain or to its waiting room; nothing decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Included:
    """In a block. Whether it had its effect is read from state (`outstanding`), never from here."""

    at: BlockRef
    succeeded: bool
    detail: str
    """The decoded revert reason when it did not succeed."""
    fee: int
    """What it cost, in the chain's smallest unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """No longer known to the chain, and cannot be included any more."""

    detail: str


SubmissionStatus = Pending | Included | Lost


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientView:
    """A light client as its host chain holds it: what `doctor` compares with the configuration."""

    kind: str
    """`attestations`, `07-tendermint`, ..."""
    counterparty: ClientId
    attestors: tuple[bytes, ...]
    """Addresses, 20 bytes each, in the client's order; empty when the client verifies consensus."""
    threshold: int
    latest_height: Height
    """The newest block of the other chain that the client trusts."""
    frozen: bool
    latest_time_s: int = 0
    """Timestamp of that block, unix seconds; 0 when the client does not say."""
    trusting_period_s: int = 0
    """The client is lost when no newer block comes within this time; 0: it does not expire."""
    trust_level: tuple[int, int] | None = None
    """Numerator and denominator, from 1/3 to 1: what part of a trusted set must have signed a header that it
    skips to; None when it skips to none."""
    ordered: bool = False
    """The packets of this end are received in order, or not at all (IBC v1)."""
    closed: bool = False
    """This end takes and sends no packets any more (IBC v1)."""


class Chain(ABC):
    """What every adapter is. No I/O before `connect`; cancellation leaves it usable."""

    chain_id: ChainId
    """The configured identity; endpoints that serve another chain are never used."""

    @abstractmethod
    async def connect(self) -> None:
        """Open endpoints and check their chain identity. Raises `TransportError` or `WrongChain`."""

    @abstractmethod
    async def close(self) -> None:
        """Release everything. Safe to call twice."""

    @abstractmethod
    async def status(self) -> ChainStatus:
        """Return head and finalized block.

        The finalized height never goes back within one connection, but on chains whose light client starts at
        an anchor: there it is an endpoint's word until that client has judged it.
        """

    @abstractmethod
    async def block(self, height: Height) -> BlockRef:
        """Return the block that is canonical at this height now. Raises `NotYetAvailable` above the head."""


class SourceChain(Chain):
    """A chain whose state is proven to others."""

    store: CommitmentStore
    """Where its commitments live: configuration."""

    @abstractmethod
    async def sent(self, lane: Lane, first: Height, last: BlockRef) -> Sequence[SeenPacket]:
        """Return this lane's packets sent in blocks `first` to `last` inclusive, by sequence, without gaps.

        This chain is the lane's source. Raises `Reorged` when `last` left the chain, `MalformedReply` on
        a gap.
        """

    @abstractmethod
    async def acknowledged(self, lane: Lane, first: Height, last: BlockRef) -> Sequence[SeenAcknowledgement]:
        """Return the acknowledgements written for packets of this lane in these blocks, by height.

        This chain is the lane's destination. Raises `Reorged` when `last` left the chain.
        """

    @abstractmethod
    async def update(self, target: BlockRef) -> UntrustedUpdate:
        """Return evidence for this block, for the family that the manifest names.

        Raises `Reorged`, `NoAgreement`.
        """

    @abstractmethod
    async def prove(self, lane: Lane, claims: Sequence[Claim], at: BlockRef) -> UntrustedProofs:
        """Return evidence for these claims in the state of block `at`, one per claim, in order.

        A claim that this chain cannot prove gets evidence that will be rejected, never an error.
        Raises `Reorged`, `Pruned`, `NotYetAvailable`.
        """


class DestinationChain(Chain):
    """A chain that acts on proven claims."""

    @abstractmethod
    async def client(self, client: ClientId, at: BlockRef) -> ClientView:
        """Return the light client as of block `at`. Raises `Refused` when there is none by that name.

        Where a client is reached through a channel, `client` is the channel's id.
        """

    @abstractmethod
    async def outstanding(self, lane: Lane, claims: Sequence[Claim], at: BlockRef) -> Sequence[bool]:
        """Say for each claim whether delivering it would still have an effect in the state of block `at`.

        `Sent`: the packet has no receipt here. `Acknowledged`, `NotReceived`: its commitment stands here.
        """

    @abstractmethod
    async def submit(self, delivery: Delivery) -> SubmissionId:
        """Hand the delivery to the chain, one transaction, and return without waiting for a block.

        Raises `Refused` with the decoded reason when simulation says that it would fail, or when this kind
        of evidence is not for this chain, and `Underfunded`.
        """

    @abstractmethod
    async def submissions(self, ids: Sequence[SubmissionId]) -> Sequence[SubmissionStatus]:
        """Return what became of these submissions, in order. An unknown id is `Lost`."""


class GatewayChain(SourceChain, DestinationChain, ABC):
    """Both roles: what `build` of a plugin returns."""


class Clock(Protocol):
    """Time, handed in so that a simulation can own it."""

    def now_s(self) -> float:
        """Return unix seconds."""

    def monotonic_s(self) -> float:
        """Return seconds that never go back."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class Signer(Protocol):
    """One secp256k1 key. Adapters own none."""

    @property
    def address(self) -> bytes:
        """20 bytes: the Ethereum-style address of the key."""

    @property
    def public_key(self) -> bytes:
        """33 bytes: the compressed public key."""

    def sign(self, digest: bytes) -> bytes:
        """Return a 65-byte signature r || s || v (v 27 or 28, low s) over 32 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What the host hands to an adapter."""

    clock: Clock
    signers: tuple[Signer, ...] = ()
    """They pay and sign transactions, each in an order of its own; none when the chain is only watched."""

    @property
    def signer(self) -> Signer | None:
        """Return the first signer, or None."""
        return self.signers[0] if self.signers else None


@dataclass(frozen=True, slots=True, kw_only=True)
class LightClientSpec:
    """How this chain's blocks are judged: built from the chain's configuration, never from its answers."""

    family: str
    """Name in `proofs.registry`."""
    params: Any
    """The family's frozen params, with the chain's identity in them."""
    assurance: Assurance
    """What an accepted block is worth; below CONSENSUS a lane needs `unsafe = true`."""
    anchor: BlockRef | None = None
    """Where trust starts, for families that advance from a configured block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterPlugin:
    """The one object that an adapter package exports, by entry point `isthmus.adapters`."""

    name: str
    config_type: type[Any]
    """A frozen dataclass; its field defaults are the only ones. Fields of type `Secret` are references."""
    build: Callable[[ChainId, Any, Resources], GatewayChain]
    """(chain id, config, resources) -> chain. No I/O."""
    light_client: Callable[[ChainId, Any], LightClientSpec]
    """(chain id, config) -> how its blocks are judged."""
    store: Callable[[ChainId, Any], CommitmentStore]
    """(chain id, config) -> where its commitments live."""
    check: Callable[[Any], Mapping[str, str]]
    """(config) -> {key: what is wrong}. Beyond types; no I/O."""
    account: Callable[[Any, bytes], str] | None = None
    """(config, public key of 33 bytes) -> its account as the chain writes it; None: an Ethereum address."""
    max_attested: int = 256
    """Claims that one attested delivery to this chain may hold."""
