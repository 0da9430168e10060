"""Turns what the gateway knows into `gateway.views`. Pure: no I/O, no clock."""

from collections.abc import Sequence

from adapters.api import EndpointHealth
from gateway.attestor.client import PeerClient
from gateway.config.schema import AttestorConfig, ChainConfig
from gateway.lanes import LaneEntry
from gateway.store.queries import LaneTotals, Moved, Stored
from gateway.views import (
    AttestorView,
    ChainView,
    EndpointView,
    HostedClientView,
    LaneView,
    MessageView,
    PayloadView,
    TimelineEntry,
)
from proofs.codec import ERROR_ACKNOWLEDGEMENT
from proofs.ids import PROFILES, InteropAddress, format_name
from proofs.types import ChainId, Packet, Payload
from relays.core.types import ENDS
from relays.runtime.keeper import ClientHealth
from relays.runtime.status import ChainHealth, ChainMode, LaneMode, LaneStatus

REFUSED = "the application at its end refused it"
"""Why a message had no effect although it was delivered."""

_MAX_DETAIL = 500
"""Characters of an endpoint's evidence that are shown."""

_LANE_STATES = {
    LaneMode.STARTING: "waiting",
    LaneMode.RUNNING: "running",
    LaneMode.WAITING: "waiting",
    LaneMode.HALTED: "halted",
    LaneMode.FAILED: "halted",
    LaneMode.STOPPED: "stopped",
}

_CHAIN_STATES = {
    ChainMode.CONNECTING: "down",
    ChainMode.UP: "up",
    ChainMode.DOWN: "down",
    ChainMode.HALTED: "halted",
}


def address_text(chain: ChainId, address: bytes) -> str:
    """Return an address for people: ERC-7828 where its chain has such a form, else hex; empty for none."""
    if not address:
        return ""
    if chain.partition(":")[0] in PROFILES:
        return format_name(InteropAddress(chain=chain, address=address))
    return f"0x{address.hex()}"


def endpoint(health: EndpointHealth) -> EndpointView:
    """Return the view of one endpoint."""
    state = "quarantined" if health.quarantined_for else "usable" if health.usable else "cooling"
    return EndpointView(
        name=health.name, state=state, reason=health.quarantined_for, detail=health.detail[:_MAX_DETAIL]
    )


def chain(
    config: ChainConfig, health: ChainHealth, signer: str, endpoints: Sequence[EndpointHealth]
) -> ChainView:
    """Return the view of one chain."""
    status = health.status
    return ChainView(
        id=config.id,
        name=config.name or config.id,
        adapter=config.adapter,
        state=_CHAIN_STATES[health.mode],
        error="connecting" if health.mode is ChainMode.CONNECTING and not health.error else health.error,
        head_height=status.head.height if status else None,
        finalized_height=status.finalized.height if status else None,
        finalized_time_s=status.finalized_time_s if status else None,
        observed_at_s=status.observed_at_s if status else None,
        light_client=health.light_client,
        assurance=health.assurance.value,
        signer=signer,
        endpoints=tuple([endpoint(one) for one in endpoints]),
    )


def attestor(config: AttestorConfig, peer: PeerClient | None) -> AttestorView:
    """Return the view of one attestor; one that is no peer is this gateway."""
    if peer is None:
        state = "self"
    elif peer.error is None:
        state = "unknown"
    else:
        state = "failing" if peer.error else "live"
    return AttestorView(
        name=config.name,
        address=config.address,
        is_self=peer is None,
        state=state,
        error=(peer.error or "") if peer is not None else "",
    )


def lane(
    entry: LaneEntry,
    status: LaneStatus,
    totals: LaneTotals | None,
    attestors: tuple[AttestorView, ...],
    hosted: ClientHealth | None,
) -> LaneView:
    """Return the view of one lane; counts are those of the store."""
    counts = {state.value: count for state, count in totals.counts.items()} if totals else {}
    ended = sum(counts.get(state.value, 0) for state in ENDS)
    return LaneView(
        id=entry.id,
        source=entry.lane.source,
        source_name=entry.source_name,
        source_client=entry.lane.source_client,
        destination=entry.lane.destination,
        destination_name=entry.destination_name,
        destination_client=entry.lane.destination_client,
        state=_LANE_STATES[status.mode],
        reason=_lane_reason(status),
        unsafe=entry.config.unsafe,
        unsafe_because=entry.unsafe_because,
        trust=entry.trust(),
        assurance=status.assurance.value,
        threshold=entry.config.threshold,
        attestors=attestors,
        counts=counts,
        open=sum(counts.values()) - ended,
        oldest_open_s=totals.oldest_open_s if totals else None,
        cursors={leg.value: cursor.height for leg, cursor in status.cursors.items()},
        hosted=None if hosted is None else _hosted(hosted),
    )


def _hosted(health: ClientHealth) -> HostedClientView:
    return HostedClientView(
        state=health.mode.value, height=health.height, expires_s=health.expires_s, detail=health.detail
    )


def _lane_reason(status: LaneStatus) -> str:
    match status.mode:
        case LaneMode.STARTING:
            return "starting"
        case LaneMode.FAILED:
            return f"unexpected error, please report it: {status.reason}"
        case _:
            return status.reason


def problems(chains: Sequence[ChainView], lanes: Sequence[LaneView]) -> tuple[str, ...]:
    """Return one sentence for everything that keeps messages of any configured lane from moving.

    Readiness is progress: one chain that cannot be read is enough, for its lanes stand still.
    """
    down = [one for one in chains if one.state != "up"]
    found = [f"chain {one.name} ({one.id}) is {one.state}: {one.error}" for one in down]
    found += [f"lane {one.id} is halted: {one.reason}" for one in lanes if one.state == "halted"]
    found += [f"lane {one.id} has not started yet" for one in lanes if one.reason == "starting"]
    found += [
        f"client {one.destination_client} on {one.destination_name} expires soon: {one.hosted.detail}"
        for one in lanes
        if one.hosted is not None and one.hosted.state == "expiring"
    ]
    return tuple(found)


def message(stored: Stored, entry: LaneEntry | None, moves: Sequence[Moved]) -> MessageView:
    """Return the view of one message; a lane that is not configured any more is shown as it was sent."""
    kept = stored.message
    packet = kept.packet
    return MessageView(
        id=stored.id.hex(),
        lane=entry.id if entry is not None else str(stored.lane),
        sequence=packet.sequence,
        source=stored.lane.source,
        source_client=stored.lane.source_client,
        destination=stored.lane.destination,
        destination_client=stored.lane.destination_client,
        state=kept.state.value,
        reason=kept.reason or (REFUSED if _is_refusal(packet, kept.acknowledgements) else ""),
        waiting_on=kept.waiting_on.value,
        since_s=kept.since_s,
        next_action_s=kept.next_action_s,
        attempts=kept.attempts,
        delivered_by=kept.delivered_by,
        delivery=kept.delivery or "",
        transaction=kept.transaction,
        height=kept.height,
        timeout_s=packet.timeout_s,
        timeout_height=_timeout_height(packet),
        unsafe=entry.config.unsafe if entry is not None else False,
        trust=entry.trust() if entry is not None else "lane not configured",
        payloads=tuple(_payload(one) for one in packet.payloads),
        acknowledgements=tuple(f"0x{one.hex()}" for one in kept.acknowledgements),
        timeline=tuple(_entry(move) for move in moves),
    )


def _timeout_height(packet: Packet) -> str:
    """Return the height at which a packet times out as IBC writes it, empty when there is none."""
    end = packet.channel
    if end is None or not (end.timeout_revision or end.timeout_height):
        return ""
    return f"{end.timeout_revision}-{end.timeout_height}"


def _is_refusal(packet: Packet, acknowledgements: tuple[bytes, ...]) -> bool:
    """Say whether an application answered with an error: of IBC v2 always the same, of a channel JSON."""
    if packet.channel is None:
        return acknowledgements == (ERROR_ACKNOWLEDGEMENT,)
    return any(each.startswith(b'{"error":') for each in acknowledgements)


def _payload(payload: Payload) -> PayloadView:
    return PayloadView(
        source_port=payload.source_port,
        destination_port=payload.destination_port,
        version=payload.version,
        encoding=payload.encoding,
        size=len(payload.value),
        value=f"0x{payload.value.hex()}",
    )


def _entry(move: Moved) -> TimelineEntry:
    return TimelineEntry(
        at_s=move.at_s,
        state=move.state,
        waiting_on=move.waiting_on,
        reason=move.reason,
        attempts=move.attempts,
        delivery=move.delivery or "",
        delivered_by=move.delivered_by or "",
    )
