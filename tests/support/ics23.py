"""What the tests of ICS-23 have in common: two trees, proofs as bytes, and roots made to fit a forgery.

A forged step changes the root. Where a rule about shapes is tested, the root is therefore made to fit the
forgery: the verifier sees a root that it would reach.
"""

import pytest

from proofs.merkle import ics23
from proofs.merkle.ics23_spec import IAVL, TENDERMINT, hash_op
from proofs.pb.cosmos.ics23.v1 import proofs_pb2 as pb
from proofs.verdict import Reason, Refusal
from tests.support.iavl import Iavl, Tendermint

ENTRIES = {b"key/%02d" % (2 * index): b"value %d" % index for index in range(21)}
TREES = {"iavl": (IAVL, Iavl(ENTRIES)), "tendermint": (TENDERMINT, Tendermint(ENTRIES))}
BOTH = pytest.mark.parametrize(("spec", "tree"), TREES.values(), ids=TREES)
KEY, GAP = b"key/12", b"key/13"


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
