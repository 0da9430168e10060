"""The local network on two anvil nodes: every node and every gateway is a process of its own."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from adapters.evm import deploy
from gateway.dev import anvil, fleet, place, plan, processes
from gateway.dev.fleet import Tell

_CHAINS = ((31337, "Alpha"), (31338, "Beta"))


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
    nodes = [await anvil.start_node(binary, number, name, directory, started) for number, name in _CHAINS]
    tell(f"two chains: {', '.join(f'{node.name} ({node.id}) at {node.url}' for node in nodes)}")
    members = fleet.members(directory)
    link = plan.link(nodes[0].id, nodes[1].id, unsafe=True)
    keys = asyncio.create_task(asyncio.to_thread(plan.write_keys, members))
    deployments = await _contracts(nodes, members, link)
    tell("contracts on both: router, attestation client (2 of 3), messages, token transfer")
    await keys
    return await fleet.run(
        directory,
        members,
        _dev_chains(nodes, deployments),
        [link],
        {node.id: node.url for node in nodes},
        {node.id: anvil.addresses(found) for node, found in zip(nodes, deployments, strict=True)},
        started,
        tell,
    )


async def _contracts(
    nodes: Sequence[anvil.Node], members: Sequence[plan.Member], link: plan.Link
) -> list[deploy.Deployment]:
    """Deploy to both nodes, then connect them: who attests depends on where both routers are."""
    payers = [member.payer for member in members]
    pairs = zip(nodes, payers, strict=False)
    deployments = await asyncio.gather(*[anvil.install(node, payer) for node, payer in pairs])
    chains = _dev_chains(nodes, deployments)
    there, back = link.lanes()
    arriving = [anvil.client_setup(lane, plan.attestors(members, lane, chains)) for lane in (back, there)]
    await asyncio.gather(
        *[
            anvil.host_clients(node, deployment, [setup])
            for node, deployment, setup in zip(nodes, deployments, arriving, strict=True)
        ]
    )
    return deployments


def _dev_chains(
    nodes: Sequence[anvil.Node], deployments: Sequence[deploy.Deployment]
) -> tuple[plan.DevChain, ...]:
    return tuple([anvil.dev_chain(node, found) for node, found in zip(nodes, deployments, strict=True)])
