"""From one trusted block to another: which blocks, and who must have voted for them."""

import pytest

from proofs.lightclients.tendermint import advance
from proofs.lightclients.tendermint.types import Flag, KeyType
from proofs.records import replace
from proofs.types import Assurance
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
    Seat,
    block_id,
    forged,
    grow,
    header_of,
    ordered,
    params_of,
    resigned,
    seats,
    signed,
    with_commit,
    with_entry,
)


def test_the_anchor_is_trusted_by_consensus_with_its_app_hash_and_time():
    assert TRUSTED.block == BLOCKS[3].ref
    assert TRUSTED.root == BLOCKS[3].block.header.app_hash
    assert TRUSTED.time_s == BLOCKS[3].time_s
    assert TRUSTED.assurance is Assurance.CONSENSUS


@pytest.mark.covers("LC-09")
def test_only_the_anchor_of_the_configuration_starts_trust():
    rejected(advance(None, BLOCKS[4].update, PARAMS, NOW_S), Reason.WRONG_BLOCK)
    fork = forged(BLOCKS[3], app_hash=bytes(32))
    rejected(advance(None, fork.update, PARAMS, NOW_S), Reason.WRONG_BLOCK)
    unsigned = forged(BLOCKS[3], flags=absent(0, 1))
    assert unsigned.hash == BLOCKS[3].hash
    rejected(advance(None, unsigned.update, PARAMS, NOW_S), Reason.INCOMPLETE)
    relabelled = replace(fork.update, target=BLOCKS[3].ref)
    rejected(advance(None, relabelled, PARAMS, NOW_S), Reason.WRONG_HASH)


@pytest.mark.parametrize("height", [4, 5, 12])
def test_the_next_block_and_any_later_one_become_trusted(height):
    state = accepted(advance(TRUSTED, BLOCKS[height].update, PARAMS, NOW_S))
    assert (state.block, state.root) == (BLOCKS[height].ref, BLOCKS[height].block.header.app_hash)


def test_the_parent_becomes_trusted_by_its_hash_and_lower_ones_one_by_one():
    second = accepted(advance(TRUSTED, BLOCKS[2].update, PARAMS, NOW_S))
    assert second.block == BLOCKS[2].ref
    assert accepted(advance(second, BLOCKS[1].update, PARAMS, NOW_S)).block == BLOCKS[1].ref
    rejected(advance(TRUSTED, BLOCKS[1].update, PARAMS, NOW_S), Reason.STALE)
    other = forged(BLOCKS[2], app_hash=bytes(32))
    rejected(advance(TRUSTED, other.update, PARAMS, NOW_S), Reason.WRONG_HASH)
    unsigned = forged(BLOCKS[2], flags=absent(0, 1))
    rejected(advance(TRUSTED, unsigned.update, PARAMS, NOW_S), Reason.INCOMPLETE)


def test_a_parent_that_is_not_earlier_contradicts_its_child():
    parent = forged(BLOCKS[2], time_ns=BLOCKS[3].block.header.time_ns)
    child = forged(BLOCKS[3], last_block=block_id(parent.hash))
    trusted = accepted(advance(None, child.update, params_of(child), NOW_S))
    rejected(advance(trusted, parent.update, params_of(child), NOW_S), Reason.CONTRADICTION)


# Votes and powers

EDGE = (2**63 - 1) // 8
"""The most power that a set may have; a multiple of three."""


@pytest.mark.parametrize(
    ("powers", "is_enough"),
    [
        ((34, 32, 33), False),
        ((33, 33, 33), False),
        ((66, 33), False),
        ((66, 34), False),
        ((67, 33), True),
        ((200, 100), False),
        ((201, 100), True),
        ((199, 100), False),
        ((EDGE // 3 * 2, EDGE // 3), False),
        ((EDGE // 3 * 2 + 1, EDGE // 3 - 1), True),
    ],
    ids=str,
)
@pytest.mark.covers("LC-01")
def test_more_than_two_thirds_of_the_power_must_vote(powers, is_enough):
    """The first seat votes and the others do not; the next block has the same set."""
    some = ordered([Seat(number, power) for number, power in enumerate(powers, start=1)])
    blocks = grow([some] * 2)
    params = params_of(blocks[1])
    trusted = accepted(advance(None, blocks[1].update, params, NOW_S))
    silent = absent(*[at for at, seat in enumerate(some) if seat.number != 1])
    verdict = advance(trusted, forged(blocks[2], flags=silent).update, params, NOW_S)
    if is_enough:
        accepted(verdict)
    else:
        rejected(verdict, Reason.INCOMPLETE)


@pytest.mark.parametrize(
    ("powers", "level", "need", "is_enough"),
    [
        ((1, 2), (1, 3), 2, False),
        ((2, 4), (1, 3), 3, False),
        ((34, 66), (1, 3), 34, True),
        ((33, 66), (1, 3), 34, False),
        ((33, 67), (1, 3), 34, False),
        ((34, 67), (1, 3), 34, True),
        ((2, 1), (2, 3), 3, False),
        ((67, 33), (2, 3), 67, True),
        ((3,), (1, 1), 4, False),
        ((EDGE // 3, EDGE - EDGE // 3), (1, 3), EDGE // 3 + 1, False),
        ((EDGE // 3 + 1, EDGE - EDGE // 3 - 1), (1, 3), EDGE // 3 + 1, True),
    ],
    ids=str,
)
@pytest.mark.covers("LC-01")
def test_more_than_the_trust_level_of_the_trusted_set_must_vote_for_a_block_far_ahead(
    powers, level, need, is_enough
):
    """Of the old set only the first seat is left, and a new one with it; both vote."""
    old = ordered([Seat(number, power) for number, power in enumerate(powers, start=1)])
    new = ordered([Seat(1, 5), Seat(9, 5)])
    blocks = grow([old, old, old, new])
    params = params_of(blocks[1], trust_level=level)
    trusted = accepted(advance(None, blocks[1].update, params, NOW_S))
    verdict = advance(trusted, blocks[4].update, params, NOW_S)
    if is_enough:
        accepted(verdict)
    else:
        assert verdict == NotEnoughTrust(have=powers[0], need=need, try_height=3)


@pytest.mark.covers("LC-01")
def test_a_set_with_more_power_than_cometbft_allows_is_refused_and_so_is_an_idle_seat():
    for powers, reason in (
        ((EDGE, 1), Reason.LIMIT),
        ((2**63 - 1,) * 3, Reason.LIMIT),
        ((5, 0), Reason.MALFORMED),
    ):
        some = ordered([Seat(number, power) for number, power in enumerate(powers, start=1)])
        made = grow([some])[1]
        rejected(advance(None, made.update, params_of(made), NOW_S), reason)
    negative = ordered([Seat(1, 2**63 - 1), Seat(2, -(2**62))])
    made = grow([negative])[1]
    rejected(advance(None, made.update, params_of(made), NOW_S), Reason.MALFORMED)


@pytest.mark.covers("LC-04")
def test_trust_in_a_set_that_changed_is_counted_by_address_with_the_powers_of_the_trusted_set():
    """The same seats in another order with other powers: the one that stayed was small, and now is large."""
    old = ordered([Seat(1, 10), Seat(2, 45), Seat(3, 45)])
    new = ordered([Seat(1, 1000), Seat(4, 1), Seat(5, 1)])
    blocks = grow([old, old, new, new])
    params = params_of(blocks[1])
    trusted = accepted(advance(None, blocks[1].update, params, NOW_S))
    assert advance(trusted, blocks[4].update, params, NOW_S) == NotEnoughTrust(have=10, need=34, try_height=3)
    assert advance(trusted, blocks[3].update, params, NOW_S) == NotEnoughTrust(have=10, need=34, try_height=2)
    second = accepted(advance(trusted, blocks[2].update, params, NOW_S))
    third = accepted(advance(second, blocks[3].update, params, NOW_S))
    accepted(advance(third, blocks[4].update, params, NOW_S))


@pytest.mark.covers("LC-04")
@pytest.mark.parametrize(
    ("new", "is_reached"),
    [
        (seats(5, 6, 7, 8), False),
        (seats(1, 6, 7, 8), False),
        (seats(1, 2, 7, 8), True),
        (seats(1, 2, 3, 4, 5, 6, 7, 8), True),
        (seats(1, 2), True),
    ],
    ids=["none left", "a quarter left", "half left", "doubled", "halved"],
)
def test_a_far_block_is_reached_when_enough_of_the_trusted_set_is_left(new, is_reached):
    blocks = grow([FOUR, FOUR, FOUR, new])
    params = params_of(blocks[1])
    trusted = accepted(advance(None, blocks[1].update, params, NOW_S))
    verdict = advance(trusted, blocks[4].update, params, NOW_S)
    assert isinstance(verdict, Accepted if is_reached else NotEnoughTrust)


def test_far_ahead_more_than_two_thirds_of_the_new_set_must_vote_as_well():
    blocks = grow([FOUR, FOUR, FOUR, seats(1, 2, 5, 6)])
    params = params_of(blocks[1])
    trusted = accepted(advance(None, blocks[1].update, params, NOW_S))
    silent = absent(*[at for at, seat in enumerate(blocks[4].seats) if seat.number in (5, 6)])
    rejected(advance(trusted, forged(blocks[4], flags=silent).update, params, NOW_S), Reason.INCOMPLETE)


def test_votes_for_nil_are_signed_and_count_for_nothing():
    nil = forged(BLOCKS[4], flags={0: Flag.NIL})
    accepted(advance(TRUSTED, nil.update, PARAMS, NOW_S))
    rejected(
        advance(TRUSTED, forged(BLOCKS[4], flags={0: Flag.NIL, 1: Flag.NIL}).update, PARAMS, NOW_S),
        Reason.INCOMPLETE,
    )
    unsigned = with_entry(nil, 0, signature=bytes(64))
    rejected(advance(TRUSTED, unsigned.update, PARAMS, NOW_S), Reason.BAD_SIGNATURE)


@pytest.mark.parametrize("height", [4, 9], ids=["next", "far"])
@pytest.mark.parametrize("at", range(4))
@pytest.mark.covers("LC-03")
def test_one_invalid_vote_beside_a_valid_quorum_refuses_the_commit(height, at):
    for signature in (bytes(64), BLOCKS[5].block.commit.signatures[at].signature, b"\1", b"\1" * 96):
        bad = with_entry(BLOCKS[height], at, signature=signature)
        rejected(advance(TRUSTED, bad.update, PARAMS, NOW_S), Reason.BAD_SIGNATURE)
    late = with_entry(BLOCKS[height], at, time_ns=BLOCKS[height].block.commit.signatures[at].time_ns + 1)
    rejected(advance(TRUSTED, late.update, PARAMS, NOW_S), Reason.BAD_SIGNATURE)


@pytest.mark.parametrize("height", [4, 9], ids=["next", "far"])
@pytest.mark.covers("LC-02", "LC-03")
def test_a_vote_stands_at_its_own_validators_place_and_nowhere_else(height):
    made = BLOCKS[height]
    entries = made.block.commit.signatures
    copies = replace(made.block, commit=replace(made.block.commit, signatures=(entries[0],) * 4))
    swapped = (entries[1], entries[0], *entries[2:])
    moved = replace(made.block, commit=replace(made.block.commit, signatures=swapped))
    stranger = Seat(9).validator.address
    for block in (
        copies,
        moved,
        with_entry(made, 2, address=stranger).block,
        with_entry(made, 2, address=b"").block,
    ):
        rejected(advance(TRUSTED, replace(made, block=block).update, PARAMS, NOW_S), Reason.BAD_SIGNATURE)


@pytest.mark.covers("LC-03")
def test_a_commit_has_one_entry_for_each_validator():
    made = BLOCKS[4]
    entries = made.block.commit.signatures
    for wrong in (entries[:3], (*entries, entries[0]), (*entries, replace(entries[0], flag=Flag.ABSENT)), ()):
        block = replace(made.block, commit=replace(made.block.commit, signatures=wrong))
        rejected(advance(TRUSTED, replace(made, block=block).update, PARAMS, NOW_S), Reason.INCOMPLETE)


@pytest.mark.covers("LC-03")
def test_an_invalid_vote_of_a_newcomer_refuses_a_far_block_that_the_trusted_set_voted_for():
    blocks = grow([FOUR, FOUR, FOUR, seats(1, 2, 3, 4, 5)])
    params = params_of(blocks[1])
    trusted = accepted(advance(None, blocks[1].update, params, NOW_S))
    at = next(at for at, seat in enumerate(blocks[4].seats) if seat.number == 5)
    accepted(advance(trusted, blocks[4].update, params, NOW_S))
    bad = with_entry(blocks[4], at, signature=bytes(64))
    rejected(advance(trusted, bad.update, params, NOW_S), Reason.BAD_SIGNATURE)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"height": 5}, Reason.WRONG_BLOCK),
        ({"round": -1}, Reason.MALFORMED),
        ({"block": block_id(bytes(32))}, Reason.WRONG_HASH),
    ],
    ids=str,
)
def test_a_commit_for_something_else_is_refused_although_every_vote_in_it_is_signed(changes, reason):
    made = with_commit(BLOCKS[4], **changes)
    block = replace(made.block, commit=resigned(made.block.commit, made.seats))
    rejected(advance(TRUSTED, replace(made, block=block).update, PARAMS, NOW_S), reason)


@pytest.mark.parametrize(
    "changes", [{"address": FOUR[0].validator.address}, {"signature": bytes(64)}, {"time_ns": 0}], ids=str
)
def test_where_no_vote_is_nothing_else_may_be(changes):
    made = forged(BLOCKS[4], flags=absent(0))
    accepted(advance(TRUSTED, made.update, PARAMS, NOW_S))
    rejected(advance(TRUSTED, with_entry(made, 0, **changes).update, PARAMS, NOW_S), Reason.MALFORMED)


@pytest.mark.covers("LC-02", "LC-15")
def test_one_validator_in_two_seats_is_refused():
    """The same key twice, as it is or with another power: the hash fits, and it still is no set."""
    for double in ((Seat(1), Seat(1), Seat(2)), (Seat(1, 20), Seat(1, 10), Seat(2, 10))):
        made = signed(header_of(1, double, FOUR), double, FOUR)
        rejected(advance(None, made.update, params_of(made), NOW_S), Reason.MALFORMED)


@pytest.mark.covers("LC-15")
def test_votes_of_those_who_are_not_in_the_set_or_left_it_are_worth_nothing():
    strangers = seats(5, 6, 7, 8)
    rejected(advance(TRUSTED, grow([strangers], first=4)[4].update, PARAMS, NOW_S), Reason.WRONG_HASH)
    verdict = advance(TRUSTED, grow([strangers], first=9)[9].update, PARAMS, NOW_S)
    assert verdict == NotEnoughTrust(have=0, need=14, try_height=6)
    blocks = grow([FOUR, seats(1, 2, 3), seats(1, 2, 3)])
    params = params_of(blocks[2])
    trusted = accepted(advance(None, blocks[2].update, params, NOW_S))
    with_the_one_who_left = signed(blocks[3].block.header, FOUR, seats(1, 2, 3))
    rejected(advance(trusted, with_the_one_who_left.update, params, NOW_S), Reason.WRONG_HASH)


def test_validators_with_secp256k1_keys_and_mixed_sets_vote_as_well():
    mixed = ordered([Seat(1), Seat(2, key_type=KeyType.SECP256K1), Seat(3, key_type=KeyType.SECP256K1)])
    blocks = grow([mixed] * 4)
    params = params_of(blocks[1])
    trusted = accepted(advance(None, blocks[1].update, params, NOW_S))
    accepted(advance(trusted, blocks[2].update, params, NOW_S))
    accepted(advance(trusted, blocks[4].update, params, NOW_S))
    at = next(at for at, seat in enumerate(mixed) if seat.key_type is KeyType.SECP256K1)
    bad = with_entry(blocks[2], at, signature=bytes(64))
    rejected(advance(trusted, bad.update, params, NOW_S), Reason.BAD_SIGNATURE)
