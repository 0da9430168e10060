"""The destination role: what clients know, what is still to be delivered, deliveries as transactions.

One delivery is one transaction: client updates, then a message for each packet. What others delivered before
has no effect and succeeds all the same; a delivery of which nothing is left is not sent at all.

Reads rest on proven state, except the long lists of `outstanding`, on which endpoints agree. A submission is
told of at the block after the one that executed it: there its effect can be read.

Implements: ABCI queries of ibc-go (UnreceivedPackets, UnreceivedAcks); codes of its redundant-relay check.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from google.protobuf.message import Message

from adapters.api import (
    Attested,
    Carried,
    ClientView,
    Delivery,
    Included,
    Lost,
    Pending,
    SubmissionId,
    SubmissionStatus,
)
from adapters.cosmos import tx
from adapters.cosmos.channels import Ends, is_channel
from adapters.cosmos.codes import Declined
from adapters.cosmos.endpoints import Endpoints
from adapters.cosmos.heads import Heads
from adapters.cosmos.ibc.clients import parsed, state_key
from adapters.cosmos.messages import host_end, messages
from adapters.cosmos.pb.ibc.core.channel.v1 import query_pb2 as channel_query
from adapters.cosmos.pb.ibc.core.channel.v2 import query_pb2 as packet_query
from adapters.cosmos.rpc import CometClient
from adapters.cosmos.sender import Fate, Sender
from adapters.cosmos.state import State, provable, proven
from adapters.cosmos.views import Position, client_state, consensus_key, consensus_time_ns, latest_of, view
from adapters.cosmos.wire import StateQuery
from adapters.errors import Refused
from proofs.codec import channel_key
from proofs.pb.ibc.core.channel.v1 import channel_pb2
from proofs.types import BlockRef, ChainId, Claim, ClientId, Height, Lane, Sent

_NS = 10**9
_CHANNELS = "/ibc.core.channel.v1.Query"
_CLIENTS = "/ibc.core.channel.v2.Query"
_CHUNK = 1000
"""Sequences in one query: each costs the node a read."""

_REDUNDANT = ("channel", 22)
"""What a node says of a transaction whose packets have all been relayed."""

_NOTHING_LEFT = "nothing-left@"
_MAX_REMEMBERED = 10_000
_NOWHERE = Position(revision=0, height=Height(0))


_Sequences = (
    channel_query.QueryUnreceivedPacketsResponse
    | channel_query.QueryUnreceivedAcksResponse
    | packet_query.QueryUnreceivedPacketsResponse
    | packet_query.QueryUnreceivedAcksResponse
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unfinished:
    """A question about packets that are not finished at one end, in both versions of IBC."""

    method: str
    of_channel: Callable[[str, ClientId, Sequence[int]], Message]
    of_client: Callable[[ClientId, Sequence[int]], Message]
    channel_answer: type[_Sequences]
    client_answer: type[_Sequences]


_RECEIPTS = _Unfinished(
    method="UnreceivedPackets",
    of_channel=lambda port, name, part: channel_query.QueryUnreceivedPacketsRequest(
        port_id=port, channel_id=name, packet_commitment_sequences=part
    ),
    of_client=lambda name, part: packet_query.QueryUnreceivedPacketsRequest(client_id=name, sequences=part),
    channel_answer=channel_query.QueryUnreceivedPacketsResponse,
    client_answer=packet_query.QueryUnreceivedPacketsResponse,
)
"""Which of these packets did not arrive."""

_SETTLEMENTS = _Unfinished(
    method="UnreceivedAcks",
    of_channel=lambda port, name, part: channel_query.QueryUnreceivedAcksRequest(
        port_id=port, channel_id=name, packet_ack_sequences=part
    ),
    of_client=lambda name, part: packet_query.QueryUnreceivedAcksRequest(
        client_id=name, packet_ack_sequences=part
    ),
    channel_answer=channel_query.QueryUnreceivedAcksResponse,
    client_answer=packet_query.QueryUnreceivedAcksResponse,
)
"""Which of these packets' commitments stand."""


@dataclass(slots=True, kw_only=True)
class Destination:
    """Writes to one chain for relays."""

    chain: ChainId
    endpoints: Endpoints
    state: State
    ends: Ends
    heads: Heads
    sender: Sender
    _ids: dict[str, SubmissionId] = field(default_factory=dict)
    """Delivery key -> what it was submitted as."""
    _latest: dict[ClientId, Position] = field(default_factory=dict)
    """Where each client's newest height is expected: what it stores about it is read with the client."""

    async def client(self, client: ClientId, at: BlockRef) -> ClientView:
        """See `DestinationChain.client`."""

        async def work(endpoint: CometClient) -> ClientView:
            end = await self.ends.find(endpoint, client, at)
            keys = [state_key(end.client), *([channel_key(end.port, end.name)] if end.port else [])]
            guess = consensus_key(end.client, self._latest.get(end.client, _NOWHERE))
            is_here = endpoint.ahead.answer(proven(keys[0]), provable(at)) is not None
            asked = keys if is_here else [*keys, guess]
            stored = dict(zip(asked, await self.state.values(endpoint, asked, at), strict=True))
            state = client_state(stored[keys[0]], end.client)
            self._latest[end.client] = latest_of(state)
            latest = consensus_key(end.client, latest_of(state))
            if latest not in stored:
                [stored[latest]] = await self.state.values(endpoint, [latest], at)
            for key in (*keys, latest):
                endpoint.ahead.want(proven(key))
            found = view(end, state, consensus_time_ns(stored[latest], end.client))
            channel = [stored[key] for key in keys[1:]]
            return replace(found, closed=any(map(_is_closed, channel)))

        return await self.endpoints.first(work)

    async def outstanding(self, lane: Lane, claims: Sequence[Claim], at: BlockRef) -> Sequence[bool]:
        """See `DestinationChain.outstanding`."""
        arriving = [claim.packet.sequence for claim in claims if isinstance(claim, Sent)]
        settling = [claim.packet.sequence for claim in claims if not isinstance(claim, Sent)]

        async def work(endpoint: CometClient) -> tuple[frozenset[int], frozenset[int]]:
            await self.state.block(endpoint, at)
            unreceived = await self._left(endpoint, _RECEIPTS, lane.destination_client, arriving, at)
            return unreceived, await self._left(endpoint, _SETTLEMENTS, lane.source_client, settling, at)

        unreceived, standing = await self.endpoints.agreed(work)
        return [
            claim.packet.sequence in (unreceived if isinstance(claim, Sent) else standing) for claim in claims
        ]

    async def submit(self, delivery: Delivery) -> SubmissionId:
        """See `DestinationChain.submit`. A delivery that is still on its way is not sent twice."""
        known = self._ids.get(delivery.key)
        if known is not None and self._is_open(known):
            return known
        signer = self.sender.pick()
        client = await self._client_behind(host_end(delivery))
        with_update = await self._needs_update(delivery, client)
        packed = tuple(
            [tx.pack(each) for each in messages(delivery, client, signer, with_update=with_update)]
        )
        kind = _kind(delivery, len(packed) - len(delivery.proven))
        try:
            [ticket] = await self.sender.send([tx.Intent(signer=signer, messages=packed, kind=kind)])
        except Declined as declined:
            if declined.refusal != _REDUNDANT:
                raise Refused(str(declined)) from declined
            head = (await self.heads.status()).head
            return SubmissionId(f"{_NOTHING_LEFT}{head.height + 2}")
        submission = SubmissionId(str(ticket))
        self._expect(client, delivery.evidence)
        _keep(self._ids, delivery.key, submission)
        return submission

    async def submissions(self, ids: Sequence[SubmissionId]) -> Sequence[SubmissionStatus]:
        """See `DestinationChain.submissions`."""
        tickets = {each: ticket for each in ids if (ticket := _ticket(each)) is not None}
        fates = await self.sender.fates(list(tickets.values())) if tickets else []
        found = dict(zip(tickets, fates, strict=True))
        ends = [_end(each, found.get(each)) for each in ids]
        heights = {end.height for end in ends if isinstance(end, _Executed)}
        reached = {height: await self.heads.reached(Height(height)) for height in sorted(heights)}
        return [end.seen(reached[end.height]) if isinstance(end, _Executed) else end for end in ends]

    def _expect(self, client: ClientId, evidence: Attested | Carried) -> None:
        """Look for the client next where these updates take it."""
        known = self._latest.get(client)
        if known is not None and isinstance(evidence, Carried) and evidence.updates:
            latest = replace(known, height=evidence.updates[-1].target.height)
            self._latest[client] = latest
            for endpoint in self.endpoints.clients:
                endpoint.ahead.want(proven(consensus_key(client, latest)))

    def _is_open(self, submission: SubmissionId) -> bool:
        ticket = _ticket(submission)
        if ticket is None:
            return False
        waiting = [key.find(ticket.hash) for key in self.sender.keys]
        return any(each is not None and not each.lost for each in waiting)

    async def _client_behind(self, name: ClientId) -> ClientId:
        if not is_channel(name):
            return name
        known = self.ends.known(name)
        if known is not None:
            return known.client
        at = (await self.heads.status()).finalized
        end = await self.endpoints.first(lambda endpoint: self.ends.find(endpoint, name, at))
        return end.client

    async def _needs_update(self, delivery: Delivery, client: ClientId) -> bool:
        """Return whether an attested state must be told to the client first; False when it knows it.

        Raises `Refused` when it knows another time for that height: such an update would freeze it.
        """
        attested = delivery.evidence
        if not isinstance(attested, Attested):
            return False
        key = consensus_key(client, Position(revision=0, height=attested.height))

        async def work(endpoint: CometClient) -> int:
            [answer] = await endpoint.query([StateQuery(path="/store/ibc/key", data=key)])
            return consensus_time_ns(answer.value or b"", client)

        known_ns = await self.endpoints.agreed(work)
        if known_ns not in (0, attested.time_s * _NS):
            told = f"has time {known_ns} ns, attested is {attested.time_s} s"
            raise Refused(f"client {client}: height {attested.height} {told}")
        return not known_ns

    async def _left(
        self, endpoint: CometClient, what: _Unfinished, name: ClientId, sequences: Sequence[int], at: BlockRef
    ) -> frozenset[int]:
        """Return those of these packets of which this end still lacks what is asked about."""
        if not sequences:
            return frozenset()
        if is_channel(name):
            port = (await self.ends.find(endpoint, name, at)).port
            requests = [what.of_channel(port, name, part) for part in _parts(sequences)]
            method, kind = f"{_CHANNELS}/{what.method}", what.channel_answer
        else:
            requests = [what.of_client(name, part) for part in _parts(sequences)]
            method, kind = f"{_CLIENTS}/{what.method}", what.client_answer
        answers = await self.state.ask_all(endpoint, method, requests, kind, at)
        return frozenset([sequence for answer in answers for sequence in answer.sequences])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Executed:
    """What a block did with a submission."""

    height: int
    """Where its effect can be read: the block after that one."""
    detail: str = ""
    """Why it failed; empty when it did not."""
    fee: int = 0

    def seen(self, at: BlockRef | None) -> Included | Pending:
        """Return what became of it, now that the chain has or has not reached that height."""
        if at is None:
            return Pending()
        return Included(at=at, succeeded=not self.detail, detail=self.detail, fee=self.fee)


def _end(submission: SubmissionId, fate: Fate | None) -> _Executed | Pending | Lost:
    if fate is None:
        height = _nothing_left_at(submission)
        return Lost(detail="not a submission to this chain") if height is None else _Executed(height=height)
    if fate.transaction is None:
        return Lost(detail=fate.lost) if fate.lost else Pending()
    result = fate.transaction.tx_result
    if result.code and result.gas_used >= result.gas_wanted:  # says nothing about its messages
        return Lost(detail=f"out of gas: {result.gas_used} of {result.gas_wanted}")
    detail = f"{result.codespace} {result.code}: {result.log[:1000]}" if result.code else ""
    return _Executed(height=fate.transaction.height + 1, detail=detail, fee=fate.fee)


def _parts(sequences: Sequence[int]) -> Iterator[Sequence[int]]:
    return (sequences[start : start + _CHUNK] for start in range(0, len(sequences), _CHUNK))


def _kind(delivery: Delivery, updates: int) -> str:
    """Return what deliveries that cost alike have in common: end, kind of claim, updates, applications."""
    ports = {payload.destination_port for each in delivery.proven for payload in each.claim.packet.payloads}
    claims = {type(each.claim).__name__ for each in delivery.proven}
    return " ".join([host_end(delivery), *sorted(claims), str(updates), *sorted(ports)])


def _is_closed(encoded: bytes) -> bool:
    return parsed(encoded, channel_pb2.Channel, "channel end").state == channel_pb2.STATE_CLOSED


def _ticket(submission: SubmissionId) -> tx.Ticket | None:
    try:
        return tx.parse_ticket(submission)
    except ValueError:
        return None


def _nothing_left_at(submission: SubmissionId) -> int | None:
    prefix, _, height = submission.partition("@")
    is_ours = f"{prefix}@" == _NOTHING_LEFT and height.isascii() and height.isdigit() and len(height) < 20
    return int(height) if is_ours else None


def _keep(memory: dict[str, SubmissionId], key: str, value: SubmissionId) -> None:
    memory[key] = value
    while len(memory) > _MAX_REMEMBERED:
        del memory[next(iter(memory))]
