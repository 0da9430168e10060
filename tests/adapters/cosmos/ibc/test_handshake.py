"""Which step is due: every way in which a handshake can have stopped."""

import pytest

from adapters.cosmos.ibc.handshake import Act, End, Opened, Phase, Step, complete, due
from adapters.errors import Refused


def end(name: str, phase: Phase, counterparty: str = "") -> End:
    return End(id=name, phase=phase, counterparty=counterparty)


def step(act: Act, side: int, own: str = "", other: str = "") -> Step:
    return Step(act=act, side=side, end=own, counterparty=other)


INIT_A = end("a-0", Phase.INIT)
TRY_B = end("b-0", Phase.TRYOPEN, "a-0")
OPEN_A = end("a-0", Phase.OPEN, "b-0")
OPEN_B = end("b-0", Phase.OPEN, "a-0")


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([], [], step(Act.INIT, 0)),
        ([INIT_A], [], step(Act.TRY, 1, "", "a-0")),
        ([INIT_A], [TRY_B], step(Act.ACK, 0, "a-0", "b-0")),
        ([OPEN_A], [TRY_B], step(Act.CONFIRM, 1, "b-0", "a-0")),
        ([OPEN_A], [OPEN_B], Opened(first="a-0", second="b-0")),
        ([], [INIT_A], step(Act.TRY, 0, "", "a-0")),
        ([TRY_B], [INIT_A], step(Act.ACK, 1, "a-0", "b-0")),
        ([TRY_B], [OPEN_A], step(Act.CONFIRM, 0, "b-0", "a-0")),
    ],
)
def test_each_half_is_followed_by_the_step_that_is_missing(first, second, expected):
    assert due(first, second) == expected


def test_the_most_advanced_attempt_is_finished_first():
    first = [end("a-0", Phase.INIT), end("a-1", Phase.INIT), end("a-2", Phase.OPEN, "b-2")]
    second = [end("b-1", Phase.TRYOPEN, "a-1"), end("b-2", Phase.TRYOPEN, "a-2")]
    assert due(first, second) == step(Act.CONFIRM, 1, "b-2", "a-2")
    assert due(first[:2], second[:1]) == step(Act.ACK, 0, "a-1", "b-1")


def test_an_open_pair_ends_it_whatever_else_is_half_done():
    first = [INIT_A, end("a-1", Phase.OPEN, "b-1")]
    assert due(first, [end("b-1", Phase.OPEN, "a-1")]) == Opened(first="a-1", second="b-1")


def test_a_try_whose_init_went_on_with_another_is_left_alone():
    second = [end("b-0", Phase.TRYOPEN, "a-0"), end("b-1", Phase.OPEN, "a-0")]
    first = [end("a-0", Phase.OPEN, "b-1")]
    assert due(first, second) == Opened(first="a-0", second="b-1")
    assert due(first, second[:1]) == step(Act.INIT, 0)


def test_an_init_that_was_tried_twice_is_acknowledged_once():
    second = [TRY_B, end("b-1", Phase.TRYOPEN, "a-0")]
    assert due([INIT_A], second) == step(Act.ACK, 0, "a-0", "b-0")


def test_closed_ends_are_no_attempt():
    first, second = [end("a-0", Phase.CLOSED, "b-0")], [end("b-0", Phase.OPEN, "a-0")]
    assert due(first, second) == step(Act.INIT, 0)


def test_open_ends_of_others_are_no_pair():
    assert due([OPEN_A], [end("b-0", Phase.OPEN, "a-9")]) == step(Act.INIT, 0)


def advance(state: tuple[list[End], list[End]], what: Step) -> None:
    """Do what the two chains would do."""
    own, other = state[what.side], state[1 - what.side]
    match what.act:
        case Act.INIT:
            own.append(end(f"{what.side}-{len(own)}", Phase.INIT))
        case Act.TRY:
            own.append(end(f"{what.side}-{len(own)}", Phase.TRYOPEN, what.counterparty))
        case Act.ACK | Act.CONFIRM:
            assert what.counterparty in {each.id for each in other}
            own[:] = [
                end(each.id, Phase.OPEN, what.counterparty) if each.id == what.end else each for each in own
            ]


@pytest.mark.parametrize("strangers", [0, 1, 2, 3])
@pytest.mark.parametrize("side", [0, 1])
def test_from_every_beginning_an_open_pair_is_reached_in_four_steps_at_most(strangers, side):
    state: tuple[list[End], list[End]] = ([], [])
    mirrored = state if side == 0 else (state[1], state[0])
    for _ in range(strangers):
        done = due(*mirrored)
        assert isinstance(done, Step)
        advance(mirrored, done)
    steps = 0
    while isinstance(following := due(*state), Step):
        advance(state, following)
        steps += 1
        assert steps <= 4 - strangers
    assert steps == 4 - strangers


class Chains:
    """Two chains that do what they are asked, and others who are sometimes quicker."""

    def __init__(self, quicker: int = 0, stubborn: bool = False) -> None:
        self.state: tuple[list[End], list[End]] = ([], [])
        self.made: list[Act] = []
        self.quicker, self.stubborn = quicker, stubborn

    async def read(self) -> tuple[list[End], list[End]]:
        return self.state

    async def perform(self, what: Step) -> None:
        if self.stubborn:
            raise Refused("no")
        advance(self.state, what)
        if self.quicker:
            self.quicker -= 1
            raise Refused("made already")
        self.made.append(what.act)


async def test_a_handshake_is_made_of_four_steps_on_two_chains():
    chains = Chains()
    assert await complete(chains.read, chains.perform) == Opened(first="0-0", second="1-0")
    assert chains.made == [Act.INIT, Act.TRY, Act.ACK, Act.CONFIRM]


async def test_a_step_that_somebody_else_made_first_counts():
    chains = Chains(quicker=2)
    assert await complete(chains.read, chains.perform) == Opened(first="0-0", second="1-0")
    assert chains.made == [Act.ACK, Act.CONFIRM]


async def test_a_step_that_is_refused_and_still_due_ends_the_handshake():
    chains = Chains(stubborn=True)
    with pytest.raises(Refused, match=r"^no$"):
        await complete(chains.read, chains.perform)


async def test_a_handshake_that_is_always_undone_is_given_up():
    chains = Chains()

    async def forget() -> tuple[list[End], list[End]]:
        return ([], [])

    with pytest.raises(Refused, match="expected an open pair after 8 steps"):
        await complete(forget, chains.perform)
    assert len(chains.made) == 8
