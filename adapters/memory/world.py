"""The memory chains of this process: deterministic, with real hashes, real trees and real signatures.

A chain makes blocks on a schedule of the clock that it is handed (or one per transaction when the block
time is 0), and at once by `mine`. It forks on demand: `reorg` replaces its newest blocks. Nothing here
lies; endpoints do (`adapters.memory.faults`). Several adapters in one process look at the same chain when
they name the same world.

It is not a consensus protocol: the validators sign whatever the chain makes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

import coincurve

from adapters.api import Clock, SubmissionId
from adapters.memory.apps import Revert
from adapters.memory.faults import Personality
from adapters.memory.router import execute
from adapters.memory.state import State, View
from adapters.memory.transactions import Block, Event, Receipt, Transaction, transaction_id
from proofs.hashing import sha256
from proofs.memory_tree import MemoryHeader, encode_header, header_hash
from proofs.signatures import address_of, sign
from proofs.types import BlockRef, ChainId, Height, Sequence

GENESIS_HEIGHT = 1
_FORK_LEAF = b"fork"
"""Provable leaf that counts reorgs, so that a replaced block never has the hash of the old one."""
_MAX_BLOCKS_DUE = 20_000
"""Blocks made at once after a leap of the clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainSpec:
    """What makes a chain the chain it is. Two adapters on one chain must agree on it."""

    router: bytes
    """20 bytes: the owner of the commitment tree."""
    validators: int
    block_time_s: float
    """0: one block for each transaction."""
    finality_depth: int
    """A block is final when this many stand on it."""


class MemoryChain:
    """One chain. Every read goes through `tick` first, which makes the blocks that are due."""

    def __init__(self, chain_id: ChainId, spec: ChainSpec, clock: Clock) -> None:
        """Start a chain with an empty genesis block at the clock's time."""
        self.chain_id = chain_id
        self.spec = spec
        self.clock = clock
        self.state = State(domain=spec.router)
        self.blocks: list[Block] = []
        self.mempool: dict[SubmissionId, Transaction] = {}
        self.faults: dict[str, Personality] = {}
        """Endpoint name -> how it behaves; endpoints not named are honest."""
        self.watchers: set[Callable[[], None]] = set()
        """Called after each new block."""
        self._places: dict[SubmissionId, Height] = {}
        self._keys = [_validator_key(chain_id, index) for index in range(spec.validators)]
        self._votes: dict[bytes, dict[str, bytes]] = {}
        self._forks = 0
        self._started_s = clock.now_s()
        self._slots = 0
        self._append(int(self._started_s))

    @property
    def head(self) -> Block:
        """The newest block."""
        return self.blocks[-1]

    def at(self, height: int) -> Block | None:
        """Return the canonical block at this height, or None."""
        index = height - GENESIS_HEIGHT
        return self.blocks[index] if 0 <= index < len(self.blocks) else None

    def tick(self) -> None:
        """Make the blocks that are due by the clock."""
        if not self.spec.block_time_s:
            return
        due = int((self.clock.now_s() - self._started_s) / self.spec.block_time_s)
        self._slots = max(self._slots, due - _MAX_BLOCKS_DUE)
        while self._slots < due:
            self._slots += 1
            self._append(int(self._started_s + self._slots * self.spec.block_time_s))

    def mine(self, blocks: int = 1) -> Block:
        """Make blocks now; the first takes the whole mempool. Return the newest."""
        for _ in range(blocks):
            self._append(int(self.clock.now_s()))
        return self.head

    def reorg(self, depth: int, *, keep_transactions: bool = True) -> None:
        """Replace the newest `depth` blocks by as many others and one more.

        Their transactions wait again, unless they are dropped. Raises `ValueError` when the genesis block
        would go.
        """
        if not 0 < depth < len(self.blocks):
            raise ValueError(f"depth: expected 1 to {len(self.blocks) - 1}, got {depth}")
        gone = self.blocks[-depth:]
        del self.blocks[-depth:]
        self.state.rollback(self.head.ref.height)
        waiting = {tx_id: tx for block in gone for tx_id, tx in block.transactions.items()}
        for tx_id in waiting:
            del self._places[tx_id]
        self.mempool = {**waiting, **self.mempool} if keep_transactions else self.mempool
        self._forks += 1
        self.mine(depth + 1)

    def submit(self, transaction: Transaction) -> SubmissionId:
        """Take a transaction. One that waits, or that is in a block and succeeded, is not taken twice.

        Raises `Revert` when it would fail now.
        """
        tx_id = transaction_id(transaction)
        place = self._places.get(tx_id)
        known = self.at(place) if place is not None else None
        if tx_id in self.mempool or (known is not None and known.receipts[tx_id].succeeded):
            return tx_id
        execute(self.state, self.chain_id, transaction, max(int(self.clock.now_s()), self.head.time_s))
        self.mempool[tx_id] = transaction
        if not self.spec.block_time_s:
            self.mine()
        return tx_id

    def find(self, tx_id: SubmissionId) -> Block | None:
        """Return the canonical block that holds this transaction, or None."""
        place = self._places.get(tx_id)
        return self.at(place) if place is not None else None

    def votes(self, block: Block) -> dict[str, bytes]:
        """Return the validators' signatures over the block's hash: address in hex -> 65 bytes."""
        votes = self._votes.get(block.ref.hash)
        if votes is None:
            votes = {_address(key).hex(): sign(key, block.ref.hash) for key in self._keys}
            self._votes[block.ref.hash] = votes
        return votes

    def _append(self, time_s: int) -> None:
        parent = self.blocks[-1] if self.blocks else None
        height = Height(parent.ref.height + 1 if parent else GENESIS_HEIGHT)
        time_s = max(time_s, parent.time_s if parent else 0)
        transactions, self.mempool = self.mempool, {}
        receipts, events = self._run(height, time_s, transactions)
        header = encode_header(
            MemoryHeader(
                chain=self.chain_id,
                height=height,
                time_s=time_s,
                parent_hash=parent.ref.hash if parent else bytes(32),
                root=self.state.tree(height).root,
            )
        )
        block = Block(
            ref=BlockRef(chain=self.chain_id, height=height, hash=header_hash(header)),
            header=header,
            time_s=time_s,
            transactions=transactions,
            receipts=receipts,
            events=tuple(events),
        )
        self.blocks.append(block)
        self._places.update(dict.fromkeys(transactions, height))
        for wake in tuple(self.watchers):
            wake()

    def _run(
        self, height: Height, time_s: int, transactions: dict[SubmissionId, Transaction]
    ) -> tuple[dict[SubmissionId, Receipt], list[tuple[SubmissionId, Event]]]:
        """Execute a block's transactions and commit what they wrote."""
        block = View(self.state)
        receipts: dict[SubmissionId, Receipt] = {}
        events: list[tuple[SubmissionId, Event]] = []
        if self._forks and self.state.get(_FORK_LEAF) != self._forks.to_bytes(8, "big"):
            block.put(_FORK_LEAF, self._forks.to_bytes(8, "big"))
        for tx_id, transaction in transactions.items():
            receipt, view = self._attempt(block, transaction, time_s)
            receipts[tx_id] = receipt
            if view is not None:
                block.absorb(view)
                events += [(tx_id, event) for event in view.events]
        if block.writes:
            self.state.commit(height, block.writes)
        return receipts, events

    def _attempt(self, block: View, transaction: Transaction, time_s: int) -> tuple[Receipt, View | None]:
        sequences: tuple[Sequence, ...]
        try:
            view, sequences = execute(block, self.chain_id, transaction, time_s)
        except Revert as revert:
            return Receipt(succeeded=False, detail=str(revert)), None
        return Receipt(succeeded=True, sequences=sequences), view


def validator_addresses(chain_id: ChainId, validators: int) -> tuple[str, ...]:
    """Return the addresses of a chain's validators, 0x-hex: what its configuration must name."""
    return tuple([f"0x{_address(_validator_key(chain_id, index)).hex()}" for index in range(validators)])


def _validator_key(chain_id: ChainId, index: int) -> bytes:
    return sha256(f"isthmus memory validator {index} of {chain_id}".encode())


def _address(key: bytes) -> bytes:
    return address_of(coincurve.PrivateKey(key).public_key)


_CHAINS: dict[tuple[str, ChainId], MemoryChain] = {}
_SALTS = count(1)


def open_chain(world: str, chain_id: ChainId, spec: ChainSpec, clock: Clock) -> MemoryChain:
    """Return the chain of this world, started if need be. Raises `ValueError` if it has another spec."""
    chain = _CHAINS.get((world, chain_id))
    if chain is None:
        chain = _CHAINS[world, chain_id] = MemoryChain(chain_id, spec, clock)
    if chain.spec != spec:
        raise ValueError(f"{chain_id} in world {world!r}: expected {chain.spec}, got {spec}")
    return chain


def forget(world: str) -> None:
    """End every chain of this world."""
    for key in [key for key in _CHAINS if key[0] == world]:
        del _CHAINS[key]


def next_salt() -> int:
    """Return a number that this process has not used before, to tell two equal sends apart."""
    return next(_SALTS)
