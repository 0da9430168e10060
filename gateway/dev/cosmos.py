"""The local network on two simd nodes and one anvil, with all lanes between them.

Every node and every gateway is a process of its own.
"""

import asyncio
from pathlib import Path

from adapters.cosmos.ibc.chain import CosmosHost
from adapters.evm import deploy
from gateway.dev import anvil, fleet, ibc, place, plan, processes, simd
from gateway.dev.fleet import Tell
from gateway.keys.signer import LocalSigner

_EVM = (31337, "Alpha")
_COSMOS = (("chain-a", "Hub"), ("chain-b", "Zone"))


async def up(directory: Path, anvil_binary: Path, simd_binary: Path, tell: Tell) -> place.Network:
    """Start everything and return when every gateway is ready. When that fails, stop what was started."""
    place.make(directory)
    started: list[processes.Started] = []
    try:
        return await _up(directory, anvil_binary, simd_binary, tell, started)
    except BaseException:
        processes.stop(started)
        raise


async def _up(
    directory: Path, anvil_binary: Path, simd_binary: Path, tell: Tell, started: list[processes.Started]
) -> place.Network:
    members = fleet.members(directory)
    keys = asyncio.create_task(asyncio.to_thread(plan.write_keys, members))
    evm, cosmos = await asyncio.gather(
        anvil.start_node(anvil_binary, *_EVM, directory, started),
        asyncio.gather(*[_start_simd(simd_binary, at, members, directory, started) for at in (0, 1)]),
    )
    tell(f"one EVM chain: {evm.name} ({evm.id}) at {evm.url}")
    tell(f"two Cosmos chains: {', '.join(f'{node.name} ({node.id}) at {node.rpc_url}' for node in cosmos)}")
    async with ibc.open_hosts(cosmos) as hosts:
        deployment, light = await asyncio.gather(anvil.install(evm, members[0].payer), ibc.connect(*hosts))
        v1, v2 = light
        tell(f"Hub and Zone verify each other: {v1.first_client} (IBC v1), {v2.first_client} (IBC v2)")
        chains = (anvil.dev_chain(evm, deployment), *map(simd.dev_chain, cosmos))
        attested = tuple([ibc.attested_link(chains[0], number, one) for number, one in enumerate(chains[1:])])
        await _attest(evm, deployment, hosts, members, chains, attested)
        tell("attested by 2 of 3 between Alpha and each of them: our contracts there, the stock client here")
    await keys
    return await fleet.run(
        directory,
        members,
        chains,
        [*attested, v1, v2],
        {str(evm.id): evm.url, **{node.id: node.rpc_url for node in cosmos}},
        {evm.id: anvil.addresses(deployment)},
        started,
        tell,
        coins={node.id: node.coin for node in cosmos},
    )


async def _start_simd(
    binary: Path,
    number: int,
    members: tuple[plan.Member, ...],
    directory: Path,
    started: list[processes.Started],
) -> simd.Node:
    """Start one Cosmos chain. The first gateway sends from the EVM chain, the next ones from these."""
    payers = [simd.account(LocalSigner(member.payer)) for member in members]
    return await simd.start_node(binary, *_COSMOS[number], payers[number + 1], payers, directory, started)


async def _attest(
    evm: anvil.Node,
    deployment: deploy.Deployment,
    hosts: tuple[CosmosHost, ...],
    members: tuple[plan.Member, ...],
    chains: tuple[plan.DevChain, ...],
    links: tuple[plan.Link, ...],
) -> None:
    """Make the clients at both ends of these links, and fund who acts for the calls of the first gateway."""
    block = await anvil.final_block(evm)
    sender = LocalSigner(members[0].payer).address

    async def on_cosmos(host: CosmosHost, link: plan.Link) -> None:
        there, _ = link.lanes()
        await ibc.host_attested(host, there, plan.attestors(members, there, chains), block)
        await ibc.fund(host, ibc.caller(there, sender))

    backs = [link.lanes()[1] for link in links]
    setups = [anvil.client_setup(back, plan.attestors(members, back, chains)) for back in backs]
    await asyncio.gather(
        anvil.host_clients(evm, deployment, setups),
        *[on_cosmos(host, link) for host, link in zip(hosts, links, strict=True)],
    )
