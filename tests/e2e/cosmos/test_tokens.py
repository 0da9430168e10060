"""Tokens between two real Cosmos chains, over IBC v1 and v2: there and home again, forwarded, refunded.

One pair of chains and one gateway serve all tests of this file; what they look at are differences.
"""

import asyncio
import json
import time

import pytest
import pytest_asyncio

from adapters.cosmos.pb.cosmos.base.v1beta1 import coin_pb2
from adapters.cosmos.pb.ibc.applications.transfer.v1 import tx_pb2 as transfer_tx
from proofs.pb.ibc.core.client.v1 import client_pb2
from proofs.types import BlockRef, Lane
from tests.e2e.cosmos.pair import (
    ADMIN,
    DENOM,
    FORWARDED,
    RECEIVER,
    SENDER,
    Pair,
    commitment_key,
    escrow,
    pair,
    voucher,
)

pytestmark = [pytest.mark.nodes, pytest.mark.asyncio(loop_scope="module")]

COUNT = 5


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chains(tmp_path_factory):
    async with pair(tmp_path_factory.mktemp("pair")) as made:
        await made.start_gateway()
        yield made


def transfer_of(lane: Lane, amount: int, receiver: str, **fields: object) -> transfer_tx.MsgTransfer:
    """Return a transfer by `ADMIN`, with what the adapter's `send` does not offer."""
    return transfer_tx.MsgTransfer(
        source_port="transfer",
        source_channel=lane.source_client,
        token=coin_pb2.Coin(denom=DENOM, amount=str(amount)),
        sender=ADMIN,
        receiver=receiver,
        **fields,
    )


async def send(chains: Pair, message: transfer_tx.MsgTransfer) -> int:
    [answer] = await chains.a.host.execute([message])
    return transfer_tx.MsgTransferResponse.FromString(answer).sequence


async def test_tokens_cross_both_ways_and_come_home_and_none_is_made_or_lost(chains: Pair) -> None:
    for number, lane in enumerate(chains.lanes(), start=1):
        await chains.transfer(lane, number, count=COUNT, receiver=SENDER)
    for number, lane in enumerate(chains.lanes(), start=1):
        there = chains.side(lane.destination)

        async def crossed(lane: Lane = lane) -> bool:
            return await chains.settled(lane)

        await chains.until(crossed, what=f"{lane}: acknowledged")
        assert await there.balance(SENDER, voucher(lane)) == COUNT * number
        assert await there.supply(voucher(lane)) == COUNT * number
        assert await chains.side(lane.source).balance(escrow(lane)) == COUNT * number
    home = {side.id: await side.balance(RECEIVER) for side in (chains.a, chains.b)}
    for number, lane in enumerate(chains.lanes(), start=1):
        await chains.transfer(lane.reverse(), number, count=COUNT, denom=voucher(lane))
    for lane in chains.lanes():
        await chains.until(lambda lane=lane: chains.settled(lane), what=f"{lane}: home again")
        assert await chains.side(lane.destination).supply(voucher(lane)) == 0
        assert await chains.side(lane.source).balance(escrow(lane)) == 0
    assert await chains.a.balance(RECEIVER) == home[chains.a.id] + COUNT * (1 + 3)
    assert await chains.b.balance(RECEIVER) == home[chains.b.id] + COUNT * (2 + 4)


async def test_what_the_other_chain_refuses_is_refunded(chains: Pair) -> None:
    for lane in chains.lanes():
        source = chains.side(lane.source)
        start, before = (await source.host.head()).height, await source.balance(SENDER)
        [sequence] = await chains.transfer(lane, 1000, receiver="nobody")
        shown = await chains.sent_at(lane, sequence, start)
        assert await source.balance(SENDER, at=shown) == before - 1000
        await chains.until(lambda lane=lane: chains.settled(lane), what=f"{lane}: refused and refunded")
        assert await source.balance(SENDER) == before
        assert await chains.side(lane.destination).supply(voucher(lane)) == 0


@pytest.mark.covers("REL-08")
async def test_a_transfer_past_its_timeout_is_refunded_once_and_never_received(chains: Pair) -> None:
    lanes = (chains.v1.there, chains.v1.back, chains.v2.there, chains.v2.back)
    before = {side.id: await side.balance(SENDER) for side in (chains.a, chains.b)}
    for lane in lanes:
        source = chains.side(lane.source)
        start = (await source.host.head()).height
        sequences = await chains.transfer(lane, 1000, count=COUNT, lifetime_s=8)
        shown = await chains.sent_at(lane, sequences[-1], start)
        assert await source.balance(escrow(lane), at=shown) == COUNT * 1000
    for lane in lanes:
        await chains.until(lambda lane=lane: chains.settled(lane), what=f"{lane}: refunded")
        assert await chains.side(lane.destination).supply(voucher(lane)) == 0
        assert await chains.side(lane.source).balance(escrow(lane)) == 0
    for side in (chains.a, chains.b):
        assert await side.balance(SENDER) == before[side.id]


@pytest.mark.covers("REL-08")
async def test_a_transfer_past_a_height_is_refunded_and_never_received(chains: Pair) -> None:
    start, before = (await chains.a.host.head()).height, await chains.a.balance(ADMIN)
    last = client_pb2.Height(revision_height=(await chains.b.host.head()).height + 3)
    lane = chains.v1.there
    sequence = await send(chains, transfer_of(lane, 1000, RECEIVER, timeout_height=last))
    await chains.a.host.head()  # past the block that holds the transfer
    shown = await chains.sent_at(lane, sequence, start)
    assert await chains.a.holds(commitment_key(lane, sequence), shown)
    assert await chains.a.balance(ADMIN, at=shown) == before - 1000
    await chains.until(lambda: chains.settled(lane), what="refunded")
    assert await chains.a.balance(ADMIN) == before
    assert await chains.b.supply(voucher(lane)) == 0


async def test_a_forwarded_transfer_is_acknowledged_only_after_it_got_to_its_end(chains: Pair) -> None:
    lane, a = chains.v1.there, chains.a
    start = (await a.host.head()).height
    before = await a.balance(FORWARDED)
    memo = {"forward": {"receiver": FORWARDED, "port": "transfer", "channel": lane.destination_client}}
    deadline_ns = (int(time.time()) + 600) * 10**9
    message = transfer_of(lane, 77, ADMIN, timeout_timestamp=deadline_ns, memo=json.dumps(memo))
    key = commitment_key(lane, await send(chains, message))
    sent = (await a.host.head()).height

    async def done() -> bool:
        settled = await asyncio.gather(chains.settled(lane), chains.settled(lane.reverse()))
        return all(settled)

    await chains.until(done, what="forwarded and acknowledged")
    assert await a.balance(FORWARDED) == before + 77

    async def has_arrived(at: BlockRef) -> bool:
        return await a.balance(FORWARDED, at=at) == before + 77

    async def is_acknowledged(at: BlockRef) -> bool:
        return not await a.holds(key, at)

    assert start < await a.first(start, has_arrived) < await a.first(sent, is_acknowledged)
