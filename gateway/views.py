"""What is shown: one set of frozen records for the HTTP API, the command line and the page alike.

Plain data: text, numbers, tuples of records, `None` for "not known". Times are unix seconds, heights are
block numbers of the chain named beside them, bytes are lowercase hex with `0x`, chains are CAIP-2, addresses
of EVM chains ERC-7828. Who fills them in is `gateway.reader`; who words them is `gateway.explain`; nothing
here reads or decides.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointView:
    """One endpoint through which a chain is read."""

    name: str
    state: str
    """`usable`, `cooling` (failed, will be asked again) or `quarantined` (caught in a lie)."""
    reason: str
    """Code of the lie, empty otherwise."""
    detail: str
    """The last error, or the evidence of the lie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainView:
    """One chain as this gateway sees it."""

    id: str
    """CAIP-2."""
    name: str
    adapter: str
    state: str
    """`up`, `down` (its endpoints do not answer), `halted` (waits for a person)."""
    error: str
    """The last error, empty when up."""
    head_height: int | None
    finalized_height: int | None
    finalized_time_s: int | None
    observed_at_s: float | None
    """When head and finality were read."""
    light_client: str
    """Family that judges this chain's blocks."""
    assurance: str
    """`consensus` or `agreement`."""
    signer: str
    """Address that pays for transactions on this chain, empty when the chain is only watched."""
    endpoints: tuple[EndpointView, ...] = ()
    """Empty when the adapter does not report them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestorView:
    """One gateway that signs for a lane."""

    name: str
    address: str
    """Address of its key for this lane."""
    is_self: bool
    state: str
    """`self`, `live`, `failing` (circuit open or last answer bad), `unknown` (not asked yet)."""
    error: str
    """Why the last answer was no use, empty otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedClientView:
    """The light client on a lane's destination, which this gateway keeps alive."""

    state: str
    """`unknown`, `active`, `expiring` (less than a third of its time is left), `expired`, `frozen`."""
    height: int
    """The newest block of the source that it trusts."""
    expires_s: int
    """When it is lost unless it gets a header; 0 when it does not expire."""
    detail: str
    """What was done for it last, or why that failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneView:
    """One direction between two chains."""

    id: str
    """Short stable id, usable in a URL."""
    source: str
    source_name: str
    source_client: str
    destination: str
    destination_name: str
    destination_client: str
    state: str
    """`running`, `waiting` (a remedy is under way), `halted` (waits for a person), `stopped`."""
    reason: str
    """Why it is not running, empty otherwise."""
    unsafe: bool
    """Allowed by `unsafe = true` only: show it wherever the lane is shown."""
    unsafe_because: str
    """What a message on this lane is not protected from, empty when safe."""
    trust: str
    """What the destination checks, for example `attested 2-of-3`."""
    assurance: str
    """The weaker of the two chains' assurances: `consensus` or `agreement`."""
    threshold: int
    attestors: tuple[AttestorView, ...]
    counts: Mapping[str, int]
    """State -> number of messages; states without messages are left out."""
    open: int
    """Messages that have not ended."""
    oldest_open_s: float | None
    """When the oldest open message came into its state."""
    cursors: Mapping[str, int]
    """Leg (`out`, `back`) -> height up to which it has been read."""
    hosted: HostedClientView | None = None
    """On a `light-client` lane; None on others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """One move of a message."""

    at_s: float
    state: str
    waiting_on: str
    reason: str
    attempts: int | None
    delivery: str
    delivered_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadView:
    """One payload of a message."""

    source_port: str
    destination_port: str
    version: str
    encoding: str
    size: int
    """Bytes."""
    value: str
    """Hex."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageView:
    """One message: where it is, why, and what happens next."""

    id: str
    """64 hex digits, see `proofs.ids`."""
    lane: str
    """Id of its `LaneView`."""
    sequence: int
    source: str
    source_client: str
    destination: str
    destination_client: str
    state: str
    reason: str
    waiting_on: str
    since_s: float
    next_action_s: float
    """When it is tried next, 0 when that is up to an event."""
    attempts: int
    delivered_by: str
    """`self`, `other` or empty."""
    delivery: str
    """Name of the last transaction that carried it, empty before."""
    transaction: str
    """Name of the source's transaction that sent it."""
    height: int
    """Source block in which it was sent."""
    timeout_s: int
    timeout_height: str
    """`REVISION-HEIGHT` of the destination, of an IBC v1 packet that has such a timeout; empty: none."""
    unsafe: bool
    trust: str
    payloads: tuple[PayloadView, ...]
    acknowledgements: tuple[str, ...]
    """Hex, one for each payload, empty before."""
    timeline: tuple[TimelineEntry, ...]
    """Oldest first; empty in lists, filled when one message is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePage:
    """Some messages, newest first, and where to go on."""

    messages: tuple[MessageView, ...]
    cursor: str
    """Pass it back for the next page; empty on the last one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a message is where it is."""

    id: str
    sentence: str
    """One sentence for a person."""
    evidence: Mapping[str, str]
    """What the sentence rests on, name -> value."""
    command: str
    """Exactly what to run or do about it, empty when there is nothing to do but wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The gateway at a glance."""

    name: str
    version: str
    ready: bool
    problems: tuple[str, ...]
    """One sentence each: what is red, empty when ready."""
    unsafe: bool
    """At least one lane is."""
    chains: tuple[ChainView, ...]
    lanes: tuple[LaneView, ...]
