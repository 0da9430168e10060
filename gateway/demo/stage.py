"""What the story needs from its ground; `evm_stage` and `memory_stage` are the two grounds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

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
    """Takes messages and counts them."""
    account: str
    """Holds the home token, and receives the other chain's."""
    denom: str
    """The home token."""


class Stage(Protocol):
    """Two chains and three running gateways."""

    lanes: tuple[Lane, Lane]
    parties: Mapping[ChainId, Party]
    gateways: Mapping[str, Access]

    async def counts(self, messages: Mapping[Lane, int]) -> Mapping[Lane, Count]:
        """Return what the chains' states say now. `messages`: how many messages (not transfers) were sent."""

    async def unbalanced(self) -> list[str]:
        """Return a sentence for each token whose books do not add up; empty when tokens are conserved."""
