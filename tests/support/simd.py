"""Cosmos development chains for tests: `with start_simd(...) as chain:`.

The binary is `$ISTHMUS_SIMD`; without it tests are skipped and say what to do.
"""

import os
from pathlib import Path

import pytest

from adapters.cosmos.devhome import DevChainOptions
from adapters.cosmos.devnode import DevChain


def simd_binary() -> Path:
    """Return simd, or skip the test with the reason."""
    named = os.environ.get("ISTHMUS_SIMD", "")
    if not named:
        pytest.skip("ISTHMUS_SIMD is not set: `make test` and `make nodes` build simd, with Go 1.26 or newer")
    if not os.access(named, os.X_OK) or not Path(named).is_file():
        pytest.skip(f"ISTHMUS_SIMD={named} is not an executable file: run `make nodes`")
    return Path(named)


def start_simd(**options: object) -> DevChain:
    """Return a chain for `with start_simd(chain_id="chain-b") as chain:`; options of `DevChainOptions`."""
    return DevChain(simd_binary(), DevChainOptions(**options))
