"""Keys on a real chain: many messages, several keys, foreign use, gaps, losses, restarts, lying endpoints."""

import asyncio
from contextlib import asynccontextmanager
from fractions import Fraction

import pytest
import pytest_asyncio

from adapters.cosmos.account import Account
from adapters.cosmos.codes import Declined
from adapters.cosmos.endpoints import Endpoints
from adapters.cosmos.fees import FeePolicy
from adapters.cosmos.gas import GasModel
from adapters.cosmos.key import KeySender, SendLimits
from adapters.cosmos.pb.cosmos.bank.v1beta1 import tx_pb2
from adapters.cosmos.pb.cosmos.base.v1beta1 import coin_pb2
from adapters.cosmos.rpc import CometClient
from adapters.cosmos.sender import Sender
from adapters.cosmos.tx import Intent, address_of, pack, parse_ticket, responses
from adapters.errors import NotYetAvailable, Refused, Underfunded
from adapters.jsonrpc import RpcLimits
from gateway.keys.signer import LocalSigner
from proofs.records import replace
from relays.runtime.clock import SystemClock
from tests.support.liar import Error, liar
from tests.support.simd import start_simd

pytestmark = [pytest.mark.nodes, pytest.mark.asyncio(loop_scope="module")]

FUNDED = 20
LIMITS = SendLimits(
    window=8, timeout_blocks=100, resend_after_s=60.0, poll_s=0.05, max_gas=20_000_000, max_bytes=900_000
)
RICH = 10**9


def signer(index):
    return LocalSigner((index + 1).to_bytes(32, "big"))


def address(index):
    return address_of("cosmos", signer(index).public_key)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node():
    balances = {address(index): RICH for index in range(FUNDED)}
    with start_simd(balances=balances, block_time_s=0.1) as chain:
        chain.node.until_height(3)
        yield chain.node


@pytest.fixture(scope="module")
def fresh():
    """Indices of funded keys that no other test uses."""
    return iter(range(FUNDED))


@asynccontextmanager
async def sending(url, *indices, price="0", max_fee=10**6, **changes):
    clock = SystemClock()
    client = CometClient("it", url, RpcLimits(timeout_s=10, batch=10))
    endpoints = Endpoints(native_id="chain-a", clients=[client], clock=clock, threshold=1, patience_s=0.2)
    gas = GasModel(adjustment=Fraction("1.3"))
    policy = FeePolicy(denom="stake", gas_price=Fraction(price), max_fee=max_fee)
    keys = [
        KeySender(
            native_id="chain-a",
            signer=signer(index),
            account=Account(endpoints=endpoints, address=address(index), denom="stake"),
            endpoints=endpoints,
            clock=clock,
            policy=policy,
            gas=gas,
            limits=replace(LIMITS, **changes),
        )
        for index in indices
    ]
    await endpoints.connect()
    try:
        yield Sender(keys=keys, endpoints=endpoints)
    finally:
        await endpoints.close()


def pay(sender, amount=1, count=1, to="cosmos1qyqszqgpqyqszqgpqyqszqgpqyqszqgpjnp7du", kind="send"):
    coin = coin_pb2.Coin(denom="stake", amount=str(amount))
    message = pack(tx_pb2.MsgSend(from_address=sender, to_address=to, amount=[coin]))
    return Intent(signer=sender, messages=(message,) * count, kind=kind)


async def until(sender, tickets, done):
    for _ in range(3000):
        fates = await sender.fates(tickets)
        if all(map(done, fates)):
            return fates
        await sender.keys[0].clock.sleep(0.05)
    raise AssertionError(f"not done in time: {fates}")


async def included(sender, tickets):
    fates = await until(sender, tickets, lambda fate: fate.transaction is not None)
    assert [fate.transaction.tx_result.code for fate in fates] == [0] * len(tickets)
    return fates


async def test_many_messages_travel_in_one_transaction_and_each_has_its_response(node, fresh):
    index = next(fresh)
    async with sending(node.rpc_url, index, price="0.01") as sender:
        [ticket] = await sender.send([pay(sender.pick(), amount=3, count=50)])
        [fate] = await included(sender, [ticket])
        state = await sender.keys[0].account.look()
    assert fate.fee > 0
    assert state.balance == RICH - 150  # the testing application takes no fees
    assert state.sequence == 1
    assert len(responses(fate.transaction.tx_result.data)) == 50


async def test_many_transactions_of_several_keys_are_on_their_way_at_once(node, fresh):
    indices = [next(fresh), next(fresh)]
    async with sending(node.rpc_url, *indices) as sender:
        intents = [pay(sender.pick()) for _ in range(40)]
        client = sender.endpoints.clients[0]
        tickets = await sender.send(intents)
        sent = client.requests
        fates = await included(sender, tickets)
        states = [await key.account.look() for key in sender.keys]
    assert {intent.signer for intent in intents} == {address(index) for index in indices}
    assert [state.sequence for state in states] == [20, 20]
    places = {(fate.transaction.height, intent.signer) for fate, intent in zip(fates, intents, strict=True)}
    assert len(places) < 40, "no block holds two of one key"
    assert sent < 40 * 4


async def test_somebody_else_with_the_same_key_costs_a_resync_and_no_transaction(node, fresh):
    index = next(fresh)
    async with sending(node.rpc_url, index) as one, sending(node.rpc_url, index) as other:
        await included(one, await one.send([pay(one.pick())]))
        tickets = await other.send([pay(other.pick()) for _ in range(3)])
        mine = await one.send([pay(one.pick()) for _ in range(2)])
        await included(other, tickets)
        await included(one, mine)
        assert (await one.keys[0].account.look()).sequence == 6


async def test_what_the_chain_refuses_is_told_by_its_code_before_anything_is_sent(node, fresh):
    async with sending(node.rpc_url, next(fresh)) as sender:
        with pytest.raises(Declined) as caught:
            await sender.send([pay(sender.pick(), to="cosmos1nobody")])
        assert caught.value.refusal == ("sdk", 7)
        with pytest.raises(Underfunded, match="sdk 5"):
            await sender.send([pay(sender.pick(), amount=RICH + 1)])
        with pytest.raises(Refused, match="expected one of the signers"):
            await sender.send([pay("cosmos1nobody")])
        assert (await sender.keys[0].account.look()).sequence == 0


async def test_who_cannot_pay_is_underfunded(node, fresh):
    async with sending(node.rpc_url, FUNDED) as sender:
        with pytest.raises(Underfunded, match="nothing was paid to it yet"):
            await sender.send([pay(sender.pick())])
    async with sending(node.rpc_url, next(fresh), price="1", max_fee=10) as sender:
        with pytest.raises(Underfunded, match="max_fee"):
            await sender.send([pay(sender.pick())])
    async with sending(node.rpc_url, next(fresh), price="100000", max_fee=10**15) as sender:
        with pytest.raises(Underfunded, match="the balance is"):
            await sender.send([pay(sender.pick())])


async def test_a_transaction_above_the_limits_is_refused(node, fresh):
    index = next(fresh)
    async with sending(node.rpc_url, index, max_bytes=1_000) as sender:
        with pytest.raises(Refused, match="1000 bytes"):
            await sender.send([pay(sender.pick(), count=50)])
    async with sending(node.rpc_url, index, max_gas=50_000) as sender:
        with pytest.raises(Refused, match="50000 gas"):
            await sender.send([pay(sender.pick())])


@asynccontextmanager
async def spoiled(node, fresh, **changes):
    """Yield a sender through a proxy that can lie, and the proxy."""
    async with liar(node.rpc_url) as endpoint, sending(endpoint.url, next(fresh), **changes) as sender:
        await included(sender, await sender.send([pay(sender.pick())]))
        yield sender, endpoint


@pytest.mark.covers("RPC-10")
async def test_an_endpoint_that_says_no_and_broadcasts_all_the_same_ends_in_one_effect(node, fresh):
    async with spoiled(node, fresh) as (sender, endpoint):

        def deny(*_):
            raise Error(-32603, "Internal error", "no")

        endpoint.lies["broadcast_tx_sync"] = deny
        tickets = await sender.send([pay(sender.pick()) for _ in range(3)])
        await included(sender, tickets)
        assert (await sender.keys[0].account.look()).sequence == 4


@pytest.mark.covers("RPC-10")
async def test_an_endpoint_that_says_yes_and_drops_is_offered_the_transaction_again(node, fresh):
    async with spoiled(node, fresh, resend_after_s=0.3) as (sender, endpoint):
        restore = drop(endpoint)
        tickets = await sender.send([pay(sender.pick()) for _ in range(3)])
        assert not any(fate.transaction for fate in await sender.fates(tickets))
        restore()
        await included(sender, tickets)


def drop(endpoint, code=0):
    """Forward no transaction and answer with this code; return what ends it."""
    forward = endpoint._forward

    async def without_broadcasts(many):
        kept = [each for each in many if each["method"] != "broadcast_tx_sync"]
        answers = {each["id"]: each for each in (await forward(kept) if kept else [])}
        taken = {"code": code, "hash": "00" * 32, "log": "any words", "codespace": "sdk"}
        return [answers.get(each["id"], {"id": each["id"], "result": taken}) for each in many]

    endpoint._forward = without_broadcasts
    return lambda: setattr(endpoint, "_forward", forward)


async def test_a_transaction_that_no_block_can_hold_any_more_is_lost_and_its_sequence_is_used_again(
    node, fresh
):
    async with spoiled(node, fresh) as (sender, endpoint):
        restore = drop(endpoint)
        sender.keys[0].limits = replace(LIMITS, timeout_blocks=8)
        tickets = await sender.send([pay(sender.pick()), pay(sender.pick())])
        fates = await until(sender, tickets, lambda fate: fate.lost)
        assert all("in no block up to" in fate.lost for fate in fates)
        restore()
        sender.keys[0].limits = LIMITS
        await included(sender, await sender.send([pay(sender.pick())]))
        assert (await sender.keys[0].account.look()).sequence == 2
        assert all(fate.lost for fate in await sender.fates(tickets))


async def test_a_look_at_the_account_that_is_older_than_transactions_become_is_taken_again(node, fresh):
    async with sending(node.rpc_url, next(fresh), timeout_blocks=30) as sender:
        [key] = sender.keys
        state = await key._look()
        await asyncio.to_thread(node.until_height, state.height + 31)
        key._looked_at_s = key.clock.monotonic_s()
        await included(sender, await sender.send([pay(sender.pick())]))


async def test_after_a_restart_a_ticket_is_enough_to_know_what_became_of_it(node, fresh):
    async with spoiled(node, fresh) as (sender, endpoint):
        [good] = await sender.send([pay(sender.pick())])
        await included(sender, [good])
        drop(endpoint)
        sender.keys[0].limits = replace(LIMITS, timeout_blocks=20)
        [gone] = await sender.send([pay(sender.pick())])
    async with sending(node.rpc_url, next(fresh)) as later:
        tickets = [parse_ticket(str(good)), parse_ticket(str(gone))]
        first, second = await later.fates(tickets)
        assert first.transaction is not None
        assert second.transaction is None
        [found, lost] = await until(later, tickets, lambda fate: fate.transaction or fate.lost)
        assert found.transaction.tx_result.code == 0
        assert str(gone.timeout_height) in lost.lost


async def test_a_full_window_waits_for_blocks(node, fresh):
    index = next(fresh)
    async with sending(node.rpc_url, index, window=2) as sender:
        tickets = await sender.send([pay(sender.pick()) for _ in range(7)])
        fates = await included(sender, tickets)
    assert len({fate.transaction.height for fate in fates}) >= 3


async def test_a_key_whose_sequence_never_settles_waits_and_sends_nothing(node, fresh):
    async with spoiled(node, fresh) as (sender, endpoint):
        restore = drop(endpoint, code=32)
        with pytest.raises(NotYetAvailable, match="does not settle"):
            await sender.send([pay(sender.pick())])
        restore()
        await included(sender, await sender.send([pay(sender.pick())]))
