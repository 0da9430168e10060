"""ICS-23: honest proofs of made-up trees hold; absences, batches and spellings that are not honest do not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs import limits
from proofs.merkle import ics23
from proofs.merkle.ics23_spec import IAVL, TENDERMINT
from proofs.pb.cosmos.ics23.v1 import proofs_pb2 as pb
from proofs.records import replace
from proofs.verdict import Reason
from tests.support.iavl import Iavl, Tendermint, compressed, sha256, unsigned
from tests.support.ics23 import BOTH, ENTRIES, GAP, KEY, TREES, encoded, folded, refused

entries_of_any_kind = st.dictionaries(
    st.binary(min_size=1, max_size=40), st.binary(min_size=1, max_size=200), min_size=1, max_size=40
)


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
@pytest.mark.covers("PRF-08")
def test_a_step_without_sibling_shows_neither_the_first_nor_the_last_leaf(spec, tree):
    """No tree has such steps: whoever made the root could have left out the sibling in the proof alone."""
    head = b"\2\4\6\x20" if spec is IAVL else b"\1"
    exist = type(tree)({b"b": b"1"}).exist(b"b")
    exist.path.append(pb.InnerOp(hash=pb.SHA256, prefix=head))
    root = folded(exist)
    for nonexist in (pb.NonExistenceProof(key=b"a", right=exist), pb.NonExistenceProof(key=b"c", left=exist)):
        refused(Reason.INCOMPLETE, ics23.absence, spec, root, nonexist.key, encoded(nonexist=nonexist))


@BOTH
@pytest.mark.covers("PRF-08")
def test_paths_that_do_not_part_from_left_to_right_are_no_neighbours(spec, tree):
    left, right = list(tree.exist(tree.keys[0]).path), list(tree.exist(tree.keys[-1]).path)
    assert ics23._are_around(spec, left[-1:], right[-1:])
    for below, beside in (
        (right[-1:], left[-1:]),
        (left[-1:], left[-2:-1]),
        (right[-2:-1], right[-1:]),
        (left[-1:], left[-1:]),
        (left[-2:], left[-1:]),
        (left[-1:], left[-2:]),
        ([], []),
    ):
        assert not ics23._are_around(spec, below, beside)


def test_a_path_shorter_than_its_spec_demands_is_refused():
    tree = TREES["iavl"][1]
    depth = len(tree.exist(KEY).path)
    for min_depth in (depth, depth + 1):
        spec = replace(IAVL, min_depth=min_depth)
        if min_depth == depth:
            assert ics23.membership(spec, tree.root, KEY, tree.membership(KEY)) == ENTRIES[KEY]
        else:
            refused(Reason.INCOMPLETE, ics23.membership, spec, tree.root, KEY, tree.membership(KEY))


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
