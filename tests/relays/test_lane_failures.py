"""Chains, signers and endpoints fail one lane: what waits, what is tried again, what is parked, and why."""

import pytest

from adapters.errors import Remedy
from relays.core.events import (
    ChainFailure,
    DeliveryRefused,
    Failed,
    FundsMissing,
    Retried,
    SignersMissing,
)
from relays.core.lane import Stage
from relays.core.steps import Attest, Prove, Submit
from relays.core.types import Leg, State, WaitingOn
from tests.relays.lanes import (
    NOW_S,
    answered,
    driven,
    seen,
)
from tests.relays.troubles import down, failing


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


def test_evidence_that_its_block_can_no_longer_give_is_proven_anew_at_once() -> None:
    drive = driven([seen(1)])
    failing(
        drive,
        Attest,
        ChainFailure(code="client-ahead", detail="x", remedy=Remedy.REWIND, retry_after_s=None),
        times=1,
    )
    drive.go(20)
    assert len(drive.of(Prove, Leg.OUT)) == 2
    assert drive.state.ended == {State.ACKNOWLEDGED: 1}


def test_a_rate_limit_is_waited_out_as_long_as_it_says() -> None:
    drive = driven([seen(1)])
    cause = ChainFailure(code="rate-limited", detail="x", remedy=Remedy.WAIT, retry_after_s=17.0)
    failing(drive, Prove, cause, times=1)
    drive.go(17)
    assert len(drive.of(Prove, Leg.OUT)) == 1
    drive.go(2)
    assert len(drive.of(Prove, Leg.OUT)) == 2
