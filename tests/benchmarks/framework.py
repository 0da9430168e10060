"""How a row is measured and written down. Rows are in the modules beside this one.

A row runs its peer in the same run, checks both for the same right answers before a timing, and repeats both
in turns (ours, peer, ours, ...), so that a change of the machine's mood hits both.
"""

import gc
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
JSON_FILE = ROOT / "docs" / "benchmarks.json"
PAGE_FILE = ROOT / "docs" / "benchmarks.md"


class WrongAnswerError(AssertionError):
    """Something under measurement gave another answer than expected: there is no timing of wrong answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """One line below a row: a part of it, or the same thing under another condition."""

    what: str
    ours: float
    peer: float | None = None
    floor: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the table."""

    id: str
    what: str
    unit: str
    ours: float
    """Median, in `unit`."""
    ours_best: float
    ours_p99: float
    peer: str
    peer_figure: float
    ratio: float
    """How many times better than the peer; above 1 we win, whatever the unit."""
    goal: str
    met: bool
    repeats: int
    checked: str
    """What was checked before the timing."""
    details: Sequence[Detail] = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of the repeats of one thing."""

    seconds: list[float] = field(default_factory=list)

    def median(self) -> float:
        """Return the median."""
        return statistics.median(self.seconds)

    def best(self) -> float:
        """Return the smallest."""
        return min(self.seconds)

    def p99(self) -> float:
        """Return the 99th percentile; with few repeats that is the largest."""
        return percentile(self.seconds, 99)


def percentile(values: Iterable[float], percent: float) -> float:
    """Return the nearest-rank percentile."""
    ordered = sorted(values)
    rank = max(0, min(len(ordered) - 1, -(-len(ordered) * percent // 100) - 1))
    return ordered[int(rank)]


def in_turns(ways: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, Times]:
    """Run every way once to warm up, then all of them in turns, and return their times."""
    times = {name: Times() for name in ways}
    for way in ways.values():
        way()
    gc.collect()
    gc.disable()
    try:
        for _ in range(repeats):
            for name, way in ways.items():
                begin = time.perf_counter()
                way()
                times[name].seconds.append(time.perf_counter() - begin)
    finally:
        gc.enable()
    return times


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Keep this process (and what it starts meanwhile) on one core, where the system can do that."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(before)[core % len(before)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def expect(what: str, expected: object, actual: object) -> None:
    """Raise `WrongAnswerError` unless both are equal."""
    if expected != actual:
        raise WrongAnswerError(f"{what}: expected {expected!r:.300}, got {actual!r:.300}")


def environment() -> dict[str, str]:
    """Return what the figures depend on."""
    cpu = platform.processor() or platform.machine()
    if (info := Path("/proc/cpuinfo")).exists():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if "model name" in line
        ]
        cpu = names[0] if names else cpu
    libraries = ("aiohttp", "coincurve", "msgspec", "safe-pysha3", "sqlalchemy", "trie", "uvloop", "web3")
    return {
        "cpu": f"{cpu}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "libraries": ", ".join(f"{name} {version(name)}" for name in libraries),
        "load": f"{os.getloadavg()[0]:.1f} processes wanted a core when the last row was written",
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def write(rows: Sequence[Row]) -> None:
    """Put these rows into docs/benchmarks.json, in place of rows of the same id, and write the page anew."""
    kept = json.loads(JSON_FILE.read_text())["rows"] if JSON_FILE.exists() else []
    by_id = {row["id"]: row for row in kept} | {row.id: asdict(row) for row in rows}
    document = {"environment": environment(), "rows": [by_id[name] for name in sorted(by_id)]}
    JSON_FILE.write_text(json.dumps(document, indent=1) + "\n")
    PAGE_FILE.write_text(page(document))


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if (value == int(value) and abs(value) >= 10) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def page(document: Mapping[str, object]) -> str:
    """Return docs/benchmarks.md for this document."""
    rows: Sequence[dict[str, object]] = document["rows"]  # type: ignore[assignment]
    env: Mapping[str, str] = document["environment"]  # type: ignore[assignment]
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`; change nothing here by hand. Every row runs its peer in the same",
        "run, in turns, after both gave the same right answers. For programs: `docs/benchmarks.json`.",
        "",
        *(f"- {name}: {value}" for name, value in env.items()),
        "",
        "| row | what | unit | ours | peer | peer's figure | ratio | goal | met |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [
            row["id"],
            row["what"],
            row["unit"],
            _number(row["ours"]),
            row["peer"],
            _number(row["peer_figure"]),
        ]
        cells += [f"**{_number(row['ratio'])}x**", row["goal"], "yes" if row["met"] else "**no**"]
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    for row in rows:
        lines += ["", f"## {row['id']}: {row['what']}", ""]
        spread = (
            f"Median of {row['repeats']}; best {_number(row['ours_best'])}, p99 {_number(row['ours_p99'])}"
        )
        lines += [f"{spread} {row['unit']}. Checked before the timing: {row['checked']}."]
        if row["details"]:
            lines += ["", f"| {row['unit']} | ours | peer | floor |", "|---|---|---|---|"]
            for d in row["details"]:
                lines.append(
                    f"| {d['what']} | {_number(d['ours'])} | {_number(d['peer'])} | {_number(d['floor'])} |"
                )
        for note in row["notes"]:
            lines += ["", note]
    return "\n".join(lines) + "\n"
