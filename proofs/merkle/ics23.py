"""ICS-23 commitment proofs: what does the tree of a trusted root hold under this key, or provably nothing?

`membership` and `absence` take a proof about one key; `batch_membership` and `batch_absence` take one about
several, compressed or not. None stands in for another. Every proof must be canonical protobuf, every step
must have the shape that the spec demands, and the way up must end in the root before anything is said about
the key: `ABSENT` and `PRESENT` are verdicts about the tree, proven by a proof of the other kind for that key.

A binary tree's step has its child on one side and at most one sibling on the other, never both (the forgery
of the BNB bridge in October 2022). The side follows from the length of the prefix alone.

Stricter than cosmos/ics23, besides the rules in `proofs.merkle.ics23_spec`: an absence proof must name the
key that it is about, a batch holds one proof of a kind for a key, and no step that it does not use.

Implements: ICS-23 (ExistenceProof, NonExistenceProof, BatchProof, CompressedBatchProof).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NoReturn, TypeVar

from proofs import limits, protobuf
from proofs.merkle.ics23_spec import IAVL_HEIGHTS, LeafSpec, ProofSpec, hash_op, length_op
from proofs.pb.cosmos.ics23.v1 import proofs_pb2 as pb
from proofs.verdict import Reason, Refusal

_Exist = pb.ExistenceProof | pb.CompressedExistenceProof
_Nonexist = pb.NonExistenceProof | pb.CompressedNonExistenceProof
_Steps = Sequence[pb.InnerOp]
_T = TypeVar("_T")


def decode(proof: bytes) -> pb.CommitmentProof:
    """Return the message of an encoded proof, unjudged; raise `Refusal` if it is not canonical."""
    return protobuf.decode(pb.CommitmentProof, proof, "ics23 proof", limits.MAX_PROOF_BYTES)


def membership(spec: ProofSpec, root: bytes, key: bytes, proof: bytes) -> bytes:
    """Return what the tree of this root holds under `key`, never nothing; raise `Refusal` otherwise.

    The reason is `ABSENT` if the proof is one of absence, and holds.
    """
    message = decode(proof)
    match message.WhichOneof("proof"):
        case "exist":
            return _value(spec, root, key, message.exist, ())
        case "nonexist":
            _check_absent(spec, root, key, message.nonexist, ())
            raise Refusal(Reason.ABSENT, f"key {key.hex()}: expected a value, proven absent")
        case kind:
            _incomplete(f"proof: expected one of existence, got {kind}")


def absence(spec: ProofSpec, root: bytes, key: bytes, proof: bytes) -> None:
    """Return nothing if the tree of this root provably lacks `key`; raise `Refusal` otherwise.

    The reason is `PRESENT` if the proof is one of existence, and holds.
    """
    message = decode(proof)
    match message.WhichOneof("proof"):
        case "nonexist":
            _check_absent(spec, root, key, message.nonexist, ())
        case "exist":
            value = _value(spec, root, key, message.exist, ())
            raise Refusal(Reason.PRESENT, f"key {key.hex()}: expected nothing, proven {len(value)} bytes")
        case kind:
            _incomplete(f"proof: expected one of absence, got {kind}")


def batch_membership(spec: ProofSpec, root: bytes, keys: Sequence[bytes], proof: bytes) -> tuple[bytes, ...]:
    """Return what the tree of this root holds under each of `keys`, by a batch that may prove more.

    Raises:
        Refusal: the batch does not prove one of them.
    """
    lookup, exists, _ = _open_batch(proof)
    return tuple([_value(spec, root, key, _pick(exists, key), lookup) for key in keys])


def batch_absence(spec: ProofSpec, root: bytes, keys: Sequence[bytes], proof: bytes) -> None:
    """Return nothing if the tree of this root provably lacks all of `keys`, by a batch that may prove more.

    Raises:
        Refusal: the batch does not prove one of them.
    """
    lookup, _, nonexists = _open_batch(proof)
    for key in keys:
        _check_absent(spec, root, key, _pick(nonexists, _order(spec, key)), lookup)


def _malformed(detail: str) -> NoReturn:
    raise Refusal(Reason.MALFORMED, detail)


def _incomplete(detail: str) -> NoReturn:
    raise Refusal(Reason.INCOMPLETE, detail)


def _open_batch(proof: bytes) -> tuple[_Steps, dict[bytes, _Exist], dict[bytes, _Nonexist]]:
    """Return (steps that entries name by number, existence proofs, absence proofs by key) of a batch."""
    message = decode(proof)
    entries: Sequence[pb.BatchEntry | pb.CompressedBatchEntry]
    lookup: _Steps = ()
    match message.WhichOneof("proof"):
        case "batch":
            entries = message.batch.entries
        case "compressed":
            entries, lookup = message.compressed.entries, message.compressed.lookup_inners
        case kind:
            _incomplete(f"proof: expected a batch, got {kind}")
    limits.check_at_most("batch entries", len(entries), limits.MAX_CLAIMS)
    _check_lookup(message.compressed)
    exists = {entry.exist.key: entry.exist for entry in entries if entry.HasField("exist")}
    nonexists = {entry.nonexist.key: entry.nonexist for entry in entries if entry.HasField("nonexist")}
    if len(exists) + len(nonexists) != len(entries):
        _malformed(f"batch: expected {len(entries)} proofs for distinct keys, got fewer")
    return lookup, exists, nonexists


def _pick(proofs: Mapping[bytes, _T], key: bytes) -> _T:
    """Return the proof for a key."""
    found = proofs.get(key)
    if found is None:
        _incomplete(f"batch: expected a proof of this kind for key {key.hex()}, got none")
    return found


def _check_lookup(batch: pb.CompressedBatchProof) -> None:
    """Check that numbers of steps and steps fit: none points beyond, no step is without a number."""
    used: set[int] = set()
    for entry in batch.entries:
        nonexist = entry.nonexist
        for exist in (entry.exist, nonexist.left, nonexist.right):
            used.update(exist.path)
    count = len(batch.lookup_inners)
    if used != set(range(count)):
        _malformed(f"compressed batch: expected all of {count} steps in use, got {len(used)} numbers")


def _steps(spec: ProofSpec, exist: _Exist, lookup: _Steps) -> _Steps:
    """Return the steps of one existence proof, from the leaf up."""
    depth = len(exist.path)
    limits.check_at_most("path steps", depth, spec.max_depth)
    if depth < spec.min_depth:
        _incomplete(f"path steps: expected at least {spec.min_depth}, got {depth}")
    if isinstance(exist, pb.ExistenceProof):
        return exist.path
    return [lookup[number] for number in exist.path]


def _value(spec: ProofSpec, root: bytes, key: bytes, exist: _Exist, lookup: _Steps) -> bytes:
    """Return the value of an existence proof for this key under this root; raise `Refusal`."""
    if exist.key != key:
        _incomplete(f"proof: expected one for key {key.hex()}, got one for {exist.key[:64].hex()}")
    _check_root(spec, root, exist, _steps(spec, exist, lookup))
    return exist.value


def _check_root(spec: ProofSpec, root: bytes, exist: _Exist, steps: _Steps) -> None:
    actual = _root_of(spec, exist, steps)
    if actual != root:
        raise Refusal(Reason.WRONG_HASH, f"ics23: expected root {root.hex()}, got {actual.hex()}")


def _root_of(spec: ProofSpec, exist: _Exist, steps: _Steps) -> bytes:
    """Return the root that a leaf and its steps lead to; raise `Refusal` for what the spec forbids."""
    node = _leaf_hash(spec, exist)
    inner = spec.inner
    fits, transform = spec.step_prefix.fullmatch, hash_op(inner.hash)
    for layer, step in enumerate(steps, 1):
        prefix, suffix = step.prefix, step.suffix
        match = fits(prefix)
        if match is None or step.hash != inner.hash:
            _malformed(f"step {layer}: hash op {step.hash} or prefix {prefix[:64].hex()} is not the spec's")
        if suffix:
            if len(prefix) > inner.max_prefix:
                _malformed(f"step {layer}: expected a sibling on one side, got one on both")
            if len(suffix) != inner.child_size or not suffix.startswith(spec.sibling_head):
                _malformed(f"step {layer}: suffix {suffix[:64].hex()} is not one child")
        if spec.is_iavl and IAVL_HEIGHTS.get(match[1], 0) < layer:
            _malformed(f"step {layer}: expected a height of {layer} to 127, got varint {match[1].hex()}")
        node = transform(prefix + node + suffix)
    return node


def _leaf_hash(spec: ProofSpec, exist: _Exist) -> bytes:
    """Return the hash of the leaf that a proof begins with; raise `Refusal` if it is not the spec's."""
    leaf, expected = exist.leaf, spec.leaf
    is_same = (
        leaf.hash == expected.hash
        and leaf.prehash_key == expected.prehash_key
        and leaf.prehash_value == expected.prehash_value
        and leaf.length == expected.length
    )
    if not is_same or spec.leaf_prefix.fullmatch(leaf.prefix) is None:
        actual = replace(LeafSpec.of(leaf), prefix=leaf.prefix[:64])
        _malformed(f"leaf: expected {expected}, got {actual}")
    return apply_leaf(leaf, exist.key, exist.value)


def apply_leaf(leaf: pb.LeafOp, key: bytes, value: bytes) -> bytes:
    """Return the hash of a leaf with this key and value, neither of which may be empty; raise `Refusal`."""
    if not key or not value:
        _malformed(f"leaf: expected a key and a value, got {len(key)} and {len(value)} bytes")
    sized = length_op(leaf.length)
    hashed_key = sized(_prehashed(leaf.prehash_key, key))
    return hash_op(leaf.hash)(leaf.prefix + hashed_key + sized(_prehashed(leaf.prehash_value, value)))


def _prehashed(op: int, data: bytes) -> bytes:
    return hash_op(op)(data) if op else data


def _check_absent(spec: ProofSpec, root: bytes, key: bytes, nonexist: _Nonexist, lookup: _Steps) -> None:
    """Check that the neighbours around a key are in the tree, and are neighbours; raise `Refusal`."""
    place = _order(spec, key)
    if nonexist.key != place or not key:
        _incomplete(f"proof: expected one for key {place.hex()}, got one for {nonexist.key[:64].hex()}")
    left = _neighbour(spec, root, nonexist.left, lookup) if nonexist.HasField("left") else None
    right = _neighbour(spec, root, nonexist.right, lookup) if nonexist.HasField("right") else None
    if key in (nonexist.left.key, nonexist.right.key):
        raise Refusal(Reason.PRESENT, f"key {key.hex()}: expected nothing, it is its own neighbour")
    if left is not None and not _order(spec, nonexist.left.key) < place:
        _incomplete(f"absence: expected a left neighbour before {key.hex()}, got {nonexist.left.key.hex()}")
    if right is not None and not place < _order(spec, nonexist.right.key):
        _incomplete(f"absence: expected a right neighbour after {key.hex()}, got {nonexist.right.key.hex()}")
    if not _are_around(spec, left, right):
        _incomplete(f"absence: nothing shows that no leaf is between the neighbours of {key.hex()}")


def _order(spec: ProofSpec, key: bytes) -> bytes:
    """Return what the leaves are in the order of; an absence proof names its key in this form."""
    return _prehashed(spec.leaf.prehash_key, key) if spec.compares_hashed_keys else key


def _neighbour(spec: ProofSpec, root: bytes, exist: _Exist, lookup: _Steps) -> _Steps:
    """Return the steps of a neighbour that is in the tree of this root; raise `Refusal` if it is not."""
    steps = _steps(spec, exist, lookup)
    _check_root(spec, root, exist, steps)
    return steps


def _are_around(spec: ProofSpec, left: _Steps | None, right: _Steps | None) -> bool:
    """Say whether two leaves are next to each other, or the only one given is the tree's first or last."""
    if left is None:
        return right is not None and all(_is_first(spec, step) for step in right)
    if right is None:
        return all(_is_last(spec, step) for step in left)
    below_left, below_right = len(left), len(right)
    while below_left and below_right:
        below_left, below_right = below_left - 1, below_right - 1
        on_left, on_right = left[below_left], right[below_right]
        if (on_left.prefix, on_left.suffix) != (on_right.prefix, on_right.suffix):
            return (
                _is_left_child(spec, on_left)
                and _is_right_child(spec, on_right)
                and all(_is_last(spec, step) for step in left[:below_left])
                and all(_is_first(spec, step) for step in right[:below_right])
            )
    return False


def _is_left_child(spec: ProofSpec, step: pb.InnerOp) -> bool:
    """Say whether a step that fits the spec comes from a left child that has a sibling."""
    return len(step.prefix) <= spec.inner.max_prefix and bool(step.suffix)


def _is_right_child(spec: ProofSpec, step: pb.InnerOp) -> bool:
    """Say whether a step that fits the spec comes from a right child."""
    return len(step.prefix) > spec.inner.max_prefix


def _is_first(spec: ProofSpec, step: pb.InnerOp) -> bool:
    """Say whether no leaf is left of a step's child below its parent."""
    inner = spec.inner
    return _is_left_child(spec, step) or (
        _is_right_child(spec, step) and step.prefix[-inner.child_size :] == inner.empty_child
    )


def _is_last(spec: ProofSpec, step: pb.InnerOp) -> bool:
    """Say whether no leaf is right of a step's child below its parent."""
    return _is_right_child(spec, step) or (
        _is_left_child(spec, step) and step.suffix == spec.inner.empty_child
    )
