"""Endpoints lie to one lane: nothing false is delivered, nothing true is lost, a contradiction halts."""

import pytest

from proofs.records import replace
from proofs.types import Acknowledged
from proofs.verdict import NotEnoughTrust, Reason, Rejected
from relays.core.events import (
    BlockRefused,
    HeadsRead,
    Violated,
)
from relays.core.steps import Observe, Prove, Submit
from relays.core.types import Leg, State
from tests.relays.lanes import (
    ANSWER,
    NOW_S,
    RED,
    answered,
    driven,
    seen,
    status,
)
from tests.relays.troubles import judging


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
