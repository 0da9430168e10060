"""A binary Merkle tree over sorted keys, with proofs of membership and absence: the memory chain's store.

Shape and domain separation are those of certificate transparency: leaf hashes start with 0x00, inner ones
with 0x01, and the last node of an odd level moves up unpaired (no duplicated leaf). Two things are added.
Leaves are sorted by key, so two neighbours prove that nothing lies between them. And the root binds the
number of leaves and a domain (who owns the store), so no proof can claim another position, another size, or
another owner: `root = sha256(0x02 || len(domain) || domain || count_be8 || top)`, where `top` of an empty
tree is 32 zero bytes.

An encoded proof is `count_be8` and then, for each of its entries (one for membership, up to two neighbours
for absence), `index_be8 || len(key)_be2 || key || len(value)_be4 || value || siblings_be1 || 32 bytes
each`.

Implements: RFC 6962, section 2.1 (hashing and audit paths).
"""

import hashlib
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass

from proofs import limits
from proofs.hashing import sha256
from proofs.verdict import Reason, Refusal

_NO_TOP = bytes(32)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """One leaf of an untrusted proof."""

    index: int
    key: bytes
    value: bytes
    siblings: tuple[bytes, ...]


def leaf_hash(key: bytes, value: bytes) -> bytes:
    """Return the hash of one leaf; the key's length is in it, so key and value cannot flow together."""
    return sha256(b"\0" + len(key).to_bytes(2, "big") + key + value)


def _bind(domain: bytes, count: int, top: bytes) -> bytes:
    return sha256(b"\2" + bytes([len(domain)]) + domain + count.to_bytes(8, "big") + top)


def _level_above(level: list[bytes]) -> list[bytes]:
    node = hashlib.sha256
    pairs = zip(level[::2], level[1::2], strict=False)
    above = [node(b"\1" + left + right).digest() for left, right in pairs]
    if len(level) % 2:
        above.append(level[-1])
    return above


class Tree:
    """A whole tree, to make roots and proofs from. It never changes: another content is another tree."""

    def __init__(self, entries: Mapping[bytes, bytes], *, domain: bytes) -> None:
        """Build the tree over `entries`; `domain` (at most 255 bytes) names the owner of the store.

        Raises:
            ValueError: a key or value is empty or over its cap.
        """
        for key, value in entries.items():
            if not 0 < len(key) <= limits.MAX_TREE_KEY or not 0 < len(value) <= limits.MAX_TREE_VALUE:
                raise ValueError(
                    f"entry: key of {len(key)} and value of {len(value)} bytes, neither may be empty or over"
                )
        self._keys = sorted(entries)
        self._entries = dict(entries)
        self._levels = [[leaf_hash(key, entries[key]) for key in self._keys]]
        while len(self._levels[-1]) > 1:
            self._levels.append(_level_above(self._levels[-1]))
        top = self._levels[-1][0] if self._keys else _NO_TOP
        self.root = _bind(domain, len(self._keys), top)

    def prove_membership(self, key: bytes) -> bytes:
        """Return the encoded proof that `key` has its value; raise `KeyError` if it is not there."""
        if key not in self._entries:
            raise KeyError(key)
        return self._proof([bisect_left(self._keys, key)])

    def prove_absence(self, key: bytes) -> bytes:
        """Return the encoded proof that the tree does not hold `key`; raise `KeyError` if it does."""
        if key in self._entries:
            raise KeyError(key)
        place = bisect_left(self._keys, key)
        return self._proof([index for index in (place - 1, place) if 0 <= index < len(self._keys)])

    def _proof(self, indices: list[int]) -> bytes:
        return b"".join([len(self._keys).to_bytes(8, "big"), *map(self._encode_entry, indices)])

    def _encode_entry(self, index: int) -> bytes:
        key = self._keys[index]
        value = self._entries[key]
        siblings = []
        for height, level in enumerate(self._levels[:-1]):
            neighbour = (index >> height) ^ 1
            if neighbour < len(level):
                siblings.append(level[neighbour])
        sized_key = len(key).to_bytes(2, "big") + key
        sized_value = len(value).to_bytes(4, "big") + value
        return b"".join([index.to_bytes(8, "big"), sized_key, sized_value, bytes([len(siblings)]), *siblings])


def membership(root: bytes, key: bytes, proof: bytes, *, domain: bytes) -> bytes:
    """Return the value that the tree of this root and domain holds under `key`; raise `Refusal` otherwise."""
    count, entries = _decode(proof)
    if len(entries) != 1:
        raise Refusal(Reason.INCOMPLETE, f"membership: expected 1 leaf, got {len(entries)}")
    entry = entries[0]
    _check_entry(root, count, entry, domain)
    if entry.key != key:
        raise Refusal(Reason.WRONG_VALUE, f"leaf: expected key {key.hex()}, got {entry.key.hex()}")
    return entry.value


def absence(root: bytes, key: bytes, proof: bytes, *, domain: bytes) -> None:
    """Return nothing if the tree with this root and domain provably lacks `key`; raise `Refusal` otherwise.

    The proof shows the neighbours between which the key would lie, or the one neighbour at an edge, or an
    empty tree.
    """
    count, entries = _decode(proof)
    for entry in entries:
        _check_entry(root, count, entry, domain)
        if entry.key == key:
            raise Refusal(Reason.PRESENT, f"key {key.hex()}: expected nothing, proven at leaf {entry.index}")
    match entries:
        case []:
            holds = count == 0 and _bind(domain, 0, _NO_TOP) == root
        case [only]:
            at_start = only.index == 0 and key < only.key
            at_end = only.index == count - 1 and only.key < key
            holds = at_start or at_end
        case [left, right]:
            holds = left.index + 1 == right.index and left.key < key < right.key
        case _:
            holds = False
    if not holds:
        raise Refusal(
            Reason.INCOMPLETE, f"key {key.hex()}: expected the neighbours around it, of {count} leaves"
        )


def root_of_leaf(leaf: bytes, index: int, count: int, siblings: tuple[bytes, ...]) -> bytes:
    """Return the top that this leaf at this index of `count` leads to; raise `Refusal` on a misfit."""
    if not 0 < count <= limits.MAX_TREE_LEAVES or not 0 <= index < count:
        raise Refusal(Reason.LIMIT, f"leaf: expected an index below the count, got {index} of {count}")
    node, used, last = leaf, 0, count - 1
    while last:
        if index % 2 or index < last:
            if used == len(siblings):
                raise Refusal(Reason.INCOMPLETE, f"siblings: expected more than {used}")
            sibling = siblings[used]
            used += 1
            node = sha256(b"\1" + sibling + node if index % 2 else b"\1" + node + sibling)
        index, last = index // 2, last // 2
    if used != len(siblings):
        raise Refusal(Reason.INCOMPLETE, f"siblings: expected {used}, got {len(siblings)}")
    return node


def _check_entry(root: bytes, count: int, entry: _Entry, domain: bytes) -> None:
    top = root_of_leaf(leaf_hash(entry.key, entry.value), entry.index, count, entry.siblings)
    actual = _bind(domain, count, top)
    if actual != root:
        raise Refusal(Reason.WRONG_HASH, f"binary tree: expected root {root.hex()}, got {actual.hex()}")


class _Reader:
    """Takes fixed pieces off untrusted bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes, or refuse."""
        piece = self._data[self._at : self._at + size]
        if len(piece) != size:
            raise Refusal(
                Reason.MALFORMED, f"binary proof: expected {size} bytes at {self._at}, got {len(piece)}"
            )
        self._at += size
        return piece

    def number(self, size: int) -> int:
        """Return the next unsigned big-endian integer of `size` bytes."""
        return int.from_bytes(self.take(size), "big")

    def done(self) -> bool:
        """Return whether every byte was taken."""
        return self._at == len(self._data)


def _decode(proof: bytes) -> tuple[int, list[_Entry]]:
    """Return the claimed leaf count and the entries of an encoded proof; all bytes must be used."""
    limits.check_at_most("binary proof bytes", len(proof), 3 * (limits.MAX_TREE_KEY + limits.MAX_TREE_VALUE))
    reader = _Reader(proof)
    count = reader.number(8)
    entries: list[_Entry] = []
    while not reader.done():
        limits.check_at_most("binary proof leaves", len(entries) + 1, 2)
        index = reader.number(8)
        key = reader.take(reader.number(2))
        value = reader.take(reader.number(4))
        siblings = tuple([reader.take(32) for _ in range(reader.number(1))])
        entries.append(_Entry(index=index, key=key, value=value, siblings=siblings))
    return count, entries
