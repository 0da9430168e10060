"""One view of block headers for light clients that work on any chain: which block, when, what root.

The table is explicit. A chain whose headers need more than this (validator sets, seals) has its own light
client.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from proofs import memory_tree
from proofs.evm import header as evm_header
from proofs.types import ChainId, Height


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderView:
    """A decoded header. Every field is covered by `hash`, which was recomputed."""

    chain: ChainId | None
    """The chain that the header names; None where headers name none."""
    height: Height
    hash: bytes
    parent_hash: bytes
    root: bytes
    """The state root that proofs are checked against."""
    time_s: int


def _evm(encoded: bytes) -> HeaderView:
    header = evm_header.decode(encoded)
    return HeaderView(
        chain=None,
        height=header.height,
        hash=header.hash,
        parent_hash=header.parent_hash,
        root=header.state_root,
        time_s=header.time_s,
    )


def _memory(encoded: bytes) -> HeaderView:
    header = memory_tree.decode_header(encoded)
    return HeaderView(
        chain=header.chain,
        height=header.height,
        hash=memory_tree.header_hash(encoded),
        parent_hash=header.parent_hash,
        root=header.root,
        time_s=header.time_s,
    )


HEADER_CODECS: Mapping[str, Callable[[bytes], HeaderView]] = MappingProxyType(
    {"evm": _evm, "memory": _memory}
)
"""Name in a light client's parameters -> decoder, which raises `Refusal`."""
