"""What an import found, before it is written: chains, lanes, and what it could not carry over. Pure data.

Nothing here is trusted: endpoints, prices and channels are what a stranger's file says.
"""

from dataclasses import dataclass


class ImportFileError(ValueError):
    """The file is not what it should be. Says what was expected and what came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One thing that the written configuration does not have, or that a person must look at."""

    where: str
    """The key in the file that was read."""
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedEndpoint:
    """One node of a chain."""

    name: str
    rpc: str
    """URL of CometBFT's RPC."""
    grpc: str = ""
    """Address of its gRPC."""
    ws: str = ""
    """URL of its WebSocket."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedChain:
    """One Cosmos chain."""

    native_id: str
    name: str = ""
    bech32_prefix: str
    gas_price: str = ""
    """Decimal text in `fee_denom`; empty: not known."""
    fee_denom: str = ""
    endpoints: tuple[ImportedEndpoint, ...] = ()
    key_name: str = ""
    """Name of the key that pays; the key itself is never in these files."""
    request_timeout_s: float | None = None
    gas_adjustment: str = ""
    """Decimal text: limit over estimate."""
    trusting_period_s: int | None = None
    trust_level: tuple[int, int] | None = None
    max_clock_drift_s: int | None = None

    @property
    def id(self) -> str:
        """CAIP-2 id."""
        return f"cosmos:{self.native_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedEnd:
    """One end of a channel, by native chain id."""

    native_id: str
    port: str
    channel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedLane:
    """A channel, which becomes two lanes."""

    first: ImportedEnd
    second: ImportedEnd
    ordered: bool
    batch: int = 0
    """Messages of one transaction; 0: as many as the chains allow."""
    max_memo_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """All that a file gave."""

    chains: tuple[ImportedChain, ...]
    lanes: tuple[ImportedLane, ...] = ()
    notes: tuple[Note, ...] = ()
    log_level: str = ""
