"""Attestor keys: one per lane, derived from the gateway's master seed, so never shared and always restorable.

The attestation format names neither the source chain nor the lane (`proofs.attestation`), so a key that
signed for two lanes would sign for both at once. The lane is bound by its four parts, each with its length:
no two lanes have the same text.
"""

import hmac
from itertools import count

from gateway.keys.signer import LocalSigner, is_scalar
from proofs.types import Lane

_PURPOSE = b"isthmus/attestor/v1"

_SEED_SIZE = 32


def attestor_key(seed: bytes, lane: Lane) -> LocalSigner:
    """Return the lane's signer: HMAC-SHA256(seed, purpose || lane || counter_be4), first valid scalar."""
    if len(seed) != _SEED_SIZE:
        raise ValueError(f"expected a seed of {_SEED_SIZE} bytes, got {len(seed)}")
    parts = (lane.source, lane.source_client, lane.destination, lane.destination_client)
    encoded = [part.encode() for part in parts]
    bound = _PURPOSE + b"".join(len(part).to_bytes(4, "big") + part for part in encoded)
    candidates = (hmac.digest(seed, bound + n.to_bytes(4, "big"), "sha256") for n in count())
    return LocalSigner(next(filter(is_scalar, candidates)))
