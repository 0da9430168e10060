"""What people may see of chains and lanes at one moment: frozen snapshots, taken without waiting.

Nothing here decides. Where a lane is unsafe, the snapshot says so, and every surface that shows the lane
shows it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from adapters.api import ChainStatus
from proofs.types import Assurance, ChainId, Lane
from relays.core.types import Cursor, Leg, State


class ChainMode(Enum):
    """How a chain does."""

    CONNECTING = "connecting"
    UP = "up"
    DOWN = "down"
    """Its endpoints do not answer as they should; it is tried again by itself."""
    HALTED = "halted"
    """It contradicted itself or is another chain: its lanes wait for a person."""


class LaneMode(Enum):
    """How a lane does."""

    STARTING = "starting"
    RUNNING = "running"
    WAITING = "waiting"
    """A remedy is under way; `reason` says for what."""
    HALTED = "halted"
    """Waits for a person."""
    FAILED = "failed"
    """Stopped by an error that nobody expected: a bug. The gateway is not ready while a lane is here."""
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainHealth:
    """One chain, as its only head reader sees it."""

    chain: ChainId
    mode: ChainMode
    error: str
    """`code: sentence` of the last error, empty when up."""
    since_s: float
    """When this mode began, unix seconds."""
    status: ChainStatus | None
    """The newest head and finality, kept while the chain is down; None before the first."""
    assurance: Assurance
    light_client: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneStatus:
    """One lane."""

    lane: Lane
    mode: LaneMode
    reason: str
    """Why it is not running, empty otherwise."""
    unsafe: bool
    assurance: Assurance
    """The weaker of the two chains' assurances."""
    rank: int
    """Our turn to deliver: 0 is first."""
    counts: Mapping[State, int]
    """Open messages by state, and those that ended since the start; states without messages are left out."""
    open: int
    oldest_open_s: float | None
    """When the oldest open message came into its state, unix seconds."""
    in_flight: Mapping[Leg, int]
    """Submissions handed over and not yet decided."""
    cursors: Mapping[Leg, Cursor]
    last_error: str
    last_error_s: float
    """Unix seconds; 0 when there was none."""
