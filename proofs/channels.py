"""What a chain stores about a packet of an IBC v1 channel, and under which key.

The counterpart of the IBC v2 functions in `proofs.codec`, which chooses between the two. In a packet of a
channel `source_client` and `destination_client` are channel ids, and the ports are those of its one payload.
A commitment binds timeouts and data alone: sequence, ports and channels are bound by the key, so a verifier
always builds the key itself. All integers are hashed as eight big-endian bytes.

Implements: ICS-4 (packet and acknowledgement commitments), ICS-24 (paths), as ibc-go stores them.
"""

import re
from functools import lru_cache
from hashlib import sha256 as _sha256

from proofs import limits
from proofs.types import ChainId, Channel, Packet
from proofs.verdict import Reason, Refusal

NEVER_S = 2**63 - 1
"""`timeout_s` of a packet without timestamp: later than any block."""

_NS = 1_000_000_000
_PORT = re.compile(r"[a-zA-Z0-9._+\-#\[\]<>]{2,128}")
_REVISION = re.compile(r".*[^\n-]-([1-9][0-9]*)")
_CHANNEL = re.compile(r"[a-zA-Z0-9._+\-#\[\]<>]{8,64}")


def timeout_s(timeout_ns: int) -> int:
    """Return the `timeout_s` of a channel's packet: its nanoseconds rounded up, `NEVER_S` for none."""
    return -(-timeout_ns // _NS) if timeout_ns else NEVER_S


@lru_cache(maxsize=64)
def revision_of(chain: ChainId) -> int:
    """Return the revision number in a chain's identifier, as ibc-go reads it; 0 if that names none."""
    found = _REVISION.fullmatch(chain.partition(":")[2])
    return int(found[1]) if found else 0


def packet_commitment(packet: Packet, channel: Channel) -> bytes:
    """Return the 32 bytes that the source stores while the packet is on its way."""
    numbers = channel.timeout_ns, channel.timeout_revision, channel.timeout_height
    timeouts = b"".join([number.to_bytes(8, "big") for number in numbers])
    return _sha256(timeouts + _sha256(packet.payloads[0].value).digest()).digest()


def sent_key(packet: Packet) -> bytes:
    """Return the key of the packet's commitment on the source."""
    return _packet_key("commitments", packet.payloads[0].source_port, packet.source_client, packet.sequence)


def receipt_key(packet: Packet) -> bytes:
    """Return the key of the packet's receipt on the destination (unordered channels)."""
    port = packet.payloads[0].destination_port
    return _packet_key("receipts", port, packet.destination_client, packet.sequence)


def acknowledgement_key(packet: Packet) -> bytes:
    """Return the key of the acknowledgement's commitment on the destination."""
    return _packet_key(
        "acks", packet.payloads[0].destination_port, packet.destination_client, packet.sequence
    )


def next_receive_key(packet: Packet) -> bytes:
    """Return the key of the destination's next sequence to receive (ordered channels)."""
    return f"nextSequenceRecv/{_end(packet.payloads[0].destination_port, packet.destination_client)}".encode()


def channel_key(port: str, channel: str) -> bytes:
    """Return the key of one end of a channel on the chain where it lives."""
    return f"channelEnds/{_end(port, channel)}".encode()


def check_packet(packet: Packet, channel: Channel) -> None:
    """Check the rules that hold for a channel's packet anywhere (ICS-4); raise `Refusal`."""
    _check_uint64("sequence", packet.sequence, 1)
    for what in ("timeout_ns", "timeout_revision", "timeout_height"):
        _check_uint64(what, getattr(channel, what), 0)
    if not any((channel.timeout_ns, channel.timeout_revision, channel.timeout_height)):
        raise Refusal(Reason.MALFORMED, "channel packet: expected a timeout, got neither time nor height")
    if packet.timeout_s != timeout_s(channel.timeout_ns):
        expected = timeout_s(channel.timeout_ns)
        raise Refusal(Reason.MALFORMED, f"timeout_s: expected {expected}, got {packet.timeout_s}")
    if len(packet.payloads) != 1:
        raise Refusal(Reason.MALFORMED, f"channel packet: expected 1 payload, got {len(packet.payloads)}")
    payload = packet.payloads[0]
    if payload.version or payload.encoding or not payload.value:
        raise Refusal(Reason.MALFORMED, "channel packet: expected data, no version and no encoding")
    limits.check_at_most("packet data bytes", len(payload.value), limits.MAX_PAYLOAD_TOTAL)
    for port in (payload.source_port, payload.destination_port):
        _check_name("port", port, _PORT)
    for name in (packet.source_client, packet.destination_client):
        _check_name("channel", name, _CHANNEL)


def check_acknowledgements(acknowledgements: tuple[bytes, ...]) -> None:
    """Check the shape of the acknowledgement of a channel's packet: one, not empty; raise `Refusal`."""
    if len(acknowledgements) != 1 or not acknowledgements[0]:
        raise Refusal(Reason.MALFORMED, f"acknowledgements: expected one, got {len(acknowledgements)}")
    limits.check_at_most("acknowledgement bytes", len(acknowledgements[0]), limits.MAX_ACKNOWLEDGEMENT_TOTAL)


def timed_out(channel: Channel, *, height: int, revision: int, time_s: int) -> bool:
    """Say whether a destination block of this height and time is at or past one of the timeouts."""
    by_time = channel.timeout_ns > 0 and time_s * _NS >= channel.timeout_ns
    limit = channel.timeout_revision, channel.timeout_height
    return by_time or (limit != (0, 0) and (revision, height) >= limit)


def _end(port: str, channel: str) -> str:
    return f"ports/{port}/channels/{channel}"


def _packet_key(kind: str, port: str, channel: str, sequence: int) -> bytes:
    return f"{kind}/{_end(port, channel)}/sequences/{sequence}".encode()


def _check_uint64(what: str, value: int, least: int) -> None:
    if not least <= value <= limits.MAX_UINT64:
        raise Refusal(Reason.MALFORMED, f"{what}: expected {least} to 2^64-1, got {value}")


@lru_cache(maxsize=4096)
def _check_name(what: str, text: str, pattern: re.Pattern[str]) -> None:
    if not pattern.fullmatch(text):
        raise Refusal(Reason.MALFORMED, f"{what}: expected an ICS-24 identifier, got {text[:160]!r}")
