"""Anvil nodes of the local network: each a process of its own, with our contracts on it.

Blocks come every second and are final two blocks later. Such a chain has no consensus to verify, so its lanes
are `unsafe`, and say so everywhere.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from adapters.api import Resources
from adapters.evm import deploy
from adapters.evm.blocks import Block, read_block
from adapters.evm.devnode import DEV_KEYS, DevNodeOptions
from gateway.dev import plan, processes
from gateway.keys.signer import LocalSigner
from proofs.types import ChainId, Lane
from relays.runtime.clock import SystemClock


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One running chain."""

    id: ChainId
    name: str
    url: str


async def start_node(
    binary: Path, number: int, name: str, directory: Path, started: list[processes.Started]
) -> Node:
    """Start a node and return when it listens. Raises `ProcessError`."""
    port = processes.free_port()
    options = DevNodeOptions(chain_id=number, block_time_s=1)
    process = processes.start(
        f"anvil {number}",
        [str(binary), "--quiet", *options.arguments(port)],
        log=directory / f"anvil-{number}.log",
        environment={},
    )
    started.append(process)
    await processes.until_listening([port], process)
    return Node(id=ChainId(f"eip155:{number}"), name=name, url=f"http://127.0.0.1:{port}")


async def install(node: Node, owner: bytes) -> deploy.Deployment:
    """Deploy to one node, and give the holder of this key its tokens."""
    async with deploy.deployer(node.id, node.url, _admin()) as sender:
        deployment = await deploy.deploy(sender, node.id)
        await deploy.mint(sender, deployment, LocalSigner(owner).address, plan.TOKENS)
    return deployment


def client_setup(lane: Lane, attestors: tuple[bytes, ...]) -> deploy.ClientSetup:
    """Return the client of our contracts on which this lane arrives."""
    return deploy.ClientSetup(
        client=lane.destination_client,
        counterparty=lane.source_client,
        counterparty_chain=lane.source,
        attestors=attestors,
        threshold=plan.THRESHOLD,
    )


async def host_clients(
    node: Node, deployment: deploy.Deployment, setups: Sequence[deploy.ClientSetup]
) -> None:
    """Host light clients of other chains, which believe attestors."""
    async with deploy.deployer(node.id, node.url, _admin()) as sender:
        await deploy.add_clients(sender, deployment, setups)


async def final_block(node: Node) -> Block:
    """Return the newest final block."""
    async with deploy.deployer(node.id, node.url, _admin()) as sender:
        return await sender.endpoints.first(lambda client: read_block(client, node.id, "finalized"))


def dev_chain(node: Node, found: deploy.Deployment) -> plan.DevChain:
    """Return the chain as gateways are told of it."""
    return plan.DevChain(
        id=node.id,
        name=node.name,
        adapter="evm",
        config={
            "endpoints": [{"name": "anvil", "url": node.url}],
            "router": found.router,
            "erc7786_gateway": found.erc7786_gateway,
            "transfer": found.transfer,
            "start_height": found.start_height,
            "poll_s": 0.25,
            "in_flight_window": 64,
        },
        store=bytes.fromhex(found.router[2:]),
    )


def addresses(found: deploy.Deployment) -> dict[str, str]:
    """Return the contracts, by name."""
    return {name: str(value) for name, value in asdict(found).items() if str(value).startswith("0x")}


def _admin() -> Resources:
    return Resources(clock=SystemClock(), signers=(LocalSigner(bytes.fromhex(DEV_KEYS[9])),))
