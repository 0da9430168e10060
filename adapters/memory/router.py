"""The IBC v2 router of a memory chain: the rules of `adapters/evm/contracts`, natively.

A packet has one effect: a receipt is written before its application runs, and an application that fails is
undone and answered with the error acknowledgement. A commitment is cleared by exactly one acknowledgement or
timeout. What cannot be proven to the client, or is not what this chain sent, reverts the whole transaction;
what is already settled is skipped, because another relay was faster. A packet at or past its timeout is not
received.

Implements: ICS-4 v2 (send, receive, acknowledge, timeout), ibc-go `attestations` client (freezing included).
"""

from dataclasses import dataclass

from adapters.memory import apps
from adapters.memory.apps import Revert
from adapters.memory.state import State, View
from adapters.memory.transactions import (
    AcknowledgementWritten,
    AddClient,
    Deliver,
    Mint,
    PacketSent,
    SendPackets,
    Transaction,
)
from proofs import attestation, codec
from proofs.records import replace
from proofs.types import Acknowledged, ChainId, ClientId, NotReceived, Packet, Sent, Sequence
from proofs.verdict import Accepted, Refusal

MAX_TIMEOUT_S = 24 * 3600
"""How far ahead a timeout may be, as IBC v2 has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """An attestation client as the router holds it."""

    counterparty: ClientId
    attestors: tuple[bytes, ...]
    threshold: int
    latest_height: int = 0
    frozen: bool = False


def execute(
    state: State | View, chain: ChainId, transaction: Transaction, time_s: int
) -> tuple[View, tuple[Sequence, ...]]:
    """Return what the transaction writes at block time `time_s`, and what it sends. Raises `Revert`."""
    view = View(state)
    match transaction:
        case AddClient():
            _add_client(view, transaction)
        case Mint():
            view.add(("balance", transaction.denom, transaction.account), transaction.amount)
        case SendPackets():
            return view, _send(view, chain, transaction, time_s)
        case Deliver():
            _deliver(view, chain, transaction, time_s)
    return view, ()


def client_of(view: State | View, client: ClientId) -> Client:
    """Return the client of this name. Raises `Revert` when there is none."""
    found: Client | None = view.get(("client", client))
    if found is None:
        raise Revert(f"no client {client!r}")
    return found


def _add_client(view: View, wanted: AddClient) -> None:
    if view.get(("client", wanted.client)) is not None:
        raise Revert(f"client {wanted.client!r} exists")
    if len(set(wanted.attestors)) != len(wanted.attestors) or not 1 <= wanted.threshold <= len(
        wanted.attestors
    ):
        raise Revert(
            f"expected a threshold of distinct attestors, got {wanted.threshold} of {len(wanted.attestors)}"
        )
    client = Client(counterparty=wanted.counterparty, attestors=wanted.attestors, threshold=wanted.threshold)
    view.put(("client", wanted.client), client)


def _send(view: View, chain: ChainId, transaction: SendPackets, time_s: int) -> tuple[Sequence, ...]:
    sequences = []
    for request in transaction.requests:
        lane = request.lane
        client = client_of(view, lane.source_client)
        if lane.source != chain or client.counterparty != lane.destination_client:
            raise Revert(
                f"lane {lane}: this is {chain}, and the client's counterparty is {client.counterparty}"
            )
        if client.frozen:
            raise Revert(f"client {lane.source_client!r} is frozen")
        if not time_s < request.timeout_s <= time_s + MAX_TIMEOUT_S:
            raise Revert(
                f"timeout: expected {time_s + 1} to {time_s + MAX_TIMEOUT_S}, got {request.timeout_s}"
            )
        packet = Packet(
            sequence=Sequence(view.add(("sent", lane.source_client), 1)),
            source_client=lane.source_client,
            destination_client=lane.destination_client,
            timeout_s=request.timeout_s,
            payloads=(apps.outgoing(view, transaction.sender, request),),
        )
        try:
            codec.check_packet(packet)
        except Refusal as refusal:
            raise Revert(str(refusal)) from refusal
        view.put(
            codec.commitment_path(packet.source_client, packet.sequence), codec.packet_commitment(packet)
        )
        view.events.append(PacketSent(packet=packet))
        sequences.append(packet.sequence)
    return tuple(sequences)


def _deliver(view: View, chain: ChainId, delivery: Deliver, time_s: int) -> None:
    """Check the whole list against the client, then act on each claim."""
    name = _check_route(view, chain, delivery)
    if not _prove(view, name, client_of(view, name), delivery):
        return
    for claim in delivery.claims:
        match claim:
            case Sent(packet=packet):
                _receive(view, packet, time_s)
            case Acknowledged(packet=packet, acknowledgements=acknowledgements):
                _settle(view, packet, acknowledgements)
            case NotReceived(packet=packet):
                _time_out(view, packet, delivery.attested.time_s)


def _check_route(view: View, chain: ChainId, delivery: Deliver) -> ClientId:
    """Return our client of the delivery's lane. Raises `Revert` unless every packet is of that lane."""
    if len({type(claim) for claim in delivery.claims}) != 1:
        raise Revert(f"expected claims of one kind, got {len(delivery.claims)} claims")
    inward = delivery.lane if isinstance(delivery.claims[0], Sent) else delivery.lane.reverse()
    if inward.destination != chain:
        raise Revert(f"expected a delivery to {chain}, got one to {inward.destination}")
    client = client_of(view, inward.destination_client)
    if client.counterparty != inward.source_client:
        raise Revert(f"client: expected counterparty {client.counterparty!r}, got {inward.source_client!r}")
    lane = delivery.lane
    for claim in delivery.claims:
        clients = (claim.packet.source_client, claim.packet.destination_client)
        if clients != (lane.source_client, lane.destination_client):
            raise Revert(f"packet {claim.packet.sequence}: expected clients of {lane}, got {clients}")
        try:
            codec.check_packet(claim.packet)
        except Refusal as refusal:
            raise Revert(str(refusal)) from refusal
    return inward.destination_client


def _prove(view: View, name: ClientId, client: Client, delivery: Deliver) -> bool:
    """Check both attestations. Return False when the client freezes: that stays, and nothing else happens."""
    attested = delivery.attested
    if client.frozen:
        raise Revert(f"client {name!r} is frozen")
    try:
        state = attestation.state_digest(attestation.encode_state(attested.height, attested.time_s))
        encoded = attestation.encode_packets(attested.height, attestation.pairs(delivery.claims))
    except ValueError as error:
        raise Revert(str(error)) from error
    _check_signatures(client, state, attested.state_signatures)
    known = view.get(("consensus", name, attested.height))
    if known is not None and known != attested.time_s:
        view.put(("client", name), replace(client, frozen=True))
        return False
    _check_signatures(client, attestation.packets_digest(encoded), attested.packet_signatures)
    view.put(("consensus", name, attested.height), attested.time_s)
    if attested.height > client.latest_height:
        view.put(("client", name), replace(client, latest_height=attested.height))
    return True


def _check_signatures(client: Client, digest: bytes, signatures: tuple[bytes, ...]) -> None:
    verdict = attestation.check(client.attestors, client.threshold, digest, signatures)
    if not isinstance(verdict, Accepted):
        raise Revert(f"attestation: {verdict}")


def _receive(view: View, packet: Packet, time_s: int) -> None:
    receipt = codec.receipt_path(packet.destination_client, packet.sequence)
    if view.get(receipt) is not None or time_s >= packet.timeout_s:
        return
    view.put(receipt, codec.RECEIPT_VALUE)
    attempt = View(view)
    try:
        acknowledgements = tuple([apps.receive(attempt, packet, payload) for payload in packet.payloads])
        view.absorb(attempt)
    except Revert:
        acknowledgements = (codec.ERROR_ACKNOWLEDGEMENT,)
    path = codec.acknowledgement_path(packet.destination_client, packet.sequence)
    view.put(path, codec.acknowledgement_commitment(acknowledgements))
    written = AcknowledgementWritten(
        client=packet.destination_client, sequence=packet.sequence, acknowledgements=acknowledgements
    )
    view.events.append(written)


def _settle(view: View, packet: Packet, acknowledgements: tuple[bytes, ...] | None) -> None:
    """Tell the applications; None is a timeout. One that fails keeps its packet open for another try."""
    path = codec.commitment_path(packet.source_client, packet.sequence)
    standing = view.get(path)
    if standing is None:
        return
    if standing != codec.packet_commitment(packet):
        raise Revert(f"packet {packet.sequence}: it is not the one that was sent")
    attempt = View(view)
    try:
        for place, payload in enumerate(packet.payloads):
            answer = acknowledgements[min(place, len(acknowledgements) - 1)] if acknowledgements else None
            apps.settle(attempt, packet, payload, answer)
    except Revert:
        return
    attempt.put(path, None)
    view.absorb(attempt)


def _time_out(view: View, packet: Packet, proven_time_s: int) -> None:
    if proven_time_s < packet.timeout_s:
        raise Revert(f"packet {packet.sequence}: times out at {packet.timeout_s}, proven is {proven_time_s}")
    _settle(view, packet, None)
