"""Validators of a real Cosmos chain change while packets cross: clients follow, by bisection if need be."""

import asyncio

import pytest

from adapters.cosmos.devhome import POWER_UNIT
from adapters.cosmos.ibc.clients import hosted
from adapters.cosmos.pb.cosmos.base.v1beta1 import coin_pb2
from adapters.cosmos.pb.cosmos.staking.v1beta1 import tx_pb2 as staking_tx
from adapters.cosmos.pb.ibc.core.client.v1 import query_pb2
from tests.e2e.cosmos.pair import ADMIN, DENOM, Pair, Side, pair

PATIENT_BLOCKS = 3


async def heights(side: Side, client: str) -> set[int]:
    """Return the heights that a client knows, by its chain's own word."""
    question = query_pb2.QueryConsensusStateHeightsRequest(client_id=client)
    method = "/ibc.core.client.v1.Query/ConsensusStateHeights"
    answer = query_pb2.QueryConsensusStateHeightsResponse
    found = await side.host.ask(method, question, answer, await side.host.head())
    return {each.revision_height for each in found.consensus_state_heights}


async def trusted_validators(chains: Pair, client: str) -> bytes:
    """Return the hash of the validators from whom a client on chain-b takes the next header of chain-a."""
    found = await hosted(chains.b.host, client, await chains.b.host.head())
    return found.latest.next_validators_hash


async def empower(chains: Pair, operator: str, power: int) -> None:
    """Delegate to a validator of chain-a, and wait until its power counts."""
    coin = coin_pb2.Coin(denom=DENOM, amount=str(power * POWER_UNIT))
    message = staking_tx.MsgDelegate(delegator_address=ADMIN, validator_address=operator, amount=coin)
    host = chains.a.host
    before = (await host.consensus(await host.head())).next_validators_hash
    await host.execute([message])

    async def changed() -> bool:
        return (await host.consensus(await host.head())).next_validators_hash != before

    await chains.until(changed, what="another set of validators")


@pytest.mark.nodes
@pytest.mark.covers("LC-04")
async def test_packets_cross_while_validators_change_and_when_most_old_ones_are_gone(tmp_path) -> None:
    async with pair(tmp_path, powers=(10, 10, 10)) as chains:
        await chains.start_gateway()
        first, *others = chains.a.chain.nodes
        v1, v2 = chains.v1.there, chains.v2.there
        await chains.transfer(v1, 1)
        await chains.arrived(v1, 1)

        v1_client, v2_client = "07-tendermint-0", v2.destination_client
        old = await trusted_validators(chains, v1_client)
        assert old == await trusted_validators(chains, v2_client)
        await empower(chains, first.home.operator, 5)
        await asyncio.gather(chains.transfer(v1, 10), chains.transfer(chains.v1.back, 10))
        await chains.arrived(v1, 11)
        await chains.arrived(chains.v1.back, 10)
        assert await trusted_validators(chains, v1_client) != old

        await empower(chains, first.home.operator, 1000)
        for node in others:
            await asyncio.to_thread(node.stop, at_once=True)
        alone = await asyncio.to_thread(first.until_height, first.height() + PATIENT_BLOCKS)
        known = await heights(chains.b, v2_client)
        assert await trusted_validators(chains, v2_client) == old
        await chains.transfer(v2, 100)
        await chains.arrived(v2, 100)
        given = sorted(await heights(chains.b, v2_client) - known)
        assert given[-1] > alone, "a header that a third of the old validators signed, and no more"
        assert len(given) > 1, "no step from the old validators leads there"
        await chains.transfer(v1, 100)
        await chains.arrived(v1, 111)
