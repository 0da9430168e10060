"""What a relay says about one lane and its messages. Data only; the policy is in `decide` and `apply`.

A lane has two **legs**. The `OUT` leg proves `Sent` on the source and delivers to the destination. The `BACK`
leg proves `Acknowledged` and `NotReceived` on the destination and delivers to the source. Both legs have the
same stages: observe, prove, verify, attest, submit, track. Lists of claims travel between stages, never
single messages; each stage of each leg has at most one list in flight, except `track`, which follows every
submission at once.
"""

from dataclasses import dataclass
from enum import Enum, StrEnum

from msgspec import Struct

from adapters.api import SubmissionId
from proofs.types import Height, Packet, Sequence


class Leg(StrEnum):
    """Which way a list of claims travels."""

    OUT = "out"
    BACK = "back"


class State(Enum):
    """Where a message stands. One vocabulary for API, CLI, page, metrics and store."""

    OBSERVED = "observed"
    FINALIZING = "finalizing"
    PROVING = "proving"
    VERIFIED = "verified"
    SCHEDULED = "scheduled"
    SUBMITTED = "submitted"
    INCLUDED = "included"
    DELIVERED = "delivered"
    ACKNOWLEDGED = "acknowledged"
    EXPIRED = "expired"
    """Past its timeout and not received; the refund is on its way."""
    REFUNDED = "refunded"
    REJECTED = "rejected"
    """The evidence was false, or policy refuses it."""
    PARKED = "parked"
    """Out of attempts: waits for a person (`isthmus message retry`)."""


ENDS = frozenset({State.ACKNOWLEDGED, State.REFUNDED, State.REJECTED})
"""States that a message does not leave by itself. `PARKED` is left by a retry."""


class WaitingOn(Enum):
    """What the next step of a message needs."""

    NOTHING = "nothing"
    SOURCE_FINALITY = "source_finality"
    DESTINATION_FINALITY = "destination_finality"
    PROOF = "proof"
    ATTESTATIONS = "attestations"
    EVIDENCE = "evidence"
    """Headers and proofs, where the chain that acts runs a light client."""
    TURN = "turn"
    """Another gateway has the first turn to deliver it."""
    SOURCE_RPC = "source_rpc"
    DESTINATION_RPC = "destination_rpc"
    SIGNER_FUNDS = "signer_funds"
    INCLUSION = "inclusion"
    ACKNOWLEDGEMENT = "acknowledgement"
    OPERATOR = "operator"


class Message(Struct, frozen=True, kw_only=True, gc=False):
    """One packet on its way, as people and the store see it."""

    packet: Packet
    state: State
    height: Height
    """Source block in which it was sent."""
    transaction: str
    """The source's name of the sending transaction."""
    since_s: float
    """When the message came into this state."""
    waiting_on: WaitingOn = WaitingOn.NOTHING
    reason: str = ""
    """A stable code and a sentence: `attestors-missing: 1 of 2; missing beta, gamma`."""
    next_action_s: float = 0.0
    attempts: int = 0
    delivery: SubmissionId | None = None
    delivered_by: str = ""
    """`self`, `other` or empty."""
    acknowledgements: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A list of messages goes to one state, together. Fields that are None stay as they are."""

    sequences: tuple[Sequence, ...]
    state: State
    at_s: float
    waiting_on: WaitingOn = WaitingOn.NOTHING
    reason: str = ""
    next_action_s: float = 0.0
    attempts: int | None = None
    delivery: SubmissionId | None = None
    delivered_by: str | None = None
    acknowledgements: tuple[tuple[bytes, ...], ...] | None = None
    """One per sequence, when the move brings acknowledgements."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """How far a leg has read, pinned: (height, hash) must still be canonical when reading goes on."""

    height: Height
    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """Whether a lane waits for a person, and why."""

    reason: str
    """Empty when it does not."""
    violated: bool = False
    """A chain contradicted itself: when the lane is let go on, it begins again from what the chains say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What one event did to a lane: saved in one commit before its effects are started."""

    cursors: tuple[tuple[Leg, Cursor], ...] = ()
    inserted: tuple[Message, ...] = ()
    moved: tuple[Move, ...] = ()
    halt: Halt | None = None
    """Set when it changed."""
    starts_over: bool = False
    """Cursors from before are forgotten: the lane is read again from its start."""
