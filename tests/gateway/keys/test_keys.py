"""Keys: encrypted on disk, derived per lane, hidden everywhere else."""

import copy
import json
import pickle
import stat
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.schema import ApiKeyConfig, Scope
from gateway.keys import keystore as keystore_module
from gateway.keys.api_keys import find_key, hash_key, new_api_key
from gateway.keys.derive import attestor_key
from gateway.keys.keystore import Keystore, KeystoreError
from gateway.keys.signer import SECP256K1_ORDER, LocalSigner, new_key
from proofs.signatures import recover
from proofs.types import ChainId, ClientId, Lane

SEED = bytes(range(32))
PASSWORD = "correct horse"
HERE, THERE = b"\x11" * 20, b"\x22" * 20
"""Where the routers are."""
LANE = Lane(
    source=ChainId("eip155:1"),
    source_client=ClientId("attestations-0"),
    destination=ChainId("eip155:2"),
    destination_client=ClientId("attestations-0"),
)


def lane_address(seed=SEED, lane=LANE, source_store=HERE, destination_store=THERE):
    return attestor_key(seed, lane, source_store, destination_store).address


@pytest.fixture
def cheap(monkeypatch):
    """Files of other tools with a weaker derivation are refused; here such a file is what is tested."""
    monkeypatch.setattr(keystore_module, "SCRYPT_WORK", 2**10)


def weak_file(key=SEED, kdf="scrypt", work=2**10):
    from eth_keyfile.keyfile import create_keyfile_json

    return json.dumps(create_keyfile_json(key, PASSWORD.encode(), kdf=kdf, iterations=work))


def test_a_key_comes_back_with_its_password_and_only_with_it(tmp_path):
    keystore = Keystore(tmp_path / "keys")
    keystore.save("relay", SEED, PASSWORD)
    assert keystore.load("relay", PASSWORD) == SEED
    assert keystore.names() == ("relay",)
    file = tmp_path / "keys" / "relay.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert SEED.hex() not in file.read_text()
    with pytest.raises(KeystoreError, match="password is wrong"):
        keystore.load("relay", "correct horsf")
    with pytest.raises(KeystoreError, match="exists already"):
        keystore.save("relay", new_key(), PASSWORD)


@pytest.mark.usefixtures("cheap")
def test_keys_are_opened_together_each_under_its_name(tmp_path):
    keystore = Keystore(tmp_path / "keys")
    keys = {f"key{number}": new_key() for number in range(9)}
    for name, key in keys.items():
        keystore.restore(name, weak_file(key), PASSWORD)
    assert keystore.load_all(sorted(keys), PASSWORD) == keys
    with pytest.raises(KeystoreError, match="no key 'absent'"):
        keystore.load_all(["key0", "absent", "key1"], PASSWORD)
    with pytest.raises(KeystoreError, match="password is wrong"):
        keystore.load_all(["key0", "key1"], "something else")


@pytest.mark.usefixtures("cheap")
def test_an_exported_key_is_restored_elsewhere(tmp_path):
    exported = weak_file()
    elsewhere = Keystore(tmp_path / "new")
    elsewhere.restore("master", exported, PASSWORD)
    assert elsewhere.load("master", PASSWORD) == SEED
    assert elsewhere.export("master") == exported
    assert lane_address(elsewhere.load("master", PASSWORD)) == lane_address()
    with pytest.raises(KeystoreError, match="password is wrong"):
        elsewhere.restore("other", exported, "something else")
    assert elsewhere.names() == ("master",)


@pytest.mark.usefixtures("cheap")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o666])
def test_a_file_that_others_may_read_is_refused(tmp_path, mode):
    Keystore(tmp_path).restore("relay", weak_file(), PASSWORD)
    (tmp_path / "relay.json").chmod(mode)
    with pytest.raises(KeystoreError, match="chmod 600"):
        Keystore(tmp_path).load("relay", PASSWORD)


@pytest.mark.parametrize(("kdf", "work"), [("scrypt", 2**10), ("scrypt", 2**16), ("pbkdf2", 10_000)])
def test_a_cheap_key_derivation_is_refused(tmp_path, kdf, work):
    with pytest.raises(KeystoreError, match="work of"):
        Keystore(tmp_path).restore("relay", weak_file(kdf=kdf, work=work), PASSWORD)


@pytest.mark.usefixtures("cheap")
@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file["crypto"].update(mac="00" * 32),
        lambda file: file["crypto"].update(ciphertext="00" * 32),
        lambda file: file["crypto"].update(kdf="md5"),
        lambda file: file["crypto"]["kdfparams"].update(n=2**40),
        lambda file: file["crypto"]["kdfparams"].update(n="x"),
        lambda file: file.update(version=1),
        lambda file: file.pop("crypto"),
    ],
)
def test_a_changed_file_is_refused(tmp_path, damage):
    file = json.loads(weak_file())
    damage(file)
    with pytest.raises(KeystoreError):
        Keystore(tmp_path).restore("relay", json.dumps(file), PASSWORD)


@pytest.mark.parametrize("content", ["", "[]", "7", '{"crypto": 1}', "\ud800"])
def test_what_is_no_key_file_is_refused(tmp_path, content):
    with pytest.raises(KeystoreError):
        Keystore(tmp_path).restore("relay", content, PASSWORD)


@pytest.mark.parametrize("name", ["../relay", "", "A", "a/b", ".hidden", "a" * 65])
def test_a_name_never_leaves_the_directory(tmp_path, name):
    with pytest.raises(KeystoreError, match="name of"):
        Keystore(tmp_path / "keys").export(name)


def test_an_absent_key_is_told_with_those_that_are_there(tmp_path):
    with pytest.raises(KeystoreError, match="there: none"):
        Keystore(tmp_path / "nowhere").load("relay", PASSWORD)


def test_a_short_password_is_refused(tmp_path):
    with pytest.raises(KeystoreError, match="8 characters"):
        Keystore(tmp_path).save("relay", SEED, "short")


def test_signatures_recover_to_the_signer_are_low_and_repeat():
    signer = LocalSigner(SEED)
    for number in range(200):
        digest = number.to_bytes(32, "big")
        signature = signer.sign(digest)
        assert recover(digest, signature) == signer.address
        assert int.from_bytes(signature[32:64], "big") <= SECP256K1_ORDER // 2
        assert signature == LocalSigner(SEED).sign(digest)


@pytest.mark.parametrize(
    "bad", [b"", bytes(32), bytes(31), SECP256K1_ORDER.to_bytes(32, "big"), b"\xff" * 32]
)
def test_what_is_no_key_makes_no_signer_and_is_not_repeated(bad):
    with pytest.raises(ValueError, match="secp256k1") as caught:
        LocalSigner(bad)
    assert len(bad) < 2 or bad.hex() not in str(caught.value)


def test_a_digest_of_another_length_is_refused():
    with pytest.raises(ValueError, match="got 31"):
        LocalSigner(SEED).sign(bytes(31))


def test_no_text_of_a_signer_holds_its_key():
    signer = LocalSigner(SEED)
    texts = [repr(signer), str(signer), f"{signer}"]
    try:
        signer.sign(b"")
    except ValueError:
        texts.append(traceback.format_exc())
    assert all(SEED.hex() not in text and repr(SEED) not in text for text in texts)
    for copying in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="never pickled"):
            copying(signer)


_TEXT = st.text("ab/->:0", max_size=4)
_STORE = st.binary(min_size=1, max_size=4).map(lambda drawn: bytes(b"ab/0"[each % 4] for each in drawn))


@given(st.lists(st.tuples(_TEXT, _TEXT, _TEXT, _TEXT, _STORE, _STORE), min_size=2, max_size=2, unique=True))
def test_two_lanes_and_two_deployments_never_share_a_key(pairs):
    first, second = [
        lane_address(
            lane=Lane(source=a, source_client=b, destination=c, destination_client=d),
            source_store=here,
            destination_store=there,
        )
        for a, b, c, d, here, there in pairs
    ]
    assert first != second


def test_the_same_lane_between_other_routers_has_another_key():
    moved = b"\x33" * 20
    stores = [
        (HERE, THERE),
        (moved, THERE),
        (HERE, moved),
        (THERE, HERE),
        (HERE, HERE),
        (HERE + b"\0", THERE),
    ]
    addresses = {lane_address(source_store=here, destination_store=there) for here, there in stores}
    assert len(addresses) == len(stores)
    for here, there in ((b"", THERE), (HERE, b"")):
        with pytest.raises(ValueError, match="commitment stores"):
            lane_address(source_store=here, destination_store=there)


def test_the_key_of_a_lane_follows_from_the_seed_and_the_deployment_alone():
    assert lane_address() == lane_address(bytes(range(32)))
    assert lane_address().hex() == "a02e30ffe53df97ac6fc6e11379c8d9d10d96941"
    assert lane_address(bytes(32)) != lane_address()
    assert lane_address(lane=LANE.reverse()) != lane_address()
    with pytest.raises(ValueError, match="32 bytes"):
        lane_address(b"short")


def test_an_api_key_is_known_by_its_hash_alone():
    key, hashed = new_api_key()
    other, other_hashed = new_api_key()
    keys = [
        ApiKeyConfig(name="one", hash=hashed, scopes=(Scope.ATTEST,)),
        ApiKeyConfig(name="two", hash=other_hashed),
    ]
    assert key != other
    assert key not in hashed
    assert find_key(keys, key).name == "one"
    assert find_key(keys, other).name == "two"
    for wrong in ("", key[:-1], key + "x", key.upper(), hashed):
        assert find_key(keys, wrong) is None
    assert hash_key(key, bytes(16)) != hash_key(key, bytes([1] * 16))


def test_a_directory_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(KeystoreError, match="cannot be written"):
        Keystore(tmp_path / "file").save("relay", SEED, PASSWORD)
