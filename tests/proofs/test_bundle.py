"""Bundles: what was proven once is proven again from a file, and a changed file is not."""

import json

import pytest

from proofs import bundle as bundles
from proofs.bundle import Bundle, BundleError
from proofs.hashing import sha256
from proofs.lightclients.agreement import AgreementParams
from proofs.merkle import binary
from proofs.records import replace
from proofs.registry import started_at
from proofs.types import (
    Acknowledged,
    BlockRef,
    ChainId,
    CommitmentStore,
    Height,
    NotReceived,
    Sent,
    UntrustedProof,
    UntrustedProofs,
    UntrustedUpdate,
)
from proofs.verdict import Accepted, NotEnoughTrust, Reason, Rejected
from tests.support.cosmos_blocks import FOUR, START_S, grow, params_of
from tests.support.evidence import ROUTER, TIME_S, memory_entries, memory_header, memory_proof
from tests.support.packets import LANE, packet

SOURCE, DESTINATION = ChainId("memory:a"), ChainId("memory:b")
MEMORY_LANE = replace(LANE, source=SOURCE, destination=DESTINATION)
CLAIMS = [
    (SOURCE, Sent(packet=packet(1))),
    (DESTINATION, Acknowledged(packet=packet(2), acknowledgements=(b"ok",))),
    (DESTINATION, NotReceived(packet=packet(3, timeout_s=TIME_S))),
]


def make(chain, claim) -> Bundle:
    tree = binary.Tree(memory_entries([claim]), domain=ROUTER)
    header = memory_header(chain, root=tree.root)
    block = BlockRef(chain=chain, height=Height(5), hash=sha256(header))
    votes = {"north": block.hash, "east": block.hash}
    proof = UntrustedProof(nodes=(memory_proof(tree, claim),))
    return Bundle(
        lane=MEMORY_LANE,
        claim=claim,
        params=AgreementParams(chain=chain, witnesses=("north", "east"), threshold=2, header_codec="memory"),
        update=UntrustedUpdate(light_client="agreement", target=block, header=header, votes=votes),
        store=CommitmentStore(chain=chain, format="memory-tree", address=ROUTER),
        proofs=UntrustedProofs(format="memory-tree", at=block, common=(), each=(proof,)),
    )


BUNDLE = make(*CLAIMS[0])


def document() -> dict:
    """Return the JSON of a good bundle, free to be changed."""
    return json.loads(json.dumps(bundles.to_json(BUNDLE)))


@pytest.mark.parametrize(("chain", "claim"), CLAIMS, ids=[type(claim).__name__ for _, claim in CLAIMS])
def test_a_bundle_comes_back_from_json_and_holds(chain, claim):
    original = make(chain, claim)
    restored = bundles.from_json(json.loads(json.dumps(bundles.to_json(original))))
    assert restored == original
    verdict = bundles.verify_bundle(restored, TIME_S)
    assert isinstance(verdict, Accepted)
    assert verdict.value.claim == claim


def test_a_timeout_on_close_stays_one():
    original = replace(BUNDLE, claim=NotReceived(packet=packet(3), closed=True))
    assert bundles.from_json(json.loads(json.dumps(bundles.to_json(original)))) == original


def test_a_bundle_of_a_chain_with_a_trusting_period_holds_until_that_is_over():
    """Trust starts at the block itself: no older block, and no newer one, has to be trusted for it."""
    chain = grow([FOUR] * 9)
    update, params = chain[7].update, params_of(chain[2])
    bundle = replace(
        BUNDLE,
        params=started_at(params, update.target),
        update=update,
        store=CommitmentStore(chain=update.target.chain, format="ics23", address=b"ibc"),
        proofs=UntrustedProofs(format="ics23", at=update.target, common=(), each=(UntrustedProof(nodes=()),)),
    )
    restored = bundles.from_json(json.loads(json.dumps(bundles.to_json(bundle))))
    assert restored == bundle
    unproven = bundles.verify_bundle(restored, START_S + 60)
    assert unproven.reason is Reason.INCOMPLETE
    late = bundles.verify_bundle(restored, START_S + params.trusting_period_s + 60)
    assert late.reason is Reason.EXPIRED
    assert bundles.verify_bundle(replace(restored, params=params), START_S + 60).reason is Reason.WRONG_BLOCK


def test_a_bundle_whose_block_or_claim_does_not_hold_says_why():
    fewer = replace(BUNDLE, update=replace(BUNDLE.update, votes={}))
    assert bundles.verify_bundle(fewer, TIME_S) == NotEnoughTrust(have=0, need=2)
    other = replace(BUNDLE, claim=Sent(packet=packet(1, value=b"other")))
    verdict = bundles.verify_bundle(other, TIME_S)
    assert isinstance(verdict, Rejected)
    assert verdict.reason is Reason.WRONG_VALUE
    early = bundles.verify_bundle(BUNDLE, TIME_S - 1000)
    assert isinstance(early, Rejected)
    assert early.reason is Reason.LIMIT
    for each in ((), BUNDLE.proofs.each * 2):
        counted = bundles.verify_bundle(replace(BUNDLE, proofs=replace(BUNDLE.proofs, each=each)), TIME_S)
        assert isinstance(counted, Rejected)
        assert counted.reason is Reason.INCOMPLETE


BAD = [
    ("no object", lambda doc: []),
    ("a missing part", lambda doc: doc.pop("lane") and doc),
    ("another version", lambda doc: {**doc, "version": 2}),
    ("another kind", lambda doc: {**doc, "kind": "Proven"}),
    ("bytes that are no base64", lambda doc: {**doc, "store": {**doc["store"], "address": "!"}}),
    ("a number for a text", lambda doc: {**doc, "lane": {**doc["lane"], "source": 7}}),
    ("another family", lambda doc: {**doc, "update": {**doc["update"], "light_client": "faith"}}),
    ("parameters that cannot be met", lambda doc: {**doc, "params": {**doc["params"], "threshold": 9}}),
    (
        "parameters of another family",
        lambda doc: {**doc, "update": {**doc["update"], "light_client": "quorum"}},
    ),
]


@pytest.mark.parametrize("change", [case[1] for case in BAD], ids=[case[0] for case in BAD])
def test_a_document_that_is_no_bundle_is_refused(change):
    with pytest.raises(BundleError, match="bundle"):
        bundles.from_json(change(document()))
