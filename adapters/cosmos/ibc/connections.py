"""IBC v1 connections between two Cosmos chains: opened step by step, each proven before it is sent.

Implements: ICS-3 (opening handshake) as ibc-go speaks it.
"""

import asyncio

from google.protobuf.message import Message

from adapters.cosmos.ibc.clients import client_key, meet, parsed
from adapters.cosmos.ibc.handshake import Act, End, Opened, Phase, Step, complete
from adapters.cosmos.ibc.host import Host, height_at
from adapters.cosmos.pb.ibc.core.connection.v1 import connection_pb2, tx_pb2
from adapters.cosmos.state import STORE
from adapters.errors import Refused
from proofs.pb.ibc.core.commitment.v1 import commitment_pb2
from proofs.types import BlockRef, ClientId

_NEWEST = 100
"""Connections of one client that are looked at: anybody may begin one."""

_PREFIX = commitment_pb2.MerklePrefix(key_prefix=STORE)


async def open_connection(
    first: Host, first_client: ClientId, second: Host, second_client: ClientId
) -> Opened:
    """Open a connection between two clients of each other, or finish one; return the ids of its ends.

    Raises `Refused` when a chain refuses a step for another reason than that it was made already.
    """
    hosts, clients = (first, second), (first_client, second_client)

    async def read() -> tuple[list[End], list[End]]:
        ends, others = await asyncio.gather(
            _ends(first, first_client, second_client), _ends(second, second_client, first_client)
        )
        return ends, others

    async def perform(step: Step) -> None:
        host, other = hosts[step.side], hosts[1 - step.side]
        client, other_client = clients[step.side], clients[1 - step.side]
        if step.act is Act.INIT:
            counterparty = connection_pb2.Counterparty(client_id=other_client, prefix=_PREFIX)
            begin = tx_pb2.MsgConnectionOpenInit(
                client_id=client, counterparty=counterparty, signer=host.signer
            )
            await host.execute([begin])
            return
        at, updates = await meet(host, client, other)
        message = await _proven_step(step, host, client, other, other_client, at)
        await host.execute([*updates, message])

    return await complete(read, perform)


async def connection_end(host: Host, connection: str, at: BlockRef) -> connection_pb2.ConnectionEnd:
    """Return one end of a connection, proven. Raises `Refused` when there is none."""
    [found] = await host.stored([connection_key(connection)], at)
    if not found.value:
        raise Refused(f"{host.chain}: no {connection} at height {at.height}")
    return parsed(found.value, connection_pb2.ConnectionEnd, connection)


def connection_key(connection: str) -> bytes:
    """Return the key of one end of a connection."""
    return f"connections/{connection}".encode()


async def _ends(host: Host, client: ClientId, other_client: ClientId) -> list[End]:
    """Return the ends that could be of the wanted connection, proven."""
    at = await host.head()
    [listed] = await host.stored([client_key(client, "connections")], at)
    names = parsed(listed.value, connection_pb2.ClientPaths, f"connections of {client}").paths[-_NEWEST:]
    found = await host.stored([connection_key(name) for name in names], at)
    ends = [parsed(each.value, connection_pb2.ConnectionEnd, "connection end") for each in found]
    return [
        End(id=name, phase=Phase(end.state), counterparty=end.counterparty.connection_id)
        for name, end in zip(names, ends, strict=True)
        if (end.client_id, end.counterparty.client_id, end.delay_period) == (client, other_client, 0)
        and end.counterparty.prefix == _PREFIX
    ]


async def _proven_step(
    step: Step, host: Host, client: ClientId, other: Host, other_client: ClientId, at: BlockRef
) -> Message:
    """Return the message of a step that rests on the other end, with the proof of that end."""
    [proof] = await other.stored([connection_key(step.counterparty)], at)
    end = parsed(proof.value, connection_pb2.ConnectionEnd, step.counterparty)
    height = height_at(other, proof.height)
    match step.act:
        case Act.TRY:
            counterparty = connection_pb2.Counterparty(
                client_id=other_client, connection_id=step.counterparty, prefix=_PREFIX
            )
            return tx_pb2.MsgConnectionOpenTry(
                client_id=client,
                counterparty=counterparty,
                counterparty_versions=end.versions,
                proof_init=proof.proof,
                proof_height=height,
                signer=host.signer,
            )
        case Act.ACK:
            if len(end.versions) != 1:
                raise Refused(f"{step.counterparty}: expected one version, got {len(end.versions)}")
            return tx_pb2.MsgConnectionOpenAck(
                connection_id=step.end,
                counterparty_connection_id=step.counterparty,
                version=end.versions[0],
                proof_try=proof.proof,
                proof_height=height,
                signer=host.signer,
            )
        case _:
            return tx_pb2.MsgConnectionOpenConfirm(
                connection_id=step.end, proof_ack=proof.proof, proof_height=height, signer=host.signer
            )
