"""A delivery as call data for the router: packets in runs of one route, with one proof for all of them. Pure.

The router rebuilds path and commitment of each packet in the order of the batch, so the order of the
claims is kept. What it receives and what it does with it is said in
`adapters/evm/contracts/src/IRouter.sol`.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import assert_never

from adapters.api import Delivery
from adapters.errors import Refused
from adapters.evidence import attested_of
from adapters.evm.abi import Part, Tail, array, dynamic, encode, selector, struct, uint64s, word
from proofs import attestation
from proofs.types import Acknowledged, Claim, ClientId, NotReceived, Packet, Payload, Sent

_BATCH = "(string,((string,string,string,string),bytes32[],bytes,bytes)[],uint64,bytes,bytes)"
_RECEIVE = selector(f"recvPackets({_BATCH})")
_ACKNOWLEDGE = selector(f"ackPackets({_BATCH},bytes[],bytes)")
_TIME_OUT = selector(f"timeoutPackets({_BATCH})")
_CLIENT_INFO = selector("clientInfo(string)")
_COMMITMENTS = selector("commitments(string,uint64[])")
_RECEIVED = selector("received(string,uint64[])")
_ACK_BATCHES = selector("ackBatches(string,uint64,uint64)")
_MAX_DISTINCT_ACKS = 256


def client_info_call(client: ClientId) -> bytes:
    """Return the call data of `clientInfo`."""
    return _CLIENT_INFO + encode([dynamic(client)])


def commitments_call(client: ClientId, sequences: Sequence[int]) -> bytes:
    """Return the call data of `commitments`."""
    return _COMMITMENTS + encode([dynamic(client), uint64s(sequences)])


def received_call(client: ClientId, sequences: Sequence[int]) -> bytes:
    """Return the call data of `received`."""
    return _RECEIVED + encode([dynamic(client), uint64s(sequences)])


def ack_batches_call(client: ClientId, first: int, count: int) -> bytes:
    """Return the call data of `ackBatches`."""
    return _ACK_BATCHES + encode([dynamic(client), word(first), word(count)])


def host_client(delivery: Delivery) -> ClientId:
    """Return the client that the delivery is proven to, on the chain that it goes to."""
    is_sent = isinstance(delivery.proven[0].claim, Sent)
    return delivery.lane.destination_client if is_sent else delivery.lane.source_client


def update_message(delivery: Delivery) -> bytes:
    """Return what the light client's `updateClient` takes: the attested height and time."""
    attested = attested_of(delivery)
    state = attestation.encode_state(attested.height, attested.time_s)
    return attestation.envelope_evm(state, attested.state_signatures)


def delivery_call(delivery: Delivery, update: bytes) -> bytes:
    """Return the call data that performs a delivery; `update` goes first and may be empty.

    Raises `Refused` for packets that the router cannot take.
    """
    claims = [proven.claim for proven in delivery.proven]
    batch = _batch(delivery, [claim.packet for claim in claims], update)
    first = claims[0]
    if any(type(claim) is not type(first) for claim in claims):
        raise Refused(f"delivery {delivery.key}: expected claims of one kind")
    match first:
        case Sent():
            return _RECEIVE + encode([batch])
        case NotReceived():
            return _TIME_OUT + encode([batch])
        case Acknowledged():
            return _ACKNOWLEDGE + encode([batch, *_acknowledgements(claims)])
        case _:
            assert_never(first)


def _batch(delivery: Delivery, packets: Sequence[Packet], update: bytes) -> Tail:
    runs = groupby(packets, key=_route)
    return struct(
        [
            dynamic(host_client(delivery)),
            array([_group(route, list(run)) for route, run in runs]),
            word(attested_of(delivery).height),
            dynamic(b"".join(attested_of(delivery).packet_signatures)),
            dynamic(update),
        ]
    )


def _only_payload(packet: Packet) -> Payload:
    if len(packet.payloads) != 1:
        raise Refused(f"packet {packet.sequence}: the router takes 1 payload, got {len(packet.payloads)}")
    return packet.payloads[0]


def _route(packet: Packet) -> tuple[str, str, str, str]:
    payload = _only_payload(packet)
    return payload.source_port, payload.destination_port, payload.version, payload.encoding


def _group(route: tuple[str, str, str, str], packets: list[Packet]) -> Tail:
    values = [packet.payloads[0].value for packet in packets]
    prefix = _common_prefix(min(values), max(values))
    heads = [
        packet.sequence.to_bytes(8, "big")
        + packet.timeout_s.to_bytes(8, "big")
        + (len(value) - len(prefix)).to_bytes(4, "big")
        + bytes(12)
        for packet, value in zip(packets, values, strict=True)
    ]
    tails = b"".join([value[len(prefix) :] for value in values])
    return struct([struct([*map(dynamic, route)]), array(heads), dynamic(prefix), dynamic(tails)])


def _common_prefix(low: bytes, high: bytes) -> bytes:
    """Return the common prefix of the least and the greatest of some values: it is that of all of them."""
    for index, (one, other) in enumerate(zip(low, high, strict=False)):
        if one != other:
            return low[:index]
    return low


def _acknowledgements(claims: Sequence[Claim]) -> tuple[Part, Part]:
    """Return the different acknowledgements, and one index byte for each claim."""
    places: dict[bytes, int] = {}
    index = bytearray()
    for claim in claims:
        acknowledgements = claim.acknowledgements if isinstance(claim, Acknowledged) else ()
        if len(acknowledgements) != 1:
            raise Refused(
                f"packet {claim.packet.sequence}: expected 1 acknowledgement, got {len(acknowledgements)}"
            )
        place = places.setdefault(acknowledgements[0], len(places))
        if place >= _MAX_DISTINCT_ACKS:
            raise Refused(f"acknowledgements: at most {_MAX_DISTINCT_ACKS} different ones in a delivery")
        index.append(place)
    return array([dynamic(each) for each in places]), dynamic(bytes(index))
