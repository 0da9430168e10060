"""Quorum: signatures of known signers over the recomputed hash, and nothing else."""

import coincurve
import pytest

from proofs.hashing import sha256
from proofs.lightclients.quorum import QuorumParams, advance
from proofs.records import replace
from proofs.signatures import address_of, sign
from proofs.types import Assurance, BlockRef, ChainId, Height, UntrustedUpdate
from proofs.verdict import Accepted, NotEnoughTrust, Reason, Rejected
from tests.support.evidence import TIME_S, memory_header

CHAIN = ChainId("memory:a")
KEYS = [bytes([index]) * 32 for index in range(1, 6)]
ADDRESSES = [address_of(coincurve.PrivateKey(key).public_key) for key in KEYS]
PARAMS = QuorumParams(chain=CHAIN, signers=tuple(ADDRESSES[:4]), threshold=3)
HEADER = memory_header(CHAIN)


def update_of(header=HEADER, signers=(0, 1, 2), *, height=5, chain=CHAIN):
    block = BlockRef(chain=chain, height=Height(height), hash=sha256(header))
    votes = {ADDRESSES[index].hex(): sign(KEYS[index], block.hash) for index in signers}
    return UntrustedUpdate(light_client="quorum", target=block, header=header, votes=votes)


def rejected(verdict, reason):
    assert isinstance(verdict, Rejected), verdict
    assert verdict.reason is reason, verdict


def test_a_block_that_a_quorum_signed_becomes_trusted_by_consensus():
    verdict = advance(None, update_of(), PARAMS, TIME_S)
    assert isinstance(verdict, Accepted)
    assert verdict.value.assurance is Assurance.CONSENSUS
    assert verdict.value.block == update_of().target


def test_fewer_signatures_are_not_enough():
    assert advance(None, update_of(signers=(0, 3)), PARAMS, TIME_S) == NotEnoughTrust(have=2, need=3)
    assert advance(None, update_of(signers=()), PARAMS, TIME_S) == NotEnoughTrust(have=0, need=3)


def test_any_bad_vote_rejects_the_update():
    good = dict(update_of(signers=(0, 1, 2, 3)).votes)
    name, other = ADDRESSES[0].hex(), ADDRESSES[1].hex()
    bad = [
        {**good, ADDRESSES[4].hex(): sign(KEYS[4], sha256(HEADER))},
        {**good, name: good[other]},
        {**good, name.upper(): good[name]},
        {**good, "0x" + name: good[name]},
        {**good, "": good[name]},
        {**good, name: sign(KEYS[0], sha256(b"another block"))},
        {**good, name: b""},
        {**good, name: bytes(65)},
        {**good, name: good[name] + b"\0"},
    ]
    for votes in bad:
        rejected(advance(None, replace(update_of(), votes=votes), PARAMS, TIME_S), Reason.BAD_SIGNATURE)


def test_one_signer_under_two_names_does_not_count_twice():
    votes = dict(update_of(signers=(0, 1)).votes)
    votes[ADDRESSES[2].hex()] = votes[ADDRESSES[0].hex()]
    rejected(advance(None, replace(update_of(), votes=votes), PARAMS, TIME_S), Reason.BAD_SIGNATURE)


def test_signatures_for_a_sister_chain_are_worth_nothing():
    sister = ChainId("memory:b")
    foreign = update_of(memory_header(sister), chain=sister)
    rejected(advance(None, foreign, PARAMS, TIME_S), Reason.WRONG_CHAIN)
    relabelled = replace(foreign, target=replace(foreign.target, chain=CHAIN))
    rejected(advance(None, relabelled, PARAMS, TIME_S), Reason.WRONG_CHAIN)


def test_two_signed_blocks_at_one_height_are_a_contradiction():
    trusted = advance(None, update_of(), PARAMS, TIME_S).value
    rival = memory_header(CHAIN, root=b"\1" * 32)
    rejected(advance(trusted, update_of(rival), PARAMS, TIME_S), Reason.CONTRADICTION)
    assert advance(trusted, update_of(rival, signers=(0,)), PARAMS, TIME_S) == NotEnoughTrust(have=1, need=3)
    orphan = memory_header(CHAIN, height=6)
    rejected(advance(trusted, update_of(orphan, height=6), PARAMS, TIME_S), Reason.CONTRADICTION)


def test_a_block_from_the_future_is_rejected():
    rejected(advance(None, update_of(), PARAMS, TIME_S - 61), Reason.LIMIT)


@pytest.mark.parametrize(
    "changes",
    [
        {"threshold": 0},
        {"threshold": 5},
        {"signers": ()},
        {"signers": (ADDRESSES[0], ADDRESSES[0], ADDRESSES[1])},
        {"signers": (b"short", *ADDRESSES[:3])},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_parameters_that_could_never_be_met_are_refused(changes):
    with pytest.raises(ValueError, match="expected"):
        replace(PARAMS, **changes)
