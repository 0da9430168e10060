"""The chains' own books, whatever the chain: what became of packets, and whether tokens add up."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from gateway.demo.ledger import Count
from gateway.dev.plan import TOKENS
from proofs.types import ChainId, ClientId, Lane


class Books(Protocol):
    """One chain, read at its newest block."""

    async def standing(self, lane: Lane) -> Sequence[bool]:
        """Say of every packet sent from here along a lane, from the first, whether its commitment stands."""

    async def received(self, lane: Lane, count: int) -> Sequence[bool]:
        """Say of the first `count` packets of a lane that ends here whether they were received."""

    async def arrived(self) -> int:
        """Return how many messages the application took."""

    async def kept(self) -> tuple[int, int]:
        """Return how much of the home token its first holder has, and how much of it there is."""

    async def locked(self, client: ClientId) -> int:
        """Return how much of the home token is locked for what left through this client or channel."""

    async def foreign(self, client: ClientId, denom: str) -> int:
        """Return how much there is here of a token that arrived through this client or channel."""


async def counts(
    books: Mapping[ChainId, Books], lanes: Sequence[Lane], messages: Mapping[Lane, int]
) -> dict[Lane, Count]:
    """Return what became of the packets of each lane.

    An application does not say by which lane its messages came: what they lack, or are too many, counts for
    the first lane to it.
    """
    found: dict[Lane, Count] = {}
    judged: set[ChainId] = set()
    for lane in lanes:
        there = lane.destination
        excess = 0
        if there not in judged:
            judged.add(there)
            expected = sum(count for one, count in messages.items() if one.destination == there)
            excess = await books[there].arrived() - expected
        found[lane] = await _count(books, lane, excess)
    return found


async def _count(books: Mapping[ChainId, Books], lane: Lane, excess: int) -> Count:
    standing = await books[lane.source].standing(lane)
    received = await books[lane.destination].received(lane, len(standing))
    pairs = list(zip(standing, received, strict=True))
    return Count(
        sent=len(pairs),
        delivered=sum(received),
        acknowledged=sum(here and not stands for stands, here in pairs),
        refunded=sum(not here and not stands for stands, here in pairs),
        lost=sum(standing) + max(0, -excess),
        duplicated=max(0, excess),
    )


async def unbalanced(
    books: Mapping[ChainId, Books], denoms: Mapping[ChainId, str], lanes: Sequence[Lane]
) -> list[str]:
    """Say what does not add up: what is locked at home is what is abroad, and nothing was made or burnt."""
    problems = []
    for chain, denom in denoms.items():
        total_locked = 0
        for lane in [lane for lane in lanes if lane.source == chain]:
            locked = await books[chain].locked(lane.source_client)
            away = await books[lane.destination].foreign(lane.destination_client, denom)
            total_locked += locked
            if locked != away:
                problems.append(f"{lane}: {locked} of {denom} locked, {away} abroad")
        kept, supply = await books[chain].kept()
        if kept + total_locked != TOKENS or supply != TOKENS:
            told = f"{kept} kept, {total_locked} locked"
            problems.append(f"{chain}: expected {TOKENS} of {denom} in all, got {supply}: {told}")
    return problems
