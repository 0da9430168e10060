"""Tokens and timeouts across two real chains, and an adapter that was started anew in between."""

import asyncio
import time

import pytest
import pytest_asyncio

from adapters.api import Included, SendMessage, SendTransfer
from adapters.errors import Refused
from adapters.evm.abi import address_word, selector
from adapters.evm.adapter import EvmChain
from adapters.evm.deploy import deployer, mint
from adapters.evm.router import call_at
from adapters.testkit.attesting import delivery_of
from proofs.ids import format_evm_address
from proofs.types import Acknowledged, NotReceived, Sent
from tests.support.evm import (
    KEYS,
    LANE,
    A,
    DevSigner,
    final_at_least,
    pair,
    proven,
    resources,
    until_included,
)

pytestmark = [pytest.mark.nodes, pytest.mark.asyncio(loop_scope="module")]
OWNER = DevSigner(0).address
HOLDER = bytes(19) + b"\x77"
SUPPLY = 1_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chains():
    async with pair() as (a, b):
        async with deployer(A, a.node.url, resources(8), poll_s=0.05) as sender:
            await mint(sender, a.deployed, OWNER, SUPPLY)
        yield a, b


async def balance(side, token: bytes, owner: bytes) -> int:
    at = (await side.chain.status()).head
    call = selector("balanceOf(address)") + address_word(owner)

    async def work(client):
        return await call_at(client, token, call, at)

    return int.from_bytes(await side.chain._endpoints.first(work), "big")


async def sent_packets(side, sequences):
    status = await final_at_least(side.chain, (await side.chain.status()).head.height)
    seen = await side.chain.sent(LANE, side.deployed.start_height, status.finalized)
    packets = [each.packet for each in seen if each.packet.sequence in sequences]
    assert len(packets) == len(sequences)
    return packets, status.finalized


async def carry(side, other, claims, at, keys=KEYS[:2]):
    delivery = delivery_of(LANE, await proven(side, LANE, claims, at), keys)
    included = await until_included(other.chain, await other.chain.submit(delivery))
    assert isinstance(included, Included)
    assert included.succeeded, included.detail
    return included


def transfer(a, amount, lives_s, receiver=HOLDER):
    return SendTransfer(
        lane=LANE,
        denom=a.deployed.token,
        amount=amount,
        receiver=format_evm_address(receiver),
        timeout_s=int(time.time()) + lives_s,
    )


async def test_transfers_asked_for_at_once_do_not_spend_each_others_allowance(chains):
    a, _ = chains
    token = bytes.fromhex(a.deployed.token[2:])
    before = await balance(a, token, OWNER)
    lists = await asyncio.gather(*[a.chain.send([transfer(a, amount, 3600)] * 2) for amount in (3, 2, 1)])
    assert len({sequence for each in lists for sequence in each}) == 6
    assert await balance(a, token, OWNER) == before - 12


async def test_tokens_arrive_as_vouchers_and_nothing_is_lost(chains):
    a, b = chains
    token = bytes.fromhex(a.deployed.token[2:])
    before = await balance(a, token, OWNER)
    sequences = await a.chain.send([transfer(a, 30, 3600), transfer(a, 12, 3600)])
    assert await balance(a, token, OWNER) == before - 42
    packets, at = await sent_packets(a, sequences)
    included = await carry(a, b, [Sent(packet=each) for each in packets], at)

    denom = f"transfer/{LANE.destination_client}/{a.deployed.token.lower()}"
    voucher = await b.chain._applications._token(denom)
    assert await balance(b, voucher, HOLDER) == 42
    status = await final_at_least(b.chain, included.at.height)
    restarted = EvmChain(b.chain.chain_id, b.config, resources(0))
    await restarted.connect()
    acks = {
        each.sequence: each.acknowledgements
        for each in await b.chain.acknowledged(LANE, b.deployed.start_height, status.finalized)
    }
    claims = [Acknowledged(packet=each, acknowledgements=acks[each.sequence]) for each in packets]
    b.chain, running = restarted, b.chain
    try:
        await carry(b, a, claims, status.finalized)
    finally:
        b.chain = running
        await restarted.close()
    assert not any(await a.chain.outstanding(LANE, claims, (await a.chain.status()).head))


async def test_a_transfer_past_its_timeout_is_refunded_and_never_delivered(chains):
    a, b = chains
    token = bytes.fromhex(a.deployed.token[2:])
    before = await balance(a, token, OWNER)
    sequences = await a.chain.send([transfer(a, 5, 10)])
    packets, at = await sent_packets(a, sequences)
    claim = NotReceived(packet=packets[0])
    while (status := await b.chain.status()).finalized_time_s < packets[0].timeout_s:
        await final_at_least(b.chain, status.finalized.height + 1)
    await carry(b, a, [claim], status.finalized)
    assert await balance(a, token, OWNER) == before
    assert not any(await a.chain.outstanding(LANE, [claim], (await a.chain.status()).head))
    await carry(a, b, [Sent(packet=packets[0])], at)
    assert list(
        await b.chain.outstanding(LANE, [Sent(packet=packets[0])], (await b.chain.status()).head)
    ) == [True]


async def test_a_delivery_that_others_made_before_succeeds_without_effect(chains):
    a, b = chains
    request = SendMessage(
        lane=LANE, recipient=b.deployed.sample_app, payload=b"once", timeout_s=int(time.time()) + 3600
    )
    packets, at = await sent_packets(a, await a.chain.send([request]))
    arrived = selector("arrived()")

    async def count():
        head = (await b.chain.status()).head
        app = bytes.fromhex(b.deployed.sample_app[2:])

        async def work(client):
            return await call_at(client, app, arrived, head)

        return int.from_bytes(await b.chain._endpoints.first(work), "big")

    before = await count()
    claims = [Sent(packet=each) for each in packets]
    await carry(a, b, claims, at)
    other = EvmChain(b.chain.chain_id, b.config, resources(3))
    await other.connect()
    b.chain, running = other, b.chain
    try:
        await carry(a, b, claims, at, KEYS[1:])
    finally:
        b.chain = running
        await other.close()
    assert await count() == before + 1


async def test_what_the_contracts_refuse_is_refused_with_their_reason(chains):
    a, b = chains
    soon = int(time.time()) + 60
    unknown = SendTransfer(lane=LANE, denom="transfer/b-0/uatom", amount=1, receiver="x", timeout_s=soon)
    nonsense = SendMessage(lane=LANE, recipient="nonsense", payload=b"", timeout_s=soon)
    foreign = SendMessage(lane=LANE.reverse(), recipient=b.deployed.sample_app, payload=b"", timeout_s=soon)
    for request, reason in (
        (transfer(a, SUPPLY * 100, 3600), "InsufficientBalance"),
        (transfer(a, 1, -100), "InvalidTimeout"),
        (unknown, "nothing of it has arrived"),
        (nonsense, "recipient 'nonsense'"),
        (foreign, "the gateway sends to"),
    ):
        with pytest.raises(Refused, match=reason):
            await a.chain.send([request])


async def test_a_delivery_signed_by_strangers_is_refused_with_the_reason(chains):
    a, b = chains
    request = SendMessage(
        lane=LANE, recipient=b.deployed.sample_app, payload=b"never", timeout_s=int(time.time()) + 3600
    )
    packets, at = await sent_packets(a, await a.chain.send([request]))
    delivery = delivery_of(
        LANE, await proven(a, LANE, [Sent(packet=packets[0])], at), [type(KEYS[0])("stranger"), KEYS[0]]
    )
    fresh = EvmChain(b.chain.chain_id, b.config, resources(4))
    await fresh.connect()
    with pytest.raises(Refused, match="UnknownSigner"):
        await fresh.submit(delivery)
    await fresh.close()
