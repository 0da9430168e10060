"""What a backlog costs in steps, and that fresh messages do not wait behind it."""

from collections import Counter

import pytest

from relays.core.lane import Limits
from relays.core.steps import Attest, Check, Observe, Prove, Submit, Track
from relays.core.types import Leg, State
from tests.relays.lanes import Drive, driven, fresh, seen

LIMITS = Limits(batch=250, window=4, ahead=4)
MANY = 5_000


def looks(drive: Drive) -> int:
    """Count the questions to chains that the core asks of its own accord."""
    return sum(isinstance(step, Observe | Check | Track) for step in drive.steps)


def backlog(count: int, limits: Limits) -> Drive:
    """Return a lane that finds this many packets, sent before it started."""
    drive = Drive(state=fresh(limits=limits), height=50)
    drive.packets = [seen(sequence, 5 + sequence * 40 // count) for sequence in range(1, count + 1)]
    return drive


def until_done(drive: Drive) -> None:
    for _ in range(60):
        drive.go(1)
        if drive.state.ended == {State.ACKNOWLEDGED: MANY}:
            return
    raise AssertionError(drive.state.ended)


@pytest.mark.covers("REL-01")
def test_a_backlog_of_thousands_is_cleared_in_full_lists_at_one_fiftieth_of_a_look_each() -> None:
    drive = backlog(MANY, LIMITS)
    until_done(drive)
    for leg in Leg:
        assert [len(step.batch) for step in drive.of(Submit, leg)] == [250] * 20
        assert len(drive.of(Attest, leg)) == 20
    used = Counter(step.stage.value for step in drive.steps if isinstance(step, Check))
    assert used["survey"] <= 5
    assert looks(drive) <= 0.02 * MANY


def test_fresh_thousands_are_not_looked_at_before_they_are_delivered() -> None:
    drive = driven([seen(sequence) for sequence in range(1, MANY + 1)], limits=LIMITS)
    until_done(drive)
    stages = {step.stage.value for step in drive.steps if isinstance(step, Check)}
    assert stages == {"confirm"}
    assert looks(drive) <= 0.02 * MANY


SLOW = Limits(batch=20, window=2, ahead=2)
OLD = 2_000


def queued_behind(drive: Drive, rounds: int) -> list[int]:
    """Let a fresh packet come with every block; return how many lists were submitted while each waited."""
    waits: list[int] = []
    for _ in range(rounds):
        sequence = len(drive.packets) + 1
        before = len(drive.of(Submit, Leg.OUT))
        drive.packets.append(seen(sequence, drive.height + 1))
        for _ in range(OLD):
            drive.go(1)
            own = [
                place
                for place, step in enumerate(drive.of(Submit, Leg.OUT))
                if sequence in step.batch.sequences
            ]
            if own:
                waits.append(own[0] - before)
                break
    return waits


@pytest.mark.covers("REL-03")
def test_fresh_messages_overtake_a_backlog_and_the_backlog_goes_on() -> None:
    drive = backlog(OLD, SLOW)
    drive.go(3)
    assert len(drive.received) < OLD / 4
    waits = queued_behind(drive, 12)
    assert len(waits) == 12
    assert max(waits) <= SLOW.ahead + SLOW.window + 2
    assert len(drive.received) < OLD / 2
    drive.go(150)
    assert drive.state.ended == {State.ACKNOWLEDGED: OLD + 12}


def test_a_flood_of_fresh_messages_leaves_every_fourth_list_to_the_backlog() -> None:
    drive = backlog(OLD, SLOW)
    drive.go(3)
    start = len(drive.of(Prove, Leg.OUT))
    for _ in range(30):
        following = len(drive.packets) + 1
        drive.packets.extend([seen(following + n, drive.height + 1) for n in range(5 * SLOW.batch)])
        drive.go(1)
    olds = [step.batch.old for step in drive.of(Prove, Leg.OUT)[start:]]
    assert len(olds) > 40
    shares = [sum(olds[first : first + 4]) for first in range(8, len(olds) - 4, 4)]
    assert set(shares) == {1}


def test_an_ordered_lane_lets_nothing_overtake_its_backlog() -> None:
    drive = Drive(state=fresh(limits=SLOW, ordered=True), height=50)
    drive.packets = [seen(sequence, 5) for sequence in range(1, 201)]
    drive.go(2)
    drive.packets.append(seen(201, drive.height + 1))
    drive.go(40)
    delivered = [n for step in drive.of(Submit, Leg.OUT) for n in step.batch.sequences]
    assert delivered == list(range(1, 202))
