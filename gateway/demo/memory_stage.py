"""The story's ground without any node: two memory chains and three gateways, all in this process.

The gateways are the real ones, built from configuration files, each with its own keys, store and HTTP
address. Only the chains are not: they live and die with the process.
"""

import secrets
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from adapters.memory import audit
from adapters.memory.config import MemoryConfig, chain_spec, store
from adapters.memory.transactions import AddClient, Mint
from adapters.memory.world import MemoryChain, forget, open_chain, validator_addresses
from gateway.config.load import load_config
from gateway.config.plugins import InstalledAdapters
from gateway.demo.ledger import Count
from gateway.demo.stage import Access, Party, greeting, path
from gateway.dev import place, plan, processes
from gateway.dev.ready import until_ready
from gateway.keys.signer import LocalSigner, new_key
from gateway.observe import logs
from gateway.wiring import Gateway, build
from proofs.types import ChainId, Lane
from relays.runtime.clock import SystemClock

_NAMES = {ChainId("memory:alpha"): "Alpha", ChainId("memory:beta"): "Beta"}
_VALIDATORS, _THRESHOLD = 4, 3
_BLOCK_S = 0.5
_APPLICATION = "0x" + "a9" * 20
_DENOM = "coin"


class MemoryStage:
    """See `gateway.demo.stage.Stage`."""

    def __init__(self, chains: Mapping[ChainId, MemoryChain], members: tuple[plan.Member, ...]) -> None:
        self.lanes: tuple[Lane, ...] = _link().lanes()
        self.late: tuple[Lane, ...] = self.lanes[:1]
        self.gateways: Mapping[str, Access] = {
            member.name: Access(url=member.url, key=member.admin_key) for member in members
        }
        self.parties: Mapping[ChainId, Party] = {
            chain: Party(
                sender=self.gateways[member.name],
                application=_APPLICATION,
                account=_account(member),
                denom=_DENOM,
            )
            for chain, member in zip(chains, members, strict=False)
        }
        self._chains = chains

    def message(self, lane: Lane, number: int) -> Mapping[str, Any] | None:
        """See `Stage.message`."""
        return greeting(self.parties[lane.destination].application, number)

    def abroad(self, lane: Lane) -> str:
        """See `Stage.abroad`."""
        return path(lane, self.parties[lane.destination].denom)

    async def counts(self, messages: Mapping[Lane, int]) -> Mapping[Lane, Count]:
        """See `Stage.counts`."""
        return {lane: self._count(lane, messages.get(lane, 0)) for lane in self.lanes}

    def _count(self, lane: Lane, messages: int) -> Count:
        source, destination = self._chains[lane.source], self._chains[lane.destination]
        found = audit.tally(source, destination, lane)
        arrived = destination.state.get(("inbox", _APPLICATION)) or 0
        return Count(
            sent=found.sent,
            delivered=found.delivered,
            acknowledged=found.acknowledged,
            refunded=found.refunded,
            lost=found.sent
            - found.acknowledged
            - found.refunded
            + found.contradicted
            + max(0, messages - arrived),
            duplicated=found.duplicated + max(0, arrived - messages),
        )

    async def unbalanced(self) -> list[str]:
        """See `Stage.unbalanced`: what is locked at home is what is abroad, and nothing was made or burnt."""
        problems = []
        for lane in self.lanes:
            home, abroad = self._chains[lane.source], self._chains[lane.destination]
            kept = audit.supply(home, _DENOM)
            locked = audit.locked(home, lane.source_client, _DENOM)
            away = audit.supply(abroad, f"transfer/{lane.destination_client}/{_DENOM}")
            if kept + locked != plan.TOKENS or locked != away:
                problems.append(
                    f"{lane.source}: {plan.TOKENS} minted, {kept} kept, {locked} locked, {away} abroad"
                )
        return problems


@asynccontextmanager
async def open_stage(tell: Callable[[str], None]) -> AsyncIterator[MemoryStage]:
    """Yield the ground with its gateways running; take everything down afterwards."""
    logs.configure("error")
    directory = Path(tempfile.mkdtemp(prefix="isthmus-demo-"))
    world = f"demo-{secrets.token_hex(4)}"
    gateways: list[Gateway] = []
    try:
        members = tuple(
            plan.member(name, directory / name, processes.free_port(), new_key()) for name in plan.NAMES
        )
        chains = _chains(world, members)
        tell(f"two memory chains: {', '.join(chains)}")
        gateways += _gateways(world, members)
        for gateway in gateways:
            await gateway.start()
        await until_ready({member.name: member.url for member in members})
        tell("three gateways are ready, in this process, each with its own keys, store and address")
        yield MemoryStage(chains, members)
    finally:
        for gateway in gateways:
            await gateway.stop()
        forget(world)
        place.remove(directory)


def _chains(world: str, members: tuple[plan.Member, ...]) -> dict[ChainId, MemoryChain]:
    """Start both chains, with the clients of each other and some tokens."""
    first, second = _NAMES
    clock = SystemClock()
    chains = {name: open_chain(world, name, chain_spec(_config(world, name)), clock) for name in _NAMES}
    dev_chains = (_dev_chain(world, first), _dev_chain(world, second))
    for lane in _link().lanes():
        chains[lane.destination].submit(
            AddClient(
                client=lane.destination_client,
                counterparty=lane.source_client,
                attestors=plan.attestors(members, lane, dev_chains),
                threshold=plan.THRESHOLD,
            )
        )
    for chain, member in zip(chains.values(), members, strict=False):
        chain.submit(Mint(account=_account(member), denom=_DENOM, amount=plan.TOKENS))
        chain.mine()
    return chains


def _gateways(world: str, members: tuple[plan.Member, ...]) -> list[Gateway]:
    """Write each gateway's configuration and keys, and build it from them."""
    first, second = [_dev_chain(world, name) for name in _NAMES]
    plan.write_keys(members)
    plan.write_configs(members, (first, second), [_link()])
    plugins = InstalledAdapters()
    return [build(load_config(member.config_file, plugins), plugins) for member in members]


def _link() -> plan.Link:
    first, second = _NAMES
    return plan.link(first, second)


def _dev_chain(world: str, name: ChainId) -> plan.DevChain:
    config = _config(world, name)
    section = {
        "validators": config.validators,
        "threshold": config.threshold,
        "world": config.world,
        "block_time_s": config.block_time_s,
    }
    address = store(name, config).address
    return plan.DevChain(id=name, name=_NAMES[name], adapter="memory", config=section, store=address)


def _config(world: str, name: ChainId) -> MemoryConfig:
    return MemoryConfig(
        validators=validator_addresses(name, _VALIDATORS),
        threshold=_THRESHOLD,
        world=world,
        block_time_s=_BLOCK_S,
    )


def _account(member: plan.Member) -> str:
    return f"0x{LocalSigner(member.payer).address.hex()}"
