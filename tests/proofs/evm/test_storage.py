"""Accounts and storage: mainnet's own proofs, the router's slots, and batches of acknowledgements."""

import eth_abi
import pytest
import rlp
from hypothesis import given
from hypothesis import strategies as st

from proofs.evm import slots, storage
from proofs.hashing import keccak256
from proofs.merkle import mpt
from proofs.types import ClientId, Sequence
from proofs.verdict import Reason, Refusal
from tests.support.tries import EMPTY_CODE_HASH, EvmState
from tests.support.vectors import counted, load, needs, number, unhex

FOLDER = "ethereum/execution-proofs/"
FILES = [
    FOLDER + name for name in ("helios-rpc-block.json", "helios-rpc-proof.json", "helios-rpc-account.json")
]
BLOCK = dict(load(FILES[0]))


def refused(call, *reasons):
    with pytest.raises(Refusal) as refusal:
        call()
    assert refusal.value.reason in reasons, refusal.value


def nodes(texts):
    return tuple([unhex(text) for text in texts])


def mainnet_cases():
    """Yield (name, address, account nodes, account fields, storage proofs) of every account vector."""
    for name in ("helios-rpc-proof.json", "helios-rpc-block_miner_proof.json"):
        case = load(FOLDER + name)
        fields = {**case, "storageRoot": case["storageHash"]}
        yield name, case["address"], case["accountProof"], fields, case["storageProof"]
    case = load(FOLDER + "helios-rpc-account.json")
    deposit = load(FOLDER + "helios-rpc-proof.json")["address"]
    yield "helios-rpc-account.json", deposit, case["accountProof"], case["account"], case["storageProof"]
    for address, each in load(FOLDER + "helios-verifiable_api-access_list.json")["accounts"].items():
        yield (
            "helios-verifiable_api-access_list.json",
            address,
            each["accountProof"],
            each["account"],
            each["storageProof"],
        )


@needs(*FILES)
def test_every_mainnet_account_and_slot_is_proven_under_the_header():
    accounts = words = 0
    for name, address, account_nodes, fields, slot_proofs in mainnet_cases():
        account = storage.prove_account(unhex(BLOCK["stateRoot"]), unhex(address), nodes(account_nodes))
        expected = [
            number(fields["nonce"]),
            number(fields["balance"]),
            unhex(fields["storageRoot"]),
            unhex(fields["codeHash"]),
        ]
        assert account == storage.decode_account(rlp.encode(expected)), name
        accounts += 1
        for proof in slot_proofs:
            slot, value = unhex(proof["key"]).rjust(32, b"\0"), int(proof["value"], 16)
            if value:
                assert storage.Storage(account.storage_root).word(slot, nodes(proof["proof"])) == value
            else:
                storage.Storage(account.storage_root).check_zero(slot, nodes(proof["proof"]))
            words += 1
    counted(f"helios accounts: {accounts} accounts, {words} slots")
    assert accounts >= 4
    assert words >= 3


@needs(*FILES)
@pytest.mark.covers("PRF-13")
def test_a_mainnet_proof_of_one_account_or_slot_proves_no_other():
    root, deposit = unhex(BLOCK["stateRoot"]), load(FILES[1])
    address, account_nodes = unhex(deposit["address"]), nodes(deposit["accountProof"])
    account = storage.prove_account(root, address, account_nodes)
    wrong = (Reason.WRONG_HASH, Reason.INCOMPLETE, Reason.ABSENT)
    refused(lambda: storage.prove_account(root, address[::-1], account_nodes), *wrong)
    refused(lambda: storage.prove_account(unhex(BLOCK["receiptsRoot"]), address, account_nodes), *wrong)
    slot_nodes = nodes(deposit["storageProof"][0]["proof"])
    refused(lambda: storage.Storage(account.storage_root).word((2).to_bytes(32, "big"), slot_nodes), *wrong)
    refused(lambda: storage.Storage(root).word((1).to_bytes(32, "big"), slot_nodes), *wrong)


ADDRESS = b"\x42" * 20
SLOTS = {(slot).to_bytes(32, "big"): 3**slot for slot in range(1, 60)}
STATE = EvmState(ADDRESS, SLOTS)
STORAGE_ROOT = storage.prove_account(STATE.root, ADDRESS, STATE.account_proof()).storage_root


def test_words_are_read_and_gaps_are_zero():
    store = storage.Storage(STORAGE_ROOT)
    for slot, value in SLOTS.items():
        assert store.word(slot, STATE.storage_proof(slot)) == value
        refused(lambda slot=slot: store.check_zero(slot, STATE.storage_proof(slot)), Reason.PRESENT)
    gap = bytes(32)
    store.check_zero(gap, STATE.storage_proof(gap))
    refused(lambda: store.word(gap, STATE.storage_proof(gap)), Reason.ABSENT)


@pytest.mark.covers("PRF-13")
def test_a_proof_holds_for_its_own_slot_and_height_only():
    slot, other = (5).to_bytes(32, "big"), (6).to_bytes(32, "big")
    store = storage.Storage(STORAGE_ROOT)
    refused(
        lambda: store.word(slot, STATE.storage_proof(other)),
        Reason.WRONG_HASH,
        Reason.INCOMPLETE,
        Reason.ABSENT,
    )
    later = EvmState(ADDRESS, {**SLOTS, slot: 1})
    refused(lambda: store.word(slot, later.storage_proof(slot)), Reason.WRONG_HASH)
    refused(lambda: storage.prove_account(later.root, ADDRESS, STATE.account_proof()), Reason.WRONG_HASH)


def test_an_account_that_is_not_there_is_absent_and_never_empty():
    nobody = EvmState(b"\x43" * 20, SLOTS)
    absent = tuple([rlp.encode(node) for node in nobody.accounts.get_proof(keccak256(ADDRESS))])
    refused(lambda: storage.prove_account(nobody.root, ADDRESS, absent), Reason.ABSENT)


@pytest.mark.parametrize(
    "leaf", [rlp.encode(b"\0"), b"\x00", rlp.encode(b"\0\1"), rlp.encode([b"\1"]), rlp.encode(b"\1" * 33)]
)
@pytest.mark.covers("PRF-06")
def test_a_storage_value_that_is_no_minimal_word_is_malformed(leaf):
    slot = bytes(32)
    node = rlp.encode([b"\x20" + keccak256(slot), leaf])
    refused(lambda: storage.Storage(keccak256(node)).word(slot, (node,)), Reason.MALFORMED)


@pytest.mark.parametrize(
    "items",
    [
        [b"", b"", bytes(32)],
        [b"", b"", bytes(32), EMPTY_CODE_HASH, b""],
        [b"\0", b"", bytes(32), EMPTY_CODE_HASH],
        [b"", b"\1" * 33, bytes(32), EMPTY_CODE_HASH],
        [b"", b"", bytes(31), EMPTY_CODE_HASH],
        [b"", b"", bytes(32), b""],
        [[], b"", bytes(32), EMPTY_CODE_HASH],
    ],
)
def test_a_misshapen_account_is_malformed(items):
    refused(lambda: storage.decode_account(rlp.encode(items)), Reason.MALFORMED)


uint64s = st.integers(0, 2**64 - 1)


@given(st.dictionaries(uint64s, st.binary(min_size=32, max_size=32), min_size=1, max_size=20))
def test_a_batch_is_encoded_as_solidity_does_and_comes_back(batch):
    encoded = storage.encode_ack_batch(list(batch), list(batch.values()))
    assert encoded == eth_abi.encode(["uint64[]", "bytes32[]"], [list(batch), list(batch.values())])
    assert storage.decode_ack_batch(encoded) == batch


def test_only_the_canonical_encoding_of_a_batch_is_taken():
    good = storage.encode_ack_batch([1, 2], [bytes(32), b"\1" * 32])
    twice = storage.encode_ack_batch([2, 2], [bytes(32), b"\1" * 32])
    empty = storage.encode_ack_batch([], [])
    too_big = storage.encode_ack_batch([2**64], [bytes(32)])
    uneven = eth_abi.encode(["uint64[]", "bytes32[]"], [[1, 2], [bytes(32)]])
    for bad in (
        b"",
        good[:-1],
        good[:-32],
        good + bytes(32),
        bytes(len(good)),
        twice,
        empty,
        too_big,
        uneven,
    ):
        refused(lambda bad=bad: storage.decode_ack_batch(bad), Reason.MALFORMED)
    for position in range(0, 96):
        mutant = bytearray(good)
        mutant[position] ^= 1
        refused(lambda mutant=mutant: storage.decode_ack_batch(bytes(mutant)), Reason.MALFORMED)


def test_slots_are_those_of_the_solidity_layout():
    namespace = int.from_bytes(keccak256(b"isthmus.router"), "big") - 1
    base = int.from_bytes(keccak256(namespace.to_bytes(32, "big")), "big") & ~0xFF
    assert base == slots.ROUTER_STORE

    def mapping(key, slot):
        return keccak256(key + slot)

    client, sequence = ClientId("isthmus-7"), Sequence(515)
    path = keccak256(b"isthmus-7\x01" + (515).to_bytes(8, "big"))
    words = [(base + index).to_bytes(32, "big") for index in range(3)]
    assert slots.commitment_slot(client, sequence) == mapping(path, words[0])
    receipts = mapping((2).to_bytes(32, "big"), mapping(keccak256(b"isthmus-7"), words[1]))
    assert slots.receipt_word(client, sequence) == (receipts, 1 << 3)
    batches = mapping((9).to_bytes(32, "big"), mapping(keccak256(b"isthmus-7"), words[2]))
    assert slots.ack_batch_slot(client, 9) == batches


def test_an_empty_storage_proves_every_slot_zero():
    empty = EvmState(ADDRESS, {})
    account = storage.prove_account(empty.root, ADDRESS, empty.account_proof())
    assert account.storage_root == mpt.EMPTY_TRIE_ROOT
    storage.Storage(account.storage_root).check_zero(bytes(32), ())
    refused(lambda: storage.Storage(account.storage_root).word(bytes(32), ()), Reason.ABSENT)
