"""The story's ground on two anvil nodes."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from gateway.demo import books
from gateway.demo.evm_books import EvmBooks, open_books
from gateway.demo.ledger import Count
from gateway.demo.stage import Access, Party, greeting, path
from gateway.dev.place import Network
from proofs.types import ChainId, Lane


class EvmStage:
    """See `gateway.demo.stage.Stage`."""

    def __init__(self, network: Network, found: Mapping[ChainId, EvmBooks]) -> None:
        [link] = network.links
        self.lanes: tuple[Lane, ...] = link.lanes()
        self.late: tuple[Lane, ...] = self.lanes[:1]
        self.gateways: Mapping[str, Access] = {
            name: Access(url=url, key=network.admin_keys[name]) for name, url in network.urls.items()
        }
        self._books = found
        self.parties: Mapping[ChainId, Party] = {
            chain: Party(
                sender=access,
                application=one.contracts["sample_app"],
                account=one.holder,
                denom=one.contracts["token"].lower(),
            )
            for (chain, one), access in zip(found.items(), self.gateways.values(), strict=False)
        }

    def message(self, lane: Lane, number: int) -> Mapping[str, Any] | None:
        """See `Stage.message`."""
        return greeting(self.parties[lane.destination].application, number)

    def abroad(self, lane: Lane) -> str:
        """See `Stage.abroad`."""
        return path(lane, self.parties[lane.destination].denom)

    async def counts(self, messages: Mapping[Lane, int]) -> Mapping[Lane, Count]:
        """See `Stage.counts`."""
        return await books.counts(self._books, self.lanes, messages)

    async def unbalanced(self) -> list[str]:
        """See `Stage.unbalanced`."""
        denoms = {chain: party.denom for chain, party in self.parties.items()}
        return await books.unbalanced(self._books, denoms, self.lanes)


@asynccontextmanager
async def open_stage(network: Network, accounts: Mapping[ChainId, str]) -> AsyncIterator[EvmStage]:
    """Yield the ground; `accounts` are the senders' addresses by chain."""
    async with AsyncExitStack() as stack:
        found = {
            ChainId(chain): await stack.enter_async_context(
                open_books(ChainId(chain), url, network.contracts[chain], accounts[ChainId(chain)])
            )
            for chain, url in network.nodes.items()
        }
        yield EvmStage(network, found)
