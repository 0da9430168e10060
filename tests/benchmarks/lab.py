"""What E1 and E3 have in common: keys, processes on their cores, a gateway's configuration, the peer's
plan.

Processes under measurement run on the first core; everything that stands for the rest of the world runs on
the second.
"""

import json
import os
import secrets
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coincurve import PrivateKey

from gateway.keys.derive import attestor_key
from gateway.keys.keystore import Keystore
from proofs import attestation, codec
from proofs.hashing import keccak256
from proofs.types import ChainId, ClientId, Lane, Packet
from tests.benchmarks.devchain import BenchmarkError, address_of, sign
from tests.benchmarks.framework import ROOT
from tests.benchmarks.scripted import ROUTER

PASSWORD = "benchmark password"
"""Of keys that are worth nothing."""
SEED = keccak256(b"isthmus benchmark seed")
DEV_KEY = bytes.fromhex("59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d")
"""The second of anvil's public accounts."""
OURS, WORLD = 0, 1
"""Cores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestors:
    """The keys of one lane: ours, and those of the peers."""

    own: bytes
    """Address."""
    peers: Sequence[PrivateKey]

    def addresses(self) -> list[bytes]:
        """Return all addresses, ours first."""
        return [self.own, *(address_of(key) for key in self.peers)]


def lane_between(source: int, destination: int) -> Lane:
    """Return the lane from one benchmark chain to the other."""
    return Lane(
        source=ChainId(f"eip155:{source}"),
        source_client=ClientId("attestations-0"),
        destination=ChainId(f"eip155:{destination}"),
        destination_client=ClientId("attestations-1"),
    )


def attestors_of(lane: Lane, peers: int, routers: tuple[bytes, bytes] = (ROUTER, ROUTER)) -> Attestors:
    """Return the keys of a lane between these routers (source's, destination's), the same every time."""
    return Attestors(own=attestor_key(SEED, lane, *routers).address, peers=peer_keys(lane, peers))


def peer_keys(lane: Lane, peers: int) -> list[PrivateKey]:
    """Return the peers' keys of a lane."""
    return [PrivateKey(keccak256(f"{lane} peer {i}".encode())) for i in range(peers)]


def peer_plans(lane: Lane, peers: int) -> list[dict[str, str]]:
    """Return for each peer its key of each direction, as the mock node takes them."""
    directions = (lane, lane.reverse())
    return [{str(each): peer_keys(each, peers)[i].secret.hex() for each in directions} for i in range(peers)]


@contextmanager
def process(module: str, plan: Mapping[str, Any], core: int) -> Iterator[subprocess.Popen[str]]:
    """Run one of our modules on a core, its plan on standard input; stop it at the end."""
    with subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    ) as running:
        assert running.stdin is not None
        try:
            running.stdin.write(json.dumps(plan) + "\n")
            running.stdin.flush()
            yield running
        finally:
            running.stdin.close()
            try:
                running.wait(timeout=10)
            except subprocess.TimeoutExpired:
                running.kill()


def first_line(running: "subprocess.Popen[str]") -> str:
    """Return the first line that a process prints. Raises `BenchmarkError` when it ends without one."""
    assert running.stdout is not None
    line = running.stdout.readline()
    if not line:
        raise BenchmarkError(f"{running.args}: expected a line, it ended with {running.wait()}")
    return line


def ask(port: int, do: str) -> Any:
    """Return what the mock node's control port answers."""
    body = json.dumps({"do": do}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as reply:
        return json.load(reply)


def until(what: str, check: Callable[[], bool], limit_s: float, every_s: float = 0.05) -> None:
    """Wait for a condition. Raises `BenchmarkError` after `limit_s`."""
    end_s = time.monotonic() + limit_s
    while not check():
        if time.monotonic() > end_s:
            raise BenchmarkError(f"{what}: expected within {limit_s:g} s")
        time.sleep(every_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """One chain as the gateway is told of it."""

    number: int
    url: str
    ws_url: str
    router: bytes


def write_config(place: Path, lane: Lane, ends: Sequence[End], peers: Sequence[int], need: int) -> Path:
    """Write configuration and keys of the gateway under measurement; return the configuration's path."""
    keys = Keystore(place / "data" / "keystore")
    keys.save("master", SEED, PASSWORD)
    keys.save("payer", DEV_KEY, PASSWORD)
    lines = ["[gateway]", 'name = "own"', 'log = "json"', 'log_level = "warning"', "", "[api]"]
    lines += ['listen = "127.0.0.1:0"', "", "[limits]", "batch = 100", "window = 64", "ahead = 8", ""]
    for end in ends:
        lines += ["[[chains]]", f'id = "eip155:{end.number}"', 'adapter = "evm"', 'signer = "keystore:payer"']
        lines += [
            "[chains.config]",
            f'router = "0x{end.router.hex()}"',
            "poll_s = 0.05",
            "in_flight_window = 64",
        ]
        lines += [
            "[[chains.config.endpoints]]",
            'name = "node"',
            f'url = "{end.url}"',
            f'ws_url = "{end.ws_url}"',
        ]
        lines += [""]
    for each in (lane, lane.reverse()):
        names = ["own", *(f"peer-{i}" for i in range(len(peers)))]
        lines += ["[[lanes]]", f"threshold = {need}", "unsafe = true"]
        lines += [f'from = {{ chain = "{each.source}", client = "{each.source_client}" }}']
        lines += [f'to = {{ chain = "{each.destination}", client = "{each.destination_client}" }}']
        routers = {f"eip155:{end.number}": end.router for end in ends}
        between = (routers[each.source], routers[each.destination])
        addresses = attestors_of(each, len(peers), between).addresses()
        pairs = zip(names, addresses, strict=True)
        shown = [f'{{ name = "{name}", address = "0x{address.hex()}" }}' for name, address in pairs]
        lines += ["attestors = [" + ", ".join(shown) + "]", "takeover_s = 0", ""]
    for index, port in enumerate(peers):
        lines += [
            f"[peers.peer-{index}]",
            f'url = "http://127.0.0.1:{port}"',
            'api_key = "env:BENCH_KEY"',
            "",
        ]
    path = place / "isthmus.toml"
    path.write_text("\n".join(lines))
    return path


@contextmanager
def gateway(config: Path, program: Sequence[str] = ("gateway",)) -> Iterator[subprocess.Popen[bytes]]:
    """Run a gateway on its core; stop it at the end and show what it complained of if it failed."""
    environment = os.environ | {"ISTHMUS_PASSWORD": PASSWORD, "BENCH_KEY": secrets.token_hex(16)}
    log = config.with_suffix(".log")
    command = [sys.executable, "-m", *program, "run", "--config", str(config)]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=ROOT,
            env=environment,
            preexec_fn=lambda: os.sched_setaffinity(0, {OURS}),
        ) as running,
    ):
        try:
            yield running
            if running.poll() is not None:
                raise BenchmarkError(f"the gateway ended with {running.returncode}")
        except BenchmarkError as error:
            raise BenchmarkError(f"{error}; its log ends:\n{log.read_text()[-3000:]}") from error
        finally:
            running.terminate()
            try:
                running.wait(timeout=30)
            except subprocess.TimeoutExpired:
                running.kill()


def cpu_s(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peer_proofs(packets: Sequence[Packet], keys: Sequence[PrivateKey], height: int) -> list[str]:
    """Return for each packet the attestors' signatures over it alone, as the peer is handed them."""
    proofs = []
    for packet in packets:
        path = keccak256(codec.commitment_path(packet.source_client, packet.sequence))
        data = attestation.encode_packets(height, [(path, codec.packet_commitment(packet))])
        digest = attestation.packets_digest(data)
        proofs.append(b"".join(sign(key, digest) for key in keys).hex())
    return proofs
