"""The story's ground on two anvil nodes: commitments, receipts, counters and supplies of the contracts."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from adapters.api import Resources
from adapters.evm.abi import WORD, address_word, dynamic, encode, selector
from adapters.evm.adapter import open_endpoints
from adapters.evm.blocks import read_block
from adapters.evm.config import EndpointConfig, EvmConfig
from adapters.evm.endpoints import Endpoints
from adapters.evm.router import Router
from gateway.demo.ledger import Count
from gateway.demo.stage import Access, Party
from gateway.dev.evm import TOKENS
from gateway.dev.place import Network
from gateway.dev.plan import CLIENT, lanes
from proofs.types import BlockRef, ChainId, Lane
from relays.runtime.clock import SystemClock

_ARRIVED = selector("arrived()")
_TOTAL_SUPPLY = selector("totalSupply()")
_BALANCE_OF = selector("balanceOf(address)")
_ESCROWED = selector("escrowed(string,address)")
_VOUCHER_OF = selector("voucherOf(string)")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Books:
    """One chain's contracts, read at its newest block."""

    chain: ChainId
    endpoints: Endpoints
    contracts: Mapping[str, str]

    def router(self) -> Router:
        return Router(endpoints=self.endpoints, address=_raw(self.contracts["router"]))

    async def head(self) -> BlockRef:
        block = await self.endpoints.first(lambda client: read_block(client, self.chain, "latest"))
        return block.ref

    async def number(self, contract: str, call_data: bytes) -> int:
        """Return the number that a call of a contract (by name or address) returns now."""
        to = _raw(self.contracts.get(contract, contract))
        return (await self.router().call(to, call_data, await self.head())).uint(0, 256)

    async def voucher(self, denom: str) -> str | None:
        """Return the voucher of a denom trace, None when none has arrived."""
        call_data = _VOUCHER_OF + encode([dynamic(denom)])
        found = await self.router().call(_raw(self.contracts["transfer"]), call_data, await self.head())
        return "0x" + found.uint(0, 160).to_bytes(20, "big").hex() if found.uint(WORD, 1) else None


class EvmStage:
    """See `gateway.demo.stage.Stage`."""

    def __init__(
        self, network: Network, books: Mapping[ChainId, _Books], accounts: Mapping[ChainId, str]
    ) -> None:
        first, second = books
        self.lanes = lanes(first, second)
        self.gateways: Mapping[str, Access] = {
            name: Access(url=url, key=network.admin_keys[name]) for name, url in network.urls.items()
        }
        self._books = books
        self.parties: Mapping[ChainId, Party] = {
            chain: Party(
                sender=access,
                application=books[chain].contracts["sample_app"],
                account=accounts[chain],
                denom=books[chain].contracts["token"].lower(),
            )
            for chain, access in zip(books, self.gateways.values(), strict=False)
        }

    async def counts(self, messages: Mapping[Lane, int]) -> Mapping[Lane, Count]:
        """See `Stage.counts`."""
        return {lane: await self._count(lane, messages.get(lane, 0)) for lane in self.lanes}

    async def _count(self, lane: Lane, messages: int) -> Count:
        source, destination = self._books[lane.source], self._books[lane.destination]
        at = await source.head()
        info = await source.router().info(lane.source_client, at)
        sequences = range(1, info.last_sequence_sent + 1)
        standing = [any(one) for one in await source.router().commitments(lane.source_client, sequences, at)]
        received = await destination.router().received(
            lane.destination_client, sequences, await destination.head()
        )
        pairs = list(zip(standing, received, strict=True))
        arrived = await destination.number("sample_app", _ARRIVED)
        return Count(
            sent=len(pairs),
            delivered=sum(received),
            acknowledged=sum(here and not stands for stands, here in pairs),
            refunded=sum(not here and not stands for stands, here in pairs),
            lost=sum(standing) + max(0, messages - arrived),
            duplicated=max(0, arrived - messages),
        )

    async def unbalanced(self) -> list[str]:
        """See `Stage.unbalanced`: what is locked at home is what is abroad, and nothing was made or burnt."""
        problems = []
        for lane in self.lanes:
            home, abroad = self._books[lane.source], self._books[lane.destination]
            party = self.parties[lane.source]
            token = address_word(_raw(party.denom))
            locked = await home.number("transfer", _ESCROWED + encode([dynamic(CLIENT), token]))
            kept = await home.number("token", _BALANCE_OF + address_word(_raw(party.account)))
            supply = await home.number("token", _TOTAL_SUPPLY)
            voucher = await abroad.voucher(f"transfer/{CLIENT}/{party.denom}")
            away = await abroad.number(voucher, _TOTAL_SUPPLY) if voucher else 0
            if locked != away or kept + locked != TOKENS or supply != TOKENS:
                problems.append(
                    f"{lane.source}: expected {TOKENS} in all, got {supply}: "
                    f"{kept} kept, {locked} locked, {away} abroad"
                )
        return problems


@asynccontextmanager
async def open_stage(network: Network, accounts: Mapping[ChainId, str]) -> AsyncIterator[EvmStage]:
    """Yield the ground; `accounts` are the senders' addresses by chain."""
    books = {}
    resources = Resources(clock=SystemClock())
    for name, url in network.nodes.items():
        chain, contracts = ChainId(name), network.contracts[name]
        config = EvmConfig(endpoints=(EndpointConfig(name="books", url=url),), router=contracts["router"])
        books[chain] = _Books(
            chain=chain, endpoints=open_endpoints(chain, config, resources), contracts=contracts
        )
    try:
        for one in books.values():
            await one.endpoints.connect()
        yield EvmStage(network, books, accounts)
    finally:
        for one in books.values():
            await one.endpoints.close()


def _raw(address: str) -> bytes:
    return bytes.fromhex(address[2:])
