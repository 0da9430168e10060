"""What the story needs from its ground: chains, lanes between them, gateways, and the chains' own word.

`memory_stage`, `evm_stage` and `cosmos_stage` are the three grounds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from gateway.demo.ledger import Count
from proofs.types import ChainId, Lane


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How to reach one gateway."""

    url: str
    key: str
    """API key that may send, halt and resume."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """What one chain offers to the story."""

    sender: Access
    """The gateway that sends from this chain."""
    application: str
    """Takes messages, and shows how many it took."""
    account: str
    """Holds the home token, and receives those of other chains."""
    denom: str
    """The home token."""


class Stage(Protocol):
    """Some chains and three running gateways."""

    lanes: tuple[Lane, ...]
    """In both directions each."""
    late: tuple[Lane, ...]
    """On these a transfer comes too late; on all others one goes home."""
    parties: Mapping[ChainId, Party]
    gateways: Mapping[str, Access]

    def message(self, lane: Lane, number: int) -> Mapping[str, Any] | None:
        """Return a message for the application at the lane's end, None when the lane carries only tokens."""

    def abroad(self, lane: Lane) -> str:
        """Return what the lane's source calls the home token of the lane's destination."""

    async def counts(self, messages: Mapping[Lane, int]) -> Mapping[Lane, Count]:
        """Return what the chains' states say now. `messages`: how many messages (not transfers) were sent."""

    async def unbalanced(self) -> list[str]:
        """Return a sentence for each token whose books do not add up; empty when tokens are conserved."""


def greeting(recipient: str, number: int) -> dict[str, Any]:
    """Return a message for an application that takes any."""
    return {"kind": "message", "recipient": recipient, "payload": "0x" + f"hello {number}".encode().hex()}


def path(lane: Lane, denom: str) -> str:
    """Return the path under which the home token of the lane's destination is known on its source."""
    return f"transfer/{lane.source_client}/{denom}"
