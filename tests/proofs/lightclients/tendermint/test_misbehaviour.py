"""Two blocks that cannot both be: what proves it, what does not, and who did it."""

import pytest

from proofs.lightclients.tendermint import Kind, advance, judge
from proofs.lightclients.tendermint.types import Flag
from proofs.records import replace
from proofs.types import ChainId
from proofs.verdict import Accepted, NotEnoughTrust, Reason
from tests.proofs.lightclients.tendermint.cases import (
    BLOCKS,
    NOW_S,
    PARAMS,
    TRUSTED,
    absent,
    accepted,
    rejected,
)
from tests.support.cosmos_blocks import (
    FOUR,
    NS,
    forged,
    grow,
    header_of,
    ordered,
    params_of,
    seats,
    signed,
    with_entry,
)

TIME = {"last_commit_hash": bytes(32)}
"""A field that proposers choose: two blocks may differ in it without a forged outcome."""

heights = pytest.mark.parametrize("height", [4, 9], ids=["next", "far"])


def judged(first, second, now_s=NOW_S, trusted=TRUSTED, params=PARAMS):
    return judge(trusted, first.update, second.update, params, now_s)


def addresses(some):
    return tuple(sorted(seat.validator.address for seat in some))


@heights
@pytest.mark.covers("LC-10")
def test_two_blocks_of_one_height_and_round_are_equivocation_by_those_who_voted_for_both(height):
    honest = forged(BLOCKS[height], flags=absent(0))
    fork = forged(BLOCKS[height], flags={3: Flag.NIL}, **TIME)
    found = accepted(judged(honest, fork))
    assert (found.kind, found.first, found.second) == (Kind.EQUIVOCATION, honest.ref, fork.ref)
    assert found.culprits == addresses(FOUR[1:3])
    assert accepted(judged(fork, honest)).culprits == found.culprits


@heights
@pytest.mark.covers("LC-10")
def test_two_blocks_of_one_height_in_two_rounds_are_amnesia_and_blame_nobody(height):
    found = accepted(judged(BLOCKS[height], forged(BLOCKS[height], round_=1, **TIME)))
    assert (found.kind, found.culprits) == (Kind.AMNESIA, ())


@heights
@pytest.mark.parametrize("name", ["consensus_hash", "app_hash", "last_results_hash", "next_validators_hash"])
@pytest.mark.covers("LC-10")
def test_a_forged_outcome_is_lunatic_whoever_voted_for_it(height, name):
    lunatic = forged(BLOCKS[height], flags=absent(2), **{name: bytes(32)})
    found = accepted(judged(BLOCKS[height], lunatic))
    assert found.kind is Kind.LUNATIC
    assert found.culprits == addresses([*FOUR[:2], FOUR[3]])


@heights
@pytest.mark.covers("LC-10")
def test_more_than_a_third_of_the_trusted_set_with_a_set_of_their_own_are_lunatic(height):
    own = ordered([*seats(1, 2), *seats(11, 12)])
    lunatic = signed(header_of(height, own, own), own, own)
    found = accepted(judged(BLOCKS[height], lunatic))
    assert found.kind is Kind.LUNATIC
    assert found.culprits == addresses(seats(1, 2))
    few = ordered([*seats(1), *seats(11, 12)])
    verdict = judged(BLOCKS[height], signed(header_of(height, few, few), few, few))
    assert isinstance(verdict, NotEnoughTrust)
    assert (verdict.have, verdict.need) == (10, 14)


@pytest.mark.covers("LC-06", "LC-10")
def test_a_lunatic_block_far_in_the_future_is_misbehaviour_although_no_client_would_take_it_now():
    future_ns = (NOW_S + 5 * 3600) * NS
    forward = forged(BLOCKS[9], app_hash=bytes(32), time_ns=future_ns)
    rejected(advance(TRUSTED, forward.update, PARAMS, NOW_S), Reason.LIMIT)
    assert accepted(judged(BLOCKS[9], forward)).kind is Kind.LUNATIC


@pytest.mark.parametrize("late_ns", [0, 1, 10 * NS])
@pytest.mark.covers("LC-06", "LC-10")
def test_a_higher_block_that_is_not_later_is_a_violation_of_time_in_either_order(late_ns):
    high = forged(BLOCKS[9], flags=absent(3), time_ns=BLOCKS[5].block.header.time_ns - late_ns)
    for first, second in ((BLOCKS[5], high), (high, BLOCKS[5])):
        found = accepted(judged(first, second))
        assert (found.kind, found.culprits) == (Kind.TIME, addresses(FOUR[:3]))


@heights
@pytest.mark.covers("LC-10")
def test_the_same_header_with_other_votes_is_no_misbehaviour(height):
    made = BLOCKS[height]
    others = (
        made,
        forged(made, flags=absent(0)),
        forged(made, flags=absent(3)),
        forged(made, flags={1: Flag.NIL}),
        forged(made, round_=2),
        with_entry(made, 0, signature=bytes(64)),
    )
    for other in others:
        rejected(judged(made, other), Reason.WRONG_VALUE)
        assert other.hash == made.hash


@pytest.mark.covers("LC-10")
def test_the_same_header_in_other_bytes_is_no_misbehaviour():
    honest = BLOCKS[9].update
    for other, reason in (
        (replace(honest, header=honest.header + b"\xf8\x01\x01"), Reason.MALFORMED),
        (replace(honest, target=replace(honest.target, hash=bytes(32))), Reason.WRONG_HASH),
        (replace(honest, next_set=b""), Reason.WRONG_VALUE),
    ):
        rejected(judge(TRUSTED, honest, other, PARAMS, NOW_S), reason)


def test_two_blocks_of_one_chain_are_no_misbehaviour():
    rejected(judged(BLOCKS[5], BLOCKS[9]), Reason.WRONG_VALUE)
    rejected(judged(BLOCKS[9], BLOCKS[5]), Reason.WRONG_VALUE)


@heights
@pytest.mark.parametrize("is_second", [False, True])
def test_a_block_that_convinces_nobody_proves_nothing(height, is_second):
    fork = forged(BLOCKS[height], **TIME)
    for bad, reason in (
        (forged(BLOCKS[height], flags=absent(0, 1), **TIME), Reason.INCOMPLETE),
        (with_entry(with_entry(fork, 2, signature=bytes(64)), 3, address=bytes(20)), Reason.INCOMPLETE),
        (forged(BLOCKS[height], block_version=12), Reason.WRONG_CHAIN),
    ):
        pair = (BLOCKS[height], bad) if is_second else (bad, BLOCKS[height])
        rejected(judged(*pair), reason)


@heights
@pytest.mark.parametrize("at", range(4))
@pytest.mark.parametrize(
    "change", [{"signature": bytes(64)}, {"address": bytes(20)}], ids=["signature", "place"]
)
@pytest.mark.parametrize("flag", [Flag.NIL, Flag.COMMIT])
@pytest.mark.covers("LC-10")
def test_a_vote_spoilt_on_purpose_hides_no_fork(height, at, change, flag):
    """Light clients on chains look at no vote for nil, nor at any beyond two thirds: they would take it."""
    fork = with_entry(forged(BLOCKS[height], flags={at: flag}, **TIME), at, **change)
    for pair in ((BLOCKS[height], fork), (fork, BLOCKS[height])):
        found = accepted(judged(*pair))
        assert found.kind is Kind.EQUIVOCATION
        assert found.culprits == addresses([seat for place, seat in enumerate(FOUR) if place != at])


@heights
def test_whoever_did_not_sign_is_not_blamed_for_a_forged_outcome(height):
    lunatic = with_entry(forged(BLOCKS[height], app_hash=bytes(32)), 0, signature=bytes(64))
    assert accepted(judged(BLOCKS[height], lunatic)).culprits == addresses(FOUR[1:])


@pytest.mark.covers("LC-13")
def test_of_three_witnesses_the_ones_that_lie_are_told_from_the_ones_that_prove_a_fork():
    """Two make up blocks, which proves nothing; one shows a fork that the validators signed, which does."""
    strangers = seats(5, 6, 7, 8)
    made_up = grow([strangers], first=9)[9]
    unsigned = forged(BLOCKS[9], flags=absent(0, 1), **TIME)
    signed_fork = forged(BLOCKS[9], **TIME)
    verdicts = [judged(BLOCKS[9], other) for other in (made_up, unsigned, signed_fork)]
    assert [isinstance(verdict, Accepted) for verdict in verdicts] == [False, False, True]
    assert accepted(verdicts[2]).first == BLOCKS[9].ref


@pytest.mark.covers("LC-13")
def test_who_believed_a_lie_first_is_told_the_same_as_who_believed_the_truth():
    """Primary and witness collude or not: the pair alone decides, in either order."""
    fork = forged(BLOCKS[9], **TIME)
    lied_to = accepted(advance(TRUSTED, fork.update, PARAMS, NOW_S))
    rejected(advance(lied_to, BLOCKS[9].update, PARAMS, NOW_S), Reason.CONTRADICTION)
    assert accepted(judged(fork, BLOCKS[9])).kind is accepted(judged(BLOCKS[9], fork)).kind


def test_the_trusted_block_must_be_below_both():
    rejected(judged(BLOCKS[3], forged(BLOCKS[3], **TIME)), Reason.STALE)
    rejected(judged(forged(BLOCKS[5], time_ns=0), BLOCKS[2]), Reason.STALE)


def test_a_trusted_block_too_far_away_says_where_to_try():
    blocks = grow([FOUR, FOUR, seats(5, 6, 7), seats(5, 6, 7)])
    params = params_of(blocks[1])
    trusted = accepted(advance(None, blocks[1].update, params, NOW_S))
    fork = forged(blocks[4], **TIME)
    verdict = judged(blocks[4], fork, trusted=trusted, params=params)
    assert verdict == NotEnoughTrust(have=0, need=14, try_height=3)
    nearer = accepted(advance(trusted, blocks[2].update, params, NOW_S))
    assert accepted(judged(blocks[4], fork, trusted=nearer, params=params)).kind is Kind.EQUIVOCATION


@pytest.mark.covers("LC-05")
def test_an_expired_trusted_block_judges_nobody():
    end_s = TRUSTED.time_s + PARAMS.trusting_period_s + 1
    fork = forged(BLOCKS[9], **TIME)
    accepted(judged(BLOCKS[9], fork, now_s=end_s - 1))
    rejected(judged(BLOCKS[9], fork, now_s=end_s), Reason.EXPIRED)


@pytest.mark.covers("LC-09")
def test_blocks_of_two_chains_do_not_conflict():
    sister = grow([FOUR] * 9, chain=ChainId("cosmos:test-2"), chain_id="test-2")[9]
    rejected(judged(BLOCKS[9], sister), Reason.WRONG_CHAIN)
    rejected(judged(BLOCKS[9], replace(sister, chain=PARAMS.chain)), Reason.WRONG_CHAIN)
