"""What the chains alone need on the IBC row: all receipts, then all acknowledgements, ready beforehand.

No relayer: messages with their proofs lie ready in signed transactions, all are handed over at once, and the
time is until the state has them. No relayer can be faster, except where it overlaps the two.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack

from google.protobuf.message import Message

from adapters.cosmos.ibc.chain import CosmosHost
from adapters.cosmos.ibc.clients import meet
from adapters.cosmos.ibc.host import Stored, height_at
from adapters.cosmos.pb.ibc.core.channel.v1 import tx_pb2
from proofs.pb.ibc.core.channel.v1 import channel_pb2
from proofs.pb.ibc.core.client.v1 import client_pb2
from proofs.types import BlockRef, ClientId
from tests.benchmarks.ibc_chains import ADDRESS, PORT, A, B, BenchChain, IbcWorld
from tests.benchmarks.ibc_ours import Isthmus, set_up
from tests.benchmarks.ibc_runs import POLL_S, prepared
from tests.benchmarks.lab import until

PER_TRANSACTION = 250
_GAS_PER_MESSAGE = 400_000
_KEYS = 500
"""Proofs asked for at once."""
_LIMIT_S = 120
_CLIENT = ClientId("07-tendermint-0")


def floor_s(packets: int) -> tuple[float, float]:
    """Return seconds that chain-b needs to receive so many packets, and chain-a for the answers."""
    with prepared(Isthmus()) as (world, _, channel):
        a, b = world.chains[A], world.chains[B]
        world.leave_pending(channel, packets)
        receipts = asyncio.run(_receipts(world, channel))
        received_s = _executed(b, receipts, lambda: b.received(channel) == packets)
        acknowledgements = asyncio.run(_acknowledgements(world, channel))
        settled_s = _executed(a, acknowledgements, lambda: not a.unacknowledged(channel, exactly=False))
        return received_s, settled_s


def _executed(chain: BenchChain, transactions: Sequence[bytes], done: Callable[[], bool]) -> float:
    begin_s = time.monotonic()
    chain.broadcast(transactions)
    until("prepared messages in blocks", done, _LIMIT_S, POLL_S)
    seconds = time.monotonic() - begin_s
    chain.next_block()
    return seconds


async def _receipts(world: IbcWorld, channel: str) -> list[bytes]:
    packets = [packet_of(event) for event in _events(world.chains[A], "send_packet")]
    keys = [_key("commitments", channel, packet) for packet in packets]
    async with AsyncExitStack() as stack:
        proving, acting = [await stack.enter_async_context(set_up(world, name)) for name in (A, B)]
        at, updates = await meet(acting, _CLIENT, proving)
        proofs = await _proofs(proving, keys, at)
        messages: list[Message] = [
            tx_pb2.MsgRecvPacket(
                packet=packet,
                proof_commitment=proof.proof,
                proof_height=height_at(proving, at.height),
                signer=ADDRESS,
            )
            for packet, proof in zip(packets, proofs, strict=True)
        ]
        return _transactions(world.chains[B], updates, messages)


async def _acknowledgements(world: IbcWorld, channel: str) -> list[bytes]:
    written = [
        (packet_of(event), bytes.fromhex(event["packet_ack_hex"]))
        for event in _events(world.chains[B], "write_acknowledgement")
    ]
    keys = [_key("acks", channel, packet) for packet, _ in written]
    async with AsyncExitStack() as stack:
        acting, proving = [await stack.enter_async_context(set_up(world, name)) for name in (A, B)]
        at, updates = await meet(acting, _CLIENT, proving)
        proofs = await _proofs(proving, keys, at)
        messages: list[Message] = [
            tx_pb2.MsgAcknowledgement(
                packet=packet,
                acknowledgement=data,
                proof_acked=proof.proof,
                proof_height=height_at(proving, at.height),
                signer=ADDRESS,
            )
            for (packet, data), proof in zip(written, proofs, strict=True)
        ]
        return _transactions(world.chains[A], updates, messages)


def _transactions(chain: BenchChain, updates: Sequence[Message], messages: Sequence[Message]) -> list[bytes]:
    """Return signed transactions; the first brings the client to the block that the proofs are about."""
    for update in updates:
        update.signer = ADDRESS  # type: ignore[attr-defined]
    parts = [messages[start : start + PER_TRANSACTION] for start in range(0, len(messages), PER_TRANSACTION)]
    whole = [[*updates, *parts[0]], *parts[1:]]
    return [chain.signed(each, _GAS_PER_MESSAGE * len(each)) for each in whole]


async def _proofs(host: CosmosHost, keys: Sequence[bytes], at: BlockRef) -> list[Stored]:
    parts = [keys[start : start + _KEYS] for start in range(0, len(keys), _KEYS)]
    return [each for part in parts for each in await host.stored(part, at)]


def _events(chain: BenchChain, kind: str) -> Iterator[dict[str, str]]:
    for block in chain.blocks(1, chain.height()):
        if block.transactions:
            yield from chain.events(block.height, kind)


def packet_of(event: dict[str, str]) -> channel_pb2.Packet:
    """Return the packet that an event of ibc-go tells of."""
    revision, height = event["packet_timeout_height"].split("-")
    return channel_pb2.Packet(
        sequence=int(event["packet_sequence"]),
        source_port=event["packet_src_port"],
        source_channel=event["packet_src_channel"],
        destination_port=event["packet_dst_port"],
        destination_channel=event["packet_dst_channel"],
        data=bytes.fromhex(event["packet_data_hex"]),
        timeout_height=client_pb2.Height(revision_number=int(revision), revision_height=int(height)),
        timeout_timestamp=int(event["packet_timeout_timestamp"]),
    )


def _key(kind: str, channel: str, packet: channel_pb2.Packet) -> bytes:
    return f"{kind}/ports/{PORT}/channels/{channel}/sequences/{packet.sequence}".encode()
