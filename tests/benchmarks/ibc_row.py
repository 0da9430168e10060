"""IBC: relayers on real chains. Who clears a backlog of ICS-20 packets, and how late is a single one?

Each run has two fresh chains of its own, one relayer, and one machine. What was relayed is counted in the
chains' state; what was asked of the nodes, by doors before them. Peers run with the fastest settings known.
"""

import os
import pstats
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.devchain import BenchmarkError
from tests.benchmarks.e1_drain import by_part
from tests.benchmarks.framework import ROOT, Detail, Row, WrongAnswerError, expect
from tests.benchmarks.ibc_chains import MAX_NODE_BYTES, A, B
from tests.benchmarks.ibc_floor import floor_s
from tests.benchmarks.ibc_latency import Latency, latency
from tests.benchmarks.ibc_ours import Isthmus
from tests.benchmarks.ibc_peers import Contender, Hermes, Rly
from tests.benchmarks.ibc_runs import Cleared, Spent, clear

BACKLOGS = (1_000, 5_000)
LIMIT_S = 240
LIGHT, EVERY_S = 60, 1.0
FASTER, LATENCY_PART, REQUESTS = 5, 1 / 3, 0.05
_PROFILED = 1_000
_PEERS: Sequence[tuple[str, Contender, Contender]] = (
    ("ISTHMUS_RLY", Rly(), Rly(loop_ms=20)),
    ("ISTHMUS_HERMES", Hermes(), Hermes()),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """All runs of one relayer."""

    name: str
    cleared: Mapping[int, Cleared]
    light: Latency


def measure() -> Row:
    """Return the row. Raises `BenchmarkError` when no peer is there to compare with."""
    ours = measured(Isthmus(), Isthmus())
    for backlog, each in ours.cleared.items():
        expect(f"{backlog} packets of ours received and acknowledged ({each.said})", True, each.done)
    others, missing = [], []
    for variable, peer, quick in _PEERS:
        if not os.environ.get(variable):
            missing.append(f"{peer.name} (not built here)")
            continue
        try:
            others.append(measured(peer, quick))
        except (BenchmarkError, WrongAnswerError, OSError) as error:
            missing.append(f"{peer.name} ({error})")
    if not others:
        raise BenchmarkError(f"expected a peer, missing are {missing}; start benchmarks with `make bench`")
    return row(ours, others, missing, sum(floor_s(BACKLOGS[-1])), profile())


def measured(contender: Contender, quick: Contender) -> Measured:
    """Run one relayer through everything; `quick` is the same one as it is fastest with single packets."""
    return Measured(
        name=contender.name,
        cleared={backlog: clear(contender, backlog, LIMIT_S) for backlog in BACKLOGS},
        light=latency(quick, LIGHT, EVERY_S),
    )


def profile() -> list[str]:
    """Return where our gateway's own time goes, as lines, from a run under cProfile."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "profile"
        clear(Isthmus(program=("tests.benchmarks.profiled", str(output))), _PROFILED, LIMIT_S)
        return by_part(pstats.Stats(str(output)))


def row(
    ours: Measured, others: Sequence[Measured], missing: Sequence[str], alone_s: float, where: Sequence[str]
) -> Row:
    """Return the row of these runs; `alone_s` is what the chains alone need for the larger backlog."""
    most = BACKLOGS[-1]
    mine = ours.cleared[most]
    peer = max(others, key=lambda each: each.cleared[most].per_second)
    quick = min(others, key=lambda each: each.light.added_ms)
    theirs = peer.cleared[most]
    ratio = mine.per_second / theirs.per_second if theirs.per_second else float("inf")
    met = (
        ratio >= FASTER
        and ours.light.added_ms <= LATENCY_PART * quick.light.added_ms
        and mine.spent.requests_per_packet <= REQUESTS
    )
    return Row(
        id="IBC",
        what=f"{most:,} pending ICS-20 packets (IBC v1) relayed and acknowledged between two simd chains",
        unit="packets per second",
        ours=mine.per_second,
        ours_best=mine.per_second,
        ours_p99=mine.per_second,
        peer=peer.name,
        peer_figure=theirs.per_second,
        ratio=ratio,
        goal=f"{FASTER}x; a third of the latency that a peer adds; {REQUESTS} requests a packet",
        met=met,
        repeats=1,
        checked="the receiver's vouchers and the open commitments in the chains' state, for all",
        details=_details(ours, peer, quick, most / alone_s),
        notes=[table([ours, *others]), *_notes(missing, alone_s), "\n".join([_WHERE, "", *where])],
    )


def _details(ours: Measured, peer: Measured, quick: Measured, alone: float) -> list[Detail]:
    least, most = BACKLOGS
    mine, theirs = ours.cleared[most].spent, peer.cleared[most].spent
    return [
        Detail(
            what=f"{least:,} pending",
            ours=ours.cleared[least].per_second,
            peer=peer.cleared[least].per_second,
        ),
        Detail(
            what=f"{most:,} pending",
            ours=ours.cleared[most].per_second,
            peer=peer.cleared[most].per_second,
            floor=alone,
        ),
        Detail(what="requests a packet", ours=mine.requests_per_packet, peer=theirs.requests_per_packet),
        Detail(
            what=f"mean added latency, ms, one packet a second ({quick.name})",
            ours=ours.light.added_ms,
            peer=quick.light.added_ms,
        ),
        Detail(
            what=f"p50 latency, ms, one packet a second ({quick.name})",
            ours=ours.light.ms("wall_s", 50),
            peer=quick.light.ms("wall_s", 50),
            floor=ours.light.ms("floor_s", 50),
        ),
    ]


def table(all_of_them: Sequence[Measured]) -> str:
    """Return every figure of every relayer, as a table."""
    lines = [["", *(each.name for each in all_of_them)], ["---"] * (len(all_of_them) + 1)]
    for backlog in BACKLOGS:
        for what, figure in _CLEARING.items():
            figures = [figure(each.cleared[backlog]) for each in all_of_them]
            lines.append([f"{backlog:,} pending: {what}", *figures])
    for what, shown in _LIVE.items():
        lines.append([f"one packet a second: {what}", *(shown(each.light) for each in all_of_them)])
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _finished(run: Cleared) -> str:
    if run.done:
        return f"{run.seconds:.1f}"
    done = f"{run.received:,} received, {run.acknowledged:,} acknowledged"
    return f"not in {run.seconds:.0f} ({done})" + (f": {run.stopped}" if run.stopped else "")


def _cpu(spent: Spent) -> str:
    return f"{spent.cpu_s['relayer']:.1f} + {spent.cpu_s[A]:.1f} + {spent.cpu_s[B]:.1f}"


_CLEARING: Mapping[str, Callable[[Cleared], str]] = {
    "all received, s": lambda run: "-" if run.received_s is None else f"{run.received_s:.1f}",
    "all acknowledged, s": _finished,
    "packets a second": lambda run: f"{run.per_second:.1f}",
    "transactions on chain-b + chain-a": lambda run: (
        f"{run.spent.transactions.get(B, '-')} + {run.spent.transactions.get(A, '-')}"
    ),
    "requests a packet": lambda run: f"{run.spent.requests_per_packet:.3f}",
    "calls a packet, each of a batch counted": lambda run: f"{run.spent.calls_per_packet:.2f}",
    "CPU seconds of relayer + chain-a + chain-b": lambda run: _cpu(run.spent),
}

_LIVE: Mapping[str, Callable[[Latency], str]] = {
    "latency, ms, p50 / p95": lambda light: f"{light.ms('wall_s', 50):.0f} / {light.ms('wall_s', 95):.0f}",
    "the same by the headers' times": lambda light: (
        f"{light.ms('header_s', 50):.0f} / {light.ms('header_s', 95):.0f}"
    ),
    "what the chains impose": lambda light: f"{light.ms('floor_s', 50):.0f} / {light.ms('floor_s', 95):.0f}",
    "added, ms, mean / p50 / p95": lambda light: (
        f"{light.added_ms:.0f} / {light.ms('added_s', 50):.0f} / {light.ms('added_s', 95):.0f}"
    ),
    "requests a packet": lambda light: f"{light.spent.requests_per_packet:.1f}",
    "CPU seconds of relayer + chain-a + chain-b": lambda light: _cpu(light.spent),
}

_WHERE = (
    f"Where the gateway's time goes when {_PROFILED:,} are pending (own time by module under cProfile, "
    "waiting left out); how it compares with the chains' is in the lines of CPU seconds above:"
)


def versions() -> str:
    """Return what the chains are made of."""
    pinned = (ROOT / "tests" / "nodes" / "simd" / "go.mod").read_text()
    found = re.findall(r"^\s+github\.com/cosmos/(ibc-go|cosmos-sdk)(?:/v\d+)? v(\S+)$", pinned, re.MULTILINE)
    found += re.findall(r"^\s+github\.com/cometbft/(cometbft) v(\S+)$", pinned, re.MULTILINE)
    return ", ".join(f"{name} {version}" for name, version in found)


def _notes(missing: Sequence[str], alone_s: float) -> list[str]:
    most = f"{BACKLOGS[-1]:,}"
    notes = [
        f"Chains: simd with {versions()}; one validator each, which waits 200 ms after each block (chain-b "
        "210 ms in the latency runs, so that all phases occur); requests and transactions far above the "
        "defaults are allowed; fresh for every run. Packets are sent 10 in a transaction while no relayer "
        "runs. The clock starts with the relayer's process and stops when the state has the last "
        "acknowledgement. Nothing is pinned to a core: relayer and nodes share the machine.",
        "Settings: Isthmus with batches of 500 and one key; rly with --max-msgs 1000 and a loop of 200 ms, "
        "20 ms for single packets; Hermes with max_msg_num 25 and `clear packets`, for single packets with "
        "events pushed and no delay (it takes one command in 200 ms and gets one for every block, so that it "
        "falls behind chains as quick as these). Isthmus verifies every header and proof before it relays; "
        "the peers trust their nodes.",
        "A request is an HTTP request, a WebSocket message or a gRPC call, at either node; the goal is about "
        "these. Every packet and every acknowledgement needs a proof of its own, so that calls, each of a "
        "batch counted, cannot be fewer than two.",
        f"A run is stopped when a node holds {MAX_NODE_BYTES >> 30} GiB of memory; what the chains' state "
        "told last counts then.",
        f"The floor: receipts and acknowledgements for {most} packets, built and signed beforehand, handed "
        f"over at once, took the chains {alone_s:.1f} s. Latency is from the news of the sending block to "
        "the news of the receiving one; what the chains impose is the next header of chain-a, then a block "
        "of chain-b. The goal is about the mean of what is added: a packet waits for whole blocks or none.",
    ]
    return notes + [f"Missing: {each}." for each in missing]
