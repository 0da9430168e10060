"""What a lane may do next. Frozen descriptions; `relays/runtime/perform.py` carries them out.

Every step names the blocks that it is pinned to, so what comes back can only be about them.
"""

from dataclasses import dataclass

from adapters.api import Delivery, SubmissionId
from proofs.types import BlockRef, Claim, Height
from relays.core.batch import Batch
from relays.core.lane import Stage
from relays.core.types import Cursor, Leg


@dataclass(frozen=True, slots=True, kw_only=True)
class Observe:
    """Read finalized blocks `first` to `last`: packets on the source, acknowledgements on the destination."""

    leg: Leg
    first: Height
    last: Height
    finalized: BlockRef
    """At or above `last`."""
    pin: Cursor | None
    """Must be canonical before anything is read; None when that is known."""
    rescan: bool
    """Reads blocks below the cursor once more, for what is missing or disputed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Ask which claims would still have an effect in the state of block `at` of the acting chain."""

    leg: Leg
    stage: Stage
    batches: tuple[Batch, ...]
    """Each goes its own way afterwards."""
    claims: tuple[Claim, ...]
    """One for each of theirs, in order; not always their own."""
    at: BlockRef
    time_s: int
    """A time that the chain has reached for certain at its finalized block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prove:
    """Fetch evidence for the claims at finalized block `at` and verify it."""

    leg: Leg
    batch: Batch
    parts: tuple[int, ...]
    """Ids of the waiting batches that `batch` was joined from."""
    at: BlockRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Attest:
    """Collect the evidence for a proven list: signatures, or headers and proofs."""

    leg: Leg
    batch: Batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """Hand a delivery to the chain. Starts only when the intent is durable."""

    leg: Leg
    batch: Batch
    delivery: Delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """Ask what became of all submissions of a leg, in one call."""

    leg: Leg
    ids: tuple[SubmissionId, ...]
    head: Height
    """Head of the chain when the step was decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Nothing can start before `until_s` (unix seconds, may be infinite) or an event."""

    until_s: float


Effect = Observe | Check | Prove | Attest | Submit | Track
"""Steps that touch the world."""

Step = Effect | Wait


def stage_of(step: Effect) -> Stage:
    """Return the stage that a step belongs to."""
    match step:
        case Observe():
            return Stage.OBSERVE
        case Check(stage=stage):
            return stage
        case Prove():
            return Stage.PROVE
        case Attest():
            return Stage.ATTEST
        case Submit():
            return Stage.SUBMIT
        case Track():
            return Stage.TRACK
