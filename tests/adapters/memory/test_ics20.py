"""ICS-20 packet data: the same bytes as an independent ABI implementation, and one spelling only."""

import pytest
from eth_abi.abi import decode as abi_decode
from eth_abi.abi import encode as abi_encode
from hypothesis import given
from hypothesis import strategies as st

from adapters.memory.ics20 import TransferData, decode, encode

TYPES = ["(string,string,string,uint256,string)"]
TEXT = st.text(st.characters(codec="utf-8"), max_size=80)
DATA = st.builds(
    TransferData,
    denom=TEXT,
    sender=TEXT,
    receiver=TEXT,
    amount=st.integers(min_value=0, max_value=2**256 - 1),
    memo=TEXT,
)
SAMPLE = encode(TransferData(denom="umem", sender="0x" + "11" * 20, receiver="0x" + "22" * 20, amount=7))


def plain(data: TransferData) -> tuple[object, ...]:
    return (data.denom, data.sender, data.receiver, data.amount, data.memo)


@given(DATA)
def test_the_bytes_are_those_of_an_independent_implementation(data: TransferData) -> None:
    assert encode(data) == abi_encode(TYPES, [plain(data)])
    assert abi_decode(TYPES, encode(data)) == (plain(data),)
    assert decode(encode(data)) == data


@given(st.integers(min_value=0, max_value=len(SAMPLE) - 1), st.integers(min_value=1, max_value=255))
def test_a_changed_byte_is_refused_or_says_something_else(place: int, change: int) -> None:
    mutant = SAMPLE[:place] + bytes([SAMPLE[place] ^ change]) + SAMPLE[place + 1 :]
    try:
        assert decode(mutant) != decode(SAMPLE)
    except ValueError:
        return


@pytest.mark.parametrize(
    "value", [b"", bytes(32), SAMPLE[:-1], SAMPLE + bytes(1), SAMPLE + bytes(32), b"\xff" * 400, bytes(400)]
)
def test_what_is_not_canonical_is_refused(value: bytes) -> None:
    with pytest.raises(ValueError, match=r"canonical|decode"):
        decode(value)


def test_an_amount_beyond_256_bits_cannot_be_written() -> None:
    with pytest.raises(OverflowError):
        encode(TransferData(denom="umem", sender="a", receiver="b", amount=2**256))
