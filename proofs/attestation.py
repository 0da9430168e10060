"""The attestation format of ibc-go's `attestations` light client: what gateways sign and destinations check.

Bytes only: who may sign what, and when, is the gateway's business. Nothing in the signed data names the
source chain or the lane; only the client id inside a path does, which is why keys are derived per lane and
never shared.

- state: `abi.encode(uint64 height, uint64 timestamp_s)`; packets: `abi.encode` of one tuple
  `(uint64 height, (bytes32 path, bytes32 commitment)[] packets)`, path = keccak256 of the ICS-24 v2 key.
- digest: `sha256(tag || sha256(data))`, tag 0x01 for state, 0x02 for packets.
- absence is the pair with 32 zero bytes.

Implements: ibc-go v11 `modules/light-clients/attestations` and its Solidity twin.
"""

from collections.abc import Sequence
from typing import assert_never

from proofs import codec, limits
from proofs.hashing import keccak256, sha256
from proofs.signatures import recover, sign
from proofs.types import Acknowledged, Claim, Height, NotReceived, Sent
from proofs.verdict import Accepted, NotEnoughTrust, Reason, Refusal, Verdict

__all__ = [
    "ABSENT",
    "Pair",
    "check",
    "encode_packets",
    "encode_state",
    "envelope_cosmos",
    "envelope_evm",
    "packets_digest",
    "pairs",
    "recover",
    "sign",
    "state_digest",
]

Pair = tuple[bytes, bytes]
"""(keccak256 of the path, commitment), 32 bytes each."""

ABSENT = bytes(32)
"""The commitment that stands for "nothing is stored here"."""

_STATE_TAG = b"\x01"
_PACKETS_TAG = b"\x02"


def _word(value: int) -> bytes:
    return value.to_bytes(32, "big")


_PACKETS_HEAD = _word(0x20)
_PAIRS_OFFSET = _word(0x40)


def _check_uint64(what: str, value: int) -> None:
    if not 1 <= value <= limits.MAX_UINT64:
        raise ValueError(f"{what}: expected 1 to 2^64-1, got {value}")


def encode_state(height: Height, time_s: int) -> bytes:
    """Return the 64 bytes of a state attestation; raise `ValueError` unless both are uint64 above 0."""
    _check_uint64("height", height)
    _check_uint64("time_s", time_s)
    return _word(height) + _word(time_s)


def encode_packets(height: Height, pairs: Sequence[Pair]) -> bytes:
    """Return the bytes of a packet attestation over at least one pair, in this order; raise `ValueError`."""
    _check_uint64("height", height)
    body = b"".join([part for pair in pairs for part in pair])
    if not pairs or any(len(path) != 32 or len(commitment) != 32 for path, commitment in pairs):
        raise ValueError(f"pairs: expected one or more of 32 and 32 bytes, got {len(pairs)}")
    return b"".join([_PACKETS_HEAD, _word(height), _PAIRS_OFFSET, _word(len(pairs)), body])


def state_digest(data: bytes) -> bytes:
    """Return the 32 bytes to sign for an encoded state attestation."""
    return sha256(_STATE_TAG + sha256(data))


def packets_digest(data: bytes) -> bytes:
    """Return the 32 bytes to sign for an encoded packet attestation."""
    return sha256(_PACKETS_TAG + sha256(data))


def pairs(claims: Sequence[Claim]) -> tuple[Pair, ...]:
    """Return what an attestation says of each claim, in order; raise `ValueError` for a channel's packet."""
    return tuple([_pair(claim) for claim in claims])


def _pair(claim: Claim) -> Pair:
    packet = claim.packet
    if packet.channel is not None:
        raise ValueError(f"attested packet: expected one of IBC v2, got one of {packet.source_client}")
    match claim:
        case Sent():
            path = codec.commitment_path(packet.source_client, packet.sequence)
            return keccak256(path), codec.packet_commitment(packet)
        case Acknowledged():
            path = codec.acknowledgement_path(packet.destination_client, packet.sequence)
            return keccak256(path), codec.acknowledgement_commitment(claim.acknowledgements)
        case NotReceived():
            return keccak256(codec.receipt_path(packet.destination_client, packet.sequence)), ABSENT
        case _:
            assert_never(claim)


def check(
    attestors: Sequence[bytes], threshold: int, digest: bytes, signatures: Sequence[bytes]
) -> Verdict[tuple[bytes, ...]]:
    """Judge signatures over a digest as the destinations do; return the signers' addresses in list order.

    Every signature must be valid, by a known attestor, and by another one than all before it: one bad
    signature rejects the list, so a collector filters first. Fewer than `threshold` good ones are
    `NotEnoughTrust`.
    """
    signers: list[bytes] = []
    try:
        limits.check_at_most("signatures", len(signatures), limits.MAX_ATTESTORS)
        for signature in signatures:
            signer = recover(digest, signature)
            _check_new_member(signer, attestors, signers)
            signers.append(signer)
    except Refusal as refusal:
        return refusal.verdict()
    if len(signers) < max(threshold, 1):
        return NotEnoughTrust(have=len(signers), need=max(threshold, 1))
    return Accepted(value=tuple(signers))


def _check_new_member(signer: bytes, attestors: Sequence[bytes], signers: Sequence[bytes]) -> None:
    if signer not in attestors:
        raise Refusal(Reason.BAD_SIGNATURE, f"signer: expected one of the set, got {signer.hex()}")
    if signer in signers:
        raise Refusal(Reason.BAD_SIGNATURE, f"signer {signer.hex()}: expected once, got twice")


def envelope_evm(data: bytes, signatures: Sequence[bytes]) -> bytes:
    """Return `abi.encode` of the struct `(bytes data, bytes[] signatures)`: the proof on EVM chains."""
    tails = [_abi_bytes(signature) for signature in signatures]
    offset, offsets = 32 * len(tails), []
    for tail in tails:
        offsets.append(_word(offset))
        offset += len(tail)
    encoded_data = _abi_bytes(data)
    head = _word(0x20) + _word(0x40) + _word(0x40 + len(encoded_data))
    return b"".join([head, encoded_data, _word(len(tails)), *offsets, *tails])


def _abi_bytes(data: bytes) -> bytes:
    return _word(len(data)) + data + bytes(-len(data) % 32)


def envelope_cosmos(data: bytes, signatures: Sequence[bytes]) -> bytes:
    """Return the protobuf message `AttestationProof{1: attestation_data, 2: repeated signatures}`."""
    fields = [b"\x0a" + _proto_bytes(data), *[b"\x12" + _proto_bytes(signature) for signature in signatures]]
    return b"".join(fields)


def _proto_bytes(data: bytes) -> bytes:
    size, rest = b"", len(data)
    while rest > 0x7F:
        size += bytes([rest & 0x7F | 0x80])
        rest >>= 7
    return size + bytes([rest]) + data
