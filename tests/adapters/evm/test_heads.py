"""Heads and finality on a real node: what wakes us, and what we make of the tags."""

import asyncio

import pytest

from adapters.errors import NotYetAvailable
from adapters.evm.adapter import EvmChain
from adapters.evm.config import EndpointConfig
from proofs.records import replace
from proofs.types import Height
from tests.adapters.evm.test_sender import Node
from tests.support.anvil import start_anvil
from tests.support.evm import A, config, resources

pytestmark = pytest.mark.nodes


async def opened(node, **changes):
    chain = EvmChain(A, replace(config(node), **changes), resources())
    await chain.connect()
    return chain


async def wakes(chain, node, times):
    """Return after so many wake-ups, mining whenever we are asleep for a moment."""
    heads = chain.heads()
    async with asyncio.timeout(60):
        for _ in range(times):
            waiting = asyncio.ensure_future(anext(heads))
            while not (await asyncio.wait({waiting}, timeout=0.1))[0]:
                await Node(node).mine()
            await waiting
    await heads.aclose()


async def test_new_heads_arrive_over_the_socket():
    with start_anvil(block_time_s=3600) as node:
        chain = await opened(node, poll_s=3600.0)
        await wakes(chain, node, 3)
        await chain.close()


async def test_polling_takes_over_where_no_socket_answers():
    with start_anvil(block_time_s=3600) as node:
        deaf = EndpointConfig(name="one", url=node.url, ws_url="ws://127.0.0.1:9")
        chain = await opened(node, poll_s=0.01, endpoints=(deaf,))
        await wakes(chain, node, 3)
        await chain.close()


async def test_confirmations_count_from_the_head():
    with start_anvil(block_time_s=3600) as node:
        chain = await opened(node, finality="confirmations", confirmations=5, accept_reorg_risk=True)
        assert (await chain.status()).finalized.height == 0
        await Node(node).mine(12)
        status = await chain.status()
        assert (status.head.height, status.finalized.height) == (12, 7)
        assert await chain.block(Height(7)) == status.finalized
        with pytest.raises(NotYetAvailable):
            await chain.block(Height(13))
        await chain.close()


async def test_the_finalized_height_never_goes_back_within_a_connection():
    with start_anvil(block_time_s=3600) as node:
        chain = await opened(node)
        await Node(node).mine(20)
        before = await chain.status()
        await Node(node).rpc("anvil_rollback", 10)
        after = await chain.status()
        assert after.finalized == before.finalized
        await chain.close()
