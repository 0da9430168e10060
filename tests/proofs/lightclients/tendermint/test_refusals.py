"""When trust ends, what contradicts it, and what is of another chain: the bounds of trust."""

import pytest

from proofs import registry
from proofs.lightclients.tendermint import TendermintParams, advance, decode_light_block
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
    CHAIN,
    FOUR,
    NS,
    START_S,
    Seat,
    block_id,
    forged,
    grow,
    header_of,
    ordered,
    params_of,
    seats,
    signed,
    validators_of,
    with_entry,
)


@pytest.mark.covers("LC-05")
def test_trust_ends_with_the_trusting_period_and_not_a_moment_later():
    end_ns = BLOCKS[3].block.header.time_ns + 3600 * NS
    for update in (BLOCKS[3].update, BLOCKS[4].update, BLOCKS[9].update, BLOCKS[2].update):
        accepted(advance(TRUSTED, update, PARAMS, end_ns // NS))
        rejected(advance(TRUSTED, update, PARAMS, end_ns // NS + 1), Reason.EXPIRED)
    accepted(advance(None, BLOCKS[3].update, PARAMS, end_ns // NS))
    rejected(advance(None, BLOCKS[3].update, PARAMS, end_ns // NS + 1), Reason.EXPIRED)


@pytest.mark.covers("LC-05")
def test_at_the_very_end_of_the_trusting_period_trust_has_ended():
    anchor = forged(BLOCKS[3], time_ns=START_S * NS)
    params = params_of(anchor)
    trusted = accepted(advance(None, anchor.update, params, START_S))
    rejected(advance(trusted, BLOCKS[9].update, params, START_S + 3600), Reason.EXPIRED)
    accepted(advance(trusted, BLOCKS[9].update, params, START_S + 3599))
    stepped_back = advance(trusted, BLOCKS[9].update, params, START_S - 3600)
    rejected(stepped_back, Reason.LIMIT)


@pytest.mark.covers("LC-06")
def test_an_anchor_from_the_future_is_refused():
    anchor = forged(BLOCKS[3], time_ns=(NOW_S + 10) * NS)
    rejected(advance(None, anchor.update, params_of(anchor), NOW_S), Reason.LIMIT)
    accepted(advance(None, anchor.update, params_of(anchor), NOW_S + 1))


@pytest.mark.parametrize("height", [4, 9], ids=["next", "far"])
@pytest.mark.covers("LC-06")
def test_a_block_as_far_ahead_of_our_clock_as_the_drift_is_refused(height):
    def at(time_ns):
        return advance(TRUSTED, forged(BLOCKS[height], time_ns=time_ns).update, PARAMS, NOW_S)

    bound_ns = (NOW_S + PARAMS.max_clock_drift_s) * NS
    accepted(at(bound_ns - 1))
    for time_ns in (bound_ns, bound_ns + 1, bound_ns + NS, bound_ns + 5 * 3600 * NS):
        rejected(at(time_ns), Reason.LIMIT)


@pytest.mark.covers("LC-06")
def test_a_block_whose_time_does_not_move_on_contradicts_the_trusted_one_if_it_is_vouched_for():
    trusted_ns = BLOCKS[3].block.header.time_ns
    for height in (4, 9):
        accepted(advance(TRUSTED, forged(BLOCKS[height], time_ns=trusted_ns + 1).update, PARAMS, NOW_S))
        for time_ns in (trusted_ns, trusted_ns - 1, 0):
            early = forged(BLOCKS[height], time_ns=time_ns)
            rejected(advance(TRUSTED, early.update, PARAMS, NOW_S), Reason.CONTRADICTION)
            noise = with_entry(early, 0, signature=bytes(64))
            rejected(advance(TRUSTED, noise.update, PARAMS, NOW_S), Reason.BAD_SIGNATURE)


@pytest.mark.covers("LC-06")
def test_a_block_far_above_the_head_needs_votes_and_a_time_like_any_other():
    far = 2**62
    header = replace(BLOCKS[4].block.header, height=far)
    accepted(advance(TRUSTED, signed(header, FOUR, FOUR).update, PARAMS, NOW_S))
    strangers = seats(5, 6, 7, 8)
    made_up = signed(replace(header_of(4, strangers, strangers), height=far), strangers, strangers)
    assert isinstance(advance(TRUSTED, made_up.update, PARAMS, NOW_S), NotEnoughTrust)


# Contradictions


def test_the_trusted_block_again_is_accepted_as_it_is():
    assert advance(TRUSTED, BLOCKS[3].update, PARAMS, NOW_S) == Accepted(value=TRUSTED)


def test_another_block_in_the_place_of_the_trusted_one_contradicts_it_when_its_voters_count():
    fork = forged(BLOCKS[3], app_hash=bytes(32))
    rejected(advance(TRUSTED, fork.update, PARAMS, NOW_S), Reason.CONTRADICTION)
    later_round = forged(BLOCKS[3], app_hash=bytes(32), round_=1)
    rejected(advance(TRUSTED, later_round.update, PARAMS, NOW_S), Reason.CONTRADICTION)
    half = ordered([*seats(1, 2), *seats(8, 9)])
    lunatic = signed(header_of(3, half, half), half, half)
    rejected(advance(TRUSTED, lunatic.update, PARAMS, NOW_S), Reason.CONTRADICTION)


def test_a_fork_by_the_set_of_the_trusted_block_counts_although_another_set_comes_after_it():
    blocks = grow([FOUR, seats(5, 6, 7)])
    params = params_of(blocks[1])
    trusted = accepted(advance(None, blocks[1].update, params, NOW_S))
    fork = forged(blocks[1], app_hash=bytes(32))
    rejected(advance(trusted, fork.update, params, NOW_S), Reason.CONTRADICTION)


def test_nobody_else_can_cause_a_contradiction():
    strangers = seats(5, 6, 7, 8)
    rejected(advance(TRUSTED, grow([strangers], first=3)[3].update, PARAMS, NOW_S), Reason.WRONG_HASH)
    fork = forged(BLOCKS[3], app_hash=bytes(32))
    for bad, reason in (
        (forged(BLOCKS[3], flags=absent(0, 1), app_hash=bytes(32)), Reason.INCOMPLETE),
        (with_entry(fork, 0, signature=bytes(64)), Reason.BAD_SIGNATURE),
    ):
        rejected(advance(TRUSTED, bad.update, PARAMS, NOW_S), reason)


def test_a_child_of_another_block_contradicts_the_trusted_one():
    orphan = forged(BLOCKS[4], last_block=block_id(bytes(32)))
    rejected(advance(TRUSTED, orphan.update, PARAMS, NOW_S), Reason.CONTRADICTION)
    noise = with_entry(orphan, 0, signature=bytes(64))
    rejected(advance(TRUSTED, noise.update, PARAMS, NOW_S), Reason.BAD_SIGNATURE)


# Identity


@pytest.mark.covers("LC-09")
def test_a_block_of_another_chain_is_refused_wherever_that_is_said():
    sister = ChainId("cosmos:test-2")
    foreign = grow([FOUR] * 4, chain=sister, chain_id="test-2")[4]
    rejected(advance(TRUSTED, foreign.update, PARAMS, NOW_S), Reason.WRONG_CHAIN)
    relabelled = replace(foreign, chain=CHAIN)
    rejected(advance(TRUSTED, relabelled.update, PARAMS, NOW_S), Reason.WRONG_CHAIN)
    elsewhere = replace(TRUSTED, block=replace(TRUSTED.block, chain=sister))
    rejected(advance(elsewhere, BLOCKS[4].update, PARAMS, NOW_S), Reason.WRONG_CHAIN)


@pytest.mark.covers("LC-09")
def test_votes_signed_for_a_sister_chain_are_worth_nothing_here():
    """The same validators run both chains; only the name that the votes sign differs."""
    header = BLOCKS[4].block.header
    elsewhere = signed(replace(header, chain_id="test-2"), FOUR, FOUR)
    votes = elsewhere.block.commit.signatures
    block = replace(BLOCKS[4].block, commit=replace(BLOCKS[4].block.commit, signatures=votes))
    rejected(advance(TRUSTED, replace(BLOCKS[4], block=block).update, PARAMS, NOW_S), Reason.BAD_SIGNATURE)


@pytest.mark.covers("LC-11")
def test_a_hash_is_recomputed_whatever_the_update_says_it_is():
    honest = BLOCKS[4].update
    for known in (BLOCKS[3].hash, BLOCKS[5].hash, bytes(32), b"", BLOCKS[4].hash + b"\0"):
        lie = replace(honest, target=replace(honest.target, hash=known))
        rejected(advance(TRUSTED, lie, PARAMS, NOW_S), Reason.WRONG_HASH)
    fork = forged(BLOCKS[4], app_hash=bytes(32))
    commit = replace(fork.block.commit, block=BLOCKS[4].block.commit.block)
    dressed = replace(fork, block=replace(fork.block, commit=commit))
    rejected(advance(TRUSTED, dressed.update, PARAMS, NOW_S), Reason.WRONG_HASH)
    rejected(
        advance(TRUSTED, replace(dressed.update, target=BLOCKS[4].ref), PARAMS, NOW_S), Reason.WRONG_HASH
    )


@pytest.mark.covers("LC-11")
def test_a_refused_block_leaves_no_trace():
    """Nothing is remembered between calls: the same update has the same verdict after any other."""
    bad = with_entry(BLOCKS[4], 0, signature=bytes(64)).update
    for _ in range(2):
        rejected(advance(TRUSTED, bad, PARAMS, NOW_S), Reason.BAD_SIGNATURE)
        accepted(advance(TRUSTED, BLOCKS[4].update, PARAMS, NOW_S))


@pytest.mark.parametrize(
    "changes",
    [{"block_version": 12}, {"block_version": 0}, {"block_version": 2**63}, {"chain_id": "test-2"}],
    ids=str,
)
@pytest.mark.parametrize("height", [4, 9], ids=["next", "far"])
@pytest.mark.covers("LC-12")
def test_another_block_format_or_revision_stops_with_upgrade_needed(height, changes):
    verdict = advance(TRUSTED, forged(BLOCKS[height], **changes).update, PARAMS, NOW_S)
    rejected(verdict, Reason.WRONG_CHAIN)
    assert "needed" in verdict.detail


def test_another_application_version_is_the_chains_own_business():
    accepted(advance(TRUSTED, forged(BLOCKS[4], app_version=7).update, PARAMS, NOW_S))


@pytest.mark.covers("LC-15")
def test_the_next_set_is_the_one_that_the_header_binds():
    honest = BLOCKS[4].update
    for other in (seats(1, 2, 3), seats(1, 2, 3, 5), FOUR[::-1], (*FOUR[:3], Seat(FOUR[3].number, 11))):
        update = replace(honest, next_set=replace(BLOCKS[4], next_seats=other).update.next_set)
        rejected(advance(TRUSTED, update, PARAMS, NOW_S), Reason.WRONG_HASH)
    rejected(advance(TRUSTED, replace(honest, next_set=b""), PARAMS, NOW_S), Reason.MALFORMED)


def test_a_trusted_state_of_another_family_is_refused():
    for consensus in (b"", b"\xc0", b"\x80", TRUSTED.consensus[:-1], TRUSTED.consensus + b"\0"):
        rejected(
            advance(replace(TRUSTED, consensus=consensus), BLOCKS[4].update, PARAMS, NOW_S), Reason.MALFORMED
        )


def test_the_registry_knows_the_family_and_that_it_bisects():
    assert registry.advance(TRUSTED, BLOCKS[9].update, PARAMS, NOW_S) == advance(
        TRUSTED, BLOCKS[9].update, PARAMS, NOW_S
    )
    assert [name for name, family in registry.LIGHT_CLIENTS.items() if family.skipping] == ["tendermint"]


@pytest.mark.parametrize(
    "changes",
    [
        {"trust_level": (1, 4)},
        {"trust_level": (4, 3)},
        {"trust_level": (0, 0)},
        {"trust_level": (-1, -3)},
        {"trust_level": (333, 1000)},
        {"chain_id": ""},
        {"chain_id": "x" * 51},
        {"anchor_hash": bytes(31)},
        {"anchor_height": 0},
        {"trusting_period_s": 0},
        {"max_clock_drift_s": -1},
    ],
    ids=str,
)
def test_parameters_that_could_never_be_met_or_would_be_unsafe_are_refused(changes):
    with pytest.raises(ValueError, match="expected"):
        replace(PARAMS, **changes)
    assert isinstance(PARAMS, TendermintParams)


def test_a_light_block_carries_its_validators_addresses_from_their_keys():
    assert decode_light_block(BLOCKS[3].update.header).validators == validators_of(FOUR)
