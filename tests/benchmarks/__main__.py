"""`python -m tests.benchmarks [ID ...]`: measures all rows, or those named, and writes docs/."""

import sys
import time
from importlib import import_module

from tests.benchmarks.framework import write

ROWS = {
    "M1": "tests.benchmarks.m1_trie",
    "M9": "tests.benchmarks.m9_events",
    "M13": "tests.benchmarks.m13_gas",
    "E1": "tests.benchmarks.e1_drain",
    "E3": "tests.benchmarks.e3_latency",
    "IBC": "tests.benchmarks.ibc_row",
}


def main(wanted: list[str]) -> int:
    """Measure, write, and return the exit code. A missed goal is a finding; a wrong answer raises."""
    unknown = set(wanted) - set(ROWS)
    if unknown:
        print(f"unknown rows {sorted(unknown)}; there are {', '.join(ROWS)}", file=sys.stderr)
        return 2
    for name in wanted or ROWS:
        begin = time.monotonic()
        row = import_module(ROWS[name]).measure()
        write([row])
        verdict = "met" if row.met else "MISSED"
        print(
            f"{row.id}: {row.ours:.4g} {row.unit}, {row.peer} {row.peer_figure:.4g}, {row.ratio:.1f}x; "
            f"goal {row.goal}: {verdict} ({time.monotonic() - begin:.0f} s)",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
