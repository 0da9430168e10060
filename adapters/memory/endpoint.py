"""One endpoint of a memory chain: answers requests truly, then lets its personality speak.

This is the far side of the wire. The adapter never imports anything from here but `call`.
"""

import asyncio
from collections import Counter

from adapters.api import ClientView, SeenAcknowledgement, SeenPacket, SubmissionId
from adapters.memory import faults, wire
from adapters.memory.apps import Revert
from adapters.memory.faults import DropTransactions, Honest, Lag, Silent, Stall
from adapters.memory.transactions import (
    AcknowledgementWritten,
    Block,
    PacketSent,
    Transaction,
    transaction_id,
)
from adapters.memory.world import GENESIS_HEIGHT, MemoryChain
from proofs import codec
from proofs.merkle.binary import Tree
from proofs.types import BlockRef, Claim, ClientId, Height, Lane, Sent

_HONEST = Honest()


class _Unanswerable(Exception):  # noqa: N818 - becomes a `Failure` reply
    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class Endpoint:
    """What listens under one name."""

    def __init__(self, chain: MemoryChain, name: str, latency_s: float) -> None:
        """Serve `chain` under `name`, by which its faults are looked up; take `latency_s` for each answer."""
        self._chain = chain
        self._latency_s = latency_s
        self._name = name
        self._turns: Counter[str] = Counter()

    async def call(self, request: wire.Request) -> bytes:
        """Return the reply's bytes. Raises `ConnectionRefusedError`; a stalling endpoint never returns."""
        personality = self._chain.faults.get(self._name, _HONEST)
        match personality:
            case Silent():
                raise ConnectionRefusedError(f"endpoint {self._name!r} refuses connections")
            case Stall():
                await asyncio.get_running_loop().create_future()
            case _:
                pass
        self._chain.tick()
        kind = type(request).__name__
        self._turns[kind] += 1
        reply = self._reply(personality, request)
        await (self._chain.clock.sleep(self._latency_s) if self._latency_s else asyncio.sleep(0))
        return faults.spoken(personality, reply, self._turns[kind])

    def _reply(self, personality: faults.Personality, request: wire.Request) -> wire.Reply:
        hidden = personality.blocks if isinstance(personality, Lag) else 0
        newest = self._chain.blocks[max(len(self._chain.blocks) - 1 - hidden, 0)]
        if isinstance(personality, DropTransactions) and isinstance(request, wire.Submit):
            return wire.Taken(chain=self._chain.chain_id, id=transaction_id(request.transaction))
        try:
            return _Node(self._chain, newest).answer(request)
        except _Unanswerable as failure:
            return wire.Failure(chain=self._chain.chain_id, code=failure.code, detail=str(failure))


class _Node:
    """The chain up to the newest block that an endpoint knows."""

    def __init__(self, chain: MemoryChain, newest: Block) -> None:
        self._chain = chain
        self._newest = newest
        self._id = chain.chain_id

    def answer(self, request: wire.Request) -> wire.Reply:
        """Return the true reply."""
        match request:
            case wire.GetStatus():
                return self._status()
            case wire.GetBlock(height=height):
                return wire.Block(chain=self._id, ref=_ref(self._at(height)))
            case wire.Submit(transaction=transaction):
                return self._submit(transaction)
            case wire.GetSubmissions(ids=ids):
                return wire.Outcomes(chain=self._id, items=tuple([self._outcome(tx_id) for tx_id in ids]))
            case wire.GetPackets(lane=lane, first=first, last=last):
                return wire.Packets(chain=self._id, items=self._packets(lane, first, last))
            case wire.GetAcknowledgements(lane=lane, first=first, last=last):
                return wire.Acknowledgements(chain=self._id, items=self._acknowledgements(lane, first, last))
            case _:
                return self._answer_pinned(request, self._pinned(request.at))

    def _answer_pinned(
        self, request: wire.GetHeader | wire.GetProofs | wire.GetClient | wire.GetOutstanding, block: Block
    ) -> wire.Reply:
        height = block.ref.height
        match request:
            case wire.GetHeader():
                return wire.Header(chain=self._id, header=block.header, votes=self._chain.votes(block))
            case wire.GetProofs(keys=keys):
                tree = self._chain.state.tree(height)
                return wire.Proofs(chain=self._id, nodes=tuple([_proof(tree, key) for key in keys]))
            case wire.GetClient(client=client):
                return wire.Client(chain=self._id, view=self._client(client, height))
            case wire.GetOutstanding(claims=claims):
                flags = tuple([self._outstanding(claim, height) for claim in claims])
                return wire.Flags(chain=self._id, values=flags)

    def _submit(self, transaction: Transaction) -> wire.Reply:
        try:
            return wire.Taken(chain=self._id, id=self._chain.submit(transaction))
        except Revert as revert:
            raise _Unanswerable("refused", str(revert)) from revert

    def _status(self) -> wire.Status:
        final = max(self._newest.ref.height - self._chain.spec.finality_depth, GENESIS_HEIGHT)
        block = self._at(Height(final))
        return wire.Status(
            chain=self._id, head=_ref(self._newest), finalized=_ref(block), finalized_time_s=block.time_s
        )

    def _at(self, height: Height) -> Block:
        block = self._chain.at(height) if height <= self._newest.ref.height else None
        if block is None:
            raise _Unanswerable("not-yet", f"no block {height}; the newest is {self._newest.ref.height}")
        return block

    def _pinned(self, at: BlockRef) -> Block:
        block = self._at(at.height)
        if block.ref != at:
            raise _Unanswerable(
                "reorged", f"block {at.height} is {block.ref.hash.hex()}, not {at.hash.hex()}"
            )
        return block

    def _span(self, first: Height, last: BlockRef) -> list[Block]:
        end = self._pinned(last).ref.height
        start = max(first - GENESIS_HEIGHT, 0)
        return self._chain.blocks[start : end - GENESIS_HEIGHT + 1]

    def _packets(self, lane: Lane, first: Height, last: BlockRef) -> tuple[SeenPacket, ...]:
        clients = (lane.source_client, lane.destination_client)
        return tuple(
            [
                SeenPacket(packet=event.packet, height=block.ref.height, transaction=tx_id)
                for block in self._span(first, last)
                for tx_id, event in block.events
                if isinstance(event, PacketSent)
                and (event.packet.source_client, event.packet.destination_client) == clients
            ]
        )

    def _acknowledgements(self, lane: Lane, first: Height, last: BlockRef) -> tuple[SeenAcknowledgement, ...]:
        return tuple(
            [
                SeenAcknowledgement(
                    sequence=event.sequence,
                    acknowledgements=event.acknowledgements,
                    height=block.ref.height,
                    transaction=tx_id,
                )
                for block in self._span(first, last)
                for tx_id, event in block.events
                if isinstance(event, AcknowledgementWritten) and event.client == lane.destination_client
            ]
        )

    def _client(self, name: ClientId, height: Height) -> ClientView:
        client = self._chain.state.get(("client", name), height)
        if client is None:
            raise _Unanswerable("refused", f"no client {name!r} at block {height}")
        return ClientView(
            kind="attestations",
            counterparty=client.counterparty,
            attestors=client.attestors,
            threshold=client.threshold,
            latest_height=Height(client.latest_height),
            frozen=client.frozen,
        )

    def _outstanding(self, claim: Claim, height: Height) -> bool:
        packet = claim.packet
        if isinstance(claim, Sent):
            path = codec.receipt_path(packet.destination_client, packet.sequence)
            return self._chain.state.get(path, height) is None
        path = codec.commitment_path(packet.source_client, packet.sequence)
        standing: bytes | None = self._chain.state.get(path, height)
        return standing == codec.packet_commitment(packet)

    def _outcome(self, tx_id: SubmissionId) -> wire.Outcome:
        block = self._chain.find(tx_id)
        if block is None:
            return wire.Outcome(lost=tx_id not in self._chain.mempool)
        if block.ref.height > self._newest.ref.height:
            return wire.Outcome()
        receipt = block.receipts[tx_id]
        return wire.Outcome(
            block=_ref(block),
            succeeded=receipt.succeeded,
            detail=receipt.detail,
            sequences=tuple(receipt.sequences),
        )


def _ref(block: Block) -> wire.Ref:
    return wire.Ref(height=block.ref.height, hash=block.ref.hash)


def _proof(tree: Tree, key: bytes) -> bytes:
    try:
        return tree.prove_membership(key)
    except KeyError:
        return tree.prove_absence(key)
