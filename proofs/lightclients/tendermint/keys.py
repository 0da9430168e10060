"""Validators' keys: addresses, and signatures over votes.

Of ed25519, valid is what CometBFT's nodes take (ZIP-215): a validator must not be able to make votes that its
chain counts and we refuse. Of secp256k1 only low s is valid, here as there.

Implements: ZIP-215 (ed25519); SEC 1 with SHA-256, as `r || s` of 64 bytes (secp256k1); CometBFT's
addresses.
"""

import hashlib

import coincurve
from coincurve.ecdsa import cdata_to_der, deserialize_compact
from nacl.bindings import crypto_sign_open
from nacl.exceptions import CryptoError

from proofs.hashing import sha256
from proofs.lightclients.tendermint import zip215
from proofs.lightclients.tendermint.types import ADDRESS_SIZE, KeyType, Validator
from proofs.verdict import Reason, Refusal

_KEY_SIZES = {KeyType.ED25519: 32, KeyType.SECP256K1: 33}
_SIGNATURE_SIZE = 64


def validator(key_type: KeyType, public_key: bytes, power: int) -> Validator:
    """Return the validator with the address that follows from its key; raise `Refusal` for a wrong length."""
    if len(public_key) != _KEY_SIZES[key_type]:
        raise Refusal(
            Reason.MALFORMED,
            f"{key_type.value} key: expected {_KEY_SIZES[key_type]} bytes, got {public_key.hex()[:200]}",
        )
    return Validator(
        key_type=key_type, public_key=public_key, power=power, address=address_of(key_type, public_key)
    )


def address_of(key_type: KeyType, public_key: bytes) -> bytes:
    """Return the 20-byte address of a key."""
    match key_type:
        case KeyType.ED25519:
            return sha256(public_key)[:ADDRESS_SIZE]
        case KeyType.SECP256K1:
            return hashlib.new("ripemd160", sha256(public_key)).digest()


def signed(signer: Validator, message: bytes, signature: bytes) -> bool:
    """Return whether the signature over this message is the validator's. Never raises for any bytes."""
    if len(signature) != _SIGNATURE_SIZE:
        return False
    match signer.key_type:
        case KeyType.ED25519:
            return _signed_ed25519(signer.public_key, message, signature)
        case KeyType.SECP256K1:
            return _signed_secp256k1(signer.public_key, message, signature)


def _signed_ed25519(public_key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        crypto_sign_open(signature + message, public_key)
    except CryptoError:  # libsodium is fast, and stricter than nodes are
        return zip215.signed(public_key, message, signature)
    return True


def _signed_secp256k1(public_key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        der = cdata_to_der(deserialize_compact(signature))
        return coincurve.PublicKey(public_key).verify(der, message)
    except ValueError:
        return False
