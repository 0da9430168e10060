"""Twenty-five thousand seeded mutants of honest ICS-23 proofs: none is accepted, none makes a verifier fail.

`ISTHMUS_MUTANTS=40` makes it a million. Mutants are of bytes and of structure: steps, siblings, leaves and
neighbours moved, lost, doubled, grafted and taken from other proofs. What a verifier may answer is a verdict
or a `Refusal`; any other exception fails the test.
"""

import os
from random import Random

import pytest

from proofs.merkle import ics23
from proofs.merkle.ics23_spec import IAVL, TENDERMINT
from proofs.pb.cosmos.ics23.v1 import proofs_pb2 as pb
from proofs.records import replace
from proofs.types import Acknowledged, NotReceived, Sent
from proofs.verdict import Accepted, Refusal
from proofs.verify import verify
from tests.support.evidence import TIME_S
from tests.support.iavl import Iavl, Tendermint, compressed, ibc_evidence, sha256
from tests.support.ics23 import folded
from tests.support.mutants import mutate_bytes, mutate_nodes
from tests.support.packets import DESTINATION, LANE, SOURCE, packet
from tests.support.vectors import counted

TIMES = int(os.environ.get("ISTHMUS_MUTANTS", "1"))
COUNTS = {"iavl": 7_000, "tendermint": 5_000, "batch": 4_000, "verify": 6_000, "re-rooted": 3_000}
ENTRIES = {b"key/%03d" % (2 * index): b"value %d" % index for index in range(150)}
GAPS = [b"key/%03d" % (2 * index + 1) for index in range(150)] + [b"a", b"z"]


def test_the_mutants_are_twenty_five_thousand():
    counted(f"ics23 mutants: {COUNTS}, times {TIMES}")
    assert sum(COUNTS.values()) == 25_000


def holds(call, *arguments) -> bool:
    """Return whether a verifier accepts; only `Refusal` may come out of it."""
    try:
        call(*arguments)
    except Refusal:
        return False
    return True


def mutate_step(rng, step):
    """Change one step: its operation, the border between its parts and the child, its siblings."""
    match rng.randrange(6):
        case 0:
            step.hash = rng.choice([pb.NO_HASH, pb.SHA512, pb.SHA512_256, pb.BLAKE3])
        case 1:
            step.prefix = mutate_bytes(rng, step.prefix)
        case 2:
            step.suffix = mutate_bytes(rng, step.suffix)
        case 3:
            step.prefix, step.suffix = step.prefix + step.suffix, b""
        case 4:
            step.prefix, step.suffix = step.prefix[:-33], step.prefix[-33:]
        case _:
            step.suffix += (b"\x20" if rng.random() < 0.5 else b"") + sha256(step.prefix)


def mutate_leaf(rng, exist):
    """Change what a proof begins with."""
    match rng.randrange(5):
        case 0:
            exist.leaf.prefix = mutate_bytes(rng, exist.leaf.prefix)
        case 1:
            exist.value = mutate_bytes(rng, exist.value)
        case 2:
            exist.key = mutate_bytes(rng, exist.key)
        case 3:
            exist.leaf.length = rng.choice([pb.NO_PREFIX, pb.FIXED32_BIG])
        case _:
            exist.ClearField("leaf")


def mutate_exist(rng, exist, other):
    """Change one existence proof; `other` is one for another key."""
    path, count = exist.path, len(exist.path)
    match rng.randrange(7):
        case 0 | 1:
            mutate_step(rng, rng.choice(path))
        case 2:
            mutate_leaf(rng, exist)
        case 3:
            del path[rng.randrange(count)]
        case 4:
            path.insert(rng.randrange(count + 1), rng.choice(other.path))
        case 5:
            path[rng.randrange(count)].CopyFrom(rng.choice(other.path))
        case _:
            steps = rng.sample(list(path), count)
            del path[:]
            path.extend(steps)


def mutate_nonexist(rng, nonexist, other):
    """Change an absence proof: a neighbour lost, swapped, taken from elsewhere, or changed in itself."""
    side = rng.choice(("left", "right"))
    match rng.randrange(5):
        case 0:
            nonexist.ClearField(side)
        case 1:
            left, right = pb.ExistenceProof(), pb.ExistenceProof()
            left.CopyFrom(nonexist.left)
            right.CopyFrom(nonexist.right)
            nonexist.left.CopyFrom(right)
            nonexist.right.CopyFrom(left)
        case 2:
            getattr(nonexist, side).CopyFrom(other)
        case _:
            exist = getattr(nonexist, side)
            mutate_exist(rng, exist if exist.path else other, other)


def mutate(rng, tree, proof):
    """Return a mutant of an encoded proof about one key; it differs from the proof."""
    if rng.random() < 0.3:
        return mutate_bytes(rng, proof)
    message = pb.CommitmentProof.FromString(proof)
    other = tree.exist(rng.choice(tree.keys))
    if message.HasField("exist"):
        mutate_exist(rng, message.exist, other)
    else:
        mutate_nonexist(rng, message.nonexist, other)
    mutant = message.SerializeToString()
    return mutant if mutant != proof else mutate_bytes(rng, proof)


def single_mutants(rng, spec, tree):
    """Mutants of proofs about one key, at both judges."""
    while True:
        key = rng.choice(tree.keys) if rng.random() < 0.5 else rng.choice(GAPS)
        honest = tree.proof(key)
        judge = ics23.membership if key in tree.entries else ics23.absence
        assert holds(judge, spec, tree.root, key, honest)
        mutant = mutate(rng, tree, honest)
        yield holds(ics23.membership, spec, tree.root, key, mutant)
        yield holds(ics23.absence, spec, tree.root, key, mutant)


def batch_mutants(rng):
    """Mutants of batches, compressed and not: what they prove is true, and none proves all of its keys."""
    tree = Iavl(ENTRIES)
    present, absent = tree.keys[:12], GAPS[:12]
    batch = tree.batch([*present, *absent])
    values = tuple([ENTRIES[key] for key in present])
    honest = (compressed(batch), pb.CommitmentProof(batch=batch).SerializeToString())
    while True:
        mutant = mutate_bytes(rng, rng.choice(honest))
        absences_hold = holds(ics23.batch_absence, IAVL, tree.root, absent, mutant)
        try:
            given = ics23.batch_membership(IAVL, tree.root, present, mutant)
        except Refusal:
            yield holds(ics23.batch_absence, IAVL, tree.root, present[:1], mutant)
        else:
            yield absences_hold or given != values


LATE = TIME_S - 1
CLAIMS = [
    (SOURCE, Sent(packet=packet(1))),
    (DESTINATION, Acknowledged(packet=packet(2), acknowledgements=(b"ok",))),
    (DESTINATION, NotReceived(packet=packet(3, timeout_s=LATE))),
]


def verify_mutants(rng):
    """Mutants of every part of the evidence, at the doorway, for each kind of claim."""
    cases = [ibc_evidence(chain, [claim]) for chain, claim in CLAIMS]
    pool = [node for case in cases for node in (*case.proofs.common, *case.proofs.each[0].nodes)]
    tree = Iavl(ENTRIES)

    def changed(proofs):
        proof = proofs.each[0]
        match rng.randrange(5):
            case 0:
                return replace(proofs, common=mutate_nodes(rng, proofs.common, pool))
            case 1:
                return replace(proofs, each=(replace(proof, preimage=mutate_bytes(rng, proof.preimage)),))
            case 2:
                return replace(proofs, common=(mutate(rng, tree, proofs.common[0]),))
            case 3:
                return replace(proofs, each=(replace(proof, nodes=mutate_nodes(rng, proof.nodes, pool)),))
            case _:
                return replace(proofs, each=(replace(proof, nodes=(mutate(rng, tree, proof.nodes[0]),)),))

    while True:
        for case in cases:
            verdict = verify(LANE, case.trusted, case.store, case.claims, changed(case.proofs))[0]
            yield isinstance(verdict, Accepted)


def root_of(exist):
    """Return the root that a proof leads to, or None if it leads nowhere."""
    try:
        return folded(exist)
    except Refusal:
        return None


def rerooted_mutants(rng):
    """Mutants under a root made to fit: a key is never both there and not there."""
    trees = [(IAVL, Iavl(dict(list(ENTRIES.items())[:9]))), (TENDERMINT, Tendermint(ENTRIES))]
    endings = {"present": 0, "absent": 0, "refused": 0}
    while sum(endings.values()) < COUNTS["re-rooted"] * TIMES:
        spec, tree = rng.choice(trees)
        key = rng.choice(tree.keys)
        message = pb.CommitmentProof(exist=tree.exist(key))
        mutate_exist(rng, message.exist, tree.exist(rng.choice(tree.keys)))
        root, key = root_of(message.exist) or tree.root, message.exist.key
        nonexist = pb.NonExistenceProof(key=key + b"x", left=message.exist)
        is_present = holds(ics23.membership, spec, root, key, message.SerializeToString())
        beyond = pb.CommitmentProof(nonexist=nonexist).SerializeToString()
        is_absent = holds(ics23.absence, spec, root, key + b"x", beyond)
        assert is_present or not is_absent
        assert not holds(ics23.absence, spec, root, key, message.SerializeToString())
        endings["absent" if is_absent else "present" if is_present else "refused"] += 1
        yield False
    counted(f"ics23 re-rooted mutants: {endings}")
    assert min(endings.values()) > 0


MUTANTS = {
    "iavl": lambda rng: single_mutants(rng, IAVL, Iavl(ENTRIES)),
    "tendermint": lambda rng: single_mutants(rng, TENDERMINT, Tendermint(ENTRIES)),
    "batch": batch_mutants,
    "verify": verify_mutants,
    "re-rooted": rerooted_mutants,
}


@pytest.mark.parametrize("name", MUTANTS)
@pytest.mark.covers("PRF-16", "PRF-17")
def test_no_mutant_is_accepted_and_none_makes_a_verifier_fail(name):
    mutants = MUTANTS[name](Random(f"isthmus ics23 {name}"))
    accepted = [next(mutants, False) for _ in range(COUNTS[name] * TIMES + 1)]
    assert sum(accepted) == 0
