"""Hosted 07-tendermint clients are served only when they judge proofs by the specs that we prove with."""

import pytest
from google.protobuf.any_pb2 import Any

from adapters.cosmos.channels import End
from adapters.cosmos.ibc.specs import ClientTerms, client_state, proof_spec
from adapters.cosmos.views import HostedState, view
from adapters.cosmos.views import client_state as hosted_state
from adapters.errors import MalformedReply, Refused
from proofs.merkle.ics23_spec import IAVL, SMT, TENDERMINT
from proofs.pb.cosmos.ics23.v1 import proofs_pb2
from proofs.pb.ibc.core.client.v1 import client_pb2
from proofs.types import ClientId

NAME = ClientId("07-tendermint-4")
END = End(name=NAME, client=NAME, counterparty=ClientId("07-tendermint-9"))


def hosted(*specs: proofs_pb2.ProofSpec) -> HostedState:
    """Return a client with these specs as its chain stores it."""
    state = client_state("chain-a", client_pb2.Height(revision_height=7), ClientTerms(trusting_period_s=600))
    del state.proof_specs[:]
    state.proof_specs.extend(specs)
    stored = Any(type_url="/ibc.lightclients.tendermint.v1.ClientState", value=state.SerializeToString())
    return hosted_state(stored.SerializeToString(), NAME)


def sparse() -> proofs_pb2.ProofSpec:
    """Return the spec of a sparse Merkle tree, which says more than ours do."""
    spec = proof_spec(SMT)
    spec.max_depth, spec.prehash_key_before_comparison = SMT.max_depth, SMT.compares_hashed_keys
    return spec


def changed(**fields: object) -> proofs_pb2.ProofSpec:
    spec = proof_spec(IAVL)
    spec.inner_spec.MergeFrom(proofs_pb2.InnerSpec(**fields))
    return spec


def test_a_client_with_our_specs_is_seen_whether_or_not_it_writes_the_depth_that_is_meant() -> None:
    plain = view(END, hosted(proof_spec(IAVL), proof_spec(TENDERMINT)), 0)
    assert plain.trusting_period_s == 600
    deep = proof_spec(IAVL)
    deep.max_depth = IAVL.max_depth
    assert view(END, hosted(deep, proof_spec(TENDERMINT)), 0) == plain


def test_a_client_says_for_how_much_trust_it_asks_and_nonsense_is_malformed() -> None:
    state = hosted(proof_spec(IAVL), proof_spec(TENDERMINT))
    for level in ((1, 3), (2, 3), (1, 1)):
        state.trust_level.numerator, state.trust_level.denominator = level
        assert view(END, state, 0).trust_level == level
    for level in ((0, 0), (1, 4), (4, 3), (1, 0), (2**64 - 1, 1)):
        state.trust_level.numerator, state.trust_level.denominator = level
        with pytest.raises(MalformedReply, match="trust level"):
            view(END, state, 0)


@pytest.mark.parametrize(
    ("specs", "words"),
    [
        ((sparse(), proof_spec(TENDERMINT)), "expected IAVL, Tendermint, got SMT, Tendermint"),
        ((proof_spec(TENDERMINT), proof_spec(IAVL)), "got Tendermint, IAVL"),
        ((proof_spec(IAVL),), "got IAVL"),
        ((), "got none"),
        ((changed(max_prefix_length=11), proof_spec(TENDERMINT)), "max_prefix=11"),
        ((changed(child_order=[2]), proof_spec(TENDERMINT)), "children 0 and 1 in order"),
    ],
)
def test_a_client_that_would_refuse_our_proofs_is_refused_before_any_is_sent(specs, words) -> None:
    with pytest.raises(Refused, match=r"client 07-tendermint-4: .*proof specs?: ") as refused:
        view(END, hosted(*specs), 0)
    assert words in str(refused.value)
