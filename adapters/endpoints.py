"""Several endpoints of one chain: who may be asked, who is cooling off, who lied.

An endpoint that fails cools off and comes back; an endpoint that is caught in a lie is quarantined with
the evidence for as long as this process runs. Failover goes to another endpoint and never lowers a
quorum: reads that no proof can cover are asked of all, and `threshold` of them must agree. Nothing here
decides what is true.
"""

import asyncio
import zlib
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, Protocol, TypeVar

from adapters.api import Clock, EndpointHealth
from adapters.errors import (
    AdapterError,
    MalformedReply,
    NoAgreement,
    NotYetAvailable,
    Pruned,
    RateLimited,
    Reorged,
    TransportError,
    WrongChain,
)


class EndpointClient(Protocol):
    """What is needed of a client of one endpoint, whatever it speaks."""

    name: str

    async def close(self) -> None:
        """Close all connections. Safe to call twice."""


T = TypeVar("T")
C = TypeVar("C", bound=EndpointClient)
Work = Callable[[C], Awaitable[T]]
"""Something to do with one endpoint, whichever it is."""

_MAX_COOL_OFF_S = 30.0


class Lie(Enum):
    """What an endpoint was caught at. Stable: it appears in health reports."""

    WRONG_CHAIN = "wrong-chain"
    FORGED_HEADER = "forged-header"
    FORGED_PROOF = "forged-proof"
    FALSE_LOGS = "false-logs"


class Hostile(MalformedReply):
    """Proof that an endpoint lied: it is quarantined. Outside an adapter it is a `MalformedReply`."""

    def __init__(self, lie: Lie, evidence: str) -> None:
        super().__init__(f"{lie.value}: {evidence}")
        self.lie = lie
        self.evidence = evidence


@dataclass(slots=True)
class _Endpoint(Generic[C]):
    client: C
    checked: bool = False
    """Whether its chain id was read since it last failed."""
    failures: int = 0
    cool_until_s: float = 0.0
    limited: bool = False
    lie: Lie | None = None
    detail: str = ""


@dataclass(slots=True, kw_only=True)
class EndpointPool(ABC, Generic[C]):
    """The endpoints of one chain. A subclass says how an endpoint's chain is checked."""

    clients: Sequence[C]
    clock: Clock
    threshold: int
    """How many endpoints must agree on what no proof covers."""
    patience_s: float
    """How long the slowest are waited for once `threshold` have answered."""
    _all: list[_Endpoint[C]] = field(default_factory=list)
    """Empty before `connect`: nobody is asked whose chain was not checked."""

    async def connect(self) -> None:
        """Check every endpoint's chain. An endpoint that was caught in another lie stays in quarantine.

        Returns when one endpoint is good. Raises `WrongChain` when all serve another chain, `TransportError`
        when none answers.
        """
        if not self._all:
            self._all = [_Endpoint(client=client) for client in self.clients]
        for endpoint in self._all:
            endpoint.checked = False
            if endpoint.lie is Lie.WRONG_CHAIN:
                endpoint.lie = None
        done = await asyncio.gather(*map(self._try_check, self._all))
        if not any(done):
            raise self._nobody()

    async def close(self) -> None:
        """Close all connections. Safe to call twice."""
        await asyncio.gather(*(client.close() for client in self.clients))

    def health(self) -> tuple[EndpointHealth, ...]:
        """Return the state of each endpoint, in configured order; empty before `connect`."""
        now_s = self.clock.monotonic_s()
        return tuple(
            EndpointHealth(
                name=each.client.name,
                usable=each.lie is None and each.cool_until_s <= now_s,
                quarantined_for=each.lie.value if each.lie else "",
                detail=each.detail,
            )
            for each in self._all
        )

    async def first(self, work: Work[C, T]) -> T:
        """Return the result of the first endpoint that can do the work.

        An endpoint that fails cools off, one that lies is quarantined, one that lags is passed over. When
        all fail, raises what says most: `NotYetAvailable`, `Pruned`, `Reorged`, then the last other error.
        """
        errors: list[AdapterError] = []
        for endpoint in self._candidates():
            try:
                return await self._do(endpoint, work)
            except AdapterError as error:
                errors.append(error)
        for kind in (NotYetAvailable, Pruned, Reorged):
            for told in errors:
                if isinstance(told, kind):
                    raise told
        raise errors[-1] if errors else self._nobody()

    async def each(self, work: Work[C, T]) -> Mapping[str, T | AdapterError]:
        """Do the work with every endpoint at once; return name -> result or error, in configured order.

        Waits `patience_s` for the rest once `threshold` have a result; those that are late cool off.
        """
        asked = self._candidates()
        tasks = {asyncio.create_task(self._outcome(each, work)): each for each in asked}
        try:
            await self._wait(tasks)
            late = [endpoint for task, endpoint in tasks.items() if not task.done()]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for endpoint in late:
            self._cool(endpoint, TransportError(f"endpoint {endpoint.client.name}: later than the others"))
        done = {
            endpoint.client.name: task.result() for task, endpoint in tasks.items() if not task.cancelled()
        }
        return {client.name: done[client.name] for client in self.clients if client.name in done}

    async def agreed(self, work: Work[C, T]) -> T:
        """Return the result that at least `threshold` endpoints give.

        Raises the error that as many give, else `NoAgreement`.
        """
        outcomes = await self.each(work)
        results = [outcome for outcome in outcomes.values() if not isinstance(outcome, AdapterError)]
        for result in results:
            if results.count(result) >= self.threshold:
                return result
        raise self.failure(outcomes)

    def failure(self, outcomes: Mapping[str, object]) -> AdapterError:
        """Return what to raise for these answers: the error that `threshold` give, else `NoAgreement`."""
        errors = [outcome for outcome in outcomes.values() if isinstance(outcome, AdapterError)]
        for error in errors:
            if sum(type(other) is type(error) for other in errors) >= self.threshold:
                return error
        said = [f"{name}: {str(outcome)[:160]}" for name, outcome in outcomes.items()]
        held = [f"{each.client.name}: {each.detail[:160]}" for each in self._all if each.lie is not None]
        return NoAgreement(f"expected {self.threshold} endpoints to agree, got {[*said, *held]}")

    def _candidates(self) -> list[_Endpoint[C]]:
        """Return whom to ask: the fit ones first; those that cool off only when the fit are too few."""
        now_s = self.clock.monotonic_s()
        honest = [each for each in self._all if each.lie is None]
        fit = [each for each in honest if each.cool_until_s <= now_s]
        if len(fit) >= self.threshold:
            return fit
        limited = [each for each in honest if each.limited and each.cool_until_s > now_s]
        tired = [each for each in honest if each.cool_until_s > now_s and not each.limited]
        if limited and not fit and not tired:
            wait_s = min(each.cool_until_s for each in limited) - now_s
            raise RateLimited(f"all endpoints ask for patience: {limited[0].detail}", retry_after_s=wait_s)
        return [*fit, *sorted(tired, key=lambda each: each.cool_until_s)]

    async def _wait(self, tasks: "Mapping[asyncio.Task[T | AdapterError], _Endpoint[C]]") -> None:
        waiting, good = set(tasks), 0
        while waiting:
            enough = good >= self.threshold
            timeout_s = self.patience_s if enough else None
            done, waiting = await asyncio.wait(
                waiting, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                return
            good += sum(not isinstance(task.result(), AdapterError) for task in done)

    async def _outcome(self, endpoint: _Endpoint[C], work: Work[C, T]) -> T | AdapterError:
        try:
            return await self._do(endpoint, work)
        except AdapterError as error:
            return error

    async def _do(self, endpoint: _Endpoint[C], work: Work[C, T]) -> T:
        try:
            if not endpoint.checked:
                await self._check(endpoint.client)
                endpoint.checked = True
            result = await work(endpoint.client)
        except Hostile as error:
            self.quarantine(endpoint.client.name, error)
            raise
        except (TransportError, RateLimited, MalformedReply) as error:
            self._cool(endpoint, error)
            raise
        endpoint.failures = 0
        return result

    def quarantine(self, name: str, proof: Hostile) -> None:
        """Ask this endpoint no more; keep the evidence."""
        for endpoint in self._all:
            if endpoint.client.name == name and endpoint.lie is None:
                endpoint.lie, endpoint.detail = proof.lie, proof.evidence

    def _cool(self, endpoint: _Endpoint[C], error: AdapterError) -> None:
        endpoint.failures += 1
        endpoint.checked = isinstance(error, RateLimited) and endpoint.checked
        endpoint.limited = isinstance(error, RateLimited)
        wait_s = min(_MAX_COOL_OFF_S, 0.25 * 2 ** min(endpoint.failures, 10))
        if isinstance(error, RateLimited):
            wait_s = error.retry_after_s
        spread = zlib.crc32(f"{endpoint.client.name}{endpoint.failures}".encode()) / 2**32
        endpoint.cool_until_s = self.clock.monotonic_s() + wait_s * (1 + spread / 2)
        endpoint.detail = str(error)

    async def _try_check(self, endpoint: _Endpoint[C]) -> bool:
        if endpoint.lie is not None:
            return False
        try:
            await self._do(endpoint, _nothing)
        except AdapterError:
            return False
        return True

    @abstractmethod
    async def _check(self, client: C) -> None:
        """Check that the endpoint serves our chain. Raises `Hostile` when it serves another one."""

    def _nobody(self) -> AdapterError:
        told = "; ".join(f"{each.client.name}: {each.detail or 'not asked'}" for each in self._all)
        if self._all and all(each.lie is Lie.WRONG_CHAIN for each in self._all):
            return WrongChain(told)
        if self._all and all(each.lie is not None for each in self._all):
            return NoAgreement(f"no endpoint left to ask: {told}")
        return TransportError(f"no endpoint answers: {told}")


async def _nothing(client: EndpointClient) -> None:
    """Ask nothing: the chain check before it is all that is wanted."""
