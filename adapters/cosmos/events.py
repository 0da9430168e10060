"""Packets and acknowledgements in the events of a block: hints about what to prove, and nothing more. Pure.

Nothing in a header commits to events, so whether a list is complete is checked against state (`source`), and
whether it is true is for `proofs` to say. What counts is what happened: events of failed transactions do not,
events that no transaction caused do.

Implements: the events `send_packet`, `write_acknowledgement` and `update_client` of ibc-go, for channels of
IBC v1 (attributes `packet_...`) and for IBC v2 (`encoded_..._hex`).
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from adapters.cosmos.channels import is_channel
from adapters.cosmos.ibc.clients import parsed
from adapters.cosmos.pb.ibc.core.channel.v2 import packet_pb2
from adapters.cosmos.wire import BlockResultsJson, EventJson
from adapters.errors import MalformedReply
from proofs.channels import timeout_s
from proofs.types import Channel, ClientId, Height, Packet, Payload
from proofs.types import Sequence as PacketSequence

SEND = "send_packet"
WRITE = "write_acknowledgement"

UPDATE = "update_client"

NO_TRANSACTION = -1
"""Place of an event that the block itself caused, at its beginning or at its end."""

_KINDS = frozenset({SEND, WRITE, UPDATE})
_ORDERED = "ORDER_ORDERED"
_MAX_UINT64 = 2**64 - 1


class Happened(Struct, frozen=True, kw_only=True, gc=False):
    """One event that matters to relays."""

    kind: str
    attributes: dict[str, str]
    place: int
    """Index of the transaction in its block, or `NO_TRANSACTION`."""


class SentEvent(Struct, frozen=True, kw_only=True, gc=False):
    """A packet that was sent, and by which transaction of its block."""

    packet: Packet
    place: int


class WrittenEvent(Struct, frozen=True, kw_only=True, gc=False):
    """Acknowledgements that were written for a packet."""

    sequence: PacketSequence
    acknowledgements: tuple[bytes, ...]
    place: int


def happened(block: BlockResultsJson) -> tuple[Happened, ...]:
    """Return the events of a block that matter to relays and took effect, in order."""
    found: list[Happened] = []
    for place, result in enumerate(block.txs_results or ()):
        if result.code == 0:
            found += _matter(result.events, place)
    return (*found, *_matter(block.finalize_block_events, NO_TRANSACTION))


def sent_in(events: Sequence[Happened], end: ClientId) -> list[SentEvent]:
    """Return the packets that left through this client or channel, in order. Raises `MalformedReply`."""
    in_channel = is_channel(end)
    source = "packet_src_channel" if in_channel else "packet_source_client"
    decode = channel_packet if in_channel else client_packet
    return [
        SentEvent(packet=decode(each.attributes), place=each.place)
        for each in events
        if each.kind == SEND and each.attributes.get(source) == end
    ]


def written_in(events: Sequence[Happened], end: ClientId) -> list[WrittenEvent]:
    """Return the acknowledgements of packets that arrived at this end, in order. Raises `MalformedReply`."""
    in_channel = is_channel(end)
    destination = "packet_dst_channel" if in_channel else "packet_dest_client"
    decode = _channel_acknowledgement if in_channel else _client_acknowledgements
    return [
        WrittenEvent(
            sequence=PacketSequence(_number(each.attributes, "packet_sequence")),
            acknowledgements=decode(each.attributes),
            place=each.place,
        )
        for each in events
        if each.kind == WRITE and each.attributes.get(destination) == end
    ]


def updated_in(events: Sequence[Happened], client: ClientId) -> list[int]:
    """Return the transactions that gave this light client a header, each once, by place."""
    places = [
        each.place for each in events if each.kind == UPDATE and each.attributes.get("client_id") == client
    ]
    return sorted(set(places) - {NO_TRANSACTION})


def channel_packet(attributes: Mapping[str, str]) -> Packet:
    """Return the packet of an IBC v1 channel that these attributes describe. Raises `MalformedReply`."""
    timeout_ns = _number(attributes, "packet_timeout_timestamp")
    revision, _, height = _text(attributes, "packet_timeout_height").partition("-")
    payload = Payload(
        source_port=_text(attributes, "packet_src_port"),
        destination_port=_text(attributes, "packet_dst_port"),
        version="",
        encoding="",
        value=_hex(attributes, "packet_data_hex"),
    )
    channel = Channel(
        timeout_ns=timeout_ns,
        timeout_revision=_uint64(revision, "packet_timeout_height"),
        timeout_height=Height(_uint64(height, "packet_timeout_height")),
        ordered=_text(attributes, "packet_channel_ordering") == _ORDERED,
    )
    return Packet(
        sequence=PacketSequence(_number(attributes, "packet_sequence")),
        source_client=ClientId(_text(attributes, "packet_src_channel")),
        destination_client=ClientId(_text(attributes, "packet_dst_channel")),
        timeout_s=timeout_s(timeout_ns),
        payloads=(payload,),
        channel=channel,
    )


def client_packet(attributes: Mapping[str, str]) -> Packet:
    """Return the IBC v2 packet in these attributes. Raises `MalformedReply`."""
    found = parsed(_hex(attributes, "encoded_packet_hex"), packet_pb2.Packet, "event")
    return Packet(
        sequence=PacketSequence(found.sequence),
        source_client=ClientId(found.source_client),
        destination_client=ClientId(found.destination_client),
        timeout_s=found.timeout_timestamp,
        payloads=tuple(
            [
                Payload(
                    source_port=payload.source_port,
                    destination_port=payload.destination_port,
                    version=payload.version,
                    encoding=payload.encoding,
                    value=payload.value,
                )
                for payload in found.payloads
            ]
        ),
    )


def _matter(events: Sequence[EventJson] | None, place: int) -> list[Happened]:
    return [
        Happened(
            kind=event.type,
            attributes={each.key: each.value or "" for each in event.attributes or ()},
            place=place,
        )
        for event in events or ()
        if event.type in _KINDS
    ]


def _channel_acknowledgement(attributes: Mapping[str, str]) -> tuple[bytes, ...]:
    return (_hex(attributes, "packet_ack_hex"),)


def _client_acknowledgements(attributes: Mapping[str, str]) -> tuple[bytes, ...]:
    encoded = _hex(attributes, "encoded_acknowledgement_hex")
    return tuple(parsed(encoded, packet_pb2.Acknowledgement, "event").app_acknowledgements)


def _text(attributes: Mapping[str, str], key: str) -> str:
    found = attributes.get(key)
    if found is None:
        raise MalformedReply(f"event: expected the attribute {key}, got {sorted(attributes)}")
    return found


def _hex(attributes: Mapping[str, str], key: str) -> bytes:
    try:
        return bytes.fromhex(_text(attributes, key))
    except ValueError as error:
        raise MalformedReply(f"event: {key}: expected hexadecimal") from error


def _number(attributes: Mapping[str, str], key: str) -> int:
    return _uint64(_text(attributes, key), key)


def _uint64(text: str, what: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 20 and int(text) <= _MAX_UINT64:
        return int(text)
    raise MalformedReply(f"event: {what}: expected a number of 64 bits, got {text[:80]!r}")
