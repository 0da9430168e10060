"""ICS-23: honest proofs of made-up trees hold, and every rule refuses what nothing but that rule would.

A forged step changes the root. Where a rule about shapes is tested, the root is therefore made to fit the
forgery: the verifier sees a root that it would reach.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs import limits
from proofs.hashing import keccak256
from proofs.merkle import ics23
from proofs.merkle.ics23_spec import IAVL, SMT, TENDERMINT, InnerSpec, ProofSpec, hash_op, length_op, spec_of
from proofs.pb.cosmos.ics23.v1 import proofs_pb2 as pb
from proofs.verdict import Reason, Refusal
from tests.support.iavl import Iavl, Tendermint, compressed, sha256, unsigned, zigzag

ENTRIES = {b"key/%02d" % (2 * index): b"value %d" % index for index in range(21)}
TREES = {"iavl": (IAVL, Iavl(ENTRIES)), "tendermint": (TENDERMINT, Tendermint(ENTRIES))}
BOTH = pytest.mark.parametrize(("spec", "tree"), TREES.values(), ids=TREES)
KEY, GAP = b"key/12", b"key/13"

entries_of_any_kind = st.dictionaries(
    st.binary(min_size=1, max_size=40), st.binary(min_size=1, max_size=200), min_size=1, max_size=40
)


def refused(reason, judge, *arguments):
    """Check that a call is refused for this reason; return the sentence."""
    with pytest.raises(Refusal) as refusal:
        judge(*arguments)
    assert refusal.value.reason is reason, refusal.value
    return refusal.value.detail


def encoded(*, exist=None, nonexist=None):
    return pb.CommitmentProof(exist=exist, nonexist=nonexist).SerializeToString()


def folded(exist):
    """Return the root that a proof leads to, whatever its shape."""
    node = ics23.apply_leaf(exist.leaf, exist.key, exist.value)
    for step in exist.path:
        node = hash_op(step.hash)(step.prefix + node + step.suffix)
    return node


def refused_under_its_own_root(spec, exist, reason=Reason.MALFORMED):
    """Check that a forged proof is refused by both judges although the root fits; return the sentence."""
    root, proof = folded(exist), encoded(exist=exist)
    detail = refused(reason, ics23.membership, spec, root, exist.key, proof)
    assert refused(reason, ics23.absence, spec, root, exist.key, proof) == detail
    return detail


@given(entries_of_any_kind, st.binary(min_size=1, max_size=40))
@pytest.mark.covers("PRF-18")
def test_every_key_of_a_tree_is_proven_and_every_other_key_is_proven_absent(entries, other):
    for spec, tree in ((IAVL, Iavl(entries)), (TENDERMINT, Tendermint(entries))):
        for key, value in entries.items():
            assert ics23.membership(spec, tree.root, key, tree.membership(key)) == value
            refused(Reason.PRESENT, ics23.absence, spec, tree.root, key, tree.membership(key))
        for key in {other, *[key + b"\0" for key in entries]} - set(entries):
            ics23.absence(spec, tree.root, key, tree.absence(key))
            refused(Reason.ABSENT, ics23.membership, spec, tree.root, key, tree.absence(key))


@given(entries_of_any_kind, st.data())
@pytest.mark.covers("PRF-08")
def test_no_pair_of_leaves_but_the_neighbours_proves_an_absence(entries, data):
    spec, tree = data.draw(st.sampled_from([(IAVL, Iavl(entries)), (TENDERMINT, Tendermint(entries))]))
    choices = [None, *tree.keys]
    left, right = data.draw(st.sampled_from(choices)), data.draw(st.sampled_from(choices))
    key = data.draw(st.sampled_from([key + b"\0" for key in tree.keys if key + b"\0" not in entries]))
    claim = pb.NonExistenceProof(key=key, left=left and tree.exist(left), right=right and tree.exist(right))
    honest = tree.nonexist(key)
    if claim == honest:
        ics23.absence(spec, tree.root, key, encoded(nonexist=claim))
    else:
        refused(Reason.INCOMPLETE, ics23.absence, spec, tree.root, key, encoded(nonexist=claim))


@given(entries_of_any_kind, st.data())
def test_another_value_or_another_key_leads_to_another_root(entries, data):
    spec, tree = data.draw(st.sampled_from([(IAVL, Iavl(entries)), (TENDERMINT, Tendermint(entries))]))
    key = data.draw(st.sampled_from(tree.keys))
    exist = tree.exist(key)
    exist.value = data.draw(st.binary(min_size=1, max_size=200).filter(lambda value: value != entries[key]))
    refused(Reason.WRONG_HASH, ics23.membership, spec, tree.root, key, encoded(exist=exist))
    exist = tree.exist(key)
    exist.key = data.draw(st.binary(min_size=1, max_size=40).filter(lambda other: other != key))
    refused(Reason.WRONG_HASH, ics23.membership, spec, tree.root, exist.key, encoded(exist=exist))
    refused(Reason.INCOMPLETE, ics23.membership, spec, tree.root, key, encoded(exist=exist))


@BOTH
@pytest.mark.covers("PRF-08")
def test_a_tree_of_two_leaves_proves_the_absence_between_them(spec, tree):
    """The paths have one step each, and nothing is left of them below the step at which they part."""
    small = type(tree)({b"a": b"1", b"c": b"2"})
    ics23.absence(spec, small.root, b"b", small.absence(b"b"))
    nothing_below = pb.NonExistenceProof(key=b"b", left=small.exist(b"a"), right=small.exist(b"c"))
    del nothing_below.left.path[:], nothing_below.right.path[:]
    root = folded(nothing_below.left)
    refused(Reason.WRONG_HASH, ics23.absence, spec, root, b"b", encoded(nonexist=nothing_below))


@BOTH
def test_a_tree_of_one_leaf_proves_its_key_and_the_absence_of_others(spec, tree):
    one = type(tree)({b"b": b"1"})
    assert ics23.membership(spec, one.root, b"b", one.membership(b"b")) == b"1"
    for key in (b"a", b"c"):
        ics23.absence(spec, one.root, key, one.absence(key))
    same = pb.NonExistenceProof(key=b"bb", left=one.exist(b"b"), right=one.exist(b"b"))
    refused(Reason.INCOMPLETE, ics23.absence, spec, one.root, b"bb", encoded(nonexist=same))


@BOTH
def test_an_absent_key_that_is_its_own_neighbour_is_present(spec, tree):
    for side in ("left", "right"):
        claim = tree.nonexist(GAP)
        claim.key = getattr(claim, side).key
        refused(
            Reason.PRESENT,
            ics23.absence,
            spec,
            tree.root,
            claim.key,
            encoded(nonexist=claim),
        )


@BOTH
def test_an_absence_proof_for_another_key_between_the_same_neighbours_is_refused(spec, tree):
    refused(Reason.INCOMPLETE, ics23.absence, spec, tree.root, GAP + b"x", tree.absence(GAP))


@BOTH
@pytest.mark.covers("PRF-07")
def test_a_step_with_siblings_on_both_sides_is_refused(spec, tree):
    for key in tree.keys:
        for at in range(len(tree.exist(key).path)):
            exist = tree.exist(key)
            step = exist.path[at]
            sibling = spec.sibling_head + sha256(b"forged")
            if step.suffix:
                step.prefix += sha256(b"forged") + spec.sibling_head
            else:
                step.suffix = sibling
            assert "got one on both" in refused_under_its_own_root(spec, exist)


@BOTH
@pytest.mark.covers("PRF-08", "PRF-11")
def test_a_node_can_be_read_in_exactly_the_two_ways_in_which_it_was_written(spec, tree):
    """Grafting: 32 bytes anywhere in a node, called the child, and the rest called prefix and suffix."""
    exist = tree.exist(KEY)
    for at, honest in enumerate(exist.path):
        child = folded(pb.ExistenceProof(key=KEY, value=exist.value, leaf=exist.leaf, path=exist.path[:at]))
        node = honest.prefix + child + honest.suffix
        ways = set()
        for offset in range(len(node) - 31):
            graft = pb.InnerOp(hash=pb.SHA256, prefix=node[:offset], suffix=node[offset + 32 :])
            try:
                ics23._root_of(spec, exist, [graft])
            except Refusal:
                continue
            ways.add(offset)
        size = len(node)
        left = size - 32 - len(spec.sibling_head) - 32
        assert ways == {left, size - 32}


@BOTH
@pytest.mark.covers("PRF-07", "PRF-11")
def test_a_leaf_cannot_be_read_as_a_node_with_children(spec, tree):
    exist = tree.exist(KEY)
    leaf = exist.leaf.prefix + bytes([len(KEY)]) + KEY + b"\x20" + sha256(exist.value)
    assert sha256(leaf) == ics23.apply_leaf(exist.leaf, KEY, exist.value)
    for offset in range(len(leaf) - 31):
        graft = pb.InnerOp(hash=pb.SHA256, prefix=leaf[:offset], suffix=leaf[offset + 32 :])
        refused(Reason.MALFORMED, ics23._root_of, spec, exist, [graft])


@pytest.mark.parametrize("spec", [IAVL, TENDERMINT, SMT], ids=["iavl", "tendermint", "smt"])
@pytest.mark.covers("PRF-07")
def test_a_leaf_prefix_that_merely_begins_as_it_should_is_refused(spec):
    """With more in the prefix, a leaf could begin like anything, or a node be called one."""
    leaf = pb.LeafOp(
        hash=pb.SHA256, prehash_key=spec.leaf.prehash_key, prehash_value=pb.SHA256, length=spec.leaf.length
    )
    honest = b"\0\2\6" if spec is IAVL else b"\0"
    for prefix in (honest + b"\0", honest + b"\2", b"", b"\0\0", b"\1", b"\2\4\6\x20", b"\0\4\6", b"\0\2\5"):
        leaf.prefix = prefix
        refused_under_its_own_root(spec, pb.ExistenceProof(key=KEY, value=b"v", leaf=leaf))
    leaf.prefix = honest
    exist = pb.ExistenceProof(key=KEY, value=b"v", leaf=leaf)
    assert ics23.membership(spec, folded(exist), KEY, encoded(exist=exist)) == b"v"


LONG = b"\x80" * 8 + b"\1"
HEADS = {
    "height 0": zigzag(0) + zigzag(2) + zigzag(3),
    "height -1": zigzag(-1) + zigzag(2) + zigzag(3),
    "height 128": zigzag(128) + zigzag(2) + zigzag(3),
    "height in two bytes where one is enough": b"\x82\0" + zigzag(2) + zigzag(3),
    "size 1": zigzag(1) + zigzag(1) + zigzag(3),
    "size 0": zigzag(1) + zigzag(0) + zigzag(3),
    "size -2": zigzag(1) + zigzag(-2) + zigzag(3),
    "size in two bytes where one is enough": zigzag(1) + b"\x84\0" + zigzag(3),
    "version -3": zigzag(1) + zigzag(2) + zigzag(-3),
    "version in two bytes where one is enough": zigzag(1) + zigzag(2) + b"\x86\0",
    "no version": zigzag(1) + zigzag(2),
    "one number more": zigzag(1) + zigzag(2) + zigzag(3) + zigzag(4),
    "12 bytes": zigzag(1) + zigzag(2) + LONG + b"\1",
    "a version that never ends": zigzag(1) + zigzag(2) + b"\x80",
    "nothing": b"",
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
@pytest.mark.covers("PRF-07")
def test_an_iavl_step_with_numbers_that_no_tree_has_is_refused(head):
    exist = Iavl({b"a": b"1", b"b": b"2"}).exist(b"a")
    for step in (
        pb.InnerOp(hash=pb.SHA256, prefix=head + b"\x20", suffix=b"\x20" + bytes(32)),
        pb.InnerOp(hash=pb.SHA256, prefix=head + b"\x20" + bytes(32) + b"\x20"),
    ):
        forged = pb.ExistenceProof(key=b"a", value=b"1", leaf=exist.leaf, path=[step])
        assert "step 1" in refused_under_its_own_root(IAVL, forged)


@pytest.mark.parametrize("numbers", [(1, 2, 0), (1, 2, 3), (127, 2**40, 0), (1, 2, 2**48), (64, 64, 64)])
@pytest.mark.covers("PRF-18")
def test_an_iavl_step_with_numbers_that_a_tree_may_have_holds(numbers):
    head = b"".join(map(zigzag, numbers))
    for step in (
        pb.InnerOp(hash=pb.SHA256, prefix=head + b"\x20", suffix=b"\x20" + bytes(32)),
        pb.InnerOp(hash=pb.SHA256, prefix=head + b"\x20" + bytes(32) + b"\x20"),
    ):
        exist = Iavl({b"a": b"1"}).exist(b"a")
        exist.path.append(step)
        assert ics23.membership(IAVL, folded(exist), b"a", encoded(exist=exist)) == b"1"


@pytest.mark.covers("PRF-07")
def test_iavl_heights_are_at_least_the_number_of_steps_below():
    exist = TREES["iavl"][1].exist(KEY)
    for at in range(1, len(exist.path)):
        forged = TREES["iavl"][1].exist(KEY)
        step = forged.path[at]
        step.prefix = zigzag(at) + step.prefix[1:]
        assert f"step {at + 1}: expected a height" in refused_under_its_own_root(IAVL, forged)


@pytest.mark.covers("PRF-07")
def test_iavl_lengths_before_hashes_are_32():
    tree = TREES["iavl"][1]
    on_left, on_right = tree.exist(tree.keys[0]).path[0], tree.exist(tree.keys[-1]).path[0]
    assert on_left.suffix
    assert not on_right.suffix
    steps = [
        pb.InnerOp(hash=pb.SHA256, prefix=on_left.prefix[:-1] + b"\x21", suffix=on_left.suffix),
        pb.InnerOp(hash=pb.SHA256, prefix=on_left.prefix, suffix=b"\x1f" + on_left.suffix[1:]),
        pb.InnerOp(hash=pb.SHA256, prefix=on_right.prefix[:-1] + b"\x21"),
        pb.InnerOp(hash=pb.SHA256, prefix=on_right.prefix[:-34] + b"\x21" + on_right.prefix[-33:]),
    ]
    for step in steps:
        forged = tree.exist(KEY)
        forged.path[0].CopyFrom(step)
        assert "step 1" in refused_under_its_own_root(IAVL, forged)


@pytest.mark.parametrize("spec", [TENDERMINT, SMT], ids=["tendermint", "smt"])
@pytest.mark.parametrize(
    "prefix", [b"", b"\0", b"\2", b"\1\1", b"\1" + bytes(31), b"\1" + bytes(33), b"\2" + bytes(32)]
)
def test_a_step_of_a_tagged_tree_begins_with_one_byte_1_and_nothing_else(spec, prefix):
    leaf = pb.LeafOp(
        hash=pb.SHA256, prehash_key=spec.leaf.prehash_key, prehash_value=pb.SHA256, length=spec.leaf.length
    )
    leaf.prefix = b"\0"
    step = pb.InnerOp(hash=pb.SHA256, prefix=prefix, suffix=b"" if len(prefix) > 30 else bytes(32))
    refused_under_its_own_root(spec, pb.ExistenceProof(key=KEY, value=b"v", leaf=leaf, path=[step]))


@BOTH
@pytest.mark.parametrize("size", [1, 31, 64, 66])
def test_a_suffix_is_no_sibling_or_one(spec, tree, size):
    exist = tree.exist(tree.keys[0])
    exist.path[0].suffix = (spec.sibling_head + bytes(size))[:size]
    refused_under_its_own_root(spec, exist)


@BOTH
@pytest.mark.covers("PRF-08")
def test_paths_of_128_steps_hold_and_of_129_do_not(spec, tree):
    head = b"\xfe\1\4\6\x20" if spec is IAVL else b"\1"
    last = b"\x80\2\4\6\x20" if spec is IAVL else b"\1"
    suffix = spec.sibling_head + bytes(32)
    exist = tree.exist(KEY)
    del exist.path[:]
    exist.path.extend([pb.InnerOp(hash=pb.SHA256, prefix=head, suffix=suffix)] * 127)
    assert ics23.membership(spec, folded(exist), KEY, encoded(exist=exist)) == tree.entries[KEY]
    exist.path.extend([pb.InnerOp(hash=pb.SHA256, prefix=last, suffix=suffix)] * 2)
    refused_under_its_own_root(spec, exist, Reason.LIMIT)


@BOTH
def test_operations_other_than_those_of_the_spec_are_refused(spec, tree):
    changes = {
        "hash": pb.SHA512_256,
        "prehash_key": pb.SHA256,
        "prehash_value": pb.KECCAK256,
        "length": pb.FIXED32_BIG,
    }
    for field, op in changes.items():
        exist = tree.exist(KEY)
        setattr(exist.leaf, field, op)
        refused_under_its_own_root(spec, exist)
    exist = tree.exist(KEY)
    exist.path[0].hash = pb.SHA512_256
    refused_under_its_own_root(spec, exist)


@BOTH
@pytest.mark.covers("PRF-04")
def test_empty_keys_values_and_proofs_are_refused(spec, tree):
    exist = pb.ExistenceProof(key=b"", value=b"v", leaf=tree.exist(KEY).leaf)
    refused(Reason.MALFORMED, ics23.membership, spec, tree.root, b"", encoded(exist=exist))
    exist = pb.ExistenceProof(key=b"k", value=b"", leaf=tree.exist(KEY).leaf)
    refused(Reason.MALFORMED, ics23.membership, spec, tree.root, b"k", encoded(exist=exist))
    nonexist = pb.NonExistenceProof(right=tree.exist(tree.keys[0]))
    refused(Reason.INCOMPLETE, ics23.absence, spec, tree.root, b"", encoded(nonexist=nonexist))
    for judge in (ics23.membership, ics23.absence):
        refused(Reason.INCOMPLETE, judge, spec, tree.root, KEY, b"")
    nobody = encoded(nonexist=pb.NonExistenceProof(key=GAP))
    refused(Reason.INCOMPLETE, ics23.absence, spec, tree.root, GAP, nobody)


def spellings(proof):
    """Return other bytes that a lenient parser takes for the same proof."""
    exist = pb.CommitmentProof.FromString(proof).exist
    key, value = (
        b"%c" % tag + unsigned(len(data)) + data for tag, data in ((10, exist.key), (18, exist.value))
    )
    leaf = b"\x1a" + unsigned(exist.leaf.ByteSize()) + exist.leaf.SerializeToString()
    steps = [b"\x22" + unsigned(step.ByteSize()) + step.SerializeToString() for step in exist.path]

    def whole(*parts):
        body = b"".join(parts)
        return b"\x0a" + unsigned(len(body)) + body

    size = exist.ByteSize()
    first = exist.path[0].SerializeToString() + b"\x78\1"
    assert whole(key, value, leaf, *steps) == proof
    longer = steps[-1][:1] + bytes([steps[-1][1] + 2]) + steps[-1][2:] + b"\x1a\0"
    return [
        proof + b"\x78\1",  # a field that nobody knows: of the whole, of the proof, of a step
        whole(key, value, leaf, *steps, b"\x78\1"),
        whole(key, value, leaf, b"\x22" + unsigned(len(first)) + first, *steps[1:]),
        whole(value, key, leaf, *steps),  # fields in another order, or one of them twice
        whole(key, key, value, leaf, *steps),
        b"\x0a" + bytes([size & 0x7F | 0x80, size >> 7 | 0x80, 0]) + proof[-size:],  # a length in more bytes
        encoded(nonexist=pb.NonExistenceProof(key=b"x")) + proof,  # another proof, overridden
        whole(key, value, leaf, *steps[:-1], longer),  # an empty suffix, spelled out
    ]


@pytest.mark.covers("PRF-06")
def test_every_other_spelling_of_a_proof_is_refused():
    spec, tree = TREES["tendermint"]
    proof = tree.membership(b"key/40")
    for spelling in spellings(proof):
        lenient = pb.CommitmentProof.FromString(spelling)
        lenient.DiscardUnknownFields()
        assert lenient.SerializeToString() == proof
        refused(Reason.MALFORMED, ics23.membership, spec, tree.root, b"key/40", spelling)
    refused(Reason.MALFORMED, ics23.membership, spec, tree.root, b"key/40", proof[:-1])


def test_a_proof_over_the_cap_is_refused_before_it_is_read():
    size = limits.MAX_PROOF_BYTES + 1
    assert str(size) in refused(Reason.LIMIT, ics23.membership, IAVL, bytes(32), KEY, bytes(size))


BATCH = [*list(ENTRIES)[:5], GAP, b"a", b"z", b"key/01"]


@BOTH
@pytest.mark.parametrize(
    "encode", [compressed, lambda batch: pb.CommitmentProof(batch=batch).SerializeToString()]
)
def test_a_batch_proves_all_its_keys_and_no_others(spec, tree, encode):
    proof = encode(tree.batch(BATCH))
    present, absent = BATCH[:5], BATCH[5:]
    values = ics23.batch_membership(spec, tree.root, present[::-1], proof)
    assert values == tuple([ENTRIES[key] for key in present[::-1]])
    ics23.batch_absence(spec, tree.root, absent, proof)
    for key in (GAP, b"key/40"):
        refused(
            Reason.INCOMPLETE,
            ics23.batch_membership,
            spec,
            tree.root,
            [KEY[:5] + b"0", key],
            proof,
        )
    for key in (present[0], b"key/15"):
        refused(Reason.INCOMPLETE, ics23.batch_absence, spec, tree.root, [GAP, key], proof)
    other = sha256(b"another root")
    refused(Reason.WRONG_HASH, ics23.batch_membership, spec, other, present, proof)
    refused(Reason.WRONG_HASH, ics23.batch_absence, spec, other, absent, proof)
    for judge in (ics23.membership, ics23.absence):
        refused(Reason.INCOMPLETE, judge, spec, tree.root, present[0], proof)


@BOTH
@pytest.mark.covers("PRF-03")
def test_a_proof_for_one_key_is_no_batch(spec, tree):
    refused(Reason.INCOMPLETE, ics23.batch_membership, spec, tree.root, [KEY], tree.membership(KEY))
    refused(Reason.INCOMPLETE, ics23.batch_absence, spec, tree.root, [GAP], tree.absence(GAP))


def change_compressed(change):
    """Return a compressed batch after a change to its message."""
    spec, tree = TREES["iavl"]
    message = pb.CommitmentProof.FromString(compressed(tree.batch(BATCH)))
    change(message.compressed)
    proof = message.SerializeToString()
    return lambda: ics23.batch_membership(spec, tree.root, BATCH[:1], proof)


def point_to(number):
    def change(batch):
        batch.entries[-1].nonexist.left.path[0] = number

    return change


@pytest.mark.parametrize(
    "change",
    [
        point_to(-1),
        point_to(2**31 - 1),
        lambda batch: batch.lookup_inners.append(pb.InnerOp(hash=pb.SHA256, prefix=b"\1")),
        lambda batch: batch.lookup_inners.pop(),
        lambda batch: batch.ClearField("lookup_inners"),
        lambda batch: batch.entries.append(batch.entries[0]),
        lambda batch: batch.entries.append(batch.entries[-1]),
        lambda batch: batch.entries.append(pb.CompressedBatchEntry()),
    ],
)
@pytest.mark.covers("PRF-01", "PRF-03")
def test_a_compressed_batch_that_does_not_fit_together_is_refused(change):
    change_compressed(lambda batch: None)()
    refused(Reason.MALFORMED, change_compressed(change))


def test_a_batch_of_too_many_proofs_or_of_too_many_steps_is_refused():
    spec, tree = TREES["iavl"]
    entries = [
        pb.BatchEntry(exist=pb.ExistenceProof(key=b"%d" % index)) for index in range(limits.MAX_CLAIMS + 1)
    ]
    many = pb.CommitmentProof(batch=pb.BatchProof(entries=entries)).SerializeToString()
    refused(Reason.LIMIT, ics23.batch_membership, spec, tree.root, [b"1"], many)

    def deepen(batch):
        batch.entries[0].exist.path.extend([0] * 200)

    refused(Reason.LIMIT, change_compressed(deepen))


def test_operations_that_nobody_can_do_are_refused():
    assert hash_op(pb.KECCAK256)(b"x") == keccak256(b"x")
    assert "BLAKE3" in refused(Reason.MALFORMED, hash_op, pb.BLAKE3)
    for op in (pb.NO_HASH, 10, -1):
        refused(Reason.MALFORMED, hash_op, op)
    for op in (pb.VAR_RLP, 9, -1):
        refused(Reason.MALFORMED, length_op, op)


def spec_message(**changes):
    inner = {
        "child_order": [0, 1],
        "child_size": 33,
        "min_prefix_length": 4,
        "max_prefix_length": 12,
        "hash": 1,
    }
    leaf = pb.LeafOp(hash=pb.SHA256, prehash_value=pb.SHA256, length=pb.VAR_PROTO, prefix=b"\0")
    return pb.ProofSpec(leaf_spec=leaf, inner_spec=pb.InnerSpec(**{**inner, **changes}))


@pytest.mark.parametrize(
    "changes",
    [
        {"max_prefix_length": 37},
        {"max_prefix_length": 45},
        {"max_prefix_length": 3},
        {"min_prefix_length": -1},
        {"child_size": 0},
        {"child_size": -33},
        {"child_size": 8},
        {"child_order": [1, 0]},
        {"child_order": [0, 1, 2]},
        {"child_order": [0]},
    ],
)
@pytest.mark.covers("PRF-08")
def test_a_spec_under_which_a_step_has_two_readings_cannot_be_made(changes):
    refused(Reason.MALFORMED, spec_of, spec_message(**changes))
    assert spec_of(spec_message()) == IAVL
    assert spec_of(spec_message(max_prefix_length=36)).inner.max_prefix == 36


def test_prefixes_of_a_spec_of_another_make_may_not_begin_like_its_leaves():
    """A tree with prefixes of 2 to 5 bytes and siblings of 20 bytes, hashed by RIPEMD-160."""
    leaf = pb.LeafOp(hash=pb.RIPEMD160, prefix=b"leaf")
    spec = ProofSpec(
        leaf=ics23.LeafSpec.of(leaf),
        inner=InnerSpec(hash=pb.RIPEMD160, child_size=20, min_prefix=2, max_prefix=5),
    )

    def proof(prefix, suffix=b""):
        step = pb.InnerOp(hash=pb.RIPEMD160, prefix=prefix, suffix=suffix)
        return pb.ExistenceProof(key=KEY, value=b"v", leaf=leaf, path=[step])

    for fits in (
        proof(b"in", bytes(20)),
        proof(b"inner", bytes(20)),
        proof(b"in" + bytes(20)),
        proof(b"inner"),
    ):
        assert ics23.membership(spec, folded(fits), KEY, encoded(exist=fits)) == b"v"
    for misfit in (b"i", b"inner!", b"leaf", b"leafy", b"in" + bytes(19), b"inner" + bytes(21)):
        refused_under_its_own_root(spec, proof(misfit))
    refused_under_its_own_root(spec, proof(b"in" + bytes(20), bytes(20)))
