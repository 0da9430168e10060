"""What a new 07-tendermint client is told about the chain that it tracks, as protobuf data.

Implements: ICS-7 (client state), ICS-23 (IAVL and Tendermint proof specs), the SDK's upgrade path.
"""

from dataclasses import asdict, dataclass
from typing import Any, cast

from google.protobuf.duration_pb2 import Duration

from proofs.merkle.ics23_spec import IAVL, TENDERMINT, ProofSpec
from proofs.pb.cosmos.ics23.v1 import proofs_pb2
from proofs.pb.ibc.core.client.v1 import client_pb2
from proofs.pb.ibc.lightclients.tendermint.v1 import tendermint_pb2

UPGRADE_PATH = ("upgrade", "upgradedIBCState")
"""Where the upgrade module of the Cosmos SDK commits to the client that follows an upgrade."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTerms:
    """On which terms a client trusts headers."""

    trusting_period_s: int = 0
    """0: two thirds of the unbonding period."""
    unbonding_period_s: int = 0
    """0: what the tracked chain's staking module says, proven."""
    trust_level: tuple[int, int] = (1, 3)
    max_clock_drift_s: int = 10


def client_state(native_id: str, latest: client_pb2.Height, terms: ClientTerms) -> tendermint_pb2.ClientState:
    """Return the state of a new client of this chain. Terms must be complete."""
    numerator, denominator = terms.trust_level
    return tendermint_pb2.ClientState(
        chain_id=native_id,
        trust_level=tendermint_pb2.Fraction(numerator=numerator, denominator=denominator),
        trusting_period=Duration(seconds=terms.trusting_period_s),
        unbonding_period=Duration(seconds=terms.unbonding_period_s),
        max_clock_drift=Duration(seconds=terms.max_clock_drift_s),
        frozen_height=client_pb2.Height(),
        latest_height=latest,
        proof_specs=[proof_spec(IAVL), proof_spec(TENDERMINT)],
        upgrade_path=UPGRADE_PATH,
    )


def proof_spec(spec: ProofSpec) -> proofs_pb2.ProofSpec:
    """Return a spec as chains write it: limits of depth are ours alone."""
    inner = spec.inner
    fields = {"hash": inner.hash, "child_size": inner.child_size, "empty_child": inner.empty_child}
    lengths = {"min_prefix_length": inner.min_prefix, "max_prefix_length": inner.max_prefix}
    return proofs_pb2.ProofSpec(
        leaf_spec=proofs_pb2.LeafOp(**asdict(spec.leaf)),
        inner_spec=proofs_pb2.InnerSpec(child_order=[0, 1], **cast("dict[str, Any]", fields | lengths)),
    )
