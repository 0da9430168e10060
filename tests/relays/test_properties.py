"""Whatever order answers come in and whatever fails, no message is lost, doubled or in two places."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.api import Included, Lost, Pending, SeenPacket
from adapters.errors import Remedy
from proofs.types import Height
from proofs.verdict import Accepted, NotEnoughTrust, Reason, Rejected
from relays.core.decide import decide
from relays.core.events import (
    ChainFailure,
    DeliveryRefused,
    DestinationClosed,
    Event,
    Failed,
    Followed,
    FundsMissing,
    Judged,
    SignersMissing,
    Started,
)
from relays.core.lane import LaneState, Limits, Stage
from relays.core.steps import Attest, Effect, Prove, Submit, Track, Wait
from relays.core.types import ENDS, Leg, State
from tests.relays.lanes import BLUE, NOW_S, Drive, block, driven, proven, seen, seen_on_channel

LIMITS = Limits(batch=3, look=5, window=2, ahead=2, attempts=50, refusals=50, refused_run=6, recheck_s=20.0)
LOOKS = (Stage.SURVEY, Stage.SETTLE, Stage.CHECK, Stage.CONFIRM)
DOWN = ChainFailure(code="transport", detail="x", remedy=Remedy.RECONNECT, retry_after_s=None)
BUSY = ChainFailure(code="rate-limited", detail="x", remedy=Remedy.WAIT, retry_after_s=0.5)


def places(state: LaneState) -> Counter[int]:
    """Count in how many places each open message is."""
    count: Counter[int] = Counter()
    for slots in (state.queues, state.busy):
        for batches in slots.values():
            for batch in batches:
                count.update(batch.sequences)
    count.update(sequence for sequence, _ in state.awaiting.items())
    count.update(sequence for sequence, _ in state.disputed.items())
    return count


def check_places(drive: Drive) -> None:
    """Every open message is in one place, and an ended one in none."""
    count = places(drive.state)
    twice = {sequence: times for sequence, times in count.items() if times != 1}
    assert not twice, twice
    known = {sequence for sequence, _ in drive.state.packets.items()}
    disputed = {sequence for sequence, _ in drive.state.disputed.items()}
    assert known | disputed == set(count)
    assert not known & disputed


def check_shape(drive: Drive) -> None:
    """A stage has one list in flight, submissions a window, a look several; a list holds one kind and leg."""
    for (leg, stage), batches in drive.state.busy.items():
        if stage in LOOKS:
            assert sum(map(len, batches)) <= LIMITS.look, stage
        else:
            assert len(batches) <= (LIMITS.window if stage is Stage.SUBMIT else 1), stage
        for batch in batches:
            assert batch.leg is leg
            assert len(batch) <= LIMITS.batch
            assert batch.sequences == tuple(claim.packet.sequence for claim in batch.claims)
            assert len({type(claim) for claim in batch.claims}) == 1


def outcome(drive: Drive, step: Effect, luck: int) -> Event:
    """Return what comes of a step: mostly what should, now and then something else."""
    at_s = drive.now_s
    match step:
        case Track(ids=ids) if luck < 4:
            odd = (
                Pending(),
                Lost(detail="x"),
                Included(at=block(BLUE, 1), succeeded=False, detail="x", fee=1),
            )
            return Followed(at_s=at_s, step=step, statuses=[odd[luck % 3] for _ in ids])
        case Prove(batch=batch, at=at) if luck < 4:
            bad = (
                Rejected(reason=Reason.WRONG_HASH, detail="x"),
                NotEnoughTrust(have=1, need=2),
                Rejected(reason=Reason.WRONG_VALUE, detail="x"),
                Rejected(reason=Reason.INCOMPLETE, detail="x"),
            )[luck]
            good = [Accepted(value=proven(claim, at)) for claim in batch.claims]
            whole = isinstance(bad, NotEnoughTrust)
            return Judged(at_s=at_s, step=step, verdicts=[bad] * len(good) if whole else [bad, *good[1:]])
        case Attest() if luck < 3:
            return Failed(at_s=at_s, step=step, cause=SignersMissing(detail="beta"))
        case Submit() if luck < 4:
            if luck == 0:
                drive.ideal(step)
            causes = (DOWN, DeliveryRefused(detail="x"), FundsMissing(detail="x"), BUSY)
            return Failed(at_s=at_s, step=step, cause=causes[luck])
        case _ if luck < 2:
            return Failed(at_s=at_s, step=step, cause=(DOWN, BUSY)[luck])
        case _:
            return drive.ideal(step)


def act(drive: Drive, pending: list[Effect], choice: int, luck: int) -> None:
    """Start what may start, or answer any of the steps under way, or let a block pass."""
    if choice < 3 and drive.height < 60:
        drive.height += 1
        drive.now_s += 1.0 + luck / 4
        drive.heads()
    elif pending:
        step = pending.pop(choice % len(pending))
        drive.take(outcome(drive, step, luck))
    for step in decide(drive.state, drive.now_s):
        if not isinstance(step, Wait):
            drive.take(Started(at_s=drive.now_s, step=step))
            pending.append(step)


def sent_with(number: int, wait: int) -> SeenPacket:
    """Return a packet that times out soon or never, every third one by height and without a time."""
    height, soon = 11 + number // 3, wait <= 30
    if number % 3 == 0:
        return seen_on_channel(number, height, timeout_height=15 + wait * 2 if soon else 10**9)
    return seen(number, height, timeout_s=int(NOW_S) + (5 + wait * 3 if soon else 2_000_000))


@settings(max_examples=80)
@given(
    st.integers(min_value=0, max_value=2),
    st.lists(st.integers(min_value=0, max_value=60), min_size=1, max_size=10),
    st.lists(st.tuples(st.integers(0, 15), st.integers(0, 9)), max_size=100),
    st.integers(min_value=0, max_value=300),
)
def test_no_message_is_lost_or_in_two_places(
    rank: int, timeouts_s: list[int], story: list[tuple[int, int]], closes: int
) -> None:
    packets = [sent_with(number, wait) for number, wait in enumerate(timeouts_s, 1)]
    drive = driven(packets, rank=rank, limits=LIMITS)
    drive.packets = packets
    pending: list[Effect] = []
    for moment, (choice, luck) in enumerate(story):
        if moment == closes:
            drive.take(DestinationClosed(at_s=drive.now_s, height=Height(drive.height)))
        act(drive, pending, choice, luck)
        check_places(drive)
        check_shape(drive)
    for step in pending:
        drive.take(drive.ideal(step))
    drive.height = max(drive.height, 20)
    drive.go(10)
    for _ in range(70):
        if drive.state.packets or drive.state.disputed:
            drive.go(10)
    assert sum(drive.state.ended.values()) == len(packets), (drive.state.ended, places(drive.state))
    assert not drive.state.packets
    assert State.REJECTED not in drive.state.ended
    check_ends(drive, len(packets))


def check_ends(drive: Drive, count: int) -> None:
    """The record says of every message how it ended, once, and only what the chains say as well."""
    for sequence in range(1, count + 1):
        ends = [state for state in drive.path(sequence) if state in ENDS]
        assert len(ends) == 1, (sequence, ends)
        assert (ends[0] is State.ACKNOWLEDGED) == (sequence in drive.received)
        assert sequence in drive.cleared
    refunds = [s for step in drive.of(Submit, Leg.BACK) for s in step.batch.sequences]
    assert set(refunds) <= set(range(1, count + 1))
