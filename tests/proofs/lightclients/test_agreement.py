"""Agreement: who counts, who does not, and what may follow a trusted block."""

import pytest
import rlp

from proofs import registry
from proofs.hashing import keccak256, sha256
from proofs.lightclients.agreement import AgreementParams, advance
from proofs.records import replace
from proofs.types import Assurance, BlockRef, ChainId, Height, TrustedState, UntrustedUpdate
from proofs.verdict import Accepted, NotEnoughTrust, Reason, Rejected
from tests.proofs.evm.test_header import made_up
from tests.support.evidence import TIME_S, memory_header

CHAIN = ChainId("memory:a")
WITNESSES = ("north", "east", "south")
PARAMS = AgreementParams(chain=CHAIN, witnesses=WITNESSES, threshold=2, header_codec="memory")
NOW_S = TIME_S + 1


def update_of(header: bytes, *, height=5, votes=WITNESSES, chain=CHAIN, **changes) -> UntrustedUpdate:
    """Return an update in which these witnesses report the header's own hash."""
    target = BlockRef(chain=chain, height=Height(height), hash=sha256(header))
    base = UntrustedUpdate(
        light_client="agreement", target=target, header=header, votes=dict.fromkeys(votes, sha256(header))
    )
    return replace(base, **changes)


HEADER = memory_header(CHAIN)
UPDATE = update_of(HEADER)
TRUSTED = advance(None, UPDATE, PARAMS, NOW_S).value


def rejected(verdict, reason):
    assert isinstance(verdict, Rejected), verdict
    assert verdict.reason is reason, verdict


def test_a_block_that_enough_witnesses_report_becomes_trusted():
    assert (
        TrustedState(
            block=BlockRef(chain=CHAIN, height=Height(5), hash=sha256(HEADER)),
            root=bytes(32),
            time_s=TIME_S,
            assurance=Assurance.AGREEMENT,
        )
        == TRUSTED
    )


def test_fewer_than_the_threshold_are_not_enough_and_exactly_it_is():
    assert advance(None, update_of(HEADER, votes=()), PARAMS, NOW_S) == NotEnoughTrust(have=0, need=2)
    assert advance(None, update_of(HEADER, votes=("east",)), PARAMS, NOW_S) == NotEnoughTrust(have=1, need=2)
    assert isinstance(advance(None, update_of(HEADER, votes=("east", "south")), PARAMS, NOW_S), Accepted)


@pytest.mark.parametrize("lie", [bytes(32), b"", sha256(HEADER)[:31], sha256(HEADER) + b"\0", b"x" * 1000])
def test_a_witness_that_reports_another_hash_counts_for_nothing(lie):
    two_agree = {**UPDATE.votes, "north": lie}
    assert isinstance(advance(None, replace(UPDATE, votes=two_agree), PARAMS, NOW_S), Accepted)
    one_agrees = {**two_agree, "east": lie}
    assert advance(None, replace(UPDATE, votes=one_agrees), PARAMS, NOW_S) == NotEnoughTrust(have=1, need=2)


@pytest.mark.parametrize("stranger", ["west", "North", "north ", "", "x" * 10_000])
def test_a_stranger_rejects_the_update(stranger):
    votes = {**UPDATE.votes, stranger: sha256(HEADER)}
    rejected(advance(None, replace(UPDATE, votes=votes), PARAMS, NOW_S), Reason.BAD_SIGNATURE)


def test_more_votes_than_the_cap_are_rejected():
    votes = {f"w{index}": sha256(HEADER) for index in range(513)}
    rejected(advance(None, replace(UPDATE, votes=votes), PARAMS, NOW_S), Reason.LIMIT)


def test_the_header_must_be_the_target():
    target = UPDATE.target
    other = replace(UPDATE, target=replace(target, hash=bytes(32)), votes=dict.fromkeys(WITNESSES, bytes(32)))
    rejected(advance(None, other, PARAMS, NOW_S), Reason.WRONG_HASH)
    rejected(
        advance(None, replace(UPDATE, target=replace(target, height=6)), PARAMS, NOW_S), Reason.WRONG_BLOCK
    )
    rejected(advance(None, replace(UPDATE, header=HEADER[:-1]), PARAMS, NOW_S), Reason.MALFORMED)
    rejected(advance(None, replace(UPDATE, header=bytes(20_000)), PARAMS, NOW_S), Reason.LIMIT)


def test_another_chain_is_rejected_wherever_it_is_named():
    other = ChainId("memory:b")
    rejected(advance(None, update_of(HEADER, chain=other), PARAMS, NOW_S), Reason.WRONG_CHAIN)
    rejected(advance(None, update_of(memory_header(other)), PARAMS, NOW_S), Reason.WRONG_CHAIN)
    foreign = replace(TRUSTED, block=replace(TRUSTED.block, chain=other))
    rejected(advance(foreign, UPDATE, PARAMS, NOW_S), Reason.WRONG_CHAIN)


def test_the_trusted_block_again_is_accepted_and_another_in_its_place_is_a_contradiction():
    assert advance(TRUSTED, UPDATE, PARAMS, NOW_S) == Accepted(value=TRUSTED)
    rival = memory_header(CHAIN, root=b"\1" * 32)
    rejected(advance(TRUSTED, update_of(rival), PARAMS, NOW_S), Reason.CONTRADICTION)


def test_a_single_liar_cannot_cause_a_contradiction():
    rival = memory_header(CHAIN, root=b"\1" * 32)
    verdict = advance(TRUSTED, update_of(rival, votes=("north",)), PARAMS, NOW_S)
    assert verdict == NotEnoughTrust(have=1, need=2)


def test_the_next_block_must_be_a_child_and_later_ones_may_skip():
    child = memory_header(CHAIN, height=6, parent=sha256(HEADER))
    assert isinstance(advance(TRUSTED, update_of(child, height=6), PARAMS, NOW_S), Accepted)
    orphan = memory_header(CHAIN, height=6, parent=bytes(32))
    rejected(advance(TRUSTED, update_of(orphan, height=6), PARAMS, NOW_S), Reason.CONTRADICTION)
    far = memory_header(CHAIN, height=50)
    assert isinstance(advance(TRUSTED, update_of(far, height=50), PARAMS, NOW_S), Accepted)


def test_lower_heights_and_earlier_times_are_stale():
    lower = memory_header(CHAIN, height=4)
    rejected(advance(TRUSTED, update_of(lower, height=4), PARAMS, NOW_S), Reason.STALE)
    earlier = memory_header(CHAIN, height=9, time_s=TIME_S - 1)
    rejected(advance(TRUSTED, update_of(earlier, height=9), PARAMS, NOW_S), Reason.STALE)


@pytest.mark.parametrize(("ahead_s", "is_accepted"), [(0, True), (60, True), (61, False), (10**15, False)])
def test_a_block_from_the_future_is_rejected_beyond_the_drift(ahead_s, is_accepted):
    header = memory_header(CHAIN, time_s=TIME_S + ahead_s)
    verdict = advance(None, update_of(header), PARAMS, TIME_S)
    if is_accepted:
        assert isinstance(verdict, Accepted)
    else:
        rejected(verdict, Reason.LIMIT)
    wide = replace(PARAMS, max_drift_s=10**15)
    assert isinstance(advance(None, update_of(header), wide, TIME_S), Accepted)


def test_evm_headers_are_judged_by_their_keccak_hash_and_bring_their_state_root():
    chain = ChainId("eip155:31337")
    params = replace(PARAMS, chain=chain, header_codec="evm")
    header = rlp.encode(made_up(20))
    block = BlockRef(chain=chain, height=Height(16), hash=keccak256(header))
    votes = dict.fromkeys(WITNESSES, keccak256(header))
    update = UntrustedUpdate(light_client="agreement", target=block, header=header, votes=votes)
    trusted = advance(None, update, params, TIME_S).value
    assert (trusted.block, trusted.root, trusted.time_s) == (block, bytes([4]) * 32, 0x65000000)


@pytest.mark.parametrize(
    "changes",
    [
        {"threshold": 0},
        {"threshold": 4},
        {"threshold": -1},
        {"witnesses": ()},
        {"witnesses": ("north", "north")},
        {"witnesses": tuple([f"w{index}" for index in range(513)])},
        {"header_codec": "ssz"},
    ],
    ids=str,
)
def test_parameters_that_could_never_be_met_are_refused(changes):
    with pytest.raises(ValueError, match="expected"):
        replace(PARAMS, **changes)


def test_the_registry_takes_the_configured_family_and_no_other():
    assert registry.advance(None, UPDATE, PARAMS, NOW_S) == Accepted(value=TRUSTED)
    for name in ("quorum", "nothing", ""):
        verdict = registry.advance(None, replace(UPDATE, light_client=name), PARAMS, NOW_S)
        rejected(verdict, Reason.WRONG_CHAIN)
