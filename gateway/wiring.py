"""From a configuration to a running gateway: every part is made here, by plain calls, and nowhere else.

How a packet travels, with the parts that are wired below:

1. A chain's **link** (`relays.runtime.heads`) reads heads through its adapter; the **supervisor** wakes the
lanes. 2. A lane's loop asks the adapter which packets were sent up to a final block (hints), and **saves**
them. 3. The light client judges the block, the adapter fetches evidence, `proofs.verify` turns claims into
`Proven`. 4. The **peers** sign what each of them proved with his own endpoints (`gateway.attestor`), we with
the lane's key. 5. The adapter of the other chain submits the delivery; that it had its effect is read from
state. 6. Acknowledgement or timeout travel back the same way, with the other direction's keys.

The **reader** shows all of it, the **control** lets a person halt, resume, retry and send.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version

from aiohttp import web

from adapters.api import AdapterPlugin, Clock, GatewayChain, Resources, Signer
from adapters.secret import SecretUnavailableError
from gateway import present
from gateway.api.app import build_app
from gateway.api.services import IdempotencyBook, Services
from gateway.attestor.client import PeerClient
from gateway.attestor.finality import Finality
from gateway.attestor.http import routes
from gateway.attestor.peers import Peers
from gateway.attestor.service import AttestationService, Source
from gateway.attestor.signing import LaneSigners
from gateway.config.diagnostics import ConfigError, Findings
from gateway.config.schema import ChainConfig, Config, Security
from gateway.control import Control
from gateway.keys.keystore import Keystore, KeystoreError
from gateway.keys.signer import LocalSigner
from gateway.lanes import LaneBook, LaneEntry, lane_signer
from gateway.observe.metrics import Metrics
from gateway.observe.store import ObservedStore
from gateway.reader import Reader
from gateway.store.store import SqliteStore
from gateway.store.trust import SqliteTrust
from proofs.types import ChainId, Height, Lane
from relays.core.filters import PacketFilter
from relays.core.lane import LaneParams, Limits
from relays.core.turns import rank
from relays.runtime.clock import SystemClock
from relays.runtime.heads import ChainLink
from relays.runtime.ports import TrustMemory
from relays.runtime.supervisor import Supervisor


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The opened keys of one gateway."""

    relayers: Mapping[ChainId, tuple[LocalSigner, ...]]
    """Who pays on each chain; nobody on a chain that is only watched."""
    attestors: Mapping[Lane, LocalSigner]
    """The key of each lane, derived from the master seed, for the configured routers."""


def build(config: Config, plugins: Mapping[str, AdapterPlugin], *, clock: Clock | None = None) -> "Gateway":
    """Return a gateway that is ready to start. Opens the keystore, and nothing else; no network.

    Raises `ConfigError` when a key cannot be opened or is not the configured one.
    """
    clock = clock or SystemClock()
    keys = open_keys(config, plugins)
    book = LaneBook(config, plugins)
    store, metrics, finality = SqliteStore(config.store_file()), Metrics(), Finality()
    links = {
        chain.id: _link(chain, plugins[chain.adapter], keys, clock, SqliteTrust(store))
        for chain in config.chains
    }
    chains = {name: link.chain for name, link in links.items()}
    signers = LaneSigners(keys.attestors, store)
    clients = {name: PeerClient(peer, clock) for name, peer in config.peers.items()}
    supervisor = Supervisor(
        links=links,
        lanes=[_params(entry, config) for entry in book],
        store=ObservedStore(store, metrics),
        attestors=Peers(
            name=config.gateway.name,
            lanes={entry.lane: entry.attestors() for entry in book},
            signers=signers,
            clients=clients,
            chains=chains,
            finality=finality,
        ),
        clock=clock,
        limits_of={entry.lane: lane_limits(entry, config, plugins) for entry in book},
    )
    reader = Reader(
        name=config.gateway.name,
        version=_version(),
        chains=config.chains,
        accounts=_accounts(config, plugins, keys),
        lanes=book,
        links=links,
        store=store,
        supervisor=supervisor,
        peers=clients,
        clock=clock,
    )
    sources = {name: _source(link) for name, link in links.items()}
    attesting = AttestationService(sources=sources, signers=signers, finality=finality, clock=clock)
    services = Services(
        reader=reader,
        operator=Control(lanes=book, chains=chains, supervisor=supervisor, reader=reader, store=store),
        metrics=metrics,
        clock=clock,
        idempotency=IdempotencyBook(clock),
        version=_version(),
    )
    app = build_app(services, config.api)
    app.add_routes(routes(attesting, config.api))
    return Gateway(
        config=config, app=app, services=services, store=store, supervisor=supervisor, peers=clients
    )


class Gateway:
    """One gateway, from start to stop."""

    def __init__(
        self,
        *,
        config: Config,
        app: web.Application,
        services: Services,
        store: SqliteStore,
        supervisor: Supervisor,
        peers: Mapping[str, PeerClient],
    ) -> None:
        self.config = config
        self.services = services
        """Reader and operator: what all surfaces stand on."""
        self.supervisor = supervisor
        self._runner = web.AppRunner(app, access_log=None)
        self._store = store
        self._peers = dict(peers)
        self._running: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Return the address on which the started gateway listens."""
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def start(self) -> None:
        """Open the store, listen, set chains and lanes going; a chain that is down is tried again by itself.

        Raises `StoreError`, and `OSError` when the address is taken.
        """
        await self._store.open()
        await self._runner.setup()
        host, _, port = self.config.api.listen.rpartition(":")
        await web.TCPSite(self._runner, host.strip("[]"), int(port)).start()
        self._running = asyncio.create_task(self.supervisor.run(), name="supervisor")

    async def wait(self) -> None:
        """Return when the gateway is stopped; raise what ended it otherwise."""
        if self._running is not None:
            await asyncio.wait([self._running])
            if not self._running.cancelled():
                self._running.result()

    async def stop(self) -> None:
        """Stop deciding, then listening, then writing. Safe to call twice, and after a start that failed."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])
        await self._runner.cleanup()
        for peer in self._peers.values():
            await peer.close()
        await self._store.close()


def open_keys(config: Config, plugins: Mapping[str, AdapterPlugin]) -> Keys:
    """Return the keys that this configuration names. Raises `ConfigError` for those that are wrong."""
    findings = Findings()
    keystore = Keystore(config.keystore_directory())
    try:
        password = config.keystore.password.reveal()
        opened = keystore.load_all(_key_names(config), password)
    except SecretUnavailableError as error:
        findings.error("keystore.password", str(error))
        raise ConfigError(findings.all()) from error
    except KeystoreError as error:
        findings.error("keystore", str(error), f"isthmus signer new NAME --keystore {keystore.directory}")
        raise ConfigError(findings.all()) from error
    seed = opened[config.keystore.master]
    attested = [(index, one) for index, one in enumerate(config.lanes) if one.security is Security.ATTESTED]
    attestors = {one.lane(): lane_signer(seed, one.lane(), config, plugins) for _, one in attested}
    for index, entry in attested:
        ours = next(one.address for one in entry.attestors if one.name == config.gateway.name)
        derived = f"0x{attestors[entry.lane()].address.hex()}"
        if ours.lower() != derived:
            key = f"lanes[{index}].attestors"
            hint = "another seed, another client id, or another router on one of its chains"
            findings.error(key, f"our key for this lane is {derived}, got {ours}", hint)
    if findings.failed():
        raise ConfigError(findings.all())
    signers = {name: LocalSigner(key) for name, key in opened.items() if name != config.keystore.master}
    relayers = {chain.id: tuple([signers[name] for name in chain.signer_names()]) for chain in config.chains}
    return Keys(relayers=relayers, attestors=attestors)


def _key_names(config: Config) -> list[str]:
    names = {name for chain in config.chains for name in chain.signer_names()}
    return sorted({config.keystore.master, *names})


def _link(
    chain: ChainConfig, plugin: AdapterPlugin, keys: Keys, clock: Clock, memory: TrustMemory
) -> ChainLink:
    """Return a chain with its judge. Nothing is connected yet."""
    adapter: GatewayChain = plugin.build(
        chain.id, chain.config, Resources(clock=clock, signers=keys.relayers[chain.id])
    )
    spec = plugin.light_client(chain.id, chain.config)
    return ChainLink(adapter, spec, clock, poll_s=getattr(chain.config, "poll_s", 1.0), memory=memory)


def _source(link: ChainLink) -> Source:
    """Return the chain as attestations are proven on it: with the same trust as the relay's own proofs."""
    return Source(chain=link.chain, light_client=link.spec, trust=link.trust)


def _params(entry: LaneEntry, config: Config) -> LaneParams:
    """Return what the relay is told of a lane. `start_height` is what adapters call where packets begin."""
    starts = {chain.id: Height(getattr(chain.config, "start_height", 0)) for chain in config.chains}
    names = [one.name for one in entry.config.attestors] or [config.gateway.name]
    chosen = entry.config.filter
    return LaneParams(
        lane=entry.lane,
        rank=rank(names, config.gateway.name, entry.lane),
        takeover_s=entry.config.takeover_s,
        source_start=starts[entry.lane.source],
        destination_start=starts[entry.lane.destination],
        unsafe=entry.config.unsafe,
        light_client=entry.config.security is Security.LIGHT_CLIENT,
        ordered=entry.config.ordered,
        filter=PacketFilter(
            senders=frozenset(chosen.senders),
            ports=frozenset(chosen.ports),
            max_memo_bytes=chosen.max_memo_bytes or None,
        ),
    )


def account_text(chain: ChainConfig, plugin: AdapterPlugin, signer: Signer) -> str:
    """Return the account of a key as people of this chain write it."""
    if plugin.account is None:
        return present.address_text(chain.id, signer.address)
    return plugin.account(chain.config, signer.public_key)


def _accounts(config: Config, plugins: Mapping[str, AdapterPlugin], keys: Keys) -> dict[ChainId, str]:
    """Return who pays first on each chain that is not only watched."""
    payers = [(chain, keys.relayers[chain.id]) for chain in config.chains]
    return {chain.id: account_text(chain, plugins[chain.adapter], own[0]) for chain, own in payers if own}


def lane_limits(entry: LaneEntry, config: Config, plugins: Mapping[str, AdapterPlugin]) -> Limits:
    """Return the bounds of one lane: those of `[limits]`, and lists that both its chains can take."""
    batch = entry.config.batch or config.limits.batch
    if entry.config.security is Security.ATTESTED:
        ends = (entry.lane.source, entry.lane.destination)
        adapters = [plugins[chain.adapter] for chain in config.chains if chain.id in ends]
        batch = min(batch, *[adapter.max_attested for adapter in adapters])
    return replace(config.limits, batch=batch)


def _version() -> str:
    try:
        return version("isthmus")
    except PackageNotFoundError:
        return "unknown"
