"""How packets, acknowledgements and lists of sequences are kept: msgpack, read by us alone, never hashed."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, cast

import msgpack

from proofs.types import Channel, ClientId, Height, Packet, Payload
from proofs.types import Sequence as PacketSequence

Range = tuple[int, int]
"""First and last sequence, both included."""


def pack_packet(packet: Packet) -> bytes:
    """Return the packet without its sequence, which is the row's key."""
    payloads = [
        (one.source_port, one.destination_port, one.version, one.encoding, one.value)
        for one in packet.payloads
    ]
    fields: tuple[object, ...] = (packet.source_client, packet.destination_client, packet.timeout_s, payloads)
    if (end := packet.channel) is not None:
        fields = (*fields, (end.timeout_ns, end.timeout_revision, end.timeout_height, end.ordered))
    return cast("bytes", msgpack.packb(fields))


def unpack_packet(sequence: int, blob: bytes) -> Packet:
    """Return the packet that `pack_packet` wrote."""
    source_client, destination_client, timeout_s, payloads, *end = cast("Any", msgpack.unpackb(blob))
    return Packet(
        sequence=PacketSequence(sequence),
        source_client=ClientId(source_client),
        destination_client=ClientId(destination_client),
        timeout_s=timeout_s,
        payloads=tuple(
            Payload(
                source_port=source_port,
                destination_port=destination_port,
                version=version,
                encoding=encoding,
                value=value,
            )
            for source_port, destination_port, version, encoding, value in payloads
        ),
        channel=_channel(*end[0]) if end else None,
    )


def _channel(timeout_ns: int, revision: int, height: int, ordered: bool) -> Channel:  # noqa: FBT001
    return Channel(
        timeout_ns=timeout_ns, timeout_revision=revision, timeout_height=Height(height), ordered=ordered
    )


def pack_list(parts: Sequence[bytes]) -> bytes:
    """Return a list of byte strings in one."""
    return cast("bytes", msgpack.packb(list(parts)))


def unpack_list(blob: bytes | None) -> tuple[bytes, ...]:
    """Return what `pack_list` wrote; nothing for nothing."""
    return () if blob is None else tuple(msgpack.unpackb(blob))


def ranges(sequences: Iterable[int]) -> list[Range]:
    """Return the sequences as ranges without holes, ascending."""
    found: list[Range] = []
    for sequence in sorted(set(sequences)):
        if found and found[-1][1] == sequence - 1:
            found[-1] = (found[-1][0], sequence)
        else:
            found.append((sequence, sequence))
    return found


def pack_ranges(parts: Sequence[Range]) -> bytes | None:
    """Return ranges in bytes; None for one range, which the row's first and last already say."""
    return None if len(parts) == 1 else cast("bytes", msgpack.packb(list(chain.from_iterable(parts))))


def in_ranges(blob: bytes | None, sequence: int) -> bool:
    """Say whether a sequence between the row's first and last is in its list."""
    if blob is None:
        return True
    bounds = msgpack.unpackb(blob)
    return any(first <= sequence <= last for first, last in zip(bounds[::2], bounds[1::2], strict=True))
