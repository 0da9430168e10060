"""Two deployments on the same chains, with the same client ids and the same master seeds."""

import asyncio
import time
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from adapters.api import Included, SendMessage
from adapters.errors import Refused
from adapters.evm.adapter import EvmChain
from adapters.evm.deploy import ClientSetup, add_clients, deploy, deployer
from adapters.testkit.attesting import delivery_of
from gateway.keys.derive import attestor_key
from proofs.types import Sent
from tests.support.anvil import start_anvil
from tests.support.evm import LANE, A, B, Side, config, final_at_least, proven, resources, until_included

pytestmark = pytest.mark.nodes

SEEDS = tuple(bytes([number]) * 32 for number in (1, 2, 3))


def keys(lane, here, there):
    """The attestors' keys for a lane between two sides."""
    return [attestor_key(seed, lane, here.chain.store.address, there.chain.store.address) for seed in SEEDS]


async def side(node, name):
    async with deployer(name, node.url, resources(9), poll_s=0.05) as sender:
        deployed = await deploy(sender, name)
    settings = config(node, deployed)
    return Side(node, deployed, EvmChain(name, settings, resources(0)), settings)


async def host(one, incoming, attestors):
    """Give a side the client that is the destination of this lane."""
    setup = ClientSetup(
        client=incoming.destination_client,
        counterparty=incoming.source_client,
        counterparty_chain=incoming.source,
        attestors=tuple([key.address for key in attestors]),
        threshold=2,
    )
    async with deployer(one.chain.chain_id, one.node.url, resources(9), poll_s=0.05) as sender:
        await add_clients(sender, one.deployed, [setup])


@asynccontextmanager
async def two_deployments():
    """Yield (A, B) of the first deployment, and then of its sister."""
    with start_anvil(chain_id=31337) as node_a, start_anvil(chain_id=31338) as node_b:
        found = []
        async with AsyncExitStack() as stack:
            for _ in range(2):
                a, b = await asyncio.gather(side(node_a, A), side(node_b, B))
                await asyncio.gather(
                    host(a, LANE.reverse(), keys(LANE.reverse(), b, a)), host(b, LANE, keys(LANE, a, b))
                )
                for one in (a, b):
                    stack.push_async_callback(one.chain.close)
                    await one.chain.connect()
                found.append((a, b))
            yield found


async def test_what_was_attested_for_one_deployment_is_refused_by_its_sister():
    async with two_deployments() as ((a, b), (sister_a, sister_b)):
        assert {a.deployed.router, b.deployed.router}.isdisjoint(
            {sister_a.deployed.router, sister_b.deployed.router}
        )
        recipient = b.deployed.sample_app
        request = SendMessage(lane=LANE, recipient=recipient, payload=b"x", timeout_s=int(time.time()) + 3600)
        await a.chain.send([request])
        at = (await final_at_least(a.chain, (await a.chain.status()).head.height)).finalized
        claims = [Sent(packet=each.packet) for each in await a.chain.sent(LANE, a.deployed.start_height, at)]
        assert len(claims) == 1
        delivery = delivery_of(LANE, await proven(a, LANE, claims, at), keys(LANE, a, b)[:2])

        with pytest.raises(Refused, match="UnknownSigner"):
            await sister_b.chain.submit(delivery)
        head = (await sister_b.chain.status()).head
        assert list(await sister_b.chain.outstanding(LANE, claims, head)) == [True]

        included = await until_included(b.chain, await b.chain.submit(delivery))
        assert isinstance(included, Included)
        assert included.succeeded, included.detail
        head = (await b.chain.status()).head
        assert list(await b.chain.outstanding(LANE, claims, head)) == [False]
