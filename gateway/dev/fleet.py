"""The three gateways of a local network: keys, configuration, processes, and the record of what runs."""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from adapters.evm.devnode import DEV_KEYS
from gateway.dev import place, plan, processes
from gateway.dev.ready import until_ready
from gateway.keys.signer import LocalSigner

Tell = Callable[[str], None]
"""Told of every step, in a sentence."""


def payers() -> tuple[LocalSigner, ...]:
    """Return who pays for the gateways' transactions, in their order: development chains fund them."""
    return tuple([LocalSigner(bytes.fromhex(key)) for key in DEV_KEYS[: len(plan.NAMES)]])


def members(directory: Path) -> tuple[plan.Member, ...]:
    """Return three gateways with fresh attestor keys."""
    return tuple(
        plan.member(name, directory / name, processes.free_port(), bytes.fromhex(key))
        for name, key in zip(plan.NAMES, DEV_KEYS, strict=False)
    )


def start(who: Sequence[plan.Member]) -> list[processes.Started]:
    """Start the gateways, whose keys and configurations are written, and return at once."""
    return [
        processes.start(
            member.name,
            [sys.executable, "-m", "gateway", "run", "--config", str(member.config_file)],
            log=member.directory / "gateway.log",
            environment={},
        )
        for member in who
    ]


async def run(
    directory: Path,
    who: Sequence[plan.Member],
    chains: Sequence[plan.DevChain],
    links: Sequence[plan.Link],
    nodes: Mapping[str, str],
    contracts: Mapping[str, dict[str, str]],
    started: list[processes.Started],
    tell: Tell,
    *,
    coins: Mapping[str, str] | None = None,
) -> place.Network:
    """Configure and start the gateways, write down what runs, and return it when all of them are ready.

    `started` is what runs already; the gateways are added to it.
    """
    plan.write_configs(who, chains, links)
    tell(f"keys and configuration of three gateways: {', '.join(plan.NAMES)}")
    started += start(who)
    network = place.Network(
        urls={member.name: member.url for member in who},
        admin_keys={member.name: member.admin_key for member in who},
        nodes=dict(nodes),
        contracts=dict(contracts),
        coins=dict(coins or {}),
        links=tuple(links),
        processes=tuple(started),
    )
    place.write(directory, network)
    await until_ready(network.urls, started)
    tell("three gateways are ready, each a process of its own")
    return network
