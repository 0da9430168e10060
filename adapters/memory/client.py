"""Several endpoints of one chain, none of them trusted: who is asked, who is believed, who is put aside.

`any` is for answers that prove themselves: the first that passes its check will do. `agreed` is for answers
that prove nothing: as many endpoints as the quorum must say the same, and the quorum is never lowered. An
endpoint that lies is put aside with the reason; one that cannot be reached, or babbles, gets another chance
later.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from adapters.api import Clock, EndpointHealth
from adapters.errors import (
    AdapterError,
    MalformedReply,
    NoAgreement,
    NotYetAvailable,
    Refused,
    Reorged,
    TransportError,
    WrongChain,
)
from adapters.memory import wire
from adapters.memory.decode import decode
from adapters.memory.endpoint import Endpoint
from proofs.types import ChainId

_SECOND_CHANCE_S = 30.0
"""After this long an endpoint that could not be reached, or that babbled, is asked again."""

_ANSWERS = (NotYetAvailable, Reorged, Refused)
"""Errors that an honest endpoint reports; the others are failings of the endpoint itself."""

R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine:
    """Why an endpoint is not asked."""

    code: str
    """`wrong-chain`, `malformed-reply`, `disagrees` or `transport`."""
    detail: str
    until_s: float | None
    """Monotonic seconds; None when it is for good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(Generic[R]):
    """What is asked, what kind of reply answers it, and what such a reply must satisfy by itself."""

    request: wire.Request
    kind: type[R]
    check: Callable[[R], None]


class Endpoints:
    """The endpoints of one chain, by name."""

    def __init__(
        self,
        chain: ChainId,
        endpoints: Mapping[str, Endpoint],
        *,
        quorum: int,
        timeout_s: float,
        clock: Clock,
    ) -> None:
        """Ask `endpoints` in their order; believe what `quorum` of them agree on."""
        self._chain = chain
        self._endpoints = dict(endpoints)
        self._timeout_s = timeout_s
        self._clock = clock
        self._quarantined: dict[str, Quarantine] = {}
        self.quorum = quorum

    @property
    def quarantined(self) -> Mapping[str, Quarantine]:
        """Return who is not asked now, and why."""
        now_s = self._clock.monotonic_s()
        for name, why in tuple(self._quarantined.items()):
            if why.until_s is not None and why.until_s <= now_s:
                del self._quarantined[name]
        return dict(self._quarantined)

    def health(self) -> tuple[EndpointHealth, ...]:
        """Return the state of each endpoint, in configured order."""
        aside = self.quarantined
        return tuple(
            EndpointHealth(
                name=name,
                usable=name not in aside,
                quarantined_for=aside[name].code if name in aside and aside[name].until_s is None else "",
                detail=aside[name].detail if name in aside else "",
            )
            for name in self._endpoints
        )

    def put_aside(self, name: str, code: str, detail: str) -> None:
        """Stop asking an endpoint; for good when it lied."""
        lied = code in ("disagrees", "wrong-chain")
        until_s = None if lied else self._clock.monotonic_s() + _SECOND_CHANCE_S
        self._quarantined[name] = Quarantine(code=code, detail=detail, until_s=until_s)

    async def each(self, question: Question[R]) -> dict[str, R | AdapterError]:
        """Ask every usable endpoint at once. Raises `NoAgreement` when fewer than the quorum are usable."""
        return await self._ask(self._usable(self.quorum), question)

    async def any(self, question: Question[R]) -> R:
        """Return the first answer that passes its check. Raises what the endpoints agree is in the way."""
        answers: dict[str, AdapterError] = {}
        for name in self._usable(1):
            answer = await self._answer(name, question)
            if not isinstance(answer, AdapterError):
                return answer
            answers[name] = answer
        raise self.blame(answers)

    async def agreed(self, question: Question[R]) -> R:
        """Return what a quorum says; whoever says otherwise is put aside.

        Raises `NoAgreement`, or the error on which the endpoints agree.
        """
        names = self._usable(self.quorum)
        answers = await self._ask(names[: self.quorum], question)
        winner = self._winner(answers)
        if winner is None and not self._says(answers.values(), _ANSWERS):
            others = await self._ask(names[self.quorum :], question)
            answers = {**answers, **others}
            winner = self._winner(answers)
        if winner is None:
            raise self.blame(answers)
        for name, answer in answers.items():
            if not isinstance(answer, AdapterError) and answer != winner:
                self.put_aside(
                    name, "disagrees", f"{question.kind.__name__}: expected {winner}, got {answer}"[:500]
                )
        return winner

    def blame(self, answers: Mapping[str, object]) -> AdapterError:
        """Return the error that stands for all these answers: a quorum's, else the one that all share."""
        errors = [answer for answer in answers.values() if isinstance(answer, AdapterError)]
        for error in errors:
            if self._says(errors, (type(error),)) or (
                len(errors) == len(answers) and len({type(other) for other in errors}) == 1
            ):
                return error
        said = "; ".join(f"{name}: {type(answer).__name__}" for name, answer in answers.items())
        return NoAgreement(f"expected {self.quorum} equal answers, got {said}")

    def _usable(self, need: int) -> list[str]:
        aside = self.quarantined
        names = [name for name in self._endpoints if name not in aside]
        if len(names) >= need:
            return names
        reasons = [f"{name} ({why.code}: {why.detail})" for name, why in aside.items()]
        if len(aside) == len(self._endpoints) and all(why.code == "wrong-chain" for why in aside.values()):
            raise WrongChain(f"expected {self._chain}; {'; '.join(reasons)}")
        raise NoAgreement(
            f"expected {need} usable endpoints, got {len(names)}; put aside: {'; '.join(reasons)}"
        )

    async def _ask(self, names: Sequence[str], question: Question[R]) -> dict[str, R | AdapterError]:
        answers: dict[str, R | AdapterError] = {}

        async def ask(name: str) -> None:
            answer = await self._answer(name, question)
            answers[name] = answer

        async with asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(ask(name))
        return {name: answers[name] for name in names}

    async def _answer(self, name: str, question: Question[R]) -> R | AdapterError:
        try:
            reply = await self._call(name, question)
            question.check(reply)
        except _ANSWERS as error:
            return error
        except (MalformedReply, WrongChain, TransportError) as error:
            self.put_aside(name, error.code, str(error))
            return error
        return reply

    async def _call(self, name: str, question: Question[R]) -> R:
        try:
            async with asyncio.timeout(self._timeout_s):
                raw = await self._endpoints[name].call(question.request)
        except (OSError, TimeoutError) as error:
            kind = type(question.request).__name__
            raise TransportError(f"endpoint {name!r}, {kind}: {str(error) or 'no answer in time'}") from error
        return decode(raw, self._chain, question.kind)

    def _winner(self, answers: Mapping[str, R | AdapterError]) -> R | None:
        """Return the reply that a quorum gave, if any."""
        replies = [answer for answer in answers.values() if not isinstance(answer, AdapterError)]
        for reply in replies:
            if replies.count(reply) >= self.quorum:
                return reply
        return None

    def _says(self, answers: Iterable[object], kinds: tuple[type[AdapterError], ...]) -> bool:
        """Return whether a quorum gave the same kind of error, one of `kinds`."""
        errors = [type(answer) for answer in answers]
        return any(errors.count(kind) >= self.quorum for kind in kinds)
