"""The binary tree of the memory chain: positions, neighbours, owners, and every way to lie about them."""

import hashlib
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs import limits
from proofs.merkle import binary
from proofs.verdict import Reason, Refusal

OWNER = b"\x11" * 20
ENTRIES = {b"key%02d" % (2 * index): b"value %d" % index for index in range(21)}
TREE = binary.Tree(ENTRIES, domain=OWNER)


def membership(key, proof, *, root=None, domain=OWNER):
    return binary.membership(TREE.root if root is None else root, key, proof, domain=domain)


def absence(key, proof, *, root=None, domain=OWNER):
    return binary.absence(TREE.root if root is None else root, key, proof, domain=domain)


def refused(call, *reasons):
    with pytest.raises(Refusal) as refusal:
        call()
    assert refusal.value.reason in reasons, refusal.value


def rfc6962_root(leaves):
    """Return the tree head of RFC 6962, written the recursive way of the text."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\1" + rfc6962_root(leaves[:split]) + rfc6962_root(leaves[split:])).digest()


def bound(domain, count, top):
    return hashlib.sha256(b"\2" + bytes([len(domain)]) + domain + count.to_bytes(8, "big") + top).digest()


@dataclass
class Parts:
    """An encoded proof taken apart, to build lies from."""

    count: int
    entries: list

    @classmethod
    def of(cls, proof):
        count, entries = binary._decode(proof)
        return cls(count, [[e.index, e.key, e.value, list(e.siblings)] for e in entries])

    def encode(self):
        parts = [self.count.to_bytes(8, "big")]
        for index, key, value, siblings in self.entries:
            parts += [
                index.to_bytes(8, "big"),
                len(key).to_bytes(2, "big"),
                key,
                len(value).to_bytes(4, "big"),
                value,
            ]
            parts += [bytes([len(siblings)]), *siblings]
        return b"".join(parts)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 8, 9, 31, 33, 100])
def test_the_shape_is_that_of_rfc_6962(count):
    entries = {b"k%03d" % index: b"v%d" % index for index in range(count)}
    leaves = [
        hashlib.sha256(b"\0" + b"\0\4" + key + value).digest() for key, value in sorted(entries.items())
    ]
    assert binary.Tree(entries, domain=OWNER).root == bound(OWNER, count, rfc6962_root(leaves))


@pytest.mark.covers("PRF-18")
def test_every_key_is_proven_and_every_gap_is_proven_empty():
    for key, value in ENTRIES.items():
        assert membership(key, TREE.prove_membership(key)) == value
        refused(lambda key=key: absence(key, TREE.prove_membership(key)), Reason.PRESENT)
    for index in range(-1, 44):
        key = b"key%02d" % index if index >= 0 else b"a"
        if key not in ENTRIES:
            absence(key, TREE.prove_absence(key))
            refused(
                lambda key=key: membership(key, TREE.prove_absence(key)),
                Reason.WRONG_VALUE,
                Reason.INCOMPLETE,
            )


@pytest.mark.covers("PRF-04", "PRF-18")
def test_an_empty_tree_proves_every_absence_and_no_membership():
    empty = binary.Tree({}, domain=OWNER)
    proof = empty.prove_absence(b"key")
    absence(b"key", proof, root=empty.root)
    refused(lambda: membership(b"key", proof, root=empty.root), Reason.INCOMPLETE)
    refused(lambda: absence(b"key", proof), Reason.INCOMPLETE)
    refused(lambda: absence(b"key", b"", root=empty.root), Reason.MALFORMED)
    refused(lambda: absence(b"key", bytes(7) + b"\1", root=empty.root), Reason.INCOMPLETE)


@pytest.mark.covers("PRF-01")
@pytest.mark.parametrize("index", [21, 22, 31, 32, 2**32 - 1, 2**64 - 1])
def test_an_index_at_or_over_the_count_gives_no_root(index):
    parts = Parts.of(TREE.prove_membership(b"key40"))
    parts.entries[0][0] = index
    refused(lambda: membership(b"key40", parts.encode()), Reason.LIMIT)
    for count in (0, 1, 20, 21):
        refused(lambda count=count: binary.root_of_leaf(bytes(32), index, count, ()), Reason.LIMIT)
    refused(lambda: binary.root_of_leaf(bytes(32), -1, 21, ()), Reason.LIMIT)
    refused(lambda: binary.root_of_leaf(bytes(32), 0, limits.MAX_TREE_LEAVES + 1, ()), Reason.LIMIT)


@pytest.mark.covers("PRF-02")
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 33, 64, 65])
def test_a_leaf_is_proven_at_its_own_position_only(count):
    entries = {b"k%03d" % index: b"v" for index in range(count)}
    tree = binary.Tree(entries, domain=OWNER)
    for place, key in enumerate(sorted(entries)):
        parts = Parts.of(tree.prove_membership(key))
        for claimed in range(count):
            parts.entries[0][0] = claimed
            proof = parts.encode()
            if claimed == place:
                assert membership(key, proof, root=tree.root) == b"v"
            else:
                refused(
                    lambda k=key, p=proof: membership(k, p, root=tree.root),
                    Reason.WRONG_HASH,
                    Reason.INCOMPLETE,
                )


@pytest.mark.covers("PRF-02")
@pytest.mark.parametrize("count", [257, 600])
def test_in_wide_trees_a_leaf_is_proven_at_its_own_position_only(count):
    entries = {b"k%03d" % index: b"v" for index in range(count)}
    tree = binary.Tree(entries, domain=OWNER)
    keys = sorted(entries)
    for place in (0, 1, count // 2, count - 2, count - 1):
        parts = Parts.of(tree.prove_membership(keys[place]))
        for claimed in range(count):
            parts.entries[0][0] = claimed
            if claimed != place:
                refused(
                    lambda parts=parts, key=keys[place]: membership(key, parts.encode(), root=tree.root),
                    Reason.WRONG_HASH,
                    Reason.INCOMPLETE,
                )


@pytest.mark.covers("PRF-03")
def test_missing_surplus_and_swapped_siblings_are_refused():
    key = b"key10"
    for change in (
        lambda siblings: siblings.pop(),
        lambda siblings: siblings.append(bytes(32)),
        lambda siblings: siblings.insert(0, siblings[0]),
        lambda siblings: siblings.reverse(),
        lambda siblings: siblings.clear(),
    ):
        parts = Parts.of(TREE.prove_membership(key))
        change(parts.entries[0][3])
        refused(lambda parts=parts: membership(key, parts.encode()), Reason.INCOMPLETE, Reason.WRONG_HASH)


@pytest.mark.covers("PRF-03", "PRF-06")
def test_cut_and_lengthened_bytes_are_refused():
    proof = TREE.prove_membership(b"key10")
    for size in range(len(proof)):
        refused(lambda size=size: membership(b"key10", proof[:size]), Reason.MALFORMED, Reason.INCOMPLETE)
    refused(lambda: membership(b"key10", proof + b"\0"), Reason.MALFORMED)
    refused(lambda: membership(b"key10", proof + proof[8:]), Reason.INCOMPLETE)
    refused(lambda: membership(b"key10", proof + 2 * proof[8:]), Reason.LIMIT)


@pytest.mark.covers("PRF-05", "PRF-13")
def test_a_proof_holds_under_its_own_root_count_and_owner_only():
    key, proof = b"key10", TREE.prove_membership(b"key10")
    for root in (bytes(32), b"", binary.Tree({}, domain=OWNER).root, binary.Tree(ENTRIES, domain=b"x").root):
        refused(lambda root=root: membership(key, proof, root=root), Reason.WRONG_HASH)
    for domain in (b"", b"\x12" * 20, OWNER + b"\0"):
        refused(lambda domain=domain: membership(key, proof, domain=domain), Reason.WRONG_HASH)
    parts = Parts.of(proof)
    for count in (0, 20, 22, 32, 2**40):
        parts.count = count
        refused(
            lambda parts=parts: membership(key, parts.encode()),
            Reason.WRONG_HASH,
            Reason.INCOMPLETE,
            Reason.LIMIT,
        )


@pytest.mark.covers("PRF-09")
def test_absence_needs_the_two_neighbours_themselves():
    proof = TREE.prove_absence(b"key11")
    left, right = Parts.of(proof).entries

    def entry(key):
        return Parts.of(TREE.prove_membership(key)).entries[0]

    lies = [
        [left],
        [right],
        [right, left],
        [left, left],
        [entry(b"key08"), right],
        [left, entry(b"key14")],
        [entry(b"key08"), entry(b"key10")],
        [entry(b"key00")],
        [entry(b"key40")],
        [],
    ]
    for entries in lies:
        refused(lambda e=entries: absence(b"key11", Parts(21, e).encode()), Reason.INCOMPLETE)
    relabelled = [[left[0], b"key09", left[2], left[3]], right]
    refused(lambda: absence(b"key10", Parts(21, relabelled).encode()), Reason.WRONG_HASH)


@pytest.mark.covers("PRF-09")
def test_the_edges_prove_only_what_lies_outside_them():
    first, last = TREE.prove_membership(b"key00"), TREE.prove_membership(b"key40")
    absence(b"a", first)
    absence(b"z", last)
    refused(lambda: absence(b"z", first), Reason.INCOMPLETE)
    refused(lambda: absence(b"a", last), Reason.INCOMPLETE)


def test_an_inner_node_is_no_leaf_and_key_and_value_do_not_flow_together():
    moved = binary.Tree({b"ab": b"c"}, domain=OWNER).root
    assert moved != binary.Tree({b"a": b"bc"}, domain=OWNER).root
    assert binary.leaf_hash(b"", bytes(64)) != hashlib.sha256(b"\1" + bytes(64)).digest()


@pytest.mark.covers("PRF-17")
def test_lengths_far_over_the_data_are_refused_at_once():
    huge = (1).to_bytes(8, "big") + bytes(8) + b"\xff\xff" + b"k" * 10
    refused(lambda: membership(b"k", huge), Reason.MALFORMED)
    refused(lambda: membership(b"k", bytes(400_000)), Reason.LIMIT)


@pytest.mark.parametrize("entries", [{b"": b"v"}, {b"k": b""}, {b"k" * 1025: b"v"}, {b"k": bytes(65 * 1024)}])
def test_a_tree_of_what_cannot_be_proven_is_not_built(entries):
    with pytest.raises(ValueError, match="entry"):
        binary.Tree(entries, domain=OWNER)


def test_proofs_of_the_wrong_kind_are_not_made():
    with pytest.raises(KeyError):
        TREE.prove_membership(b"nobody")
    with pytest.raises(KeyError):
        TREE.prove_absence(b"key10")


@given(
    st.dictionaries(st.binary(min_size=1, max_size=6), st.binary(min_size=1, max_size=9), max_size=30),
    st.data(),
)
@pytest.mark.covers("PRF-18")
def test_any_tree_proves_each_key_present_or_absent(entries, draw):
    tree = binary.Tree(entries, domain=OWNER)
    probes = draw.draw(st.lists(st.binary(min_size=1, max_size=6), max_size=6))
    for key in [*entries, *probes]:
        if key in entries:
            assert membership(key, tree.prove_membership(key), root=tree.root) == entries[key]
        else:
            absence(key, tree.prove_absence(key), root=tree.root)
