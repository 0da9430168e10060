"""ICS-23 against third-party vectors: upstream's data, negatives made of it, real and forged chain proofs."""

import base64

import pytest
from google.protobuf.json_format import ParseDict

from proofs.merkle import ics23
from proofs.merkle.ics23_spec import IAVL, SMT, TENDERMINT, InnerSpec, LeafSpec, ProofSpec, hash_op, spec_of
from proofs.pb.cosmos.ics23.v1 import proofs_pb2 as pb
from proofs.pb.ibc.core.commitment.v1 import commitment_pb2
from proofs.pb.ibc.lightclients.tendermint.v1 import tendermint_pb2
from proofs.pb.tendermint.crypto import proof_pb2
from proofs.verdict import Reason, Refusal
from tests.support.iavl import zigzag
from tests.support.ics23 import folded
from tests.support.vectors import counted, load, needs, unhex

SPECS = {"iavl": IAVL, "tendermint": TENDERMINT, "smt": SMT}
EDGES = ("left", "middle", "right")
FOLDER = "cosmos/ics23/"
WHOLE = [
    f"{FOLDER}{name}/{kind}_{edge}.json" for name in SPECS for kind in ("exist", "nonexist") for edge in EDGES
]
NEGATIVES = "cosmos/ics23-derived-negatives.json"
BNB = "cosmos/bnb-iavl-proofs.json"
EUREKA = "cosmos/ibc-eureka-tendermint/"
EUREKA_FILES = [EUREKA + "verify_membership_key_0.json", EUREKA + "verify_non-membership_key_1.json"]

STRICTER = {"empty spec allows prefix"}
"""Cases that upstream accepts and we refuse: a leaf's prefix that merely begins with the spec's."""


def table(name):
    """Return (name, case) of one table of upstream's test data."""
    cases = load(f"{FOLDER}Test{name}Data.json")
    return (
        list(cases.items()) if isinstance(cases, dict) else [(str(at), case) for at, case in enumerate(cases)]
    )


def unbase64(text):
    return base64.b64decode(text or "")


def refusal_of(call):
    """Return why a call was refused, or None if it was not."""
    try:
        call()
    except Refusal as refusal:
        return refusal
    return None


@needs(*WHOLE)
@pytest.mark.parametrize("file", WHOLE)
@pytest.mark.covers("PRF-18")
def test_every_whole_proof_of_upstream_is_accepted_for_what_it_proves_and_for_nothing_else(file):
    case, spec = load(file), SPECS[file.split("/")[2]]
    root, key, proof = unhex(case["root"]), unhex(case["key"]), unhex(case["proof"])
    if "nonexist" in file:
        ics23.absence(spec, root, key, proof)
        assert refusal_of(lambda: ics23.membership(spec, root, key, proof)).reason is Reason.ABSENT
        right, wrong = ics23.absence, ics23.membership
    else:
        assert ics23.membership(spec, root, key, proof) == unhex(case["value"])
        assert refusal_of(lambda: ics23.absence(spec, root, key, proof)).reason is Reason.PRESENT
        right, wrong = ics23.membership, ics23.absence
    for judge in (right, wrong):
        assert refusal_of(lambda judge=judge: judge(spec, root[::-1], key, proof)).reason is Reason.WRONG_HASH
        assert (
            refusal_of(lambda judge=judge: judge(spec, root, key + b"x", proof)).reason is Reason.INCOMPLETE
        )
    others = [other for other in SPECS.values() if other is not spec]
    assert all(refusal_of(lambda other=other: right(other, root, key, proof)) for other in others)


@needs(NEGATIVES)
@pytest.mark.parametrize("case", (load(NEGATIVES) or {"cases": []})["cases"], ids=lambda case: case["name"])
@pytest.mark.covers("PRF-07", "PRF-08")
def test_every_derived_negative_is_refused(case):
    spec, root, key = SPECS[case["spec"]], unhex(case["root"]), unhex(case["key"])
    proof = unhex(case["proof"])
    judge = ics23.absence if "nonexist" in case["name"] else ics23.membership
    assert refusal_of(lambda: judge(spec, root, key, proof)).reason in REASONS_OF_NEGATIVES[case["why"]]


REASONS_OF_NEGATIVES = {
    "value not committed": {Reason.WRONG_HASH},
    "proof is for another key": {Reason.INCOMPLETE},
    "leaf op missing": {Reason.MALFORMED},
    "prehash_value differs from the spec": {Reason.MALFORMED},
    "length op differs from the spec": {Reason.MALFORMED},
    "inner op prefix starts with the leaf prefix": {Reason.MALFORMED},
    "suffix is no multiple of the child size": {Reason.MALFORMED},
    "inner hash op differs": {Reason.MALFORMED},
    "binary inner op has a left AND a right sibling (the shape behind the BNB bridge exploit)": {
        Reason.MALFORMED
    },
    "deeper than 128": {Reason.LIMIT},
    "left neighbour alone, but it is not the right-most leaf": {Reason.INCOMPLETE},
    "right neighbour alone, but it is not the left-most leaf": {Reason.INCOMPLETE},
    "left and right swapped": {Reason.INCOMPLETE},
    "left = right": {Reason.INCOMPLETE},
    "neither neighbour": {Reason.INCOMPLETE},
    "key equals the left neighbour, i.e. it exists": {Reason.INCOMPLETE, Reason.PRESENT},
    "existence proof offered where absence is claimed": {Reason.PRESENT},
}


@needs(FOLDER + "TestLeafOpData.json")
@pytest.mark.parametrize(("name", "case"), table("LeafOp"))
def test_leaf_operations_give_the_hashes_of_upstream(name, case):
    op = ParseDict(case["Op"], pb.LeafOp())
    key, value = unbase64(case["Key"]), unbase64(case["Value"])
    if case["IsErr"]:
        assert refusal_of(lambda: ics23.apply_leaf(op, key, value)).reason is Reason.MALFORMED
    else:
        assert ics23.apply_leaf(op, key, value) == unbase64(case["Expected"])


@needs(FOLDER + "TestInnerOpData.json")
@pytest.mark.parametrize(("name", "case"), table("InnerOp"))
def test_inner_operations_give_the_hashes_of_upstream(name, case):
    op = ParseDict(case["Op"], pb.InnerOp())
    if case["IsErr"]:
        alone = pb.CommitmentProof(
            exist=pb.ExistenceProof(key=b"k", value=b"v", path=[op])
        ).SerializeToString()
        refusal = refusal_of(lambda: ics23.membership(TENDERMINT, bytes(32), b"k", alone))
        assert refusal.reason is Reason.MALFORMED
    else:
        preimage = op.prefix + unbase64(case["Child"]) + op.suffix
        assert hash_op(op.hash)(preimage) == unbase64(case["Expected"])


@needs(FOLDER + "TestDoHashData.json")
@pytest.mark.parametrize(("name", "case"), table("DoHash"))
def test_hash_operations_give_the_hashes_of_upstream(name, case):
    preimage = case.get("Preimage", case.get("PreImage")).encode()
    assert hash_op(case["HashOp"])(preimage).hex() == case["ExpectedHash"]


@needs(FOLDER + "TestExistenceProofData.json")
@pytest.mark.parametrize(("name", "case"), table("ExistenceProof"))
def test_existence_proofs_fold_to_the_roots_of_upstream(name, case):
    proof = ParseDict(case["Proof"], pb.ExistenceProof())
    if case["IsErr"]:
        encoded = pb.CommitmentProof(exist=proof).SerializeToString()
        refusal = refusal_of(lambda: ics23.membership(TENDERMINT, bytes(32), proof.key, encoded))
        assert refusal.reason is Reason.MALFORMED
    else:
        assert folded(proof) == unbase64(case["Expected"])


@needs(FOLDER + "TestCheckLeafData.json")
@pytest.mark.parametrize(("name", "case"), table("CheckLeaf"))
def test_leaves_are_compared_with_their_spec_as_upstream_does_or_stricter(name, case):
    leaf = ParseDict(case["Leaf"], pb.LeafOp())
    proof = pb.ExistenceProof(key=b"k", value=b"v", leaf=leaf)
    inner = InnerSpec(hash=pb.SHA256, child_size=32, min_prefix=1, max_prefix=1)
    spec = ProofSpec(leaf=LeafSpec.of(ParseDict(case["Spec"], pb.LeafOp())), inner=inner)
    refusal = refusal_of(lambda: ics23._leaf_hash(spec, proof))
    differs = refusal is not None and "leaf: expected LeafSpec" in refusal.detail
    assert differs == (case["IsErr"] or name in STRICTER)


@needs(FOLDER + "TestCheckAgainstSpecData.json")
@pytest.mark.parametrize(("name", "case"), table("CheckAgainstSpec"))
@pytest.mark.covers("PRF-08")
def test_whole_proofs_are_compared_with_their_spec_as_upstream_does(name, case):
    spec = spec_of(ParseDict(case["Spec"], pb.ProofSpec()))
    proof = ParseDict(case["Proof"], pb.ExistenceProof())
    refusal = refusal_of(lambda: ics23._root_of(spec, proof, ics23._steps(spec, proof, ())))
    assert (refusal is None) == (case["Err"] == "")


@needs(FOLDER + "TestEmptyBranchData.json")
@pytest.mark.parametrize(("name", "case"), table("EmptyBranch"))
def test_empty_siblings_are_those_that_upstream_sees(name, case):
    spec, step = spec_of(ParseDict(case["Spec"], pb.ProofSpec())), ParseDict(case["Op"], pb.InnerOp())
    assert (ics23._is_first(spec, step) and ics23._is_right_child(spec, step)) == case["IsLeft"]
    assert (ics23._is_last(spec, step) and ics23._is_left_child(spec, step)) == case["IsRight"]


@needs(*EUREKA_FILES)
@pytest.mark.parametrize("file", EUREKA_FILES)
def test_a_chain_of_proofs_from_a_real_chain_holds_under_the_specs_of_its_client(file):
    case = load(file)
    client = tendermint_pb2.ClientState.FromString(unhex(case["client_state_hex"]))
    assert [spec_of(spec) for spec in client.proof_specs] == [IAVL, TENDERMINT]
    app_hash = tendermint_pb2.ConsensusState.FromString(unhex(case["consensus_state_hex"])).root.hash
    message = case["membership_msg"]
    low, high = commitment_pb2.MerkleProof.FromString(unhex(message["proof"])).proofs
    store, key = [part.encode() for part in message["path"]]
    root = ics23.membership(TENDERMINT, app_hash, store, high.SerializeToString())
    if message["value"]:
        assert ics23.membership(IAVL, root, key, low.SerializeToString()) == unhex(message["value"])
    else:
        ics23.absence(IAVL, root, key, low.SerializeToString())


def wire_fields(data):
    """Return {field: values in order} of a protobuf or amino message."""
    found, at = {}, 0

    def number():
        nonlocal at
        total = shift = 0
        while True:
            byte = data[at]
            at, total, shift = at + 1, total | (byte & 0x7F) << shift, shift + 7
            if byte < 0x80:
                return total

    while at < len(data):
        tag = number()
        value = number()
        if tag & 7 == 2:
            value, at = data[at : at + value], at + value
        found.setdefault(tag >> 3, []).append(value)
    return found


def without_length(data):
    """Return the message after its length, which amino writes before it."""
    return data[next(at for at, byte in enumerate(data) if byte < 0x80) + 1 :]


def legacy_step(node):
    """Return the step of a node of a range proof: whatever siblings it names, on their sides."""
    left, right = (b"".join(node.get(field, [])) for field in (4, 5))
    head = bytes([node[1][0]]) + zigzag(node[2][0]) + zigzag(node[3][0]) + b"\x20"
    prefix = head + (left + b"\x20" if left else b"")
    return pb.InnerOp(hash=pb.SHA256, prefix=prefix, suffix=b"\x20" + right if right else b"")


def translated(case):
    """Return (spec, root of the store, proof) as ICS-23 of a range proof as the BNB chain had them.

    Its trees wrote heights plainly, which the IAVL spec has otherwise: so the spec is one of our making.
    """
    iavl, stores = proof_pb2.ProofOps.FromString(unhex(case["proof"])).ops
    proof = wire_fields(wire_fields(without_length(iavl.data))[1][0])
    leaf = next(leaf for leaf in map(wire_fields, proof[3]) if leaf[1] == [unhex(case["key"])])
    op = pb.LeafOp(
        hash=pb.SHA256, prehash_value=pb.SHA256, length=pb.VAR_PROTO, prefix=b"\0\2" + zigzag(leaf[3][0])
    )
    path = [legacy_step(wire_fields(node)) for node in reversed(proof[1])]
    exist = pb.ExistenceProof(key=leaf[1][0], value=unhex(case["value"]), leaf=op, path=path)
    infos = map(wire_fields, wire_fields(wire_fields(without_length(stores.data))[1][0])[1])
    commits = {info[1][0]: info[2][0] for info in infos}
    inner = InnerSpec(hash=pb.SHA256, child_size=33, min_prefix=4, max_prefix=11)
    spec = ProofSpec(leaf=LeafSpec.of(op), inner=inner)
    return spec, commits[case["store"].encode()][-32:], exist


BNB_CASES = (load(BNB) or {"cases": []})["cases"]
LEGACY = [case for case in BNB_CASES if not case["name"].startswith("TestIcs23")]


@needs(BNB)
@pytest.mark.parametrize("case", LEGACY, ids=lambda case: case["name"])
@pytest.mark.covers("PRF-07")
def test_the_forged_proofs_of_the_bnb_bridge_are_refused_for_their_two_siblings_and_honest_ones_hold(case):
    spec, store_root, exist = translated(case)
    key, proof = unhex(case["key"]), pb.CommitmentProof(exist=exist).SerializeToString()
    if "exploit" in case["name"]:
        for judge in (ics23.membership, ics23.absence):
            refusal = refusal_of(lambda judge=judge: judge(spec, store_root, key, proof))
            assert refusal.detail == "step 1: expected a sibling on one side, got one on both"
        exist.path[0].suffix = b""
        proof = pb.CommitmentProof(exist=exist).SerializeToString()
        assert refusal_of(lambda: ics23.membership(spec, store_root, key, proof)).reason is Reason.WRONG_HASH
    elif case["name"] == "absence_op":
        assert refusal_of(lambda: ics23.absence(spec, store_root, key, proof)).reason is Reason.PRESENT
    else:
        assert ics23.membership(spec, store_root, key, proof) == unhex(case["value"])
    for op in proof_pb2.ProofOps.FromString(unhex(case["proof"])).ops:
        refusal = refusal_of(lambda data=op.data: ics23.membership(IAVL, store_root, key, data))
        assert refusal.reason is Reason.MALFORMED


@needs(BNB)
@pytest.mark.parametrize(
    "case", [case for case in BNB_CASES if case not in LEGACY], ids=lambda case: case["name"]
)
def test_the_ics23_proofs_of_the_bnb_chain_hold(case):
    low, high = proof_pb2.ProofOps.FromString(unhex(case["proof"])).ops
    root = ics23.membership(TENDERMINT, unhex(case["app_hash"]), case["store"].encode(), high.data)
    assert ics23.membership(IAVL, root, unhex(case["key"]), low.data) == unhex(case["value"])


@needs(*WHOLE, NEGATIVES, BNB, *EUREKA_FILES)
def test_the_vectors_hold_as_many_cases_as_were_counted():
    names = ("LeafOp", "InnerOp", "DoHash", "ExistenceProof", "CheckLeaf", "CheckAgainstSpec", "EmptyBranch")
    rows = sum(len(table(name)) for name in names)
    negatives = len(load(NEGATIVES)["cases"])
    counted(
        f"ics23: {len(WHOLE)} whole proofs, {rows} rows of tables ({len(STRICTER)} stricter than upstream), "
        f"{negatives} negatives, {len(BNB_CASES)} of the BNB chain, {len(EUREKA_FILES)} of ibc-eureka"
    )
    assert (len(WHOLE), negatives, len(BNB_CASES)) == (18, 34, 6)
