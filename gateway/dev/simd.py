"""Simd nodes of the local network: one validator each, a process of its own, with coins for who takes part.

Their consensus is real: blocks are signed, and light clients verify them. Trust begins at a block that the
node itself names, which is good for a playground only.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from adapters.api import Resources
from adapters.cosmos.adapter import open_endpoints
from adapters.cosmos.config import CosmosConfig, EndpointConfig
from adapters.cosmos.devhome import DENOM, DevChainOptions, DevNodeError, environment, prepare
from adapters.cosmos.devnode import arguments, free_ports
from adapters.cosmos.light import Block, read_latest
from adapters.cosmos.tx import address_of
from adapters.errors import AdapterError
from adapters.evm.devnode import DEV_KEYS
from gateway.dev import plan, processes
from gateway.keys.signer import LocalSigner
from proofs.types import ChainId
from relays.runtime.clock import SystemClock

SETTER = LocalSigner(bytes.fromhex(DEV_KEYS[9]))
"""Makes clients and channels, and hands out coins."""

_RICH = 10**12
_BLOCK_S = 0.3
_START_S = 120.0
_POLL_S = 0.1
_TRUSTING_PERIOD_S = 1_209_600
"""Two weeks: two thirds of the unbonding period."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One running chain."""

    id: ChainId
    name: str
    coin: str
    """Its home token, beside the coin that pays fees."""
    rpc_url: str
    config: CosmosConfig


def account(signer: LocalSigner) -> str:
    """Return the account of a key on these chains."""
    return address_of("cosmos", signer.public_key)


async def start_node(
    binary: Path,
    native_id: str,
    name: str,
    holder: str,
    payers: Sequence[str],
    directory: Path,
    started: list[processes.Started],
) -> Node:
    """Start a chain and return when it makes blocks. `holder` gets its home token. Raises `ProcessError`."""
    coin = f"{name.lower()}coin"
    options = DevChainOptions(
        chain_id=native_id,
        balances=dict.fromkeys([*payers, account(SETTER)], _RICH),
        coins={holder: {coin: plan.TOKENS}},
        block_time_s=_BLOCK_S,
    )
    try:
        [home] = await asyncio.to_thread(prepare, binary, options, directory / native_id)
    except DevNodeError as error:
        raise processes.ProcessError(f"{name}: {error}") from error
    ports = free_ports()
    process = processes.start(
        f"simd {native_id}",
        [str(binary), *arguments(options, home, ports, [])],
        log=directory / f"simd-{native_id}.log",
        environment=environment(home.directory),
    )
    started.append(process)
    await processes.until_listening([ports.rpc, ports.grpc], process)
    endpoint = EndpointConfig(
        name="simd",
        rpc_url=f"http://127.0.0.1:{ports.rpc}",
        grpc_url=f"127.0.0.1:{ports.grpc}",
        ws_url=f"ws://127.0.0.1:{ports.rpc}/websocket",
    )
    chain = ChainId(f"cosmos:{native_id}")
    block = await _first_block(chain, native_id, endpoint, process)
    config = CosmosConfig(
        endpoints=(endpoint,),
        trust_height=block.ref.height,
        trust_hash=block.ref.hash.hex(),
        trusting_period_s=_TRUSTING_PERIOD_S,
        poll_s=_POLL_S,
    )
    return Node(id=chain, name=name, coin=coin, rpc_url=endpoint.rpc_url, config=config)


async def _first_block(
    chain: ChainId, native_id: str, endpoint: EndpointConfig, process: processes.Started
) -> Block:
    """Return a block of a chain that has just begun. Raises `ProcessError` when none comes.

    A node shows a block before its application has committed it, and answers nothing about accounts before
    the first commit: that there is a second block says that the first one is committed.
    """
    config = CosmosConfig(endpoints=(endpoint,))
    endpoints = open_endpoints(chain, config, Resources(clock=SystemClock()))
    deadline_s = asyncio.get_running_loop().time() + _START_S
    try:
        while processes.alive(process) and asyncio.get_running_loop().time() < deadline_s:
            with suppress(AdapterError):
                await endpoints.connect()
                block = await endpoints.first(lambda client: read_latest(client, chain, native_id))
                if block.ref.height > 1:
                    return block
            await asyncio.sleep(_POLL_S)
    finally:
        await endpoints.close()
    raise processes.ProcessError(f"{process.name} makes no blocks; it said: {processes.tail(process)!r}")


def dev_chain(node: Node) -> plan.DevChain:
    """Return the chain as gateways are told of it."""
    [endpoint] = node.config.endpoints
    return plan.DevChain(
        id=node.id,
        name=node.name,
        adapter="cosmos",
        config={
            "endpoints": [
                {
                    "name": endpoint.name,
                    "rpc_url": endpoint.rpc_url,
                    "grpc_url": endpoint.grpc_url,
                    "ws_url": endpoint.ws_url,
                }
            ],
            "trust_height": node.config.trust_height,
            "trust_hash": node.config.trust_hash,
            "trusting_period_s": node.config.trusting_period_s,
            "gas_price": f"0.025{DENOM}",
            "poll_s": node.config.poll_s,
        },
        store=b"ibc",
    )
