"""What a chain stores about a packet, and under which key: the commitments and paths of IBC.

Pure hashing of typed data; nothing here says whether a chain really holds a commitment (`proofs.verify`
does). All integers are hashed as eight big-endian bytes, the timeout included (the prose of ICS-4 says
little-endian; ibc-go, the Solidity implementation and the test vectors say big). Callers that got a packet
from outside call `check_packet` first: the other functions take its rules for granted.

The functions named `..._path` and `..._commitment` of client ids are those of IBC v2. Those named `..._key`,
and all that take a packet, also know the packets of IBC v1 channels (`proofs.channels`).

Implements: ICS-4 v2 (packet and acknowledgement commitments, universal error acknowledgement), ICS-24 v2
(paths).
"""

import re
from functools import lru_cache
from hashlib import sha256 as _sha256

from proofs import channels, limits
from proofs.channels import NEVER_S, channel_key, next_receive_key, revision_of
from proofs.types import ChainId, ClientId, Packet, Payload, Sequence
from proofs.verdict import Reason, Refusal

__all__ = [
    "ERROR_ACKNOWLEDGEMENT",
    "NEVER_S",
    "RECEIPT_VALUE",
    "acknowledgement_commitment",
    "acknowledgement_key",
    "acknowledgement_path",
    "acknowledgement_value",
    "channel_key",
    "check_acknowledgements",
    "check_client_id",
    "check_packet",
    "commitment_path",
    "message_id",
    "next_receive_key",
    "packet_commitment",
    "receipt_key",
    "receipt_path",
    "revision_of",
    "sent_key",
    "timed_out",
]

ERROR_ACKNOWLEDGEMENT = _sha256(b"UNIVERSAL_ERROR_ACKNOWLEDGEMENT").digest()
"""The one acknowledgement of a packet whose application failed, whatever the number of payloads."""

RECEIPT_VALUE = b"\x01"
"""What a store that keeps plain values writes under a receipt path."""

_VERSION = b"\x02"
_IDENTIFIER = re.compile(r"[a-zA-Z0-9._+\-#\[\]<>]+")


@lru_cache(maxsize=4096)
def _text_hash(text: str) -> bytes:
    """Return sha256 of UTF-8 text. Ports, versions and client ids repeat, hence the cache."""
    return _sha256(text.encode()).digest()


@lru_cache(maxsize=1024)
def _uint64_hash(number: int) -> bytes:
    """Return sha256 of eight big-endian bytes. Timeouts repeat, hence the cache."""
    return _sha256(number.to_bytes(8, "big")).digest()


def _payload_hash(payload: Payload) -> bytes:
    return _sha256(
        _text_hash(payload.source_port)
        + _text_hash(payload.destination_port)
        + _text_hash(payload.version)
        + _text_hash(payload.encoding)
        + _sha256(payload.value).digest()
    ).digest()


def packet_commitment(packet: Packet) -> bytes:
    """Return the 32 bytes that the source stores while the packet is on its way.

    The sequence and the source client are bound by the path alone, so a verifier always builds the path
    itself.
    """
    if packet.channel is not None:
        return channels.packet_commitment(packet, packet.channel)
    payloads = _sha256(b"".join(map(_payload_hash, packet.payloads))).digest()
    timeout = _uint64_hash(packet.timeout_s)
    return _sha256(_VERSION + _text_hash(packet.destination_client) + timeout + payloads).digest()


def acknowledgement_commitment(acknowledgements: tuple[bytes, ...]) -> bytes:
    """Return the 32 bytes that the destination stores for a packet's acknowledgements, in payload order."""
    hashes = b"".join([_sha256(acknowledgement).digest() for acknowledgement in acknowledgements])
    return _sha256(_VERSION + hashes).digest()


def commitment_path(source_client: ClientId, sequence: Sequence) -> bytes:
    """Return the ICS-24 v2 key of a packet commitment on the source."""
    return source_client.encode() + b"\x01" + sequence.to_bytes(8, "big")


def receipt_path(destination_client: ClientId, sequence: Sequence) -> bytes:
    """Return the ICS-24 v2 key of a packet receipt on the destination."""
    return destination_client.encode() + b"\x02" + sequence.to_bytes(8, "big")


def acknowledgement_path(destination_client: ClientId, sequence: Sequence) -> bytes:
    """Return the ICS-24 v2 key of an acknowledgement commitment on the destination."""
    return destination_client.encode() + b"\x03" + sequence.to_bytes(8, "big")


def sent_key(packet: Packet) -> bytes:
    """Return the key of the packet's commitment on the source."""
    if packet.channel is not None:
        return channels.sent_key(packet)
    return commitment_path(packet.source_client, packet.sequence)


def receipt_key(packet: Packet) -> bytes:
    """Return the key of the packet's receipt on the destination."""
    if packet.channel is not None:
        return channels.receipt_key(packet)
    return receipt_path(packet.destination_client, packet.sequence)


def acknowledgement_key(packet: Packet) -> bytes:
    """Return the key of the commitment of the packet's acknowledgements on the destination."""
    if packet.channel is not None:
        return channels.acknowledgement_key(packet)
    return acknowledgement_path(packet.destination_client, packet.sequence)


def acknowledgement_value(packet: Packet, acknowledgements: tuple[bytes, ...]) -> bytes:
    """Return the 32 bytes that the destination stores for the acknowledgements of this packet."""
    if packet.channel is not None:
        return _sha256(acknowledgements[0]).digest()
    return acknowledgement_commitment(acknowledgements)


def timed_out(packet: Packet, *, height: int, revision: int, time_s: int) -> bool:
    """Say whether the packet may not be received at a destination block of this height and time any more.

    `revision` is that of the destination chain (`revision_of`), `time_s` the block's time rounded down.
    """
    if packet.channel is not None:
        return channels.timed_out(packet.channel, height=height, revision=revision, time_s=time_s)
    return time_s >= packet.timeout_s


def message_id(chain: ChainId, source_client: ClientId, sequence: Sequence) -> bytes:
    """Return the 32-byte id of a message: chain, client and sequence name one packet for ever.

    It is sha256 of the CAIP-2 id, a zero byte, the source client, a zero byte and the sequence as 8
    big-endian bytes.
    """
    text = f"{chain}\0{source_client}\0".encode()
    return _sha256(text + sequence.to_bytes(8, "big")).digest()


@lru_cache(maxsize=1024)
def check_client_id(client: str) -> None:
    """Check one client identifier (ICS-24 characters, 1 to 64 of them); raise `Refusal`.

    The alphabet keeps paths unambiguous: a byte 0x01 inside a name could make one path look like another.
    """
    limits.check_at_most("client id length", len(client), limits.MAX_CLIENT_ID)
    if not _IDENTIFIER.fullmatch(client):
        raise Refusal(Reason.MALFORMED, f"client id: expected ICS-24 characters, got {client!r}")


@lru_cache(maxsize=4096)
def _check_text(what: str, text: str, cap: int) -> None:
    if not text.strip():
        raise Refusal(Reason.MALFORMED, f"{what}: expected text, got {text!r}")
    limits.check_at_most(f"{what} length", len(text), cap)
    if not text.isprintable():
        raise Refusal(Reason.MALFORMED, f"{what}: expected printable text, got {text!r}")


def _check_uint64(what: str, value: int) -> None:
    if not 1 <= value <= limits.MAX_UINT64:
        raise Refusal(Reason.MALFORMED, f"{what}: expected 1 to 2^64-1, got {value}")


def check_packet(packet: Packet) -> None:
    """Check the rules that hold for a packet anywhere (ICS-4); raise `Refusal` naming the broken one."""
    if packet.channel is not None:
        channels.check_packet(packet, packet.channel)
        return
    _check_uint64("sequence", packet.sequence)
    _check_uint64("timeout_s", packet.timeout_s)
    check_client_id(packet.source_client)
    check_client_id(packet.destination_client)
    if not packet.payloads:
        raise Refusal(Reason.MALFORMED, "payloads: expected at least 1, got 0")
    limits.check_at_most("payloads", len(packet.payloads), limits.MAX_PAYLOADS)
    for payload in packet.payloads:
        _check_text("source_port", payload.source_port, limits.MAX_PORT_ID)
        _check_text("destination_port", payload.destination_port, limits.MAX_PORT_ID)
        _check_text("version", payload.version, limits.MAX_LABEL)
        _check_text("encoding", payload.encoding, limits.MAX_LABEL)
    limits.check_at_most(
        "payload bytes", sum([len(payload.value) for payload in packet.payloads]), limits.MAX_PAYLOAD_TOTAL
    )


def check_acknowledgements(packet: Packet, acknowledgements: tuple[bytes, ...]) -> None:
    """Check the shape of a packet's acknowledgements (ICS-4 v2); raise `Refusal`.

    There is one for each payload, none is empty, and the error acknowledgement stands alone.
    """
    if packet.channel is not None:
        channels.check_acknowledgements(acknowledgements)
        return
    if acknowledgements == (ERROR_ACKNOWLEDGEMENT,):
        return
    if len(acknowledgements) != len(packet.payloads):
        raise Refusal(
            Reason.MALFORMED,
            f"acknowledgements: expected {len(packet.payloads)}, one a payload, got {len(acknowledgements)}",
        )
    if not all(acknowledgements) or ERROR_ACKNOWLEDGEMENT in acknowledgements:
        raise Refusal(
            Reason.MALFORMED, "acknowledgements: expected none empty and none the error acknowledgement"
        )
    limits.check_at_most(
        "acknowledgement bytes", sum(map(len, acknowledgements)), limits.MAX_ACKNOWLEDGEMENT_TOTAL
    )
