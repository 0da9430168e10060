"""The sequences of one account, and the transactions that hold them. Bookkeeping only, no I/O.

There is one ledger for each (chain, account): whoever sends takes the lowest free sequence here, so that a
gap below waiting transactions is what the next one fills. A transaction leaves the ledger when it is in a
block, or when no block can hold it any more.
"""

from dataclasses import dataclass, field

from adapters.cosmos.tx import Intent, Ticket


@dataclass(slots=True, kw_only=True)
class Waiting:
    """One transaction in use of its sequence."""

    sequence: int
    intent: Intent
    raw: bytes
    ticket: Ticket
    sent_at_s: float
    """When it was last broadcast, by the monotonic clock."""
    overtaken_at: int = 0
    """Height at which its sequence was first seen used, while it was in no block; 0: never."""
    lost: str = ""
    """Why no block can hold it any more."""


@dataclass(slots=True)
class Ledger:
    """Which sequence comes next, and who holds the later ones."""

    floor: int | None = None
    """Sequences below are used up in blocks, as far as we were told; None until the account was read."""
    _open: dict[int, Waiting] = field(default_factory=dict)
    _by_hash: dict[bytes, Waiting] = field(default_factory=dict)

    def next(self) -> int:
        """Return the lowest sequence that nobody holds, once the account was read."""
        sequence = self.floor or 0
        while sequence in self._open:
            sequence += 1
        return sequence

    def hold(self, waiting: Waiting) -> None:
        """Enter a transaction."""
        self._open[waiting.sequence] = waiting
        self._by_hash[waiting.ticket.hash] = waiting

    def release(self, waiting: Waiting) -> None:
        """Forget a transaction that was taken by nobody."""
        self._open.pop(waiting.sequence, None)
        self._by_hash.pop(waiting.ticket.hash, None)

    def include(self, waiting: Waiting) -> None:
        """Forget a transaction that is in a block."""
        self.release(waiting)
        self.floor = max(self.floor or 0, waiting.sequence + 1)

    def lose(self, waiting: Waiting, why: str) -> None:
        """Free the sequence of a transaction that no block can hold; remember why until it is asked for."""
        self._open.pop(waiting.sequence, None)
        waiting.lost = why

    def forget_before(self, height: int) -> None:
        """Forget what was lost and could be in no block after `height`: its ticket alone says so by then."""
        old = [each for each in self._by_hash.values() if each.lost and each.ticket.timeout_height <= height]
        for each in old:
            del self._by_hash[each.ticket.hash]

    def find(self, transaction_hash: bytes) -> Waiting | None:
        """Return the transaction with this hash, waiting or lost."""
        return self._by_hash.get(transaction_hash)

    def open(self) -> list[Waiting]:
        """Return those that may come into a block, by sequence."""
        return [self._open[sequence] for sequence in sorted(self._open)]
