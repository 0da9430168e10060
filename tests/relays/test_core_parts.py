"""The small parts of the core: paged maps, batches, backoff, turns, and what a restart remembers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs.records import replace
from proofs.types import Height, Sent, Sequence
from relays.core.backoff import delay_s
from relays.core.batch import batch_of, joinable, joined, reclaimed
from relays.core.events import Halted, Resumed, Violated
from relays.core.lane import LaneParams, Stage
from relays.core.paged import Paged
from relays.core.restoring import restore
from relays.core.steps import Check, Prove, Submit, Track
from relays.core.turns import rank, turn_s
from relays.core.types import Cursor, Halt, Leg, Message, State
from tests.relays.lanes import ANSWER, LANE, LIMITS, NOW_S, RED, Drive, answered, fresh, packet, seen

GATEWAYS = ("alpha", "beta", "gamma")


@given(
    st.lists(
        st.tuples(st.booleans(), st.lists(st.integers(min_value=1, max_value=2_000), max_size=40)),
        max_size=20,
    )
)
def test_a_paged_map_behaves_like_a_dictionary(changes: list[tuple[bool, list[int]]]) -> None:
    paged: Paged[int] = Paged()
    plain: dict[int, int] = {}
    for number, (adds, sequences) in enumerate(changes):
        before = list(paged.items())
        if adds:
            after = paged.with_items((sequence, number) for sequence in sequences)
            plain.update(dict.fromkeys(sequences, number))
        else:
            after = paged.without(sequences)
            plain = {key: value for key, value in plain.items() if key not in sequences}
        assert list(paged.items()) == before
        paged = after
        assert list(paged.items()) == sorted(plain.items())
        assert len(paged) == len(plain)
        assert all((sequence in paged) == (sequence in plain) for sequence in range(0, 2_000, 37))


def test_a_change_copies_only_the_pages_that_it_touches() -> None:
    paged: Paged[int] = Paged()
    paged = paged.with_items((sequence, 0) for sequence in range(10_000))
    changed = paged.with_items([(5, 1)])
    assert changed.get(5) == 1
    same = [number for number in paged.pages if paged.pages[number] is changed.pages[number]]
    assert len(same) == len(paged.pages) - 1


@pytest.mark.parametrize(
    ("tries", "expected_s"), [(0, 1.0), (1, 1.0), (2, 2.0), (3, 5.0), (4, 5.0), (1_000, 5.0)]
)
def test_the_backoff_is_the_literal_sequence_and_its_last_entry_repeats(
    tries: int, expected_s: float
) -> None:
    assert delay_s((1.0, 2.0, 5.0), tries) == expected_s


def test_every_gateway_of_a_lane_has_another_rank() -> None:
    assert sorted(rank(GATEWAYS, name, LANE) for name in GATEWAYS) == [0, 1, 2]


def test_the_first_turn_differs_between_lanes() -> None:
    lanes = [replace(LANE, source_client=f"red-{number}") for number in range(30)]
    assert {rank(GATEWAYS, "alpha", lane) for lane in lanes} == {0, 1, 2}


def test_a_gateway_that_is_not_of_the_lane_has_no_rank() -> None:
    with pytest.raises(ValueError, match="expected our name among alpha, beta, gamma, got 'delta'"):
        rank(GATEWAYS, "delta", LANE)


def test_the_first_may_deliver_at_once_and_the_others_wait_for_their_turn() -> None:
    assert [turn_s(place, 30.0, 100.0) for place in range(3)] == [100.0, 130.0, 160.0]


def _batch(*sequences: int, timeout_s: int = 2_000_000):
    claims = [Sent(packet=packet(sequence, timeout_s)) for sequence in sequences]
    return batch_of(batch_id=sequences[0], leg=Leg.OUT, claims=claims, state=State.OBSERVED, at_s=NOW_S)


def test_the_deadline_of_a_batch_is_its_earliest_timeout() -> None:
    assert joined([_batch(1, timeout_s=50), _batch(2, timeout_s=40)]).deadline_s == 40
    assert reclaimed(_batch(1, 2), [Sent(packet=packet(2, 77))], 9).deadline_s == 77


def test_joining_keeps_every_claim_in_order() -> None:
    whole = joined([_batch(1, 2), _batch(3), _batch(4, 5)])
    assert whole.sequences == (1, 2, 3, 4, 5)
    assert [claim.packet.sequence for claim in whole.claims] == [1, 2, 3, 4, 5]


def test_a_batch_with_a_history_travels_alone() -> None:
    assert joinable(_batch(1), _batch(2))
    assert not joinable(_batch(1), replace(_batch(2), attempts=1))
    assert not joinable(replace(_batch(1), suspect=True), _batch(2))


def stored(sequence: int, state: State, **fields) -> Message:
    message = Message(
        packet=packet(sequence), state=state, height=Height(5), transaction="tx", since_s=NOW_S - 100
    )
    return replace(message, **fields)


def test_after_a_restart_every_open_message_is_somewhere_and_none_twice() -> None:
    messages = [
        stored(1, State.OBSERVED),
        stored(2, State.SUBMITTED, delivery="tx-a"),
        stored(3, State.SUBMITTED, delivery="tx-a"),
        stored(4, State.SUBMITTED),
        stored(5, State.DELIVERED),
        stored(6, State.DELIVERED, acknowledgements=ANSWER),
        stored(7, State.PARKED, reason="poison"),
        stored(8, State.EXPIRED),
        stored(9, State.ACKNOWLEDGED),
        stored(10, State.INCLUDED),
    ]
    state = fresh(stored=messages)
    places = {
        sequence: (leg, stage)
        for (leg, stage), batches in state.queues.items()
        for batch in batches
        for sequence in batch.sequences
    }
    assert places == {
        1: (Leg.OUT, Stage.SURVEY),
        2: (Leg.OUT, Stage.TRACK),
        3: (Leg.OUT, Stage.TRACK),
        4: (Leg.OUT, Stage.SURVEY),
        6: (Leg.BACK, Stage.CHECK),
        7: (Leg.OUT, Stage.PARKED),
        8: (Leg.OUT, Stage.SURVEY),
        10: (Leg.OUT, Stage.SURVEY),
    }
    assert [sequence for sequence, _ in state.awaiting.items()] == [5]
    assert len(state.packets) == 9


def test_after_a_restart_a_known_submission_is_followed_and_not_sent_again() -> None:
    drive = Drive(state=fresh(stored=[stored(1, State.SUBMITTED, delivery="tx-a")]))
    drive.heads()
    steps = drive.start()
    assert [step.ids for step in steps if isinstance(step, Track)] == [("tx-a",)]
    assert not [step for step in steps if isinstance(step, Prove | Submit)]


def test_after_a_restart_nothing_is_submitted_before_the_chain_was_looked_at() -> None:
    drive = Drive(state=fresh(stored=[stored(1, State.SUBMITTED), stored(2, State.VERIFIED)]))
    drive.received |= {1, 2}
    drive.acknowledgements = []
    drive.go(20)
    assert drive.of(Check, Leg.OUT)
    assert not drive.of(Submit, Leg.OUT)


@pytest.mark.covers("REL-01")
def test_from_nothing_the_lane_is_rebuilt_from_the_chains() -> None:
    drive = Drive(state=fresh(), height=50)
    drive.packets = [seen(sequence, height=sequence) for sequence in range(1, 21)]
    drive.received = set(range(1, 16))
    drive.cleared = set(range(1, 11))
    drive.acknowledgements = []
    for sequence in range(1, 16):
        drive.acknowledgements.append(answered(sequence, sequence + 10))
    drive.go(40)
    assert drive.state.ended == {State.ACKNOWLEDGED: 20}
    sent_again = {sequence for step in drive.of(Submit, Leg.OUT) for sequence in step.batch.sequences}
    assert sent_again == set(range(16, 21))
    carried_back = {sequence for step in drive.of(Submit, Leg.BACK) for sequence in step.batch.sequences}
    assert carried_back == set(range(11, 21))


def test_a_cursor_from_the_store_is_checked_before_anything_is_read() -> None:
    params = LaneParams(lane=LANE, rank=0, takeover_s=30.0)
    cursors = {Leg.OUT: Cursor(height=Height(7), hash=b"h" * 32)}
    drive = Drive(state=restore(params, LIMITS, cursors, (), NOW_S))
    drive.heads()
    (step,) = [step for step in drive.start() if step.leg is Leg.OUT]
    assert step.pin == cursors[Leg.OUT]
    assert step.first == 8
    drive.take(drive.ideal(step))
    drive.height += 1
    drive.heads()
    (step,) = [step for step in drive.start() if step.leg is Leg.OUT]
    assert step.pin is None


def test_old_messages_refunded_by_others_are_told_from_acknowledged_ones() -> None:
    drive = Drive(state=fresh(), height=50)
    past = int(NOW_S) - 10
    drive.packets = [seen(1, 5, timeout_s=past), seen(2, 5, timeout_s=past)]
    drive.received = {2}
    drive.cleared = {1, 2}
    drive.go(10)
    assert drive.state.ended == {State.REFUNDED: 1, State.ACKNOWLEDGED: 1}
    assert drive.last_move(Sequence(1)).state is State.REFUNDED


def test_a_start_with_more_open_messages_than_allowed_comes_to_an_end() -> None:
    drive = Drive(state=fresh(limits=replace(LIMITS, max_open=8, scan_range=3)), height=60)
    drive.packets = [seen(sequence, height=sequence) for sequence in range(1, 41)]
    drive.go(150)
    assert drive.state.ended == {State.ACKNOWLEDGED: 40}


def test_a_halt_is_saved_once_and_its_end_as_well() -> None:
    drive = Drive(state=fresh())
    drive.heads()
    drive.take(Halted(at_s=NOW_S, reason="maintenance"))
    drive.take(Halted(at_s=NOW_S, reason="again"))
    drive.take(Violated(at_s=NOW_S, chain=RED, detail="two blocks"))
    drive.heads()
    drive.take(Resumed(at_s=NOW_S))
    assert [changes.halt for changes in drive.changes if changes.halt is not None] == [
        Halt(reason="maintenance"),
        Halt(reason="maintenance", violated=True),
        Halt(reason=""),
    ]
    assert [changes.starts_over for changes in drive.changes if changes.halt is not None] == [
        False,
        False,
        True,
    ]


def test_a_lane_that_was_halted_starts_halted_and_does_nothing() -> None:
    params = LaneParams(lane=LANE, rank=0, takeover_s=30.0)
    halt = Halt(reason="contradiction on memory:red: two blocks", violated=True)
    drive = Drive(state=restore(params, LIMITS, {}, (), NOW_S, halt=halt))
    drive.packets = [seen(1)]
    drive.go(3)
    assert drive.steps == []
    assert (drive.state.halted, drive.state.violated) == (halt.reason, True)
    assert all(changes.halt is None for changes in drive.changes)
    drive.take(Resumed(at_s=NOW_S))
    drive.go(20)
    assert drive.state.ended == {State.ACKNOWLEDGED: 1}
