"""IBC v1 channels between two Cosmos chains: opened and closed step by step, each proven before it is sent.

Implements: ICS-4 (opening and closing handshakes; ordered and unordered) as ibc-go speaks it.
"""

import asyncio
from dataclasses import dataclass

from google.protobuf.message import Message

from adapters.cosmos.ibc.clients import meet, parsed
from adapters.cosmos.ibc.connections import connection_end
from adapters.cosmos.ibc.handshake import Act, End, Opened, Phase, Step, complete
from adapters.cosmos.ibc.host import Host, Stored, height_at
from adapters.cosmos.ibc.paging import listed
from adapters.cosmos.pb.ibc.core.channel.v1 import query_pb2, tx_pb2
from adapters.errors import Refused
from proofs.channels import channel_key
from proofs.pb.ibc.core.channel.v1 import channel_pb2
from proofs.types import BlockRef, ClientId

_NEWEST = 100
"""Channels of one connection that are looked at: anybody may begin one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One side of the wanted channel."""

    host: Host
    client: ClientId
    """The client of the other chain, on which the connection stands."""
    connection: str
    port: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelTerms:
    """What both ends agree on."""

    version: str
    """Empty: what the applications make up between them (ICS-27 names an account in it)."""
    ordered: bool = False

    def order(self) -> "channel_pb2.Order.ValueType":
        """Return the order as IBC writes it."""
        return channel_pb2.ORDER_ORDERED if self.ordered else channel_pb2.ORDER_UNORDERED


async def place(host: Host, connection: str, port: str) -> Place:
    """Return one side of a channel over this connection. Raises `Refused` when that is not there."""
    end = await connection_end(host, connection, await host.head())
    return Place(host=host, client=ClientId(end.client_id), connection=connection, port=port)


async def open_channel(first: Place, second: Place, terms: ChannelTerms) -> Opened:
    """Open a channel over an open connection, or finish one; return the ids of its ends.

    Raises `Refused` when a chain refuses a step for another reason than that it was made already.
    """
    places = (first, second)

    async def read() -> tuple[list[End], list[End]]:
        ends, others = await asyncio.gather(_ends(first, second, terms), _ends(second, first, terms))
        return ends, others

    async def perform(step: Step) -> None:
        own, other = places[step.side], places[1 - step.side]
        if step.act is Act.INIT:
            begin = tx_pb2.MsgChannelOpenInit(
                port_id=own.port,
                channel=_new_end(own, other, terms, channel_pb2.STATE_INIT, ""),
                signer=own.host.signer,
            )
            await own.host.execute([begin])
            return
        at, updates = await meet(own.host, own.client, other.host)
        [proof] = await other.host.stored([channel_key(other.port, step.counterparty)], at)
        await own.host.execute([*updates, _proven_step(step, own, other, terms, proof)])

    return await complete(read, perform)


async def close_channel(first: Place, first_channel: str, second: Place, second_channel: str) -> None:
    """Close both ends of a channel, or the one that is still open after the other was closed.

    Raises `Refused` when the application does not let people close it (token transfers do not).
    """
    first_end = await channel_end(first.host, first.port, first_channel)
    second_end = await channel_end(second.host, second.port, second_channel)
    closed = channel_pb2.STATE_CLOSED
    if first_end.state != closed and second_end.state != closed:
        message = tx_pb2.MsgChannelCloseInit(
            port_id=first.port, channel_id=first_channel, signer=first.host.signer
        )
        await first.host.execute([message])
    if second_end.state != closed:
        await _confirm_close(second, second_channel, first, first_channel)
    elif first_end.state != closed:
        await _confirm_close(first, first_channel, second, second_channel)


async def channel_end(host: Host, port: str, channel: str, at: BlockRef | None = None) -> channel_pb2.Channel:
    """Return one end of a channel, proven, as of a block or of the head. Raises `Refused` without one."""
    [found] = await host.stored([channel_key(port, channel)], at or await host.head())
    if not found.value:
        raise Refused(f"{host.chain}: no {channel} on port {port}")
    return parsed(found.value, channel_pb2.Channel, channel)


async def _confirm_close(own: Place, channel: str, other: Place, other_channel: str) -> None:
    at, updates = await meet(own.host, own.client, other.host)
    [proof] = await other.host.stored([channel_key(other.port, other_channel)], at)
    message = tx_pb2.MsgChannelCloseConfirm(
        port_id=own.port,
        channel_id=channel,
        proof_init=proof.proof,
        proof_height=height_at(other.host, proof.height),
        signer=own.host.signer,
    )
    await own.host.execute([*updates, message])


async def _ends(own: Place, other: Place, terms: ChannelTerms) -> list[End]:
    """Return the ends that could be of the wanted channel, proven; which there are is the node's word."""
    at = await own.host.head()
    found = await listed(
        own.host,
        "/ibc.core.channel.v1.Query/ConnectionChannels",
        lambda page: query_pb2.QueryConnectionChannelsRequest(connection=own.connection, pagination=page),
        query_pb2.QueryConnectionChannelsResponse,
        lambda reply: [each.channel_id for each in reply.channels if each.port_id == own.port],
        at,
    )
    names = sorted(found.entries, key=_number)[-_NEWEST:]
    proofs = await own.host.stored([channel_key(own.port, name) for name in names], at)
    ends = [parsed(each.value, channel_pb2.Channel, "channel end") for each in proofs]
    wanted = (terms.order(), other.port, [own.connection])
    return [
        End(id=name, phase=Phase(end.state), counterparty=end.counterparty.channel_id)
        for name, end in zip(names, ends, strict=True)
        if end.state <= Phase.CLOSED
        and (end.ordering, end.counterparty.port_id, list(end.connection_hops)) == wanted
        and terms.version in ("", end.version)
    ]


def _number(channel: str) -> tuple[int, str]:
    """Return what sorts channel ids by age."""
    digits = channel.rpartition("-")[2]
    return (int(digits) if digits.isascii() and digits.isdigit() else -1, channel)


def _new_end(
    own: Place, other: Place, terms: ChannelTerms, state: "channel_pb2.State.ValueType", counterparty: str
) -> channel_pb2.Channel:
    return channel_pb2.Channel(
        state=state,
        ordering=terms.order(),
        counterparty=channel_pb2.Counterparty(port_id=other.port, channel_id=counterparty),
        connection_hops=[own.connection],
        version=terms.version,
    )


def _proven_step(step: Step, own: Place, other: Place, terms: ChannelTerms, proof: Stored) -> Message:
    """Return the message of a step that rests on the other end, with the proof of that end."""
    version = parsed(proof.value, channel_pb2.Channel, step.counterparty).version
    height = height_at(other.host, proof.height)
    signer = own.host.signer
    match step.act:
        case Act.TRY:
            return tx_pb2.MsgChannelOpenTry(
                port_id=own.port,
                channel=_new_end(own, other, terms, channel_pb2.STATE_TRYOPEN, step.counterparty),
                counterparty_version=version,
                proof_init=proof.proof,
                proof_height=height,
                signer=signer,
            )
        case Act.ACK:
            return tx_pb2.MsgChannelOpenAck(
                port_id=own.port,
                channel_id=step.end,
                counterparty_channel_id=step.counterparty,
                counterparty_version=version,
                proof_try=proof.proof,
                proof_height=height,
                signer=signer,
            )
        case _:
            return tx_pb2.MsgChannelOpenConfirm(
                port_id=own.port,
                channel_id=step.end,
                proof_ack=proof.proof,
                proof_height=height,
                signer=signer,
            )
