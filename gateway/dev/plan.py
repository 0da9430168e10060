"""Who takes part in the local network, and the configuration file of each gateway.

Three gateways (alpha, beta, gamma) relay every lane between the chains, and attest those whose destination
asks for signatures, two of three. Keys are made anew each time; the API keys with which the gateways know
each other are written down beside them, readable by their owner alone: this is a playground, not a template
for production.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.keys.api_keys import new_api_key
from gateway.keys.derive import attestor_key
from gateway.keys.keystore import Keystore
from proofs.types import ChainId, ClientId, Lane

NAMES = ("alpha", "beta", "gamma")
THRESHOLD = 2
TOKENS = 1_000_000
"""Of each chain's home token, given to the gateway that sends from it."""

CLIENT = ClientId("client-0")
"""Where there are only two chains: on each of them, the client that tracks the other."""

MASTER, PAYER = "master", "payer"


@dataclass(frozen=True, slots=True, kw_only=True)
class DevChain:
    """One chain of the local network, as the gateways' configuration knows it."""

    id: ChainId
    name: str
    adapter: str
    config: Mapping[str, Any]
    """The adapter's own section."""
    store: bytes
    """Raw address of its router: the attestors' keys are bound to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One gateway: where it lives and what it holds."""

    name: str
    directory: Path
    port: int
    master: bytes
    """Seed of its attestor keys, 32 bytes."""
    payer: bytes
    """Key that pays for its transactions, 32 bytes."""
    admin_key: str
    """API key with every scope a person needs."""
    peer_key: str
    """API key with which its peers ask it for signatures."""
    hashes: tuple[str, str]
    """Of the two API keys."""

    @property
    def url(self) -> str:
        """Base address of its API and status page."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def config_file(self) -> Path:
        """Its configuration."""
        return self.directory / "isthmus.toml"


def member(name: str, directory: Path, port: int, payer: bytes) -> Member:
    """Return a gateway with fresh keys."""
    admin_key, admin_hash = new_api_key()
    peer_key, peer_hash = new_api_key()
    return Member(
        name=name,
        directory=directory,
        port=port,
        master=secrets.token_bytes(32),
        payer=payer,
        admin_key=admin_key,
        peer_key=peer_key,
        hashes=(admin_hash, peer_hash),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Two ends that are each other's, and so two lanes."""

    first: ChainId
    first_client: ClientId
    """On the first chain, the client that tracks the second; of an IBC v1 channel its id."""
    second: ChainId
    second_client: ClientId
    light_client: bool = False
    """Both chains verify each other's headers; otherwise the gateways attest."""
    unsafe: bool = False
    """One of the chains has no consensus that could be verified."""

    def lanes(self) -> tuple[Lane, Lane]:
        """Return both directions, the one that leaves the first chain first."""
        lane = Lane(
            source=self.first,
            source_client=self.first_client,
            destination=self.second,
            destination_client=self.second_client,
        )
        return lane, lane.reverse()


def link(first: ChainId, second: ChainId, *, unsafe: bool = False) -> Link:
    """Return the attested link of a network of two chains."""
    return Link(first=first, first_client=CLIENT, second=second, second_client=CLIENT, unsafe=unsafe)


def attestors(members: Sequence[Member], lane: Lane, chains: Sequence[DevChain]) -> tuple[bytes, ...]:
    """Return the addresses, 20 bytes each, with which the gateways sign for a lane between these chains."""
    stores = {chain.id: chain.store for chain in chains}
    source, destination = stores[lane.source], stores[lane.destination]
    return tuple([attestor_key(one.master, lane, source, destination).address for one in members])


def write_keys(members: Sequence[Member]) -> None:
    """Write the keystore of each gateway, and what its configuration refers to. It takes seconds."""
    for who in members:
        password = secrets.token_urlsafe(24)
        who.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write_secret(who.directory / "password", password)
        for other in members:
            _write_secret(who.directory / f"peer-{other.name}", other.peer_key)
        keystore = Keystore(who.directory / "data" / "keystore")
        keystore.save(MASTER, who.master, password)
        keystore.save(PAYER, who.payer, password)


def write_configs(members: Sequence[Member], chains: Sequence[DevChain], links: Sequence[Link]) -> None:
    """Write the configuration of each gateway."""
    for who in members:
        who.config_file.write_text(config_text(who, members, chains, links), "utf-8")


def config_text(
    who: Member, members: Sequence[Member], chains: Sequence[DevChain], links: Sequence[Link]
) -> str:
    """Return one gateway's configuration as TOML."""
    parts = [
        "# Written by `isthmus dev up`.",
        _section("[gateway]", {"name": who.name, "log": "json"}),
        _section("[api]", {"listen": f"127.0.0.1:{who.port}"}),
        _section("[[api.keys]]", {"name": "me", "hash": who.hashes[0], "scopes": ["read", "send", "admin"]}),
        _section("[[api.keys]]", {"name": "peers", "hash": who.hashes[1], "scopes": ["attest"]}),
        _section("[keystore]", {"password": f"file:{who.directory / 'password'}"}),
    ]
    for other in members:
        if other.name != who.name:
            secret = f"file:{who.directory / f'peer-{other.name}'}"
            parts.append(_section(f"[peers.{other.name}]", {"url": other.url, "api_key": secret}))
    for chain in chains:
        head = {"id": chain.id, "adapter": chain.adapter, "name": chain.name, "signer": f"keystore:{PAYER}"}
        parts += [_section("[[chains]]", head), _section("[chains.config]", chain.config)]
    parts += [_lane_text(one, lane, members, chains) for one in links for lane in one.lanes()]
    return "\n".join(parts)


def _lane_text(one: Link, lane: Lane, members: Sequence[Member], chains: Sequence[DevChain]) -> str:
    ends = {
        "from": {"chain": lane.source, "client": lane.source_client},
        "to": {"chain": lane.destination, "client": lane.destination_client},
    }
    if one.light_client:
        return _section("[[lanes]]", {**ends, "security": "light-client"})
    addresses = attestors(members, lane, chains)
    named = [
        {"name": each.name, "address": f"0x{address.hex()}"}
        for each, address in zip(members, addresses, strict=True)
    ]
    trust = {"threshold": THRESHOLD, "attestors": named, "takeover_s": 5.0}
    return _section("[[lanes]]", {**ends, **trust, **({"unsafe": True} if one.unsafe else {})})


def _section(head: str, values: Mapping[str, Any]) -> str:
    lines = [f"{key} = {_toml(value)}" for key, value in values.items()]
    return "\n".join([head, *lines, ""])


def _toml(value: Any) -> str:
    """Return a value as TOML writes it; strings of JSON are strings of TOML."""
    match value:
        case Mapping():
            return "{ " + ", ".join(f"{key} = {_toml(inner)}" for key, inner in value.items()) + " }"
        case list() | tuple():
            return "[" + ", ".join(map(_toml, value)) + "]"
        case _:
            return json.dumps(value)


def _write_secret(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, "utf-8")
