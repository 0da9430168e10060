"""The relayers of others on the IBC row: rly and Hermes, each with the fastest settings that we found.

Both make their own clients, connection and channel. One well-known key pays: it is worth nothing.
"""

import json
import os
import subprocess
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.benchmarks.devchain import BenchmarkError
from tests.benchmarks.framework import ROOT
from tests.benchmarks.ibc_chains import PORT, PREFIX, A, B, IbcWorld, program
from tests.benchmarks.lab import PASSWORD

MNEMONIC = " ".join(["abandon"] * 11 + ["about"])
PAYER = "cosmos19rl4cm2hmr8afy4kldpxz3fka4jguq0auqdal4"
"""Its account at m/44'/118'/0'/0/0."""
CHANNEL = "channel-0"
_SETUP_S = 120
_STOP_S = 10


class Contender(Protocol):
    """A relayer under measurement."""

    @property
    def name(self) -> str:
        """What it is called, with its version."""

    @property
    def accounts(self) -> Sequence[str]:
        """Addresses that pay for its transactions."""

    def prepare(self, world: IbcWorld, folder: Path) -> str:
        """Make an unordered transfer channel; return its name, which is the same on both chains."""

    def clearing(self, folder: Path, packets: int) -> Sequence[str]:
        """Return the command that relays what is pending, and its acknowledgements."""

    def live(self, folder: Path) -> Sequence[str]:
        """Return the command that relays what comes."""


@contextmanager
def running(command: Sequence[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a relayer; stop it at the end."""
    with (folder / "relayer.log").open("ab") as log:
        relayer = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=_environment(folder)
        )
        try:
            yield relayer
        finally:
            relayer.terminate()
            try:
                relayer.wait(timeout=_STOP_S)
            except subprocess.TimeoutExpired:
                relayer.kill()
                relayer.wait()


def run(command: Sequence[str], folder: Path) -> str:
    """Run a command to its end; return what it said. Raises `BenchmarkError` when it fails."""
    done = subprocess.run(
        command, capture_output=True, text=True, env=_environment(folder), timeout=_SETUP_S, check=False
    )
    if done.returncode:
        said = (done.stdout + done.stderr)[-1500:]
        raise BenchmarkError(f"{' '.join(command[:6])}: expected success, got {done.returncode}: {said}")
    return done.stdout


def _environment(folder: Path) -> dict[str, str]:
    given = {"HOME": str(folder), "TMPDIR": str(folder), "PATH": os.environ["PATH"]}
    return given | {"PYTHONPATH": str(ROOT), "ISTHMUS_PASSWORD": PASSWORD}


@dataclass(frozen=True, slots=True)
class Rly:
    """The Go relayer. One flush takes `--max-msgs` packets and then sleeps for 5 s, so that is much.

    Not more than 1,000: it asks the node about every packet of a flush at once, and the node stops answering.
    """

    name: str = "rly 2.6.0"
    accounts: Sequence[str] = (PAYER,)
    timeout_s: int = 120
    """Of its RPC client. The default of 20 s gives up on transactions of thousands of messages."""
    loop_ms: int = 200
    """How often it looks for blocks; the default is a second."""
    flush: int = 1000

    def prepare(self, world: IbcWorld, folder: Path) -> str:
        """Make the channel with `tx link`."""
        command = _rly(folder)
        run([*command, "config", "init"], folder)
        for name in (A, B):
            place = folder / f"{name}.json"
            place.write_text(json.dumps(self._chain(name, world.doors[name]["rpc"])))
            run([*command, "chains", "add", "--file", str(place), name], folder)
            address = run([*command, "keys", "restore", name, "payer", MNEMONIC], folder).strip()
            if address != PAYER:
                raise BenchmarkError(f"rly: expected account {PAYER}, got {address}")
        run([*command, "paths", "new", A, B, "bench"], folder)
        link = ["--src-port", PORT, "--dst-port", PORT, "--version", "ics20-1", "--order", "unordered"]
        run([*command, "tx", "link", "bench", *link, "--client-tp", "1h", "--override"], folder)
        return CHANNEL

    def clearing(self, folder: Path, packets: int) -> Sequence[str]:
        """As much at once as works."""
        return [*_rly(folder), "start", "bench", "--max-msgs", str(min(packets, self.flush))]

    def live(self, folder: Path) -> Sequence[str]:
        """Batches of at most 250: of no matter at one packet a second."""
        return [*_rly(folder), "start", "bench", "--max-msgs", "250"]

    def _chain(self, name: str, port: int) -> Mapping[str, object]:
        value = {
            "key": "payer",
            "chain-id": name,
            "rpc-addr": f"http://127.0.0.1:{port}",
            "account-prefix": PREFIX,
            "keyring-backend": "test",
            "gas-adjustment": 1.3,
            "gas-prices": "0stake",
            "min-gas-amount": 0,
            "max-gas-amount": 0,
            "debug": False,
            "timeout": f"{self.timeout_s}s",
            "block-timeout": "",
            "output-format": "json",
            "sign-mode": "direct",
            "coin-type": 118,
            "broadcast-mode": "batch",
            "min-loop-duration": self.loop_ms * 1_000_000,
        }
        return {"type": "cosmos", "value": value}


@dataclass(frozen=True, slots=True)
class Hermes:
    """The Rust relayer. It clears fastest with `clear packets`, in transactions of 25 messages."""

    name: str = "Hermes 1.10.5"
    accounts: Sequence[str] = (PAYER,)
    messages: int = 25
    """In one transaction."""
    events: str = "mode = 'push', url = 'ws://127.0.0.1:{port}/websocket', batch_delay = '0ms'"

    def prepare(self, world: IbcWorld, folder: Path) -> str:
        """Make the channel with `create channel`."""
        (folder / "mnemonic").write_text(MNEMONIC)
        text = _HERMES + "".join(self._chain(name, world.doors[name], folder) for name in (A, B))
        tomllib.loads(text)
        (folder / "hermes.toml").write_text(text)
        command = _hermes(folder)
        for name in (A, B):
            key = ["--key-name", "payer", "--mnemonic-file", str(folder / "mnemonic"), "--overwrite"]
            run([*command, "keys", "add", "--chain", name, *key], folder)
        ends = ["--a-chain", A, "--b-chain", B, "--a-port", PORT, "--b-port", PORT]
        run([*command, "create", "channel", *ends, "--new-client-connection", "--yes"], folder)
        return CHANNEL

    def clearing(self, folder: Path, packets: int) -> Sequence[str]:
        """All that is pending, then it leaves."""
        return [*_hermes(folder), "clear", "packets", "--chain", A, "--port", PORT, "--channel", CHANNEL]

    def live(self, folder: Path) -> Sequence[str]:
        """Without clearing at the start: that makes it slower (one packet can wake a long search)."""
        return [*_hermes(folder), "start"]

    def _chain(self, name: str, doors: Mapping[str, int], folder: Path) -> str:
        return _HERMES_CHAIN.format(
            name=name,
            rpc=doors["rpc"],
            grpc=doors["grpc"],
            events=self.events.format(port=doors["rpc"]),
            folder=folder,
            messages=self.messages,
            prefix=PREFIX,
        )


def _rly(folder: Path) -> list[str]:
    return [str(program("ISTHMUS_RLY")), "--home", str(folder / "rly")]


def _hermes(folder: Path) -> list[str]:
    return [str(program("ISTHMUS_HERMES")), "--config", str(folder / "hermes.toml")]


_HERMES = """
[global]
log_level = 'info'
[mode.clients]
enabled = true
refresh = true
misbehaviour = false
[mode.connections]
enabled = false
[mode.channels]
enabled = false
[mode.packets]
enabled = true
clear_interval = 0
clear_on_start = false
clear_limit = 100000
tx_confirmation = false
[rest]
enabled = false
host = '127.0.0.1'
port = 3939
[telemetry]
enabled = false
host = '127.0.0.1'
port = 3940
"""

_HERMES_CHAIN = """
[[chains]]
id = '{name}'
type = 'CosmosSdk'
compat_mode = '0.38'
rpc_addr = 'http://127.0.0.1:{rpc}'
grpc_addr = 'http://127.0.0.1:{grpc}'
event_source = {{ {events} }}
rpc_timeout = '60s'
trusted_node = true
account_prefix = '{prefix}'
key_name = 'payer'
key_store_type = 'Test'
key_store_folder = '{folder}/keys'
store_prefix = 'ibc'
default_gas = 100000000
max_gas = 1000000000
gas_price = {{ price = 0.0, denom = 'stake' }}
gas_multiplier = 1.2
max_msg_num = {messages}
query_packets_chunk_size = 1000
max_tx_size = 2097152
clock_drift = '5s'
max_block_time = '5s'
trusting_period = '1h'
trust_threshold = '1/3'
address_type = {{ derivation = 'cosmos' }}
"""
