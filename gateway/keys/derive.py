"""Attestor keys: one per lane and deployment, derived from the gateway's master seed, so always restorable.

The attestation format names neither chain, lane nor router (`proofs.attestation`), so a key that signed for
two lanes, or for two deployments of one lane, would sign for both at once. A key is bound to the lane's four
parts and to the commitment stores of both chains, each part with its length: no two have the same text.
"""

import hmac
from itertools import count

from gateway.keys.signer import LocalSigner, is_scalar
from proofs.types import Lane

_PURPOSE = b"isthmus/attestor/v2"

_SEED_SIZE = 32


def attestor_key(seed: bytes, lane: Lane, source_store: bytes, destination_store: bytes) -> LocalSigner:
    """Return the signer of a lane between these stores (raw `CommitmentStore.address`), the same every time.

    Its key is the first valid scalar of HMAC-SHA256(seed, purpose || parts || counter_be4), counter from 0.
    Parts, each after its length_be4: source, source client, destination, destination client (as text),
    source store, destination store. Raises `ValueError` for a seed of another length, or an empty store.
    """
    if len(seed) != _SEED_SIZE:
        raise ValueError(f"expected a seed of {_SEED_SIZE} bytes, got {len(seed)}")
    if not source_store or not destination_store:
        raise ValueError(f"{lane}: expected the addresses of two commitment stores, got an empty one")
    names = (lane.source, lane.source_client, lane.destination, lane.destination_client)
    parts = [*(name.encode() for name in names), source_store, destination_store]
    bound = _PURPOSE + b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    candidates = (hmac.digest(seed, bound + n.to_bytes(4, "big"), "sha256") for n in count())
    return LocalSigner(next(filter(is_scalar, candidates)))
