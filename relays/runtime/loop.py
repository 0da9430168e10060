"""One lane at work: decide, start what may start, take in what happened. Policy is in `relays.core`.

Steps run at the same time, each in a task of its own; lists keep them few. The loop itself never waits for a
chain.
"""

import asyncio
from collections import deque

from adapters.api import ChainStatus, Clock
from proofs.types import ChainId
from relays.core.apply import apply
from relays.core.decide import decide
from relays.core.events import Event, HeadsRead, Started, Violated
from relays.core.lane import LaneParams, LaneState, Limits
from relays.core.restoring import restore
from relays.core.steps import Effect, Wait
from relays.runtime.bell import Bell
from relays.runtime.carry import Carrier
from relays.runtime.clock import SteadyClock
from relays.runtime.evidence import sure_block
from relays.runtime.heads import ChainLink
from relays.runtime.journal import Journal
from relays.runtime.perform import World, perform
from relays.runtime.ports import Attestors, LaneRecord, Store


class StartOver(Exception):  # noqa: N818 - a person's wish, not an error
    """The lane is to begin again from what the chains say."""


class HeadsWithdrawn(Exception):  # noqa: N818 - a condition, named for what it says
    """This run went by heads that were not the chain's: the lane is to begin again from its record."""


class LaneLoop:
    """One run of one lane, from a record to its cancellation."""

    def __init__(
        self,
        params: LaneParams,
        source: ChainLink,
        destination: ChainLink,
        *,
        store: Store,
        attestors: Attestors,
        clock: Clock,
        limits: Limits,
    ) -> None:
        clock = SteadyClock(clock)
        self.params = params
        self.state: LaneState | None = None
        """None until the record is loaded."""
        self.down: dict[ChainId, str] = {}
        """Chains of this lane that cannot be read now, and why."""
        self.journal = Journal(store, params.lane, clock)
        """What is on its way to the store."""
        self._limits = limits
        self._clock = clock
        self._bell = Bell(clock)
        self._mail: deque[Event] = deque()
        self._ending: type[Exception] | None = None
        """Why this run is to end, when it is."""
        self._world = World(
            params=params,
            source=source,
            destination=destination,
            attestors=attestors,
            carrier=Carrier() if params.light_client else None,
            journal=self.journal,
            clock=clock,
        )

    def post(self, event: Event) -> None:
        """Let the lane know of something that happened."""
        self._mail.append(event)
        self._bell.ring()

    def obey(self, command: Event) -> None:
        """Apply a person's command now, so that whoever looks next sees it; before `run`, when it runs."""
        self.post(command)
        self._take_mail()

    def start_over(self) -> None:
        """Make `run` raise `StartOver` as soon as it can."""
        self._ending = StartOver
        self._bell.ring()

    def heads_read(self, status: ChainStatus) -> None:
        """Take in heads of either chain (`HeadListener`)."""
        chain = status.finalized.chain
        self.down.pop(chain, None)
        lane = self.params.lane
        link = self._world.source if chain == lane.source else self._world.destination
        self.post(
            HeadsRead(
                at_s=self._clock.now_s(),
                source=status if chain == lane.source else None,
                destination=status if chain == lane.destination else None,
                sure=sure_block(link.spec, link.trust),
            )
        )

    def heads_withdrawn(self, chain: ChainId) -> None:
        """Make `run` raise `HeadsWithdrawn` as soon as it can (`HeadListener`)."""
        self._ending = self._ending or HeadsWithdrawn
        self._bell.ring()

    def chain_halted(self, chain: ChainId, detail: str) -> None:
        """Stop: a chain contradicted itself (`HeadListener`)."""
        self.post(Violated(at_s=self._clock.now_s(), chain=chain, detail=detail))

    def chain_down(self, chain: ChainId, detail: str) -> None:
        """Note that a chain cannot be read (`HeadListener`)."""
        self.down[chain] = detail

    async def run(self, record: LaneRecord) -> None:
        """Work until cancelled. Raises `StartOver`, `HeadsWithdrawn`, and what nobody expects."""
        now_s = self._clock.now_s()
        self.state = restore(self.params, self._limits, record.cursors, record.open, now_s, halt=record.halt)
        links = (self._world.source, self._world.destination)
        for link in links:
            link.subscribe(self)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.journal.run())
                while True:
                    if self._ending is not None:
                        await self.journal.flushed()
                        raise self._ending
                    self._take_mail()
                    await self._bell.wait(self._start_steps(group))
        finally:
            for link in links:
                link.unsubscribe(self)

    def _take_mail(self) -> None:
        while self._mail and self.state is not None:
            self._take(self._mail.popleft())

    def _take(self, event: Event) -> None:
        """Apply an event and hand its changes to the journal."""
        if self.state is not None:
            self.state, changes = apply(self.state, event)
            self.journal.put(changes)

    def _start_steps(self, group: asyncio.TaskGroup) -> float:
        """Start every step that may start; return the seconds after which time alone may allow more."""
        while self.state is not None:
            now_s = self._clock.now_s()
            for step in decide(self.state, now_s):
                if isinstance(step, Wait):
                    return step.until_s - now_s
                self._take(Started(at_s=now_s, step=step))
                group.create_task(self._perform(step))
        return float("inf")

    async def _perform(self, step: Effect) -> None:
        self.post(await perform(self._world, step))
