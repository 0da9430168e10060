"""What only some chains can do: one-method abilities, declared in the manifest. Part of the adapter border.

A host asks `isinstance(chain, HeadWatcher)` and goes on without an ability that is not there. Read
`adapters/api.py` first; import everything from there.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from msgspec import Struct

from proofs.types import BlockRef, ClientId, Height, Lane, UntrustedUpdate
from proofs.types import Sequence as PacketSequence


class HeadWatcher(ABC):
    """Ability `heads`: the chain can wake us."""

    @abstractmethod
    def heads(self) -> AsyncIterator[None]:
        """Yield once for each new head, best effort. It only wakes; state is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointHealth:
    """What became of one endpoint: shown to people, and asked by `doctor`."""

    name: str
    usable: bool
    """False while it cools off, and for good once it is in quarantine."""
    quarantined_for: str
    """Code of the lie that it was caught in, empty when it was not."""
    detail: str
    """The last error, or the evidence of the lie."""


class EndpointReporter(ABC):
    """Ability `endpoints`: the chain is read through several endpoints, and says how each one does."""

    @abstractmethod
    def endpoint_health(self) -> Sequence[EndpointHealth]:
        """Return the state of each endpoint, in configured order; empty before `connect`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Funds:
    """What one of our signers can pay with. Unproven: for people."""

    account: str
    """As the chain writes it."""
    amount: int
    unit: str
    """The smallest unit: `wei`, a coin's denomination."""


class FundsReporter(ABC):
    """Ability `funds`: the chain says what our signers hold."""

    @abstractmethod
    async def funds(self) -> Sequence[Funds]:
        """Return what each signer holds now, in their order. Raises `TransportError`, `Refused`."""


class SeenClientUpdate(Struct, frozen=True, kw_only=True, gc=False):
    """A header that somebody gave to a light client. Untrusted: compare it with the chain's own."""

    untrusted_update: UntrustedUpdate
    trusted_height: Height
    """The block that the client trusted before, from which it accepted the header."""
    height: Height
    """Block of the host chain in which it happened."""
    transaction: str


class ClientWatcher(ABC):
    """Ability `client-updates`: the chain says which headers its light clients were given."""

    @abstractmethod
    async def client_updates(
        self, client: ClientId, first: Height, last: BlockRef
    ) -> Sequence[SeenClientUpdate]:
        """Return the updates of this client in blocks `first` to `last` inclusive, by height.

        Raises `Reorged` when `last` left the chain.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class SendMessage:
    """An application message to send along a lane (ERC-7786 on EVM)."""

    lane: Lane
    recipient: str
    """The recipient on the destination, in the destination chain's own notation."""
    payload: bytes
    timeout_s: int
    """Unix seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendTransfer:
    """A token transfer to send along a lane (ICS-20)."""

    lane: Lane
    denom: str
    amount: int
    """In the token's smallest unit."""
    receiver: str
    timeout_s: int


class MessageSender(ABC):
    """Ability `send`: the adapter can act for an application, with the configured signer."""

    @abstractmethod
    async def send(self, requests: Sequence[SendMessage | SendTransfer]) -> Sequence[PacketSequence]:
        """Send and wait until included. Return the sequence of each packet, in order. Raises `Refused`."""
