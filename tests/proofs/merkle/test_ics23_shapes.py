"""ICS-23: what steps, leaves and specs may look like, each rule under a root made to fit the forgery."""

import pytest

from proofs.hashing import keccak256
from proofs.merkle import ics23
from proofs.merkle.ics23_spec import IAVL, SMT, TENDERMINT, InnerSpec, ProofSpec, hash_op, length_op, spec_of
from proofs.pb.cosmos.ics23.v1 import proofs_pb2 as pb
from proofs.verdict import Reason, Refusal
from tests.support.iavl import Iavl, sha256, zigzag
from tests.support.ics23 import BOTH, KEY, TREES, encoded, folded, refused, refused_under_its_own_root


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
def test_what_is_said_about_a_refused_leaf_is_short_however_long_the_leaf(spec, tree):
    exist = tree.exist(KEY)
    exist.leaf.prefix = bytes(1_000_000)
    with pytest.raises(Refusal) as refusal:
        ics23._root_of(spec, exist, exist.path)
    assert len(refusal.value.detail) < 1_000


@BOTH
@pytest.mark.covers("PRF-07", "PRF-11")
def test_a_leaf_cannot_be_read_as_a_node_with_children(spec, tree):
    exist = tree.exist(KEY)
    leaf = exist.leaf.prefix + bytes([len(KEY)]) + KEY + b"\x20" + sha256(exist.value)
    assert sha256(leaf) == ics23.apply_leaf(exist.leaf, KEY, exist.value)
    for offset in range(len(leaf) - 31):
        graft = pb.InnerOp(hash=pb.SHA256, prefix=leaf[:offset], suffix=leaf[offset + 32 :])
        refused(Reason.MALFORMED, ics23._root_of, spec, exist, [graft])


TEN_BYTES = b"\0\2" + b"\x80" * 9 + b"\1"
"""An IAVL leaf whose version does not fit into 63 bits."""


@pytest.mark.parametrize("spec", [IAVL, TENDERMINT, SMT], ids=["iavl", "tendermint", "smt"])
@pytest.mark.covers("PRF-07")
def test_a_leaf_prefix_that_merely_begins_as_it_should_is_refused(spec):
    """With more in the prefix, a leaf could begin like anything, or a node be called one."""
    leaf = pb.LeafOp(
        hash=pb.SHA256, prehash_key=spec.leaf.prehash_key, prehash_value=pb.SHA256, length=spec.leaf.length
    )
    honest = b"\0\2\6" if spec is IAVL else b"\0"
    for prefix in (
        honest + b"\0",
        honest + b"\2",
        b"",
        b"\0\0",
        b"\1",
        b"\2\4\6\x20",
        b"\0\4\6",
        b"\0\2\5",
        TEN_BYTES,
    ):
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
