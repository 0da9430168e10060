"""From an endpoint's bytes to a reply that answers what was asked, or to a typed error, and nothing else.

The checks here are of form, and of what a reply proves by itself (hashes, signatures, tree proofs); they
choose between endpoints and make nothing trusted: `proofs` judges again what counts.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec

from adapters.api import SeenAcknowledgement, SeenPacket
from adapters.errors import AdapterError, MalformedReply, NotYetAvailable, Refused, Reorged, WrongChain
from adapters.memory import wire
from proofs import codec
from proofs.memory_tree import MemoryHeader, decode_header, header_hash
from proofs.merkle import binary
from proofs.signatures import recover
from proofs.types import BlockRef, ChainId, Height, Lane
from proofs.verdict import Refusal

MAX_REPLY_BYTES = 64 * 1024 * 1024
"""A list of 1024 packets of the largest payload would be cut into several requests long before."""

_FAILURES: Mapping[str, type[AdapterError]] = {
    "not-yet": NotYetAvailable,
    "reorged": Reorged,
    "refused": Refused,
}

R = TypeVar("R")


def decode(untrusted_bytes: bytes, chain: ChainId, kind: type[R]) -> R:
    """Return the reply of the kind that was asked for.

    Raises `MalformedReply`, `WrongChain`, or the error that the endpoint reports.
    """
    if len(untrusted_bytes) > MAX_REPLY_BYTES:
        raise MalformedReply(f"expected at most {MAX_REPLY_BYTES} bytes, got {len(untrusted_bytes)}")
    try:
        reply = wire.decode(untrusted_bytes)
    except (msgspec.DecodeError, RecursionError) as error:
        raise MalformedReply(f"expected {kind.__name__}: {error}") from error
    if reply.chain != chain:
        raise WrongChain(f"expected {chain}, got {reply.chain}")
    if isinstance(reply, wire.Failure):
        raise _FAILURES.get(reply.code, MalformedReply)(reply.detail)
    if not isinstance(reply, kind):
        raise MalformedReply(f"expected {kind.__name__}, got {type(reply).__name__}")
    return reply


def block_ref(chain: ChainId, ref: wire.Ref) -> BlockRef:
    """Return the block that a reply names. Raises `MalformedReply`."""
    if ref.height < 0 or len(ref.hash) != 32:
        raise MalformedReply(f"expected a height and 32 bytes, got {ref.height} and {len(ref.hash)} bytes")
    return BlockRef(chain=chain, height=Height(ref.height), hash=ref.hash)


def check_status(status: wire.Status) -> None:
    """Check that finality is not ahead of the head. Raises `MalformedReply`."""
    block_ref(status.chain, status.head)
    block_ref(status.chain, status.finalized)
    if status.finalized.height > status.head.height or status.finalized_time_s < 0:
        raise MalformedReply(
            f"expected a final block below {status.head.height}, got {status.finalized.height}"
        )


def check_block(block: wire.Block, height: Height) -> None:
    """Check that this is the block that was asked for. Raises `MalformedReply`."""
    if block_ref(block.chain, block.ref).height != height:
        raise MalformedReply(f"expected block {height}, got {block.ref.height}")


def check_header(header: wire.Header, at: BlockRef, validators: Sequence[bytes]) -> None:
    """Check that the header is that of `at` and every vote a known validator's. Raises `MalformedReply`."""
    decode_pinned(header.header, at)
    known = {validator.hex() for validator in validators}
    for name, signature in header.votes.items():
        if name not in known:
            raise MalformedReply(f"vote: expected one of {len(known)} validators, got {name[:64]!r}")
        try:
            signer = recover(at.hash, signature).hex()
        except Refusal as refusal:
            raise MalformedReply(f"vote of {name}: {refusal}") from refusal
        if signer != name:
            raise MalformedReply(f"vote: expected a signature of {name}, got one of {signer}")


def decode_pinned(untrusted_header: bytes, at: BlockRef) -> MemoryHeader:
    """Return the header of block `at`. Raises `MalformedReply` when these bytes are another block's."""
    try:
        header = decode_header(untrusted_header)
    except Refusal as refusal:
        raise MalformedReply(str(refusal)) from refusal
    actual = header_hash(untrusted_header)
    if actual != at.hash or header.height != at.height or header.chain != at.chain:
        raise MalformedReply(
            f"header: expected {at.hash.hex()} at {at.height}, got {actual.hex()} at {header.height}"
        )
    return header


def check_packets(items: Sequence[SeenPacket], lane: Lane, first: Height, last: Height) -> None:
    """Check that these are the lane's packets, without gaps, in these blocks. Raises `MalformedReply`."""
    for place, seen in enumerate(items):
        packet = seen.packet
        try:
            codec.check_packet(packet)
        except Refusal as refusal:
            raise MalformedReply(f"packet {packet.sequence}: {refusal}") from refusal
        if (packet.source_client, packet.destination_client) != (lane.source_client, lane.destination_client):
            raise MalformedReply(f"packet {packet.sequence}: expected lane {lane}, got another client pair")
        if packet.sequence != items[0].packet.sequence + place:
            raise MalformedReply(
                f"expected sequence {items[0].packet.sequence + place}, got {packet.sequence}"
            )
        _check_within(seen.height, first, last)


def check_acknowledgements(items: Sequence[SeenAcknowledgement], first: Height, last: Height) -> None:
    """Check that there is one entry for each packet, by height, in these blocks. Raises `MalformedReply`."""
    heights = [seen.height for seen in items]
    if len({seen.sequence for seen in items}) != len(items) or heights != sorted(heights):
        raise MalformedReply("expected each packet acknowledged once, by height")
    for seen in items:
        if seen.sequence < 1 or not seen.acknowledgements or not all(seen.acknowledgements):
            raise MalformedReply(f"packet {seen.sequence}: expected acknowledgements, none of them empty")
        _check_within(seen.height, first, last)


def _check_within(height: Height, first: Height, last: Height) -> None:
    if not first <= height <= last:
        raise MalformedReply(f"expected blocks {first} to {last}, got {height}")


def check_proofs(nodes: Sequence[bytes], keys: Sequence[bytes], root: bytes, domain: bytes) -> None:
    """Check that each node proves its key present or absent under this root. Raises `MalformedReply`."""
    if len(nodes) != len(keys):
        raise MalformedReply(f"expected {len(keys)} proofs, got {len(nodes)}")
    for node, key in zip(nodes, keys, strict=True):
        try:
            binary.membership(root, key, node, domain=domain)
        except Refusal:
            _check_absence(root, key, node, domain)


def _check_absence(root: bytes, key: bytes, node: bytes, domain: bytes) -> None:
    try:
        binary.absence(root, key, node, domain=domain)
    except Refusal as refusal:
        raise MalformedReply(f"proof of {key.hex()}: expected membership or absence: {refusal}") from refusal


def check_count(what: str, expected: int, actual: int) -> None:
    """Check that a list has one answer for each question. Raises `MalformedReply`."""
    if expected != actual:
        raise MalformedReply(f"{what}: expected {expected}, got {actual}")


def check_outcomes(outcomes: wire.Outcomes, count: int) -> None:
    """Check that there is one outcome for each id, and that blocks are blocks. Raises `MalformedReply`."""
    check_count("outcomes", count, len(outcomes.items))
    for outcome in outcomes.items:
        if outcome.block is not None:
            block_ref(outcomes.chain, outcome.block)


def check_text(what: str, expected: str, actual: str) -> None:
    """Check that an endpoint repeats what we know. Raises `MalformedReply`."""
    if expected != actual:
        raise MalformedReply(f"{what}: expected {expected!r}, got {actual[:128]!r}")
