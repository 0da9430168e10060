"""Configuration of one Cosmos chain. The field defaults here are the only defaults; units are in the names.

`check` finds mistakes without any I/O. URLs arrive resolved: references to secrets inside them are for
the gateway.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from urllib.parse import urlsplit

from adapters.api import LightClientSpec
from proofs import bech32
from proofs.codec import revision_of
from proofs.hashing import sha256
from proofs.ids import parse_chain
from proofs.lightclients.tendermint import TendermintParams
from proofs.types import Assurance, BlockRef, ChainId, CommitmentStore, Height

_HTTP = ("http", "https")
_WS = ("ws", "wss")
_MAX_NAME = 128
_GAS_PRICE = re.compile(r"(\d{1,18}(?:\.\d{1,18})?)([a-zA-Z][a-zA-Z0-9/:._-]{2,127})")
_PREFIX = re.compile(r"[a-z][a-z0-9]{0,30}")
_HASH = re.compile(r"[0-9a-fA-F]{64}")
_LEVEL = re.compile(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,8})")
_HOW_TO_TRUST = (
    "the light client starts from it; take both from a source that you trust, and not from these endpoints "
    "alone: `isthmus ibc trust` asks several and shows where they agree"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointConfig:
    """One node. Its name is its name in reports."""

    name: str
    rpc_url: str
    """CometBFT RPC."""
    grpc_url: str = ""
    """gRPC, `host:port` or with http:// or https://; optional: `isthmus doctor` asks it what signers hold."""
    ws_url: str = ""
    """Optional: new heads arrive here and only wake us. CometBFT serves it at /websocket of the RPC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CosmosConfig:
    """What is configured for one Cosmos chain."""

    endpoints: tuple[EndpointConfig, ...]
    trust_height: int = 0
    """The block from which our light client starts; below it nothing can be proven."""
    trust_hash: str = ""
    """Its hash, 64 hexadecimal digits."""
    trusting_period_s: int = 0
    """How long a trusted block stays so: well below the chain's unbonding period (two thirds of it)."""
    trust_level: str = "1/3"
    """Part of a trusted validator set that must have signed a block that is skipped to."""
    max_clock_drift_s: int = 10
    """How far ahead of our clock a block may be."""
    chain_id: str = ""
    """The chain's own name; empty is the reference in its CAIP-2 id."""
    bech32_prefix: str = "cosmos"
    gas_price: str = "0.025stake"
    """What is paid for a unit of gas, and in which coin."""
    max_fee: int = 10_000_000
    """Never pay more for one transaction, in the coin of `gas_price`."""
    gas_adjustment: str = "1.3"
    """Gas limit over simulated use."""
    max_gas_per_transaction: int = 100_000_000
    """A delivery above this is refused."""
    max_transaction_bytes: int = 700_000
    """A larger one is refused. In base64 it must fit into what nodes take, 1,000,000 bytes by default."""
    start_height: int = 0
    """Nothing is looked for below it; needed where no endpoint has all blocks."""
    agreement_threshold: int = 0
    """How many endpoints must agree on what no proof covers; 0 is more than half of them."""
    poll_s: float = 1.0
    """How often to look for heads and transactions where nothing wakes us."""
    request_timeout_s: float = 10.0
    straggler_s: float = 1.0
    """How long slow endpoints are waited for once enough have answered."""
    batch_calls: int = 10
    """Calls in one JSON-RPC request, at first: nodes allow 10 unless configured otherwise."""
    in_flight_window: int = 4
    """Transactions of one signer that may wait for a block at once."""
    resend_after_s: float = 30.0
    """How long a transaction waits before it is offered to every endpoint again."""
    lifetime_blocks: int = 100
    """Blocks within which a transaction is included, or lost for good."""
    transfer_port: str = "transfer"
    """Port of token transfers; channels are looked for here first."""

    def threshold(self) -> int:
        """Return how many endpoints must agree."""
        return self.agreement_threshold or len(self.endpoints) // 2 + 1


def native_id(chain_id: ChainId, config: CosmosConfig) -> str:
    """Return the chain's own name. Raises `ValueError` for another namespace, or another revision.

    The revision in a name is part of every height that another chain is told.
    """
    namespace, _, reference = parse_chain(chain_id).partition(":")
    if namespace != "cosmos":
        raise ValueError(f"chain: expected cosmos:NAME, got {chain_id}")
    name = config.chain_id or reference
    expected, actual = revision_of(ChainId(f"cosmos:{name}")), revision_of(chain_id)
    if expected != actual:
        raise ValueError(f"chain: expected an id of revision {expected}, as in {name!r}, got {chain_id}")
    return name


def gas_price(config: CosmosConfig) -> tuple[Fraction, str]:
    """Return (price of a unit of gas, coin). Raises `ValueError`."""
    found = _GAS_PRICE.fullmatch(config.gas_price)
    if found is None:
        raise ValueError(f"expected a decimal and a coin, for example 0.025stake, got {config.gas_price!r}")
    return Fraction(found[1]), found[2]


def light_client(chain_id: ChainId, config: CosmosConfig) -> LightClientSpec:
    """Return how this chain's blocks are judged: by its validators, from the configured block on."""
    numerator, denominator = _trust_level(config.trust_level)
    anchor = BlockRef(
        chain=chain_id, height=Height(config.trust_height), hash=bytes.fromhex(config.trust_hash)
    )
    params = TendermintParams(
        chain=chain_id,
        chain_id=native_id(chain_id, config),
        anchor_height=anchor.height,
        anchor_hash=anchor.hash,
        trusting_period_s=config.trusting_period_s,
        trust_level=(numerator, denominator),
        max_clock_drift_s=config.max_clock_drift_s,
    )
    return LightClientSpec(family="tendermint", params=params, assurance=Assurance.CONSENSUS, anchor=anchor)


def store(chain_id: ChainId, config: CosmosConfig) -> CommitmentStore:
    """Return where this chain's commitments live: the store of ibc-go."""
    native_id(chain_id, config)
    return CommitmentStore(chain=chain_id, format="ics23", address=b"ibc")


def account(config: CosmosConfig, public_key: bytes) -> str:
    """Return the account of a key (33 bytes, compressed secp256k1) as this chain writes it."""
    return bech32.encode(config.bech32_prefix, hashlib.new("ripemd160", sha256(public_key)).digest())


def check(config: CosmosConfig) -> Mapping[str, str]:
    """Return {key: what is wrong}, empty when all is well."""
    return {
        **_endpoint_problems(config),
        **_trust_problems(config),
        **_payment_problems(config),
        **_number_problems(config),
    }


def _endpoint_problems(config: CosmosConfig) -> dict[str, str]:
    problems: dict[str, str] = {}
    if not config.endpoints:
        problems["endpoints"] = "expected at least one"
    if not 0 <= config.agreement_threshold <= len(config.endpoints):
        total = len(config.endpoints)
        problems["agreement_threshold"] = f"expected 0 to {total}, got {config.agreement_threshold}"
    names, places = set[str](), set[str]()
    for index, endpoint in enumerate(config.endpoints):
        key = f"endpoints[{index}]"
        if not 0 < len(endpoint.name) <= _MAX_NAME or endpoint.name in names:
            problems[f"{key}.name"] = f"expected a name of its own, got {endpoint.name!r}"
        if not _is_url(endpoint.rpc_url, _HTTP):
            problems[f"{key}.rpc_url"] = "expected http:// or https:// and a host"
        elif endpoint.rpc_url in places:
            problems[f"{key}.rpc_url"] = "expected another endpoint: the same one twice is one witness"
        if endpoint.ws_url and not _is_url(endpoint.ws_url, _WS):
            problems[f"{key}.ws_url"] = "expected ws:// or wss:// and a host"
        if endpoint.grpc_url and not _is_url(with_scheme(endpoint.grpc_url), _HTTP):
            problems[f"{key}.grpc_url"] = "expected host:port, or http:// or https:// and a host"
        names.add(endpoint.name)
        places.add(endpoint.rpc_url)
    return problems


def with_scheme(grpc_url: str) -> str:
    """Return a gRPC address with its scheme: without one it has no TLS."""
    return grpc_url if "://" in grpc_url else f"http://{grpc_url}"


def _is_url(text: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _trust_problems(config: CosmosConfig) -> dict[str, str]:
    problems: dict[str, str] = {}
    if config.trust_height < 1:
        problems["trust_height"] = (
            f"expected the height of a block, got {config.trust_height}: {_HOW_TO_TRUST}"
        )
    if not _HASH.fullmatch(config.trust_hash):
        problems["trust_hash"] = f"expected the hash of that block, 64 digits in hexadecimal: {_HOW_TO_TRUST}"
    if config.trusting_period_s < 1:
        problems["trusting_period_s"] = (
            "expected about two thirds of the chain's unbonding period, in seconds"
        )
    try:
        _trust_level(config.trust_level)
    except ValueError as error:
        problems["trust_level"] = str(error)
    return problems


def _trust_level(text: str) -> tuple[int, int]:
    found = _LEVEL.fullmatch(text)
    if found is None or not int(found[2]) <= 3 * int(found[1]) <= 3 * int(found[2]):
        raise ValueError(f"expected a fraction from 1/3 to 1/1, got {text!r}")
    return int(found[1]), int(found[2])


def _payment_problems(config: CosmosConfig) -> dict[str, str]:
    problems: dict[str, str] = {}
    try:
        gas_price(config)
    except ValueError as error:
        problems["gas_price"] = str(error)
    if not _PREFIX.fullmatch(config.bech32_prefix):
        problems["bech32_prefix"] = f"expected lower-case letters and digits, got {config.bech32_prefix!r}"
    if not re.fullmatch(r"[1-9][0-9]?(\.[0-9]{1,4})?", config.gas_adjustment):
        problems["gas_adjustment"] = f"expected a decimal from 1 to 99, got {config.gas_adjustment!r}"
    return problems


def _number_problems(config: CosmosConfig) -> dict[str, str]:
    lowest = {
        "max_clock_drift_s": 0, "max_fee": 0, "max_gas_per_transaction": 100_000, "start_height": 0,
        "max_transaction_bytes": 10_000,
        "poll_s": 0.01, "request_timeout_s": 0.1, "straggler_s": 0.01, "batch_calls": 1,
        "in_flight_window": 1, "resend_after_s": 0.1, "lifetime_blocks": 10,
    }  # fmt: skip
    values = {key: getattr(config, key) for key in lowest}
    too_low = {key: value for key, value in values.items() if value < lowest[key]}
    return {key: f"expected {lowest[key]} or more, got {value}" for key, value in too_low.items()}
