"""What does not fit together in a configuration whose single values are fine. Pure: no file, no network.

The rules of trust live here: a lane whose threshold is one, or whose chains' consensus nobody verifies, is
refused unless it says `unsafe = true`; attestor keys are never shared between lanes, because the attestation
format names neither the source chain nor the lane.
"""

import ipaddress
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from adapters.api import AdapterPlugin
from gateway.config.diagnostics import Findings, nearest
from gateway.config.schema import (
    ApiConfig,
    ChainConfig,
    FilterConfig,
    LaneConfig,
    PeerConfig,
    Security,
    SelfConfig,
)
from proofs.limits import MAX_CLAIMS
from proofs.types import Assurance
from relays.core.lane import Limits

_CHANNEL = re.compile(r"channel-[0-9]+")
_CAIP2 = re.compile(r"[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The sections that could be made, with their places in the file; broken ones are left out."""

    gateway: SelfConfig | None
    api: ApiConfig | None
    chains: tuple[tuple[int, ChainConfig], ...]
    lanes: tuple[tuple[int, LaneConfig], ...]
    broken_lanes: tuple[tuple[int, Mapping[str, object]], ...]
    """As they are written: one wrong value does not hide that another does not fit."""
    peers: Mapping[str, PeerConfig]
    limits: Limits | None
    master: str
    """Name of the master key."""
    declared_chains: tuple[str, ...]
    """Ids of all chains in the file, broken ones included, so that one mistake is reported once."""
    declared_peers: frozenset[str]


def check(parts: Parts, plugins: Mapping[str, AdapterPlugin], findings: Findings) -> None:
    """Note everything that does not fit together."""
    _check_chains(parts, findings)
    _check_api(parts, findings)
    _check_peers(parts, findings)
    _check_limits(parts.limits, findings)
    for index, lane in parts.lanes:
        key = f"lanes[{index}]"
        _check_ends(lane, key, parts, findings)
        _check_security(lane, key, parts, findings)
        _check_unsafe(lane, key, unsafe_because(lane, parts.chains, plugins), findings)
    for index, raw in parts.broken_lanes:
        _check_broken(raw, f"lanes[{index}]", parts, findings)
    _check_lanes_together(parts, findings)


def unsafe_because(
    lane: LaneConfig, chains: tuple[tuple[int, ChainConfig], ...], plugins: Mapping[str, AdapterPlugin]
) -> str:
    """Return what messages of this lane are not protected from, empty when it is safe."""
    reasons = []
    if lane.security is Security.LIGHT_CLIENT:
        return ""
    if lane.threshold == 1:
        reasons.append(f"one key of {len(lane.attestors)} suffices to forge a message")
    for _, chain in chains:
        if chain.id in (lane.source.chain, lane.destination.chain):
            spec = plugins[chain.adapter].light_client(chain.id, chain.config)
            if spec.assurance is not Assurance.CONSENSUS:
                reasons.append(f"the consensus of {chain.id} is not verified ({spec.family})")
    return "; ".join(reasons)


def _check_chains(parts: Parts, findings: Findings) -> None:
    counts = Counter(parts.declared_chains)
    for name, count in counts.items():
        if count > 1:
            findings.error("chains", f"{count} chains have the id {name}, expected one")
    for index, chain in parts.chains:
        if parts.master in chain.signer_names():
            findings.error(
                f"chains[{index}].signer", "the master key derives attestor keys and pays for nothing"
            )
        if not _CAIP2.fullmatch(chain.id):
            findings.error(
                f"chains[{index}].id", f"expected a CAIP-2 id, got {chain.id!r}", "for example eip155:1"
            )


def _check_api(parts: Parts, findings: Findings) -> None:
    if parts.api is None:
        return
    host, _, port = parts.api.listen.rpartition(":")
    if int(port) > 65535:
        findings.error("api.listen", f"expected a port up to 65535, got {port}")
    for what in ("name", "hash"):
        for value, count in Counter(getattr(key, what) for key in parts.api.keys).items():
            if count > 1:
                shown = f" {value!r}" if what == "name" else ""
                findings.error("api.keys", f"{count} keys have the same {what}{shown}, expected one")
    if parts.api.public_read and not _is_loopback(host):
        findings.warning(
            "api.listen", f"everybody who reaches {host} can read all messages", "public_read = false"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _check_peers(parts: Parts, findings: Findings) -> None:
    if parts.gateway is not None and parts.gateway.name in parts.declared_peers:
        findings.error(f"peers.{parts.gateway.name}", "this gateway is not its own peer", "remove it")
    first: dict[str, str] = {}
    for name, peer in parts.peers.items():
        if peer.url in first:
            findings.error(
                f"peers.{name}.url", f"{first[peer.url]} has the same URL: one host is one attestor"
            )
        first.setdefault(peer.url, name)
    used = {attestor.name for _, lane in parts.lanes for attestor in lane.attestors}
    for name in parts.declared_peers - used:
        findings.warning(f"peers.{name}", "signs for no lane", nearest(name, used))


def _check_limits(limits: Limits | None, findings: Findings) -> None:
    if limits is None:
        return
    if not 1 <= limits.batch <= MAX_CLAIMS:
        findings.error("limits.batch", f"expected 1 to {MAX_CLAIMS}, got {limits.batch}")
    for name in (
        "look",
        "fresh_run",
        "window",
        "ahead",
        "scan_range",
        "max_open",
        "attempts",
        "refusals",
        "refused_run",
    ):
        if (value := getattr(limits, name)) < 1:
            findings.error(f"limits.{name}", f"expected 1 or more, got {value}")
    for name in ("standby_s", "track_s", "proof_age_s", "recheck_s"):
        if (value := getattr(limits, name)) <= 0:
            findings.error(f"limits.{name}", f"expected more than 0, got {value}")
    if not limits.backoff_s or min(limits.backoff_s) <= 0:
        findings.error("limits.backoff_s", f"expected seconds above 0, got {list(limits.backoff_s)}")


def _check_ends(lane: LaneConfig, key: str, parts: Parts, findings: Findings) -> None:
    for side, end in (("from", lane.source), ("to", lane.destination)):
        _check_declared(end.chain, f"{key}.{side}.chain", parts, findings)
        if not re.fullmatch(r"[A-Za-z0-9.+_#\[\]<>-]{1,64}", end.client):
            findings.error(f"{key}.{side}.client", f"expected an ICS-24 identifier, got {end.client!r}")
    if lane.source.chain == lane.destination.chain:
        findings.error(
            f"{key}.to.chain", f"expected another chain than {lane.source.chain}, where the lane begins"
        )


def _check_declared(chain: str, key: str, parts: Parts, findings: Findings) -> None:
    if chain not in parts.declared_chains:
        findings.error(key, f"no chain has the id {chain!r}", nearest(chain, parts.declared_chains))


def _check_broken(raw: Mapping[str, object], key: str, parts: Parts, findings: Findings) -> None:
    """Note what does not fit in a lane of which some other value is wrong already."""
    for side in ("from", "to"):
        end = raw.get(side)
        chain = end.get("chain") if isinstance(end, dict) else None
        if isinstance(chain, str):
            _check_declared(chain, f"{key}.{side}.chain", parts, findings)
    threshold, attestors = raw.get("threshold"), raw.get("attestors")
    if isinstance(threshold, int) and isinstance(attestors, list):
        _check_threshold(threshold, len(attestors), key, findings)


def _check_threshold(threshold: int, attestors: int, key: str, findings: Findings) -> None:
    if threshold > attestors:
        complaint = f"expected at most {attestors}, the number of attestors, got {threshold}"
        findings.error(f"{key}.threshold", complaint)
    elif threshold == attestors > 1:
        complaint = f"{attestors} of {attestors}: the loss of one attestor stops the lane"
        findings.warning(f"{key}.threshold", complaint)


def _check_security(lane: LaneConfig, key: str, parts: Parts, findings: Findings) -> None:
    """Check that what the lane asks for fits the way in which its destination is convinced."""
    if lane.ordered and lane.filter != FilterConfig():
        complaint = "expected no filter on an ordered lane: one packet that is left out stops all others"
        findings.error(f"{key}.filter", complaint)
    if lane.security is Security.ATTESTED:
        if lane.ordered:
            complaint = "only channels of IBC deliver in order, and attestors sign nothing about them"
            findings.error(f"{key}.ordered", complaint, 'security = "light-client"')
        _check_no_channel(lane, key, findings)
        _check_attestors(lane, key, parts, findings)
    elif lane.attestors or lane.threshold:
        count = len(lane.attestors)
        complaint = f"expected none on a light-client lane, got {count} and threshold {lane.threshold}"
        findings.error(f"{key}.attestors", complaint, 'security = "attested" asks for signatures')


def _check_no_channel(lane: LaneConfig, key: str, findings: Findings) -> None:
    for side, end in (("from", lane.source), ("to", lane.destination)):
        if _CHANNEL.fullmatch(end.client):
            complaint = f"expected a client, got {end.client!r}: attestors sign nothing about channels"
            hint = 'security = "light-client", or the names of clients of IBC v2'
            findings.error(f"{key}.{side}.client", complaint, hint)


def _check_attestors(lane: LaneConfig, key: str, parts: Parts, findings: Findings) -> None:
    names = [attestor.name for attestor in lane.attestors]
    if not names:
        findings.error(f"{key}.attestors", "expected at least 1, got none", 'or security = "light-client"')
    if lane.threshold < 1:
        findings.error(f"{key}.threshold", f"expected at least 1, got {lane.threshold}")
    _check_threshold(lane.threshold, len(names), key, findings)
    for name, count in Counter(names).items():
        if count > 1:
            findings.error(f"{key}.attestors", f"{name} is listed {count} times, expected once")
    own = parts.gateway.name if parts.gateway is not None else None
    if own is not None and own not in names:
        findings.error(f"{key}.attestors", f"this gateway, {own!r}, is not among them: {', '.join(names)}")
    for index, name in enumerate(names):
        if own is not None and name not in parts.declared_peers | {own}:
            hint = nearest(name, parts.declared_peers | {own})
            findings.error(f"{key}.attestors[{index}].name", f"no [peers.{name}] says how to reach it", hint)


def _check_unsafe(lane: LaneConfig, key: str, because: str, findings: Findings) -> None:
    if because and not lane.unsafe:
        findings.error(
            key, f"refused: {because}", "if that is what you want, say so with unsafe = true in this lane"
        )
    if lane.unsafe and not because:
        findings.warning(f"{key}.unsafe", "nothing about this lane is unsafe", "remove it")


def _check_lanes_together(parts: Parts, findings: Findings) -> None:
    lanes: dict[str, int] = {}
    addresses: dict[str, int] = {}
    for index, entry in parts.lanes:
        text = str(entry.lane())
        if text in lanes:
            findings.error(f"lanes[{index}]", f"the same lane as lanes[{lanes[text]}]: {text}")
            continue
        lanes[text] = index
        for place, attestor in enumerate(entry.attestors):
            owner = addresses.setdefault(attestor.address.lower(), index)
            at = f"lanes[{index}].attestors[{place}].address"
            if owner != index:
                hint = "a signature would be valid on both; derive one key per lane: isthmus signer attestor"
                findings.error(at, f"the key {attestor.address} is also used by lanes[{owner}]", hint)
            elif sum(other.address.lower() == attestor.address.lower() for other in entry.attestors) > 1:
                findings.error(at, f"the key {attestor.address} is used twice in this lane")
    entries = dict(parts.lanes)
    for index, entry in parts.lanes:
        back = lanes.get(str(entry.lane().reverse()))
        if back is not None and back > index:
            _check_pair(index, entry, back, entries[back], findings)
        if back is None and not parts.broken_lanes:
            findings.error(
                f"lanes[{index}]",
                f"the lane back is missing, it attests the acknowledgements: {entry.lane().reverse()}",
            )


def _check_pair(index: int, lane: LaneConfig, back: int, other: LaneConfig, findings: Findings) -> None:
    """Check that both directions are of one kind: answers are proven as the packets of the way back are."""
    for name, ours, theirs in (
        ("security", lane.security.value, other.security.value),
        ("ordered", lane.ordered, other.ordered),
    ):
        if ours != theirs:
            complaint = f"expected {ours!r} as in lanes[{index}], the way there, got {theirs!r}"
            findings.error(f"lanes[{back}].{name}", complaint)
