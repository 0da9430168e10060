"""The router's events, decoded strictly from a log's topics and data.

An event is a hint about what to prove next; what is proven is the commitment in storage. Decoding is still
strict, so that a log has one meaning: canonical ABI only, and the indexed copies of client and sequence
must be those of the body.

Packets of one route differ only in sequence, timeout and value. `PacketEvents` takes logs as JSON-RPC gives
them, in hexadecimal. It remembers the constant parts of a layout that it decoded in full, and takes later
logs with equal parts apart at fixed places: what is constant is compared and never decoded.

Implements: events of `adapters/evm/contracts/src/IRouter.sol`.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from proofs import limits
from proofs.evm import abi
from proofs.hashing import keccak256
from proofs.types import ClientId, Packet, Payload
from proofs.types import Sequence as PacketSequence
from proofs.verdict import Reason, Refusal

_PAYLOAD = "(string,string,string,string,bytes)"
SEND_PACKET = keccak256(f"SendPacket(string,uint256,(uint64,string,string,uint64,{_PAYLOAD}[]))".encode())
"""First topic of `SendPacket(string indexed clientId, uint256 indexed sequence, Packet packet)`."""

_SEND_PACKET_TEXT = "0x" + SEND_PACKET.hex()

WRITE_ACKNOWLEDGEMENTS = keccak256(b"WriteAcknowledgements(string,uint64,uint64[],bytes,bytes[])")
"""First topic of `WriteAcknowledgements(string indexed, uint64 indexed, uint64[], bytes, bytes[])`."""

_HEAD = "0x" + ((32).to_bytes(32, "big") + bytes(24)).hex()
"""Before the sequence: the offset of the packet, and the zeros in front of a uint64."""
_SEQUENCE = slice(114, 130)
"""Places in the text of the data, with its `0x`."""
_OFFSETS = slice(130, 306)
"""Between sequence and timeout: two offsets, and the zeros in front of a uint64."""
_TIMEOUT = slice(306, 322)
_REST = 322
_WORD = 64
_UINT64_ZEROS = "0" * 48
_UINT64S = struct.Struct(">QQQ").unpack
_MAX_LAYOUTS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenAcknowledgements:
    """One batch of acknowledgements, as the destination's router wrote it."""

    client_hash: bytes
    """keccak256 of the destination client's name."""
    batch: int
    sequences: tuple[PacketSequence, ...]
    acknowledgements: tuple[bytes, ...]
    """One for each sequence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """What all one-payload packets of one route have in common, in hexadecimal."""

    offsets: str
    constant: str
    """Everything behind the timeout, up to the length of the value."""
    example: Packet


class PacketEvents:
    """Decodes `SendPacket` logs. Keep one for a chain: it learns the last eight routes of each client."""

    __slots__ = ("_layouts",)

    def __init__(self) -> None:
        self._layouts: dict[str, list[_Layout]] = {}

    def decode(self, topics: Sequence[str], data: str) -> Packet:
        """Return the packet of a `SendPacket` log; raise `Refusal` if it is not canonically one.

        Topics and data are hexadecimal with `0x`, as a node gives them.
        """
        limits.check_at_most("event bytes", len(data) // 2, 2 * limits.MAX_PAYLOAD_TOTAL)
        if len(topics) == 3 and topics[0] == _SEND_PACKET_TEXT:
            for layout in self._layouts.get(topics[1], ()):
                packet = _decode_known(layout, topics[2], data)
                if packet is not None:
                    return packet
        packet = decode_send_packet([_from_hex(topic) for topic in topics], _from_hex(data))
        self._learn(topics[1], data, packet)
        return packet

    def _learn(self, client_topic: str, data: str, packet: Packet) -> None:
        """Remember the layout of a packet that was decoded in full, if it is an ordinary one."""
        if len(packet.payloads) != 1 or len(self._layouts) >= limits.MAX_CLAIMS:
            return
        value_at = len(data) - _WORD - (len(packet.payloads[0].value) + 31) // 32 * _WORD
        layouts = self._layouts.setdefault(client_topic, [])
        layouts.insert(0, _Layout(offsets=data[_OFFSETS], constant=data[_REST:value_at], example=packet))
        del layouts[_MAX_LAYOUTS:]


def _from_hex(text: str) -> bytes:
    """Return the bytes of `0x...`; raise `Refusal` for any other text."""
    try:
        data = bytes.fromhex(text[2:])
    except ValueError:
        data = b""
    if not text.startswith("0x") or len(data) * 2 != len(text) - 2:
        raise Refusal(Reason.MALFORMED, f"log: expected hexadecimal, got {text[:80]!r}")
    return data


def _decode_known(layout: _Layout, sequence_topic: str, data: str) -> Packet | None:
    """Return the packet if all is as in the layout and canonical; None leaves the log to the full decoder."""
    sequence_text, size_at = data[_SEQUENCE], _REST + len(layout.constant)
    value_at = size_at + _WORD
    if (
        not data.startswith(_HEAD)
        or data[_OFFSETS] != layout.offsets
        or not data.startswith(layout.constant, _REST)
        or not data.startswith(_UINT64_ZEROS, size_at)
        or sequence_topic != "0x" + _UINT64_ZEROS + sequence_text
    ):
        return None
    try:
        numbers = bytes.fromhex(sequence_text + data[_TIMEOUT] + data[value_at - 16 : value_at])
        sequence, timeout_s, size = _UINT64S(numbers)
        padding_at = value_at + 2 * size
        value = bytes.fromhex(data[value_at:padding_at])
    except (ValueError, struct.error):
        return None
    padding = data[padding_at:]
    if len(value) != size or len(padding) != -size % 32 * 2 or padding.strip("0"):
        return None
    example = layout.example
    payload = example.payloads[0]
    return Packet(
        sequence=PacketSequence(sequence),
        source_client=example.source_client,
        destination_client=example.destination_client,
        timeout_s=timeout_s,
        payloads=(
            Payload(
                source_port=payload.source_port,
                destination_port=payload.destination_port,
                version=payload.version,
                encoding=payload.encoding,
                value=value,
            ),
        ),
    )


def decode_send_packet(topics: Sequence[bytes], data: bytes) -> Packet:
    """Return the packet of a `SendPacket` log, decoded in full; raise `Refusal` if it is not canonical."""
    if len(topics) != 3 or topics[0] != SEND_PACKET:
        raise Refusal(Reason.MALFORMED, f"log: expected SendPacket with 3 topics, got {len(topics)}")
    packet = decode_packet(data)
    if keccak256(packet.source_client.encode()) != topics[1]:
        raise Refusal(Reason.WRONG_VALUE, f"log: topic is not the hash of client {packet.source_client!r}")
    if topics[2] != packet.sequence.to_bytes(32, "big"):
        raise Refusal(Reason.WRONG_VALUE, f"log: expected sequence {packet.sequence}, got {topics[2].hex()}")
    return packet


def decode_packet(data: bytes) -> Packet:
    """Return the packet that `abi.encode(Packet)` made these bytes of; raise `Refusal` for other layouts."""
    abi.expect(data, 0, 0x20)
    base = 0x20
    sequence, timeout_s = abi.uint64(data, base), abi.uint64(data, base + 0x60)
    at = base + 0xA0
    abi.expect(data, base + 0x20, at - base)
    source_client, at = abi.text(data, at)
    abi.expect(data, base + 0x40, at - base)
    destination_client, at = abi.text(data, at)
    abi.expect(data, base + 0x80, at - base)
    count = abi.uint64(data, at)
    limits.check_at_most("payloads", count, limits.MAX_PAYLOADS)
    heads = at + 0x20
    at = heads + 0x20 * count
    payloads = []
    for index in range(count):
        abi.expect(data, heads + 0x20 * index, at - heads)
        payload, at = _decode_payload(data, at)
        payloads.append(payload)
    abi.expect_end(data, at)
    return Packet(
        sequence=PacketSequence(sequence),
        source_client=ClientId(source_client),
        destination_client=ClientId(destination_client),
        timeout_s=timeout_s,
        payloads=tuple(payloads),
    )


def _decode_payload(data: bytes, base: int) -> tuple[Payload, int]:
    """Return (payload, where the next one starts) of the five-field tuple at `base`."""
    at = base + 0xA0
    texts = []
    for index in range(4):
        abi.expect(data, base + 0x20 * index, at - base)
        text, at = abi.text(data, at)
        texts.append(text)
    abi.expect(data, base + 0x80, at - base)
    value, at = abi.dynamic(data, at)
    source_port, destination_port, version, encoding = texts
    return (
        Payload(
            source_port=source_port,
            destination_port=destination_port,
            version=version,
            encoding=encoding,
            value=value,
        ),
        at,
    )


def decode_acknowledgements(topics: Sequence[bytes], data: bytes) -> WrittenAcknowledgements:
    """Return the batch of a `WriteAcknowledgements` log; raise `Refusal` if it is not canonically one."""
    if len(topics) != 3 or topics[0] != WRITE_ACKNOWLEDGEMENTS:
        raise Refusal(
            Reason.MALFORMED, f"log: expected WriteAcknowledgements with 3 topics, got {len(topics)}"
        )
    at = 0x60
    abi.expect(data, 0, at)
    count = abi.uint64(data, at)
    limits.check_at_most("acknowledgements", count, limits.MAX_CLAIMS)
    sequences = tuple([PacketSequence(abi.uint64(data, at + 0x20 * (1 + index))) for index in range(count)])
    at += 0x20 * (1 + count)
    abi.expect(data, 0x20, at)
    indices, at = abi.dynamic(data, at)
    abi.expect(data, 0x40, at)
    distinct, at = _decode_distinct(data, at)
    abi.expect_end(data, at)
    if len(indices) != count or max(indices, default=0) >= max(len(distinct), 1):
        raise Refusal(Reason.MALFORMED, f"log: {len(indices)} indices do not fit {count} sequences")
    return WrittenAcknowledgements(
        client_hash=topics[1],
        batch=abi.uint64(topics[2], 0),
        sequences=sequences,
        acknowledgements=tuple([distinct[index] for index in indices]),
    )


def _decode_distinct(data: bytes, at: int) -> tuple[list[bytes], int]:
    """Return (acknowledgements, where the data goes on) of the `bytes[]` at `at`."""
    count = abi.uint64(data, at)
    limits.check_at_most("acknowledgements", count, limits.MAX_CLAIMS)
    heads = at + 0x20
    at = heads + 0x20 * count
    distinct = []
    for index in range(count):
        abi.expect(data, heads + 0x20 * index, at - heads)
        acknowledgement, at = abi.dynamic(data, at)
        distinct.append(acknowledgement)
    return distinct, at
