"""Ordered lanes: whatever goes wrong, nothing overtakes, nothing is skipped, and the reason is told."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proofs.records import replace
from proofs.types import Acknowledged, Height, NotReceived
from proofs.verdict import Reason, Rejected
from relays.core.events import (
    AcknowledgementsSeen,
    DeliveryRefused,
    DestinationClosed,
    Event,
    Failed,
    Retried,
    Started,
)
from relays.core.filters import PacketFilter
from relays.core.lane import LaneParams, Limits, Stage
from relays.core.steps import Effect, Observe, Submit
from relays.core.types import Leg, Message, State, WaitingOn
from tests.relays.lanes import LANE, NOW_S, Drive, answered, driven, fresh, packet, seen
from tests.relays.test_properties import act, check_ends, check_places, check_shape
from tests.relays.troubles import judging

LIMITS = Limits(batch=3, look=5, window=2, ahead=1, attempts=50, refusals=2, refused_run=6, recheck_s=20.0)


@dataclass
class OrderedDrive(Drive):
    """A world that says what an ordered channel would not have taken."""

    wrong: list[str] = field(default_factory=list)

    def take(self, event: Event) -> None:
        if isinstance(event, Started) and isinstance(event.step, Submit):
            self._watch(event.step)
        super().take(event)

    def _watch(self, step: Submit) -> None:
        first, last = step.batch.sequences[0], step.batch.sequences[-1]
        if list(step.batch.sequences) != list(range(first, last + 1)):
            self.wrong.append(f"holes: {step.batch.sequences}")
        lower = set(range(1, first))
        if step.leg is Leg.OUT and not lower <= self.received:
            self.wrong.append(f"{first} submitted before {lower - self.received} were delivered")
        if step.leg is Leg.BACK and not lower <= self.cleared and not self._is_free(step):
            self.wrong.append(f"{first} answered before {lower - self.cleared} were")

    def _is_free(self, step: Submit) -> bool:
        """A channel that is closed takes timeouts in any order."""
        closed = any(move.state is State.REFUNDED for move in self.moves())
        return closed and isinstance(step.batch.claims[0], NotReceived)

    def deliver(self) -> None:
        """Somebody else delivers the next packet."""
        following = max(self.received, default=0) + 1
        if following <= len(self.packets) and following not in self.cleared:
            self.received.add(following)
            self.acknowledgements.append(answered(following, self.height + 1))


def ordered(packets, limits: Limits = LIMITS) -> OrderedDrive:
    drive = driven(packets, limits=limits, kind=OrderedDrive, ordered=True)
    assert isinstance(drive, OrderedDrive)
    return drive


def poison(drive: Drive, sequence: int) -> None:
    """Let the destination refuse every delivery with this packet."""

    def refuse(step: Effect) -> Event | None:
        if step.leg is Leg.OUT and sequence in step.batch.sequences:
            return Failed(at_s=drive.now_s, step=step, cause=DeliveryRefused(detail="poison"))
        return None

    drive.answers[Submit] = refuse


def submitted(drive: Drive, leg: Leg = Leg.OUT) -> list[tuple[int, ...]]:
    return [step.batch.sequences for step in drive.of(Submit, leg)]


def test_packets_arrive_and_are_acknowledged_in_order_one_list_at_a_time() -> None:
    drive = ordered([seen(sequence) for sequence in range(1, 21)])
    drive.go(60)
    assert drive.state.ended == {State.ACKNOWLEDGED: 20}
    assert not drive.wrong
    in_order = [sequence for part in submitted(drive) for sequence in part]
    assert in_order == list(range(1, 21))
    assert [sequence for part in submitted(drive, Leg.BACK) for sequence in part] == in_order


def test_waiting_lists_that_follow_each_other_travel_together() -> None:
    drive = ordered([seen(sequence, 11 + sequence) for sequence in range(1, 7)])
    drive.height = 30
    drive.go(30)
    assert submitted(drive) == [(1, 2, 3), (4, 5, 6)]


@pytest.mark.covers("REL-04")
def test_a_poison_packet_holds_all_behind_it_visibly_and_nothing_is_skipped() -> None:
    drive = ordered([seen(sequence) for sequence in range(1, 11)])
    poison(drive, 4)
    drive.go(90)
    assert drive.state.ended == {State.ACKNOWLEDGED: 3}
    (parked,) = drive.state.queues[Leg.OUT, Stage.PARKED]
    assert parked.sequences == (4,)
    assert max(drive.received) == 3
    for sequence in range(5, 11):
        move = drive.last_move(sequence)
        assert move.state is State.OBSERVED
        assert move.waiting_on is WaitingOn.OPERATOR
        assert move.reason == "ordered: waits for sequence 4, which is parked: refused: poison"
    assert not drive.wrong


def test_what_was_held_goes_on_in_order_after_a_retry() -> None:
    drive = ordered([seen(sequence) for sequence in range(1, 11)])
    poison(drive, 4)
    drive.go(90)
    drive.answers.clear()
    drive.take(Retried(at_s=drive.now_s, sequences=frozenset()))
    assert not drive.last_move(10).reason
    drive.go(60)
    assert drive.state.ended == {State.ACKNOWLEDGED: 10}
    assert not drive.wrong


def test_of_a_refused_list_only_the_first_half_goes_on() -> None:
    drive = ordered([seen(sequence) for sequence in range(1, 4)])
    poison(drive, 3)
    drive.go(60)
    tried = submitted(drive)
    assert tried[:3] == [(1, 2, 3), (1,), (2, 3)]
    assert drive.received == {1, 2}
    assert not drive.wrong


def test_claims_behind_a_rejected_one_are_proven_again_and_do_not_overtake() -> None:
    drive = ordered([seen(sequence) for sequence in range(1, 4)])
    bad = [2, 2]

    def once(claim):
        if claim.packet.sequence in bad:
            bad.pop()
            return Rejected(reason=Reason.WRONG_HASH, detail="garbled")
        return None

    judging(drive, once)
    drive.go(40)
    assert submitted(drive) == [(1,), (2,), (3,)]
    assert drive.state.ended == {State.ACKNOWLEDGED: 3}


def test_a_packet_refuted_for_good_is_parked_because_rejecting_it_would_skip_it() -> None:
    drive = ordered([seen(sequence) for sequence in range(1, 4)], Limits(batch=3, attempts=2))
    judging(drive, lambda claim: claim.packet.sequence == 2 and _wrong())
    drive.go(200)
    assert drive.path(2)[-1] is State.PARKED
    assert drive.state.ended == {State.ACKNOWLEDGED: 1}
    assert submitted(drive) == [(1,)]


def _wrong() -> Rejected:
    return Rejected(reason=Reason.WRONG_VALUE, detail="another packet")


def test_an_acknowledgement_that_does_not_come_holds_those_behind_it() -> None:
    drive = ordered([seen(sequence) for sequence in range(1, 4)])

    def hide_the_first(step: Effect) -> Event | None:
        event = drive.ideal(step)
        if isinstance(event, AcknowledgementsSeen):
            kept = [each for each in event.acknowledgements if each.sequence != 1]
            return replace(event, acknowledgements=kept)
        return event

    drive.answers[Observe] = hide_the_first
    drive.go(12)
    assert submitted(drive, Leg.BACK) == []
    assert drive.last_move(3).reason == ("ordered: waits for sequence 1, which has no acknowledgement yet")
    drive.answers.clear()
    drive.go(40)
    assert submitted(drive, Leg.BACK)[0][0] == 1
    assert drive.state.ended == {State.ACKNOWLEDGED: 3}


def timed(drive_packets: int, late: int, wait_s: int = 25) -> OrderedDrive:
    """Return a lane whose packet `late` is poison and times out, and none of the others does."""
    packets = [
        seen(sequence, timeout_s=int(NOW_S) + wait_s if sequence == late else 2_000_000)
        for sequence in range(1, drive_packets + 1)
    ]
    drive = ordered(packets)
    poison(drive, late)
    drive.go(60)
    return drive


def test_a_timeout_closes_the_channel_so_nothing_behind_it_is_sent() -> None:
    drive = timed(6, late=3)
    assert drive.state.ended == {State.ACKNOWLEDGED: 2, State.REFUNDED: 1}
    assert drive.received == {1, 2}
    assert not drive.wrong
    for sequence in (4, 5, 6):
        move = drive.last_move(sequence)
        assert move.reason == "ordered: sequence 3 timed out, which closed the channel"
        assert move.waiting_on is WaitingOn.OPERATOR


def test_what_a_timeout_left_behind_goes_back_when_the_other_end_is_closed_too() -> None:
    drive = timed(6, late=3)
    drive.take(DestinationClosed(at_s=drive.now_s, height=Height(drive.height)))
    drive.go(20)
    assert drive.state.ended == {State.ACKNOWLEDGED: 2, State.REFUNDED: 4}
    backs = [step.batch.claims for step in drive.of(Submit, Leg.BACK)]
    closed = {claim.packet.sequence: claim.closed for claims in backs for claim in claims if _late(claim)}
    assert closed == {3: False, 4: True, 5: True, 6: True}


def _late(claim) -> bool:
    return isinstance(claim, NotReceived)


def test_what_a_timeout_left_behind_goes_back_when_its_own_time_is_up() -> None:
    packets = [seen(sequence, timeout_s=int(NOW_S) + 20 * sequence) for sequence in range(1, 5)]
    drive = ordered(packets)
    poison(drive, 1)
    drive.go(120)
    assert drive.state.ended == {State.REFUNDED: 4}
    assert not drive.received


def test_a_timeout_waits_for_the_acknowledgements_before_it() -> None:
    drive = ordered([seen(1), seen(2, timeout_s=int(NOW_S) + 20)])

    def refuse(step: Effect) -> Event | None:
        if isinstance(step.batch.claims[0], Acknowledged) or 2 in step.batch.sequences:
            return Failed(at_s=drive.now_s, step=step, cause=DeliveryRefused(detail="not yet"))
        return None

    drive.answers[Submit] = refuse
    drive.go(50)
    assert set(submitted(drive, Leg.BACK)) == {(1,)}
    assert drive.last_move(2).reason == "ordered: waits for sequence 1, which is parked: refused: not yet"
    drive.answers.clear()
    drive.take(Retried(at_s=drive.now_s, sequences=frozenset()))
    drive.go(60)
    assert not drive.wrong
    assert drive.state.ended == {State.ACKNOWLEDGED: 1, State.REFUNDED: 1}


def test_after_a_restart_with_holes_lists_hold_neighbours_only() -> None:
    stored = [
        Message(packet=packet(n), state=state, height=Height(5), transaction="", since_s=0.0)
        for n, state in ((3, State.PARKED), (4, State.OBSERVED), (7, State.OBSERVED), (8, State.VERIFIED))
    ]
    state = fresh(stored=stored, ordered=True)
    surveyed = [batch.sequences for batch in state.queues[Leg.OUT, Stage.SURVEY]]
    assert surveyed == [(4,), (7, 8)]


def test_a_filter_and_order_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="expected no filter on an ordered lane"):
        LaneParams(lane=LANE, rank=0, takeover_s=1.0, ordered=True, filter=PacketFilter(max_memo_bytes=9))


@settings(max_examples=120)
@given(
    st.integers(min_value=0, max_value=2),
    st.lists(st.integers(min_value=0, max_value=90), min_size=1, max_size=12),
    st.lists(st.tuples(st.integers(0, 15), st.integers(0, 9)), max_size=120),
)
def test_in_every_schedule_nothing_overtakes_and_each_message_ends_once(
    rank: int, timeouts_s: list[int], story: list[tuple[int, int]]
) -> None:
    packets = [
        seen(number, 11 + number // 3, timeout_s=int(NOW_S) + (2_000_000 if wait > 30 else 5 + wait * 3))
        for number, wait in enumerate(timeouts_s, 1)
    ]
    drive = driven(packets, rank=rank, limits=LIMITS, kind=OrderedDrive, ordered=True)
    assert isinstance(drive, OrderedDrive)
    pending: list[Effect] = []
    for choice, luck in story:
        if choice == 15 and luck > 6:
            drive.deliver()
        act(drive, pending, choice, luck)
        check_places(drive)
        check_shape(drive)
        assert not drive.wrong
    for step in pending:
        drive.take(drive.ideal(step))
    finish(drive)
    assert not drive.wrong
    assert not drive.state.packets
    assert State.REJECTED not in drive.state.ended
    check_ends(drive, len(packets))


def finish(drive: OrderedDrive) -> None:
    """Let all go well until all is over; a person retries, and closes the other end of a broken channel."""
    drive.height = max(drive.height, 20)
    for _ in range(80):
        drive.take(Retried(at_s=drive.now_s, sequences=frozenset()))
        if drive.state.broken_at:
            drive.take(DestinationClosed(at_s=drive.now_s, height=Height(drive.height)))
        drive.go(10)
        if not drive.state.packets and not drive.state.disputed:
            return


def test_the_watch_over_order_sees_what_overtakes() -> None:
    drive = ordered([seen(1), seen(2)])
    drive.go(30)
    (step,) = drive.of(Submit, Leg.OUT)
    drive.received.clear()
    late = ordered([seen(1), seen(2)])
    late._watch(_only_last(step))
    assert late.wrong == ["2 submitted before {1} were delivered"]


def _only_last(step: Effect) -> Submit:
    assert isinstance(step, Submit)
    batch = replace(step.batch, claims=step.batch.claims[1:], sequences=step.batch.sequences[1:])
    return replace(step, batch=batch)
