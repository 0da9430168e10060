"""Third-party test vectors, read in place from a folder beside the project; without them a suite skips."""

import json
from pathlib import Path
from typing import Any

import pytest

COUNTED: list[str] = []
"""What suites say about their cases; shown at the end of the run."""

FOLDER = Path(__file__).parents[3] / "shared" / "vectors"


def path_of(name: str) -> Path:
    """Return the path of a vector file, whether it exists or not."""
    return FOLDER / name


def needs(*names: str) -> pytest.MarkDecorator:
    """Skip a test whose vector files are not there."""
    missing = [name for name in names if not path_of(name).exists()]
    return pytest.mark.skipif(
        bool(missing), reason=f"no test vectors beside the project: {', '.join(missing)}"
    )


def load(name: str) -> Any:
    """Return the JSON of a vector file, or an empty list when it is not there (see `needs`)."""
    path = path_of(name)
    return json.loads(path.read_text()) if path.exists() else []


def unhex(text: str) -> bytes:
    """Return the bytes of `0x...`; an odd number of digits is a number, so it gets its leading zero."""
    digits = text.removeprefix("0x")
    return bytes.fromhex(digits if len(digits) % 2 == 0 else "0" + digits)


def number(text: str) -> bytes:
    """Return the minimal big-endian bytes of a `0x...` number: RLP's way to write it."""
    return unhex(text).lstrip(b"\0")


def counted(summary: str) -> None:
    """Have a line about how many cases ran shown at the end of the run."""
    COUNTED.append(summary)
