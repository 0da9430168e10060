"""Three gateways in one process over two memory chains, 2-of-3, with real HTTP between them."""

import asyncio
import shutil
import socket
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from adapters.api import SendMessage
from adapters.memory import ADAPTER
from adapters.memory.transactions import AddClient
from adapters.memory.world import ChainSpec, forget, open_chain, validator_addresses
from gateway.config.load import parse_config
from gateway.dev import processes
from gateway.keys.api_keys import hash_key
from gateway.keys.derive import attestor_key
from gateway.keys.keystore import Keystore
from gateway.wiring import Gateway, build
from proofs.types import ChainId, ClientId, Lane
from relays.runtime.clock import SystemClock
from relays.runtime.status import ChainMode

A, B = ChainId("memory:a"), ChainId("memory:b")
LANE = Lane(source=A, source_client=ClientId("on-a"), destination=B, destination_client=ClientId("on-b"))
BACK = LANE.reverse()
NAMES = ("alpha", "beta", "gamma")
PLUGINS = {"memory": ADAPTER}
PASSWORD = "correct horse"
ROUTER = bytes.fromhex("1571570000000000000000000000000000000001")
BLOCK_S = 0.05
PATIENCE_S = 120.0
"""Only bounds a wait that would never end."""


def seed(name):
    return name.encode().ljust(32, b".")


def lane_key(name, lane):
    return attestor_key(seed(name), lane, ROUTER, ROUTER)


def make_keystores(root):
    """One keystore per gateway."""
    for name in NAMES:
        keystore = Keystore(root / name / "keystore")
        keystore.save("master", seed(name), PASSWORD)
        keystore.save("relay", seed(f"relay {name}"), PASSWORD)
    return root


@contextmanager
def reserved_ports(count):
    """Yield ports that nobody else is given; one refuses until somebody who knows it listens there."""
    with ExitStack() as stack:
        yield [processes.reserve(stack.enter_context(socket.socket())) for _ in range(count)]


def key_of(asker, asked):
    return f"key of {asker} at {asked}"


def config_text(name, ports, *, world, takeover_s=0.5, request_timeout_s=60.0):
    """The configuration of one gateway."""
    parts = [f'[gateway]\nname = "{name}"\ndata = "{name}"\nlog_level = "warning"']
    parts.append(f'[api]\nlisten = "127.0.0.1:{ports[name]}"')
    for other in NAMES:
        if other != name:
            hashed = hash_key(key_of(other, name), bytes(16))
            parts.append(f'[[api.keys]]\nname = "{other}"\nhash = "{hashed}"\nscopes = ["attest"]')
    parts.append(
        f'[[api.keys]]\nname = "person"\nhash = "{hash_key("person", bytes(16))}"\nscopes = ["send", "admin"]'
    )
    parts.append('[keystore]\npassword = "env:FLEET_PASSWORD"')
    parts.append("[limits]\nstandby_s = 0.2\ntrack_s = 0.1\nbackoff_s = [0.05, 0.1, 0.2]")
    for chain in (A, B):
        validators = ", ".join(f'"{one}"' for one in validator_addresses(chain, 4))
        parts.append(
            f'[[chains]]\nid = "{chain}"\nadapter = "memory"\nname = "{chain[-1].upper()}"\n'
            f'signer = "keystore:relay"\n[chains.config]\nworld = "{world}"\nthreshold = 3\n'
            f"validators = [{validators}]\nblock_time_s = {BLOCK_S}\nfinality_depth = 1\n"
            f"request_timeout_s = {request_timeout_s}"
        )
    for lane in (LANE, BACK):
        attestors = ", ".join(
            f'{{ name = "{one}", address = "0x{lane_key(one, lane).address.hex()}" }}' for one in NAMES
        )
        parts.append(
            f'[[lanes]]\nfrom = {{ chain = "{lane.source}", client = "{lane.source_client}" }}\n'
            f'to = {{ chain = "{lane.destination}", client = "{lane.destination_client}" }}\n'
            f"threshold = 2\ntakeover_s = {takeover_s}\nattestors = [{attestors}]"
        )
    for other in NAMES:
        if other != name:
            parts.append(
                f'[peers.{other}]\nurl = "http://127.0.0.1:{ports[other]}"\n'
                f'api_key = "env:FLEET_{name.upper()}_AT_{other.upper()}"\ntimeout_s = 60.0'
            )
    return "\n\n".join(parts) + "\n"


class SkippingClock(SystemClock):
    """The machine's clock, with a monotonic side that a test may move ahead."""

    skipped_s = 0.0

    def monotonic_s(self):
        return super().monotonic_s() + self.skipped_s


@dataclass
class Fleet:
    """The gateways by name, and the chains as they are."""

    gateways: dict[str, Gateway]
    chains: dict
    make: object
    clock: SkippingClock

    async def start(self, *names):
        for name in names:
            if name in self.gateways:
                await self.gateways[name].stop()
            self.gateways[name] = gateway = self.make(name)
            await gateway.start()

            async def has_tried(gateway=gateway):
                return all(one.mode is not ChainMode.CONNECTING for one in gateway.supervisor.chains())

            await until(has_tried, f"{name} has looked for its chains")

    async def stop(self, *names):
        for name in names:
            await self.gateways.pop(name).stop()

    async def send(self, name, count, *, lane=LANE, timeout_s=3600, lane_id=None):
        """Send messages through one gateway; return their ids."""
        deadline = int(SystemClock().now_s()) + timeout_s
        request = SendMessage(lane=lane, recipient="0x" + "77" * 20, payload=b"hello", timeout_s=deadline)
        lane_id = lane_id or ("a-b" if lane == LANE else "b-a")
        return await self.gateways[name].services.operator.send(lane_id, [request] * count)


async def until(condition, what, *, timeout_s=PATIENCE_S):
    """Wait for an async condition, looking often."""
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + timeout_s
    while not await condition():
        if loop.time() > deadline_s:
            raise AssertionError(f"not within {timeout_s} s: {what}")
        await asyncio.sleep(0.02)


@asynccontextmanager
async def fleet(keystores: Path, directory: Path, monkeypatch, **changes):
    """Chains with clients, and gateways to be started by `Fleet.start`."""
    world = str(directory)
    shutil.copytree(keystores, directory, dirs_exist_ok=True)
    monkeypatch.setenv("FLEET_PASSWORD", PASSWORD)
    for asker in NAMES:
        for asked in NAMES:
            monkeypatch.setenv(f"FLEET_{asker.upper()}_AT_{asked.upper()}", key_of(asker, asked))
    spec = ChainSpec(router=ROUTER, validators=4, block_time_s=BLOCK_S, finality_depth=1)
    chains = {name: open_chain(world, name, spec, SystemClock()) for name in (A, B)}
    for lane in (LANE, BACK):
        # The client on the destination believes the attestors of what is proven on the source.
        chains[lane.destination].submit(
            AddClient(
                client=lane.destination_client,
                counterparty=lane.source_client,
                attestors=tuple(lane_key(name, lane).address for name in NAMES),
                threshold=2,
            )
        )
        chains[lane.destination].mine()

    def make(name):
        text = config_text(name, dict(zip(NAMES, ports, strict=True)), world=world, **changes)
        config, found = parse_config(text, directory, PLUGINS)
        assert config is not None, found
        return build(config, PLUGINS, clock=clock)

    clock = SkippingClock()
    running = Fleet(gateways={}, chains=chains, make=make, clock=clock)
    with reserved_ports(len(NAMES)) as ports:
        try:
            yield running
        finally:
            await running.stop(*list(running.gateways))
            forget(world)
