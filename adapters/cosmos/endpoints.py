"""The endpoints of one Cosmos chain: those of `adapters.endpoints`, told apart by the chain's own name.

What is read for a decision is proven against a header that the light client accepted, so one honest endpoint
is enough and no quorum is needed; what no proof covers (status, events, searches) is a hint.
"""

from dataclasses import dataclass

from adapters.cosmos.rpc import CometClient
from adapters.cosmos.wire import StatusJson
from adapters.endpoints import EndpointPool, Hostile, Lie
from adapters.errors import TransportError


@dataclass(slots=True, kw_only=True)
class Endpoints(EndpointPool[CometClient]):
    """The endpoints of one Cosmos chain."""

    native_id: str
    """The chain's own name, which every endpoint must give."""

    async def _check(self, client: CometClient) -> None:
        check_status(client, self.native_id, await client.status())


def check_status(client: CometClient, native_id: str, status: StatusJson) -> None:
    """Raise `Hostile` when the endpoint serves another chain, `TransportError` while it catches up."""
    if status.node_info.network != native_id:
        served = status.node_info.network[:80]
        raise Hostile(
            Lie.WRONG_CHAIN, f"endpoint {client.name}: expected chain {native_id!r}, it serves {served!r}"
        )
    if status.sync_info.catching_up:
        height = status.sync_info.latest_block_height
        raise TransportError(f"endpoint {client.name}: expected a node in step, it catches up at {height}")


__all__ = ["Endpoints", "Hostile", "Lie", "check_status"]
