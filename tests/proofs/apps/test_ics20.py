"""What transfers say: as an independent ABI implementation has it, and in one spelling only."""

import json
import time

import pytest
from eth_abi.abi import decode as abi_decode
from eth_abi.abi import encode as abi_encode
from hypothesis import given
from hypothesis import strategies as st

from proofs.apps import ics20
from proofs.apps.ics20 import TransferData, decode_abi, decode_transfer, encode_abi
from proofs.types import Payload
from proofs.verdict import Refusal

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
NAME = st.text(st.characters(codec="utf-8"), min_size=1, max_size=80)
SAMPLE = encode_abi(TransferData(denom="umem", sender="0x" + "11" * 20, receiver="0x" + "22" * 20, amount=7))
JSON_SAMPLE = b'{"denom":"uatom","amount":"7","sender":"cosmos1s","receiver":"0xab"}'
EXPECTED = TransferData(denom="uatom", amount=7, sender="cosmos1s", receiver="0xab")
PROTOBUF_SAMPLE = b"\x0a\x05uatom\x12\x017\x1a\x08cosmos1s\x22\x040xab"


def plain(data: TransferData) -> tuple[object, ...]:
    return (data.denom, data.sender, data.receiver, data.amount, data.memo)


def payload(value: bytes, encoding: str = "", version: str = "", port: str = "transfer") -> Payload:
    return Payload(source_port=port, destination_port=port, version=version, encoding=encoding, value=value)


@given(DATA)
def test_the_bytes_are_those_of_an_independent_implementation(data: TransferData) -> None:
    assert encode_abi(data) == abi_encode(TYPES, [plain(data)])
    assert abi_decode(TYPES, encode_abi(data)) == (plain(data),)
    assert decode_abi(encode_abi(data)) == data


@given(st.integers(min_value=0, max_value=len(SAMPLE) - 1), st.integers(min_value=1, max_value=255))
def test_a_changed_byte_is_refused_or_says_something_else(place: int, change: int) -> None:
    mutant = SAMPLE[:place] + bytes([SAMPLE[place] ^ change]) + SAMPLE[place + 1 :]
    try:
        found = decode_abi(mutant)
    except Refusal:
        return
    assert found != decode_abi(SAMPLE)
    assert encode_abi(found) == mutant


@pytest.mark.parametrize(
    "value", [b"", bytes(32), SAMPLE[:-1], SAMPLE + bytes(1), SAMPLE + bytes(32), b"\xff" * 400, bytes(400)]
)
def test_what_is_not_canonical_is_refused(value: bytes) -> None:
    with pytest.raises(Refusal):
        decode_abi(value)


def test_an_amount_beyond_256_bits_cannot_be_written() -> None:
    with pytest.raises(Refusal, match="uint256"):
        encode_abi(TransferData(denom="umem", sender="a", receiver="b", amount=2**256))


@pytest.mark.parametrize(
    ("value", "encoding", "version"),
    [
        (JSON_SAMPLE, "", ""),
        (JSON_SAMPLE, ics20.JSON, ics20.VERSION),
        (b' {"amount" : "7",\n"sender":"cosmos1\\u0073","receiver":"0xab","denom":"uatom"}', "", ""),
        (JSON_SAMPLE[:-1] + b',"memo":""}', "", ""),
        (PROTOBUF_SAMPLE, ics20.PROTOBUF, ics20.VERSION),
        (encode_abi(EXPECTED), ics20.ABI, ics20.VERSION),
    ],
)
def test_a_transfer_is_read_in_each_of_its_encodings(value: bytes, encoding: str, version: str) -> None:
    assert decode_transfer(payload(value, encoding, version)) == EXPECTED


@given(NAME, NAME, NAME, st.integers(min_value=0, max_value=2**256 - 1), TEXT)
def test_every_text_survives_json_and_protobuf(
    denom: str, sender: str, receiver: str, amount: int, memo: str
) -> None:
    data = TransferData(denom=denom, sender=sender, receiver=receiver, amount=amount, memo=memo)
    texts = {"denom": denom, "amount": str(amount), "sender": sender, "receiver": receiver, "memo": memo}
    assert decode_transfer(payload(json.dumps(texts).encode())) == data
    fields = b"".join(
        [
            bytes([8 * number + 2]) + length(len(text.encode())) + text.encode()
            for number, text in enumerate(texts.values(), 1)
            if text
        ]
    )
    assert decode_transfer(payload(fields, ics20.PROTOBUF, ics20.VERSION)) == data


def length(size: int) -> bytes:
    return bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])


@pytest.mark.covers("PRF-10")
@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"[]",
        b"null",
        JSON_SAMPLE + b"{}",
        JSON_SAMPLE + b"x",
        b"\xef\xbb\xbf" + JSON_SAMPLE,
        JSON_SAMPLE.decode().encode("utf-16"),
        JSON_SAMPLE[:-1] + b',"sender":"cosmos1other"}',
        JSON_SAMPLE[:-1] + b',"denom":"uatom"}',
        JSON_SAMPLE[:-1] + b',"extra":"1"}',
        JSON_SAMPLE[:-1] + b',"memo":null}',
        JSON_SAMPLE[:-1] + b',"memo":{"denom":"a"}}',
        JSON_SAMPLE.replace(b'"sender"', b'"Sender"'),
        JSON_SAMPLE.replace(b'"7"', b"7"),
        JSON_SAMPLE.replace(b'"7"', b"7.0"),
        JSON_SAMPLE.replace(b'"7"', b"NaN"),
        JSON_SAMPLE.replace(b'"7"', b"Infinity"),
        JSON_SAMPLE.replace(b'"7"', b"1" * 5000),
        JSON_SAMPLE.replace(b'"7"', b'"07"'),
        JSON_SAMPLE.replace(b'"7"', b'"0x7"'),
        JSON_SAMPLE.replace(b'"7"', b'"+7"'),
        JSON_SAMPLE.replace(b'"7"', b'" 7"'),
        JSON_SAMPLE.replace(b'"7"', b'"7_0"'),
        JSON_SAMPLE.replace(b'"7"', '"٧"'.encode()),  # another digit seven
        JSON_SAMPLE.replace(b'"7"', b'"-7"'),
        JSON_SAMPLE.replace(b'"7"', f'"{2**256}"'.encode()),
        JSON_SAMPLE.replace(b"cosmos1s", b"cosmos1\\ud800"),
        JSON_SAMPLE.replace(b"cosmos1s", b"cosmos1\xff"),
        JSON_SAMPLE.replace(b"cosmos1s", b"cosmos1\n"),
        JSON_SAMPLE.replace(b"cosmos1s", b""),
        b'{"a":' * 100_000,
        b"[" * 200_000,
    ],
)
def test_json_with_a_second_meaning_is_refused(value: bytes) -> None:
    with pytest.raises(Refusal):
        decode_transfer(payload(value))


@pytest.mark.covers("PRF-10")
@pytest.mark.parametrize(
    "value",
    [
        PROTOBUF_SAMPLE[:-1],
        PROTOBUF_SAMPLE + b"\x00",
        PROTOBUF_SAMPLE + b"\x2a\x00",  # an empty memo is left out
        PROTOBUF_SAMPLE + b"\x22\x040xab",  # the receiver twice
        PROTOBUF_SAMPLE + b"\x32\x01a",  # a field that it has not
        PROTOBUF_SAMPLE + b"\x28\x01",  # a number
        b"\x12\x017\x0a\x05uatom\x1a\x08cosmos1s\x22\x040xab",  # out of order
        b"\x0a\x85\x00uatom" + PROTOBUF_SAMPLE[7:],  # a longer spelling of 5
        b"\x0a\xff\xff\xff\xff\x0f" + PROTOBUF_SAMPLE[2:],
        b"\x8a\x00\x05uatom" + PROTOBUF_SAMPLE[7:],
        PROTOBUF_SAMPLE[7:],  # no denom
    ],
)
def test_protobuf_that_is_not_canonical_is_refused(value: bytes) -> None:
    with pytest.raises(Refusal):
        decode_transfer(payload(value, ics20.PROTOBUF, ics20.VERSION))


def test_what_is_no_transfer_is_none_and_what_cannot_be_read_is_refused() -> None:
    assert decode_transfer(payload(JSON_SAMPLE, port="icahost")) is None
    assert decode_transfer(payload(b"", version="1", encoding="x", port="erc7786")) is None
    one_sided = Payload(
        source_port="wasm.cosmos1x", destination_port="transfer", version="", encoding="", value=JSON_SAMPLE
    )
    assert decode_transfer(one_sided) == EXPECTED
    for bad in (
        payload(JSON_SAMPLE, "application/other", ics20.VERSION),
        payload(JSON_SAMPLE, ics20.JSON, "ics20-2"),
        payload(JSON_SAMPLE + b" " * 2**18),
        payload(b"junk", ics20.JSON, ics20.VERSION, port="wasm.cosmos1x"),
    ):
        with pytest.raises(Refusal):
            decode_transfer(bad)


@pytest.mark.parametrize("value", [b'"' + b'\\"' * 2**17, b'\\"' * 2**17, b'"\\' * 2**17, b'"' * 2**18])
def test_the_time_to_refuse_json_grows_with_its_length_and_no_faster(value: bytes) -> None:
    """Text that never ends, looked at from each of its quotes again, took minutes at this length."""
    began_s = time.process_time()
    with pytest.raises(Refusal):
        decode_transfer(payload(value[: 2**18]))
    assert time.process_time() - began_s < 2


def test_escrow_accounts_and_vouchers_are_those_of_ibc_go() -> None:
    assert ics20.escrow_address("transfer", "channel-0").hex() == "ed23c6f4443f49c4b08f856350a5d2c65a203235"
    assert (
        ics20.escrow_address("transfer", "attestations-0").hex() == "4c745b6ad397f15e9032bb0b6d4cd7c2a54ba101"
    )
    assert ics20.voucher_denom(ics20.received_denom("channel-0", "uatom")) == (
        "ibc/27394FB092D2ECCD56123C74F36E4C1F926001CEADA9CA97EA622B25F41E5EB2"
    )
    token = ics20.received_denom("attestations-0", "0x8754032ac7966a909e2e753308df56bb08dabd69")
    assert token == "transfer/attestations-0/0x8754032ac7966a909e2e753308df56bb08dabd69"
    assert ics20.voucher_denom(token) == (
        "ibc/9D55A5834455B0DB472A8F0A5AFD876B653EA81880196EF11F7A0EFE06BD4A28"
    )


def test_json_and_protobuf_that_ibc_go_wrote_are_read() -> None:
    written = b'{"denom":"a\\u003cb\\u003e\\u0026\\u2028","amount":"1","sender":"cosmos1s","receiver":"0xab"}'
    found = decode_transfer(payload(written, ics20.JSON, ics20.VERSION))
    assert found == TransferData(denom="a<b>&\u2028", amount=1, sender="cosmos1s", receiver="0xab")
    written = bytes.fromhex("0a057561746f6d1201371a08636f736d6f7331732204307861622a016d")
    found = decode_transfer(payload(written, ics20.PROTOBUF, ics20.VERSION))
    assert found == TransferData(denom="uatom", amount=7, sender="cosmos1s", receiver="0xab", memo="m")
