"""Where the programs of nodes are, and what to do when one is missing."""

import os
from pathlib import Path

from adapters.evm.devnode import find_anvil


class NoNode(Exception):  # noqa: N818 - a condition named for what it says
    """A node's program is not on this machine. The message says what to do."""


def anvil_binary() -> Path:
    """Return the EVM node. Raises `NoNode`."""
    folder = os.environ.get("ISTHMUS_NODE_MODULES", "")
    binary = find_anvil(Path(folder)) if folder else None
    if binary is None:
        where = f"there is none in {folder}" if folder else "ISTHMUS_NODE_MODULES is not set"
        raise NoNode(f"no anvil: {where}; `make nodes` installs it with npm")
    return binary


def simd_binary() -> Path:
    """Return the Cosmos node. Raises `NoNode`."""
    named = os.environ.get("ISTHMUS_SIMD", "")
    if not Path(named).is_file() or not os.access(named, os.X_OK):
        found = f"{named} is no executable file" if named else "ISTHMUS_SIMD is not set"
        raise NoNode(f"no simd: {found}; `make nodes` builds it, with Go 1.26 or newer")
    return Path(named)
