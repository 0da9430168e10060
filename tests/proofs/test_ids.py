"""Identifiers: one spelling each, back and forth, and the examples of the standards."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs import bech32, ids
from proofs.ids import Account, IdentifierError, InteropAddress
from proofs.types import ChainId

ADDRESS = bytes.fromhex("d8da6bf26964af9d7eed9e03e53415d37aa96045")
COSMOS = b"cosmos1qqqsyqcyq5rqwzqfpg9scrgwpugpzysnrk363e"
TEXT = "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045"

KNOWN = [
    ("eip155:1", ADDRESS, "00010000010114d8da6bf26964af9d7eed9e03e53415d37aa96045"),
    ("eip155:31337", ADDRESS, "0001000002" + "7a69" + "14d8da6bf26964af9d7eed9e03e53415d37aa96045"),
    ("eip155:1", b"", "000100000101" + "00"),
    ("memory:a", ADDRESS, "0001ff00" + "0161" + "14d8da6bf26964af9d7eed9e03e53415d37aa96045"),
    ("cosmos:hub-4", COSMOS, "0001ff01" + "05" + b"hub-4".hex() + "2d" + COSMOS.hex()),
    ("cosmos:hub-4", b"", "0001ff01" + "05" + b"hub-4".hex() + "00"),
    ("fabric:f", b"peer.a", "0001ff03" + "0166" + "06" + b"peer.a".hex()),
]


@pytest.mark.parametrize(("chain", "address", "encoded"), KNOWN)
def test_interoperable_addresses_have_these_bytes(chain, address, encoded):
    interop = InteropAddress(chain=ChainId(chain), address=address)
    assert ids.encode_interop(interop).hex() == encoded
    assert ids.decode_interop(bytes.fromhex(encoded)) == interop


def test_the_readable_form_of_the_standard_is_reproduced():
    name = "0xFe89cc7aBB2C4183683ab71653C4cdc9B02D44b7@eip155:1#80B12379"
    interop = ids.parse_name(name)
    assert interop.chain == "eip155:1"
    assert ids.format_name(interop) == name
    assert ids.parse_name(name.split("#")[0]) == interop


interops = st.one_of(
    st.builds(
        InteropAddress,
        chain=st.integers(1, 10**31).map(lambda number: ChainId(f"eip155:{number}")),
        address=st.one_of(st.just(b""), st.binary(min_size=20, max_size=20)),
    ),
    st.builds(
        InteropAddress,
        chain=st.from_regex(r"(polkadot|fabric):[-_a-zA-Z0-9]{1,32}", fullmatch=True).map(ChainId),
        address=st.text(alphabet="abcxyz0189", max_size=60).map(str.encode),
    ),
    st.builds(
        InteropAddress,
        chain=st.from_regex(r"cosmos:[-_a-zA-Z0-9]{1,32}", fullmatch=True).map(ChainId),
        address=st.binary(max_size=32).map(lambda data: bech32.encode("osmo", data).encode()),
    ),
)


@given(interops)
def test_bytes_and_names_come_back(interop):
    assert ids.decode_interop(ids.encode_interop(interop)) == interop
    assert ids.parse_name(ids.format_name(interop)) == interop


@given(st.one_of(st.binary(max_size=60), interops.map(ids.encode_interop)), st.data())
def test_bytes_have_one_meaning_or_none(data, draw):
    mutant = bytearray(data)
    if mutant:
        mutant[draw.draw(st.integers(0, len(mutant) - 1))] = draw.draw(st.integers(0, 255))
    try:
        interop = ids.decode_interop(bytes(mutant))
    except IdentifierError:
        return
    assert ids.encode_interop(interop) == mutant


@given(st.binary(min_size=20, max_size=20))
def test_evm_addresses_come_back_in_both_spellings(address):
    text = ids.format_evm_address(address)
    assert ids.parse_evm_address(text) == ids.parse_evm_address(text.lower()) == address


BAD_INTEROP = [
    ("nothing", ""),
    ("version 2", "00020000010114" + ADDRESS.hex()),
    ("unknown chain type", "00010001010114" + ADDRESS.hex()),
    ("leading zero in the reference", "0001000002000114" + ADDRESS.hex()),
    ("empty reference", "000100000014" + ADDRESS.hex()),
    ("19 bytes", "00010000010113" + ADDRESS[1:].hex()),
    ("trailing byte", "00010000010114" + ADDRESS.hex() + "00"),
    ("cut", "00010000010114" + ADDRESS[1:].hex()),
    ("no address length", "000100000101"),
    ("reference cut", "00010000ff01"),
    ("reference over 32 digits", "000100000e" + "ff" * 14 + "14" + ADDRESS.hex()),
    ("reference that is no CAIP-2", "0001ff0101" + b" ".hex() + "0161"),
    ("address that is not ASCII", "0001ff010161" + "01ff"),
]


@pytest.mark.parametrize("encoded", [case[1] for case in BAD_INTEROP], ids=[case[0] for case in BAD_INTEROP])
def test_other_bytes_are_refused(encoded):
    with pytest.raises(IdentifierError):
        ids.decode_interop(bytes.fromhex(encoded))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "eip155",
        "eip155:",
        ":1",
        "eip155:01",
        "eip155:0",
        "eip155:0x1",
        "EIP155:1",
        "ab:1",
        "eip155:1:2",
        "eip155:1\n",
        "eip155:" + "1" * 33,
        "toolongname:1",
        "memory:a b",
        "eip155:１",
    ],
)
def test_other_chains_are_refused(text):
    with pytest.raises(IdentifierError):
        ids.parse_chain(text)


def test_accounts_are_parsed_and_printed():
    account = ids.parse_account(f"eip155:1:{TEXT}")
    assert account == Account(chain=ChainId("eip155:1"), address=TEXT)
    assert str(account) == f"eip155:1:{TEXT}"
    assert ids.parse_account(f"cosmos:hub-4:{COSMOS.decode()}").address == COSMOS.decode()
    assert ids.parse_account("fabric:f:peer.a").address == "peer.a"


@pytest.mark.parametrize(
    "text",
    [
        "eip155:1",
        f"eip155:1:{TEXT[:-1]}",
        f"eip155:1:{TEXT.replace('d8dA', 'd8DA')}",
        "cosmos:hub:a b",
        "cosmos:hub-4:cosmos1abc",
        f"cosmos:hub-4:{COSMOS.decode().upper()}",
        f"cosmos:hub-4:{COSMOS.decode()[:-1]}q",
        "fabric:f:a b",
        ":1:a",
    ],
)
def test_other_accounts_are_refused(text):
    with pytest.raises(IdentifierError):
        ids.parse_account(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        TEXT,
        f"{TEXT}@",
        f"{TEXT}@eip155",
        f"{TEXT}@eip155:1#",
        f"{TEXT}@eip155:1#00000000",
        f"{TEXT}@eip155:1#80b12379",
        f"{TEXT}@@eip155:1",
        "vitalik.eth@eip155:1",
        f"{TEXT}@solana:1",
    ],
)
def test_other_names_are_refused(text):
    with pytest.raises(IdentifierError):
        ids.parse_name(text)


def test_what_has_no_bytes_is_refused():
    for chain, address in (
        ("solana:1", b"a"),
        ("eip155:1", b"short"),
        ("fabric:hub", b"\xff"),
        ("fabric:hub", b"a" * 256),
        ("cosmos:hub", b"\xff"),
        ("cosmos:hub", bytes(20)),
        ("cosmos:hub", COSMOS.replace(b"q", b"p")),
    ):
        with pytest.raises(IdentifierError):
            ids.encode_interop(InteropAddress(chain=ChainId(chain), address=address))
    with pytest.raises(IdentifierError):
        ids.format_evm_address(b"short")


def test_every_profile_but_eip155_is_flagged_experimental():
    assert {name: profile.experimental for name, profile in ids.PROFILES.items()} == {
        "eip155": False,
        "memory": True,
        "cosmos": True,
        "polkadot": True,
        "fabric": True,
    }
    assert len({profile.chain_type for profile in ids.PROFILES.values()}) == len(ids.PROFILES)
