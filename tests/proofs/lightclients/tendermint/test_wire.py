"""Light blocks as bytes: one meaning, one encoding; sizes before anything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs import limits
from proofs.lightclients.tendermint import (
    advance,
    decode_light_block,
    decode_validators,
    encode_light_block,
    encode_validators,
    header_hash,
    keys,
)
from proofs.lightclients.tendermint.types import (
    BlockId,
    Commit,
    CommitSig,
    Flag,
    Header,
    KeyType,
    LightBlock,
)
from proofs.lightclients.tendermint.wire import ZERO_TIME_NS
from proofs.pb.tendermint.types import types_pb2, validator_pb2
from proofs.records import replace
from proofs.verdict import Accepted, Reason, Refusal
from tests.proofs.lightclients.tendermint.cases import BLOCKS, NOW_S, PARAMS, TRUSTED, accepted, rejected
from tests.support.cosmos_blocks import FOUR, forged, validators_of

ENCODED = BLOCKS[4].update.header
NEXT_SET = BLOCKS[4].update.next_set


def refused(decode, encoded, reason, what):
    with pytest.raises(Refusal, match=what) as refusal:
        decode(encoded)
    assert refusal.value.reason is reason, refusal.value


def changed(change):
    """Return the bytes of the block after a change of its message."""
    message = types_pb2.LightBlock.FromString(ENCODED)
    change(message)
    return message.SerializeToString()


def test_a_block_is_read_as_it_was_written():
    assert decode_light_block(ENCODED) == BLOCKS[4].block
    assert decode_validators(NEXT_SET) == validators_of(FOUR)


UNKNOWN = b"\xf8\x01\x01"
"""Field 31, which no message has."""


@pytest.mark.parametrize(
    "path",
    [
        "",
        "signed_header",
        "signed_header.header",
        "signed_header.header.version",
        "signed_header.header.time",
        "signed_header.header.last_block_id",
        "signed_header.header.last_block_id.part_set_header",
        "signed_header.commit",
        "signed_header.commit.block_id",
        "validator_set",
        "validator_set.proposer",
    ],
)
def test_an_unknown_field_is_refused_at_every_depth(path):
    def add(message):
        for name in filter(None, path.split(".")):
            message = getattr(message, name)
        message.MergeFromString(UNKNOWN)

    refused(decode_light_block, changed(add), Reason.MALFORMED, "canonical")


def test_other_bytes_with_the_same_meaning_are_refused():
    honest = types_pb2.LightBlock.FromString(ENCODED)
    first = types_pb2.LightBlock(signed_header=honest.signed_header).SerializeToString()
    second = types_pb2.LightBlock(validator_set=honest.validator_set).SerializeToString()
    assert first + second == ENCODED
    long_tag = b"\x8a\x00" + first[1:]
    for other in (second + first, first + second + second, first + first + second, long_tag + second):
        assert types_pb2.LightBlock.FromString(other).signed_header.header == honest.signed_header.header
        refused(decode_light_block, other, Reason.MALFORMED, "canonical")


@pytest.mark.parametrize(
    ("parent", "name"),
    [
        ("", "signed_header"),
        ("", "validator_set"),
        ("signed_header", "header"),
        ("signed_header", "commit"),
        ("signed_header.header", "version"),
        ("signed_header.header", "time"),
        ("signed_header.header", "last_block_id"),
        ("signed_header.header.last_block_id", "part_set_header"),
        ("signed_header.commit", "block_id"),
        ("signed_header.commit.block_id", "part_set_header"),
    ],
)
def test_a_part_that_cometbft_always_writes_may_not_be_left_out(parent, name):
    def drop(message):
        for step in filter(None, parent.split(".")):
            message = getattr(message, step)
        message.ClearField(name)

    refused(decode_light_block, changed(drop), Reason.MALFORMED, f"expected {name}, got none")


def test_a_vote_without_a_time_is_refused():
    without = changed(lambda message: message.signed_header.commit.signatures[0].ClearField("timestamp"))
    refused(decode_light_block, without, Reason.MALFORMED, "expected timestamp")


@pytest.mark.parametrize("flag", [0, 4, -1, 2**31 - 1])
def test_an_unknown_flag_is_refused(flag):
    def change(message):
        message.signed_header.commit.signatures[0].block_id_flag = flag

    refused(decode_light_block, changed(change), Reason.MALFORMED, "expected flag")


@pytest.mark.parametrize(
    ("seconds", "nanos"), [(0, 10**9), (0, -1), (-62_135_596_801, 0), (253_402_300_800, 0), (2**63 - 1, 0)]
)
def test_a_time_that_is_no_time_is_refused(seconds, nanos):
    def change(message):
        time = message.signed_header.header.time
        time.seconds, time.nanos = seconds, nanos

    refused(decode_light_block, changed(change), Reason.MALFORMED, "expected a moment")


def test_the_proposer_of_a_set_and_priorities_say_nothing():
    def change(message):
        message.validator_set.proposer.voting_power = 77
        message.validator_set.validators[1].proposer_priority = -5
        message.validator_set.total_voting_power = 40

    encoded = changed(change)
    assert decode_light_block(encoded) == BLOCKS[4].block
    update = replace(BLOCKS[4].update, header=encoded)
    assert advance(TRUSTED, update, PARAMS, NOW_S) == advance(TRUSTED, BLOCKS[4].update, PARAMS, NOW_S)
    bare = changed(lambda message: message.validator_set.ClearField("proposer"))
    assert decode_light_block(bare) == BLOCKS[4].block


@pytest.mark.parametrize("total", [0, 1, 39, 41, -40, 2**63 - 1])
def test_the_total_power_that_a_set_claims_says_nothing_for_chains_add_it_up_themselves(total):
    message = validator_pb2.ValidatorSet.FromString(NEXT_SET)
    message.total_voting_power = total
    assert decode_validators(message.SerializeToString()) == decode_validators(NEXT_SET)


@pytest.mark.parametrize(
    "address", [b"", bytes(20), FOUR[1].validator.address, FOUR[0].validator.address + b"\0"]
)
def test_an_address_that_is_not_its_keys_is_refused(address):
    message = validator_pb2.ValidatorSet.FromString(NEXT_SET)
    message.validators[0].address = address
    refused(decode_validators, message.SerializeToString(), Reason.MALFORMED, "expected address")


@pytest.mark.parametrize("key", [b"", b"\x22\x20" + bytes(32), b"\x2a\x21\2" + bytes(32)])
def test_a_key_of_no_known_type_refuses_the_set(key):
    """None at all, ML-DSA (field 4) and Ethereum's secp256k1 (field 5) of later versions."""
    message = validator_pb2.ValidatorSet.FromString(NEXT_SET)
    message.validators[2].ClearField("pub_key")
    message.validators[2].pub_key.MergeFromString(key)
    refused(
        decode_validators, message.SerializeToString(), Reason.BAD_SIGNATURE, "expected ed25519 or secp256k1"
    )


def test_the_same_key_bytes_under_another_type_are_another_key():
    """C8: 32 bytes are no secp256k1 key, and the type is hashed with the key."""
    message = validator_pb2.ValidatorSet.FromString(NEXT_SET)
    message.validators[0].pub_key.secp256k1 = message.validators[0].pub_key.ed25519
    refused(
        decode_validators, message.SerializeToString(), Reason.MALFORMED, "secp256k1 key: expected 33 bytes"
    )


def test_sizes_are_checked_before_anything_is_decoded():
    refused(decode_light_block, bytes(limits.MAX_LIGHT_BLOCK + 1), Reason.LIMIT, "light block: bytes")
    refused(decode_validators, bytes(limits.MAX_LIGHT_BLOCK + 1), Reason.LIMIT, "validator set: bytes")
    rejected(advance(TRUSTED, replace(BLOCKS[4].update, header=bytes(2**20)), PARAMS, NOW_S), Reason.LIMIT)


def test_a_set_or_a_commit_with_more_seats_than_the_cap_is_refused_before_keys_are_read():
    empty = validator_pb2.ValidatorSet(validators=[validator_pb2.Validator()] * (limits.MAX_VALIDATORS + 1))
    refused(decode_validators, empty.SerializeToString(), Reason.LIMIT, "validators: 1025, at most 1024")

    def crowd(message):
        votes = message.signed_header.commit.signatures
        votes.extend([types_pb2.CommitSig()] * (limits.MAX_VALIDATORS + 1))

    refused(decode_light_block, changed(crowd), Reason.LIMIT, "commit: signatures")


@pytest.mark.parametrize(
    "encoded", [b"", b"\0", b"\xff" * 40, b"\x0a\xff\xff\xff\xff\x0f", ENCODED[:-1], ENCODED + b"\0"], ids=len
)
def test_what_is_no_light_block_is_refused(encoded):
    with pytest.raises(Refusal) as refusal:
        decode_light_block(encoded)
    assert refusal.value.reason is Reason.MALFORMED


def test_sizes_of_fields_are_those_of_cometbft():
    honest = BLOCKS[3]
    for changes in (
        {"validators_hash": b""},
        {"next_validators_hash": b""},
        {"data_hash": bytes(31)},
        {"last_commit_hash": bytes(33)},
        {"proposer_address": bytes(19)},
        {"last_block": BlockId(hash=bytes(20), parts_total=0, parts_hash=b"")},
        {"last_block": BlockId(hash=b"", parts_total=0, parts_hash=bytes(1))},
        {"height": 0},
        {"height": -1},
    ):
        block = replace(honest.block, header=replace(honest.block.header, **changes))
        ref = replace(honest.ref, hash=header_hash(block.header), height=block.header.height)
        params = replace(PARAMS, anchor_hash=ref.hash, anchor_height=max(1, ref.height))
        update = replace(honest.update, target=ref, header=encode_light_block(block))
        reason = Reason.MALFORMED if ref.height > 0 else Reason.WRONG_BLOCK
        rejected(advance(None, update, params, NOW_S), reason)
        rejected(advance(TRUSTED, update, PARAMS, NOW_S), Reason.MALFORMED)


def test_an_app_hash_of_another_length_is_the_root_as_it_is():
    for root in (b"", b"\1", bytes(64)):
        state = accepted(advance(TRUSTED, forged(BLOCKS[4], app_hash=root).update, PARAMS, NOW_S))
        assert state.root == root


int64 = st.integers(-(2**63), 2**63 - 1)
times = st.integers(ZERO_TIME_NS, 253_402_300_800 * 10**9 - 1)
hashes = st.binary(max_size=40)
block_ids = st.builds(BlockId, hash=hashes, parts_total=st.integers(0, 2**32 - 1), parts_hash=hashes)
headers = st.builds(
    Header,
    block_version=st.integers(0, 2**64 - 1),
    app_version=st.integers(0, 2**64 - 1),
    chain_id=st.text(max_size=60).filter(lambda text: text.isprintable()),
    height=int64,
    time_ns=times,
    last_block=block_ids,
    last_commit_hash=hashes,
    data_hash=hashes,
    validators_hash=hashes,
    next_validators_hash=hashes,
    consensus_hash=hashes,
    app_hash=hashes,
    last_results_hash=hashes,
    evidence_hash=hashes,
    proposer_address=hashes,
)
entries = st.builds(
    CommitSig, flag=st.sampled_from(Flag), address=hashes, time_ns=times, signature=st.binary(max_size=100)
)
commits = st.builds(
    Commit,
    height=int64,
    round=st.integers(-(2**31), 2**31 - 1),
    block=block_ids,
    signatures=st.lists(entries, max_size=5).map(tuple),
)
validators = st.one_of(
    st.builds(keys.validator, st.just(KeyType.ED25519), st.binary(min_size=32, max_size=32), int64),
    st.builds(keys.validator, st.just(KeyType.SECP256K1), st.binary(min_size=33, max_size=33), int64),
)
validator_sets = st.lists(validators, max_size=5).map(tuple)


@given(st.builds(LightBlock, header=headers, commit=commits, validators=validator_sets))
def test_whatever_a_block_says_it_is_read_as_it_was_written(block):
    encoded = encode_light_block(block)
    assert decode_light_block(encoded) == block
    assert encode_light_block(decode_light_block(encoded)) == encoded


@given(validator_sets)
def test_whatever_a_set_says_it_is_read_as_it_was_written(some):
    assert decode_validators(encode_validators(some)) == some


@given(headers, headers)
def test_two_headers_have_one_hash_only_when_they_are_one(first, second):
    assert (header_hash(first) == header_hash(second)) == (first == second)


@given(st.binary(max_size=300), st.sampled_from(["header", "next_set"]))
def test_any_bytes_have_a_verdict(noise, name):
    verdict = advance(TRUSTED, replace(BLOCKS[4].update, **{name: noise}), PARAMS, NOW_S)
    assert not isinstance(verdict, Accepted)
