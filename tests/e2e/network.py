"""A local network for tests: real nodes and three gateways as processes, to be killed and started again.

What is counted is counted from the chains' own state (`gateway.demo.books`), never from a gateway's word.
"""

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from adapters.evm.devnode import DEV_KEYS
from gateway.cli.client import request
from gateway.demo import cosmos_stage, evm_stage
from gateway.demo.ledger import Count
from gateway.demo.stage import Stage
from gateway.dev import cosmos, evm, place, processes
from gateway.dev.ready import until_ready
from gateway.keys.signer import LocalSigner
from proofs.types import ChainId, Lane
from tests.support.anvil import anvil_binary
from tests.support.simd import simd_binary

PATIENCE_S = 300.0
"""Only bounds a wait that would never end."""
_ENDS = ("source", "source_client", "destination", "destination_client")


class Network:
    """The running network, and what may be done to it."""

    def __init__(
        self, directory: Path, stage: Stage, nodes: Sequence[str], started: Mapping[str, processes.Started]
    ) -> None:
        self.directory = directory
        self._nodes = tuple(nodes)
        self.stage = stage
        self.processes = dict(started)
        self.messages: dict[Lane, int] = {}
        self.lane_ids: dict[Lane, str] = {}

    async def learn_lanes(self) -> None:
        views = (await self.ask("alpha", "GET", "/v1/lanes"))["lanes"]
        self.lane_ids = {lane: self._id_of(lane, views) for lane in self.stage.lanes}

    def _id_of(self, lane: Lane, views: list[dict[str, Any]]) -> str:
        (found,) = [view["id"] for view in views if lane == Lane(**{end: view[end] for end in _ENDS})]
        return found

    async def ask(self, gateway: str, method: str, path: str, body: Any = None) -> Any:
        access = self.stage.gateways[gateway]
        return await request(access.url, method, path, key=access.key, body=body)

    async def send(self, lane: Lane, count: int, *, lifetime_s: int = 3600) -> list[str]:
        """Send messages from the lane's source through its sender gateway; return their ids."""
        access = self.stage.parties[lane.source].sender
        first = self.messages.get(lane, 0)
        sent: list[str] = []
        for start in range(first, first + count, 100):
            timeout_s = int(time.time()) + lifetime_s
            items = [
                {**self.stage.message(lane, number), "timeout_s": timeout_s}
                for number in range(start, min(start + 100, first + count))
            ]
            body = {"lane": self.lane_ids[lane], "items": items}
            answer = await request(access.url, "POST", "/v1/messages", key=access.key, body=body)
            sent += answer["message_ids"]
        self.messages[lane] = first + count
        return sent

    async def send_tokens(self, lane: Lane, amount: int, *, lifetime_s: int = 3600) -> int:
        """Send home tokens of the lane's source; return the packet's timeout."""
        access = self.stage.parties[lane.source].sender
        timeout_s = int(time.time()) + lifetime_s
        item = {
            "kind": "transfer",
            "denom": self.stage.parties[lane.source].denom,
            "amount": str(amount),
            "receiver": self.stage.parties[lane.destination].account,
            "timeout_s": timeout_s,
        }
        body = {"lane": self.lane_ids[lane], "items": [item]}
        await request(access.url, "POST", "/v1/messages", key=access.key, body=body)
        return timeout_s

    async def counts(self) -> Mapping[Lane, Count]:
        return await self.stage.counts(self.messages)

    async def until(
        self, done: Callable[[Mapping[Lane, Count]], bool], *, patience_s: float = PATIENCE_S
    ) -> Mapping[Lane, Count]:
        """Return the chains' count once it is so; fail with the last count when patience ends."""
        deadline_s = time.monotonic() + patience_s
        while True:
            counts = await self.counts()
            if done(counts):
                return counts
            if time.monotonic() > deadline_s:
                raise AssertionError(f"gave up after {patience_s:.0f} s: {dict(counts)}")
            await asyncio.sleep(0.2)

    async def until_final(self, chain: ChainId, time_s: int) -> None:
        """Return once a final block of the chain is at or past this time."""
        deadline_s = time.monotonic() + PATIENCE_S
        while ((await self.ask("alpha", "GET", f"/v1/chains/{chain}"))["finalized_time_s"] or 0) < time_s:
            if time.monotonic() > deadline_s:
                raise AssertionError(f"{chain} did not reach {time_s}")
            await asyncio.sleep(0.2)

    async def endpoints(self, gateway: str, chain: ChainId) -> dict[str, tuple[str, str]]:
        """Return name -> state and reason of a chain's endpoints, once none cools off, as slow ones do."""
        deadline_s = time.monotonic() + PATIENCE_S
        while True:
            listed = (await self.ask(gateway, "GET", f"/v1/chains/{chain}"))["endpoints"]
            found = {one["name"]: (one["state"], one["reason"]) for one in listed}
            if all(state != "cooling" for state, _ in found.values()) or time.monotonic() > deadline_s:
                return found
            await asyncio.sleep(0.2)

    async def settled(self, *, patience_s: float = PATIENCE_S) -> Mapping[Lane, Count]:
        """Return the count once every packet is acknowledged or refunded."""
        return await self.until(
            lambda counts: all(one.settled() for one in counts.values()), patience_s=patience_s
        )

    def kill(self, name: str) -> None:
        """End a gateway as a power cut would."""
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        processes.stop([process])

    async def start(self, name: str) -> None:
        """Start a gateway that was killed, and wait until it is ready."""
        self.launch(name)
        await until_ready({name: self.stage.gateways[name].url}, [self.processes[name]])

    def launch(self, name: str) -> None:
        """Start a gateway that was killed."""
        self.processes[name] = processes.start(
            name,
            [sys.executable, "-m", "gateway", "run", "--config", str(self.config_of(name))],
            log=self.directory / name / "gateway.log",
            environment={},
        )

    def node(self, index: int) -> str:
        """Return the endpoint of a chain's own node."""
        return self._nodes[index]

    def replace_endpoints(self, gateway: str, urls: Mapping[str, str], *, threshold: int = 0) -> None:
        """Let a gateway read the first chain through these endpoints after its next start."""
        config = self.config_of(gateway)
        listed = ", ".join(f'{{ name = "{name}", url = "{url}" }}' for name, url in urls.items())
        old, count = re.subn(
            rf'endpoints = \[.*"{re.escape(self.node(0))}".*\]',
            f"endpoints = [{listed}]\nagreement_threshold = {threshold}",
            config.read_text("utf-8"),
        )
        if count != 1:
            raise AssertionError(f"expected one list of endpoints in {config}, got {count}")
        config.write_text(old, "utf-8")

    def config_of(self, name: str) -> Path:
        return self.directory / name / "isthmus.toml"


@asynccontextmanager
async def network(directory: Path) -> AsyncIterator[Network]:
    """Yield a fresh network of two EVM chains; end all of its processes afterwards."""
    started = await evm.up(directory, anvil_binary(), lambda sentence: None)
    accounts = {
        ChainId(chain): "0x" + LocalSigner(bytes.fromhex(key)).address.hex()
        for chain, key in zip(started.nodes, DEV_KEYS, strict=False)
    }
    async with _watched(directory, started, evm_stage.open_stage(started, accounts)) as made:
        yield made


@asynccontextmanager
async def cosmos_network(directory: Path) -> AsyncIterator[Network]:
    """Yield a fresh network of an EVM chain and two Cosmos chains; end all of its processes afterwards."""
    started = await cosmos.up(directory, anvil_binary(), simd_binary(), lambda sentence: None)
    async with _watched(directory, started, cosmos_stage.open_stage(started)) as made:
        yield made


@asynccontextmanager
async def _watched(
    directory: Path, started: place.Network, ground: AbstractAsyncContextManager[Stage]
) -> AsyncIterator[Network]:
    running = {process.name: process for process in started.processes}
    try:
        async with ground as stage:
            made = Network(directory, stage, list(started.nodes.values()), running)
            running = made.processes
            await made.learn_lanes()
            yield made
    finally:
        processes.stop(list(running.values()))
