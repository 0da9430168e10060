"""Endpoints that lie about a real chain: what they say is not taken, and who lied is remembered."""

import base64
import copy
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import pytest_asyncio

from adapters.api import Resources, SendTransfer
from adapters.cosmos import ADAPTER
from adapters.cosmos.config import EndpointConfig
from adapters.cosmos.ibc.clients import ATTESTATIONS_PREFIX, create_attestations_client, register_counterparty
from adapters.errors import MalformedReply
from adapters.testkit.subject import ATTESTORS
from gateway.keys.signer import LocalSigner
from proofs.records import replace
from proofs.types import ChainId, ClientId, Height, Lane, Sent
from relays.runtime.clock import SystemClock
from tests.support import cosmos_liar
from tests.support.cosmos_subject import account
from tests.support.ibc_chains import KEY, caip, config_of, host
from tests.support.liar import liar
from tests.support.simd import start_simd

pytestmark = [pytest.mark.nodes, pytest.mark.asyncio(loop_scope="module")]

CLOCK = SystemClock()
COUNT = 5
NAMES = ("bad", "good", "better")


class World:
    """A chain that sent a few packets, all before block `at`."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world():
    found = World()
    owner = LocalSigner(KEY)
    with start_simd(chain_id="chain-a", balances={account(owner): 10**9}, block_time_s=0.1) as chain:
        found.url, found.config = chain.node.rpc_url, await config_of(chain)
        found.id = caip(chain)
        async with host(chain) as opened:
            name = await create_attestations_client(opened, ATTESTORS, 2, 1, 1_700_000_000)
            await register_counterparty(opened, name, ClientId("isthmus-0"), ATTESTATIONS_PREFIX)
        found.lane = Lane(
            source=found.id,
            source_client=name,
            destination=ChainId("eip155:1"),
            destination_client=ClientId("isthmus-0"),
        )
        plain = ADAPTER.build(found.id, found.config, Resources(clock=CLOCK, signers=(owner,)))
        await plain.connect()
        until_s = int(CLOCK.now_s()) + 600
        item = SendTransfer(
            lane=found.lane, denom="stake", amount=1, receiver="0x" + "66" * 20, timeout_s=until_s
        )
        await plain.send([item] * COUNT)
        last = (await plain.status()).head.height + 2
        while (await plain.status()).head.height < last:
            await CLOCK.sleep(0.02)
        found.at = await plain.block(Height(last))
        found.packets = list(await plain.sent(found.lane, Height(1), found.at))
        found.claims = [Sent(packet=each.packet) for each in found.packets]
        found.honest = await plain.update(found.at)
        assert len(found.packets) == COUNT
        await plain.close()
        yield found


@asynccontextmanager
async def opened(world, spoil):
    """Yield a chain whose first endpoint of three lies, and that endpoint's health in the end."""
    async with AsyncExitStack() as stack:
        named = {name: await stack.enter_async_context(liar(world.url)) for name in NAMES}
        endpoints = tuple([EndpointConfig(name=name, rpc_url=each.url) for name, each in named.items()])
        patient = replace(world.config, endpoints=endpoints, request_timeout_s=60.0, straggler_s=60.0)
        chain = ADAPTER.build(world.id, patient, Resources(clock=CLOCK))
        await chain.connect()
        stack.push_async_callback(chain.close)
        spoil(named["bad"].lies)
        yield chain


def held_for(chain) -> str:
    bad, *rest = chain.endpoint_health()
    assert all(each.usable for each in rest)
    return bad.quarantined_for


async def test_a_header_under_a_false_hash_is_a_lie(world) -> None:
    async with opened(world, lambda lies: lies.update(commit=cosmos_liar.another_root)) as chain:
        assert await chain.block(world.at.height) == world.at
        assert held_for(chain) == "forged-header"


async def test_votes_that_are_missing_are_a_lie(world) -> None:
    def absent(_, found):
        changed = copy.deepcopy(found)
        changed["signed_header"]["commit"]["signatures"] = [
            {
                "block_id_flag": 1,
                "validator_address": "",
                "timestamp": "0001-01-01T00:00:00Z",
                "signature": None,
            }
            for _ in changed["signed_header"]["commit"]["signatures"]
        ]
        return changed

    async with opened(world, lambda lies: lies.update(commit=absent)) as chain:
        assert await chain.update(world.at) == world.honest
        assert held_for(chain) == "forged-header"


async def test_an_invalid_vote_is_no_answer_but_no_proof_of_a_lie_for_a_validator_may_have_made_it(
    world,
) -> None:
    def unsigned(_, found):
        changed = copy.deepcopy(found)
        changed["signed_header"]["commit"]["signatures"][0]["signature"] = base64.b64encode(
            bytes(64)
        ).decode()
        return changed

    async with opened(world, lambda lies: lies.update(commit=unsigned)) as chain:
        assert await chain.update(world.at) == world.honest
        assert held_for(chain) == ""


async def test_a_counter_that_its_proof_does_not_show_is_a_lie(world) -> None:
    async with opened(world, lambda lies: lies.update(abci_query=cosmos_liar.another_value)) as chain:
        assert list(await chain.sent(world.lane, Height(1), world.at)) == world.packets
        assert held_for(chain) == "forged-proof"


async def test_a_proof_of_something_else_is_a_lie(world) -> None:
    async with opened(world, lambda lies: lies.update(abci_query=cosmos_liar.another_value)) as chain:
        proofs = await chain.prove(world.lane, world.claims, world.at)
        assert len(proofs.each) == COUNT
        assert held_for(chain) == "forged-proof"


async def test_packets_that_are_left_out_are_missed_and_asked_of_another(world) -> None:
    async with opened(world, lambda lies: lies.update(block_results=cosmos_liar.nothing_happened)) as chain:
        assert list(await chain.sent(world.lane, Height(1), world.at)) == world.packets
        assert held_for(chain) == ""


async def test_one_endpoint_alone_that_leaves_packets_out_is_found_out(world) -> None:
    async with liar(world.url) as only:
        endpoints = (EndpointConfig(name="only", rpc_url=only.url),)
        chain = ADAPTER.build(world.id, replace(world.config, endpoints=endpoints), Resources(clock=CLOCK))
        await chain.connect()
        only.lies["block_results"] = cosmos_liar.nothing_happened
        with pytest.raises(MalformedReply, match=r"expected 1 to 5, got none"):
            await chain.sent(world.lane, Height(1), world.at)
        await chain.close()


async def test_what_one_endpoint_says_of_receipts_does_not_count_against_two(world) -> None:
    def all_settled(_, found):
        is_list = "UnreceivedAcks" in str(_.get("path") if isinstance(_, dict) else _)
        return {**found, "response": {**found["response"], "value": None}} if is_list else found

    async with opened(world, lambda lies: lies.update(abci_query=all_settled)) as chain:
        from proofs.types import Acknowledged

        claims = [Acknowledged(packet=each.packet, acknowledgements=(b"a",)) for each in world.packets]
        assert list(await chain.outstanding(world.lane, claims, world.at)) == [True] * COUNT
