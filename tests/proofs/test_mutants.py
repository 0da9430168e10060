"""A hundred thousand seeded mutants of honest evidence: none is accepted, none makes a verifier fail.

Every mutant differs from the evidence that it was made of. A verifier answers it with a verdict or a
`Refusal`; any other exception fails the test. What a mutant may not do is to be accepted for the original
claim.
"""

from random import Random

import coincurve
import pytest
import rlp

from proofs import attestation, registry, signatures
from proofs.evm import receipts, storage
from proofs.hashing import keccak256, sha256
from proofs.lightclients.agreement import AgreementParams
from proofs.merkle import binary, mpt
from proofs.records import replace
from proofs.types import Acknowledged, BlockRef, ChainId, Height, NotReceived, Sent, UntrustedUpdate
from proofs.verdict import Accepted, Refusal
from proofs.verify import verify
from tests.proofs.evm.test_header import made_up
from tests.support.evidence import ROUTER, TIME_S, evm_evidence, memory_evidence, memory_header
from tests.support.mutants import mutate_bytes, mutate_nodes, mutate_rlp
from tests.support.packets import DESTINATION, LANE, SOURCE, packet
from tests.support.tries import EvmState, build, prove
from tests.support.vectors import counted

COUNTS = {
    "account": 15_000,
    "storage": 15_000,
    "receipt": 15_000,
    "binary tree": 15_000,
    "verify": 21_000,
    "evm header": 5_000,
    "memory header": 5_000,
    "attestation": 9_000,
}


def test_the_mutants_are_a_hundred_thousand():
    counted(f"mutants: {COUNTS}")
    assert sum(COUNTS.values()) == 100_000


def holds(call) -> bool:
    """Return whether a verifier accepts; only `Refusal` may come out of it."""
    try:
        call()
    except Refusal:
        return False
    return True


def count_accepted(name, mutants) -> int:
    """Return how many of the (mutant, verifier) pairs are accepted, after as many as are due."""
    accepted = 0
    for _, (mutant, accepts) in zip(range(COUNTS[name]), mutants, strict=False):
        accepted += accepts(mutant)
    return accepted


SLOTS = {index.to_bytes(32, "big"): 7**index for index in range(1, 80)}
STATE = EvmState(ROUTER, SLOTS, others=200)
STORAGE_ROOT = storage.prove_account(STATE.root, ROUTER, STATE.account_proof()).storage_root


def account_mutants(rng):
    honest = STATE.account_proof()
    pool = [node for index in range(20) for node in prove(STATE.accounts, keccak256(b"other%d" % index))]
    assert storage.prove_account(STATE.root, ROUTER, honest).storage_root == STORAGE_ROOT
    while True:
        yield (
            mutate_nodes(rng, honest, pool),
            lambda nodes: holds(lambda: storage.prove_account(STATE.root, ROUTER, nodes)),
        )


def storage_mutants(rng):
    """Membership of words, and absence of words that are zero."""
    words = list(SLOTS)
    gaps = [(1000 + index).to_bytes(32, "big") for index in range(20)]
    pool = [node for slot in words[:20] for node in STATE.storage_proof(slot)]
    proofs = {slot: STATE.storage_proof(slot) for slot in [*words, *gaps]}
    store = storage.Storage(STORAGE_ROOT)
    while True:
        present, gap = rng.choice(words), rng.choice(gaps)
        yield (
            mutate_nodes(rng, proofs[present], pool),
            lambda nodes, slot=present: holds(lambda: store.word(slot, nodes)),
        )
        yield (
            mutate_nodes(rng, proofs[gap], pool),
            lambda nodes, slot=gap: holds(lambda: store.check_zero(slot, nodes)),
        )


def receipt_mutants(rng):
    logs = [[ROUTER, [keccak256(b"E()"), bytes(32)], b"data %d" % index] for index in range(150)]
    values = [b"\x02" + rlp.encode([b"\x01", b"\x52\x08", bytes(256), [log]]) for log in logs]
    trie = build({rlp.encode(index): value for index, value in enumerate(values)})
    proofs = [prove(trie, rlp.encode(index)) for index in range(150)]
    pool = [node for nodes in proofs[:30] for node in nodes]
    root, topic = trie.root_hash, keccak256(b"E()")

    def accepts(nodes, index):
        return holds(lambda: receipts.prove_log(root, index, nodes, log_index=0, emitter=ROUTER, topic=topic))

    while True:
        index = rng.randrange(150)
        assert index or accepts(proofs[index], index)
        yield mutate_nodes(rng, proofs[index], pool), lambda nodes, index=index: accepts(nodes, index)


def binary_mutants(rng):
    entries = {b"client\1%03d" % (2 * index): keccak256(b"%d" % index) for index in range(77)}
    tree = binary.Tree(entries, domain=ROUTER)
    keys = list(entries)
    gaps = [b"client\1%03d" % (2 * index + 1) for index in range(77)] + [b"a", b"z"]
    pool = [tree.prove_membership(key) for key in keys[:20]]

    def mutate(proof):
        return (
            mutate_bytes(rng, proof)
            if rng.random() < 0.8
            else proof[: rng.randrange(9, len(proof))] + rng.choice(pool)[8:]
        )

    def proves_absence(proof, key):
        return holds(lambda: binary.absence(tree.root, key, proof, domain=ROUTER))

    def proves_value(proof, key):
        return holds(lambda: binary.membership(tree.root, key, proof, domain=ROUTER))

    while True:
        key, gap = rng.choice(keys), rng.choice(gaps)
        for honest, accepts, about in (
            (tree.prove_membership(key), proves_value, key),
            (tree.prove_absence(gap), proves_absence, gap),
        ):
            mutant = mutate(honest)
            if mutant != honest:
                yield mutant, lambda proof, accepts=accepts, about=about: accepts(proof, about)


LATE = 1_800_000_000
CLAIMS = [
    (SOURCE, Sent(packet=packet(1))),
    (DESTINATION, Acknowledged(packet=packet(2), acknowledgements=(b"ok",))),
    (DESTINATION, NotReceived(packet=packet(3, timeout_s=LATE))),
]


def verify_mutants(rng):
    """Mutants of every part of the evidence, at the doorway, for each kind of claim and each format."""
    cases = [make(chain, [claim]) for make in (evm_evidence, memory_evidence) for chain, claim in CLAIMS]
    pool = [node for case in cases for node in (*case.proofs.common, *case.proofs.each[0].nodes)]

    def mutate(proofs):
        proof = proofs.each[0]
        match rng.randrange(6):
            case 0:
                return replace(proofs, common=mutate_nodes(rng, proofs.common, pool))
            case 1:
                return replace(proofs, each=(replace(proof, preimage=mutate_bytes(rng, proof.preimage)),))
            case 2:
                return replace(proofs, at=replace(proofs.at, hash=mutate_bytes(rng, proofs.at.hash)))
            case _:
                return replace(proofs, each=(replace(proof, nodes=mutate_nodes(rng, proof.nodes, pool)),))

    def accepts(proofs, case):
        return isinstance(verify(LANE, case.trusted, case.store, case.claims, proofs)[0], Accepted)

    while True:
        for case in cases:
            yield mutate(case.proofs), lambda proofs, case=case: accepts(proofs, case)


def header_mutants(rng, params, header, block_hash, mutate):
    """Mutants of the header, the target and the votes; every witness is needed, so no vote may change."""
    block = BlockRef(chain=params.chain, height=Height(16), hash=block_hash)
    votes = dict.fromkeys(params.witnesses, block_hash)
    honest = UntrustedUpdate(light_client="agreement", target=block, header=header, votes=votes)

    def accepts(update):
        return isinstance(registry.advance(None, update, params, TIME_S), Accepted)

    assert accepts(honest)
    while True:
        witness = rng.choice(params.witnesses)
        yield replace(honest, header=mutate(rng, header)), accepts
        yield replace(honest, target=replace(block, hash=mutate_bytes(rng, block_hash))), accepts
        yield replace(honest, votes={**votes, witness: mutate_bytes(rng, block_hash)}), accepts
        yield replace(honest, target=replace(block, height=Height(rng.choice([0, 15, 17, 2**64])))), accepts


def evm_header_mutants(rng):
    header = rlp.encode(made_up(21))
    params = AgreementParams(
        chain=ChainId("eip155:1"), witnesses=("north", "east"), threshold=2, header_codec="evm"
    )
    return header_mutants(rng, params, header, keccak256(header), mutate_rlp)


def memory_header_mutants(rng):
    chain = ChainId("memory:a")
    header = memory_header(chain, height=16)
    params = AgreementParams(chain=chain, witnesses=("north", "east"), threshold=2, header_codec="memory")
    return header_mutants(rng, params, header, sha256(header), mutate_bytes)


KEYS = [bytes([index]) * 32 for index in range(1, 8)]
ADDRESSES = tuple([signatures.address_of(coincurve.PrivateKey(key).public_key) for key in KEYS])
DATA = attestation.encode_packets(
    Height(5), [(bytes([index]) * 32, keccak256(bytes([index]))) for index in range(9)]
)


def canonical(signature_list):
    """Return a list with one spelling of v and without its order, neither of which changes its meaning."""
    return sorted(
        [
            s[:64] + bytes([s[64] % 27]) if len(s) == 65 and s[64] in (0, 1, 27, 28) else s
            for s in signature_list
        ]
    )


def attestation_mutants(rng):
    """Exactly the threshold signed, so every signature is needed; the pool holds worthless ones."""
    digest = attestation.packets_digest(DATA)
    honest = tuple([attestation.sign(key, digest) for key in KEYS[:3]])
    pool = [attestation.sign(key, digest) for key in KEYS[5:]] + [
        attestation.sign(key, sha256(b"x")) for key in KEYS
    ]

    def accepts(evidence):
        data, signature_list = evidence
        verdict = attestation.check(ADDRESSES[:5], 3, attestation.packets_digest(data), signature_list)
        return isinstance(verdict, Accepted)

    assert accepts((DATA, honest))
    while True:
        mutant = mutate_nodes(rng, honest, pool)
        if canonical(mutant) != canonical(honest):
            yield (DATA, mutant), accepts
        yield (mutate_bytes(rng, DATA), honest), accepts


MUTANTS = {
    "account": account_mutants,
    "storage": storage_mutants,
    "receipt": receipt_mutants,
    "binary tree": binary_mutants,
    "verify": verify_mutants,
    "evm header": evm_header_mutants,
    "memory header": memory_header_mutants,
    "attestation": attestation_mutants,
}


@pytest.mark.parametrize("name", MUTANTS)
@pytest.mark.covers("PRF-16")
def test_no_mutant_is_accepted_and_none_makes_a_verifier_fail(name):
    assert count_accepted(name, MUTANTS[name](Random(f"isthmus {name}"))) == 0


@pytest.mark.covers("PRF-16", "PRF-17")
def test_mutants_under_their_own_root_are_read_to_the_end_without_failing():
    """The root is made to fit, so that mutants get past the hash: one of four answers, never two at once."""
    rng = Random("isthmus re-rooted")
    key = keccak256(ROUTER)
    honest = STATE.account_proof()
    endings = {"present": 0, "absent": 0, "refused": 0}
    for _ in range(10_000):
        nodes = (
            (mutate_rlp(rng, honest[0]), *honest[1:])
            if rng.random() < 0.5
            else (mutate_rlp(rng, honest[-1]),)
        )
        root = keccak256(nodes[0])
        is_present = holds(lambda root=root, nodes=nodes: mpt.membership(root, key, nodes))
        is_absent = holds(lambda root=root, nodes=nodes: mpt.absence(root, key, nodes))
        assert not (is_present and is_absent)
        endings["present" if is_present else "absent" if is_absent else "refused"] += 1
    counted(f"re-rooted mutants: {endings}")
    assert min(endings.values()) > 0
