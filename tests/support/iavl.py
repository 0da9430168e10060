"""Cosmos stores made up for tests: IAVL trees of given entries, the tree of stores above them, their proofs.

Written from the specification and apart from `proofs.merkle`: what they share is the protobuf messages.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from proofs import codec
from proofs.pb.cosmos.ics23.v1 import proofs_pb2 as pb
from proofs.pb.ibc.core.channel.v1 import channel_pb2
from proofs.types import (
    Acknowledged,
    ChainId,
    Claim,
    CommitmentStore,
    NotReceived,
    Packet,
    Sent,
    UntrustedProof,
    UntrustedProofs,
)
from tests.support.evidence import TIME_S, Evidence, trusted_state

IBC = b"ibc"


def sha256(data: bytes) -> bytes:
    """Return 32 bytes."""
    return hashlib.sha256(data).digest()


def unsigned(number: int) -> bytes:
    """Return a base-128 varint."""
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + unsigned(rest) if rest else bytes([low])


def zigzag(number: int) -> bytes:
    """Return the varint of a signed number."""
    return unsigned(2 * number if number >= 0 else -2 * number - 1)


def sized(data: bytes) -> bytes:
    """Return data after its length."""
    return unsigned(len(data)) + data


LEAF = dict(hash=pb.SHA256, prehash_value=pb.SHA256, length=pb.VAR_PROTO)  # noqa: C408
"""The fields of a leaf that IAVL and Tendermint trees have in common."""


@dataclass
class Node:
    """A node of either tree: its hash, and for each leaf below it the steps that lead up to it."""

    hash: bytes
    height: int
    size: int
    paths: list[list[pb.InnerOp]]


Join = Callable[[Node, Node], tuple[bytes, bytes, bytes]]
"""Two children -> what is before, between and after their hashes."""


def leaf_node(data: bytes) -> Node:
    """Return the node of a leaf with this preimage."""
    return Node(sha256(data), 0, 1, [[]])


def joined(left: Node, right: Node, join: Join) -> Node:
    """Return the parent of two nodes."""
    before, between, after = join(left, right)
    on_left = pb.InnerOp(hash=pb.SHA256, prefix=before, suffix=between + right.hash + after)
    on_right = pb.InnerOp(hash=pb.SHA256, prefix=before + left.hash + between, suffix=after)
    paths = [[*path, on_left] for path in left.paths] + [[*path, on_right] for path in right.paths]
    top = sha256(before + left.hash + between + right.hash + after)
    return Node(top, 1 + max(left.height, right.height), left.size + right.size, paths)


def balanced(nodes: Sequence[Node], join: Join) -> Node:
    """Return a tree as AVL rotations may leave it: the halves differ by at most one leaf."""
    if len(nodes) == 1:
        return nodes[0]
    half = len(nodes) // 2
    return joined(balanced(nodes[:half], join), balanced(nodes[half:], join), join)


def rfc6962(nodes: Sequence[Node], join: Join) -> Node:
    """Return a tree whose left half is the largest power of two below the number of leaves."""
    if len(nodes) == 1:
        return nodes[0]
    half = 1 << (len(nodes) - 1).bit_length() - 1
    return joined(rfc6962(nodes[:half], join), rfc6962(nodes[half:], join), join)


class Tree:
    """A tree over sorted entries, and its proofs as encoded `CommitmentProof`s."""

    def __init__(self, entries: Mapping[bytes, bytes]) -> None:
        self.entries = dict(entries)
        self.keys = sorted(entries)
        self.places = {key: place for place, key in enumerate(self.keys)}
        self.top = self._grow()
        self.root = self.top.hash

    def _grow(self) -> Node:
        raise NotImplementedError

    def _prefix(self, key: bytes) -> bytes:
        raise NotImplementedError

    def exist(self, key: bytes) -> pb.ExistenceProof:
        """Return the proof that a key has its value."""
        path = self.top.paths[self.places[key]]
        leaf = pb.LeafOp(**LEAF, prefix=self._prefix(key))
        return pb.ExistenceProof(key=key, value=self.entries[key], leaf=leaf, path=path)

    def nonexist(self, key: bytes) -> pb.NonExistenceProof:
        """Return the proof that a key is not there; `KeyError` if it is."""
        if key in self.entries:
            raise KeyError(key)
        place = bisect_left(self.keys, key)
        left = self.exist(self.keys[place - 1]) if place else None
        right = self.exist(self.keys[place]) if place < len(self.keys) else None
        return pb.NonExistenceProof(key=key, left=left, right=right)

    def membership(self, key: bytes) -> bytes:
        """Return the encoded proof of a key and its value."""
        return pb.CommitmentProof(exist=self.exist(key)).SerializeToString()

    def absence(self, key: bytes) -> bytes:
        """Return the encoded proof that a key is not there."""
        return pb.CommitmentProof(nonexist=self.nonexist(key)).SerializeToString()

    def proof(self, key: bytes) -> bytes:
        """Return the encoded proof of whichever is true."""
        return self.membership(key) if key in self.entries else self.absence(key)

    def batch(self, keys: Sequence[bytes]) -> pb.BatchProof:
        """Return one proof about several keys."""
        entries = [
            pb.BatchEntry(exist=self.exist(key))
            if key in self.entries
            else pb.BatchEntry(nonexist=self.nonexist(key))
            for key in keys
        ]
        return pb.BatchProof(entries=entries)


class Iavl(Tree):
    """An IAVL tree; the i-th leaf was written at version `first_version + i`."""

    def __init__(self, entries: Mapping[bytes, bytes], *, first_version: int = 300) -> None:
        self.first_version = first_version
        super().__init__(entries)

    def _prefix(self, key: bytes) -> bytes:
        return zigzag(0) + zigzag(1) + zigzag(self.first_version + self.places[key])

    def _grow(self) -> Node:
        versions = range(self.first_version, self.first_version + len(self.keys))
        leaves = [
            leaf_node(zigzag(0) + zigzag(1) + zigzag(version) + sized(key) + sized(sha256(self.entries[key])))
            for version, key in zip(versions, self.keys, strict=True)
        ]
        return balanced(leaves, self._join)

    def _join(self, left: Node, right: Node) -> tuple[bytes, bytes, bytes]:
        height, size = 1 + max(left.height, right.height), left.size + right.size
        return zigzag(height) + zigzag(size) + zigzag(self.first_version + size) + b"\x20", b"\x20", b""


class Tendermint(Tree):
    """A Tendermint tree, as it is over the roots of a chain's stores."""

    def _prefix(self, key: bytes) -> bytes:
        return b"\0"

    def _grow(self) -> Node:
        leaves = [leaf_node(b"\0" + sized(key) + sized(sha256(self.entries[key]))) for key in self.keys]
        return rfc6962(leaves, lambda left, right: (b"\1", b"", b""))


def compressed(batch: pb.BatchProof) -> bytes:
    """Return the encoded proof with every step written once."""
    lookup: list[pb.InnerOp] = []
    numbers: dict[bytes, int] = {}

    def number(step: pb.InnerOp) -> int:
        encoded = step.SerializeToString()
        if encoded not in numbers:
            numbers[encoded] = len(lookup)
            lookup.append(step)
        return numbers[encoded]

    def short(exist: pb.ExistenceProof) -> pb.CompressedExistenceProof:
        path = [number(step) for step in exist.path]
        return pb.CompressedExistenceProof(key=exist.key, value=exist.value, leaf=exist.leaf, path=path)

    entries = []
    for entry in batch.entries:
        if entry.HasField("exist"):
            entries.append(pb.CompressedBatchEntry(exist=short(entry.exist)))
            continue
        nonexist = entry.nonexist
        left = short(nonexist.left) if nonexist.HasField("left") else None
        right = short(nonexist.right) if nonexist.HasField("right") else None
        absent = pb.CompressedNonExistenceProof(key=nonexist.key, left=left, right=right)
        entries.append(pb.CompressedBatchEntry(nonexist=absent))
    proof = pb.CompressedBatchProof(entries=entries, lookup_inners=lookup)
    return pb.CommitmentProof(compressed=proof).SerializeToString()


@dataclass
class Multistore:
    """The state of a Cosmos chain: its IBC store has these entries, the other stores hold nothing of note."""

    entries: Mapping[bytes, bytes]
    others: Sequence[bytes] = (b"acc", b"bank", b"gov", b"mint", b"staking", b"transfer", b"upgrade")
    ibc: Iavl = field(init=False)
    stores: Tendermint = field(init=False)

    def __post_init__(self) -> None:
        self.ibc = Iavl(self.entries)
        roots = {name: sha256(b"root of " + name) for name in self.others}
        self.stores = Tendermint({**roots, IBC: self.ibc.root})

    @property
    def app_hash(self) -> bytes:
        """The root of everything."""
        return self.stores.root

    def common(self, name: bytes = IBC) -> tuple[bytes, ...]:
        """Return what all claims have in common."""
        return (self.stores.membership(name),)


def channel_end(packet: Packet, *, state: int = channel_pb2.STATE_CLOSED) -> bytes:
    """Return the destination's end of a packet's channel, as ibc-go stores it."""
    counterparty = channel_pb2.Counterparty(
        port_id=packet.payloads[0].source_port, channel_id=packet.source_client
    )
    ordered = packet.channel is not None and packet.channel.ordered
    return channel_pb2.Channel(
        state=state,
        ordering=channel_pb2.ORDER_ORDERED if ordered else channel_pb2.ORDER_UNORDERED,
        counterparty=counterparty,
        connection_hops=["connection-3"],
        version="ics20-1",
    ).SerializeToString()


def deciding_keys(claim: Claim) -> list[bytes]:
    """Return the keys that decide a claim, in the order of the nodes of its proof."""
    packet = claim.packet
    match claim:
        case Sent():
            return [codec.sent_key(packet)]
        case Acknowledged():
            return [codec.acknowledgement_key(packet)]
        case NotReceived():
            ordered = packet.channel is not None and packet.channel.ordered
            keys = [codec.next_receive_key(packet) if ordered else codec.receipt_key(packet)]
            if claim.closed:
                keys.append(codec.channel_key(packet.payloads[0].destination_port, packet.destination_client))
            return keys


def store_entries(claims: Sequence[Claim]) -> dict[bytes, bytes]:
    """Return the entries of an IBC store about which all these claims are true."""
    entries = {b"clients/07-tendermint-%d/clientState" % index: b"state %d" % index for index in range(9)}
    for claim in claims:
        packet, keys = claim.packet, deciding_keys(claim)
        match claim:
            case Sent():
                entries[keys[0]] = codec.packet_commitment(packet)
            case Acknowledged():
                entries[keys[0]] = codec.acknowledgement_value(packet, claim.acknowledgements)
            case NotReceived():
                if packet.channel is not None and packet.channel.ordered:
                    entries[keys[0]] = packet.sequence.to_bytes(8, "big")
                if claim.closed:
                    entries[keys[1]] = channel_end(packet)
    return entries


def ibc_evidence(
    chain: ChainId,
    claims: Sequence[Claim],
    *,
    entries: Mapping[bytes, bytes] | None = None,
    time_s: int = TIME_S,
) -> Evidence:
    """Return claims about a Cosmos chain with the proofs that its state allows; by default all are true.

    `entries` replaces the IBC store, so that claims can be false.
    """
    state = Multistore(store_entries(claims) if entries is None else entries)
    trusted = trusted_state(chain, state.app_hash, time_s=time_s)
    each = tuple(
        [
            UntrustedProof(nodes=tuple([state.ibc.proof(key) for key in deciding_keys(claim)]))
            for claim in claims
        ]
    )
    proofs = UntrustedProofs(format="ics23", at=trusted.block, common=state.common(), each=each)
    store = CommitmentStore(chain=chain, format="ics23", address=IBC)
    return Evidence(trusted=trusted, store=store, claims=tuple(claims), proofs=proofs)
