"""The doorway for claims, and the only maker of `Proven`.

`verify` checks that everything is about the same lane, chain, contract and block, hands each claim to the
proof format that the configuration names, and seals what holds. It trusts `lane`, `trusted` and `store`
(configuration, and what a light client accepted) and nothing else. A verdict about one claim never depends
on the evidence for another.

Implements: design rule "trust is typed"; the checks of ICS-4 v2 that concern the proven side.
"""

from collections.abc import Sequence
from typing import assert_never

from proofs import codec, limits
from proofs.registry import PROOF_FORMATS, OpenStore
from proofs.types import (
    _SEAL,
    Acknowledged,
    Claim,
    CommitmentStore,
    Lane,
    NotReceived,
    Proven,
    Sent,
    TrustedState,
    UntrustedProof,
    UntrustedProofs,
)
from proofs.verdict import Accepted, Reason, Refusal, Verdict


def verify(
    lane: Lane,
    trusted: TrustedState,
    store: CommitmentStore,
    claims: Sequence[Claim],
    untrusted_proofs: UntrustedProofs,
) -> tuple[Verdict[Proven[Claim]], ...]:
    """Judge a list of claims of one lane against one trusted block; return one verdict per claim, in order.

    Evidence that is wrong as a whole (other block, other format, wrong count, over a cap, no account proof)
    rejects every claim for the same reason. Never raises, whatever the evidence holds.
    """
    try:
        opened = _open(trusted, store, claims, untrusted_proofs)
    except Refusal as refusal:
        return (refusal.verdict(),) * len(claims)
    return tuple(
        [
            _judge(lane, trusted, opened, claim, untrusted_proof)
            for claim, untrusted_proof in zip(claims, untrusted_proofs.each, strict=True)
        ]
    )


def _open(
    trusted: TrustedState, store: CommitmentStore, claims: Sequence[Claim], untrusted_proofs: UntrustedProofs
) -> OpenStore:
    """Check what concerns the whole list; return the store under the trusted root, or raise `Refusal`."""
    if store.chain != trusted.block.chain:
        raise Refusal(Reason.WRONG_CHAIN, f"store: expected chain {trusted.block.chain}, got {store.chain}")
    if untrusted_proofs.at != trusted.block:
        raise Refusal(
            Reason.WRONG_BLOCK, f"proofs: expected block {trusted.block}, got {untrusted_proofs.at}"
        )
    if untrusted_proofs.format != store.format or store.format not in PROOF_FORMATS:
        raise Refusal(
            Reason.MALFORMED,
            f"proofs: expected format {store.format!r}, got {untrusted_proofs.format[:64]!r}",
        )
    limits.check_at_most("claims", len(claims), limits.MAX_CLAIMS)
    if store.format != "ics23" and any(claim.packet.channel is not None for claim in claims):
        raise Refusal(Reason.WRONG_CHAIN, f"packet of a channel: expected format ics23, got {store.format}")
    if len(untrusted_proofs.each) != len(claims):
        raise Refusal(
            Reason.INCOMPLETE,
            f"proofs: expected {len(claims)}, one a claim, got {len(untrusted_proofs.each)}",
        )
    limits.check_nodes("common proof", untrusted_proofs.common, limits.MAX_COMMON_NODES)
    size = sum([sum(map(len, proof.nodes)) + len(proof.preimage) for proof in untrusted_proofs.each])
    limits.check_at_most("proof bytes of the list", size, limits.MAX_LIST_BYTES)
    return PROOF_FORMATS[store.format](trusted, store, untrusted_proofs.common)


def _judge(
    lane: Lane, trusted: TrustedState, opened: OpenStore, claim: Claim, untrusted_proof: UntrustedProof
) -> Verdict[Proven[Claim]]:
    """Return the verdict on one claim."""
    try:
        _check_claim(lane, trusted, claim)
        opened.check(claim, untrusted_proof)
    except Refusal as refusal:
        return refusal.verdict()
    return Accepted(
        value=Proven(
            lane=lane,
            claim=claim,
            at=trusted.block,
            time_s=trusted.time_s,
            assurance=trusted.assurance,
            seal=_SEAL,
        )
    )


def _check_claim(lane: Lane, trusted: TrustedState, claim: Claim) -> None:
    """Check that the claim is one of this lane and of the trusted block's chain and time; raise `Refusal`."""
    packet = claim.packet
    actual = packet.source_client, packet.destination_client
    if actual != (lane.source_client, lane.destination_client):
        raise Refusal(Reason.WRONG_CHAIN, f"packet: expected the clients of {lane}, got {actual}")
    codec.check_packet(packet)
    match claim:
        case Sent():
            side = lane.source
        case Acknowledged():
            side = lane.destination
            codec.check_acknowledgements(packet, claim.acknowledgements)
        case NotReceived():
            side = lane.destination
            _check_timeout(trusted, claim)
        case _:
            assert_never(claim)
    if trusted.block.chain != side:
        raise Refusal(Reason.WRONG_CHAIN, f"block: expected one of {side}, got {trusted.block.chain}")


def _check_timeout(trusted: TrustedState, claim: NotReceived) -> None:
    """Check that the block is at or past the packet's timeout, or that none is needed; raise `Refusal`."""
    packet, height = claim.packet, trusted.block.height
    if claim.closed:
        if packet.channel is None:
            raise Refusal(Reason.MALFORMED, "closed: expected a packet of a channel, got one of IBC v2")
        return
    revision = codec.revision_of(trusted.block.chain)
    if not codec.timed_out(packet, height=height, revision=revision, time_s=trusted.time_s):
        raise Refusal(
            Reason.NOT_YET,
            f"timeout: expected a block at {packet.timeout_s} or later, got {trusted.time_s} at {height}",
        )
