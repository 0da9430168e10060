"""What became of a lane's packets, counted from the states of two memory chains alone: no relay is asked.

It knows what only the chains' own books say: how often an application ran, how each packet was settled.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from adapters.memory.world import MemoryChain
from proofs.types import ClientId, Lane


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Counts of one lane. A message that is on its way is sent, and none of the others yet."""

    sent: int
    delivered: int
    """Packets whose application ran on the destination."""
    acknowledged: int
    refunded: int
    """Packets that timed out or got the error acknowledgement."""
    duplicated: int
    """Times an application ran for a packet for which it had run before."""
    contradicted: int
    """Packets refunded although delivered, or acknowledged although not."""


def tally(source: MemoryChain, destination: MemoryChain, lane: Lane) -> Tally:
    """Return the counts of a lane at the newest blocks of both chains."""
    runs = _book(destination, "effect", lane.destination_client)
    settled = _book(source, "settled", lane.source_client)
    ends = Counter(settled.values())
    contradicted = [
        sequence for sequence, end in settled.items() if (end == "acknowledged") != (sequence in runs)
    ]
    return Tally(
        sent=source.state.get(("sent", lane.source_client)) or 0,
        delivered=len(runs),
        acknowledged=ends["acknowledged"],
        refunded=ends["refunded"],
        duplicated=sum([times - 1 for times in runs.values()]),
        contradicted=len(contradicted),
    )


def supply(chain: MemoryChain, denom: str) -> int:
    """Return how many units of a denom the accounts of a chain hold together, without what is locked."""
    return sum([chain.state.get(key) for key in chain.state.keys("balance", denom)])


def locked(chain: MemoryChain, client: ClientId, denom: str) -> int:
    """Return how many units of a home denom are locked for a client."""
    amount: int | None = chain.state.get(("escrow", client, denom))
    return amount or 0


def _book(chain: MemoryChain, name: str, client: ClientId) -> dict[int, Any]:
    return {key[2]: chain.state.get(key) for key in chain.state.keys(name, client)}
