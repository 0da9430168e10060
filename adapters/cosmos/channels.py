"""Where a lane ends on this chain: a light client (IBC v2), or an end of a channel (IBC v1).

A lane names a channel where it would name a client. What stands behind the name is read from proven state
and remembered once it is complete: port, connection, client and counterparty of a channel never change.

Implements: ICS-24 paths of clients, connections and channels as ibc-go stores them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from adapters.cosmos.ibc.clients import parsed, state_key
from adapters.cosmos.pb.cosmos.base.query.v1beta1 import pagination_pb2
from adapters.cosmos.pb.ibc.core.channel.v1 import query_pb2
from adapters.cosmos.pb.ibc.core.client.v2 import counterparty_pb2
from adapters.cosmos.pb.ibc.core.connection.v1 import connection_pb2
from adapters.cosmos.rpc import CometClient
from adapters.cosmos.state import State
from adapters.errors import Refused
from proofs.codec import channel_key
from proofs.pb.ibc.core.channel.v1 import channel_pb2
from proofs.types import BlockRef, ClientId, Packet

_CHANNEL = re.compile(r"channel-(?:0|[1-9][0-9]{0,19})")
_CHANNELS = "/ibc.core.channel.v1.Query/Channels"
_PAGE = 500
_MAX_PAGES = 200


def is_channel(name: str) -> bool:
    """Return whether a lane's client is the end of a channel (`channel-0`)."""
    return _CHANNEL.fullmatch(name) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """One end of a lane on this chain."""

    name: ClientId
    client: ClientId
    """The light client that it rests on: itself, when it is no channel."""
    counterparty: ClientId
    """Name of the other end; empty while nobody registered it."""
    port: str = ""
    """Of a channel."""
    counterparty_port: str = ""
    connection: str = ""
    ordered: bool = False

    def next_send_key(self) -> bytes:
        """Return the key under which the next sequence to be sent is stored, eight bytes, big-endian."""
        if self.port:
            return f"nextSequenceSend/ports/{self.port}/channels/{self.name}".encode()
        return f"nextSequenceSend/{self.name}".encode()

    def sends(self, packet: Packet) -> bool:
        """Return whether a packet that leaves here says of both ends what they are.

        The commitment of a channel's packet binds neither ports nor order; that of IBC v2 binds all it has.
        """
        if packet.channel is None:
            return not self.port
        ports = packet.payloads[0].source_port, packet.payloads[0].destination_port
        ends = packet.source_client, packet.destination_client
        proven = (self.port, self.counterparty_port), (self.name, self.counterparty), self.ordered
        return (ports, ends, packet.channel.ordered) == proven


@dataclass(slots=True, kw_only=True)
class Ends:
    """Finds the ends of lanes, and remembers them."""

    state: State
    transfer_port: str
    """Where a channel is looked for first."""
    _known: dict[str, End] = field(default_factory=dict)

    def known(self, name: ClientId) -> End | None:
        """Return what stands behind a name, if that was read before."""
        return self._known.get(name)

    async def find(self, endpoint: CometClient, name: ClientId, at: BlockRef) -> End:
        """Return what stands behind a name in the state of block `at`.

        Raises `Refused` when nothing bears it, and what `State.values` raises.
        """
        known = self._known.get(name)
        if known is not None:
            await self.state.block(endpoint, at)
            return known
        found = await (self._channel if is_channel(name) else self._client)(endpoint, name, at)
        if found.counterparty:
            self._known[name] = found
        return found

    async def _client(self, endpoint: CometClient, name: ClientId, at: BlockRef) -> End:
        keys = [state_key(name), f"clients/{name}/counterparty".encode()]
        state, registered = await self.state.values(endpoint, keys, at)
        if not state:
            raise Refused(f"client {name}: this chain has none by that name at {at.height}")
        counterparty = parsed(registered, counterparty_pb2.CounterpartyInfo, "counterparty").client_id
        return End(name=name, client=name, counterparty=ClientId(counterparty))

    async def _channel(self, endpoint: CometClient, name: ClientId, at: BlockRef) -> End:
        port = self.transfer_port
        [encoded] = await self.state.values(endpoint, [channel_key(port, name)], at)
        if not encoded:
            port = await self._port(endpoint, name, at)
            [encoded] = await self.state.values(endpoint, [channel_key(port, name)], at)
        end = parsed(encoded, channel_pb2.Channel, "channel end")
        if not encoded or len(end.connection_hops) != 1:
            raise Refused(
                f"channel {name}: expected one connection at {at.height}, got {end.connection_hops}"
            )
        connection = end.connection_hops[0]
        [encoded] = await self.state.values(endpoint, [f"connections/{connection}".encode()], at)
        client = parsed(encoded, connection_pb2.ConnectionEnd, "connection end").client_id
        return End(
            name=name,
            client=ClientId(client),
            counterparty=ClientId(end.counterparty.channel_id),
            port=port,
            counterparty_port=end.counterparty.port_id,
            connection=connection,
            ordered=end.ordering == channel_pb2.ORDER_ORDERED,
        )

    async def _port(self, endpoint: CometClient, name: ClientId, at: BlockRef) -> str:
        """Return the port of a channel that is not where it was looked for first: all channels are listed."""
        request = query_pb2.QueryChannelsRequest(pagination=pagination_pb2.PageRequest(limit=_PAGE))
        for _ in range(_MAX_PAGES):
            found = await self.state.ask(endpoint, _CHANNELS, request, query_pb2.QueryChannelsResponse, at)
            for port in _ports_of(found, name):
                return port
            if not found.pagination.next_key:
                break
            request.pagination.key = found.pagination.next_key
        raise Refused(f"channel {name}: this chain has none by that name at {at.height}")


def _ports_of(found: query_pb2.QueryChannelsResponse, name: ClientId) -> Iterator[str]:
    return (each.port_id for each in found.channels if each.channel_id == name)
