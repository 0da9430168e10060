"""Ordered channels between two real Cosmos chains: interchain accounts act in order, or not at all."""

import json

import pytest

from adapters.cosmos.ibc.channels import ChannelTerms, channel_end, close_channel, place
from adapters.cosmos.pb.cosmos.bank.v1beta1 import tx_pb2 as bank_tx
from adapters.cosmos.pb.cosmos.base.v1beta1 import coin_pb2
from proofs.pb.ibc.core.channel.v1 import channel_pb2
from tests.e2e.cosmos.pair import ADMIN, DENOM, FORWARDED, Pair, Route, channel, pair
from tests.support.cosmos_accounts import HOST_PORT, controller_port, execute, register

PORT = controller_port(ADMIN)
COUNT = 40


def pay(sender: str, receiver: str, amount: int) -> bank_tx.MsgSend:
    coin = coin_pb2.Coin(denom=DENOM, amount=str(amount))
    return bank_tx.MsgSend(from_address=sender, to_address=receiver, amount=[coin])


async def opened(chains: Pair) -> tuple[Route, str]:
    """Return the ordered channel of a new account on chain-b that `ADMIN` controls, and its address."""
    await chains.a.host.execute([register(ADMIN, chains.connections[0])])
    terms = ChannelTerms(version="", ordered=True)
    route = await channel(chains.a, chains.b, chains.connections, (PORT, HOST_PORT), terms)
    end = await channel_end(chains.a.host, PORT, route.there.source_client)
    assert end.ordering == channel_pb2.ORDER_ORDERED
    account = json.loads(end.version)["address"]
    await chains.b.host.execute([pay(ADMIN, account, 1_000_000)])
    return route, account


async def next_received(chains: Pair, route: Route) -> int:
    key = f"nextSequenceRecv/ports/{HOST_PORT}/channels/{route.there.destination_client}"
    return int.from_bytes(await chains.b.holds(key.encode(), await chains.b.host.head()), "big")


async def under_way(chains: Pair, route: Route, sequences: range) -> list[int]:
    """Return those whose commitments stand on chain-a."""
    keys = [
        f"commitments/ports/{PORT}/channels/{route.there.source_client}/sequences/{number}".encode()
        for number in sequences
    ]
    found = await chains.a.host.stored(keys, await chains.a.host.head())
    return [number for number, each in zip(sequences, found, strict=True) if each.value]


@pytest.mark.nodes
async def test_an_ordered_channel_delivers_in_order_and_what_is_late_closes_it(tmp_path) -> None:
    async with pair(tmp_path) as chains:
        route, account = await opened(chains)
        relayer = await chains.start_gateway(route)
        act = [
            execute(ADMIN, chains.connections[0], [pay(account, FORWARDED, number)], 600)
            for number in range(1, COUNT + 1)
        ]
        everything = range(1, COUNT + 1)

        async def settled(sequences: range) -> bool:
            return not await under_way(chains, route, sequences)

        async def begun() -> bool:
            return await next_received(chains, route) > 1

        await chains.a.host.execute(act[: COUNT // 2])
        await chains.until(begun, what="the first is received")
        relayer.kill()
        await chains.a.host.execute(act[COUNT // 2 :])
        assert await under_way(chains, route, everything)
        await chains.restart_gateway(relayer)
        await chains.until(lambda: settled(everything), what="all acknowledged")
        assert await next_received(chains, route) == COUNT + 1
        assert await chains.b.balance(FORWARDED) == sum(everything)

        late = execute(ADMIN, chains.connections[0], [pay(account, FORWARDED, 1000)], 1)
        await chains.a.host.execute([late, act[0], act[1]])
        behind = range(COUNT + 2, COUNT + 4)
        await chains.until(lambda: settled(range(COUNT + 1, COUNT + 2)), what="the late one times out")
        end = await channel_end(chains.a.host, PORT, route.there.source_client)
        assert end.state == channel_pb2.STATE_CLOSED
        assert await under_way(chains, route, behind) == list(behind)

        await close_channel(
            await place(chains.a.host, chains.connections[0], PORT),
            route.there.source_client,
            await place(chains.b.host, chains.connections[1], HOST_PORT),
            route.there.destination_client,
        )
        await chains.until(lambda: settled(behind), what="those behind it time out, the channel is closed")
        assert await next_received(chains, route) == COUNT + 1
        assert await chains.b.balance(FORWARDED) == sum(everything)
