"""Block headers of EVM chains, from the first fork to today's and, as far as hashing goes, to later ones.

A header is an RLP list whose positions 0 to 14 never moved. Forks appended items: London the base fee (16),
Shanghai the withdrawals root (17), Cancun blob gas and the beacon root (20), Prague the requests hash (21).
Later forks may append more: unknown trailing items are accepted, because the hash covers them. The chain id
is not in a header, so a header alone never says which chain it is of.

Implements: Ethereum Yellow Paper 4.4.3, EIP-1559, EIP-4895, EIP-4844, EIP-4788, EIP-7685.
"""

from dataclasses import dataclass

from proofs import limits, rlp
from proofs.hashing import keccak256
from proofs.types import Height
from proofs.verdict import Reason, Refusal

_FIXED_SIZES = {0: 32, 1: 32, 2: 20, 3: 32, 4: 32, 5: 32, 6: 256, 13: 32, 14: 8, 16: 32, 19: 32, 20: 32}
"""Positions that hold byte strings of one size: hashes, roots, the miner, the bloom, the nonce."""

_INTEGER_SIZES = {7: 32, 8: 8, 9: 8, 10: 8, 11: 8, 15: 32, 17: 8, 18: 8}
"""Positions that hold integers, and how many bytes those may have."""

_MIN_ITEMS = 15
_MAX_ITEMS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class EvmHeader:
    """What proofs need of a header. Every field is covered by `hash`."""

    hash: bytes
    parent_hash: bytes
    state_root: bytes
    transactions_root: bytes
    receipts_root: bytes
    height: Height
    time_s: int
    items: int
    """How many items the header has: tells the fork."""


def decode(encoded: bytes) -> EvmHeader:
    """Return the header that these RLP bytes are, with its hash; raise `Refusal` if they are none."""
    limits.check_at_most("header bytes", len(encoded), limits.MAX_HEADER)
    items = rlp.decode_list(encoded)
    if not _MIN_ITEMS <= len(items) <= _MAX_ITEMS:
        raise Refusal(
            Reason.MALFORMED, f"header: expected {_MIN_ITEMS} to {_MAX_ITEMS} items, got {len(items)}"
        )
    for position, item in enumerate(items):
        what = f"header item {position}"
        if position in _FIXED_SIZES:
            rlp.as_bytes(item, what, _FIXED_SIZES[position])
        elif position in _INTEGER_SIZES:
            rlp.as_int(item, what, _INTEGER_SIZES[position])
    rlp.as_bytes(items[12], "header item 12")
    return EvmHeader(
        hash=keccak256(encoded),
        parent_hash=rlp.as_bytes(items[0], "parent hash"),
        state_root=rlp.as_bytes(items[3], "state root"),
        transactions_root=rlp.as_bytes(items[4], "transactions root"),
        receipts_root=rlp.as_bytes(items[5], "receipts root"),
        height=Height(rlp.as_int(items[8], "number")),
        time_s=rlp.as_int(items[11], "timestamp"),
        items=len(items),
    )
