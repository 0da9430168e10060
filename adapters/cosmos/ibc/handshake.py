"""Which step of an opening handshake is due, from what both chains hold: connections and channels alike.

`due` is pure: the two ends are looked at together and the most advanced attempt is finished first, whoever
began it and on whichever side; so a handshake that stopped anywhere goes on, and a step that somebody else
made counts. `complete` reads, decides and acts until both ends are open.

Implements: ICS-3 and ICS-4 (opening handshakes: INIT, TRYOPEN, OPEN; no crossing hellos).
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum

from adapters.errors import Refused

_MAX_STEPS = 8
"""Four make a handshake; the others are for steps in which somebody else was quicker."""


class Phase(IntEnum):
    """State of one end, with the numbers of the protocol."""

    NONE = 0
    INIT = 1
    TRYOPEN = 2
    OPEN = 3
    CLOSED = 4


class Act(Enum):
    """The four steps."""

    INIT = "init"
    TRY = "try"
    ACK = "ack"
    CONFIRM = "confirm"


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """One end, as its chain holds it."""

    id: str
    phase: Phase
    counterparty: str
    """Name of the other end; empty while this end does not know it (INIT)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What to do next, and on which chain."""

    act: Act
    side: int
    """0: on the first chain; 1: on the second."""
    end: str
    """The end that changes; empty for INIT and TRY, which make one."""
    counterparty: str
    """The end on the other chain that is to be proven; empty for INIT."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """Both ends are open, and are each other's."""

    first: str
    second: str


def due(first: Sequence[End], second: Sequence[End]) -> Step | Opened:
    """Return the next step, given all ends of the wanted kind on both chains, or the pair that is open.

    Of several open pairs the oldest is taken, of several attempts the most advanced.
    """
    for one in first:
        for other in second:
            if one.phase is other.phase is Phase.OPEN and _are_a_pair(one, other):
                return Opened(first=one.id, second=other.id)
    sides = ((0, first, second), (1, second, first))
    for wanted in (_confirm, _acknowledge, _try):
        for side, own, others in sides:
            for step in wanted(side, own, others):
                return step
    return Step(act=Act.INIT, side=0, end="", counterparty="")


def _are_a_pair(one: End, other: End) -> bool:
    return one.counterparty == other.id and other.counterparty == one.id


def _confirm(side: int, own: Sequence[End], others: Sequence[End]) -> Iterator[Step]:
    for end in own:
        for other in others:
            if end.phase is Phase.TRYOPEN and other.phase is Phase.OPEN and _are_a_pair(end, other):
                yield Step(act=Act.CONFIRM, side=side, end=end.id, counterparty=other.id)


def _acknowledge(side: int, own: Sequence[End], others: Sequence[End]) -> Iterator[Step]:
    for end in own:
        for other in others:
            if end.phase is Phase.INIT and other.phase is Phase.TRYOPEN and other.counterparty == end.id:
                yield Step(act=Act.ACK, side=side, end=end.id, counterparty=other.id)


def _try(side: int, own: Sequence[End], others: Sequence[End]) -> Iterator[Step]:
    tried = {end.counterparty for end in own}
    for other in others:
        if other.phase is Phase.INIT and other.id not in tried:
            yield Step(act=Act.TRY, side=side, end="", counterparty=other.id)


async def complete(
    read: Callable[[], Awaitable[tuple[Sequence[End], Sequence[End]]]],
    perform: Callable[[Step], Awaitable[None]],
) -> Opened:
    """Make the steps that are missing, one after the other; return the open pair.

    A step that a chain refuses is forgiven once the state shows that it is not due any more. Raises that
    `Refused` otherwise, and `Refused` when somebody always undoes what was done.
    """
    refused: tuple[Step, Refused] | None = None
    for _ in range(_MAX_STEPS):
        step = due(*await read())
        if isinstance(step, Opened):
            return step
        if refused is not None and refused[0] == step:
            raise refused[1]
        try:
            await perform(step)
        except Refused as error:
            refused = (step, error)
    raise Refused(f"handshake: expected an open pair after {_MAX_STEPS} steps, there is none")
