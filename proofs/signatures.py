"""Recoverable secp256k1 signatures, as attestations and quorums use them: 65 bytes `r || s || v`.

Strict on the way in: low s only (high s makes a second signature of every first), v 0/1 or 27/28, and the
digest has 32 bytes. On the way out: deterministic nonces (RFC 6979), low s, v 27/28. Holding keys is not
its business.
"""

import coincurve

from proofs.hashing import keccak256
from proofs.verdict import Reason, Refusal

_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
_RECOVERY_IDS = {0: b"\0", 1: b"\1", 27: b"\0", 28: b"\1"}


def address_of(public_key: coincurve.PublicKey) -> bytes:
    """Return the 20-byte Ethereum-style address of a public key."""
    return keccak256(public_key.format(compressed=False)[1:])[12:]


def sign(private_key: bytes, digest: bytes) -> bytes:
    """Return the 65-byte signature over a 32-byte digest: deterministic, low s, v 27 or 28."""
    signature = coincurve.PrivateKey(private_key).sign_recoverable(digest, hasher=None)
    if signature[64] not in (0, 1):
        raise ValueError(f"signature: expected recovery id 0 or 1, got {signature[64]}")
    return signature[:64] + bytes([27 + signature[64]])


def recover(digest: bytes, signature: bytes) -> bytes:
    """Return the 20-byte address whose key signed this 32-byte digest; raise `Refusal` if none did."""
    if len(signature) != 65 or signature[64] not in _RECOVERY_IDS:
        raise Refusal(
            Reason.BAD_SIGNATURE,
            f"signature: expected 65 bytes with v 0, 1, 27 or 28, got {signature.hex()[:132]}",
        )
    if int.from_bytes(signature[32:64], "big") > _HALF_ORDER:
        raise Refusal(Reason.BAD_SIGNATURE, "signature: expected low s, got high s")
    compact = signature[:64] + _RECOVERY_IDS[signature[64]]
    try:
        public_key = coincurve.PublicKey.from_signature_and_message(compact, digest, hasher=None)
    except ValueError as error:
        raise Refusal(Reason.BAD_SIGNATURE, f"signature: no key recovers from {signature.hex()}") from error
    return address_of(public_key)
