"""The memory chain's formats: its block header, and proofs in its commitment store (`memory-tree`).

The header is fixed-width and big-endian, made for hashing: `len(chain)_be1 || chain || height_be8 ||
time_s_be8 || parent_hash (32) || root (32)`; its hash is sha256 of that. It names its chain, so a vote for
it cannot be used on another one.

The store is a `merkle.binary` tree whose domain is the router account (`CommitmentStore.address`). Keys are
the plain ICS-24 v2 paths, values the commitments, a receipt is the byte 0x01. It implements no published
specification.
"""

from dataclasses import dataclass
from typing import assert_never

from proofs import codec, limits
from proofs.hashing import sha256
from proofs.merkle import binary
from proofs.types import (
    Acknowledged,
    ChainId,
    Claim,
    CommitmentStore,
    Height,
    NotReceived,
    Sent,
    TrustedState,
    UntrustedProof,
)
from proofs.verdict import Reason, Refusal

_FIXED = 8 + 8 + 32 + 32


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryHeader:
    """A block header of the memory chain."""

    chain: ChainId
    height: Height
    time_s: int
    parent_hash: bytes
    root: bytes
    """Root of the commitment store, 32 bytes."""


def encode_header(header: MemoryHeader) -> bytes:
    """Return the canonical bytes of a header; raise `ValueError` for fields that have no encoding."""
    chain = header.chain.encode("ascii")
    if not 0 < len(chain) <= limits.MAX_CHAIN_ID or len(header.parent_hash) != 32 or len(header.root) != 32:
        raise ValueError(f"header: expected a chain id and two hashes of 32 bytes, got {header}")
    numbers = header.height.to_bytes(8, "big") + header.time_s.to_bytes(8, "big")
    return bytes([len(chain)]) + chain + numbers + header.parent_hash + header.root


def header_hash(encoded: bytes) -> bytes:
    """Return the 32-byte hash of an encoded header."""
    return sha256(encoded)


def decode_header(encoded: bytes) -> MemoryHeader:
    """Return the header that these bytes are, all of them; raise `Refusal` if they are none."""
    limits.check_at_most("header bytes", len(encoded), limits.MAX_HEADER)
    size = encoded[0] if encoded else 0
    if not 0 < size <= limits.MAX_CHAIN_ID or len(encoded) != 1 + size + _FIXED:
        raise Refusal(
            Reason.MALFORMED, f"memory header: {len(encoded)} bytes do not fit a chain id of {size}"
        )
    chain, rest = encoded[1 : 1 + size], encoded[1 + size :]
    if not chain.isascii():
        raise Refusal(Reason.MALFORMED, f"memory header: expected an ASCII chain id, got {chain.hex()}")
    return MemoryHeader(
        chain=ChainId(chain.decode("ascii")),
        height=Height(int.from_bytes(rest[:8], "big")),
        time_s=int.from_bytes(rest[8:16], "big"),
        parent_hash=rest[16:48],
        root=rest[48:],
    )


class MemoryStore:
    """The commitment store of the memory chain under one trusted root."""

    def __init__(self, trusted: TrustedState, store: CommitmentStore, common: tuple[bytes, ...]) -> None:
        """Open the store; this format has nothing in common between claims, so `common` must be empty."""
        if common:
            raise Refusal(Reason.INCOMPLETE, f"memory-tree: expected no common nodes, got {len(common)}")
        if len(store.address) != 20:
            raise Refusal(
                Reason.WRONG_CHAIN, f"memory-tree: expected a 20-byte account, got {len(store.address)}"
            )
        self._root = trusted.root
        self._domain = store.address

    def check(self, claim: Claim, untrusted_proof: UntrustedProof) -> None:
        """Return nothing if the store proves the claim; raise `Refusal` otherwise."""
        if len(untrusted_proof.nodes) != 1 or untrusted_proof.preimage:
            raise Refusal(Reason.INCOMPLETE, "memory-tree: expected exactly one node and no preimage")
        node, packet = untrusted_proof.nodes[0], claim.packet
        match claim:
            case Sent():
                path = codec.commitment_path(packet.source_client, packet.sequence)
                self._check_value(path, codec.packet_commitment(packet), node)
            case Acknowledged():
                path = codec.acknowledgement_path(packet.destination_client, packet.sequence)
                self._check_value(path, codec.acknowledgement_commitment(claim.acknowledgements), node)
            case NotReceived():
                path = codec.receipt_path(packet.destination_client, packet.sequence)
                binary.absence(self._root, path, node, domain=self._domain)
            case _:
                assert_never(claim)

    def _check_value(self, path: bytes, expected: bytes, node: bytes) -> None:
        actual = binary.membership(self._root, path, node, domain=self._domain)
        if actual != expected:
            raise Refusal(Reason.WRONG_VALUE, f"commitment: expected {expected.hex()}, got {actual.hex()}")
