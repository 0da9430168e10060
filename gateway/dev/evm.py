"""The local network on two anvil nodes: every node and every gateway is a process of its own.

Blocks come every second and are final two blocks later. The chains have no consensus to verify, so their
lanes are `unsafe`, and say so everywhere.
"""

import asyncio
import os
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from adapters.api import Resources
from adapters.evm import deploy
from adapters.evm.devnode import DEV_KEYS, DevNodeOptions, find_anvil
from gateway.dev import place, plan, processes
from gateway.dev.ready import until_ready
from gateway.keys.signer import LocalSigner
from proofs.types import ChainId, Lane
from relays.runtime.clock import SystemClock

TOKENS = 1_000_000
"""Test tokens of each chain's home token, given to the gateway that sends from it."""

_CHAINS = ((31337, "Alpha"), (31338, "Beta"))
_START_S = 15.0

Tell = Callable[[str], None]
"""Told of every step, in a sentence."""


class NoAnvil(Exception):  # noqa: N818 - a condition named for what it says
    """There is no anvil on this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One running chain."""

    id: ChainId
    name: str
    url: str
    process: processes.Started


def anvil_binary() -> Path:
    """Return the anvil binary. Raises `NoAnvil` with what to do."""
    folder = os.environ.get("ISTHMUS_NODE_MODULES", "")
    binary = find_anvil(Path(folder)) if folder else None
    if binary is None:
        where = f"there is none in {folder}" if folder else "ISTHMUS_NODE_MODULES is not set"
        raise NoAnvil(f"no anvil: {where}; `make nodes` installs it with npm")
    return binary


async def up(directory: Path, binary: Path, tell: Tell) -> place.Network:
    """Start everything and return when every gateway is ready. When that fails, stop what was started."""
    place.make(directory)
    started: list[processes.Started] = []
    try:
        return await _up(directory, binary, tell, started)
    except BaseException:
        processes.stop(started)
        raise


async def _up(directory: Path, binary: Path, tell: Tell, started: list[processes.Started]) -> place.Network:
    nodes = [await _start_node(binary, number, name, directory, started) for number, name in _CHAINS]
    tell(f"two chains: {', '.join(f'{node.name} ({node.id}) at {node.url}' for node in nodes)}")
    members = tuple(
        plan.member(name, directory / name, free_port(), bytes.fromhex(key))
        for name, key in zip(plan.NAMES, DEV_KEYS, strict=False)
    )
    keys = asyncio.create_task(asyncio.to_thread(plan.write_keys, members))
    deployments = await _contracts(nodes, members)
    tell("contracts on both: router, attestation client (2 of 3), messages, token transfer")
    await keys
    plan.write_configs(members, _dev_chains(nodes, deployments), unsafe=True)
    tell("keys and configuration of three gateways: alpha, beta, gamma")
    started += [_start_gateway(member) for member in members]
    network = place.Network(
        urls={member.name: member.url for member in members},
        admin_keys={member.name: member.admin_key for member in members},
        nodes={node.id: node.url for node in nodes},
        contracts={node.id: _addresses(found) for node, found in zip(nodes, deployments, strict=True)},
        processes=tuple(started),
    )
    place.write(directory, network)
    await until_ready(network.urls, started)
    tell("three gateways are ready, each a process of its own")
    return network


async def _start_node(
    binary: Path, number: int, name: str, directory: Path, started: list[processes.Started]
) -> Node:
    port = free_port()
    options = DevNodeOptions(chain_id=number, block_time_s=1)
    process = processes.start(
        f"anvil {number}",
        [str(binary), "--quiet", *options.arguments(port)],
        log=directory / f"anvil-{number}.log",
        environment={},
    )
    started.append(process)
    await _listening(port, process)
    return Node(id=ChainId(f"eip155:{number}"), name=name, url=f"http://127.0.0.1:{port}", process=process)


async def _listening(port: int, process: processes.Started) -> None:
    deadline_s = asyncio.get_running_loop().time() + _START_S
    while processes.alive(process) and asyncio.get_running_loop().time() < deadline_s:
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.05)
    raise processes.ProcessError(f"{process.name} does not listen; it said: {processes.tail(process)!r}")


async def _contracts(nodes: Sequence[Node], members: tuple[plan.Member, ...]) -> list[deploy.Deployment]:
    """Deploy to both nodes, then connect them: who attests depends on where both routers are."""
    payers = [member.payer for member in members]
    pairs = zip(nodes, payers, strict=False)
    deployments = await asyncio.gather(*[_deploy(node, payer) for node, payer in pairs])
    chains = _dev_chains(nodes, deployments)
    first, second = nodes
    await asyncio.gather(
        _connect(first, second, deployments[0], plan.attestors(members, _lane(second, first), chains)),
        _connect(second, first, deployments[1], plan.attestors(members, _lane(first, second), chains)),
    )
    return deployments


async def _deploy(node: Node, owner: bytes) -> deploy.Deployment:
    """Deploy to one node, and give the holder of this key its tokens."""
    async with deploy.deployer(node.id, node.url, _admin()) as sender:
        deployment = await deploy.deploy(sender, node.id)
        await deploy.mint(sender, deployment, LocalSigner(owner).address, TOKENS)
    return deployment


async def _connect(
    node: Node, other: Node, deployment: deploy.Deployment, attestors: tuple[bytes, ...]
) -> None:
    """Host the light client of the other chain, which believes these attestors."""
    client = deploy.ClientSetup(
        client=plan.CLIENT,
        counterparty=plan.CLIENT,
        counterparty_chain=other.id,
        attestors=attestors,
        threshold=plan.THRESHOLD,
    )
    async with deploy.deployer(node.id, node.url, _admin()) as sender:
        await deploy.add_clients(sender, deployment, [client])


def _lane(source: Node, destination: Node) -> Lane:
    return plan.lanes(source.id, destination.id)[0]


def _admin() -> Resources:
    return Resources(clock=SystemClock(), signers=(LocalSigner(bytes.fromhex(DEV_KEYS[9])),))


def _dev_chains(
    nodes: Sequence[Node], deployments: Sequence[deploy.Deployment]
) -> tuple[plan.DevChain, plan.DevChain]:
    first, second = [_dev_chain(node, found) for node, found in zip(nodes, deployments, strict=True)]
    return first, second


def _dev_chain(node: Node, found: deploy.Deployment) -> plan.DevChain:
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


def _start_gateway(member: plan.Member) -> processes.Started:
    return processes.start(
        member.name,
        [sys.executable, "-m", "gateway", "run", "--config", str(member.config_file)],
        log=member.directory / "gateway.log",
        environment={},
    )


def _addresses(found: deploy.Deployment) -> dict[str, str]:
    return {name: str(value) for name, value in asdict(found).items() if str(value).startswith("0x")}


def free_port() -> int:
    """Return a port of the loopback interface that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
