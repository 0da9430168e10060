"""Tries to prove things in, built by py-trie: an implementation that shares nothing with ours."""

from collections.abc import Mapping
from itertools import pairwise

import rlp
from trie import HexaryTrie

from proofs.hashing import keccak256

EMPTY_CODE_HASH = keccak256(b"")


def geth_form(nodes: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Return a proof without the nodes that are inlined in their parents, as `eth_getProof` lists them.

    Some implementations list an inlined node again: shorter than 32 bytes, and part of the one before.
    """
    pairs = pairwise(nodes)
    return nodes[:1] + tuple([node for parent, node in pairs if len(node) >= 32 or node not in parent])


def build(entries: Mapping[bytes, bytes]) -> HexaryTrie:
    """Return a trie with these entries, keys as they are."""
    trie = HexaryTrie({})
    with trie.squash_changes() as batch:
        for key, value in entries.items():
            batch[key] = value
    return trie


def prove(trie: HexaryTrie, key: bytes) -> tuple[bytes, ...]:
    """Return py-trie's proof for a key, present or not, in geth's form."""
    return geth_form(tuple([rlp.encode(node) for node in trie.get_proof(key)]))


def minimal(value: int) -> bytes:
    """Return RLP of an integer, as storage tries hold it."""
    return rlp.encode(value)


class EvmState:
    """A state with one contract of interest among other accounts."""

    def __init__(self, address: bytes, slots: Mapping[bytes, int], *, others: int = 30) -> None:
        self.address = address
        self.storage = build({keccak256(slot): minimal(word) for slot, word in slots.items()})
        account = rlp.encode([b"\x01", b"", self.storage.root_hash, EMPTY_CODE_HASH])
        entries = {keccak256(address): account}
        for index in range(others):
            other = rlp.encode([minimal_bytes(index), b"\x07", keccak256(b"\x80"), EMPTY_CODE_HASH])
            entries[keccak256(b"other%d" % index)] = other
        self.accounts = build(entries)

    @property
    def root(self) -> bytes:
        return bytes(self.accounts.root_hash)

    def account_proof(self) -> tuple[bytes, ...]:
        return prove(self.accounts, keccak256(self.address))

    def storage_proof(self, slot: bytes) -> tuple[bytes, ...]:
        return prove(self.storage, keccak256(slot))


def minimal_bytes(value: int) -> bytes:
    """Return an integer's minimal big-endian bytes; zero is empty."""
    return value.to_bytes((value.bit_length() + 7) // 8, "big")
