"""Packets under way between two Cosmos chains: sent and not received, received and not acknowledged.

For people and for knowing when nothing is left to do: the chains' own words, unproven.

Implements: ICS-4 queries of ibc-go (packet commitments, unreceived packets), for channels and for IBC v2.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.cosmos.ibc.host import Host
from adapters.cosmos.ibc.paging import Listed, listed
from adapters.cosmos.pb.ibc.core.channel.v1 import query_pb2
from adapters.cosmos.pb.ibc.core.channel.v2 import query_pb2 as query_v2_pb2

_CHUNK = 1000
"""Sequences of one question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One direction: from an end on one chain to the other end on the other."""

    source: Host
    source_end: str
    """A channel, or a client of IBC v2."""
    destination: Host
    destination_end: str
    source_port: str = ""
    """Of a channel; empty for IBC v2."""
    destination_port: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingPackets:
    """What is under way in one direction: sequences, ascending."""

    unreceived: tuple[int, ...]
    unacknowledged: tuple[int, ...]
    """Received, and their commitments still stand on the source."""
    more: bool
    """There are more than were read."""


async def pending(way: Way) -> PendingPackets:
    """Return what is under way now. The source is read first, so a packet may have arrived meanwhile."""
    sent = await commitments(way)
    unreceived = await _unreceived(way, sent.entries)
    return PendingPackets(
        unreceived=tuple(sorted(unreceived)),
        unacknowledged=tuple(sorted(set(sent.entries) - unreceived)),
        more=sent.more,
    )


async def commitments(way: Way) -> Listed[int]:
    """Return the sequences whose commitments stand on the source, up to the cap."""
    at = await way.source.head()
    if way.source_port:
        return await listed(
            way.source,
            "/ibc.core.channel.v1.Query/PacketCommitments",
            lambda page: query_pb2.QueryPacketCommitmentsRequest(
                port_id=way.source_port, channel_id=way.source_end, pagination=page
            ),
            query_pb2.QueryPacketCommitmentsResponse,
            lambda reply: [each.sequence for each in reply.commitments],
            at,
        )
    return await listed(
        way.source,
        "/ibc.core.channel.v2.Query/PacketCommitments",
        lambda page: query_v2_pb2.QueryPacketCommitmentsRequest(client_id=way.source_end, pagination=page),
        query_v2_pb2.QueryPacketCommitmentsResponse,
        lambda reply: [each.sequence for each in reply.commitments],
        at,
    )


async def _unreceived(way: Way, sequences: Sequence[int]) -> set[int]:
    at = await way.destination.head()
    found: set[int] = set()
    for start in range(0, len(sequences), _CHUNK):
        chunk = sequences[start : start + _CHUNK]
        if way.destination_port:
            request = query_pb2.QueryUnreceivedPacketsRequest(
                port_id=way.destination_port,
                channel_id=way.destination_end,
                packet_commitment_sequences=chunk,
            )
            method = "/ibc.core.channel.v1.Query/UnreceivedPackets"
            reply = await way.destination.ask(method, request, query_pb2.QueryUnreceivedPacketsResponse, at)
            found.update(reply.sequences)
        else:
            asked = query_v2_pb2.QueryUnreceivedPacketsRequest(client_id=way.destination_end, sequences=chunk)
            method = "/ibc.core.channel.v2.Query/UnreceivedPackets"
            answer = query_v2_pb2.QueryUnreceivedPacketsResponse
            found.update((await way.destination.ask(method, asked, answer, at)).sequences)
    return found & set(sequences)
