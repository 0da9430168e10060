"""Configuration of one EVM chain. The field defaults here are the only defaults; units are in the names.

`check` finds mistakes without any I/O. URLs arrive resolved: references to secrets inside them are for
the gateway.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from adapters.api import LightClientSpec
from proofs.ids import IdentifierError, parse_chain, parse_evm_address
from proofs.lightclients.agreement import AgreementParams
from proofs.types import Assurance, ChainId, CommitmentStore

_HTTP = ("http", "https")
_WS = ("ws", "wss")
_FINALITY = ("finalized", "safe", "confirmations")
_MAX_NAME = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointConfig:
    """One JSON-RPC endpoint. Its name is the witness's name in votes and reports."""

    name: str
    url: str
    ws_url: str = ""
    """Optional: new heads arrive here and only wake us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvmConfig:
    """What is configured for one EVM chain."""

    endpoints: tuple[EndpointConfig, ...]
    router: str
    """Address of the IBC v2 router."""
    erc7786_gateway: str = ""
    """Address of the ERC-7786 gateway; empty when no messages are sent from here."""
    transfer: str = ""
    """Address of the ICS-20 application; empty when no tokens are sent from here."""
    start_height: int = 0
    """Block in which the router was deployed: nothing is looked for before it."""
    agreement_threshold: int = 0
    """How many endpoints must agree on what no proof covers; 0 is more than half of them."""
    finality: str = "finalized"
    """`finalized`, `safe`, or `confirmations`."""
    confirmations: int = 0
    """Blocks on top of a final one, when finality is `confirmations`."""
    accept_reorg_risk: bool = False
    """Must be true for `safe` and `confirmations`: a reorganisation can take back what was relayed."""
    poll_s: float = 1.0
    """How often to look for heads and receipts where nothing wakes us."""
    request_timeout_s: float = 10.0
    straggler_s: float = 1.0
    """How long slow endpoints are waited for once enough have answered."""
    batch_calls: int = 100
    """Calls in one JSON-RPC request, at first: refusals shorten it."""
    log_range_blocks: int = 2000
    """Blocks in one `eth_getLogs`, at first: refusals shorten it."""
    max_fee_per_gas_wei: int = 500 * 10**9
    """Never pay more for a unit of gas, tip included."""
    max_priority_fee_per_gas_wei: int = 5 * 10**9
    """Never tip more."""
    bump_percent: int = 15
    """By how much a replacement raises both fees; nodes want 10 at least."""
    bump_after_s: float = 30.0
    """How long a transaction waits before it is replaced by a dearer one."""
    in_flight_window: int = 16
    """Transactions of one signer that may wait for a block at once."""
    max_gas_per_transaction: int = 16_000_000
    """A delivery above this is refused. EIP-7825 allows 2^24."""

    def threshold(self) -> int:
        """Return how many endpoints must agree."""
        return self.agreement_threshold or len(self.endpoints) // 2 + 1


def chain_number(chain_id: ChainId) -> int:
    """Return the number of an `eip155` chain. Raises `ValueError` for another namespace."""
    namespace, _, reference = parse_chain(chain_id).partition(":")
    if namespace != "eip155":
        raise ValueError(f"chain: expected eip155:NUMBER, got {chain_id}")
    return int(reference)


def light_client(chain_id: ChainId, config: EvmConfig) -> LightClientSpec:
    """Return how this chain's blocks are judged: by agreement of its endpoints."""
    params = AgreementParams(
        chain=chain_id,
        witnesses=tuple([endpoint.name for endpoint in config.endpoints]),
        threshold=config.threshold(),
        header_codec="evm",
    )
    return LightClientSpec(family="agreement", params=params, assurance=Assurance.AGREEMENT)


def store(chain_id: ChainId, config: EvmConfig) -> CommitmentStore:
    """Return where this chain's commitments live."""
    return CommitmentStore(chain=chain_id, format="evm-storage", address=parse_evm_address(config.router))


def check(config: EvmConfig) -> Mapping[str, str]:
    """Return {key: what is wrong}, empty when all is well."""
    problems = {**_endpoint_problems(config), **_address_problems(config), **_number_problems(config)}
    if config.finality not in _FINALITY:
        problems["finality"] = f"expected one of {', '.join(_FINALITY)}, got {config.finality!r}"
    elif config.finality != "finalized" and not config.accept_reorg_risk:
        problems["accept_reorg_risk"] = f"must be true for finality {config.finality!r}"
    if config.finality == "confirmations" and config.confirmations < 1:
        problems["confirmations"] = f"expected 1 or more, got {config.confirmations}"
    return problems


def _endpoint_problems(config: EvmConfig) -> dict[str, str]:
    problems: dict[str, str] = {}
    if not config.endpoints:
        problems["endpoints"] = "expected at least one"
    if not 0 <= config.agreement_threshold <= len(config.endpoints):
        total = len(config.endpoints)
        problems["agreement_threshold"] = f"expected 0 to {total}, got {config.agreement_threshold}"
    names, places = set[str](), set[str]()
    for index, endpoint in enumerate(config.endpoints):
        key, parts = f"endpoints[{index}]", urlsplit(endpoint.url)
        if not 0 < len(endpoint.name) <= _MAX_NAME or endpoint.name in names:
            problems[f"{key}.name"] = f"expected a name of its own, got {endpoint.name!r}"
        if parts.scheme not in _HTTP or not parts.hostname:
            problems[f"{key}.url"] = "expected http:// or https:// and a host"
        elif endpoint.url in places:
            problems[f"{key}.url"] = "expected another endpoint: the same one twice is one witness"
        if endpoint.ws_url and urlsplit(endpoint.ws_url).scheme not in _WS:
            problems[f"{key}.ws_url"] = "expected ws:// or wss:// and a host"
        names.add(endpoint.name)
        places.add(endpoint.url)
    return problems


def _address_problems(config: EvmConfig) -> dict[str, str]:
    problems: dict[str, str] = {}
    for key in ("router", "erc7786_gateway", "transfer"):
        text = getattr(config, key)
        if not text and key != "router":
            continue
        try:
            parse_evm_address(text)
        except IdentifierError as error:
            problems[key] = str(error)
    return problems


def _number_problems(config: EvmConfig) -> dict[str, str]:
    lowest = {
        "start_height": 0, "poll_s": 0.01, "request_timeout_s": 0.1, "straggler_s": 0.01, "batch_calls": 1,
        "log_range_blocks": 1, "max_fee_per_gas_wei": 1, "max_priority_fee_per_gas_wei": 0,
        "bump_percent": 10, "bump_after_s": 0.1, "in_flight_window": 1, "max_gas_per_transaction": 100_000,
    }  # fmt: skip
    values = {key: getattr(config, key) for key in lowest}
    too_low = {key: value for key, value in values.items() if value < lowest[key]}
    return {key: f"expected {lowest[key]} or more, got {value}" for key, value in too_low.items()}
