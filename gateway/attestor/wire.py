"""How gateways ask each other for signatures: msgpack, typed and strict, one list of claims per request.

The asker says what he proved and at which block; the asked proves it again with his own endpoints and
answers with two signatures. Nothing in a request is believed. Lists are counted before they are decoded,
and every packet has the shape of one (ICS-4 v2) before a chain is asked about it.
"""

from collections.abc import Sequence
from typing import Annotated, Literal, assert_never

import msgspec
from msgspec import Meta

from gateway.attestor.signing import Signed
from proofs import codec, limits
from proofs.types import (
    Acknowledged,
    BlockRef,
    ChainId,
    Claim,
    ClientId,
    Height,
    Lane,
    NotReceived,
    Packet,
    Payload,
    Sent,
)
from proofs.types import Sequence as PacketSequence
from proofs.verdict import Refusal

PATH = "/v1/attestations"
CONTENT_TYPE = "application/msgpack"

MAX_REQUEST = 32 * 1024 * 1024
"""Bytes: 1024 claims with the largest payloads that fit a block, well above what relays batch."""

MAX_ANSWER = 4 * 1024
"""Bytes: two signatures, or a reason."""

Kind = Literal["sent", "acknowledged", "not-received"]


class WireError(ValueError):
    """Bytes that are no request or no answer."""


class _Payload(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    source_port: str
    destination_port: str
    version: str
    encoding: str
    value: bytes


_Payloads = Annotated[list[_Payload], Meta(max_length=limits.MAX_PAYLOADS)]
_Acknowledgements = Annotated[list[bytes], Meta(max_length=limits.MAX_PAYLOADS)]


class _Claim(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    sequence: int
    source_client: str
    destination_client: str
    timeout_s: int
    payloads: _Payloads
    acknowledgements: _Acknowledgements


class _Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    lane: tuple[str, str, str, str]
    kind: Kind
    height: int
    block_hash: bytes
    claims: Annotated[list[_Claim], Meta(min_length=1, max_length=limits.MAX_CLAIMS)]


class _Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    height: int
    time_s: int
    state_signature: bytes
    packet_signature: bytes


class Request(msgspec.Struct, frozen=True):
    """What a peer wants signed. Untrusted, every word of it."""

    lane: Lane
    untrusted_at: BlockRef
    untrusted_claims: tuple[Claim, ...]


def encode_request(lane: Lane, at: BlockRef, claims: Sequence[Claim]) -> bytes:
    """Return the bytes of a request about claims of one kind."""
    return msgspec.msgpack.encode(
        _Request(
            lane=(lane.source, lane.source_client, lane.destination, lane.destination_client),
            kind=_kind(claims[0]),
            height=at.height,
            block_hash=at.hash,
            claims=[_claim(claim) for claim in claims],
        )
    )


def decode_request(body: bytes) -> Request:
    """Return the request in these bytes. Raises `WireError`."""
    try:
        raw = msgspec.msgpack.decode(body, type=_Request)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WireError(f"expected an attestation request: {error}") from error
    if not 0 < raw.height <= limits.MAX_UINT64:
        raise WireError(f"expected a height of 1 to 2^64-1, got {raw.height}")
    source, source_client, destination, destination_client = raw.lane
    lane = Lane(
        source=ChainId(source),
        source_client=ClientId(source_client),
        destination=ChainId(destination),
        destination_client=ClientId(destination_client),
    )
    proven_on = lane.source if raw.kind == "sent" else lane.destination
    return Request(
        lane=lane,
        untrusted_at=BlockRef(chain=proven_on, height=Height(raw.height), hash=raw.block_hash),
        untrusted_claims=tuple([_typed(raw.kind, claim) for claim in raw.claims]),
    )


def encode_answer(signed: Signed) -> bytes:
    """Return the bytes of an answer."""
    return msgspec.msgpack.encode(
        _Answer(
            height=signed.height,
            time_s=signed.time_s,
            state_signature=signed.state_signature,
            packet_signature=signed.packet_signature,
        )
    )


def decode_answer(body: bytes) -> Signed:
    """Return the answer in these bytes. Raises `WireError`."""
    try:
        raw = msgspec.msgpack.decode(body, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WireError(f"expected an attestation: {error}") from error
    return Signed(
        height=Height(raw.height),
        time_s=raw.time_s,
        state_signature=raw.state_signature,
        packet_signature=raw.packet_signature,
    )


def _kind(claim: Claim) -> Kind:
    match claim:
        case Sent():
            return "sent"
        case Acknowledged():
            return "acknowledged"
        case NotReceived():
            return "not-received"
        case _:
            assert_never(claim)


def _claim(claim: Claim) -> _Claim:
    packet = claim.packet
    return _Claim(
        sequence=packet.sequence,
        source_client=packet.source_client,
        destination_client=packet.destination_client,
        timeout_s=packet.timeout_s,
        payloads=[
            _Payload(one.source_port, one.destination_port, one.version, one.encoding, one.value)
            for one in packet.payloads
        ],
        acknowledgements=list(claim.acknowledgements) if isinstance(claim, Acknowledged) else [],
    )


def _typed(kind: Kind, raw: _Claim) -> Claim:
    packet = Packet(
        sequence=PacketSequence(raw.sequence),
        source_client=ClientId(raw.source_client),
        destination_client=ClientId(raw.destination_client),
        timeout_s=raw.timeout_s,
        payloads=tuple(
            Payload(
                source_port=one.source_port,
                destination_port=one.destination_port,
                version=one.version,
                encoding=one.encoding,
                value=one.value,
            )
            for one in raw.payloads
        ),
    )
    try:
        codec.check_packet(packet)
    except Refusal as refusal:
        raise WireError(f"packet {raw.sequence}: {refusal.detail}") from refusal
    match kind:
        case "sent":
            return Sent(packet=packet)
        case "acknowledged":
            return Acknowledged(packet=packet, acknowledgements=tuple(raw.acknowledgements))
        case "not-received":
            return NotReceived(packet=packet)
        case _:
            assert_never(kind)
