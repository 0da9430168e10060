"""What our signers hold on a real Cosmos chain, over gRPC."""

import pytest

from adapters.api import Resources
from adapters.cosmos import ADAPTER
from adapters.cosmos.config import CosmosConfig, EndpointConfig
from adapters.errors import Refused, TransportError, Underfunded
from adapters.testkit.attesting import Key
from proofs.types import ChainId
from relays.runtime.clock import SystemClock
from tests.support.simd import start_simd

pytestmark = pytest.mark.nodes

RICH, POOR = Key("tests: rich"), Key("tests: poor")


def account(key: Key) -> str:
    return ADAPTER.account(CosmosConfig(endpoints=()), key.public_key)


def chain_over(*grpc_urls: str, prefix: str = "cosmos"):
    endpoints = tuple(
        EndpointConfig(name=f"node {at}", rpc_url="http://127.0.0.1:1", grpc_url=url)
        for at, url in enumerate(grpc_urls)
    )
    config = CosmosConfig(
        endpoints=endpoints,
        trust_height=1,
        trust_hash="11" * 32,
        trusting_period_s=1,
        gas_price="0stake",
        bech32_prefix=prefix,
    )
    return ADAPTER.build(
        ChainId("cosmos:chain-a"), config, Resources(clock=SystemClock(), signers=(RICH, POOR))
    )


async def test_each_signers_coins_are_told_by_the_first_node_that_answers() -> None:
    with start_simd(balances={account(RICH): 700}) as chain:
        held = await chain_over("127.0.0.1:1", chain.node.grpc_target).funds()
        with pytest.raises(Underfunded, match="bech32_prefix"):
            await chain_over(chain.node.grpc_target, prefix="osmo").funds()
    assert [(one.account, one.amount, one.unit) for one in held] == [
        (account(RICH), 700, "stake"),
        (account(POOR), 0, "stake"),
    ]


async def test_without_a_grpc_address_nothing_is_known() -> None:
    with pytest.raises(Refused, match="grpc_url"):
        await chain_over("").funds()


async def test_a_node_that_is_gone_is_named() -> None:
    with pytest.raises(TransportError, match="node 0"):
        await chain_over("127.0.0.1:1").funds()
