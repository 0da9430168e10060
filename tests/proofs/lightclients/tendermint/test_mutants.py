"""Seeded mutants of light blocks: none is accepted with another meaning, none makes the judge fail.

25,000 in every run; `ISTHMUS_MUTANTS=40` makes it a million. Mutants are of bytes, of fields, of votes and of
sets; a part of them is made to fit (hashes recomputed, votes signed by whom the forger owns: one of four), so
that they get past the checks that come first. A mutant that is accepted must make exactly the state that the
honest block makes: votes may be missing, and what nothing binds may differ.
"""

import os
from random import Random

import pytest

from proofs.lightclients.tendermint import advance, decode_light_block, encode_light_block, header_hash, judge
from proofs.lightclients.tendermint import hashing as cometbft
from proofs.lightclients.tendermint.types import Flag
from proofs.lightclients.tendermint.wire import ZERO_TIME_NS
from proofs.pb.tendermint.types import types_pb2, validator_pb2
from proofs.records import replace
from proofs.verdict import Accepted, NotEnoughTrust, Refusal, Rejected
from tests.proofs.lightclients.tendermint.cases import BLOCKS, NOW_S, PARAMS, TRUSTED, accepted
from tests.support.cosmos_blocks import Seat, forged, resigned, validators_of
from tests.support.mutants import mutate_bytes
from tests.support.vectors import counted

TIMES = int(os.environ.get("ISTHMUS_MUTANTS", "1"))
HEIGHTS = {"next": 4, "far": 9, "parent": 2}
COUNTS = {"bytes": 2500, "fields": 2500, "votes": 2000, "sets": 1000}
"""For each of the three heights; 24,000 in all, and 1,000 pairs."""
PAIRS = 1000
POOL = [entry.signature for made in BLOCKS.values() for entry in made.block.commit.signatures]
THIEF = BLOCKS[1].seats[0]
"""The one validator that the forger owns."""


def byte_mutants(rng, made):
    """Bytes of the block, of the next set, of the target; now and then those of another block."""
    honest = made.update
    while True:
        other = BLOCKS[rng.randrange(1, 13)].update
        yield replace(honest, header=mutate_bytes(rng, honest.header))
        yield replace(honest, next_set=mutate_bytes(rng, honest.next_set))
        yield replace(honest, target=replace(honest.target, hash=mutate_bytes(rng, honest.target.hash)))
        yield replace(honest, header=other.header) if other != honest else replace(honest, header=b"")
        yield replace(honest, header=mutate_bytes(rng, mutate_bytes(rng, honest.header)))


def fitted(made, block):
    """Return the update of a changed block: target, commit's block and the thief's vote made to fit."""
    actual = header_hash(block.header)
    commit = replace(block.commit, height=block.header.height, block=replace(block.commit.block, hash=actual))
    mine = resigned(commit, (THIEF,) * len(commit.signatures), block.header.chain_id)
    entries = [
        signed if entry.address == THIEF.validator.address else entry
        for entry, signed in zip(commit.signatures, mine.signatures, strict=True)
    ]
    block = replace(block, commit=replace(commit, signatures=tuple(entries)))
    target = replace(made.ref, hash=actual, height=block.header.height)
    return replace(made.update, target=target, header=encode_light_block(block))


def changed_field(rng, message):
    """Change one field somewhere in a message, going down at random; return whether one was changed."""
    field, value = rng.choice(message.ListFields())
    if field.is_repeated:
        return changed_field(rng, rng.choice(value))
    if field.message_type is not None:
        if value.ListFields():
            return changed_field(rng, value)
        return False
    if isinstance(value, bytes):
        setattr(message, field.name, mutate_bytes(rng, value))
    elif isinstance(value, str):
        setattr(message, field.name, value + rng.choice("x1- "))
    else:
        setattr(message, field.name, max(0, value + rng.choice([-1, 1, 1000])))
    return True


def field_mutants(rng, made):
    """One or two fields changed and written canonically, with and without hashes that fit."""
    honest = made.update
    while True:
        message = types_pb2.LightBlock.FromString(honest.header)
        part = rng.choice([message, message.signed_header.header, message.signed_header.commit])
        for _ in range(rng.randrange(1, 3)):
            changed_field(rng, part)
        encoded = message.SerializeToString()
        if encoded == honest.header:
            continue
        try:
            block = decode_light_block(encoded)
        except Refusal:
            yield replace(honest, header=encoded)
            continue
        yield replace(honest, header=encoded) if rng.random() < 0.3 else fitted(made, block)


def changed_entry(rng, entry):
    """Return an entry of a commit with one thing changed, or none at all in its place."""
    match rng.randrange(6):
        case 0:
            return replace(entry, flag=Flag.ABSENT, address=b"", signature=b"", time_ns=ZERO_TIME_NS)
        case 1:
            return replace(entry, signature=rng.choice(POOL))
        case 2:
            return replace(entry, flag=rng.choice(list(Flag)))
        case 3:
            return replace(entry, time_ns=entry.time_ns + rng.choice([-1, 1]))
        case 4:
            return replace(entry, address=mutate_bytes(rng, entry.address))
        case _:
            return replace(entry, signature=mutate_bytes(rng, entry.signature))


def vote_mutants(rng, made):
    """Entries dropped, moved, doubled, of another time or flag, with signatures from elsewhere."""
    while True:
        entries = list(made.block.commit.signatures)
        for _ in range(rng.randrange(1, 4)):
            at, other = rng.randrange(len(entries)), rng.randrange(len(entries))
            match rng.randrange(4):
                case 0:
                    entries[at], entries[other] = entries[other], entries[at]
                case 1:
                    entries[at] = entries[other]
                case _:
                    entries[at] = changed_entry(rng, entries[at])
        commit = replace(made.block.commit, signatures=tuple(entries), round=rng.choice([0, 0, 0, 1]))
        if commit != made.block.commit:
            block = replace(made.block, commit=commit)
            yield replace(made.update, header=encode_light_block(block))


def set_mutants(rng, made):
    """Validators with other powers, places or keys, bound by a header that fits; and other next sets."""
    while True:
        some = list(made.seats)
        at = rng.randrange(len(some))
        match rng.randrange(4):
            case 0:
                some[at] = Seat(some[at].number, some[at].power + rng.choice([-1, 1, 1000]))
            case 1:
                some[at] = Seat(rng.randrange(20, 30))
            case 2:
                del some[at]
            case _:
                some.insert(at, THIEF)
        forged_set = validators_of(tuple(some))
        bound = cometbft.validators_hash(forged_set)
        entries = made.block.commit.signatures
        entries = (entries + entries)[: len(some)]
        header = replace(made.block.header, validators_hash=bound)
        block = replace(
            made.block,
            header=header,
            validators=forged_set,
            commit=replace(made.block.commit, signatures=entries),
        )
        yield fitted(made, block)
        next_header = replace(made.block.header, next_validators_hash=bound)
        yield fitted(made, replace(made.block, header=next_header))
        message = validator_pb2.ValidatorSet.FromString(made.update.next_set)
        if changed_field(rng, message):
            yield replace(made.update, next_set=message.SerializeToString())


MUTANTS = {"bytes": byte_mutants, "fields": field_mutants, "votes": vote_mutants, "sets": set_mutants}


@pytest.mark.parametrize("height", HEIGHTS)
@pytest.mark.parametrize("name", MUTANTS)
@pytest.mark.covers("PRF-16")
def test_no_mutant_is_accepted_with_another_meaning_and_none_makes_the_judge_fail(name, height):
    made = BLOCKS[HEIGHTS[height]]
    honest = accepted(advance(TRUSTED, made.update, PARAMS, NOW_S))
    seen = {"rejected": 0, "not enough trust": 0, "the same": 0}
    mutants = MUTANTS[name](Random(f"isthmus tendermint {name} {height}"), made)
    for _, mutant in zip(range(COUNTS[name] * TIMES), mutants, strict=False):
        match advance(TRUSTED, mutant, PARAMS, NOW_S):
            case Accepted(value=state):
                assert state == honest, mutant
                seen["the same"] += 1
            case NotEnoughTrust():
                seen["not enough trust"] += 1
            case Rejected():
                seen["rejected"] += 1
    counted(f"mutants of light blocks, {name}, {height}: {seen}")
    assert sum(seen.values()) == COUNTS[name] * TIMES
    assert seen["rejected"] > seen["the same"]


@pytest.mark.covers("PRF-16", "LC-10")
def test_no_mutant_of_one_half_of_a_pair_makes_misbehaviour_of_honest_blocks():
    """The forger shows an honest block and a mutant of it, at the same height and at another."""
    made = BLOCKS[9]
    pairs = [
        (family(Random(f"isthmus pair {name} {height}"), BLOCKS[height]))
        for name, family in MUTANTS.items()
        for height in (9, 10)
    ]
    for at in range(PAIRS * TIMES):
        mutant = next(pairs[at % len(pairs)])
        verdict = judge(TRUSTED, made.update, mutant, PARAMS, NOW_S)
        assert not isinstance(verdict, Accepted), mutant
    fork = forged(made, last_commit_hash=bytes(32))
    assert isinstance(judge(TRUSTED, made.update, fork.update, PARAMS, NOW_S), Accepted)


def test_the_mutants_are_twenty_five_thousand():
    assert len(HEIGHTS) * sum(COUNTS.values()) + PAIRS == 25_000
