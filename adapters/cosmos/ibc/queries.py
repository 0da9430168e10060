"""What there is of IBC on a Cosmos chain: clients with their health, connections, channels. For people.

Which there are is the node's word; the health of a client is computed from proven state.

Implements: ICS-2, ICS-3, ICS-4 queries of ibc-go; the status rules of 07-tendermint and `attestations`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from google.protobuf.any_pb2 import Any

from adapters.cosmos.ibc.clients import client_key, consensus_key, parsed, state_key, unpacked
from adapters.cosmos.ibc.host import Host, Stored
from adapters.cosmos.ibc.paging import Listed, listed
from adapters.cosmos.pb.ibc.core.channel.v1 import query_pb2 as channel_query_pb2
from adapters.cosmos.pb.ibc.core.client.v1 import query_pb2 as client_query_pb2
from adapters.cosmos.pb.ibc.core.client.v2 import counterparty_pb2
from adapters.cosmos.pb.ibc.core.connection.v1 import connection_pb2
from adapters.cosmos.pb.ibc.core.connection.v1 import query_pb2 as connection_query_pb2
from adapters.cosmos.pb.ibc.lightclients.attestations.v1 import attestations_pb2
from proofs.pb.ibc.core.channel.v1 import channel_pb2
from proofs.pb.ibc.lightclients.tendermint.v1 import tendermint_pb2
from proofs.types import BlockRef, ClientId

TENDERMINT = f"/{tendermint_pb2.ClientState.DESCRIPTOR.full_name}"
ATTESTATIONS = f"/{attestations_pb2.ClientState.DESCRIPTOR.full_name}"

MAX_CLIENTS = 1000
"""Clients whose health is read at once."""

_NS = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRow:
    """One light client."""

    id: ClientId
    kind: str
    """`07-tendermint`, `attestations`, or what else its id begins with."""
    tracks: str
    """Native id of the tracked chain; empty when the client does not say."""
    height: int
    """The newest block that it trusts; 0 when it is of a kind that we do not know."""
    status: str
    """`active`, `expired`, `frozen`, `unknown`."""
    trusting_period_s: int
    """0: it does not expire."""
    expires_in_s: int | None
    """By the host's clock; None when it does not expire."""
    counterparty: str
    """The client on the other side (IBC v2); empty when none is registered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionRow:
    """One end of a connection."""

    id: str
    state: str
    client: str
    counterparty: str
    counterparty_client: str
    delay_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRow:
    """One end of a channel."""

    id: str
    port: str
    state: str
    order: str
    version: str
    connection: str
    counterparty: str
    counterparty_port: str


async def clients(host: Host, at: BlockRef, tracks: str = "") -> Listed[ClientRow]:
    """Return the clients on this chain, only those of one chain when its native id is given."""
    found = await listed(
        host,
        "/ibc.core.client.v1.Query/ClientStates",
        lambda page: client_query_pb2.QueryClientStatesRequest(pagination=page),
        client_query_pb2.QueryClientStatesResponse,
        lambda reply: [(each.client_id, each.client_state) for each in reply.client_states],
        at,
    )
    wanted = [(name, state) for name, state in found.entries if not tracks or _tracked(state) == tracks]
    shown = wanted[:MAX_CLIENTS]
    now_s = (await host.consensus(at)).timestamp.seconds
    keys = [key for name, state in shown for key in _keys(ClientId(name), state)]
    proven = {each.key: each for each in await host.stored(keys, at)}
    rows = [_row(ClientId(name), state, proven, now_s) for name, state in shown]
    return Listed(entries=tuple(rows), more=found.more or len(wanted) > len(shown))


async def client(host: Host, name: ClientId, at: BlockRef) -> ClientRow | None:
    """Return one client, proven; None when there is none by that name."""
    [found] = await host.stored([state_key(name)], at)
    if not found.value:
        return None
    state = parsed(found.value, Any, f"client {name}")
    now_s = (await host.consensus(at)).timestamp.seconds
    proven = {each.key: each for each in await host.stored(_keys(name, state), at)}
    return _row(name, state, proven, now_s)


async def connections(host: Host, at: BlockRef) -> Listed[ConnectionRow]:
    """Return the ends of connections on this chain."""
    return await listed(
        host,
        "/ibc.core.connection.v1.Query/Connections",
        lambda page: connection_query_pb2.QueryConnectionsRequest(pagination=page),
        connection_query_pb2.QueryConnectionsResponse,
        lambda reply: [_connection(each) for each in reply.connections],
        at,
    )


async def channels(host: Host, at: BlockRef) -> Listed[ChannelRow]:
    """Return the ends of channels on this chain."""
    return await listed(
        host,
        "/ibc.core.channel.v1.Query/Channels",
        lambda page: channel_query_pb2.QueryChannelsRequest(pagination=page),
        channel_query_pb2.QueryChannelsResponse,
        lambda reply: [_channel(each) for each in reply.channels],
        at,
    )


def _tracked(state: Any) -> str:
    if state.type_url != TENDERMINT:
        return ""
    return parsed(state.value, tendermint_pb2.ClientState, "client state").chain_id


def _keys(name: ClientId, state: Any) -> list[bytes]:
    """Return the keys of what else is to be known of a client."""
    keys = [client_key(name, "counterparty")]
    if state.type_url == TENDERMINT:
        keys.append(consensus_key(name, parsed(state.value, tendermint_pb2.ClientState, "client state")))
    return keys


def _row(name: ClientId, state: Any, proven: Mapping[bytes, Stored], now_s: int) -> ClientRow:
    registered = proven[client_key(name, "counterparty")].value
    counterparty = parsed(registered, counterparty_pb2.CounterpartyInfo, "counterparty").client_id
    match state.type_url:
        case str(url) if url == TENDERMINT:
            known = parsed(state.value, tendermint_pb2.ClientState, f"client {name}")
            latest = proven[consensus_key(name, known)].value
            return _tendermint(name, known, latest, counterparty, now_s)
        case str(url) if url == ATTESTATIONS:
            attested = parsed(state.value, attestations_pb2.ClientState, f"client {name}")
            height, status = attested.latest_height, "frozen" if attested.is_frozen else "active"
        case _:
            height, status = 0, "unknown"
    return ClientRow(
        id=name,
        kind=name.rpartition("-")[0],
        tracks="",
        height=height,
        status=status,
        trusting_period_s=0,
        expires_in_s=None,
        counterparty=counterparty,
    )


def _tendermint(
    name: ClientId, state: tendermint_pb2.ClientState, latest: bytes, counterparty: str, now_s: int
) -> ClientRow:
    """Return the row of a 07-tendermint client; without a consensus state it is expired, as on chain."""
    trusting_s = state.trusting_period.seconds
    left_s = 0
    if latest:
        seen = unpacked(latest, tendermint_pb2.ConsensusState, f"consensus state of {name}").timestamp
        left_s = seen.seconds + trusting_s - now_s
    frozen = bool(state.frozen_height.revision_height or state.frozen_height.revision_number)
    return ClientRow(
        id=name,
        kind="07-tendermint",
        tracks=state.chain_id,
        height=state.latest_height.revision_height,
        status="frozen" if frozen else "active" if left_s > 0 else "expired",
        trusting_period_s=trusting_s,
        expires_in_s=max(0, left_s),
        counterparty=counterparty,
    )


def _connection(end: connection_pb2.IdentifiedConnection) -> ConnectionRow:
    return ConnectionRow(
        id=end.id,
        state=_word(connection_pb2.State.items(), end.state),
        client=end.client_id,
        counterparty=end.counterparty.connection_id,
        counterparty_client=end.counterparty.client_id,
        delay_s=end.delay_period // _NS,
    )


def _channel(end: channel_pb2.IdentifiedChannel) -> ChannelRow:
    return ChannelRow(
        id=end.channel_id,
        port=end.port_id,
        state=_word(channel_pb2.State.items(), end.state),
        order=_word(channel_pb2.Order.items(), end.ordering),
        version=end.version,
        connection=end.connection_hops[0] if end.connection_hops else "",
        counterparty=end.counterparty.channel_id,
        counterparty_port=end.counterparty.port_id,
    )


def _word(names: Sequence[tuple[str, int]], value: int) -> str:
    """Return `open` for `STATE_OPEN`; the number of what only other versions of ibc-go know."""
    name = next((name for name, number in names if number == value), "")
    return name.partition("_")[2].partition("_")[0].lower() or str(value)
