"""The directory in which a local network lives, and the record of what runs there.

The record is the only thing that `dev status` and `dev down` go by. It holds API keys of the playground, so
its file is readable by its owner alone.
"""

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from gateway.dev.plan import Link
from gateway.dev.processes import Started

_RECORD = "network.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """What runs, and how to reach it."""

    urls: dict[str, str]
    """Gateway -> base address."""
    admin_keys: dict[str, str]
    """Gateway -> API key for a person."""
    nodes: dict[str, str]
    """CAIP-2 -> endpoint of the chain."""
    contracts: dict[str, dict[str, str]]
    """CAIP-2 -> name of the contract -> address."""
    coins: dict[str, str]
    """CAIP-2 -> home token, of chains where it is no contract."""
    links: tuple[Link, ...]
    processes: tuple[Started, ...]


def default_directory() -> Path:
    """Return where a local network lives unless told otherwise: below the user's cache directory."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "isthmus" / "dev-network"


def make(directory: Path) -> None:
    """Make the directory, for its owner alone."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)


def read(directory: Path) -> Network | None:
    """Return what was written down, or None when nothing runs here."""
    try:
        said = json.loads((directory / _RECORD).read_text("utf-8"))
    except FileNotFoundError:
        return None
    links = tuple(Link(**one) for one in said["links"])
    return Network(
        **{**said, "links": links, "processes": tuple(Started(**one) for one in said["processes"])}
    )


def write(directory: Path, network: Network) -> None:
    """Write down what runs."""
    file = directory / _RECORD
    file.touch(mode=0o600)
    file.write_text(json.dumps(asdict(network), indent=2), "utf-8")


def forget(directory: Path) -> None:
    """Take the record away: nothing runs here any more. What was logged stays."""
    (directory / _RECORD).unlink(missing_ok=True)


def remove(directory: Path) -> None:
    """Remove a directory of ours and all that is in it."""
    shutil.rmtree(directory)


def clear(directory: Path) -> None:
    """Remove the directory of a network, and only of a network."""
    if (directory / _RECORD).exists():
        remove(directory)
