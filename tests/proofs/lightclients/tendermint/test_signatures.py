"""What validators sign, and whose signature it is: CometBFT's sign bytes, Wycheproof, keys and addresses."""

import hashlib

import pytest
from nacl.bindings import crypto_sign_open
from nacl.exceptions import CryptoError

from proofs.lightclients.tendermint import advance, hashing, keys, zip215
from proofs.lightclients.tendermint.types import BlockId, Flag, KeyType
from proofs.lightclients.tendermint.wire import ZERO_TIME_NS
from proofs.verdict import Reason, Refusal, Rejected
from tests.proofs.lightclients.tendermint.cases import BLOCKS, NOW_S, PARAMS, TRUSTED, accepted
from tests.support.cosmos_blocks import (
    FOUR,
    Seat,
    grow,
    header_of,
    high_s,
    resigned,
    seats,
    signed,
    with_entry,
)
from tests.support.vectors import counted, load, needs

SIGN_BYTES = "cosmos/cometbft-vote-sign-bytes.json"
ED25519 = "cosmos/wycheproof/ed25519_test.json"
SECP256K1 = "cosmos/wycheproof/ecdsa_secp256k1_sha256_p1363_test.json"
FIELD = 2**255 - 19
HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


@needs(SIGN_BYTES)
def test_votes_are_the_bytes_that_cometbft_signs():
    cases = load(SIGN_BYTES)["cases"]
    for case in cases:
        vote = case["vote"]
        head = hashing.vote_head(vote["type"], vote["height"], vote["round"], None)
        assert hashing.vote_bytes(head, ZERO_TIME_NS, case["chain_id"]).hex() == case["sign_bytes"]
    counted(f"cometbft vote sign bytes: {len(cases)}")


def test_a_vote_names_its_block_and_its_chain_and_one_for_nil_names_no_block():
    block = BlockId(hash=b"\1" * 32, parts_total=3, parts_hash=b"\2" * 32)
    head = hashing.vote_head(hashing.PRECOMMIT, 5, 0, block)
    inner = "0a20" + "01" * 32 + "1224" + "0803" + "1220" + "02" * 32
    assert head.hex() == "0802" + "11" + "0500000000000000" + "2248" + inner
    vote = hashing.vote_bytes(head, 1_000_000_002, "a")
    assert vote.hex() == f"{len(vote) - 1:02x}" + head.hex() + "2a04" + "08011002" + "3201" + "61"
    assert hashing.vote_head(hashing.PRECOMMIT, 5, 0, None).hex() == "080211" + "0500000000000000"


def wycheproof(name, key_of, key_type):
    """Yield (case, whether we hold the signature valid) for every case of a file."""
    for group in load(name)["testGroups"]:
        signer = keys.validator(key_type, key_of(group["publicKey"]), 1)
        for case in group["tests"]:
            signature = bytes.fromhex(case["sig"])
            yield case, keys.signed(signer, bytes.fromhex(case["msg"]), signature)


@needs(ED25519)
def test_ed25519_signatures_of_wycheproof_have_their_results_but_for_one_that_nodes_take():
    """Case 151 spells R with a sign that means nothing; ZIP-215 reads it all the same."""
    seen = {"valid": 0, "invalid": 0}
    for case, is_signed in wycheproof(ED25519, lambda key: bytes.fromhex(key["pk"]), KeyType.ED25519):
        assert is_signed == (case["result"] == "valid" or case["tcId"] == 151), case
        seen[case["result"]] += 1
    counted(f"wycheproof ed25519: {seen}")
    assert sum(seen.values()) == 151


def compressed(key):
    x, y = int(key["wx"], 16), int(key["wy"], 16)
    return bytes([2 + y % 2]) + x.to_bytes(32, "big")


@needs(SECP256K1)
def test_secp256k1_signatures_of_wycheproof_have_their_results_and_high_s_has_none():
    seen = {"valid": 0, "invalid": 0, "high s": 0}
    for case, is_signed in wycheproof(SECP256K1, compressed, KeyType.SECP256K1):
        signature = bytes.fromhex(case["sig"])
        is_high = case["result"] == "valid" and int.from_bytes(signature[32:], "big") > HALF_ORDER
        assert is_signed == (case["result"] == "valid" and not is_high), case
        seen["high s" if is_high else case["result"]] += 1
    counted(f"wycheproof secp256k1: {seen}")
    assert sum(seen.values()) == 252
    assert seen["high s"] == 72


@pytest.mark.parametrize("key_type", KeyType)
def test_only_the_signers_own_signature_over_these_bytes_counts(key_type):
    seat, other = Seat(1, key_type=key_type), Seat(2, key_type=key_type)
    signature = seat.sign(b"vote")
    assert keys.signed(seat.validator, b"vote", signature)
    assert not keys.signed(other.validator, b"vote", signature)
    assert not keys.signed(seat.validator, b"Vote", signature)
    for bad in (
        b"",
        signature[:-1],
        signature + b"\0",
        bytes(64),
        b"\xff" * 64,
        signature[32:] + signature[:32],
    ):
        assert not keys.signed(seat.validator, b"vote", bad)
    # The boundary between signature and message may not move.
    assert not keys.signed(seat.validator, b"ote", signature + b"v")


def test_the_other_secp256k1_signature_of_the_same_vote_is_refused():
    seat = Seat(1, key_type=KeyType.SECP256K1)
    signature = seat.sign(b"vote")
    assert not keys.signed(seat.validator, b"vote", high_s(signature))
    assert high_s(high_s(signature)) == signature


def encoded(point):
    """Return the 32 bytes of a point as RFC 8032 writes it."""
    x, y, z, _ = point
    inverse = pow(z, -1, FIELD)
    return (y * inverse % FIELD | (x * inverse % FIELD % 2) << 255).to_bytes(32, "little")


def of_small_order():
    """Return a point of order 8: what is left of any point but for its part in the large subgroup."""
    for y in range(2, 100):
        point = zip215._point(y.to_bytes(32, "little"))
        if point is not None:
            rest = zip215._sum(zip215._ORDER, point, 0, point)
            double = zip215._add(rest, rest)
            if encoded(zip215._add(double, double)) != encoded(zip215._ZERO):
                return rest
    raise AssertionError("no point of order 8 below 100")


def signed_with_small_part(seat, message):
    """Return a signature that the seat's owner made on purpose: R has a part of small order."""
    digest = hashlib.sha512(seat.secret).digest()
    secret = int.from_bytes(digest[:32], "little") & (2**254 - 8) | 2**254
    nonce = zip215._add(zip215._sum(12345, zip215._BASE, 0, zip215._BASE), of_small_order())
    public = seat.validator.public_key
    challenge = int.from_bytes(hashlib.sha512(encoded(nonce) + public + message).digest(), "little")
    scalar = (12345 + challenge * secret) % zip215._ORDER
    return encoded(nonce) + scalar.to_bytes(32, "little")


def test_a_vote_that_only_nodes_take_is_valid_here_too():
    """One validator could have stopped us by making such votes: its chain takes them, and so its commits."""
    seat = FOUR[2]
    signature = signed_with_small_part(seat, b"vote")
    with pytest.raises(CryptoError):
        crypto_sign_open(signature + b"vote", seat.validator.public_key)
    assert keys.signed(seat.validator, b"vote", signature)
    assert not keys.signed(seat.validator, b"Vote", signature)
    assert not keys.signed(FOUR[1].validator, b"vote", signature)
    more = int.from_bytes(signature[32:], "little") + zip215._ORDER
    assert not keys.signed(seat.validator, b"vote", signature[:32] + more.to_bytes(32, "little"))


@pytest.mark.parametrize("height", [4, 9], ids=["next", "far"])
def test_a_block_with_a_vote_that_only_nodes_take_is_accepted(height):
    made = BLOCKS[height]
    message = list(hashing.sign_bytes(made.block.commit, "test-1"))[2]
    odd = with_entry(made, 2, signature=signed_with_small_part(FOUR[2], message))
    assert accepted(advance(TRUSTED, odd.update, PARAMS, NOW_S)).block == made.ref


def test_keys_and_points_of_small_order_are_taken_in_all_fourteen_spellings():
    """ZIP-215 has them all valid with s = 0, whatever is signed: 8 points, two numbers for those below 19."""
    eighth = point = of_small_order()
    numbers = set()
    for _ in range(8):
        number = int.from_bytes(encoded(point), "little") % 2**255
        numbers |= {number, number + FIELD} if number < 19 else {number}
        point = zip215._add(point, eighth)
    spelled = [(number | sign << 255).to_bytes(32, "little") for number in numbers for sign in (0, 1)]
    assert len(spelled) == 14
    for key in spelled:
        owner = keys.validator(KeyType.ED25519, key, 1)
        for nonce in spelled:
            assert keys.signed(owner, b"vote", nonce + bytes(32))
            assert not keys.signed(owner, b"vote", nonce + b"\1" + bytes(31))


def test_an_ed25519_key_that_is_no_point_signs_nothing():
    nobody = keys.validator(KeyType.ED25519, b"\2" + bytes(31), 1)
    assert zip215._point(nobody.public_key) is None
    for signature in (bytes(64), b"\1" + bytes(63), nobody.public_key + bytes(32)):
        assert not keys.signed(nobody, b"vote", signature)


def test_a_secp256k1_key_that_is_no_point_signs_nothing():
    nobody = keys.validator(KeyType.SECP256K1, b"\2" + b"\xff" * 32, 1)
    assert not keys.signed(nobody, b"vote", Seat(1, key_type=KeyType.SECP256K1).sign(b"vote"))


@pytest.mark.parametrize(
    ("key_type", "size"),
    [(KeyType.ED25519, 31), (KeyType.ED25519, 33), (KeyType.SECP256K1, 32), (KeyType.SECP256K1, 65)],
)
def test_a_key_of_another_length_is_refused(key_type, size):
    with pytest.raises(Refusal, match=f"{key_type.value} key: expected") as refused:
        keys.validator(key_type, bytes(size), 1)
    assert refused.value.reason is Reason.MALFORMED


def test_addresses_are_those_of_cometbft():
    """The address of the generator point of secp256k1 is known from Bitcoin; ed25519 cuts a SHA-256."""
    generator = bytes.fromhex("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
    assert keys.address_of(KeyType.SECP256K1, generator).hex() == "751e76e8199196d454941c45d1b3a323f1433bd6"
    assert keys.address_of(KeyType.ED25519, bytes(32)) == hashing.sha256(bytes(32))[:20]


def test_every_place_of_a_commit_signs_its_own_time_and_nil_votes_sign_no_block():
    made = grow([seats(1, 2, 3)])[1]
    messages = list(hashing.sign_bytes(made.block.commit, "test-1"))
    assert len(set(messages)) == 3
    nil = with_entry(made, 1, flag=Flag.NIL).block.commit
    changed = list(hashing.sign_bytes(nil, "test-1"))
    assert (changed[0], changed[2]) == (messages[0], messages[2])
    assert len(changed[1]) < len(messages[1])
    assert resigned(nil, made.seats).signatures[1].signature != nil.signatures[1].signature


def test_a_merkle_root_is_that_of_rfc_6962():
    leaf, inner = (
        (lambda data: hashing.sha256(b"\0" + data)),
        (lambda *two: hashing.sha256(b"\1" + b"".join(two))),
    )
    assert hashing.merkle_root([]) == hashing.sha256(b"")
    assert hashing.merkle_root([b"a"]) == leaf(b"a")
    a, b, c, d, e = (leaf(letter) for letter in (b"a", b"b", b"c", b"d", b"e"))
    assert hashing.merkle_root([b"a", b"b", b"c"]) == inner(inner(a, b), c)
    five = inner(inner(inner(a, b), inner(c, d)), e)
    assert hashing.merkle_root([b"a", b"b", b"c", b"d", b"e"]) == five


@pytest.mark.parametrize("height", [3, 9], ids=["the trusted height", "far"])
def test_votes_of_trusted_validators_are_checked_before_those_of_strangers(height):
    """A stranger can sign so that checking takes long: he is heard only where the others spoke."""
    own = (*seats(11, 12), *seats(1, 2))
    made = signed(header_of(height, own, own), own, own)
    for at in range(4):
        made = with_entry(made, at, signature=bytes(64))
    verdict = advance(TRUSTED, made.update, PARAMS, NOW_S)
    assert isinstance(verdict, Rejected)
    assert verdict.reason is Reason.BAD_SIGNATURE
    assert "entry 2:" in verdict.detail
