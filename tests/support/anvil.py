"""Development chains for tests: `start_anvil()` in a `with`, or the fixture `anvil` for one default chain.

The binary comes from the directory `$ISTHMUS_NODE_MODULES`; without it tests are skipped and say what to do.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.evm.devnode import DevNode, DevNodeOptions, find_anvil


def anvil_binary() -> Path:
    """Return anvil, or skip the test with the reason."""
    folder = os.environ.get("ISTHMUS_NODE_MODULES", "")
    if not folder:
        pytest.skip("ISTHMUS_NODE_MODULES is not set: run `make nodes`, then `make test`")
    binary = find_anvil(Path(folder))
    if binary is None:
        pytest.skip(f"no anvil in {folder}: run `make nodes` (npm installs @foundry-rs/anvil)")
    return binary


def start_anvil(**options: object) -> DevNode:
    """Return a chain for `with start_anvil(block_time_s=None) as node:`; options of `DevNodeOptions`."""
    return DevNode(anvil_binary(), DevNodeOptions(**options))


@pytest.fixture
def anvil() -> Iterator[DevNode]:
    """One chain with a block a second."""
    with start_anvil() as node:
        yield node
