"""The configuration, as frozen data. The field defaults are the only defaults; units are in the names.

What may be written in the TOML file is exactly this: tables are dataclasses, arrays of tables are tuples, a
key that is not a field is a mistake. `load.py` fills it in, `check.py` says what does not fit together. A
chain's own section (`[chains.config]`) belongs to its adapter and becomes `ChainConfig.config`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

from adapters.secret import Secret
from gateway.observe.logs import LogFormat
from proofs.types import ChainId, ClientId, Lane
from relays.core.lane import Limits

Name = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
"""A name that people give: of a gateway, a peer, a key."""


_PASSWORD = Secret("env:ISTHMUS_PASSWORD")


class Scope(Enum):
    """What an API key may do."""

    READ = "read"
    """Read everything that is not a secret."""
    SEND = "send"
    """Send messages with this gateway's signers."""
    ADMIN = "admin"
    """Retry, pause, resume."""
    ATTEST = "attest"
    """Ask this gateway for signatures: for peers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfConfig:
    """`[gateway]`: who we are."""

    name: Name
    """Our name in the lanes' lists of attestors."""
    data: Path = Path("data")
    """Directory of store and keystore, relative to the configuration file."""
    log: LogFormat = LogFormat.AUTO
    log_level: Annotated[str, Meta(pattern="^(debug|info|warning|error)$")] = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyConfig:
    """`[[api.keys]]`: one key, as a salted hash (`isthmus signer api-key` makes a pair)."""

    name: Name
    hash: Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{32}:[0-9a-f]{64}$")]
    """`sha256:<salt, 16 bytes hex>:<sha256(salt || key) hex>`."""
    scopes: tuple[Scope, ...] = (Scope.READ,)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiConfig:
    """`[api]`: where we listen, and who may ask."""

    listen: Annotated[str, Meta(pattern=r"^[^\s/]+:\d{1,5}$")] = "127.0.0.1:8080"
    """Host and port; port 0 takes a free one."""
    public_read: bool = True
    """Reading needs no key. Sending, retrying and attesting always do."""
    keys: tuple[ApiKeyConfig, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreConfig:
    """`[store]`: where messages and cursors are kept."""

    file: Path = field(default=Path("isthmus.db"), metadata={"within": "data"})
    """SQLite database, relative to `gateway.data`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeystoreConfig:
    """`[keystore]`: encrypted keys (V3 JSON files)."""

    directory: Path = field(default=Path("keystore"), metadata={"within": "data"})
    """Relative to `gateway.data`."""
    password: Secret = _PASSWORD
    master: Name = "master"
    """Key file of the seed from which this gateway's attestor keys are derived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainConfig:
    """`[[chains]]`: one chain."""

    id: ChainId
    """CAIP-2."""
    adapter: str
    """Name of an installed adapter."""
    name: str = ""
    """For people; the id when empty."""
    signer: Annotated[str, Meta(pattern=r"^(keystore:[a-z0-9][a-z0-9._-]{0,63})?$")] = ""
    """`keystore:NAME` of the key that pays for transactions; empty: the chain is only watched."""
    more_signers: tuple[Annotated[str, Meta(pattern=r"^keystore:[a-z0-9][a-z0-9._-]{0,63}$")], ...] = ()
    """Further keys that pay, each in an order of its own: deliveries are spread over all of them."""
    config: Any = None
    """The adapter's own section, an instance of its `config_type`."""

    def signer_names(self) -> tuple[str, ...]:
        """Return the keystore names of the keys that pay; none for a chain that is only watched."""
        references = (self.signer, *self.more_signers) if self.signer else ()
        return tuple([reference.partition(":")[2] for reference in references])


@dataclass(frozen=True, slots=True, kw_only=True)
class EndConfig:
    """One end of a lane."""

    chain: ChainId
    client: Annotated[ClientId, Meta(min_length=1, max_length=64)]
    """The light client that lives on this chain and tracks the other; of an IBC v1 channel its id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestorConfig:
    """One gateway that signs for a lane; its place in the list is its rank."""

    name: Name
    address: Annotated[str, Meta(pattern="^0x[0-9a-fA-F]{40}$")]
    """Address of its key for this lane (`isthmus signer attestor`)."""


class Security(Enum):
    """Why the destination believes what is delivered to it."""

    ATTESTED = "attested"
    """A threshold of gateways, each of which verified for itself, signed it."""
    LIGHT_CLIENT = "light-client"
    """The destination runs a light client of the source: we carry headers and proofs (IBC)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterConfig:
    """`[lanes.filter]`: which packets this gateway relays; the others are left to somebody else."""

    senders: tuple[str, ...] = ()
    """Senders of token transfers and of calls, in their chain's notation; empty: everybody."""
    ports: tuple[str, ...] = ()
    """Source ports (applications); empty: all."""
    max_memo_bytes: Annotated[int, Meta(ge=0)] = 0
    """Longest memo of a token transfer; 0: any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneConfig:
    """`[[lanes]]`: one direction, `from` the chain that sends `to` the chain that receives.

    The lane back must be configured too: acknowledgements and timeouts of this one are proven on it.
    """

    source: EndConfig = field(metadata={"key": "from"})
    destination: EndConfig = field(metadata={"key": "to"})
    security: Security = Security.ATTESTED
    threshold: Annotated[int, Meta(ge=0, le=64)] = 0
    """How many attestors the destination's client asks for; 0 on a `light-client` lane."""
    attestors: Annotated[tuple[AttestorConfig, ...], Meta(max_length=64)] = ()
    """Empty on a `light-client` lane."""
    ordered: bool = False
    """An IBC v1 channel that delivers in order: one packet that fails holds all those behind it."""
    batch: Annotated[int, Meta(ge=0, le=1024)] = 0
    """Messages of one transaction; 0: as many as `[limits]` and the chains allow."""
    filter: FilterConfig = FilterConfig()
    unsafe: bool = False
    """Allow a threshold of one, or a chain whose consensus is not verified."""
    takeover_s: Annotated[float, Meta(ge=0, le=3600)] = 15.0
    """How long the next gateway in rank waits before it delivers in our place."""

    def lane(self) -> Lane:
        """Return the lane that this entry is about."""
        return Lane(
            source=self.source.chain,
            source_client=self.source.client,
            destination=self.destination.chain,
            destination_client=self.destination.client,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerConfig:
    """`[peers.NAME]`: how to reach another gateway."""

    url: Annotated[str, Meta(pattern=r"^https?://[^\s/]+$")]
    """Base URL of its API, without a path."""
    api_key: Secret
    """Our key there, with scope `attest`."""
    timeout_s: Annotated[float, Meta(gt=0, le=120)] = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything that one gateway is told."""

    gateway: SelfConfig
    chains: tuple[ChainConfig, ...]
    lanes: tuple[LaneConfig, ...] = ()
    api: ApiConfig = ApiConfig()
    store: StoreConfig = StoreConfig()
    keystore: KeystoreConfig = KeystoreConfig()
    peers: Mapping[str, PeerConfig] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    """`[limits]`: the bounds of every lane, see `relays.core.lane`."""

    def store_file(self) -> Path:
        """Return where the database is."""
        return self.gateway.data / self.store.file

    def keystore_directory(self) -> Path:
        """Return where the keys are."""
        return self.gateway.data / self.keystore.directory
