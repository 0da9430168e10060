"""Strict RLP: one encoding for each value, and nothing else is taken."""

import pytest
import rlp as reference
from hypothesis import given
from hypothesis import strategies as st

from proofs import limits, rlp
from proofs.verdict import Reason, Refusal
from tests.support.vectors import counted, load, needs, unhex

VALID_FILE = "ethereum/ethereum-tests/RLPTests/rlptest.json"
INVALID_FILE = "ethereum/ethereum-tests/RLPTests/invalidRLPTest.json"
VALID, INVALID = dict(load(VALID_FILE)), dict(load(INVALID_FILE))

items = st.recursive(st.binary(max_size=80), lambda inner: st.lists(inner, max_size=6), max_leaves=20)


def as_item(value):
    """Return what an entry of rlptest.json stands for: text, numbers (`#` marks big ones), and lists."""
    match value:
        case str() if value.startswith("#"):
            return as_item(int(value[1:]))
        case str():
            return value.encode("latin-1")
        case int():
            return value.to_bytes((value.bit_length() + 7) // 8, "big")
        case _:
            return [as_item(each) for each in value]


@needs(VALID_FILE)
@pytest.mark.parametrize("name", VALID)
def test_every_valid_vector_decodes_to_its_value_and_back(name):
    item, encoded = as_item(VALID[name]["in"]), unhex(VALID[name]["out"])
    assert rlp.decode(encoded) == item
    assert rlp.encode(item) == encoded


@needs(INVALID_FILE)
@pytest.mark.parametrize("name", INVALID)
@pytest.mark.covers("PRF-06")
def test_every_invalid_vector_is_refused(name):
    with pytest.raises(Refusal) as refusal:
        rlp.decode(unhex(INVALID[name]["out"]))
    assert refusal.value.reason is Reason.MALFORMED


@needs(VALID_FILE, INVALID_FILE)
def test_the_vectors_hold_as_many_cases_as_were_counted():
    counted(f"RLPTests: {len(VALID)} valid, {len(INVALID)} invalid")
    assert (len(VALID), len(INVALID)) == (VALID_COUNT, INVALID_COUNT)


VALID_COUNT, INVALID_COUNT = 28, 26


@given(items)
def test_what_is_encoded_decodes_to_itself(item):
    assert rlp.decode(rlp.encode(item)) == item


@given(items)
def test_encoding_is_that_of_the_reference_library(item):
    assert rlp.encode(item) == reference.encode(item)


def reference_decode(data):
    """Return the reference library's answer: the item, or None if it refuses."""
    try:
        return reference.decode(data, strict=True)
    except reference.exceptions.RLPException:
        return None


def our_decode(data):
    try:
        return rlp.decode(data)
    except Refusal:
        return None


@given(st.one_of(st.binary(max_size=64), items.map(reference.encode)), st.data())
@pytest.mark.covers("PRF-06")
def test_verdicts_on_mutated_bytes_are_those_of_the_reference_library(data, draw):
    mutant = bytearray(data)
    if mutant:
        mutant[draw.draw(st.integers(0, len(mutant) - 1))] = draw.draw(st.integers(0, 255))
    mutant = bytes(mutant)
    ours = our_decode(mutant)
    assert ours == reference_decode(mutant)
    if ours is not None:
        assert rlp.encode(ours) == mutant


NOT_CANONICAL = [
    ("nothing", ""),
    ("prefixed small byte", "8100"),
    ("long form of a short string", "b80161"),
    ("long form of a short list", "f80180"),
    ("leading zero in a length", "b90038" + "61" * 56),
    ("trailing byte", "8080"),
    ("string longer than the data", "836161"),
    ("list longer than the data", "c36161"),
    ("item longer than its list", "c28261"),
    ("length cut off", "b9"),
    ("length of 2^63", "bf8000000000000000"),
    ("list of 2^63", "ff8000000000000000"),
]


@pytest.mark.parametrize(
    "encoded", [case[1] for case in NOT_CANONICAL], ids=[case[0] for case in NOT_CANONICAL]
)
@pytest.mark.covers("PRF-06", "PRF-17")
def test_what_is_not_canonical_is_malformed(encoded):
    with pytest.raises(Refusal) as refusal:
        rlp.decode(bytes.fromhex(encoded))
    assert refusal.value.reason is Reason.MALFORMED


def nest(depth):
    """Return the encoding of lists in a list, `depth` deep, built from the inside without recursion."""
    prefixes, size = [], 0
    for _ in range(depth):
        length = size.to_bytes((size.bit_length() + 7) // 8, "big")
        prefixes.append(bytes([0xC0 + size]) if size < 56 else bytes([0xF7 + len(length)]) + length)
        size += len(prefixes[-1])
    return b"".join(reversed(prefixes))


@pytest.mark.covers("PRF-17")
def test_nesting_of_a_hundred_thousand_is_refused_without_recursing():
    deep: object = []
    for _ in range(limits.MAX_RLP_DEPTH):
        deep = [deep]
    with pytest.raises(Refusal) as refusal:
        rlp.decode(reference.encode(deep))
    assert refusal.value.reason is Reason.LIMIT
    with pytest.raises(Refusal):
        rlp.decode(nest(100_000))


@pytest.mark.covers("PRF-17")
def test_more_items_than_the_cap_are_refused():
    many = reference.encode([b""] * (limits.MAX_RLP_ITEMS + 1))
    with pytest.raises(Refusal) as refusal:
        rlp.decode(many)
    assert refusal.value.reason is Reason.LIMIT
    assert len(rlp.decode_list(reference.encode([b""] * limits.MAX_RLP_ITEMS))) == limits.MAX_RLP_ITEMS


def test_shapes_that_were_not_asked_for_are_malformed():
    for refused in (
        lambda: rlp.decode_list(b"\x80"),
        lambda: rlp.as_bytes([], "x"),
        lambda: rlp.as_bytes(b"ab", "x", 3),
        lambda: rlp.as_list(b"", "x"),
        lambda: rlp.as_list([b""], "x", 2),
        lambda: rlp.as_int(b"\0\1", "x"),
        lambda: rlp.as_int(b"\0", "x"),
        lambda: rlp.as_int(bytes([1] * 9), "x"),
    ):
        with pytest.raises(Refusal) as refusal:
            refused()
        assert refusal.value.reason is Reason.MALFORMED


@given(st.integers(0, 2**256 - 1))
def test_integers_come_back(value):
    encoded = rlp.encode_int(value)
    assert encoded == reference.encode(value)
    assert rlp.as_int(rlp.decode(encoded), "x", 32) == value
