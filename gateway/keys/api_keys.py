"""API keys: shown once, kept only as a salted hash, compared in constant time.

A key is 256 random bits, so one round of SHA-256 with a salt is enough: there is nothing to guess.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence

from gateway.config.schema import ApiKeyConfig

_PREFIX = "isthmus_"


def new_api_key() -> tuple[str, str]:
    """Return a fresh key and the hash to write into `[[api.keys]]`."""
    key = _PREFIX + secrets.token_urlsafe(32)
    return key, hash_key(key, secrets.token_bytes(16))


def hash_key(key: str, salt: bytes) -> str:
    """Return `sha256:<salt hex>:<sha256(salt || key) hex>`."""
    presented = key.encode(errors="surrogateescape")  # a header may hold bytes that are no UTF-8
    return f"sha256:{salt.hex()}:{hashlib.sha256(salt + presented).hexdigest()}"


def find_key(keys: Sequence[ApiKeyConfig], presented: str) -> ApiKeyConfig | None:
    """Return the configured key that was presented, or None. Every key is compared, always."""
    found = None
    for key in keys:
        salt = bytes.fromhex(key.hash.split(":")[1])
        if hmac.compare_digest(key.hash, hash_key(presented, salt)):
            found = key
    return found
