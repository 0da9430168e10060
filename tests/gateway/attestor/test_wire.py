"""Requests and answers between gateways: everything comes back, nothing else gets in."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.attestor.signing import Signed
from gateway.attestor.wire import WireError, decode_answer, decode_request, encode_answer, encode_request
from proofs.types import Acknowledged, BlockRef, Height, NotReceived, Sent
from tests.gateway.store.samples import LANE, message

SIGNED = Signed(height=Height(7), time_s=9, state_signature=bytes(65), packet_signature=bytes([1] * 65))
AT = BlockRef(chain=LANE.source, height=Height(7), hash=bytes(range(32)))


def claims(kind, count=3):
    packets = [message(sequence).packet for sequence in range(1, count + 1)]
    if kind is Acknowledged:
        return tuple(Acknowledged(packet=packet, acknowledgements=(b"a", b"")) for packet in packets)
    return tuple(kind(packet=packet) for packet in packets)


@pytest.mark.parametrize("kind", [Sent, Acknowledged, NotReceived])
def test_a_request_comes_back_as_it_was(kind):
    side = LANE.source if kind is Sent else LANE.destination
    at = BlockRef(chain=side, height=AT.height, hash=AT.hash)
    request = decode_request(encode_request(LANE, at, claims(kind)))
    assert (request.lane, request.untrusted_at, request.untrusted_claims) == (LANE, at, claims(kind))


def test_an_answer_comes_back_as_it_was():
    assert decode_answer(encode_answer(SIGNED)) == SIGNED


@given(st.binary(max_size=200))
def test_other_bytes_are_refused_and_crash_nothing(data):
    for decode in (decode_request, decode_answer):
        with pytest.raises(WireError):
            decode(data)


@pytest.mark.parametrize(
    "change",
    [
        {"extra": 1},
        {"kind": "receipt"},
        {"height": 0},
        {"height": -1},
        {"height": "7"},
        {"claims": []},
        {"lane": ["a", "b", "c"]},
        {"claims": [["x"]]},
    ],
)
def test_a_request_with_a_wrong_part_is_refused(change):
    raw = msgspec.msgpack.decode(encode_request(LANE, AT, claims(Sent)))
    assert decode_request(msgspec.msgpack.encode(raw)).lane == LANE
    with pytest.raises(WireError):
        decode_request(msgspec.msgpack.encode(raw | change))


@pytest.mark.parametrize(
    "part",
    [
        {0: -1},
        {0: 0},
        {0: 2**64 - 1, 1: ""},
        {1: "a\x01b"},
        {3: 0},
        {4: []},
        {4: [["", "b", "v1", "x", b""]]},
        {4: [["a", "b", "v1", "x", b""]] * 17},
        {5: [b""] * 17},
    ],
)
def test_a_claim_about_what_can_be_no_packet_is_refused_before_any_chain_is_asked(part):
    raw = msgspec.msgpack.decode(encode_request(LANE, AT, claims(Sent)))
    for place, value in part.items():
        raw["claims"][1][place] = value
    with pytest.raises(WireError):
        decode_request(msgspec.msgpack.encode(raw))


def test_a_list_over_the_cap_is_refused_before_it_is_decoded():
    raw = msgspec.msgpack.decode(encode_request(LANE, AT, claims(Sent, 1)))
    body = msgspec.msgpack.encode(raw | {"claims": [0] * 1025})  # none of them is a claim
    with pytest.raises(WireError, match="1024"):
        decode_request(body)


def test_more_claims_than_the_cap_are_refused():
    body = encode_request(LANE, AT, claims(Sent, 1) * 1025)
    with pytest.raises(WireError, match="1024"):
        decode_request(body)
