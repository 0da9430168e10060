"""The memory chain behind the border of `adapters.api`: both roles, `heads` and `send`.

Blocks and lists that no proof covers are read from a quorum of endpoints, headers and tree proofs from any
endpoint that can show them; transactions go to all. It judges nothing: a proof that no endpoint could forge
may still be a proof of something else than the claim, and `proofs` will say so.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence

from adapters.api import (
    ChainStatus,
    ClientView,
    Clock,
    Delivery,
    EndpointHealth,
    EndpointReporter,
    GatewayChain,
    HeadWatcher,
    Included,
    Lost,
    MessageSender,
    Pending,
    Resources,
    SeenAcknowledgement,
    SeenPacket,
    SendMessage,
    SendTransfer,
    Signer,
    SubmissionId,
    SubmissionStatus,
)
from adapters.errors import AdapterError, NotYetAvailable, Refused, TransportError
from adapters.evidence import attested_of
from adapters.memory import decode, wire
from adapters.memory.client import Endpoints, Quarantine, Question
from adapters.memory.config import LIGHT_CLIENT, PROOF_FORMAT, MemoryConfig, chain_spec, light_client, store
from adapters.memory.endpoint import Endpoint
from adapters.memory.transactions import Deliver, SendPackets, Transaction, transaction_id
from adapters.memory.world import MemoryChain, next_salt, open_chain
from proofs import codec
from proofs.memory_tree import MemoryHeader
from proofs.types import (
    Acknowledged,
    BlockRef,
    ChainId,
    Claim,
    ClientId,
    Height,
    Lane,
    NotReceived,
    Sent,
    UntrustedProof,
    UntrustedProofs,
    UntrustedUpdate,
)
from proofs.types import Sequence as PacketSequence

_HEADERS_KEPT = 256
_POLL_S = 0.05
"""How often an included send is looked for on a chain without a block time."""
_POLLS = 400
"""After so many looks a transaction that is still waiting is somebody else's worry."""


class MemoryAdapter(GatewayChain, HeadWatcher, EndpointReporter, MessageSender):
    """One configured memory chain."""

    def __init__(self, chain_id: ChainId, config: MemoryConfig, resources: Resources) -> None:
        """Keep the configuration; nothing is opened before `connect`."""
        self.chain_id = chain_id
        self.store = store(chain_id, config)
        self._config = config
        self._clock: Clock = resources.clock
        self._signer: Signer | None = resources.signer
        self._validators: tuple[bytes, ...] = light_client(chain_id, config).params.signers
        self._chain: MemoryChain | None = None
        self._endpoints: Endpoints | None = None
        self._finalized: tuple[BlockRef, int] | None = None
        self._headers: OrderedDict[bytes, MemoryHeader] = OrderedDict()

    @property
    def quarantined(self) -> Mapping[str, Quarantine]:
        """Return the endpoints that are not asked now, and why."""
        return self._endpoints.quarantined if self._endpoints else {}

    def endpoint_health(self) -> Sequence[EndpointHealth]:
        """See `EndpointReporter.endpoint_health`."""
        return self._endpoints.health() if self._endpoints else ()

    async def connect(self) -> None:
        """Open the world and ask every endpoint which chain it serves."""
        if self._endpoints is None:
            chain = open_chain(self._config.world, self.chain_id, chain_spec(self._config), self._clock)
            self._chain = chain
            self._endpoints = Endpoints(
                self.chain_id,
                {name: Endpoint(chain, name, self._config.latency_s) for name in self._config.endpoints},
                quorum=self._config.quorum,
                timeout_s=self._config.request_timeout_s,
                clock=self._clock,
            )
        answers = await self._endpoints.each(_STATUS)
        if all(isinstance(answer, AdapterError) for answer in answers.values()):
            raise self._endpoints.blame(answers)

    async def close(self) -> None:
        """Let go of the world."""
        self._endpoints = None
        self._chain = None
        self._finalized = None

    async def status(self) -> ChainStatus:
        """Return the highest head and final block that a quorum has reached."""
        endpoints = self._open()
        answers = await endpoints.each(_STATUS)
        replies = [answer for answer in answers.values() if isinstance(answer, wire.Status)]
        if len(replies) < endpoints.quorum:
            raise endpoints.blame(answers)
        if replies.count(replies[0]) == len(replies):
            head = decode.block_ref(self.chain_id, replies[0].head)
            finalized = decode.block_ref(self.chain_id, replies[0].finalized)
            time_s = replies[0].finalized_time_s
        else:
            head = await self.block(_reached([reply.head for reply in replies], endpoints.quorum))
            finalized = await self.block(_reached([reply.finalized for reply in replies], endpoints.quorum))
            time_s = (await self._header(finalized)).time_s
        if self._finalized is None or finalized.height >= self._finalized[0].height:
            self._finalized = (finalized, time_s)
        return ChainStatus(
            head=head,
            finalized=self._finalized[0],
            finalized_time_s=self._finalized[1],
            observed_at_s=self._clock.now_s(),
        )

    async def block(self, height: Height) -> BlockRef:
        """Return the block that a quorum has at this height."""
        question = Question(
            request=wire.GetBlock(height=height),
            kind=wire.Block,
            check=lambda reply: decode.check_block(reply, height),
        )
        return decode.block_ref(self.chain_id, (await self._open().agreed(question)).ref)

    async def sent(self, lane: Lane, first: Height, last: BlockRef) -> Sequence[SeenPacket]:
        """Return the lane's packets on which a quorum agrees."""
        question = Question(
            request=wire.GetPackets(lane=lane, first=first, last=last),
            kind=wire.Packets,
            check=lambda reply: decode.check_packets(reply.items, lane, first, last.height),
        )
        return (await self._open().agreed(question)).items

    async def acknowledged(self, lane: Lane, first: Height, last: BlockRef) -> Sequence[SeenAcknowledgement]:
        """Return the acknowledgements on which a quorum agrees."""
        question = Question(
            request=wire.GetAcknowledgements(lane=lane, first=first, last=last),
            kind=wire.Acknowledgements,
            check=lambda reply: decode.check_acknowledgements(reply.items, first, last.height),
        )
        return (await self._open().agreed(question)).items

    async def update(self, target: BlockRef) -> UntrustedUpdate:
        """Return the block's header and the validators' signatures over its hash."""
        question = Question(
            request=wire.GetHeader(at=target),
            kind=wire.Header,
            check=lambda reply: decode.check_header(reply, target, self._validators),
        )
        reply = await self._open().any(question)
        return UntrustedUpdate(
            light_client=LIGHT_CLIENT, target=target, header=reply.header, votes=reply.votes
        )

    async def prove(self, lane: Lane, claims: Sequence[Claim], at: BlockRef) -> UntrustedProofs:
        """Return for each claim a tree proof that its key is there, or that it is not."""
        keys = tuple([_key(claim) for claim in claims])
        root = (await self._header(at)).root
        domain = self.store.address
        question = Question(
            request=wire.GetProofs(keys=keys, at=at),
            kind=wire.Proofs,
            check=lambda reply: decode.check_proofs(reply.nodes, keys, root, domain),
        )
        nodes = (await self._open().any(question)).nodes
        each = tuple([UntrustedProof(nodes=(node,)) for node in nodes])
        return UntrustedProofs(format=PROOF_FORMAT, at=at, common=(), each=each)

    async def client(self, client: ClientId, at: BlockRef) -> ClientView:
        """Return the client as a quorum describes it."""
        question = Question(
            request=wire.GetClient(client=client, at=at), kind=wire.Client, check=lambda _reply: None
        )
        return (await self._open().agreed(question)).view

    async def outstanding(self, lane: Lane, claims: Sequence[Claim], at: BlockRef) -> Sequence[bool]:
        """Return for each claim what a quorum says."""
        question = Question(
            request=wire.GetOutstanding(claims=tuple(claims), at=at),
            kind=wire.Flags,
            check=lambda reply: decode.check_count("flags", len(claims), len(reply.values)),
        )
        return (await self._open().agreed(question)).values

    async def submit(self, delivery: Delivery) -> SubmissionId:
        """Hand the delivery to every endpoint, so that one that drops it changes nothing."""
        return await self._hand_in(
            Deliver(
                lane=delivery.lane,
                claims=tuple([proven.claim for proven in delivery.proven]),
                attested=attested_of(delivery),
                key=delivery.key,
                relayer=self._sender(),
            )
        )

    async def submissions(self, ids: Sequence[SubmissionId]) -> Sequence[SubmissionStatus]:
        """Return what a quorum says of each; what is disputed is `Pending`."""
        return [self._status_of(outcome) for outcome in await self._outcomes(ids)]

    async def heads(self) -> AsyncIterator[None]:
        """Yield at each new head that this process sees."""
        self._open()
        chain, woken = self._world(), asyncio.Event()
        chain.watchers.add(woken.set)
        try:
            while True:
                await self._next_block(woken)
                woken.clear()
                yield
        finally:
            chain.watchers.discard(woken.set)

    async def send(self, requests: Sequence[SendMessage | SendTransfer]) -> Sequence[PacketSequence]:
        """Send all requests in one transaction, wait for its block and return the sequences."""
        tx_id = await self._hand_in(
            SendPackets(sender=self._sender(), requests=tuple(requests), salt=next_salt())
        )
        for _ in range(_POLLS):
            (outcome,) = await self._outcomes([tx_id])
            match self._status_of(outcome):
                case Included(succeeded=True):
                    return [PacketSequence(sequence) for sequence in outcome.sequences]
                case Included(detail=detail) | Lost(detail=detail):
                    raise Refused(f"transaction {tx_id}: {detail}")
                case Pending():
                    await self._clock.sleep(self._config.block_time_s / 4 or _POLL_S)
        raise NotYetAvailable(f"transaction {tx_id} still waits")

    def _open(self) -> Endpoints:
        if self._endpoints is None:
            raise TransportError(f"{self.chain_id}: not connected")
        return self._endpoints

    def _world(self) -> MemoryChain:
        if self._chain is None:
            raise TransportError(f"{self.chain_id}: not connected")
        return self._chain

    def _sender(self) -> bytes:
        if self._signer is None:
            raise Refused(f"{self.chain_id}: no signer is configured")
        return self._signer.address

    async def _header(self, at: BlockRef) -> MemoryHeader:
        """Return the header of `at`; kept, because what a hash stands for does not change."""
        header = self._headers.get(at.hash)
        if header is None:
            header = decode.decode_pinned((await self.update(at)).header, at)
            self._headers[at.hash] = header
            if len(self._headers) > _HEADERS_KEPT:
                self._headers.popitem(last=False)
        return header

    async def _hand_in(self, transaction: Transaction) -> SubmissionId:
        tx_id = transaction_id(transaction)
        endpoints = self._open()
        question = Question(
            request=wire.Submit(transaction=transaction),
            kind=wire.Taken,
            check=lambda reply: decode.check_text("transaction", tx_id, reply.id),
        )
        answers = await endpoints.each(question)
        refusals = [answer for answer in answers.values() if isinstance(answer, Refused)]
        taken = [answer for answer in answers.values() if isinstance(answer, wire.Taken)]
        if len(refusals) >= endpoints.quorum or (refusals and not taken):
            raise refusals[0]
        if not taken:
            raise endpoints.blame(answers)
        return tx_id

    async def _outcomes(self, ids: Sequence[SubmissionId]) -> list[wire.Outcome]:
        """Return for each id the outcome that a quorum reports, or one that says that it waits."""
        endpoints = self._open()
        question = Question(
            request=wire.GetSubmissions(ids=tuple(ids)),
            kind=wire.Outcomes,
            check=lambda reply: decode.check_outcomes(reply, len(ids)),
        )
        answers = await endpoints.each(question)
        replies = [answer for answer in answers.values() if isinstance(answer, wire.Outcomes)]
        if len(replies) < endpoints.quorum:
            raise endpoints.blame(answers)
        columns = zip(*[reply.items for reply in replies], strict=True)
        return [_most(list(column), endpoints.quorum) for column in columns]

    def _status_of(self, outcome: wire.Outcome) -> SubmissionStatus:
        if outcome.lost:
            return Lost(detail="neither in a block nor waiting")
        if outcome.block is None:
            return Pending()
        at = decode.block_ref(self.chain_id, outcome.block)
        return Included(at=at, succeeded=outcome.succeeded, detail=outcome.detail, fee=0)

    async def _next_block(self, woken: asyncio.Event) -> None:
        """Wait until this process has made another block; on a schedule, make it when it is due."""
        chain = self._world()
        while not woken.is_set():
            if chain.spec.block_time_s:
                await self._clock.sleep(chain.spec.block_time_s)
                chain.tick()
            else:
                await woken.wait()


def build(chain_id: ChainId, config: MemoryConfig, resources: Resources) -> GatewayChain:
    """Return the chain of this configuration, not yet connected."""
    return MemoryAdapter(chain_id, config, resources)


_STATUS = Question(request=wire.GetStatus(), kind=wire.Status, check=decode.check_status)


def _reached(refs: Sequence[wire.Ref], quorum: int) -> Height:
    """Return the highest height that `quorum` of these have reached."""
    return Height(sorted([ref.height for ref in refs], reverse=True)[quorum - 1])


def _most(outcomes: Sequence[wire.Outcome], quorum: int) -> wire.Outcome:
    for outcome in outcomes:
        if outcomes.count(outcome) >= quorum:
            return outcome
    return wire.Outcome()


def _key(claim: Claim) -> bytes:
    """Return the key in the commitment tree that decides this claim."""
    packet = claim.packet
    match claim:
        case Sent():
            return codec.commitment_path(packet.source_client, packet.sequence)
        case Acknowledged():
            return codec.acknowledgement_path(packet.destination_client, packet.sequence)
        case NotReceived():
            return codec.receipt_path(packet.destination_client, packet.sequence)
