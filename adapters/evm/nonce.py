"""The nonces of one signer on one chain, and the transactions that hold them. Bookkeeping only, no I/O.

There is one ledger for each (chain, signer): whoever sends takes the next nonce here. A transaction
leaves the ledger when its nonce is used in a finalized block, not before: until then a reorganisation can
bring it back.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from adapters.evm.fees import Fee
from adapters.evm.transactions import Intent, SignedTransaction


@dataclass(slots=True, kw_only=True)
class Waiting:
    """One nonce in use, with every version of the transaction that was ever broadcast for it."""

    nonce: int
    intent: Intent
    fee: Fee
    versions: list[SignedTransaction]
    """Oldest first; any of them may be the one that is included."""
    sent_at_s: float
    """When the newest version was broadcast, by the monotonic clock."""
    included: bool = False
    used_since_s: float | None = None
    """When a final block was first seen to use the nonce while no version had a receipt."""

    @property
    def newest(self) -> SignedTransaction:
        """The version with the highest fee."""
        return self.versions[-1]


@dataclass(slots=True)
class Ledger:
    """Which nonce comes next, and who holds the earlier ones."""

    next_nonce: int = 0
    loaded: bool = False
    """Whether `next_nonce` was read from the chain."""
    _by_nonce: dict[int, Waiting] = field(default_factory=dict)
    _by_hash: dict[bytes, Waiting] = field(default_factory=dict)

    def load(self, pending_count: int) -> None:
        """Go on from what the chain and its waiting room know; never backwards over a nonce in use."""
        self.next_nonce = max([pending_count, *(nonce + 1 for nonce in self._by_nonce)])
        self.loaded = True

    def hold(self, waiting: Waiting) -> None:
        """Enter a transaction, or a new version of one."""
        self._by_nonce[waiting.nonce] = waiting
        for version in waiting.versions:
            self._by_hash[version.hash] = waiting
        self.next_nonce = max(self.next_nonce, waiting.nonce + 1)

    def release(self, waiting: Waiting) -> None:
        """Forget a transaction that cannot be included any more."""
        self._by_nonce.pop(waiting.nonce, None)
        for version in waiting.versions:
            self._by_hash.pop(version.hash, None)

    def find(self, transaction_hash: bytes) -> Waiting | None:
        """Return who holds a version with this hash."""
        return self._by_hash.get(transaction_hash)

    def open(self) -> Iterator[Waiting]:
        """Return those that are in no block as far as we know, by nonce."""
        return (
            self._by_nonce[nonce] for nonce in sorted(self._by_nonce) if not self._by_nonce[nonce].included
        )

    def used_below(self, finalized_count: int) -> list[Waiting]:
        """Return those whose nonce is used for good."""
        return [waiting for nonce, waiting in self._by_nonce.items() if nonce < finalized_count]
