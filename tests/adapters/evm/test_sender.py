"""One signer's transactions on a real node that mines when told: nonces, fees, gaps, losses, restarts."""

from contextlib import asynccontextmanager

import aiohttp
import pytest
import pytest_asyncio

from adapters.api import Resources
from adapters.errors import Underfunded
from adapters.evm.adapter import open_endpoints, open_sender
from adapters.evm.config import EndpointConfig
from adapters.evm.transactions import Intent
from proofs.records import replace
from tests.support.anvil import start_anvil
from tests.support.clocks import ManualClock
from tests.support.evm import A, DevSigner, config

pytestmark = [pytest.mark.nodes, pytest.mark.asyncio(loop_scope="module")]
NOBODY = bytes(19) + b"\x99"


class Node:
    """A development chain, driven by hand."""

    def __init__(self, node):
        self.node = node
        self.used = -1

    async def rpc(self, method, *params):
        call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        async with aiohttp.ClientSession() as session, session.post(self.node.url, json=call) as response:
            answer = await response.json()
            assert "error" not in answer, answer
            return answer["result"]

    async def mine(self, blocks=1):
        await self.rpc("anvil_mine", hex(blocks))

    async def count(self, signer, tag="latest"):
        return int(await self.rpc("eth_getTransactionCount", "0x" + signer.address.hex(), tag), 16)

    async def received_wei(self):
        return int(await self.rpc("eth_getBalance", "0x" + NOBODY.hex(), "latest"), 16)

    async def transaction(self, transaction_hash):
        return await self.rpc("eth_getTransactionByHash", "0x" + transaction_hash.hex())

    def signer(self):
        """Return an account that no other test uses."""
        self.used += 1
        return DevSigner(self.used)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node():
    with start_anvil(block_time_s=3600) as running:
        yield Node(running)


@asynccontextmanager
async def sending(node, signer, *urls, **changes):
    settings = config(node.node)
    if urls:
        endpoints = tuple([EndpointConfig(name=f"n{index}", url=url) for index, url in enumerate(urls)])
        settings = replace(settings, endpoints=endpoints)
    settings = replace(settings, **changes)
    clock = ManualClock()
    resources = Resources(clock=clock, signers=(signer,))
    endpoints = open_endpoints(A, settings, resources)
    try:
        await endpoints.connect()
        sender = open_sender(A, settings, resources, endpoints)
        yield sender, clock
    finally:
        await endpoints.close()


def pay(wei=1, gas=21_000):
    return Intent(to=NOBODY, data=b"", gas=gas, value_wei=wei)


async def settled(node, sender, hashes, blocks=4):
    await node.mine(blocks)
    fates = await sender.fates(hashes)
    assert all(fate.receipt is not None and fate.receipt.status == "0x1" for fate in fates), fates
    return fates


async def test_many_transactions_take_consecutive_nonces_and_all_arrive(node):
    signer, before = node.signer(), await node.received_wei()
    async with sending(node, signer, in_flight_window=100) as (sender, _):
        hashes = await sender.send([pay() for _ in range(60)])
        assert sender.open_count() == 60
        await settled(node, sender, hashes)
        assert await node.count(signer) == 60
        assert await node.received_wei() == before + 60
        assert sender.open_count() == 0


async def test_the_window_holds_back_what_is_too_much_at_once(node):
    signer = node.signer()
    async with sending(node, signer, in_flight_window=4) as (sender, clock):

        async def mine_instead_of_waiting(seconds):
            clock.time_s += seconds
            waiting = await node.count(signer, "pending") - await node.count(signer)
            assert waiting <= 4
            await node.mine()

        clock.sleep = mine_instead_of_waiting
        hashes = await sender.send([pay() for _ in range(10)])
        assert len(set(hashes)) == 10
        await settled(node, sender, hashes)


@pytest.mark.covers("REL-05", "REL-06")
async def test_a_dropped_transaction_is_broadcast_again_and_closes_its_gap(node):
    signer = node.signer()
    async with sending(node, signer) as (sender, _):
        hashes = await sender.send([pay(), pay(), pay()])
        await node.rpc("anvil_dropTransaction", "0x" + hashes[0].hex())
        assert await node.count(signer, "pending") == 0
        assert [fate.receipt for fate in await sender.fates(hashes)] == [None] * 3
        assert await node.transaction(hashes[0]) is not None
        await settled(node, sender, hashes)


@pytest.mark.covers("REL-05")
async def test_a_gap_that_somebody_else_left_is_filled_with_nothing(node):
    signer, before = node.signer(), await node.received_wei()
    async with sending(node, signer) as (earlier, _):
        lost = await earlier.send([pay(100), pay(100)])
    async with sending(node, signer) as (sender, _):
        hashes = await sender.send([pay()])
        for each in lost:
            await node.rpc("anvil_dropTransaction", "0x" + each.hex())
        await sender.fates(hashes)
        await sender.fates(hashes)
        await settled(node, sender, hashes)
        assert await node.count(signer) == 3
        assert await node.received_wei() == before + 1


@pytest.mark.covers("REL-05", "REL-07")
async def test_what_waits_too_long_is_replaced_by_a_dearer_version_and_counts_once(node):
    signer, before = node.signer(), await node.received_wei()
    async with sending(node, signer, bump_after_s=30) as (sender, clock):
        [first] = await sender.send([pay()])
        cheap = await node.transaction(first)
        await sender.fates([first])
        assert await node.transaction(first) == cheap
        clock.time_s += 31
        await sender.fates([first])
        assert await node.transaction(first) is None
        await settled(node, sender, [first])
        assert await node.received_wei() == before + 1
        assert await node.count(signer) == 1


async def test_a_raise_never_passes_the_cap(node):
    signer = node.signer()
    async with sending(node, signer, max_fee_per_gas_wei=2 * 10**9 + 1, bump_after_s=30) as (sender, clock):
        [first] = await sender.send([pay()])
        for _ in range(5):
            clock.time_s += 31
            await sender.fates([first])
        [fate] = await settled(node, sender, [first])
        assert int(fate.receipt.effective_gas_price, 16) <= 2 * 10**9 + 1


@pytest.mark.covers("REL-06")
async def test_a_nonce_that_another_transaction_used_is_a_loss_only_when_it_is_final(node):
    signer = node.signer()
    async with sending(node, signer) as (sender, clock), sending(node, signer) as (rival, _):
        [ours] = await sender.send([pay()])
        await node.rpc("anvil_dropTransaction", "0x" + ours.hex())
        await rival.next_nonce()
        [theirs] = await rival.send([pay(2)])
        await node.mine(1)
        [fate] = await sender.fates([ours])
        assert (fate.receipt, fate.lost) == (None, "")
        await node.mine(4)
        [fate] = await sender.fates([ours])
        assert (fate.receipt, fate.lost) == (None, ""), "its receipt may come a moment after the count"
        clock.time_s += 3
        [fate] = await sender.fates([ours])
        assert fate.lost == "nonce 0 was used by another transaction"
        assert (await rival.fates([theirs]))[0].receipt is not None


@pytest.mark.covers("REL-05")
async def test_two_senders_with_one_key_lose_nothing(node):
    signer, before = node.signer(), await node.received_wei()
    async with sending(node, signer) as (one, _), sending(node, signer) as (other, _):
        await one.next_nonce()
        await other.next_nonce()
        first = await one.send([pay()])
        second = await other.send([pay(10)])
        await node.mine(4)
        assert (await one.fates(first))[0].receipt is not None
        assert (await other.fates(second))[0].receipt is not None
    assert await node.received_wei() == before + 11


async def test_after_a_restart_nonces_go_on_behind_what_waits(node):
    signer = node.signer()
    async with sending(node, signer) as (earlier, _):
        old = await earlier.send([pay(), pay()])
    async with sending(node, signer) as (sender, _):
        assert [fate.lost for fate in await sender.fates(old)] == ["", ""]
        new = await sender.send([pay()])
        await settled(node, sender, [*old, *new])
        assert [fate.lost for fate in await sender.fates([bytes(32)])] == ["no endpoint knows it"]


@pytest.mark.covers("REL-07")
async def test_a_signer_that_cannot_pay_is_told_so_and_goes_on_when_funded(node):
    signer = node.signer()
    address = "0x" + signer.address.hex()
    async with sending(node, signer) as (sender, _):
        await node.rpc("anvil_setBalance", address, hex(1000))
        with pytest.raises(Underfunded, match="the balance is 1000"):
            await sender.send([pay()])
        assert sender.open_count() == 0
        await node.rpc("anvil_setBalance", address, hex(10**18))
        await settled(node, sender, await sender.send([pay()]))
