"""The source role: packets sent, acknowledgements written, headers, storage proofs.

Logs are hints, so each list is held against the router's state at the same block before it is returned:
counters say whether it is complete, commitments whether it is true. An endpoint whose logs or proofs do
not fit is caught here and another one is asked; what passes is still untrusted, and `proofs` judges it
again without us.

Implements: EIP-1186 proofs for the format `evm-storage`, votes for the light client family `agreement`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from adapters.api import SeenAcknowledgement, SeenPacket
from adapters.errors import MalformedReply, Pruned, Refused, Reorged
from adapters.evm.acknowledgements import AckBatches
from adapters.evm.blocks import Block, explain_failure, read_block
from adapters.evm.endpoints import Endpoints, Hostile, Lie
from adapters.evm.logs import LogReader, Span, seen_batches, seen_packets
from adapters.evm.router import ClientInfo, Router
from adapters.evm.rpc import ErrorObject, RpcClient
from adapters.evm.wire import ProofJson, data, pinned, read
from proofs import codec
from proofs.evm import slots
from proofs.evm.events import SEND_PACKET, WRITE_ACKNOWLEDGEMENTS, PacketEvents
from proofs.evm.storage import prove_account
from proofs.hashing import keccak256
from proofs.merkle.mpt import Trie
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
from proofs.verdict import Reason, Refusal

_PROOF_CHUNK = 512
"""Slots in one `eth_getProof`: nodes build the account's part once for each call."""

_MAX_REMEMBERED = 64


@dataclass(slots=True, kw_only=True)
class Source:
    """Reads one router for relays."""

    endpoints: Endpoints
    router: Router
    logs: LogReader
    start_height: int
    _events: PacketEvents = field(default_factory=PacketEvents)
    _batches: AckBatches = field(default_factory=AckBatches)
    _blocks: dict[bytes, Block] = field(default_factory=dict)
    _read: dict[tuple[bytes, ClientId], tuple[int, int]] = field(default_factory=dict)
    """Event and client -> (height, counter) of the last read: spares the one below the next range."""

    async def sent(self, lane: Lane, first: Height, last: BlockRef) -> Sequence[SeenPacket]:
        """See `SourceChain.sent`."""
        span = await self._span(SEND_PACKET, lane, first, last)
        if span is None or span.is_empty:
            return ()

        async def work(endpoint: RpcClient) -> list[SeenPacket]:
            logs = await self.logs.fetch(endpoint, SEND_PACKET, lane.source_client, first, last)
            found = sorted(seen_packets(logs, self._events), key=lambda each: each.packet.sequence)
            span.check(endpoint.name, "packets", [each.packet.sequence for each in found])
            await self._check_packets(endpoint.name, lane, found, last)
            return found

        return await self.endpoints.first(work)

    async def acknowledged(self, lane: Lane, first: Height, last: BlockRef) -> Sequence[SeenAcknowledgement]:
        """See `SourceChain.acknowledged`."""
        span = await self._span(WRITE_ACKNOWLEDGEMENTS, lane.reverse(), first, last)
        if span is None or span.is_empty:
            return ()
        return await self._read_acknowledged(lane.destination_client, first, last, span)

    async def update(self, target: BlockRef) -> UntrustedUpdate:
        """See `SourceChain.update`: every endpoint votes with the hash of its header at that height."""

        async def work(endpoint: RpcClient) -> Block:
            return await read_block(endpoint, target.chain, target.height)

        answers = await self.endpoints.each(work)
        blocks = {name: answer for name, answer in answers.items() if isinstance(answer, Block)}
        votes = {name: block.ref.hash for name, block in blocks.items()}
        threshold = self.endpoints.threshold
        for block in blocks.values():
            if list(votes.values()).count(block.ref.hash) >= threshold:
                if block.ref.hash != target.hash:
                    raise Reorged(
                        f"block {target.height}: expected {target.hash.hex()}, now {block.ref.hash.hex()}"
                    )
                self._remember(block)
                return UntrustedUpdate(
                    light_client="agreement", target=target, header=block.header, votes=votes
                )
        shown = {name: vote.hex() for name, vote in votes.items()}
        raise self.endpoints.failure({**answers, **shown})

    async def prove(self, lane: Lane, claims: Sequence[Claim], at: BlockRef) -> UntrustedProofs:
        """See `SourceChain.prove`. Claims that share a slot share its evidence."""
        acknowledged = [claim.packet.sequence for claim in claims if isinstance(claim, Acknowledged)]
        await self._find_batches(lane.destination_client, acknowledged, at)
        wanted = [self._slot(claim) for claim in claims]
        distinct = [slot for slot in dict.fromkeys(wanted) if slot is not None]

        async def work(endpoint: RpcClient) -> tuple[tuple[bytes, ...], dict[bytes, tuple[bytes, ...]]]:
            return await self._prove_slots(endpoint, distinct, at)

        common, nodes = await self.endpoints.first(work)
        each = [
            UntrustedProof(nodes=nodes[slot] if slot else (), preimage=self._preimage(claim))
            for claim, slot in zip(claims, wanted, strict=True)
        ]
        return UntrustedProofs(format="evm-storage", at=at, common=common, each=tuple(each))

    async def _span(self, event: bytes, here: Lane, first: Height, last: BlockRef) -> Span | None:
        """Return which numbers of this event blocks `first` to `last` must hold; None without a client.

        `here` is the lane that leaves this chain. Its counter below `first` was read with the range before,
        or is read now; where no endpoint has that old state, only the end of the span is known.
        """
        client = here.source_client
        try:
            after = await self.router.info(client, last)
        except Refused:
            return None
        if after.counterparty != here.destination_client:
            raise Refused(f"client {client}: its counterparty is {after.counterparty}, the lane says {here}")
        height, number = self._read.get((event, client), (-1, 0))
        below = number if height == first - 1 else await self._below(event, client, first, last)
        self._read[event, client] = (last.height, _counter(event, after))
        return Span(after=below, last=_counter(event, after))

    async def _below(self, event: bytes, client: ClientId, first: Height, last: BlockRef) -> int | None:
        if first <= self.start_height:
            return 0
        try:
            block = await self._agreed_block(last.chain, Height(first - 1))
            return _counter(event, await self.router.info(client, block.ref))
        except Refused:
            return 0
        except Pruned:
            return None

    async def _check_packets(
        self, endpoint: str, lane: Lane, found: Sequence[SeenPacket], last: BlockRef
    ) -> None:
        """Hold packets against the commitments in state. Raises `Hostile` when a log says another packet."""
        numbers = [each.packet.sequence for each in found]
        commitments = await self.router.commitments(lane.source_client, numbers, last)
        for each, commitment in zip(found, commitments, strict=True):
            ours = each.packet.destination_client == lane.destination_client
            if not ours or (any(commitment) and codec.packet_commitment(each.packet) != commitment):
                raise Hostile(
                    Lie.FALSE_LOGS,
                    f"endpoint {endpoint}: packet {each.packet.sequence} of {lane}: "
                    f"expected commitment {commitment.hex()}, the log gives another packet",
                )

    async def _read_acknowledged(
        self, client: ClientId, first: Height, last: BlockRef, span: Span
    ) -> list[SeenAcknowledgement]:
        async def work(endpoint: RpcClient) -> list[SeenAcknowledgement]:
            logs = await self.logs.fetch(endpoint, WRITE_ACKNOWLEDGEMENTS, client, first, last)
            found = sorted(seen_batches(logs), key=lambda each: each.written.batch)
            numbers = [each.written.batch for each in found]
            span.check(endpoint.name, "acknowledgement batches", numbers)
            stored = await self.router.ack_batches(client, numbers[0], len(numbers), last) if numbers else []
            for each, expected in zip(found, stored, strict=True):
                self._batches.check(endpoint.name, each.written, expected)
            self._batches.remember(client, [each.written for each in found])
            return [
                SeenAcknowledgement(
                    sequence=sequence,
                    acknowledgements=(ack,),
                    height=each.height,
                    transaction=each.transaction,
                )
                for each in found
                for sequence, ack in zip(each.written.sequences, each.written.acknowledgements, strict=True)
            ]

        return await self.endpoints.first(work)

    async def _find_batches(self, client: ClientId, sequences: Sequence[int], at: BlockRef) -> None:
        """Look for the batches of acknowledgements that we do not remember, backwards from `at`.

        Those that are nowhere stay unknown: their claims get evidence that will be rejected.
        """
        stop = at
        while not self._batches.knows_all(client, sequences):
            start = Height(max(self.start_height, stop.height - self.logs.range_blocks + 1))
            await self._read_window(client, start, stop)
            if start <= self.start_height:
                return
            stop = (await self._agreed_block(at.chain, Height(start - 1))).ref

    async def _agreed_block(self, chain: ChainId, height: Height) -> Block:
        return await self.endpoints.agreed(lambda endpoint: read_block(endpoint, chain, height))

    async def _read_window(self, client: ClientId, start: Height, stop: BlockRef) -> None:
        """Read the batches of one window; a window without state gives none."""
        try:
            info = await self.router.info(client, stop)
        except (Pruned, Refused):
            return
        await self._read_acknowledged(client, start, stop, Span(after=None, last=info.last_ack_batch))

    def _slot(self, claim: Claim) -> bytes | None:
        packet = claim.packet
        match claim:
            case Sent():
                return slots.commitment_slot(packet.source_client, packet.sequence)
            case NotReceived():
                return slots.receipt_word(packet.destination_client, packet.sequence)[0]
            case Acknowledged():
                batch = self._batches.find(packet.destination_client, packet.sequence)
                return slots.ack_batch_slot(packet.destination_client, batch.number) if batch else None

    def _preimage(self, claim: Claim) -> bytes:
        if not isinstance(claim, Acknowledged):
            return b""
        batch = self._batches.find(claim.packet.destination_client, claim.packet.sequence)
        return batch.preimage if batch else b""

    async def _prove_slots(
        self, endpoint: RpcClient, wanted: Sequence[bytes], at: BlockRef
    ) -> tuple[tuple[bytes, ...], dict[bytes, tuple[bytes, ...]]]:
        """Return (account nodes, slot -> storage nodes), checked against the header of `at`."""
        block = await self._block_at(endpoint, at)
        address = "0x" + self.router.address.hex()
        parts = [wanted[start : start + _PROOF_CHUNK] for start in range(0, len(wanted), _PROOF_CHUNK)] or [
            ()
        ]
        calls = [
            ("eth_getProof", [address, ["0x" + slot.hex() for slot in part], pinned(at)]) for part in parts
        ]
        common: tuple[bytes, ...] = ()
        nodes: dict[bytes, tuple[bytes, ...]] = {}
        for part, reply in zip(parts, await endpoint.batch(calls), strict=True):
            if isinstance(reply, ErrorObject):
                raise await explain_failure(endpoint, at, reply, "eth_getProof")
            found: ProofJson = read(reply, ProofJson, "eth_getProof")
            common = tuple([data(node, "account node") for node in found.account_proof])
            if len(found.storage_proof) != len(part):
                raise MalformedReply(
                    f"eth_getProof: expected {len(part)} slots, got {len(found.storage_proof)}"
                )
            for slot, proof in zip(part, found.storage_proof, strict=True):
                nodes[slot] = tuple([bytes.fromhex(node[2:]) for node in proof.proof])
        _check_nodes(endpoint.name, block, self.router.address, common, nodes)
        return common, nodes

    async def _block_at(self, endpoint: RpcClient, at: BlockRef) -> Block:
        known = self._blocks.get(at.hash)
        if known is not None:
            return known
        block = await read_block(endpoint, at.chain, at.height)
        if block.ref.hash != at.hash:
            raise Reorged(f"block {at.height}: expected {at.hash.hex()}, canonical is {block.ref.hash.hex()}")
        self._remember(block)
        return block

    def _remember(self, block: Block) -> None:
        while len(self._blocks) >= _MAX_REMEMBERED:
            del self._blocks[next(iter(self._blocks))]
        self._blocks[block.ref.hash] = block


def _counter(event: bytes, info: ClientInfo) -> int:
    return info.last_sequence_sent if event == SEND_PACKET else info.last_ack_batch


def _check_nodes(
    endpoint: str,
    block: Block,
    address: bytes,
    common: tuple[bytes, ...],
    nodes: dict[bytes, tuple[bytes, ...]],
) -> None:
    """Walk every proof to its end, whatever it proves. Raises `Hostile` for one of another block."""
    try:
        trie = Trie(prove_account(block.state_root, address, common).storage_root)
    except Refusal as refusal:
        if refusal.reason is Reason.ABSENT:
            return
        raise Hostile(
            Lie.FORGED_PROOF, f"endpoint {endpoint}: account at {block.ref.height}: {refusal}"
        ) from refusal
    for slot, path in nodes.items():
        try:
            trie.membership(keccak256(slot), path)
        except Refusal as refusal:
            if refusal.reason is not Reason.ABSENT:
                raise Hostile(
                    Lie.FORGED_PROOF, f"endpoint {endpoint}: slot at {block.ref.height}: {refusal}"
                ) from refusal
