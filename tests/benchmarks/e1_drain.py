"""E1: 20,000 messages wait on the source; how fast do they reach the destination's state?

The source is a scripted chain with real headers and storage proofs, the destination an anvil. The gateway
is the real one, started from the command line: light client, storage proofs, durable journal, 7-of-10
attestation, batches of 100, and it also relays the acknowledgements back. Its peer is `textbook`, which is
spared most of that.
"""

import json
import pstats
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proofs import attestation
from proofs.evm.events import WRITE_ACKNOWLEDGEMENTS
from proofs.types import Packet
from tests.benchmarks.devchain import EMPTY_APP, DevChain, call_data, creation_code, dev_chain, sign
from tests.benchmarks.framework import Detail, Row, expect, pinned
from tests.benchmarks.lab import (
    DEV_KEY,
    OURS,
    WORLD,
    End,
    ask,
    attestors_of,
    cpu_s,
    first_line,
    gateway,
    lane_between,
    peer_plans,
    peer_proofs,
    process,
    until,
    write_config,
)
from tests.benchmarks.scripted import ROUTER
from tests.benchmarks.sent_logs import packets

MESSAGES = 20_000
PEER_MESSAGES = 2_000
PER_BLOCK = 100
PEERS, NEED = 9, 7
REPEATS = 3
SOURCE, DESTINATION = 1001, 1002
BLOCK_S = 0.25
PEER_HEIGHT = 1
GOAL = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One drain."""

    per_second: float
    cpu_us: float
    """Processor time of the relay for each message."""


class World:
    """Both chains and the attestors, fresh for one drain."""

    def __init__(self, stack: ExitStack, messages: int) -> None:
        self.lane = lane_between(SOURCE, DESTINATION)
        now_s = int(time.time())
        self.timeout_s = now_s + 86_400
        self.messages = messages
        with pinned(WORLD):
            self.anvil: DevChain = stack.enter_context(dev_chain(DESTINATION, block_time_s=BLOCK_S))
        self.router = self.anvil.deploy_router()
        self.attestors = attestors_of(self.lane, PEERS, (ROUTER, self.router))
        addresses = self.attestors.addresses()
        self.anvil.add_client(self.router, "attestations-1", "attestations-0", addresses, NEED)
        self.anvil.register(self.router, "bench", self.anvil.deploy(creation_code(EMPTY_APP)))
        plan = {
            "latency_s": 0,
            "foreign": {f"eip155:{DESTINATION}": self.anvil.node.url},
            "attestors": peer_plans(self.lane, PEERS),
            "chains": [self._source_plan(now_s)],
        }
        node = stack.enter_context(process("tests.benchmarks.mock_node", plan, WORLD))
        self.ports = json.loads(first_line(node))

    def _source_plan(self, now_s: int) -> dict[str, Any]:
        back = attestors_of(self.lane.reverse(), PEERS, (self.router, ROUTER))
        return {
            "number": SOURCE,
            "client": "attestations-0",
            "counterparty": "attestations-1",
            "attestors": [address.hex() for address in back.addresses()],
            "threshold": NEED,
            "packets_by_block": [PER_BLOCK] * (self.messages // PER_BLOCK),
            "timeout_s": self.timeout_s,
            "time_s": now_s - 10_000,
            "all_visible": True,
            "period_s": BLOCK_S,
            "latency_s": 0,
        }

    def source_url(self) -> str:
        """Return the endpoint of the scripted chain."""
        return f"http://127.0.0.1:{self.ports[f'eip155:{SOURCE}']}"

    def count(self, sequences: Sequence[int]) -> int:
        """Return how many of these the destination's state shows as received."""
        found = 0
        for start in range(0, len(sequences), 1000):
            part = list(sequences[start : start + 1000])
            seen = self.anvil.call(
                self.router, call_data("received(string,uint64[])", "attestations-1", part)
            )
            found += sum(seen[95 + 32 * i] for i in range(len(part)))
        return found

    def wait_until_drained(self, limit_s: float) -> float:
        """Return when the destination's state had every message, by the monotonic clock."""
        marks = list(range(PER_BLOCK, self.messages + 1, PER_BLOCK))
        until("the last messages of all blocks", lambda: self.count(marks) == len(marks), limit_s)
        until("all messages", lambda: self.count(range(1, self.messages + 1)) == self.messages, limit_s)
        return time.monotonic()

    def started_s(self) -> float:
        """Return when the relay first read logs."""
        started: float = ask(self.ports["control"], "look")["first_read"][f"eip155:{SOURCE}"]
        return started

    def check_once(self) -> None:
        """Check in the router's events that every message was received exactly once."""
        chosen = {
            "fromBlock": "0x0",
            "toBlock": "latest",
            "address": "0x" + self.router.hex(),
            "topics": ["0x" + WRITE_ACKNOWLEDGEMENTS.hex()],
        }
        logs = self.anvil.rpc("eth_getLogs", chosen)
        written: list[int] = []
        for log in logs:
            data = bytes.fromhex(log["data"][2:])
            count = int.from_bytes(data[96:128])
            written += [int.from_bytes(data[128 + 32 * i : 160 + 32 * i]) for i in range(count)]
        expect("sequences acknowledged", list(range(1, self.messages + 1)), sorted(written))


def run_ours(messages: int, program: Sequence[str] = ("gateway",)) -> Run:
    """Drain with the gateway."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        world = World(stack, messages)
        ends = [
            End(number=SOURCE, url=world.source_url(), ws_url="", router=ROUTER),
            End(
                number=DESTINATION,
                url=world.anvil.node.url,
                ws_url=world.anvil.node.ws_url,
                router=world.router,
            ),
        ]
        config = write_config(Path(folder), world.lane, ends, world.ports["attestors"], NEED)
        running = stack.enter_context(gateway(config, program))
        until("the first read of logs", lambda: world.started_s() > 0, 60, 0.01)
        before_s = cpu_s(running.pid)
        end_s = world.wait_until_drained(limit_s=240)
        used_s = cpu_s(running.pid) - before_s
        world.check_once()
        return Run(per_second=messages / (end_s - world.started_s()), cpu_us=used_s * 1e6 / messages)


def run_peer(messages: int) -> Run:
    """Drain with the textbook relay."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        world = World(stack, messages)
        keys = list(world.attestors.peers[:NEED])
        sent: list[Packet] = packets(messages, "attestations-0", "attestations-1", world.timeout_s)
        state = attestation.encode_state(PEER_HEIGHT, int(time.time()))  # type: ignore[arg-type]
        signatures = [sign(key, attestation.state_digest(state)) for key in keys]
        update = call_data(
            "updateClient(string,bytes)", "attestations-1", attestation.envelope_evm(state, signatures)
        )
        world.anvil.transact(world.router, update)
        plan = {
            "source_url": world.source_url(),
            "destination_url": world.anvil.node.url,
            "source_router": "0x" + ROUTER.hex(),
            "destination_router": "0x" + world.router.hex(),
            "destination_chain": DESTINATION,
            "key": "0x" + DEV_KEY.hex(),
            "database": str(Path(folder) / "textbook.db"),
            "messages": messages,
            "in_flight": 100,
            "wait": True,
            "height": PEER_HEIGHT,
            "proofs": peer_proofs(sent, keys, PEER_HEIGHT),
        }
        running = stack.enter_context(process("tests.benchmarks.textbook", plan, OURS))
        until("the first read of logs", lambda: world.started_s() > 0, 60, 0.01)
        before_s = cpu_s(running.pid)
        end_s = world.wait_until_drained(limit_s=240)
        used_s = cpu_s(running.pid) - before_s
        world.check_once()
        return Run(per_second=messages / (end_s - world.started_s()), cpu_us=used_s * 1e6 / messages)


def profile(messages: int) -> list[str]:
    """Return where the gateway's time goes, as lines of a table, from a run under cProfile."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "profile"
        run_ours(messages, ["tests.benchmarks.profiled", str(output)])
        return by_part(pstats.Stats(str(output)))


def by_part(stats: pstats.Stats) -> list[str]:
    """Return own time by part of the project, in percent of all time not spent waiting."""
    parts: dict[str, float] = {}
    for (file, _, name), (_, _, own_s, _, _) in stats.stats.items():  # type: ignore[attr-defined]
        if "poll" in name and "select" in name:
            continue
        parts[_part(file, name)] = parts.get(_part(file, name), 0.0) + own_s
    whole = sum(parts.values())
    ranked = sorted(parts.items(), key=lambda item: -item[1])
    return [f"- {own_s / whole:.0%} {part}" for part, own_s in ranked if own_s / whole >= 0.02]


def _part(file: str, name: str) -> str:
    for package in ("proofs", "adapters", "relays", "gateway"):
        if f"/{package}/" in file and "site-packages" not in file:
            return file[file.rindex(f"/{package}/") + 1 :]
    for library in ("aiohttp", "sqlalchemy", "asyncio", "msgspec", "structlog"):
        if f"/{library}/" in file:
            return library
    for word in ("sqlite3", "coincurve", "sha3", "keccak", "msgspec", "ssl"):
        if word in name:
            return f"{word} (C)"
    return "the rest of the standard library and builtins" if file != "~" else f"builtin {name[:60]}"


def measure() -> Row:
    """Return the row."""
    run_ours(2_000)
    turns = [(run_ours(MESSAGES), run_peer(PEER_MESSAGES)) for _ in range(REPEATS)]
    ours = sorted((mine for mine, _ in turns), key=lambda run: run.per_second)
    peers = sorted((peer for _, peer in turns), key=lambda run: run.per_second)
    mine, peer = ours[len(ours) // 2], peers[len(peers) // 2]
    ratio = mine.per_second / peer.per_second
    where = profile(5_000)
    return Row(
        id="E1",
        what=f"drain of {MESSAGES:,} messages: proofs verified, durable journal, 7-of-10, batches of 100",
        unit="messages per second",
        ours=mine.per_second,
        ours_best=ours[-1].per_second,
        ours_p99=ours[0].per_second,
        peer="textbook relay (web3.py, concurrent, local nonces)",
        peer_figure=peer.per_second,
        ratio=ratio,
        goal=f"{GOAL}x (later: 60x)",
        met=ratio >= GOAL,
        repeats=REPEATS,
        checked="the destination's state has every message, its events each exactly once, for both",
        details=[
            Detail(what="processor time of the relay, µs a message", ours=mine.cpu_us, peer=peer.cpu_us)
        ],
        notes=[
            "The clock starts with the first read of logs and stops when the destination's state has all. "
            "The relay has one core, both chains and the attestors the other. The gateway also relays the "
            "acknowledgements back while it is measured; the peer verifies nothing, asks no attestor, and "
            f"relays no acknowledgement. The peer drains {PEER_MESSAGES:,} messages.",
            "Where the gateway's time goes (own time by module under cProfile, waiting left out):",
            "\n".join(where),
        ],
    )
