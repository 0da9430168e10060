"""How commands speak: results on standard output, as text or JSON; everything else on standard error.

JSON results have exactly the schema of the HTTP API, so a script may use either. Colour goes away when the
output is no terminal or `NO_COLOR` is set; a state is always a word too, never colour alone.
"""

import sys
from collections.abc import Sequence
from enum import IntEnum
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON with the schema of the HTTP API.")]
Url = Annotated[
    str, typer.Option("--url", envvar="ISTHMUS_URL", help="Address of a running gateway.", show_envvar=True)
]
Key = Annotated[str, typer.Option("--key", envvar="ISTHMUS_API_KEY", help="API key, for acts that need one.")]

DEFAULT_URL = "http://127.0.0.1:8080"


class Exit(IntEnum):
    """Exit codes of every command."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    UNHEALTHY = 3
    PENDING = 4


class CliError(Exception):
    """A command that ends early: what happened, and what to do about it."""

    def __init__(self, message: str, *, exit_code: Exit = Exit.FAILED, hint: str = "") -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.hint = hint


def complain(error: CliError) -> None:
    """Print an error and its hint on standard error."""
    note(f"error: {error}")
    if error.hint:
        note(f"  hint: {error.hint}")


def note(text: str) -> None:
    """Print a line that is no result, on standard error."""
    print(text, file=sys.stderr, flush=True)


def emit_json(value: Any) -> None:
    """Print JSON-ready data as the one result."""
    import json

    print(json.dumps(value, indent=2, ensure_ascii=False))


def console() -> Any:
    """Return a rich console on standard output."""
    from rich.console import Console

    return Console(soft_wrap=False, highlight=False)


def table(title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print a table; cells are plain text, never markup."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    drawn = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    console().print(drawn)
