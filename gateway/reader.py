"""Reads the gateway's state for people: from the store and from snapshots of what runs, without waiting.

Implements `gateway.api.ports.Reader`, `bundle` apart: a proof bundle is fetched anew from the source chain.
"""

import asyncio
from collections.abc import Mapping, Sequence

import msgspec

from adapters.api import Clock, EndpointReporter
from gateway import explain, present
from gateway.api.ports import Conflict, MessageFilter, UnknownName
from gateway.attestor.client import PeerClient
from gateway.config.schema import ChainConfig
from gateway.lanes import LaneBook, LaneEntry
from gateway.store import queries
from gateway.store.queries import LaneTotals, Stored, Wanted
from gateway.store.store import SqliteStore
from gateway.views import ChainView, Explanation, LaneView, MessagePage, MessageView, Overview
from proofs.bundle import Bundle, to_json, verify_bundle
from proofs.registry import started_at
from proofs.types import ChainId, Lane, Sent
from proofs.verdict import Accepted
from relays.core.types import State
from relays.runtime.heads import ChainLink
from relays.runtime.supervisor import Supervisor

_TOTALS_S = 1.0
"""How old counts may be: they look at every message."""


class Reader:
    """Looks; changes nothing."""

    def __init__(
        self,
        *,
        name: str,
        version: str,
        chains: Sequence[ChainConfig],
        accounts: Mapping[ChainId, str],
        lanes: LaneBook,
        links: Mapping[ChainId, ChainLink],
        store: SqliteStore,
        supervisor: Supervisor,
        peers: Mapping[str, PeerClient],
        clock: Clock,
    ) -> None:
        self._name = name
        self._version = version
        self._chains = tuple(chains)
        self._accounts = dict(accounts)
        self._lanes = lanes
        self._links = dict(links)
        self._store = store
        self._supervisor = supervisor
        self._peers = dict(peers)
        self._clock = clock
        self._totals: tuple[float, dict[Lane, LaneTotals]] = (float("-inf"), {})
        self._counting = asyncio.Lock()

    async def overview(self) -> Overview:
        """Return the gateway at a glance."""
        totals = await self._counted()
        chains = tuple(self._chain(chain) for chain in self._chains)
        lanes = tuple(self._lane(entry, totals.get(entry.lane)) for entry in self._lanes)
        problems = present.problems(chains, lanes)
        return Overview(
            name=self._name,
            version=self._version,
            ready=not problems,
            problems=problems,
            unsafe=any(lane.unsafe for lane in lanes),
            chains=chains,
            lanes=lanes,
        )

    async def messages(self, wanted: MessageFilter, *, limit: int, cursor: str) -> MessagePage:
        """Return messages, newest first, from the cursor on. Raises `ValueError` for a cursor not of ours."""
        if cursor and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
            raise ValueError(f"expected a cursor of an earlier page, got {cursor[:40]!r}")
        found, after = await self._store.read(
            lambda connection: queries.page(
                connection, self._wanted(wanted), cursor=int(cursor) if cursor else None, size=limit
            )
        )
        shown = tuple(present.message(stored, self._lanes.of(stored.lane), ()) for stored in found)
        return MessagePage(messages=shown, cursor="" if after is None else str(after))

    async def message(self, message_id: str) -> MessageView:
        """Return one message with its timeline; eight hex digits of its id suffice. Raises `UnknownName`."""
        stored = await self._find(message_id)
        sequence = stored.message.packet.sequence
        moves = await self._store.read(lambda connection: queries.timeline(connection, stored.lane, sequence))
        return present.message(stored, self._lanes.of(stored.lane), moves)

    async def explain(self, message_id: str) -> Explanation:
        """Return why the message is where it is. Raises `UnknownName`."""
        view = await self.message(message_id)
        overview = await self.overview()
        return explain.why(view, overview, now_s=self._clock.now_s())

    async def bundle(self, message_id: str) -> bytes:
        """Return the proof, at the block in which it was sent, that the message was sent, as JSON.

        Raises `UnknownName`, `Conflict` when it cannot be proven (yet), and what the source chain's adapter
        raises.
        """
        stored = await self._find(message_id)
        link = self._links.get(stored.lane.source)
        if link is None:
            raise Conflict(f"expected a configured chain, got {stored.lane.source}")
        claim = Sent(packet=stored.message.packet)
        block = await link.chain.block(stored.message.height)
        trusted = await link.trust.advance_to(link.chain, link.spec, block, self._clock.now_s())
        if not isinstance(trusted, Accepted):
            raise Conflict(f"the block in which it was sent cannot be verified: {trusted}")
        made = Bundle(
            lane=stored.lane,
            claim=claim,
            params=started_at(link.spec.params, block),
            update=await link.chain.update(block),
            store=link.chain.store,
            proofs=await link.chain.prove(stored.lane, [claim], block),
        )
        verdict = verify_bundle(made, self._clock.now_s())
        if not isinstance(verdict, Accepted):
            raise Conflict(f"the evidence for it does not hold: {verdict}")
        return msgspec.json.encode(to_json(made))

    def _chain(self, config: ChainConfig) -> ChainView:
        link = self._links[config.id]
        endpoints = link.chain.endpoint_health() if isinstance(link.chain, EndpointReporter) else ()
        return present.chain(config, link.health(), self._accounts.get(config.id, ""), endpoints)

    async def _find(self, message_id: str) -> Stored:
        """Return the message with this id or unique beginning of one. Raises `UnknownName`."""
        prefix = message_id.lower().removeprefix("0x")
        if not queries.MIN_PREFIX <= len(prefix) <= 64 or set(prefix) - set("0123456789abcdef"):
            raise UnknownName(f"expected {queries.MIN_PREFIX} to 64 hex digits, got {message_id[:80]!r}")
        found = await self._store.read(lambda connection: queries.find(connection, prefix))
        if found is None:
            raise UnknownName(f"no message, or more than one, begins with {prefix}")
        return found

    def _wanted(self, wanted: MessageFilter) -> Wanted:
        entry = self._lanes.named(wanted.lane) if wanted.lane is not None else None
        if wanted.lane is not None and entry is None:
            raise UnknownName(f"no lane {wanted.lane!r}; known: {', '.join(self._lanes.ids())}")
        return Wanted(
            lane=entry.lane if entry is not None else None,
            state=State(wanted.state) if wanted.state is not None else None,
            source=ChainId(wanted.source) if wanted.source is not None else None,
            destination=ChainId(wanted.destination) if wanted.destination is not None else None,
        )

    async def _counted(self) -> dict[Lane, LaneTotals]:
        """Return the counts of all lanes, not older than a second."""
        async with self._counting:
            now_s = self._clock.monotonic_s()
            if now_s - self._totals[0] >= _TOTALS_S:
                self._totals = (now_s, await self._store.read(queries.totals))
            return self._totals[1]

    def _lane(self, entry: LaneEntry, totals: LaneTotals | None) -> LaneView:
        status = self._supervisor.lane(entry.lane).status()
        attestors = tuple(present.attestor(one, self._peers.get(one.name)) for one in entry.config.attestors)
        ends = (entry.lane.destination, entry.lane.destination_client)
        hosted = {(one.chain, one.client): one for one in self._supervisor.clients()}.get(ends)
        return present.lane(entry, status, totals, attestors, hosted)
