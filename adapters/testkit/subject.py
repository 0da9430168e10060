"""What the kit needs from the author of an adapter: how to build it, and a hand on the chain behind it.

The kit is the other side of the bridge: a memory chain of its own. The subject's chain must host a light
client of that chain before the kit runs (`ATTESTORS`, `THRESHOLD`, counterparty `KIT_CLIENT`), and an
application that sends and takes messages. Everything else the kit does itself.
"""

from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from adapters.api import AdapterPlugin, GatewayChain, Resources
from adapters.manifest import Manifest
from adapters.testkit.attesting import Key
from proofs.types import ChainId, ClientId

KIT_CHAIN = ChainId("memory:kit")

KIT_CLIENT = ClientId("kit-client-0")
"""The client on the kit's chain that tracks the subject's."""

KIT_KEYS = tuple([Key(f"isthmus conformance kit, attestor {index}") for index in range(3)])
"""They attest the kit's chain. Public, hence worth nothing."""

ATTESTORS = tuple([key.address for key in KIT_KEYS])
"""Attestors of the client that the subject's chain must host: addresses, 20 bytes each."""

THRESHOLD = 2


class Subject(Protocol):
    """One adapter on one chain. What a subject is not able to do makes checks be skipped, not pass."""

    manifest: Manifest
    plugin: AdapterPlugin
    chain_id: ChainId
    config: Any
    resources: Resources
    client: ClientId
    """The light client of the kit's chain that the subject's chain hosts."""
    recipient: str
    """An account or contract on the subject's chain that takes what the kit sends, in its own notation."""
    takes_tokens: bool
    """What the kit sends are token transfers (ICS-20), because nothing there takes ERC-7786 messages."""

    async def produce(self, count: int, timeout_s: int) -> None:
        """Send messages along the lane from `client` to `KIT_CLIENT`, and return when they are in blocks.

        `timeout_s` is unix seconds. Any recipient will do.
        """

    async def settle(self) -> None:
        """Return when all that is in blocks now is final."""

    async def pass_time(self, seconds: int) -> None:
        """Let time pass for chain and `resources.clock`; return when a final block has the new time."""

    async def reorg(self) -> bool:
        """Replace the newest block, which is not final, by another; return False if the chain cannot fork."""

    def garbled(self) -> AbstractAsyncContextManager[GatewayChain] | None:
        """Return a connected adapter all of whose endpoints answer with nonsense from now on, or None."""

    def with_liar(self) -> AbstractAsyncContextManager[GatewayChain] | None:
        """Return a connected adapter with one lying endpoint among enough honest ones, or None."""
