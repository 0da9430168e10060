"""The commitment store of a Cosmos chain: the proof format `ics23`, over what ibc-go stores about packets.

The app hash is the root of a Tendermint tree whose values are the roots of the stores, IAVL trees. What a
list has in common proves the IBC store's root, once; each claim's node leads from there to its key. Keys are
always built here, from the packet; values come out of the proofs and must be what the claim demands.

A packet of an ordered channel leaves no receipt: that it was not received follows from the destination's next
sequence. Whether a channel is ordered is part of the claim, and no proof of a timeout shows it: the chain to
which such a claim is delivered holds the other end and judges by that. For a closed channel a second node
proves the destination's end, its order and its counterparty.

Implements: ICS-23 (chained membership), ICS-24 (paths), ICS-4 (timeouts, and timeouts on close).
"""

from typing import assert_never

from proofs import codec, limits, protobuf
from proofs.merkle import ics23
from proofs.merkle.ics23_spec import IAVL, TENDERMINT
from proofs.pb.ibc.core.channel.v1 import channel_pb2
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

_ROOT = 32
_SEQUENCE = 8


class IbcStore:
    """The IBC store of a Cosmos chain under one trusted app hash."""

    def __init__(self, trusted: TrustedState, store: CommitmentStore, common: tuple[bytes, ...]) -> None:
        """Prove the root of the store named by `store.address`; `common` is the one proof of it."""
        if len(common) != 1:
            raise Refusal(Reason.INCOMPLETE, f"ics23: expected one common node, got {len(common)}")
        self._root = ics23.membership(TENDERMINT, trusted.root, store.address, common[0])
        if len(self._root) != _ROOT:
            raise Refusal(Reason.MALFORMED, f"store root: expected {_ROOT} bytes, got {len(self._root)}")

    def check(self, claim: Claim, untrusted_proof: UntrustedProof) -> None:
        """Return nothing if the store proves the claim; raise `Refusal` otherwise."""
        packet, nodes = claim.packet, untrusted_proof.nodes
        is_closed = isinstance(claim, NotReceived) and claim.closed
        if len(nodes) != 1 + is_closed or untrusted_proof.preimage:
            raise Refusal(
                Reason.INCOMPLETE,
                f"ics23: expected nodes of number {1 + is_closed} and no preimage, "
                f"got {len(nodes)} and {len(untrusted_proof.preimage)} bytes",
            )
        match claim:
            case Sent():
                self._check_value(codec.sent_key(packet), codec.packet_commitment(packet), nodes[0])
            case Acknowledged():
                value = codec.acknowledgement_value(packet, claim.acknowledgements)
                self._check_value(codec.acknowledgement_key(packet), value, nodes[0])
            case NotReceived():
                if is_closed:
                    self._check_closed(packet, nodes[1])
                self._check_not_received(packet, nodes[0])
            case _:
                assert_never(claim)

    def _check_value(self, key: bytes, expected: bytes, node: bytes) -> None:
        actual = ics23.membership(IAVL, self._root, key, node)
        if actual != expected:
            raise Refusal(
                Reason.WRONG_VALUE, f"commitment: expected {expected.hex()}, got {actual[:64].hex()}"
            )

    def _check_not_received(self, packet: Packet, node: bytes) -> None:
        if packet.channel is None or not packet.channel.ordered:
            ics23.absence(IAVL, self._root, codec.receipt_key(packet), node)
            return
        value = ics23.membership(IAVL, self._root, codec.next_receive_key(packet), node)
        following = _sequence(value)
        if following > packet.sequence:
            raise Refusal(
                Reason.PRESENT,
                f"sequence {packet.sequence}: expected none received, the next is {following}",
            )

    def _check_closed(self, packet: Packet, node: bytes) -> None:
        """Check that the destination's end of the packet's channel is closed, and of this channel.

        The end is read as its chain wrote it: versions of ibc-go add fields of their own to it.
        """
        if packet.channel is None:
            raise Refusal(Reason.MALFORMED, "closed: expected a packet of a channel, got one of IBC v2")
        ports = packet.payloads[0]
        key = codec.channel_key(ports.destination_port, packet.destination_client)
        value = ics23.membership(IAVL, self._root, key, node)
        end = protobuf.parse(channel_pb2.Channel, value, "channel end", limits.MAX_TREE_VALUE)
        order = channel_pb2.ORDER_ORDERED if packet.channel.ordered else channel_pb2.ORDER_UNORDERED
        expected = channel_pb2.STATE_CLOSED, order, ports.source_port, packet.source_client
        actual = end.state, end.ordering, end.counterparty.port_id, end.counterparty.channel_id
        if actual != expected:
            raise Refusal(
                Reason.WRONG_VALUE, f"channel end {key.decode()}: expected {expected}, got {actual}"
            )


def next_sequence_recv(node: bytes) -> int:
    """Return the next sequence to receive that a node of an ordered channel's `NotReceived` shows.

    It reads, and judges nothing: give it nodes that `proofs.verify` has accepted.

    Raises:
        Refusal: the node proves no value of eight bytes.
    """
    return _sequence(ics23.decode(node).exist.value)


def _sequence(value: bytes) -> int:
    if len(value) != _SEQUENCE:
        raise Refusal(Reason.MALFORMED, f"next sequence: expected {_SEQUENCE} bytes, got {len(value)}")
    return int.from_bytes(value, "big")
