"""The attestation format: byte for byte what eth_abi encodes; every signature counts once or not at all."""

import hashlib

import coincurve
import eth_abi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs import attestation, codec, limits, signatures
from proofs.hashing import keccak256
from proofs.records import replace
from proofs.types import Acknowledged, ClientId, Height, NotReceived, Sent
from proofs.verdict import Accepted, NotEnoughTrust, Reason, Refusal, Rejected
from tests.support.packets import packet

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
KEYS = [bytes([index]) * 32 for index in range(1, 6)]
ADDRESSES = tuple([signatures.address_of(coincurve.PrivateKey(key).public_key) for key in KEYS])
SET = ADDRESSES[:4]
DIGEST = hashlib.sha256(b"digest").digest()

words = st.binary(min_size=32, max_size=32)
uint64s = st.integers(1, 2**64 - 1)
pair_lists = st.lists(st.tuples(words, words), min_size=1, max_size=20)


@given(uint64s, uint64s)
def test_a_state_attestation_is_two_words(height, time_s):
    assert attestation.encode_state(height, time_s) == eth_abi.encode(["uint64", "uint64"], [height, time_s])


@given(uint64s, pair_lists)
def test_a_packet_attestation_is_one_tuple_of_height_and_pairs(height, pairs):
    expected = eth_abi.encode(["(uint64,(bytes32,bytes32)[])"], [(height, pairs)])
    assert attestation.encode_packets(height, pairs) == expected


@given(st.binary(max_size=200), st.lists(st.binary(max_size=70), max_size=5))
def test_the_evm_envelope_is_the_abi_encoding_of_the_struct(data, signature_list):
    expected = eth_abi.encode(["(bytes,bytes[])"], [(data, signature_list)])
    assert attestation.envelope_evm(data, signature_list) == expected


def test_the_cosmos_envelope_is_protobuf_with_lengths_over_127_in_two_bytes():
    envelope = attestation.envelope_cosmos(b"d" * 300, [b"s" * 65, b"t"])
    assert envelope == b"\x0a\xac\x02" + b"d" * 300 + b"\x12\x41" + b"s" * 65 + b"\x12\x01t"


def test_digests_are_tagged_and_hashed_twice():
    inner = hashlib.sha256(b"data").digest()
    assert attestation.state_digest(b"data") == hashlib.sha256(b"\1" + inner).digest()
    assert attestation.packets_digest(b"data") == hashlib.sha256(b"\2" + inner).digest()


@pytest.mark.parametrize("number", [0, -1, 2**64])
def test_numbers_that_are_no_uint64_above_zero_are_not_encoded(number):
    with pytest.raises(ValueError, match="expected"):
        attestation.encode_state(Height(number), 1)
    with pytest.raises(ValueError, match="expected"):
        attestation.encode_state(Height(1), number)
    with pytest.raises(ValueError, match="expected"):
        attestation.encode_packets(Height(number), [(bytes(32), bytes(32))])


@pytest.mark.covers("PRF-04")
@pytest.mark.parametrize(
    "pairs", [[], [(bytes(31), bytes(33))], [(bytes(32), b"")]], ids=["none", "shifted", "short"]
)
def test_pairs_that_are_not_two_words_are_not_encoded(pairs):
    with pytest.raises(ValueError, match="pairs"):
        attestation.encode_packets(Height(1), pairs)


def test_each_kind_of_claim_has_its_own_path_and_commitment():
    sent = packet(7)
    claims = [
        Sent(packet=sent),
        Acknowledged(packet=sent, acknowledgements=(b"ok",)),
        NotReceived(packet=sent),
    ]
    source, destination = b"isthmus-0", b"isthmus-7"
    sequence = (7).to_bytes(8, "big")
    assert attestation.pairs(claims) == (
        (keccak256(source + b"\1" + sequence), codec.packet_commitment(sent)),
        (keccak256(destination + b"\3" + sequence), codec.acknowledgement_commitment((b"ok",))),
        (keccak256(destination + b"\2" + sequence), bytes(32)),
    )
    other = replace(sent, source_client=ClientId("isthmus-1"))
    assert attestation.pairs([Sent(packet=other)])[0][0] != attestation.pairs(claims)[0][0]


def sign(*indices, digest=DIGEST):
    return [attestation.sign(KEYS[index], digest) for index in indices]


def test_signatures_are_deterministic_low_s_and_recoverable():
    for key, address in zip(KEYS, ADDRESSES, strict=True):
        signature = attestation.sign(key, DIGEST)
        assert signature == attestation.sign(key, DIGEST)
        assert len(signature) == 65
        assert signature[64] in (27, 28)
        assert int.from_bytes(signature[32:64], "big") <= ORDER // 2
        assert attestation.recover(DIGEST, signature) == address


@pytest.mark.parametrize("threshold", [1, 2, 3, 4])
def test_enough_distinct_attestors_are_accepted_in_the_order_of_the_list(threshold):
    indices = list(range(threshold))[::-1]
    verdict = attestation.check(SET, threshold, DIGEST, sign(*indices))
    assert verdict == Accepted(value=tuple([ADDRESSES[index] for index in indices]))


def test_both_conventions_of_v_are_taken():
    signature = sign(0)[0]
    old = signature[:64] + bytes([signature[64] - 27])
    assert attestation.check(SET, 1, DIGEST, [old]) == Accepted(value=(ADDRESSES[0],))
    rejected(attestation.check(SET, 1, DIGEST, [old, signature]))


@pytest.mark.covers("PRF-04")
def test_fewer_signatures_than_the_threshold_are_not_enough():
    assert attestation.check(SET, 3, DIGEST, sign(0, 1)) == NotEnoughTrust(have=2, need=3)
    assert attestation.check(SET, 3, DIGEST, []) == NotEnoughTrust(have=0, need=3)
    assert attestation.check(SET, 0, DIGEST, []) == NotEnoughTrust(have=0, need=1)


def rejected(verdict, reason=Reason.BAD_SIGNATURE):
    assert isinstance(verdict, Rejected), verdict
    assert verdict.reason is reason


def high_s(signature):
    flipped = ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + flipped.to_bytes(32, "big") + bytes([55 - signature[64]])


def test_a_high_s_twin_of_a_good_signature_is_rejected():
    signature = sign(0)[0]
    twin = high_s(signature)
    compact = twin[:64] + bytes([twin[64] - 27])
    key = coincurve.PublicKey.from_signature_and_message(compact, DIGEST, hasher=None)
    assert signatures.address_of(key) == ADDRESSES[0]
    rejected(attestation.check(SET, 1, DIGEST, [twin]))


def test_one_bad_signature_rejects_the_list_even_over_the_threshold():
    good = sign(0, 1, 2)
    signature = good[0]
    for bad in (
        sign(4)[0],
        signature,
        high_s(sign(3)[0]),
        sign(3, digest=bytes(32))[0],
        b"",
        bytes(65),
        signature[:64],
        signature + b"\0",
        signature[:64] + b"\2",
        signature[:64] + b"\x1d",
        bytes(32) + signature[32:],
        signature[:32] + bytes(32) + signature[64:],
        b"\xff" * 32 + signature[32:],
    ):
        rejected(attestation.check(SET, 2, DIGEST, [*good, bad]))
        rejected(attestation.check(SET, 2, DIGEST, [bad, *good]))


def test_a_signature_made_to_recover_the_point_at_infinity_is_rejected():
    """With s = z / k no public key exists: a recovery that is not expected to fail must fail cleanly."""
    nonce = 12345
    point = coincurve.PrivateKey.from_int(nonce).public_key.format(compressed=False)
    r, z = point[1:33], int.from_bytes(DIGEST, "big")
    s = z * pow(nonce, -1, ORDER) % ORDER
    parity = point[64] & 1
    if s > ORDER // 2:
        s, parity = ORDER - s, parity ^ 1
    forged = r + s.to_bytes(32, "big") + bytes([27 + parity])
    with pytest.raises(Refusal) as refusal:
        attestation.recover(DIGEST, forged)
    assert refusal.value.reason is Reason.BAD_SIGNATURE


def test_more_signatures_than_the_cap_are_rejected():
    rejected(attestation.check(SET, 1, DIGEST, sign(0) * (limits.MAX_ATTESTORS + 1)), Reason.LIMIT)


def test_a_state_signature_is_none_over_packets():
    data = attestation.encode_state(Height(5), 6)
    signed = sign(0, digest=attestation.state_digest(data))
    rejected(attestation.check(SET, 1, attestation.packets_digest(data), signed))
