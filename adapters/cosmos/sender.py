"""Sends transactions with several keys and says what became of them. What they mean is not known here.

Each key has an order of its own (`key`); the caller asks which one has room and builds messages for it,
because messages name their signer. What is included here is what a node's index says: an effect is read from
proven state.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from adapters.cosmos.endpoints import Endpoints
from adapters.cosmos.key import INDEX_LAG, KeySender, seen
from adapters.cosmos.rpc import CometClient
from adapters.cosmos.sequences import Waiting
from adapters.cosmos.tx import Intent, Ticket, fee_of
from adapters.cosmos.wire import TxJson
from adapters.errors import Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What became of one transaction: in a block, still waiting, or lost for a reason."""

    transaction: TxJson | None = None
    fee: int = 0
    """What it paid, in the coin that pays fees."""
    lost: str = ""


@dataclass(slots=True, kw_only=True)
class Sender:
    """All keys of one chain."""

    keys: Sequence[KeySender]
    endpoints: Endpoints
    _turn: int = field(default=0)

    def pick(self) -> str:
        """Return the address of the key with the most room; those with the same room take turns.

        Raises `Refused` without keys.
        """
        if not self.keys:
            raise Refused("no signer is configured: this chain is only watched")
        self._turn += 1
        start = self._turn % len(self.keys)
        order = [*self.keys[start:], *self.keys[:start]]
        return max(order, key=KeySender.room).account.address

    async def send(self, intents: Sequence[Intent]) -> list[Ticket]:
        """Broadcast these, each key's in order; return the tickets in order, without waiting for blocks.

        Raises as `KeySender.send`, once every key is done; those that were sent stay sent.
        """
        keys = {key.account.address: key for key in self.keys}
        unknown = {intent.signer for intent in intents} - keys.keys()
        if unknown:
            raise Refused(f"expected one of the signers {sorted(keys)}, got {sorted(unknown)}")
        tickets: dict[int, Ticket] = {}

        async def send_all(key: KeySender) -> None:
            for index, intent in enumerate(intents):
                if intent.signer == key.account.address:
                    tickets[index] = await key.send(intent)

        used = [key for address, key in keys.items() if any(each.signer == address for each in intents)]
        ends = await asyncio.gather(*map(send_all, used), return_exceptions=True)
        for end in ends:
            if end is not None:
                raise end
        return [tickets[index] for index in range(len(intents))]

    async def fates(self, tickets: Sequence[Ticket]) -> list[Fate]:
        """Return what became of these transactions, in order; look after those that wait too long."""
        included = await seen(self.endpoints, [each.hash for each in tickets])
        await asyncio.gather(*(key.settle(included) for key in self.keys))
        strangers = [each for each in tickets if each.hash not in included and self._find(each) is None]
        height = 0
        if strangers:
            height = await self.endpoints.first(_height)
            included |= await seen(self.endpoints, [each.hash for each in strangers])
        return [self._fate(each, included.get(each.hash), height) for each in tickets]

    def _fate(self, ticket: Ticket, found: TxJson | None, height: int) -> Fate:
        if found is not None:
            denom = self.keys[0].policy.denom if self.keys else ""
            return Fate(transaction=found, fee=fee_of(found.tx, denom))
        waiting = self._find(ticket)
        if waiting is not None:
            return Fate(lost=waiting.lost)
        gone = height >= ticket.timeout_height + INDEX_LAG
        return Fate(lost=f"in no block up to {ticket.timeout_height}" if gone else "")

    def _find(self, ticket: Ticket) -> Waiting | None:
        found = [key.find(ticket.hash) for key in self.keys]
        return next((each for each in found if each is not None), None)


async def _height(client: CometClient) -> int:
    return (await client.status()).sync_info.latest_block_height
