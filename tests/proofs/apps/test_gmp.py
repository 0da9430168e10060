"""Calls: the bytes of an independent ABI implementation, and accounts as ibc-go derives them."""

import pytest
from eth_abi.abi import encode as abi_encode
from hypothesis import given
from hypothesis import strategies as st

from proofs import bech32
from proofs.apps import gmp
from proofs.apps.gmp import CallData
from proofs.types import ClientId
from proofs.verdict import Reason, Refusal

TYPES = ["(string,string,bytes,bytes,string)"]
TEXT = st.text(st.characters(codec="utf-8"), max_size=80)
CALLS = st.builds(
    CallData,
    sender=st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=80),
    receiver=TEXT,
    salt=st.binary(max_size=32),
    payload=st.binary(max_size=200),
    memo=TEXT,
)
SENDER = "0x71C7656EC7ab88b098defB751B7401B5f6d8976F"
SAMPLE = gmp.encode(CallData(sender=SENDER, receiver="", salt=b"", payload=b"hello"))


@given(CALLS)
def test_the_bytes_are_those_of_an_independent_implementation(data: CallData) -> None:
    plain = (data.sender, data.receiver, data.salt, data.payload, data.memo)
    assert gmp.encode(data) == abi_encode(TYPES, [plain])
    assert gmp.decode(gmp.encode(data)) == data


@pytest.mark.covers("PRF-10")
@given(st.integers(min_value=0, max_value=len(SAMPLE) - 1), st.integers(min_value=1, max_value=255))
def test_a_changed_byte_is_refused_or_says_something_else(place: int, change: int) -> None:
    mutant = SAMPLE[:place] + bytes([SAMPLE[place] ^ change]) + SAMPLE[place + 1 :]
    try:
        found = gmp.decode(mutant)
    except Refusal:
        return
    assert found != gmp.decode(SAMPLE)
    assert gmp.encode(found) == mutant


@pytest.mark.parametrize("value", [b"", SAMPLE[:-1], SAMPLE + bytes(32), SAMPLE[:-32], bytes(2**18 + 1)])
def test_what_is_not_canonical_is_refused(value: bytes) -> None:
    with pytest.raises(Refusal):
        gmp.decode(value)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (CallData(sender=" ", receiver="", salt=b"", payload=b""), Reason.INCOMPLETE),
        (CallData(sender="s" * 2049, receiver="", salt=b"", payload=b""), Reason.LIMIT),
        (CallData(sender="s", receiver="é" * 1025, salt=b"", payload=b""), Reason.LIMIT),
        (CallData(sender="s", receiver="", salt=bytes(33), payload=b""), Reason.LIMIT),
        (CallData(sender="s", receiver="", salt=b"", payload=bytes(32769)), Reason.LIMIT),
        (CallData(sender="s", receiver="", salt=b"", payload=b"", memo="m" * 32769), Reason.LIMIT),
    ],
)
def test_what_the_module_refuses_is_neither_written_nor_read(data: CallData, reason: Reason) -> None:
    plain = (data.sender, data.receiver, data.salt, data.payload, data.memo)
    for work in (lambda: gmp.encode(data), lambda: gmp.decode(abi_encode(TYPES, [plain]))):
        with pytest.raises(Refusal) as caught:
            work()
        assert caught.value.reason is reason


@pytest.mark.parametrize(
    ("client", "sender", "salt", "address"),
    [
        ("attestations-0", SENDER, b"", "965633ede1a6aca0ed5d2fbf13a6a9244db2fe578100511f1fcb2dd6d0652ffd"),
        (
            "07-tendermint-3",
            "osmo1abc",
            b"\x01\x02",
            "1688b508105219ab7213a43aee61b4f6fee660896e27e8bc231d531e0f19cf79",
        ),
    ],
)
def test_the_account_of_a_caller_is_the_one_that_ibc_go_makes(
    client: str, sender: str, salt: bytes, address: str
) -> None:
    assert gmp.account_address(ClientId(client), sender, salt).hex() == address


def test_an_account_is_shown_as_its_chain_shows_it() -> None:
    address = gmp.account_address(ClientId("attestations-0"), SENDER, b"")
    shown = "cosmos1jetr8m0p56k2pm2a97l38f4fy3xm9ljhsyq9z8clevkad5r99l7srkwz53"
    assert bech32.encode("cosmos", address) == shown
