"""One key's transactions on one chain: sequences in order, several on their way, gaps closed.

It never drops a transaction on an ambiguous answer: whatever an endpoint says to a broadcast, blocks decide.
A transaction is lost when blocks above its `timeout_height` are there and it is in none, or when blocks used
its sequence and, some blocks later, it is still in none of them. What a transaction means is not known here.

Implements: account sequences of the Cosmos SDK. What a node refuses is told by code (`codes`), not by words.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from adapters.api import Clock, Signer
from adapters.cosmos import tx
from adapters.cosmos.account import Account, AccountState
from adapters.cosmos.codes import KNOWN_ALREADY, OUT_OF_GAS, TOO_LATE, WRONG_SEQUENCE, Declined, refusal
from adapters.cosmos.endpoints import Endpoints
from adapters.cosmos.fees import FeePolicy
from adapters.cosmos.gas import GasModel
from adapters.cosmos.rpc import CometClient
from adapters.cosmos.sequences import Ledger, Waiting
from adapters.cosmos.tx import Fee, Intent, Ticket
from adapters.cosmos.wire import BroadcastJson, TxJson
from adapters.errors import MalformedReply, NotYetAvailable, RateLimited, Refused, TransportError, Underfunded
from proofs.hashing import sha256

INDEX_LAG = 2
"""Blocks after which a node's index has every transaction of a block."""

_ATTEMPTS = 8
_PATIENCE_S = 60.0
_FRESH_S = 2.0
_OUTDATED = (WRONG_SEQUENCE, TOO_LATE)
"""Refusals for what was known of the account: sequence and height are read again, and it is tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendLimits:
    """How transactions are sent."""

    window: int
    """Transactions of one key that may wait for a block at once."""
    timeout_blocks: int
    """A transaction that is in none of the next so many blocks is lost."""
    resend_after_s: float
    """How long a transaction waits before it is offered to every endpoint again."""
    poll_s: float
    """How often to look where nothing wakes us."""
    max_gas: int
    """A transaction above this is refused."""
    max_bytes: int
    """A transaction above this is refused; nodes take 1,048,576 bytes by default."""


@dataclass(slots=True, kw_only=True)
class KeySender:
    """One key on one chain. There must be only one of these for each such pair."""

    native_id: str
    signer: Signer
    account: Account
    endpoints: Endpoints
    clock: Clock
    policy: FeePolicy
    gas: GasModel
    limits: SendLimits
    _ledger: Ledger = field(default_factory=Ledger)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _state: AccountState | None = None
    _looked_at_s: float = 0.0

    async def send(self, intent: Intent) -> Ticket:
        """Broadcast a transaction, within the window; return without waiting for its block.

        Waits for room in the window, up to a minute. Raises `Declined` or `Underfunded` when simulation or
        the mempool refuses it, `RateLimited` when the mempool is full, `NotYetAvailable` without room and
        while others use the key.
        """
        async with self._lock:
            await self._make_room()
            for _ in range(_ATTEMPTS):
                ticket = await self._try(intent)
                if ticket is not None:
                    return ticket
                await self._resync()
                await self.clock.sleep(self.limits.poll_s)
        raise NotYetAvailable(
            f"account {self.account.address}: its sequence does not settle: who else uses it?"
        )

    async def settle(self, included: Mapping[bytes, TxJson]) -> None:
        """Take note of transactions that are in blocks; look after those that wait too long."""
        async with self._lock:
            self._include(included)
            if self._ledger.open():
                await self._judge_open(await self._fresh())

    def find(self, transaction_hash: bytes) -> Waiting | None:
        """Return a transaction that waits for a block, or was lost."""
        return self._ledger.find(transaction_hash)

    def room(self) -> int:
        """Return how many more transactions may wait for a block."""
        return self.limits.window - len(self._ledger.open())

    async def _make_room(self) -> None:
        """Wait until a block takes something of a full window."""
        until_s = self.clock.monotonic_s() + _PATIENCE_S
        while self.room() <= 0:
            await self._judge_open(await self._look())
            if self.room() > 0:
                return
            if self.clock.monotonic_s() >= until_s:
                waiting = f"{self.limits.window} transactions wait for a block since {_PATIENCE_S} s"
                raise NotYetAvailable(f"account {self.account.address}: {waiting}")
            await self.clock.sleep(self.limits.poll_s)

    async def _try(self, intent: Intent) -> Ticket | None:
        """Return a ticket, or None when the account is not any more as it was when it was looked at."""
        state = await self._fresh()
        try:
            fee = await self._fee(intent, state)
        except Declined as error:
            if error.refusal in _OUTDATED:
                return None
            raise
        waiting = self._enter(intent, fee, state)
        answer = await self._offer(waiting)
        if answer is None or answer.code == 0 or (answer.codespace, answer.code) == KNOWN_ALREADY:
            return waiting.ticket
        self._ledger.release(waiting)
        code = (answer.codespace, answer.code)
        if code in _OUTDATED:
            return None
        if code == OUT_OF_GAS:
            self._wanted_more(intent, fee.gas)
            return None
        raise refusal(code, answer.log)

    async def _fee(self, intent: Intent, state: AccountState) -> Fee:
        """Return gas limit and fee, by what was learned or by simulation."""
        messages = len(intent.messages)
        size = sum(len(message.value) for message in intent.messages)
        gas = self.gas.limit(intent.kind, messages, size)
        if gas is None:
            nothing = Fee(gas=0, amount=0, denom=self.policy.denom)
            body = tx.body_of(intent, state.height + self.limits.timeout_blocks)
            draft = tx.unsigned(body, self._authority(self._ledger.next(), nothing))
            self._check_size(draft)
            simulated = await self.account.simulate(draft)
            if simulated.idle:
                gas = self.gas.partial(messages, simulated.gas, simulated.idle)
            else:
                gas = self.gas.learn(intent.kind, messages, size, simulated.gas)
        if gas > self.limits.max_gas:
            raise Refused(f"{intent.kind}: expected at most {self.limits.max_gas} gas, needs {gas}")
        fee = self.policy.quote(gas)
        if fee.amount > state.balance:
            who, coin = self.account.address, self.policy.denom
            raise Underfunded(f"{who}: expected {fee.amount} {coin}, the balance is {state.balance}")
        return fee

    def _enter(self, intent: Intent, fee: Fee, state: AccountState) -> Waiting:
        """Sign for the next sequence and enter it before anybody can see it."""
        sequence, timeout = self._ledger.next(), state.height + self.limits.timeout_blocks
        body = tx.body_of(intent, timeout)
        raw = tx.sign(self.signer, self.native_id, state.number, body, self._authority(sequence, fee))
        self._check_size(raw)
        waiting = Waiting(
            sequence=sequence,
            intent=intent,
            raw=raw,
            ticket=Ticket(hash=sha256(raw), timeout_height=timeout),
            sent_at_s=self.clock.monotonic_s(),
        )
        self._ledger.hold(waiting)
        return waiting

    def _authority(self, sequence: int, fee: Fee) -> bytes:
        return tx.authority(self.signer.public_key, sequence, fee)

    def _check_size(self, raw: bytes) -> None:
        if len(raw) > self.limits.max_bytes:
            raise Refused(f"transaction: expected at most {self.limits.max_bytes} bytes, got {len(raw)}")

    async def _offer(self, waiting: Waiting) -> BroadcastJson | None:
        """Return what the mempool says, or None when it cannot be known whether somebody took it."""
        asked = 0

        async def work(client: CometClient) -> BroadcastJson | None:
            nonlocal asked
            asked += 1
            [answer] = await client.broadcast([waiting.raw])
            return answer if isinstance(answer, BroadcastJson) else None

        try:
            answer = await self.endpoints.first(work)
        except (TransportError, RateLimited, MalformedReply):
            if not asked:
                self._ledger.release(waiting)
                raise
            return None
        return answer if asked == 1 else None

    async def _resync(self) -> None:
        """Read the account again, and offer again what waits: a node may have lost an earlier one."""
        await self._look()
        waiting = [each.raw for each in self._ledger.open()]

        async def work(client: CometClient) -> None:
            await client.broadcast(waiting)

        await self.endpoints.first(work)

    async def _fresh(self) -> AccountState:
        now_s = self.clock.monotonic_s()
        if self._state is not None and now_s - self._looked_at_s < _FRESH_S:
            return self._state
        return await self._look()

    async def _look(self) -> AccountState:
        self._looked_at_s = self.clock.monotonic_s()
        self._state = await self.account.look()
        self._ledger.floor = self._state.sequence
        return self._state

    async def _judge_open(self, state: AccountState) -> None:
        """Look after what waits for a block, by the account as it was a moment ago."""
        self._ledger.forget_before(state.height - INDEX_LAG)
        overdue = [each for each in self._ledger.open() if _overdue(each, state)]
        if overdue:
            self._include(await seen(self.endpoints, [each.ticket.hash for each in overdue]))
        for each in overdue:
            if self._ledger.find(each.ticket.hash) is not None:
                self._judge(each, state)
        await self._remind()

    def _include(self, included: Mapping[bytes, TxJson]) -> None:
        for each in self._ledger.open():
            found = included.get(each.ticket.hash)
            if found is not None:
                self._ledger.include(each)
                if 20 * found.tx_result.gas_used > 19 * found.tx_result.gas_wanted:
                    self._wanted_more(each.intent, found.tx_result.gas_used)

    def _wanted_more(self, intent: Intent, gas: int) -> None:
        """Learn that so much gas was not enough for a transaction, or nearly not."""
        self.gas.used(intent.kind, len(intent.messages), gas * 5 // 4)

    def _judge(self, waiting: Waiting, state: AccountState) -> None:
        """Decide about a transaction that is in no block although it should be."""
        if state.height >= waiting.ticket.timeout_height + INDEX_LAG:
            self._ledger.lose(waiting, f"in no block up to {waiting.ticket.timeout_height}")
        elif not waiting.overtaken_at:
            waiting.overtaken_at = state.height
        elif state.height >= waiting.overtaken_at + INDEX_LAG:
            self._ledger.lose(waiting, f"sequence {waiting.sequence} was used by another transaction")

    async def _remind(self) -> None:
        """Offer everything that waits to every endpoint again, in order, when one waits too long."""
        now_s, waiting = self.clock.monotonic_s(), self._ledger.open()
        if not any(now_s - each.sent_at_s >= self.limits.resend_after_s for each in waiting):
            return
        for each in waiting:
            each.sent_at_s = now_s

        async def work(client: CometClient) -> None:
            await client.broadcast([each.raw for each in waiting])

        await self.endpoints.each(work)


def _overdue(waiting: Waiting, state: AccountState) -> bool:
    """Say whether blocks used its sequence, or cannot hold it any more."""
    return waiting.sequence < state.sequence or state.height >= waiting.ticket.timeout_height + INDEX_LAG


async def seen(endpoints: Endpoints, hashes: Sequence[bytes]) -> dict[bytes, TxJson]:
    """Return those of these transactions that are in blocks, by hash."""
    found = await endpoints.first(lambda client: client.included(hashes))
    return {each.hash: each for each in found if each is not None}
