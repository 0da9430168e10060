"""Merkle-Patricia proofs: third-party vectors, the classic ways to forge one, and agreement with py-trie."""

import pytest
import rlp
from hypothesis import given
from hypothesis import strategies as st

from proofs import limits
from proofs.hashing import EMPTY_TRIE_ROOT, keccak256
from proofs.merkle import mpt
from proofs.verdict import Reason, Refusal
from tests.support.tries import build, geth_form, prove
from tests.support.vectors import counted, load, needs, unhex

OPTIMISM, OPENZEPPELIN = (
    "ethereum/mpt-proofs/optimism-merkletrie.json",
    "ethereum/mpt-proofs/openzeppelin-trieproof.json",
)
TRIES = "ethereum/ethereum-tests/TrieTests/"
MPT_CASES = [
    (file.split("/")[-1][:4] + case["title"], case)
    for file in (OPTIMISM, OPENZEPPELIN)
    for case in load(file)
]

SOUND_ABSENCES = ("nonexistentKey", "smallerPathThanKey", "zeroLengthKey", "zeroBranchValueLength")
"""Cases that the vectors' own verifiers refuse as membership, and that prove absence."""


def nodes_of(case):
    """Return the listed nodes without inlined ones; a case about surplus nodes keeps them all."""
    nodes = tuple([unhex(node) for node in case["proof"]])
    return nodes if "extraProofElements" in case["title"] else geth_form(nodes)


@needs(OPTIMISM, OPENZEPPELIN)
@pytest.mark.parametrize("case", [case for _, case in MPT_CASES], ids=[name for name, _ in MPT_CASES])
@pytest.mark.covers("PRF-18")
def test_every_vector_gives_its_expected_verdict(case):
    root, key, nodes = unhex(case["root"]), unhex(case["key"]), nodes_of(case)
    if "value" in case:
        assert mpt.membership(root, key, nodes) == unhex(case["value"])
        with pytest.raises(Refusal) as refusal:
            mpt.absence(root, key, nodes)
        assert refusal.value.reason is Reason.PRESENT
        return
    with pytest.raises(Refusal) as refusal:
        mpt.membership(root, key, nodes)
    if any(name in case["title"] for name in SOUND_ABSENCES):
        assert refusal.value.reason is Reason.ABSENT
        mpt.absence(root, key, nodes)
    else:
        with pytest.raises(Refusal):
            mpt.absence(root, key, nodes)


@needs(OPTIMISM, OPENZEPPELIN)
def test_the_proof_vectors_hold_as_many_cases_as_were_counted():
    accepted = sum("value" in case for _, case in MPT_CASES)
    counted(f"mpt-proofs: {len(MPT_CASES)} cases, {accepted} positive, {len(MPT_CASES) - accepted} negative")
    assert (len(MPT_CASES), accepted) == (40, 20)


def trie_cases():
    """Yield (name, operations, root) of every trie in the Ethereum tests; a None value deletes."""
    for file, is_secure in (
        ("trieanyorder.json", False),
        ("trieanyorder_secureTrie.json", True),
        ("trietest.json", False),
        ("trietest_secureTrie.json", True),
        ("hex_encoded_securetrie_test.json", True),
    ):
        for name, case in dict(load(TRIES + file)).items():
            pairs = case["in"].items() if isinstance(case["in"], dict) else case["in"]
            operations = [(as_bytes(key), as_bytes(value)) for key, value in pairs]
            yield f"{file}:{name}", operations, is_secure, unhex(case["root"])


def as_bytes(text):
    if text is None:
        return None
    return unhex(text) if text.startswith("0x") else text.encode()


TRIE_CASES = list(trie_cases())


@needs(TRIES + "trietest.json")
@pytest.mark.parametrize("case", [case[1:] for case in TRIE_CASES], ids=[case[0] for case in TRIE_CASES])
def test_every_key_of_every_ethereum_trie_is_proven_and_every_deleted_one_proven_absent(case):
    operations, is_secure, root = case
    final = dict(operations)
    entries = {keccak256(key) if is_secure else key: value for key, value in final.items()}
    trie = build({key: value for key, value in entries.items() if value})
    assert trie.root_hash == root
    for key, value in entries.items():
        if value:
            assert mpt.membership(root, key, prove(trie, key)) == value
        else:
            mpt.absence(root, key, prove(trie, key))
    for key in (b"", b"\0", b"no such key", keccak256(b"no such key")):
        if key not in entries:
            mpt.absence(root, key, prove(trie, key))


@needs(TRIES + "trietestnextprev.json")
def test_neighbouring_keys_of_the_next_and_previous_vectors_are_told_apart():
    case = load(TRIES + "trietestnextprev.json")["basic"]
    stored = [key.encode() for key in case["in"]]
    trie = build({key: key for key in stored})
    for probe, _, _ in case["tests"]:
        key = probe.encode()
        if key in stored:
            assert mpt.membership(trie.root_hash, key, prove(trie, key)) == key
        else:
            mpt.absence(trie.root_hash, key, prove(trie, key))


@needs(TRIES + "trietest.json")
def test_the_trie_vectors_hold_as_many_cases_as_were_counted():
    probes = len(load(TRIES + "trietestnextprev.json")["basic"]["tests"])
    counted(f"TrieTests: {len(TRIE_CASES)} tries, {probes} neighbour probes")
    assert (len(TRIE_CASES), probes) == (25, 12)


ENTRIES = {keccak256(b"key%d" % index): rlp.encode(b"value %d" % index) for index in range(200)}
TRIE = build(ENTRIES)
ROOT = TRIE.root_hash
KEY = keccak256(b"key7")
NODES = prove(TRIE, KEY)
ABSENT_KEY = keccak256(b"nobody")


WRONG_OR_LEFT_OVER = (Reason.WRONG_HASH, Reason.INCOMPLETE)


def refused(call, *reasons):
    with pytest.raises(Refusal) as refusal:
        call()
    assert refusal.value.reason in reasons, refusal.value


@pytest.mark.covers("PRF-18")
def test_the_fixture_itself_is_proven():
    assert mpt.membership(ROOT, KEY, NODES) == ENTRIES[KEY]
    mpt.absence(ROOT, ABSENT_KEY, prove(TRIE, ABSENT_KEY))


def test_m1_a_root_that_is_not_the_hash_of_the_first_node_is_refused():
    short = rlp.encode([b"\x20" + b"a", b"x"])
    assert len(short) < 32
    assert mpt.membership(keccak256(short), b"a", (short,)) == b"x"
    refused(lambda: mpt.membership(short.ljust(32, b"\0"), b"a", (short,)), Reason.WRONG_HASH)
    refused(lambda: mpt.membership(short, b"a", (short,)), Reason.WRONG_HASH)


@pytest.mark.covers("PRF-03")
def test_m2_missing_extra_repeated_and_reordered_nodes_are_refused():
    for nodes in (NODES[:-1], NODES[1:], (), NODES[:1]):
        refused(lambda nodes=nodes: mpt.membership(ROOT, KEY, nodes), Reason.INCOMPLETE, Reason.WRONG_HASH)
    for extra in (NODES[-1], NODES[0], b"", b"\x80"):
        refused(lambda extra=extra: mpt.membership(ROOT, KEY, (*NODES, extra)), Reason.INCOMPLETE)
        refused(
            lambda extra=extra: mpt.membership(ROOT, KEY, (*NODES[:-1], extra, NODES[-1])),
            *WRONG_OR_LEFT_OVER,
        )
    refused(lambda: mpt.membership(ROOT, KEY, NODES[::-1]), Reason.WRONG_HASH)
    refused(lambda: mpt.membership(ROOT, KEY, (NODES[0], *NODES)), Reason.WRONG_HASH)


NOT_CANONICAL_LEAVES = [
    ("trailing byte", rlp.encode([b"\x20a", b"value"]) + b"\0"),
    ("long list form", b"\xf8\x09" + rlp.encode([b"\x20a", b"value"])[1:]),
    ("prefixed small byte", b"\xc5\x82\x20a\x81\x01"),
    ("one item", rlp.encode([b"\x20a"])),
    ("three items", rlp.encode([b"\x20a", b"value", b""])),
    ("a string", rlp.encode(b"value")),
    ("nothing", b""),
]


@pytest.mark.parametrize(
    "node", [case[1] for case in NOT_CANONICAL_LEAVES], ids=[case[0] for case in NOT_CANONICAL_LEAVES]
)
@pytest.mark.covers("PRF-06", "PRF-09")
def test_m3_a_node_that_is_not_canonical_rlp_is_malformed_in_both_directions(node):
    root = keccak256(node)
    refused(lambda: mpt.membership(root, b"a", (node,)), Reason.MALFORMED)
    refused(lambda: mpt.absence(root, b"b", (node,)), Reason.MALFORMED)


@pytest.mark.parametrize("flag", range(16))
@pytest.mark.covers("PRF-06")
def test_m4_only_the_canonical_hex_prefix_flags_are_taken(flag):
    """A leaf for key 0x61 with every first nibble: even flags pad with zero, odd ones carry a nibble."""
    node = rlp.encode([bytes([flag << 4]) + b"a", b"value"])
    root = keccak256(node)
    if flag == 2:
        assert mpt.membership(root, b"a", (node,)) == b"value"
        return
    refused(lambda: mpt.membership(root, b"a", (node,)), Reason.MALFORMED, Reason.ABSENT)
    if flag > 3:
        refused(lambda: mpt.absence(root, b"a", (node,)), Reason.MALFORMED)


@pytest.mark.parametrize("padding", range(1, 16))
@pytest.mark.covers("PRF-06")
def test_m4_padding_that_is_not_zero_is_malformed(padding):
    node = rlp.encode([bytes([0x20 | padding]) + b"a", b"value"])
    refused(lambda: mpt.membership(keccak256(node), b"a", (node,)), Reason.MALFORMED)
    refused(lambda: mpt.absence(keccak256(node), b"b", (node,)), Reason.MALFORMED)


def test_m5_a_leaf_whose_path_is_only_a_part_of_the_key_is_no_match():
    node = rlp.encode([b"\x20abc", b"value"])
    root = keccak256(node)
    assert mpt.membership(root, b"abc", (node,)) == b"value"
    for key in (b"ab", b"a", b"", b"abcd", b"abd"):
        refused(lambda key=key: mpt.membership(root, key, (node,)), Reason.ABSENT)
        mpt.absence(root, key, (node,))


@pytest.mark.covers("PRF-09")
def test_m6_absence_is_not_proven_by_a_prefix_of_the_way():
    for size in range(len(NODES)):
        refused(lambda size=size: mpt.absence(ROOT, KEY, NODES[:size]), Reason.INCOMPLETE)
    other = prove(TRIE, ABSENT_KEY)
    for size in range(len(other)):
        refused(lambda size=size: mpt.absence(ROOT, ABSENT_KEY, other[:size]), Reason.INCOMPLETE)


def test_m6_a_key_that_ends_inside_an_extension_is_absent():
    trie = build({b"abcdef": b"x" * 40, b"abcdeg": b"y" * 40})
    for key in (b"", b"a", b"abcde"):
        mpt.absence(trie.root_hash, key, prove(trie, key))
        refused(lambda key=key: mpt.membership(trie.root_hash, key, prove(trie, key)), Reason.ABSENT)


def test_m7_an_empty_value_is_never_a_member_nor_an_absence():
    node = rlp.encode([b"\x20a", b""])
    refused(lambda: mpt.membership(keccak256(node), b"a", (node,)), Reason.MALFORMED)
    refused(lambda: mpt.absence(keccak256(node), b"a", (node,)), Reason.MALFORMED)


@pytest.mark.parametrize("size", [1, 20, 31, 33, 40])
def test_m8_a_child_reference_of_a_wrong_length_is_malformed(size):
    branch = rlp.encode(
        [bytes([1]) * size if index == 6 else (b"\2" * 32 if index == 7 else b"") for index in range(17)]
    )
    root = keccak256(branch)
    refused(lambda: mpt.membership(root, b"a", (branch, b"\1")), Reason.MALFORMED)
    refused(lambda: mpt.absence(root, b"\x81", (branch,)), Reason.MALFORMED)


def test_m8_an_inlined_child_of_32_bytes_or_more_is_malformed():
    child = [b"\x31", b"v" * 40]
    branch = rlp.encode([child if index == 6 else (b"\2" * 32 if index == 7 else b"") for index in range(17)])
    refused(lambda: mpt.membership(keccak256(branch), b"a", (branch,)), Reason.MALFORMED)
    short = rlp.encode(
        [[b"\x31", b"v"] if index == 6 else (b"\2" * 32 if index == 7 else b"") for index in range(17)]
    )
    assert mpt.membership(keccak256(short), b"a", (short,)) == b"v"


def test_m10_a_receipt_key_is_the_rlp_of_the_index():
    trie = build({rlp.encode(index): b"receipt %d" % index + bytes(40) for index in range(130)})
    for index in (0, 1, 127, 128, 129):
        key = rlp.encode(index)
        assert mpt.membership(trie.root_hash, key, prove(trie, key)).startswith(b"receipt %d" % index)
    raw = prove(trie, b"\0")
    refused(lambda: mpt.membership(trie.root_hash, b"\0", raw), Reason.ABSENT)
    refused(
        lambda: mpt.membership(trie.root_hash, b"\x80", prove(trie, b"\x81\x80")),
        Reason.WRONG_HASH,
        Reason.INCOMPLETE,
    )


def test_m11_a_hashed_key_and_a_raw_key_are_two_keys():
    trie = build({keccak256(b"key7"): b"x" * 40, keccak256(b"key8"): b"y" * 40})
    key = keccak256(b"key7")
    assert mpt.membership(trie.root_hash, key, prove(trie, key)) == b"x" * 40
    refused(lambda: mpt.membership(trie.root_hash, b"key7", prove(trie, key)), *WRONG_OR_LEFT_OVER)


@pytest.mark.covers("PRF-04", "PRF-05", "PRF-18")
def test_m12_only_the_empty_root_is_proven_empty_by_an_empty_list():
    mpt.absence(EMPTY_TRIE_ROOT, KEY, ())
    mpt.absence(EMPTY_TRIE_ROOT, KEY, (b"\x80",))
    refused(lambda: mpt.membership(EMPTY_TRIE_ROOT, KEY, ()), Reason.ABSENT)
    for nodes in ((b"",), (b"\x80", b"\x80"), NODES):
        refused(lambda nodes=nodes: mpt.absence(EMPTY_TRIE_ROOT, KEY, nodes), Reason.INCOMPLETE)
    for root in (ROOT, bytes(32), b"", keccak256(b"")):
        refused(lambda root=root: mpt.absence(root, KEY, ()), Reason.INCOMPLETE)
        refused(lambda root=root: mpt.absence(root, KEY, (b"\x80",)), Reason.WRONG_HASH)


@pytest.mark.covers("PRF-05")
def test_the_proof_of_one_root_proves_nothing_under_another():
    other = build({**ENTRIES, KEY: b"another"}).root_hash
    for root in (bytes(32), EMPTY_TRIE_ROOT, other, ROOT[:31], ROOT + b"\0"):
        refused(lambda root=root: mpt.membership(root, KEY, NODES), Reason.WRONG_HASH, Reason.INCOMPLETE)


@pytest.mark.covers("PRF-09")
def test_an_absence_may_not_leave_at_a_branch_whose_slot_is_filled():
    for size in range(1, len(NODES)):
        refused(lambda size=size: mpt.absence(ROOT, KEY, NODES[:size]), Reason.INCOMPLETE)
    neighbour = next(key for key in ENTRIES if key != KEY)
    refused(lambda: mpt.absence(ROOT, KEY, prove(TRIE, neighbour)), Reason.WRONG_HASH, Reason.INCOMPLETE)


@pytest.mark.covers("PRF-09")
def test_a_branch_with_a_single_child_is_no_branch():
    child = keccak256(b"child")
    one = rlp.encode([child if index == 6 else b"" for index in range(17)])
    refused(lambda: mpt.absence(keccak256(one), b"\x71", (one,)), Reason.MALFORMED)
    none = rlp.encode([b""] * 17)
    refused(lambda: mpt.absence(keccak256(none), b"\x71", (none,)), Reason.MALFORMED)


def test_an_extension_without_path_or_child_is_malformed():
    for node in (rlp.encode([b"\0", b"\1" * 32]), rlp.encode([b"\x16", b""])):
        refused(lambda node=node: mpt.absence(keccak256(node), b"\x71", (node,)), Reason.MALFORMED)
        refused(lambda node=node: mpt.membership(keccak256(node), b"\x71", (node,)), Reason.MALFORMED)


@pytest.mark.covers("PRF-18")
def test_odd_corners_of_real_tries_are_proven():
    single = build({b"a": b"one leaf"})
    assert mpt.membership(single.root_hash, b"a", prove(single, b"a")) == b"one leaf"
    nested = build({b"do": b"verb", b"dog": b"puppy", b"doge": b"coin", b"horse": b"stallion"})
    for key, value in {b"do": b"verb", b"dog": b"puppy", b"doge": b"coin"}.items():
        assert mpt.membership(nested.root_hash, key, prove(nested, key)) == value
    in_branch = build({b"a": b"x" * 40, b"ab": b"y" * 40, b"ac": b"z" * 40})
    assert mpt.membership(in_branch.root_hash, b"a", prove(in_branch, b"a")) == b"x" * 40
    empty_key = build({b"": b"x" * 40, b"ab": b"y" * 40})
    assert mpt.membership(empty_key.root_hash, b"", prove(empty_key, b"")) == b"x" * 40


@pytest.mark.covers("PRF-17")
def test_proofs_over_the_caps_are_refused_before_they_are_hashed():
    refused(lambda: mpt.membership(ROOT, KEY, (b"\x80",) * (limits.MAX_PROOF_NODES + 1)), Reason.LIMIT)
    refused(lambda: mpt.membership(ROOT, KEY, (bytes(limits.MAX_PROOF_BYTES + 1),)), Reason.LIMIT)


@pytest.mark.covers("PRF-19")
def test_what_a_trie_remembers_never_stands_in_for_a_proof():
    trie = mpt.Trie(ROOT)
    assert trie.membership(KEY, NODES) == ENTRIES[KEY]
    for size in range(len(NODES)):
        refused(lambda size=size: trie.membership(KEY, NODES[:size]), Reason.INCOMPLETE)
    refused(lambda: trie.membership(ABSENT_KEY, NODES), Reason.WRONG_HASH, Reason.INCOMPLETE, Reason.ABSENT)
    refused(lambda: trie.membership(KEY, (*NODES[:-1], NODES[-1] + b"\0")), Reason.WRONG_HASH)


def test_a_hundred_proofs_of_one_root_hash_each_node_once(monkeypatch):
    hashed = []

    def counting(data):
        hashed.append(data)
        return keccak256(data)

    monkeypatch.setattr(mpt, "keccak256", counting)
    trie = mpt.Trie(ROOT)
    proofs = [(key, prove(TRIE, key)) for key in list(ENTRIES)[:100]]
    for key, nodes in proofs:
        assert trie.membership(key, nodes) == ENTRIES[key]
    assert len(hashed) == len(set(hashed)) == len({node for _, nodes in proofs for node in nodes})


keys = st.one_of(st.binary(max_size=4), st.sampled_from([b"do", b"dog", b"doge", b"horse"]))
values = st.one_of(st.binary(min_size=1, max_size=8), st.binary(min_size=30, max_size=60))


@given(st.dictionaries(keys, values, max_size=24), st.lists(keys, max_size=6))
@pytest.mark.covers("PRF-18", "PRF-20")
def test_any_trie_of_py_trie_is_proven_key_by_key(entries, probes):
    trie = build(entries)
    for key in [*entries, *probes]:
        nodes = prove(trie, key) if entries else ()
        if key in entries:
            assert mpt.membership(trie.root_hash, key, nodes) == entries[key]
        else:
            mpt.absence(trie.root_hash, key, nodes)


@pytest.mark.parametrize("size", range(57, 64))
def test_a_leaf_whose_list_has_a_short_prefix_for_a_long_payload_is_refused(size):
    path = b"\x20" + b"\x11" * 4
    value = bytes(size - 3 - len(path))
    payload = bytes([0x80 + len(path)]) + path + bytes([0x80 + len(value)]) + value
    node = bytes([0xC0 + len(payload)]) + payload  # right for up to 55 bytes of payload, and never above
    assert len(node) == size
    with pytest.raises(Refusal) as refusal:
        mpt.membership(keccak256(node), b"\x11" * 4, (node,))
    assert refusal.value.reason is Reason.MALFORMED
