"""Any powers, any votes, any change of the set: the verdict is the one that plain arithmetic gives."""

from hypothesis import given, settings
from hypothesis import strategies as st

from proofs.lightclients.tendermint import advance
from proofs.lightclients.tendermint.types import Flag
from proofs.verdict import Accepted, NotEnoughTrust, Reason, Rejected
from tests.proofs.lightclients.tendermint.cases import NOW_S
from tests.support.cosmos_blocks import Seat, forged, grow, ordered, params_of, signed

powers = st.one_of(st.integers(1, 6), st.integers(1, 2**57))
sets = st.dictionaries(st.integers(1, 6), powers, min_size=1).map(
    lambda chosen: ordered([Seat(number, power) for number, power in chosen.items()])
)
flags = st.lists(st.sampled_from([Flag.COMMIT, Flag.COMMIT, Flag.ABSENT, Flag.NIL]), min_size=6, max_size=6)
levels = st.sampled_from([(1, 3), (1, 2), (2, 3), (1, 1)])


def trust_in(made, params):
    verdict = advance(None, made.update, params, NOW_S)
    assert isinstance(verdict, Accepted), verdict
    return verdict.value


def is_more(have, total, level):
    return have * level[1] > total * level[0]


@settings(max_examples=200)
@given(sets, sets, flags, levels)
def test_a_far_block_is_reached_exactly_when_both_sets_voted_enough(old, new, votes, level):
    blocks = grow([old, old, old, new])
    made = forged(blocks[4], flags=dict(enumerate(votes[: len(new)])))
    params = params_of(blocks[1], trust_level=level)
    verdict = advance(trust_in(blocks[1], params), made.update, params, NOW_S)
    voted = {seat.number: seat.power for seat, vote in zip(new, votes, strict=False) if vote is Flag.COMMIT}
    have_old = sum(seat.power for seat in old if seat.number in voted)
    if not is_more(have_old, sum(seat.power for seat in old), level):
        assert isinstance(verdict, NotEnoughTrust)
        assert verdict.have == have_old < verdict.need
        assert verdict.try_height == 3
    elif is_more(sum(voted.values()), sum(seat.power for seat in new), (2, 3)):
        assert isinstance(verdict, Accepted)
    else:
        assert isinstance(verdict, Rejected)
        assert verdict.reason is Reason.INCOMPLETE


@settings(max_examples=200)
@given(sets, flags)
def test_the_next_block_is_reached_exactly_when_its_set_voted_enough(some, votes):
    blocks = grow([some] * 2)
    made = forged(blocks[2], flags=dict(enumerate(votes[: len(some)])))
    params = params_of(blocks[1])
    verdict = advance(trust_in(blocks[1], params), made.update, params, NOW_S)
    have = sum(seat.power for seat, vote in zip(some, votes, strict=False) if vote is Flag.COMMIT)
    assert isinstance(verdict, Accepted) == is_more(have, sum(seat.power for seat in some), (2, 3))


@settings(max_examples=100)
@given(sets, sets)
def test_the_next_block_is_reached_only_with_the_set_that_was_named(named, other):
    blocks = grow([named] * 2)
    params = params_of(blocks[1])
    made = grow([other], first=2)[2]
    verdict = advance(trust_in(blocks[1], params), made.update, params, NOW_S)
    assert isinstance(verdict, Accepted) == (named == other)


@settings(max_examples=100)
@given(st.integers(-10, 10), st.integers(-10, 10), st.sampled_from([2, 5]))
def test_time_moves_on_and_stays_below_the_drift(since_ns, ahead_ns, height):
    """Around both bounds: not after the trusted block, and not as far ahead of our clock as the drift."""
    some = (Seat(1),)
    blocks = grow([some] * 5)
    params = params_of(blocks[1])
    trusted_ns = blocks[1].block.header.time_ns
    bound_ns = (NOW_S + params.max_clock_drift_s) * 10**9
    for time_ns, is_good in (
        (trusted_ns + since_ns, since_ns > 0),
        (bound_ns + ahead_ns, ahead_ns < 0),
    ):
        made = forged(blocks[height], time_ns=time_ns)
        verdict = advance(trust_in(blocks[1], params), made.update, params, NOW_S)
        assert isinstance(verdict, Accepted) == is_good


@settings(max_examples=50)
@given(st.lists(sets, min_size=2, max_size=5))
def test_one_by_one_every_honest_block_is_reached_and_back_again(some):
    blocks = grow(some)
    params = params_of(blocks[1])
    state = trust_in(blocks[1], params)
    for height in range(2, len(some) + 1):
        state = advance(state, blocks[height].update, params, NOW_S).value
        assert state.block == blocks[height].ref
    for height in range(len(some) - 1, 0, -1):
        state = advance(state, blocks[height].update, params, NOW_S).value
    assert state == trust_in(blocks[1], params)
    assert signed(blocks[1].block.header, some[0], some[1]) == blocks[1]
