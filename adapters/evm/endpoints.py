"""The endpoints of one EVM chain: those of `adapters.endpoints`, told apart by `eth_chainId`."""

from dataclasses import dataclass

from adapters.endpoints import EndpointPool, Hostile, Lie
from adapters.evm.rpc import Reply, RpcClient
from adapters.evm.wire import number, read


@dataclass(slots=True, kw_only=True)
class Endpoints(EndpointPool[RpcClient]):
    """The endpoints of one EVM chain."""

    chain_number: int
    """The `eth_chainId` that every endpoint must give."""

    async def _check(self, client: RpcClient) -> None:
        [reply] = await client.batch([("eth_chainId", [])])
        check_chain(client, self.chain_number, reply)


def check_chain(client: RpcClient, expected: int, reply: Reply) -> None:
    """Check a reply to `eth_chainId`. Raises `Hostile` when the endpoint serves another chain."""
    actual = number(read(reply, str, "eth_chainId"), "eth_chainId")
    if actual != expected:
        raise Hostile(
            Lie.WRONG_CHAIN, f"endpoint {client.name}: expected chain {expected}, it serves {actual}"
        )


__all__ = ["Endpoints", "Hostile", "Lie", "check_chain"]
