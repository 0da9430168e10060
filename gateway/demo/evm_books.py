"""What the contracts on an EVM chain say: commitments, receipts, counters and supplies."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from adapters.api import Resources
from adapters.evm.abi import WORD, address_word, dynamic, encode, selector
from adapters.evm.adapter import open_endpoints
from adapters.evm.blocks import read_block
from adapters.evm.config import EndpointConfig, EvmConfig
from adapters.evm.endpoints import Endpoints
from adapters.evm.router import Router
from proofs.types import BlockRef, ChainId, ClientId, Lane
from relays.runtime.clock import SystemClock

_ARRIVED = selector("arrived()")
_TOTAL_SUPPLY = selector("totalSupply()")
_BALANCE_OF = selector("balanceOf(address)")
_ESCROWED = selector("escrowed(string,address)")
_VOUCHER_OF = selector("voucherOf(string)")


@dataclass(frozen=True, slots=True, kw_only=True)
class EvmBooks:
    """See `gateway.demo.books.Books`."""

    chain: ChainId
    endpoints: Endpoints
    contracts: Mapping[str, str]
    holder: str
    """First holder of the home token."""

    async def standing(self, lane: Lane) -> Sequence[bool]:
        """See `Books.standing`."""
        at = await self._head()
        info = await self._router().info(lane.source_client, at)
        sequences = range(1, info.last_sequence_sent + 1)
        return [any(one) for one in await self._router().commitments(lane.source_client, sequences, at)]

    async def received(self, lane: Lane, count: int) -> Sequence[bool]:
        """See `Books.received`."""
        sequences = range(1, count + 1)
        return list(await self._router().received(lane.destination_client, sequences, await self._head()))

    async def arrived(self) -> int:
        """See `Books.arrived`."""
        return await self._number("sample_app", _ARRIVED)

    async def kept(self) -> tuple[int, int]:
        """See `Books.kept`."""
        kept = await self._number("token", _BALANCE_OF + address_word(_raw(self.holder)))
        return kept, await self._number("token", _TOTAL_SUPPLY)

    async def locked(self, client: ClientId) -> int:
        """See `Books.locked`."""
        token = address_word(_raw(self.contracts["token"]))
        return await self._number("transfer", _ESCROWED + encode([dynamic(client), token]))

    async def foreign(self, client: ClientId, denom: str) -> int:
        """See `Books.foreign`."""
        call_data = _VOUCHER_OF + encode([dynamic(f"transfer/{client}/{denom}")])
        found = await self._router().call(_raw(self.contracts["transfer"]), call_data, await self._head())
        if not found.uint(WORD, 1):
            return 0
        return await self._number("0x" + found.uint(0, 160).to_bytes(20, "big").hex(), _TOTAL_SUPPLY)

    def _router(self) -> Router:
        return Router(endpoints=self.endpoints, address=_raw(self.contracts["router"]))

    async def _head(self) -> BlockRef:
        block = await self.endpoints.first(lambda client: read_block(client, self.chain, "latest"))
        return block.ref

    async def _number(self, contract: str, call_data: bytes) -> int:
        """Return the number that a call of a contract (by name or address) returns now."""
        to = _raw(self.contracts.get(contract, contract))
        return (await self._router().call(to, call_data, await self._head())).uint(0, 256)


@asynccontextmanager
async def open_books(
    chain: ChainId, url: str, contracts: Mapping[str, str], holder: str
) -> AsyncIterator[EvmBooks]:
    """Yield one chain's books, connected."""
    config = EvmConfig(endpoints=(EndpointConfig(name="books", url=url),), router=contracts["router"])
    endpoints = open_endpoints(chain, config, Resources(clock=SystemClock()))
    try:
        await endpoints.connect()
        yield EvmBooks(chain=chain, endpoints=endpoints, contracts=contracts, holder=holder)
    finally:
        await endpoints.close()


def _raw(address: str) -> bytes:
    return bytes.fromhex(address[2:])
