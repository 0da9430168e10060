"""Broadcasts one signer's transactions and follows them: nonces in order, fees raised, gaps closed.

It never drops a transaction on an ambiguous answer: whatever an endpoint says to a broadcast, only the
chain's state (hash known, nonce used, balance too low) decides. A transaction is `Lost` when its nonce
was used by another one in a finalized block, or, after a restart, when no endpoint knows it. It does not
know what a transaction means.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from adapters.api import Clock, Signer
from adapters.errors import AdapterError, RateLimited, TransportError, Underfunded
from adapters.evm.endpoints import Endpoints
from adapters.evm.fees import FeePolicy
from adapters.evm.nonce import Ledger, Waiting
from adapters.evm.rpc import Call, ErrorObject, Reply, RpcClient
from adapters.evm.transactions import Intent, sign
from adapters.evm.wire import BlockJson, ReceiptJson, data, number, read

_TRANSFER_GAS = 21_000
_SEND_ATTEMPTS = 4
_SEND_CHUNK = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What became of one transaction: a receipt, still waiting, or lost for a reason."""

    receipt: ReceiptJson | None = None
    lost: str = ""
    intent: Intent | None = None
    """What it was to do, while we remember."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counts:
    """How many transactions of the signer are in the newest block, in a final one, and with the waiting."""

    latest: int
    final: int
    pending: int


@dataclass(slots=True, kw_only=True)
class Sender:
    """One signer on one chain. There must be only one of these for each such pair."""

    chain_number: int
    signer: Signer
    endpoints: Endpoints
    clock: Clock
    policy: FeePolicy
    window: int
    bump_after_s: float
    poll_s: float
    final_tag: str
    """Block tag whose nonces are used for good."""
    _ledger: Ledger = field(default_factory=Ledger)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _gap_seen: int | None = None

    async def send(self, intents: Sequence[Intent]) -> list[bytes]:
        """Broadcast these in order, within the window; return the hash of each first version.

        Waits for room in the window. Raises `Underfunded` before anything is broadcast.
        """
        hashes: list[bytes] = []
        async with self._lock:
            while len(hashes) < len(intents):
                room = await self._make_room()
                part = intents[len(hashes) : len(hashes) + min(room, _SEND_CHUNK)]
                hashes += await self._send_now(part)
        return hashes

    async def fates(self, hashes: Sequence[bytes]) -> list[Fate]:
        """Return what became of these transactions, in order; look after those that wait too long."""
        fates, counts = await self._look(hashes)
        async with self._lock:
            await self._maintain(counts)
        return fates

    async def next_nonce(self) -> int:
        """Return the nonce of the next transaction, if nobody sends before it."""
        async with self._lock:
            if not self._ledger.loaded:
                *_, pending = await self.endpoints.first(self._market)
                self._ledger.load(pending)
            return self._ledger.next_nonce

    def is_open(self, transaction_hash: bytes) -> bool:
        """Return whether this is a version of a transaction that waits for a block."""
        waiting = self._ledger.find(transaction_hash)
        return waiting is not None and not waiting.included

    def open_count(self) -> int:
        """Return how many transactions wait for a block."""
        return len(list(self._ledger.open()))

    @property
    def _address(self) -> str:
        return "0x" + self.signer.address.hex()

    async def _make_room(self) -> int:
        while True:
            room = self.window - self.open_count()
            if room > 0:
                return room
            _, counts = await self._look([waiting.newest.hash for waiting in self._ledger.open()])
            await self._maintain(counts)
            if self.open_count() >= self.window:
                await self.clock.sleep(self.poll_s)

    async def _send_now(self, intents: Sequence[Intent]) -> list[bytes]:
        base_fee_wei, tip_wei, balance_wei, pending = await self.endpoints.first(self._market)
        if not self._ledger.loaded:
            self._ledger.load(pending)
        fee = self.policy.quote(base_fee_wei, tip_wei)
        cost_wei = sum(intent.gas * fee.max_fee_wei + intent.value_wei for intent in intents)
        if cost_wei > balance_wei:
            raise Underfunded(
                f"signer {self._address}: expected {cost_wei} wei, the balance is {balance_wei}"
            )
        batch = []
        for intent in intents:
            waiting = Waiting(
                nonce=self._ledger.next_nonce, intent=intent, fee=fee, versions=[], sent_at_s=0.0
            )
            self._sign(waiting)
            batch.append(waiting)
        await self._broadcast(batch)
        return [waiting.versions[0].hash for waiting in batch]

    async def _market(self, client: RpcClient) -> tuple[int, int, int, int]:
        """Return (base fee, suggested tip, balance, transactions known with those that wait)."""
        calls: list[Call] = [
            ("eth_getBlockByNumber", ["latest", False]),
            ("eth_maxPriorityFeePerGas", []),
            ("eth_getBalance", [self._address, "latest"]),
            ("eth_getTransactionCount", [self._address, "pending"]),
        ]
        block, tip, balance, count = await client.batch(calls)
        latest: BlockJson = read(block, BlockJson, "block")
        tip_wei = self.policy.max_priority_fee_wei
        if not isinstance(tip, ErrorObject):
            tip_wei = number(read(tip, str, "tip"), "tip")
        return (
            number(latest.base_fee_per_gas or "0x0", "base fee"),
            tip_wei,
            number(read(balance, str, "balance"), "balance"),
            number(read(count, str, "nonce"), "nonce"),
        )

    def _sign(self, waiting: Waiting) -> None:
        """Add a version with the present nonce and fee, and enter it before anybody can see it."""
        signed = sign(self.signer, self.chain_number, waiting.nonce, waiting.fee, waiting.intent)
        waiting.versions.append(signed)
        waiting.sent_at_s = self.clock.monotonic_s()
        self._ledger.hold(waiting)

    async def _broadcast(self, batch: Sequence[Waiting]) -> None:
        """Hand the newest versions to one endpoint, in nonce order. No answer leaves them waiting."""
        calls = [_send_call(waiting) for waiting in batch]

        async def work(client: RpcClient) -> list[Reply]:
            return await client.batch(calls)

        try:
            replies = await self.endpoints.first(work)
        except (TransportError, RateLimited):
            return  # it may have arrived: `fates` looks, and broadcasts again
        for waiting, reply in zip(batch, replies, strict=True):
            if isinstance(reply, ErrorObject):
                await self._resolve(waiting, reply)

    async def _resolve(self, waiting: Waiting, error: ErrorObject) -> None:
        """An endpoint answered a broadcast with an error: let the chain's state say what that means."""
        for _ in range(_SEND_ATTEMPTS):
            known, latest, pending, balance_wei, base_fee_wei = await self._state_of(waiting)
            if known:
                return
            if balance_wei < waiting.intent.gas * waiting.fee.max_fee_wei + waiting.intent.value_wei:
                self._withdraw(waiting)
                raise Underfunded(f"signer {self._address}: balance {balance_wei} wei; {error.message[:200]}")
            if max(latest, pending) > waiting.nonce:
                self._ledger.release(waiting)
                waiting.versions.clear()
                self._ledger.load(max(latest, pending))
                waiting.nonce = self._ledger.next_nonce
            else:
                raised = self.policy.raised(waiting.fee, base_fee_wei)
                if raised is None:
                    return
                waiting.fee = raised
            self._sign(waiting)
            if not isinstance(await self._offer(waiting), ErrorObject):
                return

    def _withdraw(self, waiting: Waiting) -> None:
        """Take back a transaction that no endpoint has; the next one uses its nonce if it was the last."""
        self._ledger.release(waiting)
        if waiting.nonce == self._ledger.next_nonce - 1:
            self._ledger.next_nonce = waiting.nonce

    async def _offer(self, waiting: Waiting) -> Reply:
        async def work(client: RpcClient) -> Reply:
            return (await client.batch([_send_call(waiting)]))[0]

        return await self.endpoints.first(work)

    async def _state_of(self, waiting: Waiting) -> tuple[bool, int, int, int, int]:
        """Return (known by hash, latest count, pending count, balance, base fee)."""
        calls: list[Call] = [
            ("eth_getTransactionByHash", ["0x" + waiting.newest.hash.hex()]),
            ("eth_getTransactionCount", [self._address, "latest"]),
        ]

        async def work(client: RpcClient) -> tuple[bool, int]:
            by_hash, latest = await client.batch(calls)
            known = read(by_hash, dict[str, Any] | None, "transaction") is not None
            return known, number(read(latest, str, "nonce"), "nonce")

        known, latest = await self.endpoints.first(work)
        base_fee_wei, _, balance_wei, pending = await self.endpoints.first(self._market)
        return known, latest, pending, balance_wei, base_fee_wei

    async def _look(self, hashes: Sequence[bytes]) -> tuple[list[Fate], _Counts]:
        """Return the fate of each, and the counts, all read from one endpoint."""
        found = [self._ledger.find(each) for each in hashes]
        versions = [
            [version.hash for version in waiting.versions] if waiting else [each]
            for each, waiting in zip(hashes, found, strict=True)
        ]
        receipts, counts = await self.endpoints.first(lambda client: self._read(client, versions))
        fates = []
        for each, waiting, receipt in zip(hashes, found, receipts, strict=True):
            if waiting is None:
                fates.append(await self._fate_of_stranger(each, receipt))
                continue
            waiting.included = receipt is not None
            taken = receipt is None and counts.final > waiting.nonce
            lost = f"nonce {waiting.nonce} was used by another transaction" if taken else ""
            fates.append(Fate(receipt=receipt, lost=lost, intent=waiting.intent))
        for waiting in self._ledger.used_below(counts.final):
            self._ledger.release(waiting)
        return fates, counts

    async def _read(
        self, client: RpcClient, versions: Sequence[Sequence[bytes]]
    ) -> tuple[list[ReceiptJson | None], _Counts]:
        hashes = [each for several in versions for each in several]
        calls: list[Call] = [("eth_getTransactionReceipt", ["0x" + each.hex()]) for each in hashes]
        calls += [
            ("eth_getTransactionCount", [self._address, tag]) for tag in ("latest", self.final_tag, "pending")
        ]
        replies = await client.batch(calls)
        counts = [number(read(reply, str, "nonce"), "nonce") for reply in replies[-3:]]
        found: dict[bytes, ReceiptJson] = {}
        for each, reply in zip(hashes, replies, strict=False):
            receipt: ReceiptJson | None = read(reply, ReceiptJson | None, "receipt")
            if receipt is not None and data(receipt.transaction_hash, "transaction hash", 32) == each:
                found[each] = receipt
        best = [next((found[each] for each in several if each in found), None) for several in versions]
        return best, _Counts(latest=counts[0], final=counts[1], pending=counts[2])

    async def _fate_of_stranger(self, transaction_hash: bytes, receipt: ReceiptJson | None) -> Fate:
        """Of a transaction that an earlier process sent: lost when no endpoint knows it."""
        if receipt is not None:
            return Fate(receipt=receipt)

        async def work(client: RpcClient) -> bool:
            [reply] = await client.batch([("eth_getTransactionByHash", ["0x" + transaction_hash.hex()])])
            return read(reply, dict[str, Any] | None, "transaction") is not None

        answers = list((await self.endpoints.each(work)).values())
        if any(answer is True for answer in answers):
            return Fate()
        if all(isinstance(answer, AdapterError) for answer in answers):
            raise TransportError("no endpoint says whether it knows the transaction")
        return Fate(lost="no endpoint knows it")

    async def _maintain(self, counts: _Counts) -> None:
        """Close a gap below our first nonce; broadcast again, and dearer, what waits too long."""
        waiting = list(self._ledger.open())
        if not waiting:
            return
        first = waiting[0].nonce
        gap = counts.pending if counts.pending < first else None
        if gap is not None and gap == self._gap_seen:
            await self._fill(gap, first)
        self._gap_seen = gap
        now_s = self.clock.monotonic_s()
        late = [each for each in waiting if now_s - each.sent_at_s >= self.bump_after_s]
        dropped = [each for each in waiting if each.nonce >= counts.pending]
        if late:
            base_fee_wei, *_ = await self.endpoints.first(self._market)
            for each in late:
                self._raise_fee(each, base_fee_wei)
        if late or dropped:
            await self._rebroadcast(sorted({*map(id, late), *map(id, dropped)}), waiting)

    def _raise_fee(self, waiting: Waiting, base_fee_wei: int) -> None:
        raised = self.policy.raised(waiting.fee, base_fee_wei)
        if raised is None:
            waiting.sent_at_s = self.clock.monotonic_s()
            return
        waiting.fee = raised
        self._sign(waiting)

    async def _rebroadcast(self, chosen: Sequence[int], waiting: Sequence[Waiting]) -> None:
        """Hand the newest versions to every endpoint; what came of it is seen by looking."""
        calls = [_send_call(each) for each in waiting if id(each) in chosen]

        async def work(client: RpcClient) -> None:
            await client.batch(calls)

        await self.endpoints.each(work)

    async def _fill(self, gap: int, first: int) -> None:
        """Use the nonces from `gap` to `first` for nothing, so that ours can follow."""
        base_fee_wei, tip_wei, *_ = await self.endpoints.first(self._market)
        nothing = Intent(to=self.signer.address, data=b"", gas=_TRANSFER_GAS)
        fee = self.policy.quote(base_fee_wei, tip_wei)
        fillers = [
            Waiting(nonce=nonce, intent=nothing, fee=replace(fee), versions=[], sent_at_s=0.0)
            for nonce in range(gap, min(first, gap + self.window))
        ]
        for filler in fillers:
            self._sign(filler)
        await self._broadcast(fillers)


def _send_call(waiting: Waiting) -> Call:
    return "eth_sendRawTransaction", ["0x" + waiting.newest.raw.hex()]
