"""What one node says about its chain, without any trust: for imports, and for choosing where trust begins.

Everything here is a hint for a person. Nothing that relays or proves may use it.

Implements: ICS-4 queries of ibc-go, the staking module's parameters, CometBFT blocks.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from google.protobuf.any_pb2 import Any

from adapters.cosmos.ibc.clients import parsed, unpacked
from adapters.cosmos.light import read_blocks
from adapters.cosmos.pb.cosmos.staking.v1beta1 import query_pb2 as staking_query_pb2
from adapters.cosmos.pb.ibc.core.channel.v1 import query_pb2
from adapters.cosmos.rpc import CometClient
from adapters.cosmos.wire import StateQuery
from adapters.errors import AdapterError, MalformedReply, Refused
from proofs.pb.ibc.core.channel.v1 import channel_pb2
from proofs.pb.ibc.lightclients.tendermint.v1 import tendermint_pb2
from proofs.types import BlockRef, ChainId

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class FarEnd:
    """The other end of a channel, as one node says."""

    native_id: str
    port: str
    channel: str
    ordered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """One block of a chain, as several nodes have it."""

    height: int
    hashes: Mapping[str, bytes]
    """Endpoint name -> hash of the block."""
    failed: Mapping[str, str]
    """Endpoint name -> why it did not answer."""
    unbonding_s: int
    """Unbonding period, unproven; 0 when no node says."""


async def far_end(client: CometClient, port: str, channel: str) -> FarEnd:
    """Return who is at the other end of a channel. Raises `Refused` when there is no such channel."""
    asked = query_pb2.QueryChannelRequest(port_id=port, channel_id=channel)
    reply = await _ask(client, "/ibc.core.channel.v1.Query/Channel", asked.SerializeToString())
    end = parsed(reply, query_pb2.QueryChannelResponse, channel).channel
    behind = query_pb2.QueryChannelClientStateRequest(port_id=port, channel_id=channel)
    method = "/ibc.core.channel.v1.Query/ChannelClientState"
    reply = await _ask(client, method, behind.SerializeToString())
    found = parsed(reply, query_pb2.QueryChannelClientStateResponse, channel).identified_client_state
    wrapped = Any(type_url=found.client_state.type_url, value=found.client_state.value)
    state = unpacked(wrapped.SerializeToString(), tendermint_pb2.ClientState, f"client of {channel}")
    return FarEnd(
        native_id=state.chain_id,
        port=end.counterparty.port_id,
        channel=end.counterparty.channel_id,
        ordered=end.ordering == channel_pb2.ORDER_ORDERED,
    )


async def heads(clients: Sequence[CometClient], chain: ChainId, native_id: str) -> Heads:
    """Return the newest block that all nodes that answer have. Raises the first error when none does."""
    reached = await _each(clients, _height)
    heights = [found for found in reached.values() if isinstance(found, int)]
    if not heights:
        raise next(found for found in reached.values() if isinstance(found, AdapterError))
    height = min(heights)

    async def block(client: CometClient) -> BlockRef:
        [found] = await read_blocks(client, chain, native_id, [height])
        return found.ref

    live = [client for client in clients if isinstance(reached[client.name], int)]
    blocks = await _each(live, block)
    periods = await _each(live, _unbonding)
    failures = {
        name: found for name, found in {**reached, **blocks}.items() if isinstance(found, AdapterError)
    }
    return Heads(
        height=height,
        hashes={name: found.hash for name, found in blocks.items() if isinstance(found, BlockRef)},
        failed={name: str(error) for name, error in failures.items()},
        unbonding_s=min((found for found in periods.values() if isinstance(found, int)), default=0),
    )


async def _each(
    clients: Sequence[CometClient], work: Callable[[CometClient], Awaitable[T]]
) -> dict[str, T | AdapterError]:
    async def outcome(client: CometClient) -> T | AdapterError:
        try:
            return await work(client)
        except AdapterError as error:
            return error

    found = await asyncio.gather(*[outcome(client) for client in clients])
    return {client.name: each for client, each in zip(clients, found, strict=True)}


async def _height(client: CometClient) -> int:
    return (await client.status()).sync_info.latest_block_height


async def _unbonding(client: CometClient) -> int:
    reply = await _ask(client, "/cosmos.staking.v1beta1.Query/Params", b"")
    found = parsed(reply, staking_query_pb2.QueryParamsResponse, "staking parameters")
    return found.params.unbonding_time.seconds


async def _ask(client: CometClient, method: str, request: bytes) -> bytes:
    [answer] = await client.query([StateQuery(path=method, data=request)])
    if answer.code:
        raise Refused(
            f"endpoint {client.name}: {method}: {answer.codespace} {answer.code}: {answer.log[:200]}"
        )
    if answer.value is None:
        raise MalformedReply(f"endpoint {client.name}: {method}: expected an answer, got none")
    return answer.value
