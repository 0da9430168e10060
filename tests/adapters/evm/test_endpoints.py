"""Who is asked, who cools off and who is trusted no more, with time in our hands."""

import subprocess
import sys
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from adapters.errors import NoAgreement, NotYetAvailable, RateLimited, Refused, TransportError, WrongChain
from adapters.evm.endpoints import Endpoints, Hostile, Lie
from adapters.evm.rpc import RpcClient, RpcLimits
from adapters.evm.wire import number, read
from tests.support.clocks import ManualClock
from tests.support.liar import liar, says


@asynccontextmanager
async def endpoints(count=3, threshold=2):
    """Yield endpoints of chain 1 that all report block 16, their servers and the clock."""
    clock = ManualClock()
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(liar()) for _ in range(count)]
        for server in servers:
            server.lies = {"eth_chainId": lambda *_: "0x1", "eth_blockNumber": lambda *_: "0x10"}
        clients = [
            RpcClient(f"n{index}", each.url, RpcLimits(timeout_s=60)) for index, each in enumerate(servers)
        ]
        made = Endpoints(chain_number=1, clients=clients, clock=clock, threshold=threshold, patience_s=60)
        stack.push_async_callback(made.close)
        yield made, servers, clock


async def height(client):
    [reply] = await client.batch([("eth_blockNumber", [])])
    return number(read(reply, str, "height"), "height")


def asked(servers):
    return [server.count("eth_blockNumber") for server in servers]


async def test_nobody_is_asked_before_the_chain_was_checked():
    async with endpoints() as (made, servers, _):
        assert made.health() == ()
        with pytest.raises(TransportError):
            await made.first(height)
        assert asked(servers) == [0, 0, 0]


async def test_the_first_good_endpoint_answers_and_a_failed_one_is_left_alone_for_a_while():
    async with endpoints() as (made, servers, clock):
        await made.connect()
        servers[0].failure = says(status=500)
        assert await made.first(height) == 16
        assert await made.first(height) == 16
        assert asked(servers) == [1, 2, 0]
        assert [each.usable for each in made.health()] == [False, True, True]
        assert "500" in made.health()[0].detail
        servers[0].failure = None
        clock.time_s += 60
        assert await made.first(height) == 16
        assert asked(servers) == [2, 2, 0]
        assert servers[0].count("eth_chainId") == 2


async def test_an_endpoint_that_lags_is_passed_over_without_a_rest():
    async with endpoints() as (made, _, _):
        await made.connect()

        async def behind(client):
            if client.name == "n0":
                raise NotYetAvailable("not here")
            return client.name

        assert await made.first(behind) == "n1"
        assert all(each.usable for each in made.health())


async def test_the_error_that_says_most_is_the_one_that_is_raised():
    async with endpoints() as (made, _, _):
        await made.connect()

        async def various(client):
            raise NotYetAvailable("x") if client.name == "n1" else TransportError("y")

        with pytest.raises(NotYetAvailable):
            await made.first(various)


@pytest.mark.covers("RPC-13")
async def test_when_all_ask_for_patience_nobody_is_asked_until_it_is_over():
    async with endpoints() as (made, servers, clock):
        await made.connect()
        for server in servers:
            server.failure = says(status=429, Retry_After="5")
        with pytest.raises(RateLimited):
            await made.first(height)
        assert asked(servers) == [1, 1, 1]
        for _ in range(10):
            with pytest.raises(RateLimited) as caught:
                await made.first(height)
        assert 0 < caught.value.retry_after_s <= 7.5
        assert asked(servers) == [1, 1, 1]
        ends = {each.cool_until_s for each in made._all}
        assert len(ends) == 3
        for server in servers:
            server.failure = None
        clock.time_s += 8
        assert await made.first(height) == 16


async def test_agreement_needs_the_threshold_and_says_who_said_what():
    async with endpoints() as (made, servers, _):
        await made.connect()
        servers[0].lies["eth_blockNumber"] = lambda *_: "0x11"
        assert await made.agreed(height) == 16
        servers[1].lies["eth_blockNumber"] = lambda *_: "0x12"
        with pytest.raises(NoAgreement, match=r"expected 2 endpoints to agree.*n0: 17.*n1: 18.*n2: 16"):
            await made.agreed(height)


async def test_an_error_that_the_threshold_agrees_on_is_the_answer():
    async with endpoints() as (made, _, _):
        await made.connect()

        async def refuse(client):
            if client.name == "n0":
                return 1
            raise Refused("no such client")

        with pytest.raises(Refused, match="no such client"):
            await made.agreed(refuse)


@pytest.mark.covers("RPC-01", "RPC-02")
async def test_quarantine_outlives_a_reconnect_and_shrinks_no_quorum():
    async with endpoints() as (made, servers, clock):
        await made.connect()
        for name in ("n0", "n1"):
            made.quarantine(name, Hostile(Lie.FORGED_PROOF, "the evidence"))
        await made.connect()
        clock.time_s += 10_000
        assert [each.quarantined_for for each in made.health()] == ["forged-proof", "forged-proof", ""]
        assert made.health()[0].detail == "the evidence"
        assert await made.first(height) == 16
        with pytest.raises(NoAgreement, match="the evidence"):
            await made.agreed(height)
        assert asked(servers)[:2] == [0, 0]


@pytest.mark.covers("RPC-09")
async def test_an_endpoint_of_another_chain_is_used_once_it_serves_ours():
    async with endpoints(count=1, threshold=1) as (made, servers, _):
        servers[0].lies["eth_chainId"] = lambda *_: "0x5"
        with pytest.raises(WrongChain, match="expected chain 1, it serves 5"):
            await made.connect()
        assert made.health()[0].quarantined_for == "wrong-chain"
        servers[0].lies["eth_chainId"] = lambda *_: "0x1"
        await made.connect()
        assert await made.first(height) == 16


def test_importing_the_plugin_loads_neither_network_nor_abi_libraries():
    script = (
        "import sys, adapters.evm; print([m for m in ('aiohttp', 'eth_abi', 'web3') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
