"""Packets of IBC v1 channels: timeouts by height and by nanoseconds, none at all, and closed channels."""

import math

import pytest

from proofs.records import replace
from proofs.types import ChainId, Height, NotReceived
from proofs.verdict import Reason, Rejected
from relays.core.decide import decide
from relays.core.events import DestinationClosed, Failed, HeadsRead
from relays.core.steps import Check, Prove, Submit, Wait
from relays.core.types import Leg, State
from tests.relays.lanes import (
    BLUE,
    FAR_S,
    LANE,
    LIMITS,
    NOW_S,
    RED,
    Drive,
    driven,
    fresh,
    seen,
    seen_on_channel,
    status,
)
from tests.relays.troubles import down, failing, judging

NS = 1_000_000_000


def refunds(drive: Drive) -> list[NotReceived]:
    claims = [claim for step in drive.of(Submit, Leg.BACK) for claim in step.batch.claims]
    return [claim for claim in claims if isinstance(claim, NotReceived)]


def held_at(drive: Drive, finalized: int, head: int, time_s: float = NOW_S) -> None:
    """Let the lane see the destination at these heights, and do what it will."""
    source, destination = status(RED, head, finalized, time_s), status(BLUE, head, finalized, time_s)
    drive.take(HeadsRead(at_s=drive.now_s, source=source, destination=destination))
    pending = drive.start()
    while pending:
        for step in pending:
            drive.take(drive.answer(step))
        pending = drive.start()


def test_a_packet_with_a_height_far_ahead_is_delivered() -> None:
    drive = driven([seen_on_channel(1, timeout_height=900)])
    drive.go(20)
    assert drive.state.ended == {State.ACKNOWLEDGED: 1}


def test_near_its_height_a_packet_is_not_sent_and_past_it_it_is_refunded() -> None:
    drive = driven([seen_on_channel(1, timeout_height=60)])
    failing(drive, Prove, down(), times=1)
    held_at(drive, finalized=11, head=56)
    assert State.PROVING in drive.path(1)
    held_at(drive, finalized=12, head=57)
    assert drive.last_move(1).reason == "near-timeout: not sent, the first times out at block 0-60"
    held_at(drive, finalized=59, head=59)
    assert State.EXPIRED not in drive.path(1)
    drive.height = 60
    drive.go(5)
    assert drive.state.ended == {State.REFUNDED: 1}
    assert not drive.of(Submit, Leg.OUT)
    assert [claim.closed for claim in refunds(drive)] == [False]


@pytest.mark.parametrize(("revision", "is_sent"), [(1, False), (2, False), (3, True)])
def test_the_height_is_compared_within_the_destinations_revision(revision: int, is_sent: bool) -> None:
    chain = ChainId("memory:blue-2")
    lane = replace(LANE, destination=chain)
    drive = driven([seen_on_channel(1, timeout_height=20, revision=revision)])
    drive.state = replace(drive.state, params=replace(drive.state.params, lane=lane))
    drive.height = 20
    drive.go(5)
    assert bool(drive.of(Submit, Leg.OUT)) is is_sent


def test_nanoseconds_are_not_rounded_down() -> None:
    late_ns = int(NOW_S + 30) * NS + 1
    drive = driven([seen_on_channel(1, timeout_ns=late_ns)])
    failing(drive, Prove, down(), leg=Leg.OUT)
    held_at(drive, finalized=14, head=14)
    held_at(drive, finalized=15, head=15, time_s=NOW_S + 30)
    assert drive.last_move(1).reason.startswith("near-timeout")
    assert State.EXPIRED not in drive.path(1)
    held_at(drive, finalized=16, head=16, time_s=NOW_S + 31)
    assert State.EXPIRED in drive.path(1)


def test_only_the_packets_of_a_list_that_are_near_their_height_are_held() -> None:
    packets = [
        seen_on_channel(n, timeout_height=14 if n == 2 else 0, timeout_ns=FAR_S * NS) for n in (1, 2, 3)
    ]
    drive = driven(packets)
    drive.go(20)
    assert drive.state.ended == {State.ACKNOWLEDGED: 2, State.REFUNDED: 1}
    assert [claim.packet.sequence for claim in refunds(drive)] == [2]


def test_a_packet_without_time_limit_keeps_nobody_waiting_for_its_end() -> None:
    drive = driven([seen_on_channel(1, timeout_height=10**9)])
    failing(drive, Prove, down(), leg=Leg.OUT)
    drive.go(3)
    (wait,) = decide(drive.state, drive.now_s)
    assert isinstance(wait, Wait)
    assert drive.now_s < wait.until_s < drive.now_s + 60
    assert "near-timeout" not in drive.last_move(1).reason


def test_a_lane_with_nothing_but_an_endless_packet_under_way_waits_for_events_alone() -> None:
    drive = driven([seen_on_channel(1, timeout_height=10**9)])
    drive.answers[Check] = lambda step: None
    held_at(drive, finalized=12, head=12)
    (wait,) = decide(drive.state, drive.now_s)
    assert isinstance(wait, Wait)
    assert wait.until_s in (math.inf, drive.state.back.tracked_s + LIMITS.track_s)


def closed(drive: Drive, height: int) -> None:
    drive.take(DestinationClosed(at_s=drive.now_s, height=Height(height)))


def test_when_the_other_end_is_closed_packets_go_back_without_waiting_for_their_timeout() -> None:
    drive = driven([seen(1), seen(2)])
    failing(drive, Prove, down(), leg=Leg.OUT)
    drive.go(3)
    drive.answers.clear()
    closed(drive, drive.height)
    assert drive.last_move(1).reason.startswith("closed: not sent")
    drive.go(5)
    assert drive.state.ended == {State.REFUNDED: 2}
    assert [claim.closed for claim in refunds(drive)] == [True, True]
    assert not drive.of(Submit, Leg.OUT)


def test_packets_found_after_the_other_end_was_closed_go_back_as_well() -> None:
    drive = driven([])
    closed(drive, 10)
    drive.packets = [seen(1, 12)]
    drive.go(6)
    assert drive.state.ended == {State.REFUNDED: 1}
    assert not drive.of(Submit, Leg.OUT)


def test_what_was_delivered_before_the_end_was_closed_is_acknowledged() -> None:
    drive = driven([seen(1), seen(2)])
    failing(drive, Submit, down(), leg=Leg.OUT)
    drive.go(2)
    drive.received.add(1)
    closed(drive, drive.height + 1)
    drive.answers.clear()
    drive.go(3)
    assert drive.path(1)[-1] is State.DELIVERED
    assert drive.path(2)[-1] is State.REFUNDED


def test_nothing_goes_back_at_a_block_before_the_end_was_closed() -> None:
    drive = driven([seen(1)])
    failing(drive, Prove, down(), leg=Leg.OUT)
    drive.go(2)
    closed(drive, drive.height + 3)
    drive.go(2)
    assert State.EXPIRED not in drive.path(1)
    drive.answers.clear()
    drive.go(4)
    assert drive.state.ended == {State.REFUNDED: 1}


def test_an_old_packet_that_is_gone_after_the_end_was_closed_was_refunded() -> None:
    drive = Drive(state=fresh(), height=50)
    drive.packets = [seen(1, 5), seen(2, 5)]
    drive.cleared, drive.received = {1, 2}, {2}
    closed(drive, 40)
    drive.go(10)
    assert drive.state.ended == {State.REFUNDED: 1, State.ACKNOWLEDGED: 1}


def test_a_false_word_that_the_end_is_closed_refunds_nothing() -> None:
    drive = driven([seen(1)])
    failing(drive, Prove, down(), leg=Leg.OUT)
    drive.go(2)
    judging(drive, lambda _: Rejected(reason=Reason.WRONG_VALUE, detail="the channel is open"), Leg.BACK)
    closed(drive, drive.height)
    drive.go(60)
    assert drive.path(1)[-1] is State.PARKED
    assert not refunds(drive)
    assert not [change for change in drive.changes if isinstance(change, Failed)]
