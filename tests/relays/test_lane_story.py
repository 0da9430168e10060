"""One lane through its stages: `decide` and `apply` against a world in which all goes well, or late."""

import pytest

from adapters.api import Included, Lost, Pending
from adapters.errors import Remedy
from proofs.records import replace
from proofs.types import NotReceived, Sent
from proofs.verdict import Reason, Rejected
from relays.core.events import (
    Checked,
    DeliveryRefused,
    Failed,
    Followed,
    Halted,
    HeadsRead,
    PacketsSeen,
    Resumed,
)
from relays.core.lane import Limits
from relays.core.steps import Check, Observe, Prove, Submit, Track
from relays.core.types import Leg, State, WaitingOn
from tests.relays.lanes import (
    BLUE,
    LIMITS,
    NOW_S,
    RED,
    answered,
    block,
    driven,
    seen,
    status,
)
from tests.relays.troubles import down, judging

STATES_OF_SUCCESS = [
    State.OBSERVED,
    State.PROVING,
    State.VERIFIED,
    State.SCHEDULED,
    State.SUBMITTED,
    State.INCLUDED,
    State.DELIVERED,
    State.ACKNOWLEDGED,
]


def test_a_message_goes_through_every_state_and_ends_acknowledged() -> None:
    drive = driven([seen(1)])
    drive.go(20)
    assert drive.path(1) == STATES_OF_SUCCESS
    assert drive.state.ended == {State.ACKNOWLEDGED: 1}
    assert drive.last_move(1).waiting_on is WaitingOn.NOTHING


def test_nothing_is_kept_of_messages_that_ended() -> None:
    drive = driven([seen(sequence) for sequence in range(1, 31)])
    drive.go(60)
    state = drive.state
    assert state.ended == {State.ACKNOWLEDGED: 30}
    assert not state.packets
    assert not state.awaiting
    assert not state.acknowledged
    assert not any(state.queues.values())
    assert not any(state.busy.values())


def test_only_finalized_blocks_are_observed() -> None:
    drive = driven([])
    drive.take(HeadsRead(at_s=NOW_S, source=status(RED, 99, 50), destination=status(BLUE, 99, 40)))
    observed = {step.leg: step.last for step in drive.start() if isinstance(step, Observe)}
    assert observed == {Leg.OUT: 50, Leg.BACK: 40}


def test_one_observation_is_not_longer_than_the_scan_range() -> None:
    drive = driven([], limits=replace(LIMITS, scan_range=5))
    drive.go(5)
    drive.height = 100
    drive.heads()
    (step,) = [step for step in drive.start() if isinstance(step, Observe) and step.leg is Leg.OUT]
    assert (step.first, step.last) == (16, 20)


def test_claims_are_proven_at_the_latest_finalized_block() -> None:
    drive = driven([seen(1)])
    drive.go(3)
    (prove,) = drive.of(Prove, Leg.OUT)
    assert prove.at == block(RED, 11)
    assert prove.batch.claims == (Sent(packet=seen(1).packet),)


def test_small_lists_that_wait_are_joined_into_one() -> None:
    drive = driven([])
    for sequence in (1, 2, 3):
        step = Observe(leg=Leg.OUT, first=11, last=11, finalized=block(RED, 11), pin=None, rescan=False)
        drive.take(PacketsSeen(at_s=NOW_S, step=step, last=block(RED, 11), packets=[seen(sequence, 11)]))
    proves = [step for step in drive.start() if isinstance(step, Prove)]
    assert [step.batch.sequences for step in proves] == [(1, 2, 3)]


def test_a_list_is_not_longer_than_the_limit() -> None:
    drive = driven([seen(sequence) for sequence in range(1, 11)])
    drive.go(30)
    assert max(len(step.batch) for step in drive.of(Prove, Leg.OUT)) == LIMITS.batch
    assert drive.state.ended == {State.ACKNOWLEDGED: 10}


def test_no_more_submissions_than_the_window_are_undecided() -> None:
    drive = driven([seen(sequence) for sequence in range(1, 41)])
    drive.answers[Track] = lambda step: Followed(
        at_s=drive.now_s, step=step, statuses=[Pending() for _ in step.ids]
    )
    drive.go(30)
    assert len(drive.of(Submit, Leg.OUT)) == LIMITS.window
    assert len(drive.of(Prove, Leg.OUT)) <= LIMITS.window + LIMITS.ahead + 1


def test_all_submissions_are_followed_in_one_call() -> None:
    drive = driven([seen(sequence) for sequence in range(1, 9)])
    drive.answers[Track] = lambda step: Followed(
        at_s=drive.now_s, step=step, statuses=[Pending() for _ in step.ids]
    )
    drive.go(10)
    assert len(drive.of(Track, Leg.OUT)[-1].ids) == 2


def test_a_receipt_of_the_transaction_alone_is_not_delivery() -> None:
    drive = driven([seen(1)])
    drive.answers[Check] = lambda step: Checked(
        at_s=drive.now_s, step=step, outstanding=[True for _ in step.claims]
    )
    drive.go(10)
    assert State.INCLUDED in drive.path(1)
    assert State.DELIVERED not in drive.path(1)


def test_included_is_not_confirmed_before_the_destination_is_final_there() -> None:
    drive = driven([seen(1)])
    drive.answers[Track] = lambda step: Followed(
        at_s=drive.now_s,
        step=step,
        statuses=[Included(at=block(BLUE, 500), succeeded=True, detail="", fee=1) for _ in step.ids],
    )
    drive.go(10)
    assert drive.path(1)[-1] is State.INCLUDED
    assert drive.last_move(1).waiting_on is WaitingOn.DESTINATION_FINALITY
    drive.height = 499
    drive.received.add(1)
    drive.go(1)
    assert drive.path(1)[-1] is State.DELIVERED


def test_a_transaction_that_had_no_effect_in_finalized_state_is_sent_again() -> None:
    drive = driven([seen(1)])
    lost_effects = [1]

    def include_without_effect(step):
        if step.leg is Leg.BACK or not lost_effects:
            return None
        lost_effects.pop()
        at = block(BLUE, drive.height)
        included = Included(at=at, succeeded=True, detail="", fee=1)
        return Followed(at_s=drive.now_s, step=step, statuses=[included for _ in step.ids])

    drive.answers[Track] = include_without_effect
    drive.go(30)
    assert len(drive.of(Submit, Leg.OUT)) == 2
    assert drive.state.ended == {State.ACKNOWLEDGED: 1}


def test_an_answer_that_the_source_takes_without_effect_is_paid_for_a_few_times_only() -> None:
    drive = driven([seen(1), seen(2)])

    def include_without_effect(step):
        if step.leg is Leg.OUT:
            return None
        at = block(RED, drive.height)
        included = Included(at=at, succeeded=True, detail="", fee=1)
        for name in step.ids:
            if 2 in drive.submitted[name].batch.sequences:
                drive.cleared.add(2)
        return Followed(at_s=drive.now_s, step=step, statuses=[included for _ in step.ids])

    drive.answers[Track] = include_without_effect
    drive.go(60)
    tries = [step for step in drive.of(Submit, Leg.BACK) if 1 in step.batch.sequences]
    assert len(tries) == LIMITS.attempts + 1
    assert drive.path(1)[-1] is State.PARKED
    assert drive.last_move(1).reason.startswith("no-effect")
    assert drive.state.ended == {State.ACKNOWLEDGED: 1}


def test_a_lost_transaction_is_sent_again_after_a_look_at_the_chain() -> None:
    drive = driven([seen(1)])
    losses = [1]

    def lose(step):
        if losses:
            losses.pop()
            return Followed(at_s=drive.now_s, step=step, statuses=[Lost(detail="dropped") for _ in step.ids])
        return None

    drive.answers[Track] = lose
    drive.go(30)
    order = [type(step) for step in drive.steps if step.leg is Leg.OUT and not isinstance(step, Observe)]
    first, second = (place for place, kind in enumerate(order) if kind is Submit)
    assert Check in order[first:second]
    assert drive.state.ended == {State.ACKNOWLEDGED: 1}


@pytest.mark.covers("REL-15")
def test_what_a_stranger_delivered_counts_as_success() -> None:
    drive = driven([seen(1)])
    refusals = [1]

    def beaten(step):
        if step.leg is Leg.OUT and refusals:
            refusals.pop()
            drive.received.add(1)
            drive.acknowledgements.append(answered(1, drive.height + 1))
            return Failed(at_s=drive.now_s, step=step, cause=DeliveryRefused(detail="already received"))
        return None

    drive.answers[Submit] = beaten
    drive.go(30)
    assert drive.state.ended == {State.ACKNOWLEDGED: 1}
    delivered = [move for move in drive.moves() if move.state is State.DELIVERED]
    assert delivered[0].delivered_by == "other"


def test_our_own_delivery_is_marked_as_ours() -> None:
    drive = driven([seen(1)])
    drive.go(20)
    assert next(move.delivered_by for move in drive.moves() if move.state is State.DELIVERED) == "self"


def test_a_standby_neither_proves_nor_submits_before_its_turn() -> None:
    drive = driven([seen(1)], rank=1)
    drive.go(25)
    assert not drive.of(Prove, Leg.OUT)
    assert drive.last_move(1).waiting_on is WaitingOn.TURN
    drive.go(60)
    assert drive.state.ended == {State.ACKNOWLEDGED: 1}


def test_a_standby_looks_at_the_destination_before_it_takes_over() -> None:
    drive = driven([seen(1)], rank=2)
    drive.go(100)
    order = [type(step) for step in drive.steps if step.leg is Leg.OUT and not isinstance(step, Observe)]
    assert order.index(Check) < order.index(Prove)


def test_a_standby_sees_the_delivery_of_the_first_and_does_nothing() -> None:
    drive = driven([seen(1)], rank=1)
    drive.go(2)
    drive.received.add(1)
    drive.acknowledgements.append(answered(1, drive.height + 1))
    drive.go(3)
    assert drive.path(1)[-1] is State.DELIVERED
    drive.cleared.add(1)
    drive.go(10)
    assert drive.state.ended == {State.ACKNOWLEDGED: 1}
    assert not drive.of(Submit, Leg.OUT)
    assert not drive.of(Submit, Leg.BACK)


def test_a_message_past_its_timeout_is_refunded_and_never_submitted() -> None:
    drive = driven([seen(1, timeout_s=int(NOW_S) + 8), seen(2)])
    drive.go(40)
    assert [step.batch.sequences for step in drive.of(Submit, Leg.OUT)] == [(2,)]
    (refund,) = [step for step in drive.of(Submit, Leg.BACK) if 1 in step.batch.sequences]
    assert isinstance(refund.batch.claims[0], NotReceived)
    assert drive.path(1)[-2:] == [State.EXPIRED, State.REFUNDED]
    assert drive.state.ended == {State.ACKNOWLEDGED: 1, State.REFUNDED: 1}


def test_a_message_is_not_expired_before_the_destinations_finalized_time_says_so() -> None:
    drive = driven([seen(1, timeout_s=int(NOW_S) + 12)])
    for _ in range(50):
        drive.height += 1
        drive.now_s += 1
        drive.heads(time_s=NOW_S + 11)
        for step in drive.start():
            drive.take(drive.ideal(step))
    assert not drive.of(Submit, Leg.OUT)
    assert drive.last_move(1).reason.startswith("near-timeout")
    assert State.EXPIRED not in drive.path(1)


@pytest.mark.covers("REL-08")
def test_a_timeout_that_is_disproven_becomes_a_delivery() -> None:
    drive = driven([seen(1, timeout_s=int(NOW_S) + 12)])
    drive.go(10)
    judging(drive, lambda _: Rejected(reason=Reason.PRESENT, detail="receipt is there"), Leg.BACK)
    drive.answers[Check] = lambda step: (
        Checked(at_s=drive.now_s, step=step, outstanding=[True])
        if step.leg is Leg.OUT and not drive.of(Prove, Leg.BACK)
        else None
    )
    drive.go(3)
    drive.received.add(1)
    drive.acknowledgements.append(answered(1, drive.height + 1))
    drive.answers.clear()
    drive.go(20)
    assert drive.state.ended == {State.ACKNOWLEDGED: 1}
    assert not [step for step in drive.of(Submit, Leg.BACK) if isinstance(step.batch.claims[0], NotReceived)]


def test_one_delivery_never_mixes_acknowledgements_and_timeouts() -> None:
    packets = [seen(n, timeout_s=int(NOW_S) + 15 if n % 2 else 2_000_000) for n in range(1, 13)]
    drive = driven(packets)
    drive.go(60)
    for step in drive.of(Submit, Leg.BACK):
        assert len({type(claim) for claim in step.batch.claims}) == 1
    assert sum(drive.state.ended.values()) == 12


def test_a_halted_lane_goes_on_where_it_was_when_resumed() -> None:
    drive = driven([seen(1)])
    drive.take(Halted(at_s=NOW_S, reason="maintenance"))
    drive.go(5)
    assert drive.path(1) == []
    drive.take(Resumed(at_s=drive.now_s))
    drive.go(20)
    assert drive.state.ended == {State.ACKNOWLEDGED: 1}


def test_a_delivered_message_without_acknowledgement_is_looked_at_again() -> None:
    drive = driven([seen(1)])
    hidden = []

    def hide(step):
        event = drive.ideal(step)
        if step.leg is Leg.BACK and not hidden and event.acknowledgements:
            hidden.append(event)
            return replace(event, acknowledgements=[])
        return None

    drive.answers[Observe] = hide
    drive.go(30)
    assert drive.path(1)[-1] is State.DELIVERED
    drive.go(130)
    assert drive.state.ended == {State.ACKNOWLEDGED: 1}


def test_a_delivery_that_was_a_lie_is_made_after_all() -> None:
    drive = driven([seen(1)])
    drive.answers[Submit] = lambda step: Failed(
        at_s=drive.now_s, step=step, cause=down("refused", Remedy.RECONNECT)
    )
    lies = [1]

    def lie(step):
        if step.leg is Leg.OUT and drive.now_s < NOW_S + 20:
            return Checked(at_s=drive.now_s, step=step, outstanding=[False for _ in step.claims])
        return None

    drive.answers[Check] = lie
    drive.go(15)
    assert drive.path(1)[-1] is State.DELIVERED
    drive.answers.clear()
    assert lies
    drive.go(150)
    assert drive.state.ended == {State.ACKNOWLEDGED: 1}


def test_the_same_delivery_has_the_same_key_and_another_one_has_not() -> None:
    drive = driven([seen(sequence) for sequence in range(1, 9)])
    drive.go(20)
    keys = [step.delivery.key for step in [*drive.of(Submit, Leg.OUT), *drive.of(Submit, Leg.BACK)]]
    assert len(set(keys)) == len(keys)
    first = drive.of(Submit, Leg.OUT)[0]
    again = driven([seen(sequence) for sequence in range(1, 9)])
    again.go(20)
    assert again.of(Submit, Leg.OUT)[0].delivery.key == first.delivery.key


def test_the_limits_of_a_lane_that_says_nothing_are_the_documented_ones() -> None:
    assert Limits().backoff_s == (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
