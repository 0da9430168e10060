"""What can be done to a memory chain, what comes of it, and what it leaves behind in a block. Data only.

There are no nonces: a transaction is named by the hash of its content, so handing it in twice is handing it
in once. Two sends of the same message are two transactions, because a send carries a salt.
"""

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import msgspec

from adapters.api import Attested, SendMessage, SendTransfer, SubmissionId
from proofs.types import BlockRef, Claim, ClientId, Lane, Packet, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class AddClient:
    """Installs an attestation client: what an operator does once per lane."""

    client: ClientId
    counterparty: ClientId
    attestors: tuple[bytes, ...]
    """Addresses, 20 bytes each."""
    threshold: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mint:
    """Makes tokens of a home denom."""

    account: str
    denom: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SendPackets:
    """Sends messages and transfers, all or none."""

    sender: bytes
    """20 bytes."""
    requests: tuple[SendMessage | SendTransfer, ...]
    salt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliver:
    """Hands claims of one kind and one lane to the router, with the attestations that prove them."""

    lane: Lane
    claims: tuple[Claim, ...]
    attested: Attested
    key: str
    relayer: bytes


Transaction = AddClient | Mint | SendPackets | Deliver


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketSent:
    """Event: the router stored the commitment of this packet."""

    packet: Packet


@dataclass(frozen=True, slots=True, kw_only=True)
class AcknowledgementWritten:
    """Event: the router received a packet of this client and stored its acknowledgement commitment."""

    client: ClientId
    sequence: Sequence
    acknowledgements: tuple[bytes, ...]


Event = PacketSent | AcknowledgementWritten


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of a transaction in a block."""

    succeeded: bool
    detail: str = ""
    """Why it reverted."""
    sequences: tuple[Sequence, ...] = ()
    """Of the packets that it sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One block of the chain, with all that it did."""

    ref: BlockRef
    header: bytes
    time_s: int
    transactions: dict[SubmissionId, Transaction] = field(default_factory=dict)
    receipts: dict[SubmissionId, Receipt] = field(default_factory=dict)
    events: tuple[tuple[SubmissionId, Event], ...] = ()


def transaction_id(transaction: Transaction) -> SubmissionId:
    """Return the name of a transaction: sha256 in hex of its kind and its content."""
    content: Any = [type(transaction).__name__, transaction]
    return SubmissionId(sha256(msgspec.json.encode(content)).hexdigest())
