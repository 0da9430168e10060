"""The live view: a table that is redrawn on a terminal, and lines when something changed anywhere else."""

import sys
import time
from collections.abc import Mapping
from types import TracebackType

from rich import box
from rich.console import Console
from rich.live import Live
from rich.table import Table

from gateway.demo.ledger import Count, total
from proofs.types import Lane

_COLUMNS = ("sent", "delivered", "acknowledged", "refunded", "duplicated")


class Screen:
    """Tells the story's steps and shows its counts. Used as a `with`."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)
        self._live = Live(console=self._console, refresh_per_second=4) if sys.stdout.isatty() else None
        self._begin_s = time.monotonic()
        self._last = ""
        self._unsafe = False

    def tell(self, text: str) -> None:
        """Print one step."""
        self._unsafe = self._unsafe or "UNSAFE" in text
        elapsed_s = time.monotonic() - self._begin_s
        self._console.print(f"● {elapsed_s:4.0f} s  {text}", markup=False)

    def show(self, counts: Mapping[Lane, Count]) -> None:
        """Show where all packets are, as the chains say."""
        if self._live is not None:
            self._live.update(self._table(counts))
            return
        sums = total(counts.values())
        line = "  ".join(f"{name} {getattr(sums, name)}" for name in _COLUMNS)
        if line != self._last:
            self._last = line
            self._console.print(f"          {line}", markup=False)

    def _table(self, counts: Mapping[Lane, Count]) -> Table:
        table = Table(box=box.SIMPLE_HEAD, title_justify="left")
        table.add_column("lane" + (" (UNSAFE)" if self._unsafe else ""))
        for name in _COLUMNS:
            table.add_column(name, justify="right")
        for lane, count in counts.items():
            numbers = [str(getattr(count, name)) for name in _COLUMNS]
            table.add_row(f"{lane.source} -> {lane.destination}", *numbers)
        return table

    def __enter__(self) -> "Screen":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
