"""A gateway as a process that relays between two Cosmos chains: configured, started, killed, asked.

Its word is never believed: what tests assert is read from the chains (`pair`).
"""

import json
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.cosmos.config import CosmosConfig
from gateway.cli.client import request
from gateway.cli.output import CliError
from gateway.dev import processes
from gateway.keys.keystore import Keystore
from proofs.types import ChainId, Lane

DENOM = "stake"
PASSWORD = "tests: password"


@dataclass(frozen=True, slots=True)
class Route:
    """Both directions between two ends: channels of IBC v1, or clients of IBC v2."""

    there: Lane
    back: Lane
    ordered: bool = False


@dataclass(slots=True)
class Relayer:
    """One gateway with a directory, a key and a port of its own."""

    name: str
    directory: Path
    key: bytes
    """Pays on both chains."""
    chains: dict[ChainId, CosmosConfig]
    routes: list[Route]
    limits: dict[str, float] = field(default_factory=dict)
    """`[limits]`."""
    port: int = field(default_factory=processes.free_port)
    _process: processes.Started | None = None

    @property
    def log(self) -> Path:
        return self.directory / "gateway.log"

    def start(self) -> None:
        """Write keys and configuration, start the process, return at once."""
        self.directory.mkdir(parents=True, exist_ok=True)
        keystore = Keystore(self.directory / "data" / "keystore")
        if not (self.directory / "data" / "keystore").exists():
            keystore.save("master", self.key, PASSWORD)
            keystore.save("relayer", self.key, PASSWORD)
        config = self.directory / "isthmus.toml"
        config.write_text("\n".join(self._text()))
        self._process = processes.start(
            "gateway",
            [sys.executable, "-m", "gateway", "run", "--config", str(config)],
            log=self.log,
            environment={"ISTHMUS_PASSWORD": PASSWORD},
        )

    def kill(self) -> None:
        """Kill -9: nothing is said goodbye to."""
        process, self._process = self._process, None
        if process is not None and processes.alive(process):
            os.killpg(process.pid, signal.SIGKILL)
            processes.stop([process])

    def forget(self) -> None:
        """Delete all that it knew but its keys."""
        for entry in (self.directory / "data").iterdir():
            if entry.name != "keystore":
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()

    def check(self) -> None:
        """Fail if it ended by itself."""
        if self._process is not None and not processes.alive(self._process):
            raise AssertionError(f"gateway {self.name} has ended: {self.log_tail()}")

    async def ready(self) -> bool:
        try:
            return bool((await self.ask("/status"))["ready"])
        except CliError:  # not listening yet
            return False

    async def ask(self, path: str) -> Any:
        return await request(f"http://127.0.0.1:{self.port}", "GET", path, key="", body=None)

    async def lane(self, lane: Lane) -> dict[str, Any]:
        """Return what the gateway shows of a lane."""
        wanted = (lane.source, lane.source_client, lane.destination)
        views = (await self.ask("/v1/lanes"))["lanes"]
        (found,) = [
            view for view in views if (view["source"], view["source_client"], view["destination"]) == wanted
        ]
        return dict(found)

    def log_tail(self) -> str:
        return self.log.read_text()[-3000:] if self.log.exists() else "no log"

    def _text(self) -> Sequence[str]:
        yield f'[gateway]\nname = "{self.name}"\nlog = "json"\n'
        yield f'[api]\nlisten = "127.0.0.1:{self.port}"\n'
        yield "[limits]\n" + "".join(f"{key} = {value}\n" for key, value in self.limits.items())
        for chain, config in self.chains.items():
            yield _chain(chain, config)
        for route in self.routes:
            for lane in (route.there, route.back):
                yield _lane(lane, route.ordered)


def _chain(chain: ChainId, config: CosmosConfig) -> str:
    endpoint = config.endpoints[0]
    return f"""
[[chains]]
id = "{chain}"
adapter = "cosmos"
signer = "keystore:relayer"
[chains.config]
trust_height = {config.trust_height}
trust_hash = "{config.trust_hash}"
trusting_period_s = {config.trusting_period_s}
gas_price = "0{DENOM}"
poll_s = 0.1
[[chains.config.endpoints]]
name = "node"
rpc_url = "{endpoint.rpc_url}"
grpc_url = "{endpoint.grpc_url}"
ws_url = "{endpoint.ws_url}"
"""


def _lane(lane: Lane, ordered: bool) -> str:
    return f"""
[[lanes]]
from = {{ chain = "{lane.source}", client = "{lane.source_client}" }}
to = {{ chain = "{lane.destination}", client = "{lane.destination_client}" }}
security = "light-client"
ordered = {json.dumps(ordered)}
"""
