"""Configuration of one memory chain, which says how its blocks are judged and where its commitments live."""

from collections.abc import Mapping
from dataclasses import dataclass

from adapters.api import LightClientSpec
from adapters.memory.world import ChainSpec
from proofs.lightclients.quorum import QuorumParams
from proofs.types import Assurance, ChainId, CommitmentStore

LIGHT_CLIENT = "quorum"
PROOF_FORMAT = "memory-tree"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryConfig:
    """One chain of a world in this process."""

    validators: tuple[str, ...]
    """Addresses of the validators, 0x-hex: the identity of the chain (see `world.validator_addresses`)."""
    threshold: int
    """How many validators must have signed a block."""
    world: str = "default"
    """Adapters that name the same world and chain look at the same chain."""
    endpoints: tuple[str, ...] = ("a", "b", "c")
    quorum: int = 2
    """How many endpoints must agree on what no proof covers; more than half of them."""
    router: str = "0x1571570000000000000000000000000000000001"
    """The router account, 0x-hex, 20 bytes: the owner of the commitment tree."""
    start_height: int = 1
    """First block that may hold packets."""
    block_time_s: float = 1.0
    """0: one block for each transaction, and none without."""
    finality_depth: int = 2
    """A block is final when this many stand on it."""
    request_timeout_s: float = 5.0
    """How long an endpoint may take to answer."""
    latency_s: float = 0.0
    """How long an endpoint does take to answer."""


def check(config: MemoryConfig) -> Mapping[str, str]:
    """Return what is wrong beyond types: key -> sentence."""
    wrong: dict[str, str] = {}
    bad = [text for text in config.validators if _address(text) is None]
    if bad or not config.validators or len(set(config.validators)) != len(config.validators):
        wrong["validators"] = (
            f"expected distinct addresses of 20 bytes in 0x-hex, got {list(config.validators)}"
        )
    if not 1 <= config.threshold <= len(config.validators):
        wrong["threshold"] = f"expected 1 to {len(config.validators)}, got {config.threshold}"
    if not config.endpoints or len(set(config.endpoints)) != len(config.endpoints):
        wrong["endpoints"] = f"expected distinct names, got {list(config.endpoints)}"
    if not len(config.endpoints) < 2 * config.quorum <= 2 * len(config.endpoints):
        wrong["quorum"] = f"expected more than half of {len(config.endpoints)} endpoints, got {config.quorum}"
    if _address(config.router) is None:
        wrong["router"] = f"expected 20 bytes in 0x-hex, got {config.router!r}"
    return {**wrong, **_out_of_range(config)}


def _out_of_range(config: MemoryConfig) -> dict[str, str]:
    least = {
        "start_height": 1,
        "finality_depth": 0,
        "block_time_s": 0,
        "latency_s": 0,
        "request_timeout_s": 0.001,
    }
    values = {key: getattr(config, key) for key in least}
    return {
        key: f"expected {least[key]} or more, got {value}"
        for key, value in values.items()
        if value < least[key]
    }


def light_client(chain: ChainId, config: MemoryConfig) -> LightClientSpec:
    """Return how the chain's blocks are judged: by its validators' signatures. Raises `ValueError`."""
    signers = tuple([_required(text) for text in config.validators])
    params = QuorumParams(chain=chain, signers=signers, threshold=config.threshold)
    return LightClientSpec(family=LIGHT_CLIENT, params=params, assurance=Assurance.CONSENSUS)


def store(chain: ChainId, config: MemoryConfig) -> CommitmentStore:
    """Return where the chain keeps its commitments. Raises `ValueError`."""
    return CommitmentStore(chain=chain, format=PROOF_FORMAT, address=_required(config.router))


def chain_spec(config: MemoryConfig) -> ChainSpec:
    """Return what the chain of this configuration is made of. Raises `ValueError`."""
    return ChainSpec(
        router=_required(config.router),
        validators=len(config.validators),
        block_time_s=config.block_time_s,
        finality_depth=config.finality_depth,
    )


def _address(text: str) -> bytes | None:
    try:
        address = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        return None
    return address if text.startswith("0x") and len(address) == 20 else None


def _required(text: str) -> bytes:
    address = _address(text)
    if address is None:
        raise ValueError(f"expected 20 bytes in 0x-hex, got {text!r}")
    return address
