"""One lane through its stages: `decide` and `apply` against an ideal world with one thing wrong."""

from dataclasses import replace

import pytest

from adapters.api import Included, Lost, Pending
from adapters.errors import Remedy
from proofs.types import Acknowledged, NotReceived, Sent
from proofs.verdict import Accepted, NotEnoughTrust, Reason, Rejected
from relays.core.events import (
    BlockRefused,
    ChainFailure,
    Checked,
    DeliveryRefused,
    Failed,
    Followed,
    FundsMissing,
    Halted,
    HeadsRead,
    Judged,
    PacketsSeen,
    Resumed,
    Retried,
    SignersMissing,
    Violated,
)
from relays.core.lane import Limits, Stage
from relays.core.steps import Attest, Check, Observe, Prove, Submit, Track
from relays.core.types import Leg, State, WaitingOn
from tests.relays.lanes import (
    ANSWER,
    BLUE,
    LIMITS,
    NOW_S,
    RED,
    Drive,
    answered,
    block,
    driven,
    proven,
    seen,
    status,
)

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


def down(code: str = "transport", remedy: Remedy = Remedy.RECONNECT) -> ChainFailure:
    return ChainFailure(code=code, detail="memory:red: gone", remedy=remedy, retry_after_s=None)


def failing(drive: Drive, kind: type, cause, times: int = 10**9, leg: Leg | None = None) -> None:
    """Let the next `times` steps of a kind fail."""
    left = [times]

    def answer(step):
        if left[0] > 0 and (leg is None or step.leg is leg):
            left[0] -= 1
            return Failed(at_s=drive.now_s, step=step, cause=cause)
        return None

    drive.answers[kind] = answer


def judging(drive: Drive, verdict_of, leg: Leg = Leg.OUT) -> None:
    """Let verdicts on one leg come from a function of the claim; None accepts."""

    def answer(step):
        if step.leg is not leg:
            return None
        verdicts = [
            verdict_of(claim) or Accepted(value=proven(claim, step.at)) for claim in step.batch.claims
        ]
        return Judged(at_s=drive.now_s, step=step, verdicts=verdicts)

    drive.answers[Prove] = answer


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


@pytest.mark.covers("REL-04")
def test_a_poison_message_is_found_by_halves_and_parked_alone() -> None:
    drive = driven([seen(sequence) for sequence in range(1, 9)])

    def refuse_three(step):
        if step.leg is Leg.OUT and 3 in step.batch.sequences:
            return Failed(at_s=drive.now_s, step=step, cause=DeliveryRefused(detail="poison"))
        return None

    drive.answers[Submit] = refuse_three
    drive.go(60)
    assert drive.state.ended == {State.ACKNOWLEDGED: 7}
    (parked,) = drive.state.queues[Leg.OUT, Stage.PARKED]
    assert parked.sequences == (3,)
    assert drive.last_move(3).reason == "refused: poison"
    assert drive.last_move(3).waiting_on is WaitingOn.OPERATOR


def test_a_parked_message_is_delivered_after_a_retry() -> None:
    drive = driven([seen(1), seen(2)])
    failing(drive, Submit, DeliveryRefused(detail="poison"), times=4)
    drive.go(30)
    assert any(drive.state.queues[Leg.OUT, Stage.PARKED])
    drive.take(Retried(at_s=drive.now_s, sequences=frozenset()))
    drive.go(30)
    assert drive.state.ended == {State.ACKNOWLEDGED: 2}


def test_a_parked_message_is_refunded_when_its_time_is_up() -> None:
    drive = driven([seen(1, timeout_s=int(NOW_S) + 60)])
    failing(drive, Submit, DeliveryRefused(detail="poison"), leg=Leg.OUT)
    drive.go(30)
    assert drive.path(1)[-1] is State.PARKED
    drive.go(60)
    assert drive.state.ended == {State.REFUNDED: 1}


def test_a_chain_that_refuses_everything_is_not_a_reason_to_park_everything() -> None:
    drive = driven([seen(sequence) for sequence in range(1, 41)])
    failing(drive, Submit, DeliveryRefused(detail="paused"), times=20, leg=Leg.OUT)
    drive.go(900)
    parked = sum(len(batch) for batch in drive.state.queues.get((Leg.OUT, Stage.PARKED), ()))
    assert parked <= 6
    assert drive.state.ended == {State.ACKNOWLEDGED: 40 - parked}


@pytest.mark.covers("REL-07")
def test_without_funds_nothing_is_lost_and_the_reason_is_told() -> None:
    drive = driven([seen(1)])
    failing(drive, Submit, FundsMissing(detail="expected 5, got 1"), times=5)
    drive.go(2)
    move = drive.last_move(1)
    assert (move.waiting_on, move.reason) == (WaitingOn.SIGNER_FUNDS, "underfunded: expected 5, got 1")
    assert move.next_action_s > drive.now_s
    drive.go(60)
    assert drive.state.ended == {State.ACKNOWLEDGED: 1}


def test_missing_attestors_are_named_on_every_message_that_waits_for_them() -> None:
    drive = driven([seen(sequence) for sequence in range(1, 31)])
    failing(drive, Attest, SignersMissing(detail="1 of 2; missing: beta, gamma"), times=4)
    drive.go(4)
    for sequence in (1, 15, 30):
        move = drive.last_move(sequence)
        assert move.waiting_on is WaitingOn.ATTESTATIONS
        assert move.reason == "attestors-missing: 1 of 2; missing: beta, gamma"
    drive.go(80)
    assert drive.state.ended == {State.ACKNOWLEDGED: 30}


def test_a_chain_that_is_down_costs_a_message_no_attempt() -> None:
    drive = driven([seen(1)])
    failing(drive, Prove, down(), times=10)
    drive.go(3)
    move = drive.last_move(1)
    assert move.waiting_on is WaitingOn.SOURCE_RPC
    assert move.reason == "transport: memory:red: gone"
    assert not move.attempts
    drive.go(400)
    assert drive.state.ended == {State.ACKNOWLEDGED: 1}


@pytest.mark.covers("REL-05")
def test_a_broken_connection_at_submission_is_ambiguous_so_the_chain_is_looked_at_first() -> None:
    drive = driven([seen(1)])

    def taken_but_broken(step):
        if step.leg is Leg.OUT and 1 not in drive.received:
            drive.received.add(1)
            drive.acknowledgements.append(answered(1, drive.height + 1))
            return Failed(at_s=drive.now_s, step=step, cause=down())
        return None

    drive.answers[Submit] = taken_but_broken
    drive.go(30)
    assert len(drive.of(Submit, Leg.OUT)) == 1
    assert drive.state.ended == {State.ACKNOWLEDGED: 1}


def test_a_rate_limit_is_waited_out_as_long_as_it_says() -> None:
    drive = driven([seen(1)])
    cause = ChainFailure(code="rate-limited", detail="x", remedy=Remedy.WAIT, retry_after_s=17.0)
    failing(drive, Prove, cause, times=1)
    drive.go(17)
    assert len(drive.of(Prove, Leg.OUT)) == 1
    drive.go(2)
    assert len(drive.of(Prove, Leg.OUT)) == 2


def test_bad_evidence_is_fetched_again() -> None:
    drive = driven([seen(1), seen(2)])
    lies = [1]
    judging(
        drive, lambda claim: Rejected(reason=Reason.WRONG_HASH, detail="x") if lies and lies.pop() else None
    )
    drive.go(30)
    assert drive.state.ended == {State.ACKNOWLEDGED: 2}


def test_bad_evidence_without_end_parks_only_the_messages_it_is_about() -> None:
    drive = driven([seen(1), seen(2)])
    judging(
        drive,
        lambda claim: Rejected(reason=Reason.MALFORMED, detail="x") if claim.packet.sequence == 2 else None,
    )
    drive.go(60)
    assert drive.state.ended == {State.ACKNOWLEDGED: 1}
    assert drive.path(2)[-1] is State.PARKED
    assert drive.last_move(2).reason == "malformed: x"


def test_not_enough_trust_in_a_block_makes_the_stage_wait() -> None:
    drive = driven([seen(1)])
    verdicts = [1, 1]
    drive.answers[Prove] = lambda step: (
        BlockRefused(at_s=drive.now_s, step=step, verdict=NotEnoughTrust(have=1, need=2))
        if verdicts and verdicts.pop()
        else None
    )
    drive.go(1)
    assert drive.last_move(1).reason == "not-enough-trust: 1 of 2"
    drive.go(30)
    assert drive.state.ended == {State.ACKNOWLEDGED: 1}


def test_a_packet_that_was_never_sent_is_rejected() -> None:
    drive = driven([seen(1), seen(2)])
    judging(
        drive,
        lambda claim: Rejected(reason=Reason.ABSENT, detail="x") if claim.packet.sequence == 2 else None,
    )
    drive.go(60)
    assert drive.state.ended == {State.ACKNOWLEDGED: 1, State.REJECTED: 1}
    assert drive.last_move(2).reason == "absent: x"


def test_a_packet_that_others_finished_before_our_proof_is_not_rejected() -> None:
    drive = driven([seen(1)])
    drive.received.add(1)
    judging(drive, lambda claim: Rejected(reason=Reason.ABSENT, detail="x"))
    drive.go(20)
    assert drive.state.ended == {State.ACKNOWLEDGED: 1}
    assert drive.last_move(1).delivered_by == "other"


@pytest.mark.covers("REL-13")
def test_a_forged_packet_does_not_take_the_place_of_the_true_one() -> None:
    drive = driven([seen(1)])
    forged = replace(seen(1, 11), packet=replace(seen(1).packet, timeout_s=123_456_789))
    true, drive.packets = drive.packets, [forged]
    judging(
        drive,
        lambda claim: (
            Rejected(reason=Reason.WRONG_VALUE, detail="x") if claim.packet == forged.packet else None
        ),
    )
    drive.go(1)
    drive.packets = true
    drive.go(30)
    assert drive.state.ended == {State.ACKNOWLEDGED: 1}
    assert [claim.packet for step in drive.of(Submit, Leg.OUT) for claim in step.batch.claims] == [
        true[0].packet
    ]


def test_a_forged_packet_that_nobody_corrects_is_rejected_in_the_end() -> None:
    drive = driven([seen(1)])
    judging(drive, lambda _: Rejected(reason=Reason.WRONG_VALUE, detail="x"))
    drive.go(80)
    assert drive.state.ended == {State.REJECTED: 1}
    assert not drive.of(Submit, Leg.OUT)


def test_a_false_acknowledgement_is_read_again_until_it_is_the_true_one() -> None:
    drive = driven([seen(1)])
    judging(
        drive,
        lambda claim: (
            Rejected(reason=Reason.WRONG_VALUE, detail="x")
            if isinstance(claim, Acknowledged) and claim.acknowledgements != ANSWER
            else None
        ),
        Leg.BACK,
    )
    lies = [1]

    def lie(step):
        if step.leg is Leg.BACK and lies and any(drive.acknowledgements):
            lies.pop()
            event = drive.ideal(step)
            return replace(event, acknowledgements=[answered(1, step.last, (b"false",))])
        return None

    drive.answers[Observe] = lie
    drive.go(40)
    assert drive.state.ended == {State.ACKNOWLEDGED: 1}
    (step,) = drive.of(Submit, Leg.BACK)
    assert step.batch.claims[0].acknowledgements == ANSWER


def test_a_gap_in_what_the_source_says_is_not_skipped() -> None:
    drive = driven([seen(1, 11), seen(2, 12), seen(3, 13)])
    true = drive.packets
    drive.packets = [true[0], true[2]]
    drive.go(5)
    assert 3 not in drive.state.packets
    assert drive.state.last_error.startswith("gap: expected sequence 2 next")
    assert drive.state.out.cursor is not None
    assert drive.state.out.cursor.height < 13
    drive.packets = true
    drive.go(40)
    assert drive.state.ended == {State.ACKNOWLEDGED: 3}


@pytest.mark.covers("REL-12")
def test_packets_of_another_lane_are_refused_as_a_whole() -> None:
    drive = driven([seen(1)])
    stranger = replace(seen(1, 11), packet=replace(seen(1).packet, destination_client="blue-9"))
    drive.packets = [stranger]
    drive.go(5)
    assert not drive.state.packets
    assert drive.state.last_error.startswith("stranger: ")


def test_a_contradiction_halts_the_lane_and_nothing_starts_any_more() -> None:
    drive = driven([seen(1)])
    two = Rejected(reason=Reason.CONTRADICTION, detail="two blocks")
    drive.answers[Prove] = lambda step: BlockRefused(at_s=drive.now_s, step=step, verdict=two)
    drive.go(5)
    assert drive.state.halted == "contradiction: two blocks"
    assert drive.state.violated
    count = len(drive.steps)
    drive.go(5)
    assert len(drive.steps) == count


@pytest.mark.covers("REL-11")
def test_a_violation_of_finality_moves_no_cursor() -> None:
    drive = driven([])
    drive.go(2)
    cursor = drive.state.out.cursor
    drive.take(Violated(at_s=NOW_S, chain=RED, detail="block 11 changed"))
    drive.go(5)
    assert drive.state.out.cursor == cursor
    assert drive.state.halted == "contradiction on memory:red: block 11 changed"


def test_finality_never_goes_back() -> None:
    drive = driven([])
    drive.take(HeadsRead(at_s=NOW_S, source=status(RED, 60, 50), destination=None))
    drive.take(HeadsRead(at_s=NOW_S, source=status(RED, 61, 49), destination=None))
    assert drive.state.source is not None
    assert drive.state.source.finalized.height == 50


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
