"""A signer that holds its key in this process. Its key never appears in text, errors or pickles.

Implements: `adapters.api.Signer`; secp256k1, nonces by RFC 6979, low s (EIP-2), recoverable 65-byte
signatures.
"""

import secrets
from typing import NoReturn

from coincurve import PrivateKey

from proofs import signatures

SECP256K1_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141

_SIZE = 32


class LocalSigner:
    """One secp256k1 key."""

    __slots__ = ("_address", "_key", "_public_key")

    def __init__(self, key: bytes) -> None:
        """Take a 32-byte big-endian scalar; raise `ValueError`, without the value, when it is none."""
        if not is_scalar(key):
            raise ValueError(
                "expected a secp256k1 key of 32 bytes between 1 and the order, got something else"
            )
        self._key = key
        public_key = PrivateKey(key).public_key
        self._address = signatures.address_of(public_key)
        self._public_key = public_key.format(compressed=True)

    @property
    def address(self) -> bytes:
        """Return the 20-byte Ethereum address of the key."""
        return self._address

    @property
    def public_key(self) -> bytes:
        """Return the 33-byte compressed public key."""
        return self._public_key

    def sign(self, digest: bytes) -> bytes:
        """Return r || s || v (65 bytes, v 27 or 28, low s) over a 32-byte digest."""
        if len(digest) != _SIZE:
            raise ValueError(f"expected a digest of {_SIZE} bytes, got {len(digest)}")
        return signatures.sign(self._key, digest)

    def __repr__(self) -> str:
        return f"LocalSigner(0x{self._address.hex()})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a signer is never pickled")


def is_scalar(key: bytes) -> bool:
    """Say whether these bytes are a secp256k1 private key."""
    return len(key) == _SIZE and 0 < int.from_bytes(key, "big") < SECP256K1_ORDER


def new_key() -> bytes:
    """Return a fresh 32-byte key from the system's randomness."""
    while not is_scalar(key := secrets.token_bytes(_SIZE)):
        pass
    return key
