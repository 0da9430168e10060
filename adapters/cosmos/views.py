"""A light client of this chain as its state holds it, read into a `ClientView`. Pure: keys out, values in.

A `07-tendermint` client judges proofs by the specs in its own state. We prove with two of them, so a client
that holds others is refused when it is looked at, before packets are sent that it would not believe.

Implements: the client and consensus states of `07-tendermint` and of ibc-go's `attestations`.
"""

from dataclasses import dataclass

from google.protobuf.any_pb2 import Any

from adapters.api import ClientView
from adapters.cosmos.channels import End
from adapters.cosmos.ibc.clients import parsed
from adapters.cosmos.pb.ibc.lightclients.attestations.v1 import attestations_pb2
from adapters.errors import MalformedReply, Refused
from proofs.ids import IdentifierError, parse_evm_address
from proofs.merkle import ics23_spec
from proofs.pb.ibc.lightclients.tendermint.v1 import tendermint_pb2
from proofs.types import Height
from proofs.verdict import Refusal

TENDERMINT = "07-tendermint"
ATTESTATIONS = "attestations"

HostedState = tendermint_pb2.ClientState | attestations_pb2.ClientState

_NS = 10**9
_PROVEN_WITH = (ics23_spec.IAVL, ics23_spec.TENDERMINT)
"""How packets are shown: from the key to the root of the store, from there to the app hash."""
_SPECS = {ics23_spec.IAVL: "IAVL", ics23_spec.TENDERMINT: "Tendermint", ics23_spec.SMT: "SMT"}
_KINDS: dict[str, type[HostedState]] = {
    "/ibc.lightclients.tendermint.v1.ClientState": tendermint_pb2.ClientState,
    "/ibc.lightclients.attestations.v1.ClientState": attestations_pb2.ClientState,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A height as IBC writes it."""

    revision: int
    height: Height


def client_state(encoded: bytes, client: str) -> HostedState:
    """Return the state of a client. Raises `Refused` for a kind that we do not serve, `MalformedReply`."""
    wrapped = parsed(encoded, Any, f"client {client}")
    kind = _KINDS.get(wrapped.type_url)
    if kind is None:
        raise Refused(f"client {client}: expected one of {sorted(_KINDS)}, got {wrapped.type_url[:200]!r}")
    return parsed(wrapped.value, kind, f"client {client}")


def latest_of(state: HostedState) -> Position:
    """Return the newest height that the client knows."""
    if isinstance(state, tendermint_pb2.ClientState):
        height = state.latest_height
        return Position(revision=height.revision_number, height=Height(height.revision_height))
    return Position(revision=0, height=Height(state.latest_height))


def consensus_key(client: str, at: Position) -> bytes:
    """Return the key of what a client stores about one height."""
    return f"clients/{client}/consensusStates/{at.revision}-{at.height}".encode()


def consensus_time_ns(encoded: bytes, client: str) -> int:
    """Return the time of a consensus state, unix nanoseconds; 0 for none. Raises `MalformedReply`."""
    if not encoded:
        return 0
    wrapped = parsed(encoded, Any, f"consensus state of {client}")
    if wrapped.type_url == "/ibc.lightclients.attestations.v1.ConsensusState":
        return parsed(wrapped.value, attestations_pb2.ConsensusState, f"client {client}").timestamp
    found = parsed(wrapped.value, tendermint_pb2.ConsensusState, f"client {client}")
    return found.timestamp.seconds * _NS + found.timestamp.nanos


def view(end: End, state: HostedState, latest_time_ns: int) -> ClientView:
    """Return how the client stands.

    Raises `Refused` for a client that judges by other proof specs than ours, `MalformedReply` for attestors
    that are no addresses, and for a trust level that no client can have.
    """
    latest = latest_of(state)
    if isinstance(state, tendermint_pb2.ClientState):
        _check_specs(end.client, state)
        return ClientView(
            kind=TENDERMINT,
            counterparty=end.counterparty,
            attestors=(),
            threshold=0,
            latest_height=latest.height,
            frozen=bool(state.frozen_height.revision_height),
            latest_time_s=latest_time_ns // _NS,
            trusting_period_s=state.trusting_period.seconds,
            trust_level=_trust_level(end.client, state),
            ordered=end.ordered,
        )
    try:
        attestors = tuple([parse_evm_address(each) for each in state.attestor_addresses])
    except IdentifierError as error:
        raise MalformedReply(f"client {end.client}: attestors: {error}") from error
    return ClientView(
        kind=ATTESTATIONS,
        counterparty=end.counterparty,
        attestors=attestors,
        threshold=state.min_required_sigs,
        latest_height=latest.height,
        frozen=state.is_frozen,
        latest_time_s=latest_time_ns // _NS,
        ordered=end.ordered,
    )


def _trust_level(client: str, state: tendermint_pb2.ClientState) -> tuple[int, int]:
    numerator, denominator = state.trust_level.numerator, state.trust_level.denominator
    if not 0 < denominator <= 3 * numerator <= 3 * denominator:
        raise MalformedReply(
            f"client {client}: expected a trust level of 1/3 to 1, got {numerator}/{denominator}"
        )
    return numerator, denominator


def _check_specs(client: str, state: tendermint_pb2.ClientState) -> None:
    try:
        found = tuple([ics23_spec.spec_of(each) for each in state.proof_specs])
    except Refusal as refusal:
        raise Refused(f"client {client}: {refusal}") from refusal
    if found != _PROVEN_WITH:
        expected, actual = (
            ", ".join([_SPECS.get(each, repr(each)) for each in specs]) for specs in (_PROVEN_WITH, found)
        )
        raise Refused(f"client {client}: proof specs: expected {expected}, got {actual[:1000] or 'none'}")
