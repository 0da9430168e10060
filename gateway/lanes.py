"""The lanes of one gateway as people call them: short ids, names of chains, keys, what to say about trust."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from adapters.api import AdapterPlugin
from gateway.attestor.peers import LaneAttestors
from gateway.config.check import unsafe_because
from gateway.config.schema import Config, LaneConfig, Security
from gateway.keys.derive import attestor_key
from gateway.keys.signer import LocalSigner
from proofs.types import ChainId, Lane


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneEntry:
    """One configured lane."""

    id: str
    """Made of the names of its chains; usable in a URL."""
    lane: Lane
    config: LaneConfig
    source_name: str
    destination_name: str
    unsafe_because: str
    """What its messages are not protected from, empty when it is safe."""

    def trust(self) -> str:
        """Return what the destination checks, for people."""
        if self.config.security is Security.LIGHT_CLIENT:
            return "light client"
        return f"attested {self.config.threshold}-of-{len(self.config.attestors)}"

    def attestors(self) -> LaneAttestors:
        """Return who signs for it."""
        addresses = {one.name: bytes.fromhex(one.address[2:]) for one in self.config.attestors}
        return LaneAttestors(threshold=self.config.threshold, addresses=addresses)


def lane_signer(seed: bytes, lane: Lane, config: Config, plugins: Mapping[str, AdapterPlugin]) -> LocalSigner:
    """Return who signs for this lane with this master seed, between the chains as they are configured."""
    chains = {chain.id: chain for chain in config.chains}
    source, destination = [
        plugins[chain.adapter].store(chain.id, chain.config).address
        for chain in (chains[lane.source], chains[lane.destination])
    ]
    return attestor_key(seed, lane, source, destination)


class LaneBook:
    """All lanes, by id and by what they are."""

    def __init__(self, config: Config, plugins: Mapping[str, AdapterPlugin]) -> None:
        names = {chain.id: chain.name or chain.id for chain in config.chains}
        short = Counter(_slug(names, entry) for entry in config.lanes)
        numbered = tuple(enumerate(config.chains))
        entries = [
            LaneEntry(
                id=_slug(names, entry) if short[_slug(names, entry)] == 1 else _long_slug(entry.lane()),
                lane=entry.lane(),
                config=entry,
                source_name=names[entry.source.chain],
                destination_name=names[entry.destination.chain],
                unsafe_because=unsafe_because(entry, numbered, plugins),
            )
            for entry in config.lanes
        ]
        self._by_lane = {entry.lane: entry for entry in entries}
        self._by_id = {entry.id: entry for entry in entries}

    def __iter__(self) -> Iterator[LaneEntry]:
        return iter(self._by_lane.values())

    def of(self, lane: Lane) -> LaneEntry | None:
        """Return the entry of a lane, None when it is not configured (any more)."""
        return self._by_lane.get(lane)

    def named(self, lane_id: str) -> LaneEntry | None:
        """Return the entry by this id, None when there is none."""
        return self._by_id.get(lane_id)

    def ids(self) -> tuple[str, ...]:
        """Return all ids."""
        return tuple(self._by_id)


def _slug(names: Mapping[ChainId, str], entry: LaneConfig) -> str:
    ends = (names[entry.source.chain], names[entry.destination.chain])
    return "-".join(re.sub(r"[^a-z0-9]+", "_", end.lower()).strip("_") or "chain" for end in ends)


def _long_slug(lane: Lane) -> str:
    """Return an id for lanes between the same two chains, which only their clients tell apart."""
    parts = (lane.source, lane.source_client, lane.destination, lane.destination_client)
    return ".".join(re.sub(r"[^A-Za-z0-9-]", "_", part) for part in parts)[:128]
