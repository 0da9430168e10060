"""Connects the chains of the local network: light clients of each other, attested clients, one channel.

Between two Cosmos chains: a channel of IBC v1 and a pair of clients of IBC v2, each on 07-tendermint clients
of its own. Between an EVM chain and a Cosmos chain: our attestation client there, the stock `attestations`
client here. Attestors' keys follow from both clients' names, so names are known beforehand, and checked.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from adapters.api import Resources
from adapters.cosmos.devhome import DENOM
from adapters.cosmos.ibc import clients
from adapters.cosmos.ibc.chain import CosmosHost, open_host
from adapters.cosmos.ibc.channels import ChannelTerms, open_channel, place
from adapters.cosmos.ibc.connections import open_connection
from adapters.cosmos.pb.cosmos.bank.v1beta1 import tx_pb2 as bank_tx
from adapters.cosmos.pb.cosmos.base.v1beta1 import coin_pb2
from adapters.evm.blocks import Block
from gateway.dev import plan, processes, simd
from proofs import bech32
from proofs.apps import gmp
from proofs.ids import format_evm_address
from proofs.types import ClientId, Lane
from relays.runtime.clock import SystemClock
from relays.runtime.trust import TrustBook

_ATTESTED = ClientId("attestations-2")
"""The third client that a fresh chain makes: before it come those of the channel and of IBC v2."""

_CALLS = 1_000_000
"""Coins of the account that acts for calls from EVM."""


@asynccontextmanager
async def open_hosts(nodes: Sequence[simd.Node]) -> AsyncIterator[tuple[CosmosHost, CosmosHost]]:
    """Yield both chains, ready to be set up."""
    resources = Resources(clock=SystemClock(), signers=(simd.SETTER,))
    one, two = nodes
    async with (
        open_host(one.id, one.config, resources, TrustBook) as first,
        open_host(two.id, two.config, resources, TrustBook) as second,
    ):
        yield first, second


async def connect(first: CosmosHost, second: CosmosHost) -> tuple[plan.Link, plan.Link]:
    """Connect two fresh Cosmos chains by a channel and by clients of IBC v2; return the links, in order."""
    on_first, on_second = await _clients(first, second)
    v2_first, v2_second = await _clients(first, second)
    await asyncio.gather(
        clients.register_counterparty(first, v2_first, v2_second, clients.TENDERMINT_PREFIX),
        clients.register_counterparty(second, v2_second, v2_first, clients.TENDERMINT_PREFIX),
    )
    connection = await open_connection(first, on_first, second, on_second)
    channel = await open_channel(
        await place(first, connection.first, "transfer"),
        await place(second, connection.second, "transfer"),
        ChannelTerms(version="ics20-1"),
    )
    return (
        _link(first, ClientId(channel.first), second, ClientId(channel.second)),
        _link(first, v2_first, second, v2_second),
    )


async def _clients(first: CosmosHost, second: CosmosHost) -> tuple[ClientId, ClientId]:
    return await asyncio.gather(
        clients.create_tendermint_client(first, second), clients.create_tendermint_client(second, first)
    )


def _link(first: CosmosHost, on_first: ClientId, second: CosmosHost, on_second: ClientId) -> plan.Link:
    return plan.Link(
        first=first.chain,
        first_client=on_first,
        second=second.chain,
        second_client=on_second,
        light_client=True,
    )


def attested_link(evm: plan.DevChain, number: int, cosmos: plan.DevChain) -> plan.Link:
    """Return the link between an EVM chain and one of the Cosmos chains, whose clients need not exist."""
    client = ClientId(f"attestations-{number}")
    return plan.Link(
        first=evm.id, first_client=client, second=cosmos.id, second_client=_ATTESTED, unsafe=True
    )


async def host_attested(host: CosmosHost, lane: Lane, attestors: Sequence[bytes], block: Block) -> None:
    """Make the client on which this lane arrives, after `connect`; `block` is a final one of its source.

    Raises `ProcessError` when the chain gives it another name.
    """
    client = await clients.create_attestations_client(
        host, attestors, plan.THRESHOLD, block.ref.height, block.time_s
    )
    if client != lane.destination_client:
        told = f"expected the client {lane.destination_client}, got {client}"
        raise processes.ProcessError(f"{host.chain}: {told}: these attestors sign for another")
    await clients.register_counterparty(host, client, lane.source_client, clients.ATTESTATIONS_PREFIX)


def caller(lane: Lane, sender: bytes) -> str:
    """Return the account that carries out, at the lane's end, the calls of this EVM account (20 bytes)."""
    address = gmp.account_address(lane.destination_client, format_evm_address(sender), b"")
    return bech32.encode("cosmos", address)


async def fund(host: CosmosHost, receiver: str) -> None:
    """Give coins to an account, so that calls may spend them."""
    coins = [coin_pb2.Coin(denom=DENOM, amount=str(_CALLS))]
    await host.execute([bank_tx.MsgSend(from_address=host.signer, to_address=receiver, amount=coins)])
