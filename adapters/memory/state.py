"""The memory chain's state: every key with its history, so a read at any block is a lookup and a reorg a cut.

Keys of bytes are provable: they are the leaves of the commitment tree (format `memory-tree`). Keys of
tuples are the chain's private books (balances, clients, counters), which no proof covers. Values are
immutable.
"""

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any

from proofs.merkle.binary import Tree

Key = bytes | tuple[Any, ...]
Writes = Mapping[Key, Any]
"""What a block changes; None deletes."""

_TREES_KEPT = 64
"""Trees of older blocks are rebuilt when somebody asks."""


class State:
    """All versions of all keys. Heights only grow, except by `rollback`."""

    def __init__(self, *, domain: bytes) -> None:
        """Start empty. `domain` is the 20-byte router account that owns the tree."""
        self._domain = domain
        self._heights: dict[Key, list[int]] = {}
        self._values: dict[Key, list[Any]] = {}
        self._touched: dict[int, tuple[Key, ...]] = {}
        self._leaves: dict[bytes, bytes] = {}
        self._tree_heights: list[int] = [0]
        self._trees: dict[int, Tree] = {0: Tree({}, domain=domain)}

    def get(self, key: Key, height: int | None = None) -> Any:
        """Return the value after block `height` (the newest when None), or None."""
        values = self._values.get(key)
        if not values:
            return None
        if height is None:
            return values[-1]
        place = bisect_right(self._heights[key], height)
        return values[place - 1] if place else None

    def keys(self, *prefix: Any) -> list[tuple[Any, ...]]:
        """Return the private keys that start with `prefix` and have a value now, oldest first."""
        size = len(prefix)
        return [
            key
            for key, values in self._values.items()
            if isinstance(key, tuple) and key[:size] == prefix and values and values[-1] is not None
        ]

    def commit(self, height: int, writes: Writes) -> None:
        """Append the writes of block `height`."""
        provable = False
        for key, value in writes.items():
            self._heights.setdefault(key, []).append(height)
            self._values.setdefault(key, []).append(value)
            if isinstance(key, bytes):
                provable = True
                self._set_leaf(key, value)
        self._touched[height] = tuple(writes)
        if provable:
            self._tree_heights.append(height)

    def rollback(self, height: int) -> None:
        """Forget every block above `height`."""
        for gone in [above for above in self._touched if above > height]:
            for key in self._touched.pop(gone):
                self._heights[key].pop()
                self._values[key].pop()
                if isinstance(key, bytes):
                    self._set_leaf(key, self.get(key))
        self._tree_heights = [kept for kept in self._tree_heights if kept <= height]
        self._trees = {kept: tree for kept, tree in self._trees.items() if kept <= height}

    def tree(self, height: int) -> Tree:
        """Return the commitment tree after block `height`. Blocks that change no leaf share one."""
        at = self._tree_heights[bisect_right(self._tree_heights, height) - 1]
        tree = self._trees.get(at)
        if tree is None:
            newest = at == self._tree_heights[-1]
            leaves = self._leaves if newest else self._leaves_at(at)
            tree = self._trees[at] = Tree(leaves, domain=self._domain)
            if len(self._trees) > _TREES_KEPT:
                del self._trees[min(self._trees)]
        return tree

    def _leaves_at(self, height: int) -> dict[bytes, bytes]:
        leaves = {key: self.get(key, height) for key in self._values if isinstance(key, bytes)}
        return {key: value for key, value in leaves.items() if value is not None}

    def _set_leaf(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            self._leaves.pop(key, None)
        else:
            self._leaves[key] = value


class View:
    """The state as one transaction sees it: reads through, and keeps its writes until merged or dropped."""

    def __init__(self, under: "State | View") -> None:
        """Look at `under` without changing it."""
        self._under = under
        self.writes: dict[Key, Any] = {}
        self.events: list[Any] = []

    def get(self, key: Key) -> Any:
        """Return the value that this transaction would see."""
        return self.writes[key] if key in self.writes else self._under.get(key)

    def put(self, key: Key, value: Any) -> None:
        """Write a value; None deletes."""
        self.writes[key] = value

    def add(self, key: Key, amount: int) -> int:
        """Add to a counter and return its new value."""
        total: int = (self.get(key) or 0) + amount
        self.writes[key] = total
        return total

    def absorb(self, child: "View") -> None:
        """Take over what a view on top of this one wrote."""
        self.writes.update(child.writes)
        self.events += child.events
