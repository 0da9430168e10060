"""Whole cases of evidence: a state with a router in it, a trusted block, and proofs of claims about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import eth_abi

from proofs import codec, memory_tree
from proofs.evm import slots
from proofs.hashing import keccak256
from proofs.merkle import binary
from proofs.types import (
    Acknowledged,
    Assurance,
    BlockRef,
    ChainId,
    Claim,
    CommitmentStore,
    Height,
    NotReceived,
    Sent,
    TrustedState,
    UntrustedProof,
    UntrustedProofs,
)
from tests.support.tries import EvmState

ROUTER = b"\x42" * 20
TIME_S = 1_900_000_000


def trusted_state(chain: ChainId, root: bytes, *, height: int = 100, time_s: int = TIME_S) -> TrustedState:
    """Return a trusted block with this root."""
    block = BlockRef(chain=chain, height=Height(height), hash=keccak256(b"%d" % height))
    return TrustedState(block=block, root=root, time_s=time_s, assurance=Assurance.AGREEMENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that `verify` takes but the lane."""

    trusted: TrustedState
    store: CommitmentStore
    claims: tuple[Claim, ...]
    proofs: UntrustedProofs


def acknowledgement_batches(claims: Sequence[Claim]) -> Mapping[int, bytes]:
    """Return batch number -> encoded batch; all acknowledged claims go into batch 3."""
    acknowledged = [claim for claim in claims if isinstance(claim, Acknowledged)]
    sequences = [claim.packet.sequence for claim in acknowledged]
    commitments = [codec.acknowledgement_commitment(claim.acknowledgements) for claim in acknowledged]
    return {3: eth_abi.encode(["uint64[]", "bytes32[]"], [sequences, commitments])} if acknowledged else {}


def router_slots(claims: Sequence[Claim], received: Sequence[int] = ()) -> dict[bytes, int]:
    """Return a router's storage in which all these claims are true, and which received some sequences."""
    words: dict[bytes, int] = {(0).to_bytes(32, "big"): 1}
    for claim in claims:
        packet = claim.packet
        if isinstance(claim, Sent):
            slot = slots.commitment_slot(packet.source_client, packet.sequence)
            words[slot] = int.from_bytes(codec.packet_commitment(packet), "big")
    for batch, encoded in acknowledgement_batches(claims).items():
        slot = slots.ack_batch_slot(claims[0].packet.destination_client, batch)
        words[slot] = int.from_bytes(keccak256(encoded), "big")
    for sequence in received:
        slot, mask = slots.receipt_word(claims[0].packet.destination_client, sequence)
        words[slot] = words.get(slot, 0) | mask
    return words


def evm_slot(claim: Claim) -> bytes:
    """Return the slot that decides a claim."""
    packet = claim.packet
    match claim:
        case Sent():
            return slots.commitment_slot(packet.source_client, packet.sequence)
        case Acknowledged():
            return slots.ack_batch_slot(packet.destination_client, 3)
        case NotReceived():
            return slots.receipt_word(packet.destination_client, packet.sequence)[0]


def evm_evidence(
    chain: ChainId, claims: Sequence[Claim], *, received: Sequence[int] = (), time_s: int = TIME_S
) -> Evidence:
    """Return true claims about an EVM chain with their proofs, in format `evm-storage`."""
    state = EvmState(ROUTER, router_slots(claims, received))
    trusted = trusted_state(chain, state.root, time_s=time_s)
    batches = acknowledgement_batches(claims)
    each = tuple(
        [
            UntrustedProof(
                nodes=state.storage_proof(evm_slot(claim)),
                preimage=(3).to_bytes(8, "big") + batches[3] if isinstance(claim, Acknowledged) else b"",
            )
            for claim in claims
        ]
    )
    proofs = UntrustedProofs(format="evm-storage", at=trusted.block, common=state.account_proof(), each=each)
    store = CommitmentStore(chain=chain, format="evm-storage", address=ROUTER)
    return Evidence(trusted=trusted, store=store, claims=tuple(claims), proofs=proofs)


def memory_entries(claims: Sequence[Claim]) -> dict[bytes, bytes]:
    """Return the commitment store of a memory chain about which all these claims are true."""
    entries = {
        b"isthmus-9\x01" + bytes(7) + bytes([index]): keccak256(b"%d" % index) for index in range(1, 12)
    }
    for claim in claims:
        packet = claim.packet
        match claim:
            case Sent():
                path = codec.commitment_path(packet.source_client, packet.sequence)
                entries[path] = codec.packet_commitment(packet)
            case Acknowledged():
                path = codec.acknowledgement_path(packet.destination_client, packet.sequence)
                entries[path] = codec.acknowledgement_commitment(claim.acknowledgements)
            case NotReceived():
                pass
    return entries


def memory_proof(tree: binary.Tree, claim: Claim) -> bytes:
    """Return the encoded proof of a claim in a memory chain's tree."""
    packet = claim.packet
    match claim:
        case Sent():
            return tree.prove_membership(codec.commitment_path(packet.source_client, packet.sequence))
        case Acknowledged():
            return tree.prove_membership(
                codec.acknowledgement_path(packet.destination_client, packet.sequence)
            )
        case NotReceived():
            return tree.prove_absence(codec.receipt_path(packet.destination_client, packet.sequence))


def memory_evidence(chain: ChainId, claims: Sequence[Claim], *, time_s: int = TIME_S) -> Evidence:
    """Return true claims about a memory chain with their proofs, in format `memory-tree`."""
    tree = binary.Tree(memory_entries(claims), domain=ROUTER)
    trusted = trusted_state(chain, tree.root, time_s=time_s)
    each = tuple([UntrustedProof(nodes=(memory_proof(tree, claim),)) for claim in claims])
    proofs = UntrustedProofs(format="memory-tree", at=trusted.block, common=(), each=each)
    store = CommitmentStore(chain=chain, format="memory-tree", address=ROUTER)
    return Evidence(trusted=trusted, store=store, claims=tuple(claims), proofs=proofs)


def memory_header(
    chain: ChainId,
    *,
    height: int = 5,
    time_s: int = TIME_S,
    parent: bytes = bytes(32),
    root: bytes = bytes(32),
) -> bytes:
    """Return an encoded header of a memory chain."""
    return memory_tree.encode_header(
        memory_tree.MemoryHeader(
            chain=chain, height=Height(height), time_s=time_s, parent_hash=parent, root=root
        )
    )
