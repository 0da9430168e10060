"""Bech32 as BIP-173 defines it, with texts of Cosmos chains."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs import bech32
from proofs.bech32 import Bech32Error

PREFIX = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20).map(str.lower)


@pytest.mark.parametrize(
    ("text", "prefix", "data"),
    [
        ("cosmos1qqqsyqcyq5rqwzqfpg9scrgwpugpzysnrk363e", "cosmos", bytes(range(20))),
        (
            "cosmos1jetr8m0p56k2pm2a97l38f4fy3xm9ljhsyq9z8clevkad5r99l7srkwz53",
            "cosmos",
            bytes.fromhex("965633ede1a6aca0ed5d2fbf13a6a9244db2fe578100511f1fcb2dd6d0652ffd"),
        ),
        ("a12uel5l", "a", b""),
    ],
)
def test_known_texts(text, prefix, data):
    assert bech32.decode(text) == (prefix, data)
    assert bech32.encode(prefix, data) == text


@given(PREFIX, st.binary(max_size=32))
def test_what_is_written_is_read(prefix, data):
    assert bech32.decode(bech32.encode(prefix, data)) == (prefix, data)


@given(st.binary(max_size=32), st.data())
def test_one_changed_character_is_noticed(data, draw):
    text = bech32.encode("cosmos", data)
    place = draw.draw(st.integers(min_value=7, max_value=len(text) - 1))
    char = draw.draw(
        st.sampled_from([each for each in "qpzry9x8gf2tvdw0s3jn54khce6mua7l" if each != text[place]])
    )
    with pytest.raises(Bech32Error):
        bech32.decode(text[:place] + char + text[place + 1 :])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "cosmos",
        "cosmos1",
        "1qqqsyqcyq5rqwzqfpg9scrgwpugpzysnrk363e",
        "COSMOS1QQQSYQCYQ5RQWZQFPG9SCRGWPUGPZYSNRK363E",
        "Cosmos1qqqsyqcyq5rqwzqfpg9scrgwpugpzysnrk363e",
        "cosmos1qqqsyqcyq5rqwzqfpg9scrgwpugpzysnrk363f",
        "cosmos1bqqsyqcyq5rqwzqfpg9scrgwpugpzysnrk363e",
        " cosmos1qqqsyqcyq5rqwzqfpg9scrgwpugpzysnrk363e",
        "osmo1qqqsyqcyq5rqwzqfpg9scrgwpugpzysnrk363e",
        "a1lqfn3a",  # Bech32m
        "a" * 1_000_000 + "1" + "q" * 6,
    ],
)
def test_other_texts_are_refused(text):
    with pytest.raises(Bech32Error):
        bech32.decode(text)


@pytest.mark.parametrize("values", [[31], [0, 1], [0], [1, 1, 1]])
def test_bits_that_make_no_byte_are_refused(values):
    zeros = [0] * 6
    remainder = bech32._polymod([*bech32._expanded("a"), *values, *zeros]) ^ 1
    check = [remainder >> 5 * (5 - index) & 31 for index in range(6)]
    text = "a1" + "".join([bech32._ALPHABET[value] for value in [*values, *check]])
    with pytest.raises(Bech32Error, match="bits of zeros"):
        bech32.decode(text)


def test_what_has_no_text_is_refused():
    for prefix, data in (("", b"a"), ("UPPER", b"a"), ("a b", b"a"), ("ü", b"a"), ("a", bytes(60))):
        with pytest.raises(Bech32Error):
            bech32.encode(prefix, data)
