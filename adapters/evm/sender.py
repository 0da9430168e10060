"""Broadcasts one signer's transactions and follows them: nonces in order, fees raised, gaps closed.

It never drops a transaction on an ambiguous answer: whatever an endpoint says to a broadcast, only the
chain's state (hash known, nonce used, balance too low) decides. A transaction is `Lost` when its nonce
was used by another one in a finalized block, or, after a restart, when no endpoint knows it. It does not
know what a transaction means.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from adapters.api import Clock, Signer
from adapters.errors import MalformedReply, RateLimited, TransportError, Underfunded
from adapters.evm.account import Account, Counts
from adapters.evm.endpoints import Endpoints
from adapters.evm.fees import Fee, FeePolicy
from adapters.evm.nonce import Ledger, Waiting
from adapters.evm.rpc import Call, ErrorObject, Reply, RpcClient
from adapters.evm.transactions import Intent, sign
from adapters.evm.wire import ReceiptJson

_TRANSFER_GAS = 21_000
_RECEIPT_LAG_S = 2.0
"""Nodes count a block's transactions before they have its receipts."""
_SEND_ATTEMPTS = 4
_SEND_CHUNK = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What became of one transaction: a receipt, still waiting, or lost for a reason."""

    receipt: ReceiptJson | None = None
    lost: str = ""
    intent: Intent | None = None
    """What it was to do, while we remember."""


@dataclass(slots=True, kw_only=True)
class Sender:
    """One signer on one chain. There must be only one of these for each such pair."""

    chain_number: int
    signer: Signer
    account: Account
    endpoints: Endpoints
    clock: Clock
    policy: FeePolicy
    window: int
    bump_after_s: float
    poll_s: float
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
        async with self._lock:
            fates, counts = await self._look(hashes)
            await self._maintain(counts)
        return fates

    async def next_nonce(self) -> int:
        """Return the nonce of the next transaction, if nobody sends before it."""
        async with self._lock:
            await self._load()
            return self._ledger.next_nonce

    def is_open(self, transaction_hash: bytes) -> bool:
        """Return whether this is a version of a transaction that waits for a block."""
        waiting = self._ledger.find(transaction_hash)
        return waiting is not None and not waiting.included

    def open_count(self) -> int:
        """Return how many transactions wait for a block."""
        return len(list(self._ledger.open()))

    async def _load(self) -> None:
        if not self._ledger.loaded:
            _, counts = await self.account.look()
            self._ledger.load(counts.pending)

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
        await self._load()
        market = await self.account.market()
        fee = self.policy.quote(market.base_fee_wei, market.tip_wei)
        cost_wei = sum(intent.gas * fee.max_fee_wei + intent.value_wei for intent in intents)
        if cost_wei > market.balance_wei:
            raise self._underfunded(cost_wei, market.balance_wei)
        batch = [self._enter(intent, fee) for intent in intents]
        await self._broadcast(batch)
        return [waiting.versions[0].hash for waiting in batch]

    def _underfunded(self, cost_wei: int, balance_wei: int) -> Underfunded:
        who = self.signer.address.hex()
        return Underfunded(f"signer 0x{who}: expected {cost_wei} wei, the balance is {balance_wei}")

    def _enter(self, intent: Intent, fee: Fee, nonce: int | None = None) -> Waiting:
        """Sign for the next nonce (or a given one) and enter it before anybody can see it."""
        chosen = self._ledger.next_nonce if nonce is None else nonce
        waiting = Waiting(nonce=chosen, intent=intent, fee=fee, versions=[], sent_at_s=0.0)
        self._sign(waiting)
        return waiting

    def _sign(self, waiting: Waiting) -> None:
        """Add a version with the present nonce and fee."""
        signed = sign(self.signer, self.chain_number, waiting.nonce, waiting.fee, waiting.intent)
        waiting.versions.append(signed)
        waiting.sent_at_s = self.clock.monotonic_s()
        self._ledger.hold(waiting)

    async def _broadcast(self, batch: Sequence[Waiting]) -> None:
        """Hand the newest versions to one endpoint, in nonce order. No answer leaves them waiting."""
        try:
            replies = await self._offer(batch)
        except (TransportError, RateLimited, MalformedReply):
            return  # it may have arrived: `fates` looks, and broadcasts again
        for waiting, reply in zip(batch, replies, strict=True):
            if isinstance(reply, ErrorObject):
                await self._resolve(waiting)

    async def _offer(self, batch: Sequence[Waiting]) -> list[Reply]:
        calls = [_send_call(waiting) for waiting in batch]

        async def work(client: RpcClient) -> list[Reply]:
            return await client.batch(calls)

        return await self.endpoints.first(work)

    async def _resolve(self, waiting: Waiting) -> None:
        """An endpoint answered a broadcast with an error: let the chain's state say what that means."""
        for _ in range(_SEND_ATTEMPTS):
            if await self.account.knows(waiting.newest.hash):
                return
            _, counts = await self.account.look()
            market = await self.account.market()
            cost_wei = waiting.intent.gas * waiting.fee.max_fee_wei + waiting.intent.value_wei
            if market.balance_wei < cost_wei:
                self._withdraw(waiting)
                raise self._underfunded(cost_wei, market.balance_wei)
            if max(counts.latest, counts.pending) > waiting.nonce:
                self._move(waiting, max(counts.latest, counts.pending))
            elif not self._raise_fee(waiting, market.base_fee_wei):
                return
            [reply] = await self._offer([waiting])
            if not isinstance(reply, ErrorObject):
                return

    def _move(self, waiting: Waiting, count: int) -> None:
        """Give a transaction a new nonce: somebody else with our key used its own."""
        self._ledger.release(waiting)
        self._ledger.load(count)
        waiting.nonce = self._ledger.next_nonce
        self._sign(waiting)

    def _withdraw(self, waiting: Waiting) -> None:
        """Take back a transaction that no endpoint has; the next one uses its nonce if it was the last."""
        self._ledger.release(waiting)
        if waiting.nonce == self._ledger.next_nonce - 1:
            self._ledger.next_nonce = waiting.nonce

    def _raise_fee(self, waiting: Waiting, base_fee_wei: int) -> bool:
        """Sign a dearer version; return False when the cap leaves no room."""
        raised = self.policy.raised(waiting.fee, base_fee_wei)
        if raised is None:
            waiting.sent_at_s = self.clock.monotonic_s()
            return False
        waiting.fee = raised
        self._sign(waiting)
        return True

    async def _look(self, hashes: Sequence[bytes]) -> tuple[list[Fate], Counts]:
        """Return the fate of each, and the counts; forget those that are final."""
        found = [self._ledger.find(each) for each in hashes]
        versions = [
            [version.hash for version in waiting.versions] if waiting else [each]
            for each, waiting in zip(hashes, found, strict=True)
        ]
        receipts, counts = await self.account.look(versions)
        fates = []
        for each, waiting, seen in zip(hashes, found, receipts, strict=True):
            receipt = seen
            if waiting is None:
                gone = receipt is None and not await self.account.knows(each)
                fates.append(Fate(receipt=receipt, lost="no endpoint knows it" if gone else ""))
                continue
            if receipt is None and counts.final > waiting.nonce:
                receipt = await self._receipt_again(waiting)
            waiting.included = receipt is not None
            taken = receipt is None and counts.final > waiting.nonce and self._is_taken(waiting)
            lost = f"nonce {waiting.nonce} was used by another transaction" if taken else ""
            fates.append(Fate(receipt=receipt, lost=lost, intent=waiting.intent))
        for waiting in self._ledger.used_below(counts.final):
            if waiting.included or waiting.used_since_s is None or self._is_taken(waiting):
                self._ledger.release(waiting)
        return fates, counts

    def _is_taken(self, waiting: Waiting) -> bool:
        """Return whether another transaction used the nonce: a receipt may come a moment after the count."""
        now_s = self.clock.monotonic_s()
        if waiting.used_since_s is None:
            waiting.used_since_s = now_s
        return now_s - waiting.used_since_s >= _RECEIPT_LAG_S

    async def _receipt_again(self, waiting: Waiting) -> ReceiptJson | None:
        """Look for a receipt after the counts: within one request, a block may have come between the two."""
        [receipt], _ = await self.account.look([[version.hash for version in waiting.versions]])
        return receipt

    async def _maintain(self, counts: Counts) -> None:
        """Close a gap below our first nonce; broadcast again, and dearer, what waits too long."""
        waiting = list(self._ledger.open())
        if not waiting:
            return
        gap = counts.pending if counts.pending < waiting[0].nonce else None
        if gap is not None and gap == self._gap_seen:
            await self._fill(range(gap, min(waiting[0].nonce, gap + self.window)))
        self._gap_seen = gap
        now_s = self.clock.monotonic_s()
        late = {each.nonce for each in waiting if now_s - each.sent_at_s >= self.bump_after_s}
        if late:
            market = await self.account.market()
            for each in waiting:
                if each.nonce in late:
                    self._raise_fee(each, market.base_fee_wei)
        again = [each for each in waiting if each.nonce in late or each.nonce >= counts.pending]
        if again:
            await self._rebroadcast(again)

    async def _rebroadcast(self, batch: Sequence[Waiting]) -> None:
        """Hand the newest versions to every endpoint; what came of it is seen by looking."""
        calls = [_send_call(each) for each in batch]

        async def work(client: RpcClient) -> None:
            await client.batch(calls)

        await self.endpoints.each(work)

    async def _fill(self, nonces: range) -> None:
        """Use these nonces for nothing, so that ours can follow."""
        market = await self.account.market()
        fee = self.policy.quote(market.base_fee_wei, market.tip_wei)
        nothing = Intent(to=self.signer.address, data=b"", gas=_TRANSFER_GAS)
        await self._broadcast([self._enter(nothing, fee, nonce) for nonce in nonces])


def _send_call(waiting: Waiting) -> Call:
    return "eth_sendRawTransaction", ["0x" + waiting.newest.raw.hex()]
