"""What the runtime needs from its host: a store and attestors. The gateway implements both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from adapters.api import Attested
from proofs.types import BlockRef, ChainId, Claim, Lane, Proven, TrustedState
from relays.core.types import Changes, Cursor, Halt, Leg, Message


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneRecord:
    """What a store knows of a lane: enough to go on after a crash; all of it is also on the chains."""

    cursors: Mapping[Leg, Cursor]
    open: tuple[Message, ...]
    """Messages that have not ended, by sequence."""
    halt: Halt | None = None
    """Set when the lane waits for a person."""


class Store(Protocol):
    """Durable memory of lanes. One writer; concurrent saves share a commit."""

    async def load(self, lane: Lane) -> LaneRecord:
        """Return the lane's cursors, open messages and halt; empty for an unknown lane."""

    async def save(self, lane: Lane, changes: Changes) -> None:
        """Write the changes in one transaction and return when they are durable. Idempotent per sequence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainHalt:
    """Why a chain waits for a person."""

    reason: str
    contradicted: bool
    """Our own light client met it: nothing new of the chain is trusted."""


class TrustMemory(Protocol):
    """Durable memory of what a light client trusts, and of chains that lost all trust by contradiction.

    States are kept for families that start at a configured anchor.
    """

    async def recall_trust(self, anchor: BlockRef) -> TrustedState | None:
        """Return what was remembered last under exactly this anchor; None for another one."""

    async def remember_trust(self, anchor: BlockRef, state: TrustedState) -> None:
        """Keep this state instead of the one before, and return when it is durable."""

    async def recall_halt(self, chain: ChainId) -> ChainHalt | None:
        """Return why the chain waits for a person; None when it does not."""

    async def remember_halt(self, chain: ChainId, halt: ChainHalt) -> None:
        """Keep this halt until `forget`, and return when it is durable."""

    async def forget(self, chain: ChainId) -> None:
        """Forget state and halt of the chain, and return when that is durable."""


class AttestorsMissing(Exception):  # noqa: N818 - a condition to wait out, named for what it says
    """Fewer attestors signed than the destination's client requires."""

    def __init__(self, *, have: int, need: int, missing: Mapping[str, str]) -> None:
        names = ", ".join(f"{name} ({why})" for name, why in sorted(missing.items()))
        super().__init__(f"attestations {have} of {need}; missing: {names}")
        self.have = have
        self.need = need
        self.missing = dict(missing)


class Attestors(Protocol):
    """The gateways that sign for a lane: this one and its peers."""

    async def attest(self, lane: Lane, proven: Sequence[Proven[Claim]]) -> Attested:
        """Return exactly `threshold` signatures over the block and over the claims, in their order.

        `lane` is the lane of the packets. All of `proven` are at one block and of one kind; by that kind the
        keys are those of `lane` or of its reverse (`docs/borders.md`). Raises `AttestorsMissing` and
        `AdapterError`, nothing else.
        """
