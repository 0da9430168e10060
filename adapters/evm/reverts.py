"""Why a contract refused: revert data turned into words, by the error selectors of the committed artifacts.

Rare, hence through `eth_abi`. Words are for people; nothing is decided by them.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

from adapters.evm.abi import selector

_ERROR = selector("Error(string)")
_PANIC = selector("Panic(uint256)")
_MAX_TEXT = 300


@lru_cache(maxsize=16)
def artifact(name: str) -> Mapping[str, Any]:
    """Return a committed artifact by contract name: `abi`, `bytecode`, `deployedBytecode`."""
    path = files("adapters.evm").joinpath("contracts", "artifacts", f"{name}.json")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


@lru_cache(maxsize=1)
def _known_errors() -> Mapping[bytes, tuple[str, tuple[str, ...]]]:
    """Return selector -> (name, types) of every error in every artifact."""
    known: dict[bytes, tuple[str, tuple[str, ...]]] = {
        _ERROR: ("Error", ("string",)),
        _PANIC: ("Panic", ("uint256",)),
    }
    folder = files("adapters.evm").joinpath("contracts", "artifacts")
    for path in sorted(folder.iterdir(), key=lambda each: each.name):
        for entry in json.loads(path.read_text())["abi"]:
            if entry["type"] == "error":
                types = tuple(field["type"] for field in entry["inputs"])
                known[selector(f"{entry['name']}({','.join(types)})")] = (entry["name"], types)
    return known


def describe(revert_data: bytes) -> str:
    """Return the error in words, for example `ClientNotFound('evm-0')`."""
    from eth_abi.abi import decode  # slow to import, rarely needed
    from eth_abi.exceptions import DecodingError

    if not revert_data:
        return "reverted without a reason"
    name, types = _known_errors().get(revert_data[:4], ("", ()))
    if not name:
        return f"unknown error 0x{revert_data[:68].hex()}"
    try:
        values = decode(types, revert_data[4:])
    except (DecodingError, OverflowError, UnicodeDecodeError):
        return f"{name}, with arguments that do not decode"
    shown = ", ".join("0x" + value.hex() if isinstance(value, bytes) else repr(value) for value in values)
    return f"{name}({shown})"[:_MAX_TEXT]
