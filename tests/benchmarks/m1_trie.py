"""M1: Merkle-Patricia proofs of accounts and storage slots, present and absent, against py-trie."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import rlp
from trie import HexaryTrie
from trie.exceptions import BadTrieProof

from proofs.hashing import keccak256
from proofs.merkle import mpt
from proofs.verdict import Reason, Refusal
from tests.benchmarks.framework import Detail, Row, expect, in_turns, pinned
from tests.support.trie_builder import TrieBuilder, account, rlp_bytes

KEYS = 60_000
PROOFS = 200
REPEATS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One proof and what it must prove: a value, absence (b""), or nothing (None) when it is corrupted."""

    root: bytes
    key: bytes
    nodes: tuple[bytes, ...]
    proves: bytes | None


def cases(name: str, seed: int) -> list[Case]:
    """Return 200 proofs against one trie of 60,000 keys: nine of ten for keys that it has."""
    source = random.Random(seed)
    empty = keccak256(b"\x80")

    def value() -> bytes:
        if name == "storage":
            return rlp_bytes(source.randbytes(32))
        return account(source.randrange(500), source.randrange(10**21), empty, source.randbytes(32))

    trie = TrieBuilder({keccak256(i.to_bytes(32, "big")): value() for i in range(KEYS)})
    present = [keccak256(source.randrange(KEYS).to_bytes(32, "big")) for _ in range(PROOFS * 9 // 10)]
    absent = [source.randbytes(32) for _ in range(PROOFS - len(present))]
    found = [
        Case(root=trie.root, key=k, nodes=trie.prove(k), proves=_last_value(trie.prove(k))) for k in present
    ]
    return found + [Case(root=trie.root, key=k, nodes=trie.prove(k), proves=b"") for k in absent]


def _last_value(nodes: tuple[bytes, ...]) -> bytes:
    return bytes(rlp.decode(nodes[-1])[1])


def corrupted(good: Sequence[Case], seed: int) -> list[Case]:
    """Return the cases with one bit of one node flipped in each: none of them proves anything."""
    source = random.Random(seed)
    bad = []
    for case in good:
        at = source.randrange(len(case.nodes))
        node = bytearray(case.nodes[at])
        node[source.randrange(len(node))] ^= 1 << source.randrange(8)
        nodes = (*case.nodes[:at], bytes(node), *case.nodes[at + 1 :])
        bad.append(Case(root=case.root, key=case.key, nodes=nodes, proves=None))
    return bad


def ours(case: Case) -> bytes | None:
    """Return what our verifier makes of it."""
    try:
        if case.proves == b"":
            mpt.absence(case.root, case.key, case.nodes)
            return b""
        return mpt.membership(case.root, case.key, case.nodes)
    except Refusal as refusal:
        return b"" if refusal.reason is Reason.ABSENT else None


def theirs(case: Case) -> bytes | None:
    """Return what py-trie makes of it; it takes decoded nodes, so decoding is part of the work."""
    try:
        return HexaryTrie.get_from_proof(case.root, case.key, [rlp.decode(node) for node in case.nodes])
    except (BadTrieProof, rlp.DecodingError):
        return None


def floor(case: Case) -> None:
    """Hash every node once: nobody can verify with less."""
    for node in case.nodes:
        keccak256(node)


def _over(work: Callable[[Case], object], good: Sequence[Case]) -> Callable[[], None]:
    def run() -> None:
        for case in good:
            work(case)

    return run


def measure() -> Row:
    """Return the row."""
    sets = {name: cases(name, seed) for seed, name in enumerate(("account", "storage"), start=1)}
    good = [case for part in sets.values() for case in part]
    bad = corrupted(good[::4], seed=3)
    for case in (*good, *bad):
        expect("our verdict", case.proves, ours(case))
        expect("py-trie's verdict", case.proves, theirs(case))
    with pinned(0):
        timed = {
            name: in_turns(
                {"ours": _over(ours, part), "peer": _over(theirs, part), "floor": _over(floor, part)}, REPEATS
            )
            for name, part in sets.items()
        }
    micros = {n: {w: t.median() * 1e6 / PROOFS for w, t in times.items()} for n, times in timed.items()}
    whole = [
        sum(pair) * 1e6 / (2 * PROOFS)
        for pair in zip(*(t["ours"].seconds for t in timed.values()), strict=True)
    ]
    mine = sum(part["ours"] for part in micros.values()) / 2
    peer = sum(part["peer"] for part in micros.values()) / 2
    lowest = sum(part["floor"] for part in micros.values()) / 2
    return Row(
        id="M1",
        what=f"Merkle-Patricia proof, {PROOFS} accounts and {PROOFS} slots, {KEYS:,} keys each",
        unit="µs per proof",
        ours=mine,
        ours_best=min(whole),
        ours_p99=max(whole),
        peer="py-trie",
        peer_figure=peer,
        ratio=peer / mine,
        goal="9x, and at most 3x the keccak floor",
        met=peer / mine >= 9 and mine <= 3 * lowest,
        repeats=REPEATS,
        checked=f"{len(good)} proofs give value or absence and {len(bad)} corrupted are refused, by both",
        details=[Detail(what=n, ours=p["ours"], peer=p["peer"], floor=p["floor"]) for n, p in micros.items()],
        notes=["The floor is one keccak-256 of each node. Each proof is verified alone: no hash is shared."],
    )
