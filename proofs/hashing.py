"""The two hash functions that the proofs here are made of, as plain functions of bytes.

Not a registry of hashes: a family that hashes otherwise (SM3, BLAKE2) brings its own. `keccak256` is
Ethereum's, the padding of the original submission, and not SHA3-256. Implemented by safe-pysha3 and by
hashlib, the fastest wheels for short inputs.
"""

import hashlib

import sha3


def keccak256(data: bytes) -> bytes:
    """Return the 32 bytes of Ethereum's Keccak-256."""
    digest: bytes = sha3.keccak_256(data).digest()
    return digest


def sha256(data: bytes) -> bytes:
    """Return the 32 bytes of SHA-256 (FIPS 180-4)."""
    return hashlib.sha256(data).digest()


EMPTY_TRIE_ROOT = keccak256(b"\x80")
"""Root of a Merkle-Patricia trie without keys: the hash of RLP's empty string (56e81f17...b421)."""
