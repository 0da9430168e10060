"""Where the router keeps what is proven: the slots of `adapters/evm/contracts/README.md`, as functions.

Nothing here reads or verifies. Slots are 32 bytes, before the hashing that a storage trie's key needs.
"""

from proofs import codec
from proofs.hashing import keccak256
from proofs.types import ClientId, Sequence

_ROUTER_STORAGE = 0x1260944489272988D9DF285149B5AA1B0F48F2136D6F416159F840A3E0747600
"""ERC-7201 location of the router's storage."""

_COMMITMENTS = _ROUTER_STORAGE.to_bytes(32, "big")
_RECEIPTS = (_ROUTER_STORAGE + 1).to_bytes(32, "big")
_ACK_BATCHES = (_ROUTER_STORAGE + 2).to_bytes(32, "big")


def commitment_slot(source_client: ClientId, sequence: Sequence) -> bytes:
    """Return the slot of a packet commitment: a mapping entry under the hash of the ICS-24 v2 path."""
    return keccak256(keccak256(codec.commitment_path(source_client, sequence)) + _COMMITMENTS)


def receipt_word(destination_client: ClientId, sequence: Sequence) -> tuple[bytes, int]:
    """Return (slot, mask) of a packet's receipt: one bit of a word that 256 consecutive sequences share."""
    of_client = keccak256(keccak256(destination_client.encode()) + _RECEIPTS)
    return keccak256((sequence >> 8).to_bytes(32, "big") + of_client), 1 << (sequence & 0xFF)


def ack_batch_slot(destination_client: ClientId, batch: int) -> bytes:
    """Return the slot of the hash of one batch of acknowledgements, numbered from 1 on each client."""
    of_client = keccak256(keccak256(destination_client.encode()) + _ACK_BATCHES)
    return keccak256(batch.to_bytes(32, "big") + of_client)
