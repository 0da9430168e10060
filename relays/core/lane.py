"""What is known of one lane at one moment: `LaneState`, its configuration and its limits. Data only.

A message that is not at an end is in exactly one place: in one batch of one stage of one leg, or in
`awaiting` (delivered, no acknowledgement seen yet), or in `disputed` (its content was refuted and is read
again).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from adapters.api import ChainStatus, SeenAcknowledgement, SeenPacket
from proofs.types import Height, Lane
from relays.core.batch import Batch
from relays.core.filters import NO_FILTER, PacketFilter
from relays.core.paged import Paged
from relays.core.types import Cursor, Leg, State, WaitingOn

_GENESIS = Height(0)
_NEVER = Height(-1)


class Stage(StrEnum):
    """The stages of a leg, in the order in which a batch meets them."""

    OBSERVE = "observe"
    SURVEY = "survey"
    """Old messages: does the commitment still stand on the source?"""
    SETTLE = "settle"
    """The commitment is gone: does the destination say received, or past its timeout?"""
    CHECK = "check"
    """Would a delivery still have an effect at the head of the chain that must act?"""
    PROVE = "prove"
    ATTEST = "attest"
    SUBMIT = "submit"
    TRACK = "track"
    CONFIRM = "confirm"
    """Did it have its effect, by the finalized state of the chain that must act?"""
    PARKED = "parked"


HELD_STAGES = (Stage.PROVE, Stage.ATTEST, Stage.SUBMIT)
"""Where lists of an ordered lane wait until it is their turn."""

Slot = tuple[Leg, Stage]
"""One stage of one leg."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Every bound of a lane. Times in seconds."""

    batch: int = 100
    """Claims of one list."""
    look: int = 1_000
    """Claims that one look at a chain's state is about."""
    fresh_run: int = 3
    """Lists of fresh messages that are proven in a row while old ones wait."""
    window: int = 4
    """Submissions of one leg that may be undecided at once."""
    ahead: int = 4
    """Lists of one leg that may be proven and not yet submitted."""
    scan_range: int = 2_000
    """Blocks of one observation."""
    max_open: int = 100_000
    """Open messages; above it nothing more is read from the source."""
    attempts: int = 10
    """Bad evidence or lost deliveries of one message before it is parked."""
    refusals: int = 5
    """Refusals of one message alone before it is parked."""
    refused_run: int = 12
    """Refusals in a row, without a success, after which the chain and not the message is to blame."""
    backoff_s: tuple[float, ...] = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
    timeout_margin_s: int = 10
    """A packet this near its timeout is not sent any more."""
    timeout_margin_blocks: int = 3
    """The same for a timeout by height, in blocks of the destination."""
    standby_s: float = 5.0
    """How often a gateway whose turn has not come looks whether the others have delivered."""
    track_s: float = 1.0
    """Submissions are looked at with every new head, and at least this often."""
    proof_age_s: float = 300.0
    """A proof that is older is made anew before it is signed."""
    recheck_s: float = 60.0
    """A delivered message whose acknowledgement does not come is looked at again after this time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneParams:
    """Configuration of one lane."""

    lane: Lane
    rank: int
    """Our place in the lane's order of turns, 0 is first (`relays.core.turns`)."""
    takeover_s: float
    source_start: Height = _GENESIS
    """First source block to read packets from."""
    destination_start: Height = _GENESIS
    """First destination block to read acknowledgements from."""
    unsafe: bool = False
    """Allowed by `unsafe = true` only; shown wherever the lane is shown."""
    light_client: bool = False
    """The chain that acts runs a light client of the proven one: evidence is headers and proofs."""
    ordered: bool = False
    """A channel whose packets are received and acknowledged in order, or not at all (`relays.core.order`)."""
    filter: PacketFilter = NO_FILTER
    """What is not relayed."""

    def __post_init__(self) -> None:
        if self.ordered and self.filter != NO_FILTER:
            raise ValueError(f"lane {self.lane}: expected no filter on an ordered lane, which it would stop")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A stage rests after a failure that concerns all its batches."""

    until_s: float
    tries: int
    """Failures in a row."""
    waiting_on: WaitingOn
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Why a leg of an ordered lane does not get beyond a sequence."""

    sequence: int
    reason: str
    waiting_on: WaitingOn | None
    """None: what the stage needs anyway."""

    def holds(self, batch: Batch) -> bool:
        """Say whether the batch waits behind this sequence."""
        return batch.sequences[0] > self.sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """A delivered message without acknowledgement."""

    since_s: float
    height: Height
    """The acknowledgement is not below this destination block."""
    attempts: int = 0
    """How often a false acknowledgement was seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disputed:
    """A sequence whose packet was refuted."""

    attempts: int
    height: Height
    """Source block in which it was said to be sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegState:
    """What one leg has read and what it is doing, beyond its batches."""

    cursor: Cursor | None = None
    """The last block that was read; None before the first."""
    pinned: bool = False
    """The cursor's hash was found canonical in this run."""
    rescan_from: Height | None = None
    """Blocks from here up to the cursor are read once more."""
    observing: bool = False
    tracking: bool = False
    fresh_run: int = 0
    """Lists of fresh messages proven since the last list of old ones."""
    refused_run: int = 0
    """Refused deliveries since the last success."""
    tracked_head: Height = _NEVER
    tracked_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneState:
    """All that `decide` decides from."""

    params: LaneParams
    limits: Limits
    source: ChainStatus | None = None
    destination: ChainStatus | None = None
    out: LegState = field(default_factory=LegState)
    back: LegState = field(default_factory=LegState)
    queues: Mapping[Slot, tuple[Batch, ...]] = field(default_factory=dict)
    busy: Mapping[Slot, tuple[Batch, ...]] = field(default_factory=dict)
    pauses: Mapping[Slot, Pause] = field(default_factory=dict)
    packets: Paged[SeenPacket] = field(default_factory=Paged)
    """Every open message."""
    awaiting: Paged[Awaited] = field(default_factory=Paged)
    acknowledged: Paged[SeenAcknowledgement] = field(default_factory=Paged)
    """Acknowledgements of messages that are not known to be delivered yet. Untrusted."""
    disputed: Paged[Disputed] = field(default_factory=Paged)
    last_sequence: int = 0
    """The highest sequence read in this run; 0 before the first."""
    last_height: Height = _GENESIS
    """Source block in which it was sent."""
    old_up_to: Height | None = None
    """The source's finalized height at our start: others may have delivered what is at or below it."""
    closed_at: Height | None = None
    """Destination block at which its end of the channel was found closed."""
    broken_at: int = 0
    """The sequence whose timeout closed this ordered lane; 0 when none did."""
    holds: Mapping[Leg, Hold | None] = field(default_factory=dict)
    """Ordered lanes: who holds up a leg."""
    next_id: int = 1
    halted: str = ""
    """Why the lane waits for a person, empty when it does not."""
    violated: bool = False
    """It was halted because a chain contradicted itself."""
    ended: Mapping[State, int] = field(default_factory=dict)
    """Messages that ended since the start."""
    rechecked_s: float = 0.0
    last_error: str = ""
    last_error_s: float = 0.0

    def leg(self, leg: Leg) -> LegState:
        """Return the state of one leg."""
        return self.out if leg is Leg.OUT else self.back

    def acting(self, leg: Leg) -> ChainStatus | None:
        """Return the status of the chain that a leg delivers to."""
        return self.destination if leg is Leg.OUT else self.source

    def proving(self, leg: Leg) -> ChainStatus | None:
        """Return the status of the chain that a leg proves from."""
        return self.source if leg is Leg.OUT else self.destination
