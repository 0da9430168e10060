"""What happened to a lane: one class per outcome.

`apply` turns each into a new state and the changes to save.
`at_s` is our clock when it happened, unix seconds. What chains said is untrusted except for verdicts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.api import (
    ChainStatus,
    Evidence,
    SeenAcknowledgement,
    SeenPacket,
    SubmissionId,
    SubmissionStatus,
)
from adapters.errors import Remedy
from proofs.types import BlockRef, ChainId, Claim, Height, Proven
from proofs.types import Sequence as PacketSequence
from proofs.verdict import NotEnoughTrust, Rejected, Verdict
from relays.core.steps import Attest, Check, Effect, Observe, Prove, Submit, Track


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadsRead:
    """Head and finality of one or both chains, as last read; None: not read."""

    at_s: float
    source: ChainStatus | None
    destination: ChainStatus | None
    sure: BlockRef | None = None
    """The newest block of that chain that its light client accepted; None where heads are not hints only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A step is about to be performed. What this changes is saved before a `Submit` leaves."""

    at_s: float
    step: Effect


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketsSeen:
    """The source says that these were sent in the observed blocks, by sequence."""

    at_s: float
    step: Observe
    last: BlockRef
    packets: Sequence[SeenPacket]


@dataclass(frozen=True, slots=True, kw_only=True)
class AcknowledgementsSeen:
    """The destination says that these were written in the observed blocks."""

    at_s: float
    step: Observe
    last: BlockRef
    acknowledgements: Sequence[SeenAcknowledgement]


@dataclass(frozen=True, slots=True, kw_only=True)
class CursorLost:
    """The block that a cursor is pinned to is not the chain's, and no light client ever said that it was."""

    at_s: float
    step: Observe
    sure: BlockRef
    """The newest block below it that the light client accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One answer per claim of the step: would a delivery still have an effect?"""

    at_s: float
    step: Check
    outstanding: Sequence[bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One verdict per claim of the step's batch."""

    at_s: float
    step: Prove
    verdicts: Sequence[Verdict[Proven[Claim]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRefused:
    """The light client did not accept the block that the claims were to be proven at."""

    at_s: float
    step: Prove
    verdict: NotEnoughTrust | Rejected


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """The evidence is complete: enough attestors signed, or headers and proofs are at hand."""

    at_s: float
    step: Attest
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """The chain took the delivery; nothing is decided."""

    at_s: float
    step: Submit
    submission: SubmissionId


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What became of each submission of the step."""

    at_s: float
    step: Track
    statuses: Sequence[SubmissionStatus]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainFailure:
    """A chain could not be asked or told. `detail` has expected and actual."""

    code: str
    detail: str
    remedy: Remedy
    retry_after_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRefused:
    """The chain refuses the act for a reason that a retry does not change."""

    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FundsMissing:
    """The signer cannot pay, or the fee cap is below what the chain asks."""

    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignersMissing:
    """Fewer attestors signed than the destination's client requires; `detail` names them."""

    detail: str


Cause = ChainFailure | DeliveryRefused | FundsMissing | SignersMissing


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A step came to nothing."""

    at_s: float
    step: Effect
    cause: Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationClosed:
    """The destination's end of the lane's channel was found closed (IBC v1); it never opens again."""

    at_s: float
    height: Height
    """A finalized destination block at which it is closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Violated:
    """A chain contradicted something already trusted."""

    at_s: float
    chain: ChainId
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Halted:
    """A person, or the supervisor, stops the lane."""

    at_s: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """A person lets the lane go on."""

    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """A person wants these parked messages tried again; empty means all."""

    at_s: float
    sequences: frozenset[PacketSequence]


OutcomeEvent = (
    PacketsSeen
    | AcknowledgementsSeen
    | CursorLost
    | Checked
    | Judged
    | BlockRefused
    | Signed
    | Handed
    | Followed
    | Failed
)
"""Something came of a step."""

Event = OutcomeEvent | Started | HeadsRead | DestinationClosed | Violated | Halted | Resumed | Retried
