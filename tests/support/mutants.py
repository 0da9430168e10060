"""Seeded mutants of evidence: small lies about bytes, lists of nodes and the structure inside a node."""

from collections.abc import Sequence
from random import Random

import rlp

Nodes = tuple[bytes, ...]


def mutate_bytes(rng: Random, data: bytes) -> bytes:
    """Return bytes that differ from `data`: a bit, a byte, one more, one less, a cut, a repetition, zeros."""
    if not data:
        return bytes([rng.randrange(256)])
    at = rng.randrange(len(data))
    match rng.randrange(7):
        case 0:
            return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
        case 1:
            return data[:at] + bytes([data[at] ^ rng.randrange(1, 256)]) + data[at + 1 :]
        case 2:
            return data[:at] + bytes([rng.randrange(256)]) + data[at:]
        case 3:
            return data[:at] + data[at + 1 :]
        case 4:
            return data[:at]
        case 5:
            return data + data[at:]
        case _:
            return data[:at] + bytes(len(data) - at) if any(data[at:]) else data + b"\0"


def mutate_rlp(rng: Random, node: bytes) -> bytes:
    """Return a node with one item of its list changed, or the bytes mutated when it is no list."""
    try:
        items = rlp.decode(node)
    except rlp.exceptions.RLPException:
        return mutate_bytes(rng, node)
    if not isinstance(items, list) or not items:
        return mutate_bytes(rng, node)
    items = list(items)
    at = rng.randrange(len(items))
    match rng.randrange(5):
        case 0:
            items[at] = mutate_bytes(rng, items[at]) if isinstance(items[at], bytes) else b""
        case 1:
            items[at] = b"" if items[at] else b"\1"
        case 2:
            other = rng.randrange(len(items))
            items[at], items[other] = items[other], items[at]
        case 3:
            items.insert(at, b"")
        case _:
            del items[at]
    changed = rlp.encode(items)
    return changed if changed != node else mutate_bytes(rng, node)


def mutate_nodes(rng: Random, nodes: Nodes, pool: Sequence[bytes]) -> Nodes:
    """Return a list that differs from `nodes`; `pool` holds honest nodes of other proofs, to splice in."""
    mutant = list(nodes)
    at = rng.randrange(len(nodes)) if nodes else 0
    kind = rng.randrange(8) if nodes else 6
    if kind in (0, 1):
        mutant[at] = mutate_bytes(rng, nodes[at])
    elif kind == 2:
        mutant[at] = mutate_rlp(rng, nodes[at])
    elif kind == 3:
        del mutant[at]
    elif kind == 4:
        mutant.insert(at, nodes[rng.randrange(len(nodes))])
    elif kind == 5:
        other = rng.randrange(len(nodes))
        mutant[at], mutant[other] = mutant[other], mutant[at]
    elif kind == 6:
        mutant.insert(rng.randrange(len(nodes) + 1), rng.choice(pool))
    else:
        mutant[at] = rng.choice(pool)
    changed = tuple(mutant)
    return changed if changed != nodes else (*nodes, rng.choice(pool))
