"""What `isthmus doctor` looks at. Each check is independent, bounded in time, and says the fix.

They exercise what relaying needs (endpoints, keys, clients on chain, peers, funds) instead of asking whether
a process lives. Nothing is changed anywhere.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import aiohttp

from adapters.api import ClientView, EndpointReporter, FundsReporter, GatewayChain, Resources
from adapters.discovery import DiscoveryError
from adapters.errors import AdapterError, Refused
from adapters.secret import SecretUnavailableError
from gateway.config.plugins import InstalledAdapters
from gateway.config.schema import ChainConfig, Config, EndConfig, LaneConfig, Security
from gateway.keys.keystore import Keystore, KeystoreError
from gateway.keys.signer import LocalSigner
from gateway.lanes import lane_signer
from gateway.store.trust import look_up_trust
from proofs.types import ChainId
from proofs.verdict import Accepted, Rejected
from relays.runtime.clock import SystemClock
from relays.runtime.trust import TrustBook

_TIMEOUT_S = 10.0
_CLIMB_TIMEOUT_S = 60.0
"""For a light client that has far to go from its anchor."""
_STALE_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found out."""

    check: str
    subject: str
    ok: bool
    detail: str
    fix: str = ""
    """What to do about it, empty when all is well."""


async def examine(config: Config) -> list[Finding]:
    """Return the findings of all checks, which run at the same time."""
    keys, findings = _keys(config)
    chains = {one.id: _build(one, keys) for one in config.chains}
    connected = await asyncio.gather(*[_connected(one, chains[one.id]) for one in config.chains])
    for found, _ in connected:
        findings += found
    answered = {one.id for one, (_, ok) in zip(config.chains, connected, strict=True) if ok}
    up = {name: chain for name, chain in chains.items() if chain is not None and name in answered}
    work: list[Coroutine[Any, Any, list[Finding]]] = [_peers(config)]
    work += [_lane(lane, config, up) for lane in config.lanes]
    work += [_light_client(one, up[one.id], config) for one in config.chains if one.id in up]
    work += [_funds(one, up[one.id]) for one in config.chains if one.id in up]
    for more in await asyncio.gather(*work):
        findings += more
    await asyncio.gather(*[chain.close() for chain in chains.values() if chain is not None])
    return findings


def _keys(config: Config) -> tuple[dict[str, bytes], list[Finding]]:
    """Return the keys by name, as far as they open, and what there is to say about them."""
    keystore, keys, findings = Keystore(config.keystore_directory()), dict[str, bytes](), list[Finding]()
    try:
        password = config.keystore.password.reveal()
    except SecretUnavailableError as error:
        fix = "set it; see `keystore.password` in the configuration"
        return {}, [Finding(check="keystore", subject="password", ok=False, detail=str(error), fix=fix)]
    wanted = {config.keystore.master, *(name for one in config.chains for name in one.signer_names())}
    for name in sorted(wanted):
        try:
            keys[name] = keystore.load(name, password)
            address = "seed of the lane keys" if name == config.keystore.master else _address(keys[name])
            findings.append(Finding(check="keystore", subject=name, ok=True, detail=f"opens: {address}"))
        except KeystoreError as error:
            fix = f"isthmus signer new {name} --keystore {keystore.directory}"
            findings.append(Finding(check="keystore", subject=name, ok=False, detail=str(error), fix=fix))
    return keys, findings + _attestor_keys(config, keys.get(config.keystore.master))


def _attestor_keys(config: Config, seed: bytes | None) -> list[Finding]:
    findings, plugins = [], InstalledAdapters()
    for entry in config.lanes:
        ours = next((one for one in entry.attestors if one.name == config.gateway.name), None)
        if ours is None or seed is None:
            continue
        derived = "0x" + lane_signer(seed, entry.lane(), config, plugins).address.hex()
        ok = ours.address.lower() == derived
        detail = f"our key is {derived}" + ("" if ok else f", the configuration says {ours.address}")
        fix = "" if ok else "put our address into every gateway's configuration and the client on chain"
        subject = str(entry.lane())
        findings.append(Finding(check="attestor key", subject=subject, ok=ok, detail=detail, fix=fix))
    return findings


def _build(config: ChainConfig, keys: dict[str, bytes]) -> GatewayChain | None:
    found = [LocalSigner(keys[name]) for name in config.signer_names() if name in keys]
    resources = Resources(clock=SystemClock(), signers=tuple(found))
    try:
        return InstalledAdapters()[config.adapter].build(config.id, config.config, resources)
    except DiscoveryError:
        return None


async def _connected(config: ChainConfig, chain: GatewayChain | None) -> tuple[list[Finding], bool]:
    """Check endpoints, chain identity, head and finality of one chain."""
    subject = f"{config.name or config.id} ({config.id})"
    if chain is None:
        fix = "isthmus adapter list"
        detail = f"adapter {config.adapter!r} cannot be loaded"
        return [Finding(check="chain", subject=subject, ok=False, detail=detail, fix=fix)], False
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            await chain.connect()
            status = await chain.status()
    except (AdapterError, TimeoutError) as error:
        detail = f"{type(error).__name__}: {error}"
        fix = "check `chains.config` endpoints and the configured chain id"
        return [Finding(check="chain", subject=subject, ok=False, detail=detail, fix=fix)], False
    age_s = SystemClock().now_s() - status.finalized_time_s
    fresh = age_s < _STALE_S
    detail = f"head {status.head.height}, final {status.finalized.height}, {age_s:.0f} s old"
    fix = "" if fresh else "the chain, or its node, stands still: see whether the node is in sync"
    found = Finding(check="chain", subject=subject, ok=fresh, detail=detail, fix=fix)
    return [found, *_endpoints(subject, chain)], True


def _endpoints(subject: str, chain: GatewayChain) -> list[Finding]:
    """Name the endpoints that cannot be used, even where the others suffice."""
    if not isinstance(chain, EndpointReporter):
        return []
    return [
        Finding(
            check="endpoint",
            subject=f"{subject} {one.name}",
            ok=one.usable,
            detail=one.detail or "answers",
            fix="" if one.usable else "replace it under `chains.config` endpoints, or mend it",
        )
        for one in chain.endpoint_health()
    ]


async def _light_client(config: ChainConfig, chain: GatewayChain, whole: Config) -> list[Finding]:
    """Go from where trust starts to the newest final block, where the configuration names a start."""
    spec = InstalledAdapters()[config.adapter].light_client(config.id, config.config)
    if spec.anchor is None:
        return []
    book = TrustBook()
    known = await asyncio.to_thread(look_up_trust, whole.store_file(), spec.anchor)
    if known is not None:
        book.recall(known)
    start = known.block.height if known is not None else spec.anchor.height
    try:
        async with asyncio.timeout(_CLIMB_TIMEOUT_S):
            final = (await chain.status()).finalized
            verdict = await book.advance_to(chain, spec, final, SystemClock().now_s())
    except (AdapterError, TimeoutError) as error:
        ok, detail = False, f"{type(error).__name__}: {error}"
    else:
        ok = isinstance(verdict, Accepted)
        detail = f"{spec.family}, verified from block {start} to {final.height}" if ok else str(verdict)
        if isinstance(verdict, Rejected):
            detail = f"{verdict.reason.value}: {verdict.detail}"
    fix = "" if ok else "compare `chains.config` with sources that you trust: isthmus ibc trust CHAIN"
    return [Finding(check="light client", subject=config.id, ok=ok, detail=detail, fix=fix)]


async def _lane(entry: LaneConfig, config: Config, up: dict[ChainId, GatewayChain]) -> list[Finding]:
    """Compare the client on the destination with the lane's configuration."""
    reverse = {other.lane().reverse(): other for other in config.lanes}
    findings = []
    if entry.lane() not in reverse:
        detail, fix = "the lane back is missing", "configure it: it carries acknowledgements and timeouts"
        findings.append(Finding(check="lane", subject=str(entry.lane()), ok=False, detail=detail, fix=fix))
    if entry.unsafe:
        detail = "UNSAFE by configuration (`unsafe = true`)"
        findings.append(Finding(check="trust", subject=str(entry.lane()), ok=True, detail=detail))
    chain = up.get(entry.destination.chain)
    if chain is None:
        return findings
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            head = (await chain.status()).head
            view = await chain.client(entry.destination.client, head)
    except (AdapterError, TimeoutError) as error:
        fix = "deploy the client, or correct `lanes.to`"
        detail = f"{type(error).__name__}: {error}"
        subject = _end(entry.destination)
        return [*findings, Finding(check="client", subject=subject, ok=False, detail=detail, fix=fix)]
    return findings + _compared(entry, view)


def _compared(entry: LaneConfig, view: ClientView) -> list[Finding]:
    configured = sorted(one.address.lower() for one in entry.attestors)
    on_chain = sorted("0x" + address.hex() for address in view.attestors)
    pairs: list[tuple[str, object, object]] = [
        ("attestors", ", ".join(configured), ", ".join(on_chain)),
        ("threshold", entry.threshold, view.threshold),
        ("counterparty", entry.source.client, view.counterparty),
        ("frozen", False, view.frozen),
    ]
    if entry.security is Security.LIGHT_CLIENT:
        pairs += [("ordered", entry.ordered, view.ordered), ("closed", False, view.closed)]
    differences = [
        (ours != theirs, f"{name}: configured {ours}; on chain {theirs}") for name, ours, theirs in pairs
    ]
    wrong = [text for differs, text in differences if differs]
    subject = _end(entry.destination)
    if not wrong:
        who = f"{view.threshold} of {len(view.attestors)}" if view.attestors else view.kind
        detail = f"{who}, as configured, height {view.latest_height}"
        found = Finding(check="client", subject=subject, ok=True, detail=detail)
        return [found, *_expiry(subject, view)]
    fix = "correct the configuration, or migrate the client on chain"
    return [Finding(check="client", subject=subject, ok=False, detail=text, fix=fix) for text in wrong]


def _expiry(subject: str, view: ClientView) -> list[Finding]:
    """Say how long the client lives without a newer header, if it expires at all."""
    if not view.trusting_period_s:
        return []
    left_s = view.latest_time_s + view.trusting_period_s - SystemClock().now_s()
    ok = left_s > view.trusting_period_s / 3
    detail = f"in {left_s:.0f} s without a newer header" if left_s > 0 else f"{-left_s:.0f} s ago"
    fix = "let a gateway run: it refreshes clients" if left_s > 0 else "make a new client: isthmus ibc create"
    return [Finding(check="expiry", subject=subject, ok=ok, detail=detail, fix="" if ok else fix)]


async def _peers(config: Config) -> list[Finding]:
    """Count the attestors that answer, for each lane, ourselves included."""
    names = tuple(config.peers)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S)) as session:
        errors = dict(
            zip(
                names,
                await asyncio.gather(*[_ping(session, config.peers[n].url) for n in names]),
                strict=True,
            )
        )
    findings = []
    for entry in [one for one in config.lanes if one.security is Security.ATTESTED]:
        missing = [one.name for one in entry.attestors if errors.get(one.name)]
        live = len(entry.attestors) - len(missing)
        ok = live >= entry.threshold
        detail = f"{live} attestors live, {entry.threshold} needed"
        detail += f"; missing {', '.join(f'{name} ({errors[name]})' for name in missing)}" if missing else ""
        fix = "" if ok else "start the missing gateways, or correct their `url` under [peers]"
        findings.append(Finding(check="attestors", subject=str(entry.lane()), ok=ok, detail=detail, fix=fix))
    return findings


async def _ping(session: aiohttp.ClientSession, url: str) -> str:
    """Return why a gateway does not answer, empty when it does."""
    try:
        async with session.get(f"{url}/livez") as response:
            return "" if response.status == HTTPStatus.OK else f"answers {response.status}"
    except (aiohttp.ClientError, TimeoutError) as error:
        return str(error) or type(error).__name__


async def _funds(config: ChainConfig, chain: GatewayChain) -> list[Finding]:
    """Check that each signer of a chain can pay at all."""
    if not isinstance(chain, FundsReporter) or not config.signer:
        return []
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            held = await chain.funds()
    except Refused as error:
        return [Finding(check="funds", subject=config.id, ok=True, detail=f"not known: {error}")]
    except (AdapterError, TimeoutError) as error:
        fix = "see whether the chain's endpoints answer"
        return [Finding(check="funds", subject=config.id, ok=False, detail=str(error), fix=fix)]
    return [
        Finding(
            check="funds",
            subject=config.id,
            ok=one.amount > 0,
            detail=f"{one.account} holds {one.amount} {one.unit}",
            fix="" if one.amount else f"send funds to {one.account} on {config.id}",
        )
        for one in held
    ]


def _address(key: bytes) -> str:
    return "0x" + LocalSigner(key).address.hex()


def _end(end: EndConfig) -> str:
    return f"{end.chain}/{end.client}"
