"""What a Cosmos chain says: its IBC store and its bank, asked directly, of whoever runs it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from google.protobuf.message import Message

from adapters.api import Resources
from adapters.cosmos.adapter import open_endpoints
from adapters.cosmos.channels import is_channel
from adapters.cosmos.config import CosmosConfig, EndpointConfig
from adapters.cosmos.devhome import DENOM
from adapters.cosmos.endpoints import Endpoints
from adapters.cosmos.pb.cosmos.bank.v1beta1 import query_pb2 as bank
from adapters.cosmos.pb.cosmos.base.query.v1beta1 import pagination_pb2
from adapters.cosmos.pb.ibc.core.channel.v1 import query_pb2 as v1
from adapters.cosmos.pb.ibc.core.channel.v2 import query_pb2 as v2
from adapters.cosmos.wire import StateQuery
from adapters.errors import Refused
from proofs import bech32
from proofs.apps import ics20
from proofs.types import ChainId, ClientId, Lane
from relays.runtime.clock import SystemClock

M = TypeVar("M", bound=Message)

_ALL = pagination_pb2.PageRequest(limit=100_000)
_V1, _V2 = "/ibc.core.channel.v1.Query", "/ibc.core.channel.v2.Query"


@dataclass(frozen=True, slots=True, kw_only=True)
class CosmosBooks:
    """See `gateway.demo.books.Books`."""

    endpoints: Endpoints
    holder: str
    """First holder of the home token."""
    coin: str
    """The home token."""
    counter: str
    """Account that gets one coin for each message."""

    async def standing(self, lane: Lane) -> Sequence[bool]:
        """See `Books.standing`."""
        end = lane.source_client
        if is_channel(end):
            asked = v1.QueryPacketCommitmentsRequest(port_id=ics20.PORT, channel_id=end, pagination=_ALL)
            found = await self._ask(f"{_V1}/PacketCommitments", asked, v1.QueryPacketCommitmentsResponse)
            stands = {each.sequence for each in found.commitments}
            key = f"nextSequenceSend/ports/{ics20.PORT}/channels/{end}"
        else:
            request = v2.QueryPacketCommitmentsRequest(client_id=end, pagination=_ALL)
            reply = await self._ask(f"{_V2}/PacketCommitments", request, v2.QueryPacketCommitmentsResponse)
            stands = {each.sequence for each in reply.commitments}
            key = f"nextSequenceSend/{end}"
        return [number in stands for number in range(1, await self._next(key))]

    async def received(self, lane: Lane, count: int) -> Sequence[bool]:
        """See `Books.received`."""
        end, sequences = lane.destination_client, list(range(1, count + 1))
        if not sequences:
            return []
        if is_channel(end):
            asked = v1.QueryUnreceivedPacketsRequest(
                port_id=ics20.PORT, channel_id=end, packet_commitment_sequences=sequences
            )
            found = await self._ask(f"{_V1}/UnreceivedPackets", asked, v1.QueryUnreceivedPacketsResponse)
            missing = set(found.sequences)
        else:
            request = v2.QueryUnreceivedPacketsRequest(client_id=end, sequences=sequences)
            reply = await self._ask(f"{_V2}/UnreceivedPackets", request, v2.QueryUnreceivedPacketsResponse)
            missing = set(reply.sequences)
        return [number not in missing for number in sequences]

    async def arrived(self) -> int:
        """See `Books.arrived`."""
        return await self._balance(self.counter, DENOM)

    async def kept(self) -> tuple[int, int]:
        """See `Books.kept`."""
        return await self._balance(self.holder, self.coin), await self._supply(self.coin)

    async def locked(self, client: ClientId) -> int:
        """See `Books.locked`."""
        escrow = bech32.encode("cosmos", ics20.escrow_address(ics20.PORT, client))
        return await self._balance(escrow, self.coin)

    async def foreign(self, client: ClientId, denom: str) -> int:
        """See `Books.foreign`."""
        return await self._supply(ics20.voucher_denom(ics20.received_denom(client, denom)))

    async def _balance(self, account: str, denom: str) -> int:
        asked = bank.QueryBalanceRequest(address=account, denom=denom)
        found = await self._ask("/cosmos.bank.v1beta1.Query/Balance", asked, bank.QueryBalanceResponse)
        return int(found.balance.amount or 0)

    async def _supply(self, denom: str) -> int:
        asked = bank.QuerySupplyOfRequest(denom=denom)
        found = await self._ask("/cosmos.bank.v1beta1.Query/SupplyOf", asked, bank.QuerySupplyOfResponse)
        return int(found.amount.amount or 0)

    async def _next(self, key: str) -> int:
        """Return the number that the next packet of an end will get."""
        query = StateQuery(path="/store/ibc/key", data=key.encode())
        [found] = await self.endpoints.first(lambda client: client.query([query]))
        return int.from_bytes(found.value, "big") if found.value else 1

    async def _ask(self, method: str, request: Message, kind: type[M]) -> M:
        query = StateQuery(path=method, data=request.SerializeToString())
        [found] = await self.endpoints.first(lambda client: client.query([query]))
        if found.code:
            raise Refused(f"{method}: {found.codespace} {found.code}: {found.log[:300]}")
        return kind.FromString(found.value or b"")


@asynccontextmanager
async def open_books(
    chain: ChainId, url: str, *, holder: str, coin: str, counter: str
) -> AsyncIterator[CosmosBooks]:
    """Yield one chain's books, connected."""
    config = CosmosConfig(endpoints=(EndpointConfig(name="books", rpc_url=url),))
    endpoints = open_endpoints(chain, config, Resources(clock=SystemClock()))
    try:
        await endpoints.connect()
        yield CosmosBooks(endpoints=endpoints, holder=holder, coin=coin, counter=counter)
    finally:
        await endpoints.close()
