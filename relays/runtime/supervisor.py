"""Everything that runs: one reader per chain and one loop per lane. A failing one touches no other.

Remedies of expected errors are data and are acted on in `relays.core` and `heads`. What nobody expected stops
here: the lane it happened in fails, visibly, until a person resumes it; all others go on. Cancelling `run` is
the clean stop.
"""

import asyncio
from collections.abc import Mapping, Sequence

import structlog

from adapters.api import Clock
from proofs.types import ChainId, Lane
from relays.core.lane import LaneParams, Limits
from relays.runtime.carry import Host
from relays.runtime.handle import LaneHandle
from relays.runtime.heads import ChainLink
from relays.runtime.keeper import ClientHealth, ClientKeeper
from relays.runtime.loop import HeadsWithdrawn, LaneLoop, StartOver
from relays.runtime.ports import Attestors, LaneRecord, Store
from relays.runtime.status import ChainHealth

_log = structlog.get_logger("relays.supervisor")
_RETRY_S = 60.0
"""Until a keeper that failed unexpectedly looks again."""


class Supervisor:
    """Runs chains and lanes. Handles and snapshots may be used from the same event loop at any time."""

    def __init__(
        self,
        *,
        links: Mapping[ChainId, ChainLink],
        lanes: Sequence[LaneParams],
        store: Store,
        attestors: Attestors,
        clock: Clock,
        limits: Limits | None = None,
        limits_of: Mapping[Lane, Limits] | None = None,
    ) -> None:
        """`limits` hold for every lane that `limits_of` does not name."""
        self._links = dict(links)
        self._store = store
        self._attestors = attestors
        self._clock = clock
        self._limits = limits if limits is not None else Limits()
        self._limits_of = dict(limits_of or {})
        self._handles = {
            params.lane: LaneHandle(
                params, self._links[params.lane.source], self._links[params.lane.destination], clock
            )
            for params in lanes
        }
        self._keepers = [self._keeper(params.lane) for params in lanes if params.light_client]

    async def run(self) -> None:
        """Run until cancelled."""
        async with asyncio.TaskGroup() as group:
            for link in self._links.values():
                group.create_task(self._supervise_chain(link))
            for handle in self._handles.values():
                group.create_task(self._supervise_lane(handle))
            for keeper in self._keepers:
                group.create_task(self._supervise_keeper(keeper))

    def lane(self, lane: Lane) -> LaneHandle:
        """Return the handle of a lane. Raises `KeyError` for an unknown one."""
        return self._handles[lane]

    def lanes(self) -> tuple[LaneHandle, ...]:
        """Return the handles of all lanes, in the order of the configuration."""
        return tuple(self._handles.values())

    def chains(self) -> tuple[ChainHealth, ...]:
        """Return how each chain does."""
        return tuple([link.health() for link in self._links.values()])

    def clients(self) -> tuple[ClientHealth, ...]:
        """Return how each light client does that we keep alive on a destination."""
        return tuple([keeper.health() for keeper in self._keepers])

    def _keeper(self, lane: Lane) -> ClientKeeper:
        """Return the keeper of the client on a lane's destination: it judges both lanes of the pair."""
        host = Host(
            client=lane.destination_client,
            acting=self._links[lane.destination],
            proving=self._links[lane.source],
        )
        judged = [self._handles[one] for one in (lane, lane.reverse()) if one in self._handles]

        def lost(reason: str) -> None:
            for handle in judged:
                handle.halt(f"client {host.client} on {lane.destination}: {reason}")

        return ClientKeeper(lane, host, self._clock, lost=lost, closed=self._handles[lane].destination_closed)

    async def _supervise_keeper(self, keeper: ClientKeeper) -> None:
        """Keep a keeper running; an error that nobody expected is shown and the client looked at again."""
        while True:
            try:
                await keeper.run()
            except Exception as error:  # noqa: BLE001 - the one place where everything is caught
                _log.exception("client.failed", client=keeper.health().client)
                keeper.failed(f"unexpected: {first_error(error)!r}")
            await self._clock.sleep(_RETRY_S)

    async def _supervise_chain(self, link: ChainLink) -> None:
        """Keep a chain's reader running; an error that nobody expected halts the chain's lanes."""
        while True:
            try:
                await link.run()
            except Exception as error:  # noqa: BLE001 - the one place where everything is caught
                _log.exception("chain.failed", chain=link.chain.chain_id)
                await link.failed(f"unexpected: {first_error(error)!r}")

    async def _supervise_lane(self, handle: LaneHandle) -> None:
        """Keep a lane running. After an unexpected error it waits for a person."""
        rebuild = False
        while True:
            failure = ""
            loop = LaneLoop(
                handle.params,
                self._links[handle.params.lane.source],
                self._links[handle.params.lane.destination],
                store=self._store,
                attestors=self._attestors,
                clock=self._clock,
                limits=self._limits_of.get(handle.params.lane, self._limits),
            )
            handle.began(loop)
            try:
                empty = LaneRecord(cursors={}, open=())
                await loop.run(empty if rebuild else await self._store.load(handle.params.lane))
            except* StartOver:
                rebuild = True
            except* HeadsWithdrawn:
                rebuild = False
            except* Exception as errors:  # noqa: BLE001 - the one place where everything is caught
                _log.exception("lane.failed", lane=str(handle.params.lane))
                failure, rebuild = f"{first_error(errors)!r}", False
            if failure:
                await handle.failed(failure)


def first_error(error: BaseException) -> BaseException:
    """Return the first plain error inside groups of errors."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
