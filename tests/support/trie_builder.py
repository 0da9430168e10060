"""Builds Merkle-Patricia tries and proofs, for tests and benchmarks. The judge is `proofs/merkle/mpt.py`.

Not a database: a trie is built once, from all its keys, and then only proven from. It shares no code with the
verifier but the hash function.
"""

from collections.abc import Mapping, Sequence

from proofs.hashing import EMPTY_TRIE_ROOT, keccak256


def _head(size: int, short: int) -> bytes:
    if size < 56:
        return bytes([short + size])
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([short + 55 + len(length)]) + length


def rlp_bytes(data: bytes) -> bytes:
    """Return the RLP of a byte string."""
    return data if len(data) == 1 and data[0] < 0x80 else _head(len(data), 0x80) + data


def rlp_list(encoded: Sequence[bytes]) -> bytes:
    """Return the RLP of a list whose items are encoded already."""
    payload = b"".join(encoded)
    return _head(len(payload), 0xC0) + payload


def rlp_int(value: int) -> bytes:
    """Return the RLP of a non-negative integer."""
    return rlp_bytes(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _compact(nibbles: str, flag: int) -> bytes:
    odd = len(nibbles) % 2
    return bytes.fromhex(f"{flag + odd:x}" + ("" if odd else "0") + nibbles)


def _common(first: str, last: str) -> str:
    same = next(
        (i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last))
    )
    return first[:same]


class TrieBuilder:
    """A trie over these keys and values. Keys are used as given: hash them first for a state trie."""

    def __init__(self, items: Mapping[bytes, bytes]) -> None:
        self._nodes: dict[str, bytes] = {}
        """Encoded node by the path that leads to it."""
        self._spans: dict[str, str] = {}
        """Path of a node -> the path that it ends at, for extensions and leaves."""
        ordered = sorted((key.hex(), value) for key, value in items.items() if value)
        root = self._build("", ordered) if ordered else b"\x80"
        self.root = keccak256(root) if ordered else EMPTY_TRIE_ROOT

    def prove(self, key: bytes) -> tuple[bytes, ...]:
        """Return the nodes from the root down, as far as they lead towards the key, without inlined ones."""
        path, found, at = key.hex(), [], ""
        while at in self._nodes:
            node = self._nodes[at]
            if len(node) >= 32 or at == "":
                found.append(node)
            end = self._spans.get(at, at)
            if not path.startswith(end) or len(end) >= len(path):
                break
            at = end + ("" if at in self._spans else path[len(end)])
        return tuple(found)

    def _build(self, path: str, items: Sequence[tuple[str, bytes]]) -> bytes:
        """Return the encoded node at `path` for the sorted items below it."""
        if len(items) == 1:
            key, value = items[0]
            node = rlp_list([rlp_bytes(_compact(key[len(path) :], 2)), rlp_bytes(value)])
            self._spans[path] = key
        elif (shared := _common(items[0][0], items[-1][0])) != path:
            child = self._reference(self._build_branch(shared, items))
            node = rlp_list([rlp_bytes(_compact(shared[len(path) :], 0)), child])
            self._spans[path] = shared
            self._nodes[path] = node
            return node
        else:
            return self._build_branch(path, items)
        self._nodes[path] = node
        return node

    def _build_branch(self, path: str, items: Sequence[tuple[str, bytes]]) -> bytes:
        groups: dict[str, list[tuple[str, bytes]]] = {}
        value = b""
        for key, item in items:
            if len(key) == len(path):
                value = item
            else:
                groups.setdefault(key[len(path)], []).append((key, item))
        children = [
            self._reference(self._build(path + nibble, groups[nibble])) if nibble in groups else b"\x80"
            for nibble in "0123456789abcdef"
        ]
        node = rlp_list([*children, rlp_bytes(value)])
        self._nodes[path] = node
        return node

    @staticmethod
    def _reference(node: bytes) -> bytes:
        return rlp_bytes(keccak256(node)) if len(node) >= 32 else node


def account(nonce: int, balance: int, storage_root: bytes, code_hash: bytes) -> bytes:
    """Return the RLP of an Ethereum account."""
    return rlp_list([rlp_int(nonce), rlp_int(balance), rlp_bytes(storage_root), rlp_bytes(code_hash)])
