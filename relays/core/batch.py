"""A list of claims that travels together, and the ways to cut and join such lists.

Every open message that is on its way is in exactly one batch. Nothing here decides when a batch moves.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from adapters.api import Evidence, SubmissionId
from proofs.types import Claim, Height, NotReceived, Proven
from proofs.types import Sequence as PacketSequence
from relays.core.types import Leg, State

_ANY_HEIGHT = Height(0)
_NO_HEIGHT = (1 << 64, 0)
"""Above every (revision, height)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Claims of one kind and one leg, with what is known of them so far."""

    id: int
    """Unique within the lane's run; a batch keeps it from stage to stage."""
    leg: Leg
    claims: tuple[Claim, ...]
    sequences: tuple[PacketSequence, ...]
    """Of the claims, in their order."""
    deadline_s: int
    """The earliest timeout among the packets, unix seconds by the destination's clock."""
    deadline_height: tuple[int, int]
    """The earliest timeout by height among them: revision and height of the destination."""
    state: State
    since_s: float
    ready_s: float = 0.0
    """Not before this time by our clock: backoff, or a standby's next look."""
    turn_s: float = 0.0
    """From when on it is our turn to deliver."""
    attempts: int = 0
    after_height: Height = _ANY_HEIGHT
    """A finalized block from this height on can tell whether the delivery had its effect."""
    held: bool = False
    """Too near its timeout to be sent: waits for a finalized block at which it is too late."""
    proven: tuple[Proven[Claim], ...] = ()
    proven_s: float = 0.0
    evidence: Evidence | None = None
    submission: SubmissionId | None = None
    delivered_by: str = ""
    suspect: bool = False
    """Its delivery was refused: if its claims still matter, it is cut in half to find the culprit."""
    old: bool = False
    """Found at our start, or remembered from before: fresh messages need not wait behind it."""
    note: str = ""
    """Why it is where it is, when that is not obvious: carried along into the final reason."""

    def __len__(self) -> int:
        return len(self.claims)


def sequences_of(claims: Iterable[Claim]) -> tuple[PacketSequence, ...]:
    """Return the sequences of the claims, in order."""
    return tuple([claim.packet.sequence for claim in claims])


def _deadline_s(claims: Sequence[Claim]) -> int:
    return min([claim.packet.timeout_s for claim in claims])


def _deadline_height(claims: Sequence[Claim]) -> tuple[int, int]:
    channels = [claim.packet.channel for claim in claims if claim.packet.channel is not None]
    heights = [(channel.timeout_revision, int(channel.timeout_height)) for channel in channels]
    return min([height for height in heights if height != (0, 0)], default=_NO_HEIGHT)


def batch_of(*, batch_id: int, leg: Leg, claims: Sequence[Claim], state: State, at_s: float) -> Batch:
    """Return a new batch of these claims (at least one)."""
    return Batch(
        id=batch_id,
        leg=leg,
        claims=tuple(claims),
        sequences=sequences_of(claims),
        deadline_s=_deadline_s(claims),
        deadline_height=_deadline_height(claims),
        state=state,
        since_s=at_s,
    )


def reclaimed(batch: Batch, claims: Sequence[Claim], batch_id: int) -> Batch:
    """Return `batch` with other claims (at least one) under another id; everything else stays."""
    return replace(
        batch,
        id=batch_id,
        claims=tuple(claims),
        sequences=sequences_of(claims),
        deadline_s=_deadline_s(claims),
        deadline_height=_deadline_height(claims),
        proven=(),
        evidence=None,
    )


def unproven(batch: Batch) -> Batch:
    """Return `batch` without what belongs to one way of delivering it, ready to be looked at again."""
    return replace(
        batch,
        proven=(),
        proven_s=0.0,
        evidence=None,
        submission=None,
        after_height=_ANY_HEIGHT,
        held=False,
    )


def joinable(first: Batch, other: Batch) -> bool:
    """Say whether two waiting batches may travel as one: one kind, and nothing went wrong with either."""
    return (
        not (first.attempts or other.attempts or first.suspect or other.suspect)
        and first.state is other.state
        and type(first.claims[0]) is type(other.claims[0])
        and first.delivered_by == other.delivered_by
        and first.old is other.old
    )


def joined(batches: Sequence[Batch]) -> Batch:
    """Return one batch with the claims of all (at least one batch), under the first one's id."""
    first = batches[0]
    if len(batches) == 1:
        return first
    return replace(
        first,
        claims=tuple([claim for batch in batches for claim in batch.claims]),
        sequences=tuple([sequence for batch in batches for sequence in batch.sequences]),
        deadline_s=min([batch.deadline_s for batch in batches]),
        deadline_height=min([batch.deadline_height for batch in batches]),
        turn_s=max([batch.turn_s for batch in batches]),
    )


def consecutive(claims: Sequence[Claim]) -> list[list[Claim]]:
    """Return the claims in lists of neighbouring sequences, in their order."""
    found: list[list[Claim]] = []
    for claim in claims:
        if found and found[-1][-1].packet.sequence + 1 == claim.packet.sequence:
            found[-1].append(claim)
        else:
            found.append([claim])
    return found


def is_timeout(batch: Batch) -> bool:
    """Say whether the batch carries timeouts."""
    return isinstance(batch.claims[0], NotReceived)
