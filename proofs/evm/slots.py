"""Where the router keeps what is proven: the slots of `adapters/evm/contracts/README.md`, as functions.

Nothing here reads or verifies. Slots are 32 bytes, before the hashing that a storage trie's key needs.

Implements: Solidity storage layout of mappings, ERC-7201 (namespace `isthmus.router`).
"""

from functools import lru_cache

from proofs import codec
from proofs.hashing import keccak256
from proofs.types import ClientId, Sequence

ROUTER_STORE = 0xB6E2C41B80AEA504A74FB8208DC83081576AAA6599C1F6DBD7FDE9F2CAF97200
"""ERC-7201 location of the namespace `isthmus.router`."""

_COMMITMENTS = ROUTER_STORE.to_bytes(32, "big")
_RECEIPTS = (ROUTER_STORE + 1).to_bytes(32, "big")
_ACK_BATCHES = (ROUTER_STORE + 2).to_bytes(32, "big")


@lru_cache(maxsize=1024)
def _mapping_of(client: ClientId, base: bytes) -> bytes:
    """Return the slot of the inner mapping that belongs to a client."""
    return keccak256(keccak256(client.encode()) + base)


def commitment_slot(source_client: ClientId, sequence: Sequence) -> bytes:
    """Return the slot of a packet commitment: a mapping entry under the hash of the ICS-24 v2 path."""
    return keccak256(keccak256(codec.commitment_path(source_client, sequence)) + _COMMITMENTS)


def receipt_word(destination_client: ClientId, sequence: Sequence) -> tuple[bytes, int]:
    """Return (slot, mask) of a packet's receipt: one bit of a word that 256 consecutive sequences share."""
    index = (sequence >> 8).to_bytes(32, "big")
    return keccak256(index + _mapping_of(destination_client, _RECEIPTS)), 1 << (sequence & 0xFF)


def ack_batch_slot(destination_client: ClientId, batch: int) -> bytes:
    """Return the slot of the hash of one batch of acknowledgements, numbered from 1 on each client."""
    return keccak256(batch.to_bytes(32, "big") + _mapping_of(destination_client, _ACK_BATCHES))
