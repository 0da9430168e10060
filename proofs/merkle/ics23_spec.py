"""What ICS-23 proofs of one kind of tree must look like, as data: specs of IAVL, Tendermint and SMT trees.

A spec is configuration: it comes from the client state that the verifying side holds, never from a proof.
Only binary trees whose left child comes first are known. A spec whose prefixes vary so much that a step could
be read with its child on either side cannot be made at all: that ambiguity was the forged absence of October
2022 ("Dragonberry").

Stricter than cosmos/ics23: a leaf's prefix is the spec's and does not merely begin with it; a step of a
Tendermint tree or an SMT begins with 0x01; a step of an IAVL tree is read byte by byte, with numbers in their
shortest form, a height of 1 to 127, a size of 2 or more and the length before each hash. Honest trees have no
other nodes.

Implements: ICS-23 (ProofSpec, LeafOp, InnerSpec, HashOp, LengthOp); the node encoding of cosmos/iavl.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from proofs.hashing import keccak256, sha256
from proofs.pb.cosmos.ics23.v1 import proofs_pb2 as pb
from proofs.verdict import Reason, Refusal

Transform = Callable[[bytes], bytes]


def _ripemd160(data: bytes) -> bytes:
    return hashlib.new("ripemd160", data).digest()


_HASHES: Mapping[int, Transform] = MappingProxyType(
    {
        pb.SHA256: sha256,
        pb.SHA512: lambda data: hashlib.sha512(data).digest(),
        pb.KECCAK256: keccak256,
        pb.RIPEMD160: _ripemd160,
        pb.BITCOIN: lambda data: _ripemd160(sha256(data)),
        pb.SHA512_256: lambda data: hashlib.new("sha512_256", data).digest(),
        pb.BLAKE2B_512: lambda data: hashlib.blake2b(data).digest(),
        pb.BLAKE2S_256: lambda data: hashlib.blake2s(data).digest(),
    }
)


def hash_op(op: int) -> Transform:
    """Return the hash function of a `HashOp`; raise `Refusal` for BLAKE3, for none and for an unknown one."""
    function = _HASHES.get(op)
    if function is None:
        raise Refusal(Reason.MALFORMED, f"hash op: expected one of {sorted(_HASHES)}, got {op} (9 is BLAKE3)")
    return function


def varint(number: int) -> bytes:
    """Return the shortest base-128 varint of a number that is not negative."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _exactly(size: int) -> Transform:
    def check(data: bytes) -> bytes:
        if len(data) != size:
            raise Refusal(Reason.MALFORMED, f"length op: expected {size} bytes, got {len(data)}")
        return data

    return check


_LENGTHS: Mapping[int, Transform] = MappingProxyType(
    {
        pb.NO_PREFIX: lambda data: data,
        pb.VAR_PROTO: lambda data: varint(len(data)) + data,
        pb.FIXED32_BIG: lambda data: len(data).to_bytes(4, "big") + data,
        pb.FIXED32_LITTLE: lambda data: len(data).to_bytes(4, "little") + data,
        pb.FIXED64_BIG: lambda data: len(data).to_bytes(8, "big") + data,
        pb.FIXED64_LITTLE: lambda data: len(data).to_bytes(8, "little") + data,
        pb.REQUIRE_32_BYTES: _exactly(32),
        pb.REQUIRE_64_BYTES: _exactly(64),
    }
)


def length_op(op: int) -> Transform:
    """Return what a `LengthOp` does to bytes; raise `Refusal` for VAR_RLP (2), which nobody implements."""
    function = _LENGTHS.get(op)
    if function is None:
        raise Refusal(Reason.MALFORMED, f"length op: expected one of {sorted(_LENGTHS)}, got {op}")
    return function


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafSpec:
    """How a key and its value become the hash of a leaf."""

    hash: int = pb.NO_HASH
    prehash_key: int = pb.NO_HASH
    prehash_value: int = pb.NO_HASH
    length: int = pb.NO_PREFIX
    prefix: bytes = b""

    @classmethod
    def of(cls, op: pb.LeafOp) -> "LeafSpec":
        """Return the same as data."""
        return cls(
            hash=op.hash,
            prehash_key=op.prehash_key,
            prehash_value=op.prehash_value,
            length=op.length,
            prefix=op.prefix,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class InnerSpec:
    """How two children, left then right, become the hash of their parent. Sizes in bytes."""

    hash: int
    child_size: int
    """A child within its parent: the hash, and whatever comes before each hash."""
    min_prefix: int
    max_prefix: int
    """Of what comes before the left child."""
    empty_child: bytes = b""
    """What stands for a child that is not there; empty if every child is there."""


_SHA256_LEAF = LeafSpec(hash=pb.SHA256, prehash_value=pb.SHA256, length=pb.VAR_PROTO, prefix=b"\0")
_IAVL_INNER = InnerSpec(hash=pb.SHA256, child_size=33, min_prefix=4, max_prefix=12)

_EVEN = rb"[" + b"".join([b"\\x%02x" % byte for byte in range(0, 128, 2)]) + rb"]"
_EVEN_MORE = rb"[" + b"".join([b"\\x%02x" % byte for byte in range(128, 256, 2)]) + rb"]"
_NUMBER = rb"(?:" + _EVEN + rb"|" + _EVEN_MORE + rb"[\x80-\xff]{0,7}[\x01-\x7f])"
"""A zigzag varint that is not negative and below 2^62, in its shortest form."""

_IAVL_LEAF_PREFIX = rb"\x00\x02" + _NUMBER
_IAVL_STEP = rb"(" + _NUMBER + rb")(?![\x00\x02])" + _NUMBER * 2 + rb"\x20(?:.{32}\x20)?"
"""Height, size (a node with children has at least 2 leaves), version; then lengths and the left sibling."""

IAVL_HEIGHTS: Mapping[bytes, int] = MappingProxyType({varint(2 * height): height for height in range(1, 128)})
"""What IAVL writes for the height of a node with children (one signed byte in its code) -> the height."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofSpec:
    """The shape of one kind of tree. Derived fields are what the shape demands of prefixes and suffixes."""

    leaf: LeafSpec
    inner: InnerSpec
    min_depth: int = 0
    max_depth: int = 128
    compares_hashed_keys: bool = False
    """Leaves are in the order of the hashes of their keys."""
    leaf_prefix: re.Pattern[bytes] = field(init=False, repr=False, compare=False)
    step_prefix: re.Pattern[bytes] = field(init=False, repr=False, compare=False)
    """Of an IAVL tree the first group is the height."""
    sibling_head: bytes = field(init=False, repr=False, compare=False)
    """What comes before the hash in a right sibling."""
    is_iavl: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Derive; raise `Refusal` for a spec under which a step could be read in two ways."""
        leaf, inner = self.leaf, self.inner
        if not 0 <= inner.min_prefix <= inner.max_prefix < inner.min_prefix + inner.child_size:
            raise Refusal(
                Reason.MALFORMED,
                f"proof spec: expected prefixes that vary by less than a child of {inner.child_size} bytes, "
                f"got {inner.min_prefix} to {inner.max_prefix}",
            )
        is_iavl = (leaf, inner) == (_SHA256_LEAF, _IAVL_INNER)
        is_tagged = leaf.prefix == b"\0" and (inner.min_prefix, inner.max_prefix) == (1, 1)
        body = _IAVL_STEP if is_iavl else rb"\x01.*" if is_tagged else rb".*"
        longer = inner.min_prefix + inner.child_size, inner.max_prefix + inner.child_size
        sizes = rb"(?=.{%d,%d}\Z|.{%d,%d}\Z)" % (inner.min_prefix, inner.max_prefix, *longer)
        step = rb"(?s)" + sizes + rb"(?!" + re.escape(leaf.prefix) + rb")" + body
        object.__setattr__(self, "is_iavl", is_iavl)
        object.__setattr__(self, "sibling_head", b"\x20" if is_iavl else b"")
        object.__setattr__(
            self, "leaf_prefix", re.compile(_IAVL_LEAF_PREFIX if is_iavl else re.escape(leaf.prefix))
        )
        object.__setattr__(self, "step_prefix", re.compile(step))


IAVL = ProofSpec(leaf=_SHA256_LEAF, inner=_IAVL_INNER)
"""A module's store on a Cosmos chain."""

TENDERMINT = ProofSpec(
    leaf=_SHA256_LEAF, inner=InnerSpec(hash=pb.SHA256, child_size=32, min_prefix=1, max_prefix=1)
)
"""The tree of module stores whose root is the app hash of a Cosmos chain."""

SMT = ProofSpec(
    leaf=LeafSpec(hash=pb.SHA256, prehash_key=pb.SHA256, prehash_value=pb.SHA256, prefix=b"\0"),
    inner=InnerSpec(hash=pb.SHA256, child_size=32, min_prefix=1, max_prefix=1, empty_child=bytes(32)),
    max_depth=256,
    compares_hashed_keys=True,
)
"""A sparse Merkle tree, as celestiaorg/smt builds it."""


def spec_of(message: pb.ProofSpec) -> ProofSpec:
    """Return the spec that a client state holds; raise `Refusal` for trees that are not binary."""
    inner = message.inner_spec
    if list(inner.child_order) != [0, 1]:
        raise Refusal(
            Reason.MALFORMED,
            f"proof spec: expected the children 0 and 1 in order, got {list(inner.child_order)[:8]}",
        )
    return ProofSpec(
        leaf=LeafSpec.of(message.leaf_spec),
        inner=InnerSpec(
            hash=inner.hash,
            child_size=inner.child_size,
            min_prefix=inner.min_prefix_length,
            max_prefix=inner.max_prefix_length,
            empty_child=inner.empty_child,
        ),
        min_depth=message.min_depth,
        max_depth=message.max_depth or IAVL.max_depth,
        compares_hashed_keys=message.prehash_key_before_comparison,
    )
