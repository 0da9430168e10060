"""Merkle-Patricia proofs: what does the trie of a trusted root hold under this key, or provably nothing?

`membership` and `absence` are separate and never stand in for each other: a membership proof that ends
nowhere is a refusal, not an empty value, and bytes that do not parse are a refusal, not an absence. Every
node is hashed (the root too, however short), every encoding must be canonical, and every listed node must
be used, in order. Proofs are in the form that `eth_getProof` gives: nodes from the root down; a node that
is inlined in its parent (shorter than 32 bytes) is not listed again. Keys are used as given: state and
storage tries want them hashed by the caller.

The ordinary branch (sixteen hashes or gaps, no value) is matched by one regular expression for each nibble,
a strict grammar run in C; whatever else a node can be goes the plain way through `proofs.rlp`.

Implements: Ethereum Yellow Paper, appendices C (hex prefix) and D (trie).
"""

import re
from collections.abc import Callable
from typing import NoReturn

from proofs import limits, rlp
from proofs.hashing import EMPTY_TRIE_ROOT, keccak256
from proofs.verdict import Reason, Refusal

_EMPTY_NODE = b"\x80"
_CHILD = rb"(?:\x80|\xa0.{32})"


def _branch_matcher(nibble: int) -> Callable[[bytes, int], re.Match[bytes] | None]:
    pattern = _CHILD * nibble + rb"(?:\x80|\xa0(.{32}))" + _CHILD * (15 - nibble) + rb"\x80"
    return re.compile(pattern, re.DOTALL).fullmatch


_BRANCHES = {f"{nibble:x}": _branch_matcher(nibble) for nibble in range(16)}
"""For each nibble, the matcher of a branch's payload: its group is that nibble's child, or nothing."""


def _branch_prefixes() -> dict[int, bytes]:
    """Return, by the size of an ordinary branch of 2 to 16 children, the list prefix that it demands."""
    payloads = [17 + 32 * children for children in range(2, 17)]
    prefixes = [rlp.encode([b"\x01"] * payload)[:-payload] for payload in payloads]
    return {len(prefix) + payload: prefix for prefix, payload in zip(prefixes, payloads, strict=True)}


_BRANCH_PREFIXES = _branch_prefixes()


class Trie:
    """One trie, known by its root. It remembers the hashes of nodes, so shared nodes are hashed once.

    What it remembers is only `keccak256(node)`, a fact about bytes, never a verdict: each proof is walked
    in full.
    """

    __slots__ = ("_hashes", "root")

    def __init__(self, root: bytes) -> None:
        self.root = root
        self._hashes: dict[bytes, bytes] = {}

    def membership(self, key: bytes, nodes: tuple[bytes, ...]) -> bytes:
        """Return the value that the trie holds under `key`; raise `Refusal` (`ABSENT` if proven so)."""
        value = self._find(key, nodes)
        if value is None:
            raise Refusal(Reason.ABSENT, f"key {key.hex()}: expected a value, proven absent")
        return value

    def absence(self, key: bytes, nodes: tuple[bytes, ...]) -> None:
        """Return nothing if the trie provably lacks `key`; raise `Refusal` (`PRESENT` if it has it)."""
        value = self._find(key, nodes)
        if value is not None:
            raise Refusal(
                Reason.PRESENT, f"key {key.hex()}: expected nothing, proven value of {len(value)} bytes"
            )

    def _find(self, key: bytes, nodes: tuple[bytes, ...]) -> bytes | None:
        """Return the value under `key`, or None if proven absent; refuse every other ending."""
        limits.check_nodes("trie proof", nodes, limits.MAX_PROOF_NODES)
        if self.root == EMPTY_TRIE_ROOT:
            _check_empty(nodes)
            return None
        path, at, want, hashes = key.hex(), 0, self.root, self._hashes
        size, last = len(path), len(nodes) - 1
        for index, node in enumerate(nodes):
            node_hash = hashes.get(node)
            if node_hash is None:
                node_hash = hashes[node] = keccak256(node)
            if node_hash != want:
                raise Refusal(
                    Reason.WRONG_HASH, f"node {index}: expected {want.hex()}, got {node_hash.hex()}"
                )
            prefix = _BRANCH_PREFIXES.get(len(node))
            branch = None
            if at < size and prefix is not None and node.startswith(prefix):
                branch = _BRANCHES[path[at]](node, len(prefix))
            if branch is not None:
                child, value = branch[1], None
                at += 1
            else:
                child, value, at = _descend(node, path, at)
            if child is None:
                if index != last:
                    raise Refusal(Reason.INCOMPLETE, f"nodes: expected {index + 1}, got {len(nodes)}")
                return value
            want = child
        raise Refusal(
            Reason.INCOMPLETE, f"nodes: expected one more, with hash {want.hex()}, got {len(nodes)}"
        )


def membership(root: bytes, key: bytes, nodes: tuple[bytes, ...]) -> bytes:
    """Return what the trie of this root holds under `key`; raise `Refusal` (`ABSENT` if proven so)."""
    return Trie(root).membership(key, nodes)


def absence(root: bytes, key: bytes, nodes: tuple[bytes, ...]) -> None:
    """Return nothing if the trie of this root provably lacks `key`; raise `Refusal` otherwise."""
    Trie(root).absence(key, nodes)


def _check_empty(nodes: tuple[bytes, ...]) -> None:
    """Accept the two forms in which clients prove that a trie is empty: no node, and the empty node."""
    if nodes not in ((), (_EMPTY_NODE,)):
        raise Refusal(Reason.INCOMPLETE, f"empty trie: expected no nodes, got {len(nodes)}")


def _descend(node: bytes, path: str, at: int) -> tuple[bytes | None, bytes | None, int]:
    """Go through one listed node and all that is inlined in it.

    Returns (hash of the next listed node, None, new position), or (None, value or None if absent, position).
    """
    item: rlp.Item = _decode_pair(node) or rlp.decode(node)
    while True:
        items = rlp.as_list(item, "trie node")
        if len(items) == 17:
            if at == len(path):
                return None, _branch_value(items), at
            child, at = _check_branch(items)[int(path[at], 16)], at + 1
        elif len(items) == 2:
            part, is_leaf = _hex_prefix(rlp.as_bytes(items[0], "trie path"))
            rest = path[at:]
            if is_leaf:
                value = _check_value(rlp.as_bytes(items[1], "leaf value"))
                return None, value if rest == part else None, at
            child = _check_extension(part, items[1])
            if not rest.startswith(part):
                return None, None, at
            at += len(part)
        else:
            _malformed(f"trie node: expected 2 or 17 items, got {len(items)}")
        if isinstance(child, bytes):
            return (child, None, at) if child else (None, None, at)
        item = child


def _decode_pair(node: bytes) -> list[rlp.Item] | None:
    """Return the items of an ordinary leaf or extension: two strings of 2 to 255 bytes, canonically encoded.

    Any other node gives None and is decoded the plain way; this is only the shorter way to the same answer.
    """
    size, start = len(node), 1
    if size < 6 or size > 257:
        return None
    if node[0] == 0xF8:
        start = 2
        is_whole = node[1] == size - 2 and size >= 58
    else:
        is_whole = size <= 56 and node[0] == 0xBF + size
    second = start + node[start] - 0x7F
    if not is_whole or not 0x82 <= node[start] <= 0xB7 or second + 2 > size:
        return None
    if 0x82 <= node[second] <= 0xB7 and node[second] == 0x7F + size - second:
        return [node[start + 1 : second], node[second + 1 :]]
    if node[second] == 0xB8 and node[second + 1] == size - second - 2 and size >= second + 58:
        return [node[start + 1 : second], node[second + 2 :]]
    return None


def _malformed(detail: str) -> NoReturn:
    raise Refusal(Reason.MALFORMED, detail)


def _check_branch(items: list[rlp.Item]) -> list[rlp.Item]:
    """Return a branch's items; a child is a hash, an inlined node or nothing, and two slots are in use."""
    for child in items[:16]:
        _check_child(child)
    rlp.as_bytes(items[16], "branch value")
    if sum(map(bool, items)) < 2:
        _malformed("branch: expected at least 2 of 17 slots in use")
    return items


def _branch_value(items: list[rlp.Item]) -> bytes | None:
    """Return the value in a branch, or None if it is empty."""
    return rlp.as_bytes(_check_branch(items)[16], "branch value") or None


def _check_value(value: bytes) -> bytes:
    """Return a leaf's value; a trie never stores an empty one (writing it deletes the key)."""
    if not value:
        _malformed("leaf: expected a value, got an empty one")
    return value


def _check_extension(part: str, child: rlp.Item) -> rlp.Item:
    """Return an extension's child; neither its path nor its child may be empty."""
    if not part or not child:
        _malformed("extension: expected a path and a child, got an empty one")
    _check_child(child)
    return child


def _check_child(child: rlp.Item) -> None:
    """Check one child reference; raise `Refusal(MALFORMED)` for what a parent cannot hold."""
    if isinstance(child, bytes):
        if len(child) not in (0, 32):
            _malformed(f"child: expected nothing or 32 bytes, got {len(child)}")
    elif (size := len(rlp.encode(child))) >= 32:
        _malformed(f"inlined child: expected less than 32 bytes, got {size}")


def _hex_prefix(encoded: bytes) -> tuple[str, bool]:
    """Return (nibbles as hexadecimal text, is leaf) of a compact path; refuse other flags and padding."""
    text = encoded.hex()
    flag = text[:1]
    if flag in ("1", "3"):
        return text[1:], flag == "3"
    if flag in ("0", "2") and text[1] == "0":
        return text[2:], flag == "2"
    _malformed(f"compact path: expected a flag of 0 to 3 and zero padding, got {text[:2]!r}")
