"""E3: from the block that shows a message to the transaction that delivers it, in an open loop.

Both chains are scripted and answer after 1 ms. Blocks appear on time whatever the relay does (no coordinated
omission). Two of three attestors sign, ours and one more, which also answers after 1 ms.
"""

import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.framework import Detail, Row, expect, percentile
from tests.benchmarks.lab import (
    DEV_KEY,
    OURS,
    WORLD,
    End,
    ask,
    attestors_of,
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

SOURCE, DESTINATION = 1001, 1002
LATENCY_S = 0.001
PEERS, NEED = 2, 2
PEER_HEIGHT = 1
P50_MS, P99_MS = 6, 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Messages per second, as blocks."""

    per_second: int
    per_block: int
    blocks: int

    @property
    def messages(self) -> int:
        """All messages of the run."""
        return self.per_block * self.blocks

    @property
    def period_s(self) -> float:
        """Seconds between blocks."""
        return self.per_block / self.per_second


LOADS = (
    Load(per_second=1, per_block=1, blocks=20),
    Load(per_second=100, per_block=10, blocks=100),
    Load(per_second=1000, per_block=100, blocks=60),
)


class World:
    """Both scripted chains and the attestors, fresh for one run."""

    def __init__(self, stack: ExitStack, load: Load) -> None:
        self.lane, self.load = lane_between(SOURCE, DESTINATION), load
        self.now_s = int(time.time())
        counts = [load.per_block] * load.blocks
        plan = {
            "latency_s": LATENCY_S,
            "foreign": {},
            "attestors": peer_plans(self.lane, PEERS),
            "chains": [self._plan(SOURCE, counts), self._plan(DESTINATION, [])],
        }
        self.ports = json.loads(
            first_line(stack.enter_context(process("tests.benchmarks.mock_node", plan, WORLD)))
        )

    def _plan(self, number: int, counts: Sequence[int]) -> dict[str, Any]:
        lane = self.lane if number == DESTINATION else self.lane.reverse()
        return {
            "number": number,
            "client": str(lane.destination_client),
            "counterparty": str(lane.source_client),
            "attestors": [address.hex() for address in attestors_of(lane, PEERS).addresses()],
            "threshold": NEED,
            "packets_by_block": list(counts),
            "timeout_s": self.now_s + 86_400,
            "time_s": self.now_s - 10_000,
            "all_visible": False,
            "period_s": self.load.period_s,
            "latency_s": LATENCY_S,
        }

    def url(self, number: int, scheme: str = "http") -> str:
        """Return the endpoint of a chain."""
        return f"{scheme}://127.0.0.1:{self.ports[f'eip155:{number}']}"

    def look(self, do: str = "look") -> Mapping[str, Any]:
        """Return what the mock node knows; `start` lets the blocks appear."""
        found: Mapping[str, Any] = ask(self.ports["control"], do)
        return found

    def latencies_ms(self) -> list[float]:
        """Start, wait until everything was delivered, and return the latency of each message."""
        self.look("start")
        name = f"eip155:{DESTINATION}"
        limit_s = self.load.period_s * self.load.blocks + 60
        until(
            "all deliveries", lambda: len(self.look()["received"][name]) >= self.load.messages, limit_s, 0.5
        )
        found = self.look()
        seen = dict(found["seen"][f"eip155:{SOURCE}"])
        received = dict(found["received"][name])
        expect("messages delivered", sorted(seen), sorted(received))
        return [(received[sequence] - seen[sequence]) * 1000 for sequence in seen]


def run_ours(load: Load) -> list[float]:
    """Return the latencies of the gateway in milliseconds."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        world = World(stack, load)
        ends = [
            End(number=n, url=world.url(n), ws_url=world.url(n, "ws"), router=ROUTER)
            for n in (SOURCE, DESTINATION)
        ]
        config = write_config(Path(folder), world.lane, ends, world.ports["attestors"], NEED)
        stack.enter_context(gateway(config))
        until("first reads of the gateway", lambda: world.look()["listening"] == 2, 30)
        return world.latencies_ms()


def run_peer(load: Load) -> list[float]:
    """Return the latencies of the textbook relay in milliseconds."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        world = World(stack, load)
        sent = packets(load.messages, "attestations-0", "attestations-1", world.now_s + 86_400)
        keys = attestors_of(world.lane, PEERS).peers[:NEED]
        plan = {
            "source_url": world.url(SOURCE),
            "destination_url": world.url(DESTINATION),
            "source_router": "0x" + ROUTER.hex(),
            "destination_router": "0x" + ROUTER.hex(),
            "destination_chain": DESTINATION,
            "key": "0x" + DEV_KEY.hex(),
            "database": str(Path(folder) / "textbook.db"),
            "messages": load.messages,
            "in_flight": 100,
            "wait": False,
            "height": PEER_HEIGHT,
            "proofs": peer_proofs(sent, keys, PEER_HEIGHT),
        }
        stack.enter_context(process("tests.benchmarks.textbook", plan, OURS))
        until("first read of the peer", lambda: world.look()["asked"] > 0, 30)
        return world.latencies_ms()


def measure() -> Row:
    """Return the row."""
    ours = {load: run_ours(load) for load in LOADS}
    peers = {load: run_peer(load) for load in LOADS[:2]}
    details = []
    for load in LOADS:
        for percent in (50, 99):
            peer = percentile(peers[load], percent) if load in peers else None
            what = f"p{percent} at {load.per_second:,} messages a second"
            details.append(Detail(what=what, ours=percentile(ours[load], percent), peer=peer))
    calm = LOADS[0]
    mine, peer_ms = percentile(ours[calm], 50), percentile(peers[calm], 50)
    met = all(percentile(o, 50) <= P50_MS and percentile(o, 99) <= P99_MS for o in ours.values())
    return Row(
        id="E3",
        what="added latency, block visible to delivery accepted, 1 message a second, 1 ms round trips",
        unit="ms",
        ours=mine,
        ours_best=min(ours[calm]),
        ours_p99=percentile(ours[calm], 99),
        peer="textbook relay (web3.py, polls every 50 ms)",
        peer_figure=peer_ms,
        ratio=peer_ms / mine,
        goal=f"p50 <= {P50_MS} ms and p99 <= {P99_MS} ms up to 1,000 a second",
        met=met,
        repeats=calm.messages,
        checked="every message that was shown was delivered, and no other",
        details=details,
        notes=[
            "Figures are over messages, each from the block that shows it. The gateway is woken by heads; "
            "fetches logs, state, proofs; verifies; asks an attestor; commits; submits. The peer fetches "
            "logs and submits; where it cannot keep up, its figure is the queue before it. 1,000 a second "
            "are not tried with it.",
        ],
    )
