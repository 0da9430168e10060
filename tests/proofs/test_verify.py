"""The doorway: what becomes `Proven`, and everything that does not."""

import pytest

from proofs import limits
from proofs.codec import ERROR_ACKNOWLEDGEMENT
from proofs.records import replace
from proofs.types import (
    Acknowledged,
    Assurance,
    ChainId,
    ClientId,
    ForgedProofError,
    Height,
    NotReceived,
    Proven,
    Sent,
    UntrustedProof,
)
from proofs.verdict import Accepted, Reason, Rejected
from proofs.verify import verify
from tests.support.evidence import TIME_S, Evidence, evm_evidence, memory_evidence
from tests.support.packets import DESTINATION, LANE, PAYLOAD, SOURCE, packet

LATE = 1_800_000_000


def sent(count=3):
    return [Sent(packet=packet(sequence)) for sequence in range(1, count + 1)]


def acknowledged(count=3):
    return [
        Acknowledged(packet=packet(sequence), acknowledgements=(b"ack %d" % sequence,))
        for sequence in range(1, count + 1)
    ]


def not_received(count=3):
    return [NotReceived(packet=packet(sequence, timeout_s=LATE)) for sequence in range(1, count + 1)]


CASES = {
    "evm sent": lambda: evm_evidence(SOURCE, sent()),
    "evm acknowledged": lambda: evm_evidence(DESTINATION, acknowledged()),
    "evm not received": lambda: evm_evidence(DESTINATION, not_received()),
    "evm not received beside others": lambda: evm_evidence(DESTINATION, not_received(), received=[4, 5, 255]),
    "memory sent": lambda: memory_evidence(SOURCE, sent()),
    "memory acknowledged": lambda: memory_evidence(DESTINATION, acknowledged()),
    "memory not received": lambda: memory_evidence(DESTINATION, not_received()),
}


@pytest.fixture(params=CASES, scope="module")
def evidence(request) -> Evidence:
    return CASES[request.param]()


def judge(evidence: Evidence, lane=LANE, **changes):
    evidence = replace(evidence, **changes)
    return verify(lane, evidence.trusted, evidence.store, evidence.claims, evidence.proofs)


def assert_rejected(verdicts, *reasons):
    assert verdicts
    for verdict in verdicts:
        assert isinstance(verdict, Rejected)
        assert verdict.reason in reasons, verdict


@pytest.mark.covers("PRF-18")
def test_true_claims_are_proven_with_lane_block_time_and_assurance(evidence):
    verdicts = judge(evidence)
    assert [verdict.value.claim for verdict in verdicts] == list(evidence.claims)
    for verdict in verdicts:
        assert isinstance(verdict, Accepted)
        proven = verdict.value
        assert (proven.lane, proven.at, proven.time_s) == (LANE, evidence.trusted.block, TIME_S)
        assert proven.assurance is Assurance.AGREEMENT


def test_a_claim_is_judged_on_its_own_evidence(evidence):
    bad = replace(evidence.proofs.each[1], nodes=evidence.proofs.each[1].nodes[:-1])
    each = (evidence.proofs.each[0], bad, evidence.proofs.each[2])
    first, second, third = judge(evidence, proofs=replace(evidence.proofs, each=each))
    assert isinstance(first, Accepted)
    assert isinstance(second, Rejected)
    assert isinstance(third, Accepted)


@pytest.mark.covers("PRF-05", "PRF-13")
def test_evidence_for_another_block_chain_contract_or_format_rejects_every_claim(evidence):
    trusted, store, proofs = evidence.trusted, evidence.store, evidence.proofs
    higher = replace(trusted.block, height=Height(101))
    assert_rejected(judge(evidence, proofs=replace(proofs, at=higher)), Reason.WRONG_BLOCK)
    assert_rejected(
        judge(evidence, proofs=replace(proofs, at=replace(trusted.block, hash=bytes(32)))), Reason.WRONG_BLOCK
    )
    assert_rejected(judge(evidence, store=replace(store, chain=ChainId("eip155:9"))), Reason.WRONG_CHAIN)
    assert_rejected(judge(evidence, proofs=replace(proofs, format="other")), Reason.MALFORMED)
    strange = {"store": replace(store, format="other"), "proofs": replace(proofs, format="other")}
    assert_rejected(judge(evidence, **strange), Reason.MALFORMED)
    for address in (b"\x43" * 20, b"", b"\x42" * 32):
        verdicts = judge(evidence, store=replace(store, address=address))
        assert_rejected(verdicts, Reason.WRONG_CHAIN, Reason.WRONG_HASH, Reason.INCOMPLETE, Reason.ABSENT)


@pytest.mark.covers("PRF-05", "PRF-13")
def test_the_same_proof_under_another_root_is_worth_nothing(evidence):
    for root in (bytes(32), b"", evidence.trusted.block.hash):
        assert_rejected(judge(evidence, trusted=replace(evidence.trusted, root=root)), Reason.WRONG_HASH)


def test_claims_of_another_lane_or_side_are_rejected(evidence):
    for lane in (
        replace(LANE, source_client=ClientId("isthmus-1")),
        replace(LANE, destination_client=ClientId("isthmus-1")),
        replace(LANE, source=ChainId("eip155:5"), destination=ChainId("eip155:6")),
        replace(LANE, source=DESTINATION, destination=SOURCE),
        LANE.reverse(),
    ):
        assert_rejected(judge(evidence, lane=lane), Reason.WRONG_CHAIN)


@pytest.mark.covers("PRF-03", "PRF-04")
def test_counts_must_fit_exactly(evidence):
    each = evidence.proofs.each
    for wrong in ((), each[:-1], (*each, each[0])):
        assert_rejected(judge(evidence, proofs=replace(evidence.proofs, each=wrong)), Reason.INCOMPLETE)
    assert judge(evidence, claims=(), proofs=replace(evidence.proofs, each=())) == ()


@pytest.mark.covers("PRF-03")
def test_swapped_missing_and_surplus_nodes_are_rejected(evidence):
    common, each = evidence.proofs.common, evidence.proofs.each
    for change in (
        replace(evidence.proofs, common=(*common, b"\x80")),
        replace(evidence.proofs, common=(*common, *common, b"")),
        replace(evidence.proofs, common=common[1:] if common else (b"",)),
        replace(evidence.proofs, each=tuple([replace(proof, nodes=()) for proof in each])),
        replace(evidence.proofs, each=tuple([replace(proof, nodes=(*proof.nodes, b"")) for proof in each])),
        replace(evidence.proofs, each=tuple([replace(proof, preimage=b"x" * 8) for proof in each])),
    ):
        assert_rejected(
            judge(evidence, proofs=change),
            Reason.INCOMPLETE,
            Reason.WRONG_HASH,
            Reason.MALFORMED,
            Reason.WRONG_VALUE,
            Reason.ABSENT,
        )


@pytest.mark.covers("PRF-17")
def test_evidence_over_a_cap_is_rejected_whole(evidence):
    big = (bytes(limits.MAX_PROOF_BYTES + 1),)
    each = tuple([replace(proof, nodes=big) for proof in evidence.proofs.each])
    assert_rejected(judge(evidence, proofs=replace(evidence.proofs, each=each)), Reason.LIMIT)
    fat = UntrustedProof(nodes=(bytes(30 * 1024 * 1024),))
    assert_rejected(judge(evidence, proofs=replace(evidence.proofs, each=(fat,) * 3)), Reason.LIMIT)
    deep = replace(evidence.proofs, common=(b"\x80",) * (limits.MAX_COMMON_NODES + 1))
    assert_rejected(judge(evidence, proofs=deep), Reason.LIMIT)
    many = evidence.claims * (limits.MAX_CLAIMS // 3 + 1)
    assert_rejected(judge(evidence, claims=many), Reason.LIMIT)


@pytest.mark.parametrize("name", ["evm sent", "memory sent"])
@pytest.mark.covers("PRF-13")
def test_a_packet_that_differs_in_anything_is_not_the_one_that_was_sent(name):
    evidence = CASES[name]()
    original = evidence.claims[0].packet
    for changed in (
        replace(original, payloads=(replace(PAYLOAD, value=b"hellp"),)),
        replace(original, timeout_s=original.timeout_s + 1),
        replace(original, payloads=(replace(PAYLOAD, destination_port="other"),)),
    ):
        claims = (Sent(packet=changed), *evidence.claims[1:])
        first, *rest = judge(evidence, claims=claims)
        assert isinstance(first, Rejected)
        assert first.reason is Reason.WRONG_VALUE
        assert all(isinstance(verdict, Accepted) for verdict in rest)
    for sequence in (2, 4, 2**64 - 1):
        moved = (Sent(packet=replace(original, sequence=sequence)), *evidence.claims[1:])
        assert isinstance(judge(evidence, claims=moved)[0], Rejected)


@pytest.mark.parametrize("name", ["evm sent", "memory sent"])
def test_a_packet_that_breaks_the_rules_of_packets_is_rejected(name):
    evidence = CASES[name]()
    original = evidence.claims[0].packet
    for changed in (
        replace(original, sequence=0),
        replace(original, sequence=-5),
        replace(original, sequence=2**64),
        replace(original, timeout_s=2**70),
        replace(original, payloads=()),
        replace(original, payloads=(replace(PAYLOAD, version="\ud800"),)),
    ):
        first = judge(evidence, claims=(Sent(packet=changed), *evidence.claims[1:]))[0]
        assert isinstance(first, Rejected)
        assert first.reason is Reason.MALFORMED


@pytest.mark.parametrize("name", ["evm acknowledged", "memory acknowledged"])
@pytest.mark.covers("PRF-10")
def test_an_acknowledgement_that_differs_in_anything_is_rejected(name):
    evidence = CASES[name]()
    original = evidence.claims[0]
    for acknowledgements in ((b"ack 2",), (b"ack 1 ",), (b"ACK 1",), (), (b"",), (b"ack 1", b"ack 1")):
        claims = (replace(original, acknowledgements=acknowledgements), *evidence.claims[1:])
        first = judge(evidence, claims=claims)[0]
        assert isinstance(first, Rejected)
        assert first.reason in (Reason.WRONG_VALUE, Reason.MALFORMED)


@pytest.mark.parametrize("make", [evm_evidence, memory_evidence])
@pytest.mark.parametrize("second", [ERROR_ACKNOWLEDGEMENT, b""], ids=["error", "empty"])
def test_acknowledgements_that_break_the_rules_are_rejected_even_when_they_are_stored(make, second):
    two = replace(packet(1), payloads=(PAYLOAD, PAYLOAD))
    stored = make(DESTINATION, [Acknowledged(packet=two, acknowledgements=(b"ok", second))])
    assert_rejected(judge(stored), Reason.MALFORMED)
    sound = make(DESTINATION, [Acknowledged(packet=two, acknowledgements=(b"ok", b"ok"))])
    assert isinstance(judge(sound)[0], Accepted)


@pytest.mark.parametrize("make", [evm_evidence, memory_evidence])
@pytest.mark.parametrize(("time_s", "is_accepted"), [(LATE - 1, False), (LATE, True), (LATE + 1, True)])
def test_an_absence_counts_only_from_the_timeout_on(make, time_s, is_accepted):
    evidence = make(DESTINATION, not_received(), time_s=time_s)
    verdicts = judge(evidence)
    if is_accepted:
        assert all(isinstance(verdict, Accepted) for verdict in verdicts)
    else:
        assert_rejected(verdicts, Reason.NOT_YET)


@pytest.mark.covers("PRF-09")
def test_a_received_packet_is_not_proven_not_received():
    evidence = evm_evidence(DESTINATION, not_received(), received=[2])
    first, second, third = judge(evidence)
    assert isinstance(first, Accepted)
    assert isinstance(second, Rejected)
    assert second.reason is Reason.PRESENT
    assert isinstance(third, Accepted)


@pytest.mark.covers("PRF-09", "PRF-13")
def test_the_absence_of_one_packets_receipt_is_not_that_of_another():
    """The proof of an empty word cannot be used for a word that is not empty."""
    far = NotReceived(packet=packet(300, timeout_s=LATE))
    evidence = evm_evidence(DESTINATION, [*not_received(1), far], received=[1, 2, 3])
    assert isinstance(judge(evidence)[1], Accepted)
    swapped = replace(evidence.proofs, each=(evidence.proofs.each[1], evidence.proofs.each[1]))
    assert isinstance(judge(evidence, proofs=swapped)[0], Rejected)


def test_each_kind_of_claim_needs_its_own_chain():
    for claims, wrong_side in ((sent(), DESTINATION), (acknowledged(), SOURCE), (not_received(), SOURCE)):
        for make in (evm_evidence, memory_evidence):
            assert_rejected(judge(make(wrong_side, claims)), Reason.WRONG_CHAIN)


def test_an_acknowledgement_batch_is_bound_to_its_number_and_client():
    evidence = CASES["evm acknowledged"]()
    proof = evidence.proofs.each[0]
    for preimage in (
        (4).to_bytes(8, "big") + proof.preimage[8:],
        proof.preimage[8:],
        proof.preimage[:8],
        b"",
        proof.preimage + b"\0",
        proof.preimage + bytes(32),
        proof.preimage[:-32],
        bytes(80_000),
    ):
        each = tuple([replace(each, preimage=preimage) for each in evidence.proofs.each])
        verdicts = judge(evidence, proofs=replace(evidence.proofs, each=each))
        assert_rejected(
            verdicts, Reason.MALFORMED, Reason.LIMIT, Reason.WRONG_HASH, Reason.INCOMPLETE, Reason.ABSENT
        )


def test_a_sequence_that_its_batch_does_not_hold_is_absent():
    evidence = CASES["evm acknowledged"]()
    other = Acknowledged(packet=packet(9), acknowledgements=(b"ack 1",))
    first = judge(evidence, claims=(other, *evidence.claims[1:]))[0]
    assert isinstance(first, Rejected)
    assert first.reason is Reason.ABSENT


@pytest.mark.covers("PRF-19")
def test_a_flag_that_says_verified_changes_nothing(evidence):
    class Verified(UntrustedProof):
        is_verified = True

    lies = tuple([Verified(nodes=(b"verified",)) for _ in evidence.claims])
    verdicts = judge(evidence, proofs=replace(evidence.proofs, each=lies))
    assert all(isinstance(verdict, Rejected) for verdict in verdicts)
    assert all(isinstance(verdict, Accepted) for verdict in judge(evidence))
    again = judge(evidence, proofs=replace(evidence.proofs, each=lies))
    assert all(isinstance(verdict, Rejected) for verdict in again)


def test_a_proven_is_made_by_verify_alone():
    proven = judge(CASES["evm sent"]())[0].value
    fields = {
        "lane": LANE,
        "claim": proven.claim,
        "at": proven.at,
        "time_s": 1,
        "assurance": Assurance.CONSENSUS,
    }
    for seal in (None, object(), "seal", proven):
        with pytest.raises(ForgedProofError):
            Proven(**fields, seal=seal)
    with pytest.raises(TypeError):
        Proven(**fields)
    with pytest.raises((ForgedProofError, TypeError, ValueError)):
        replace(proven, claim=Sent(packet=packet(99)))
    with pytest.raises(ForgedProofError):
        replace(proven, seal=object())
    with pytest.raises(AttributeError):
        proven.claim = Sent(packet=packet(99))
