"""Accounts and storage of an EVM state, and the proof format `evm-storage` over the router's storage.

The account proof leads from the trusted state root to the router's storage root, each storage proof from
there to one slot. Keys are always computed here, from the configured address and the packet itself, never
taken from the evidence. An acknowledgement is stored as the hash of its whole batch; the evidence brings
the batch, and it must hash to the slot that its own number names.

Implements: EIP-1186 (proofs), Yellow Paper 4.1 (accounts); slots by `proofs.evm.slots`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from proofs import codec, limits, rlp
from proofs.evm import slots
from proofs.hashing import keccak256
from proofs.merkle import mpt
from proofs.types import (
    Acknowledged,
    Claim,
    CommitmentStore,
    NotReceived,
    Packet,
    Sent,
    TrustedState,
    UntrustedProof,
)
from proofs.verdict import Reason, Refusal

_WORD = 32
_BATCH_HEAD = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account as the state trie holds it."""

    nonce: int
    balance_wei: int
    storage_root: bytes
    code_hash: bytes


def decode_account(leaf: bytes) -> Account:
    """Return the account that a state trie's value encodes; raise `Refusal` if it is none."""
    nonce, balance, storage_root, code_hash = rlp.as_list(rlp.decode(leaf), "account", 4)
    return Account(
        nonce=rlp.as_int(nonce, "nonce"),
        balance_wei=rlp.as_int(balance, "balance", 32),
        storage_root=rlp.as_bytes(storage_root, "storage root", 32),
        code_hash=rlp.as_bytes(code_hash, "code hash", 32),
    )


def prove_account(state_root: bytes, address: bytes, nodes: tuple[bytes, ...]) -> Account:
    """Return the account at a 20-byte address in this state; raise `Refusal` (`ABSENT` if proven so)."""
    return decode_account(mpt.membership(state_root, keccak256(address), nodes))


class Storage:
    """The storage of one account, known by its root. Nodes that proofs share are hashed once."""

    def __init__(self, storage_root: bytes) -> None:
        self._trie = mpt.Trie(storage_root)

    def word(self, slot: bytes, nodes: tuple[bytes, ...]) -> int:
        """Return the value of a slot that is not zero; raise `Refusal` (`ABSENT` if it is provably zero)."""
        leaf = self._trie.membership(keccak256(slot), nodes)
        value = rlp.as_int(rlp.decode(leaf), "storage value", _WORD)
        if value == 0:
            raise Refusal(Reason.MALFORMED, f"slot {slot.hex()}: expected a value above 0, got a stored 0")
        return value

    def check_zero(self, slot: bytes, nodes: tuple[bytes, ...]) -> None:
        """Return nothing if the slot is provably zero; raise `Refusal` (`PRESENT` if it is not)."""
        self._trie.absence(keccak256(slot), nodes)


class RouterStorage:
    """The router's storage under one trusted state root: judges claims of format `evm-storage`."""

    def __init__(self, trusted: TrustedState, store: CommitmentStore, common: tuple[bytes, ...]) -> None:
        """Prove the account with the nodes in `common`; raise `Refusal` if they prove another one or none."""
        if len(store.address) != 20:
            raise Refusal(
                Reason.WRONG_CHAIN, f"evm-storage: expected a 20-byte address, got {len(store.address)}"
            )
        self._storage = Storage(prove_account(trusted.root, store.address, common).storage_root)
        self._batches: dict[bytes, tuple[bytes, dict[int, bytes]]] = {}

    def check(self, claim: Claim, untrusted_proof: UntrustedProof) -> None:
        """Return nothing if the storage proves the claim; raise `Refusal` otherwise."""
        packet, nodes, preimage = claim.packet, untrusted_proof.nodes, untrusted_proof.preimage
        if preimage and not isinstance(claim, Acknowledged):
            raise Refusal(Reason.INCOMPLETE, f"preimage: expected none, got {len(preimage)} bytes")
        match claim:
            case Sent():
                slot = slots.commitment_slot(packet.source_client, packet.sequence)
                self._check_word("commitment", slot, codec.packet_commitment(packet), nodes)
            case Acknowledged():
                self._check_acknowledged(packet, claim.acknowledgements, nodes, preimage)
            case NotReceived():
                self._check_not_received(packet, nodes)
            case _:
                assert_never(claim)

    def _check_word(self, what: str, slot: bytes, expected: bytes, nodes: tuple[bytes, ...]) -> None:
        actual = self._storage.word(slot, nodes).to_bytes(_WORD, "big")
        if actual != expected:
            raise Refusal(Reason.WRONG_VALUE, f"{what}: expected {expected.hex()}, got {actual.hex()}")

    def _check_acknowledged(
        self, packet: Packet, acknowledgements: tuple[bytes, ...], nodes: tuple[bytes, ...], preimage: bytes
    ) -> None:
        limits.check_at_most("preimage bytes", len(preimage), limits.MAX_PREIMAGE)
        if preimage not in self._batches:
            self._batches[preimage] = (
                keccak256(preimage[_BATCH_HEAD:]),
                decode_ack_batch(preimage[_BATCH_HEAD:]),
            )
        batch_hash, commitments = self._batches[preimage]
        batch = int.from_bytes(preimage[:_BATCH_HEAD], "big")
        slot = slots.ack_batch_slot(packet.destination_client, batch)
        self._check_word(f"acknowledgement batch {batch}", slot, batch_hash, nodes)
        expected, actual = (
            codec.acknowledgement_commitment(acknowledgements),
            commitments.get(packet.sequence),
        )
        if actual is None:
            raise Refusal(
                Reason.ABSENT, f"acknowledgement batch {batch}: does not hold sequence {packet.sequence}"
            )
        if actual != expected:
            raise Refusal(
                Reason.WRONG_VALUE, f"acknowledgement: expected {expected.hex()}, got {actual.hex()}"
            )

    def _check_not_received(self, packet: Packet, nodes: tuple[bytes, ...]) -> None:
        """Check that the receipt bit is clear; the word may be absent or hold other packets' bits."""
        slot, mask = slots.receipt_word(packet.destination_client, packet.sequence)
        try:
            word = self._storage.word(slot, nodes)
        except Refusal as refusal:
            if refusal.reason is Reason.ABSENT:
                return
            raise
        if word & mask:
            raise Refusal(Reason.PRESENT, f"sequence {packet.sequence}: expected no receipt, its bit is set")


def encode_ack_batch(sequences: Sequence[int], commitments: Sequence[bytes]) -> bytes:
    """Return `abi.encode(uint64[], bytes32[])` of one batch, whose keccak256 the router stores."""
    count = len(sequences)
    head = [0x40, 0x60 + _WORD * count, count, *sequences, count]
    return b"".join([*map(_to_word, head), *commitments])


def decode_ack_batch(encoded: bytes) -> dict[int, bytes]:
    """Return sequence -> acknowledgement commitment of `abi.encode(uint64[], bytes32[])`; raise `Refusal`.

    Only the one canonical encoding is taken, and a sequence may be in it only once.
    """
    words = [encoded[at : at + _WORD] for at in range(0, len(encoded), _WORD)]
    count = int.from_bytes(words[2], "big") if len(words) > 2 else 0
    head = [0x40, 0x60 + 32 * count, count]
    canonical = len(encoded) == _WORD * (4 + 2 * count) and words[:3] == [_to_word(number) for number in head]
    if not count or not canonical or words[3 + count] != _to_word(count):
        raise Refusal(
            Reason.MALFORMED, f"acknowledgement batch: {len(encoded)} bytes are no canonical pair of lists"
        )
    sequences = [int.from_bytes(word, "big") for word in words[3 : 3 + count]]
    if max(sequences) > limits.MAX_UINT64 or len(set(sequences)) != count:
        raise Refusal(Reason.MALFORMED, "acknowledgement batch: expected distinct uint64 sequences")
    return dict(zip(sequences, words[4 + count :], strict=True))


def _to_word(number: int) -> bytes:
    return number.to_bytes(_WORD, "big")
