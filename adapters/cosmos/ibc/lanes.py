"""A lane of IBC v2 between two Cosmos chains: a client on each, and each the other's counterparty.

What stopped half-way goes on: clients that we made on the same terms and that nobody uses are taken up.

Implements: IBC v2 client registration in ibc-go, where only a client's creator may name its counterparty.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.cosmos.ibc import queries
from adapters.cosmos.ibc.clients import (
    TENDERMINT_PREFIX,
    complete_terms,
    create_tendermint_client,
    hosted,
    register_counterparty,
)
from adapters.cosmos.ibc.handshake import Opened
from adapters.cosmos.ibc.host import Host
from adapters.cosmos.ibc.specs import ClientTerms, client_state
from adapters.cosmos.pb.ibc.core.client.v1 import query_pb2
from proofs.types import ClientId

_NEWEST = 20
"""Clients of our own that are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Half:
    """One client that could be an end of the lane."""

    id: ClientId
    counterparty: str
    """Empty while none is registered."""


async def open_lane(first: Host, second: Host, terms: ClientTerms | None = None) -> Opened:
    """Make a lane each way between two chains, or finish one, or find the one that we made.

    Returns its clients. `terms` are those of both clients. Raises `Refused` when a chain refuses a step.
    """
    wanted = terms or ClientTerms()
    on_first, on_second = paired(
        await own_clients(first, second, wanted), await own_clients(second, first, wanted)
    )
    first_client = on_first or await create_tendermint_client(first, second, wanted)
    second_client = on_second or await create_tendermint_client(second, first, wanted)
    await register_counterparty(first, first_client, second_client, TENDERMINT_PREFIX)
    await register_counterparty(second, second_client, first_client, TENDERMINT_PREFIX)
    return Opened(first=first_client, second=second_client)


def paired(first: Sequence[Half], second: Sequence[Half]) -> tuple[ClientId | None, ClientId | None]:
    """Return the clients to take, None where one must be made: the most advanced pair, the oldest of several.

    A client whose counterparty is not among those of the other side belongs to somebody else's lane.
    """
    pairs = [
        (one, other)
        for one in first
        for other in second
        if one.counterparty in ("", other.id) and other.counterparty in ("", one.id)
    ]
    if pairs:
        one, other = max(pairs, key=lambda pair: bool(pair[0].counterparty) + bool(pair[1].counterparty))
        return one.id, other.id
    free_first = next((half.id for half in first if not half.counterparty), None)
    return free_first, next((half.id for half in second if not half.counterparty), None)


async def own_clients(host: Host, other: Host, terms: ClientTerms) -> list[Half]:
    """Return the clients of `other` on `host` that we made on these terms, and that can be used."""
    at = await host.head()
    complete = await complete_terms(other, terms, await other.head())
    rows = (await queries.clients(host, at, tracks=other.native_id)).entries
    active = sorted([row for row in rows if row.status == "active"], key=lambda row: _number(row.id))
    found = []
    for row in active[-_NEWEST:]:
        state = (await hosted(host, row.id, at)).state
        request = query_pb2.QueryClientCreatorRequest(client_id=row.id)
        method = "/ibc.core.client.v1.Query/ClientCreator"
        creator = (await host.ask(method, request, query_pb2.QueryClientCreatorResponse, at)).creator
        if creator == host.signer and state == client_state(other.native_id, state.latest_height, complete):
            found.append(Half(id=row.id, counterparty=row.counterparty))
    return found


def _number(client: ClientId) -> int:
    """Return what sorts clients by age."""
    digits = client.rpartition("-")[2]
    return int(digits) if digits.isascii() and digits.isdigit() else -1
