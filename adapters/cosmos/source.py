"""The source role: packets sent, acknowledgements written, light blocks, proofs of the IBC store.

Events are hints, and nothing in a block commits to them. How many packets were sent is proven state, so a
list of packets is complete or is not returned. What acknowledgements say is agreed on by endpoints, and is
proven like every packet before anybody acts on it.

Block `h` stands for header `h`, which commits to the state after block `h - 1`: what was executed in block
`h - 1` is reported at `h`, and is provable there.

Implements: ICS-4 and ICS-24 as ibc-go stores them, evidence for the format `ics23`, updates for the light
client family `tendermint`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from adapters.api import SeenAcknowledgement, SeenPacket
from adapters.cosmos.ahead import BODY
from adapters.cosmos.channels import End, Ends
from adapters.cosmos.endpoints import Endpoints, Hostile, Lie
from adapters.cosmos.events import Happened, SentEvent, WrittenEvent, sent_in, written_in
from adapters.cosmos.history import History, Span, names, store_probe, value_probe
from adapters.cosmos.light import light_update, read_blocks
from adapters.cosmos.rpc import CometClient
from adapters.cosmos.state import LEAST_BLOCK, Evidence, State, proven
from adapters.errors import MalformedReply, Pruned, Refused
from proofs import codec
from proofs.lightclients.tendermint import decode_light_block
from proofs.lightclients.tendermint.predicates import check_vouched
from proofs.lightclients.tendermint.types import Validators
from proofs.types import (
    Acknowledged,
    BlockRef,
    Claim,
    Height,
    Lane,
    NotReceived,
    Sent,
    UntrustedProof,
    UntrustedProofs,
    UntrustedUpdate,
)
from proofs.verdict import Reason, Refusal

_FORMAT = "ics23"
_MAX_COUNTERS = 10_000
_MAX_SETS = 64
_FEW = 4
"""Packets of one block whose proofs are asked for with the head: more are asked for as a list."""


@dataclass(slots=True, kw_only=True)
class Source:
    """Reads one chain's IBC store for relays."""

    endpoints: Endpoints
    state: State
    ends: Ends
    history: History
    _counters: dict[tuple[str, int], int] = field(default_factory=dict)
    """(end, height) -> next sequence to be sent there: spares the one below the next range."""
    _sets: dict[bytes, Validators] = field(default_factory=dict)
    """Validator sets by the hash that headers name: they seldom change."""

    async def sent(self, lane: Lane, first: Height, last: BlockRef) -> Sequence[SeenPacket]:
        """See `SourceChain.sent`."""

        async def work(endpoint: CometClient) -> list[SeenPacket]:
            end = await self._end(endpoint, lane, last)
            if end is None:
                return []
            found = await self._sent(endpoint, end, lane, first, last)
            self._ask_with_next(endpoint, last, lambda events: sent_in(events, end.name))
            return found

        return await self.endpoints.first(work)

    async def _sent(
        self, endpoint: CometClient, end: End, lane: Lane, first: Height, last: BlockRef
    ) -> list[SeenPacket]:
        before, after = await self._counters_of(endpoint, end, first, last)
        if before == after:
            return []
        probe = value_probe(endpoint, end.next_send_key())
        blocks = await self.history.events(endpoint, _executed(first, last), probe)
        found = [(height, each) for height, events in blocks for each in sent_in(events, end.name)]
        _check_complete(endpoint.name, lane, [each for _, each in found], before, after)
        _check_ends(endpoint.name, end, [each for _, each in found])
        named = await names(endpoint, _places(found))
        return [
            SeenPacket(
                packet=each.packet,
                height=Height(height + 1),
                transaction=named[height, each.place],
            )
            for height, each in found
        ]

    async def acknowledged(self, lane: Lane, first: Height, last: BlockRef) -> Sequence[SeenAcknowledgement]:
        """See `SourceChain.acknowledged`."""

        async def work(endpoint: CometClient) -> list[SeenAcknowledgement]:
            end = await self._end(endpoint, lane.reverse(), last)
            if end is None:
                return []
            blocks = await self.history.events(endpoint, _executed(first, last), store_probe(endpoint))
            found = [(height, each) for height, events in blocks for each in written_in(events, end.name)]
            named = await names(endpoint, _places(found))
            self._ask_with_next(endpoint, last, lambda events: written_in(events, end.name))
            return [
                SeenAcknowledgement(
                    sequence=each.sequence,
                    acknowledgements=each.acknowledgements,
                    height=Height(height + 1),
                    transaction=named[height, each.place],
                )
                for height, each in found
            ]

        return await self.endpoints.agreed(work)

    async def update(self, target: BlockRef) -> UntrustedUpdate:
        """See `SourceChain.update`."""

        async def work(endpoint: CometClient) -> UntrustedUpdate:
            known = None if self._has_choice() else await self.state.block(endpoint, target)
            update = await light_update(endpoint, target, self.state.native_id, known=known, sets=self._sets)
            if self._has_choice():
                _check_votes(endpoint, update, self.state.native_id)
            return update

        while len(self._sets) > _MAX_SETS:
            del self._sets[next(iter(self._sets))]
        return await self.endpoints.first(work)

    async def prove(self, lane: Lane, claims: Sequence[Claim], at: BlockRef) -> UntrustedProofs:
        """See `SourceChain.prove`. Claims that share a key share its evidence."""
        wanted = [_keys(claim) for claim in claims]
        distinct = list(dict.fromkeys(key for keys in wanted for key in keys))

        async def work(endpoint: CometClient) -> dict[bytes, Evidence]:
            found = dict(zip(distinct, await self.state.evidence(endpoint, distinct, at), strict=True))
            if self._has_choice():
                block = await self.state.block(endpoint, at)
                for key, each in found.items():
                    self.state.check(endpoint, block, key, each)
            if len({each.common for each in found.values()}) > 1:
                raise MalformedReply(f"endpoint {endpoint.name}: expected one store root at {at.height}")
            return found

        found = await self.endpoints.first(work)
        common = tuple(dict.fromkeys(each.common for each in found.values()))
        each = [UntrustedProof(nodes=tuple([found[key].node for key in keys])) for keys in wanted]
        return UntrustedProofs(format=_FORMAT, at=at, common=common, each=tuple(each))

    def _has_choice(self) -> bool:
        """Return whether another endpoint could be asked: then evidence that is no good is worth finding."""
        return len(self.endpoints.clients) > 1

    def _ask_with_next(
        self,
        endpoint: CometClient,
        newest: BlockRef,
        find: Callable[[Sequence[Happened]], Sequence[SentEvent | WrittenEvent]],
    ) -> None:
        """Have it asked with the next head, which proves what block `newest` did, what that calls for."""
        try:
            found = find(self.history.newest(endpoint, newest.height))
        except MalformedReply:
            return  # told to whoever reads that block
        if found:
            endpoint.ahead.want_once(BODY, newest.height)
        if len(found) <= _FEW:
            for each in found:
                if isinstance(each, SentEvent):
                    endpoint.ahead.want_once(proven(codec.sent_key(each.packet)), newest.height)

    async def _end(self, endpoint: CometClient, here: Lane, at: BlockRef) -> End | None:
        """Return this chain's end of a lane that leaves it; None while it does not exist.

        Raises `Refused` when it leads elsewhere.
        """
        try:
            end = await self.ends.find(endpoint, here.source_client, at)
        except Refused:
            return None
        if not end.counterparty:
            return None
        if end.counterparty != here.destination_client:
            raise Refused(f"client {end.name}: its counterparty is {end.counterparty}, the lane says {here}")
        return end

    async def _counters_of(
        self, endpoint: CometClient, end: End, first: Height, last: BlockRef
    ) -> tuple[int | None, int]:
        """Return the next sequence to be sent, below `first` (None: unknown) and at `last`."""
        known = self._counters.get((end.name, first - 1))
        before = known if known is not None else await self._counter_below(endpoint, end, first, last)
        after = await self._counter(endpoint, end, last)
        self._counters[end.name, last.height] = after
        while len(self._counters) > _MAX_COUNTERS:
            del self._counters[next(iter(self._counters))]
        return before, after

    async def _counter_below(
        self, endpoint: CometClient, end: End, first: Height, last: BlockRef
    ) -> int | None:
        """Return the counter below `first`: 1 where the chain begins, None where nobody has that state."""
        if first - 1 < LEAST_BLOCK:
            return 1
        try:
            [below] = await read_blocks(endpoint, last.chain, self.state.native_id, [first - 1])
            return await self._counter(endpoint, end, below.ref)
        except Pruned:
            return None

    async def _counter(self, endpoint: CometClient, end: End, at: BlockRef) -> int:
        endpoint.ahead.want(proven(end.next_send_key()))
        [stored] = await self.state.values(endpoint, [end.next_send_key()], at)
        return int.from_bytes(stored, "big") if stored else 1


def _check_votes(endpoint: CometClient, update: UntrustedUpdate, native_id: str) -> None:
    """Check that a block's validators signed it: its header names them, and none other.

    Raises `Hostile` when too few voted, and `MalformedReply` for a vote that is not valid here: that is no
    proof of a lie, since a validator can make one on purpose that the chain's own nodes take and serve.
    """
    try:
        check_vouched(decode_light_block(update.header), native_id)
    except Refusal as refusal:
        told = f"endpoint {endpoint.name}: block {update.target.height}: {refusal}"
        if refusal.reason is Reason.BAD_SIGNATURE:
            raise MalformedReply(told) from refusal
        raise Hostile(Lie.FORGED_HEADER, told) from refusal


def _executed(first: Height, last: BlockRef) -> Span:
    """Return the blocks whose transactions are seen in blocks `first` to `last`."""
    return max(first - 1, 1), last.height - 1


def _places(found: Sequence[tuple[int, SentEvent | WrittenEvent]]) -> dict[int, set[int]]:
    places: dict[int, set[int]] = {}
    for height, each in found:
        places.setdefault(height, set()).add(each.place)
    return places


def _check_complete(
    endpoint: str, lane: Lane, found: Sequence[SentEvent], before: int | None, after: int
) -> None:
    """Check that these are all packets that the counters tell of, in order. Raises `MalformedReply`."""
    sequences = [each.packet.sequence for each in found]
    start = after - len(found) if before is None else before
    if sequences != list(range(start, after)):
        shown = f"{len(found)} from {sequences[0]} to {sequences[-1]}" if sequences else "none"
        raise MalformedReply(
            f"endpoint {endpoint}: packets of {lane}: expected {start} to {after - 1}, got {shown}"
        )


def _check_ends(endpoint: str, end: End, found: Sequence[SentEvent]) -> None:
    """Check that packets have the ends that are proven. Raises `MalformedReply`: events prove nothing."""
    for each in found:
        if not end.sends(each.packet):
            raise MalformedReply(f"endpoint {endpoint}: expected a packet of {end}, got {each.packet}"[:2000])


def _keys(claim: Claim) -> tuple[bytes, ...]:
    """Return the keys whose evidence the format wants for a claim, in order."""
    packet = claim.packet
    match claim:
        case Sent():
            return (codec.sent_key(packet),)
        case Acknowledged():
            return (codec.acknowledgement_key(packet),)
        case NotReceived(closed=closed):
            is_ordered = packet.channel is not None and packet.channel.ordered
            received = codec.next_receive_key(packet) if is_ordered else codec.receipt_key(packet)
            if not closed:
                return (received,)
            return received, codec.channel_key(packet.payloads[0].destination_port, packet.destination_client)
