"""A proof to take away: everything that is needed to judge one claim again, later, without a network.

A bundle carries the light client's parameters, the update that makes a block trusted, and the proof of the
claim in it. `verify_bundle` does what the gateway did, from scratch. It does not say that the parameters
are the right ones: whoever checks a bundle compares them (chain, witnesses or signers, contract address, the
block where trust starts, which is the proven one) with what they hold to be true. Where trust in a block
ends with a trusting period, so does the bundle's: `expired` says that signatures prove nothing any more.

As JSON it is an object of objects, with bytes in base64. It implements no published format; `version` is
ours.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from proofs.registry import LIGHT_CLIENTS, LightClientParams, advance
from proofs.types import (
    Acknowledged,
    Claim,
    CommitmentStore,
    Lane,
    NotReceived,
    Packet,
    Proven,
    Sent,
    UntrustedProofs,
    UntrustedUpdate,
)
from proofs.verdict import Accepted, Verdict
from proofs.verify import verify

VERSION = 1


class BundleError(ValueError):
    """A file is not a proof bundle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """One claim with all that its proof rests on."""

    lane: Lane
    claim: Claim
    params: LightClientParams
    """How the proven chain's blocks are judged."""
    update: UntrustedUpdate
    store: CommitmentStore
    proofs: UntrustedProofs
    """Of exactly this claim."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wire:
    """The JSON object, with the two unions taken apart."""

    version: int
    kind: str
    lane: Lane
    packet: Packet
    acknowledgements: tuple[bytes, ...]
    closed: bool
    params: dict[str, Any]
    update: UntrustedUpdate
    store: CommitmentStore
    proofs: UntrustedProofs


def verify_bundle(bundle: Bundle, now_s: float) -> Verdict[Proven[Claim]]:
    """Judge a bundle from scratch: first the block, then the claim in it. Never raises for any bundle.

    `now_s` is the clock of whoever checks, unix seconds; it bounds how far in the future a block may be, and,
    for light clients with a trusting period, how far in the past.
    """
    trusted = advance(None, bundle.update, bundle.params, now_s)
    if not isinstance(trusted, Accepted):
        return trusted
    return verify(bundle.lane, trusted.value, bundle.store, [bundle.claim], bundle.proofs)[0]


def to_json(bundle: Bundle) -> dict[str, Any]:
    """Return the bundle as an object that any JSON encoder takes."""
    claim = bundle.claim
    wire = _Wire(
        version=VERSION,
        kind=type(claim).__name__,
        lane=bundle.lane,
        packet=claim.packet,
        acknowledgements=claim.acknowledgements if isinstance(claim, Acknowledged) else (),
        closed=isinstance(claim, NotReceived) and claim.closed,
        params=msgspec.to_builtins(bundle.params),
        update=bundle.update,
        store=bundle.store,
        proofs=bundle.proofs,
    )
    document: dict[str, Any] = msgspec.to_builtins(wire)
    return document


def from_json(document: object) -> Bundle:
    """Return the bundle that a decoded JSON document holds; raise `BundleError` if it is none."""
    try:
        wire = msgspec.convert(document, _Wire)
    except msgspec.ValidationError as error:
        raise BundleError(f"bundle: {error}") from error
    if wire.version != VERSION:
        raise BundleError(f"bundle: expected version {VERSION}, got {wire.version}")
    return Bundle(
        lane=wire.lane,
        claim=_claim(wire),
        params=_params(wire),
        update=wire.update,
        store=wire.store,
        proofs=wire.proofs,
    )


def _claim(wire: _Wire) -> Claim:
    claims: dict[str, Claim] = {
        "Sent": Sent(packet=wire.packet),
        "Acknowledged": Acknowledged(packet=wire.packet, acknowledgements=wire.acknowledgements),
        "NotReceived": NotReceived(packet=wire.packet, closed=wire.closed),
    }
    if wire.kind not in claims:
        raise BundleError(f"bundle: expected a kind of {sorted(claims)}, got {wire.kind[:64]!r}")
    return claims[wire.kind]


def _params(wire: _Wire) -> LightClientParams:
    family = LIGHT_CLIENTS.get(wire.update.light_client)
    if family is None:
        raise BundleError(
            f"bundle: expected one of {sorted(LIGHT_CLIENTS)}, got {wire.update.light_client[:64]!r}"
        )
    try:
        return msgspec.convert(wire.params, family.params_type)
    except msgspec.ValidationError as error:
        raise BundleError(f"bundle: params: {error}") from error
