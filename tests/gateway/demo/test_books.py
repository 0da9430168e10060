"""What the demonstration counts: nothing lost or doubled stays hidden, on however many chains."""

from dataclasses import dataclass, field

import pytest

from gateway.demo import books
from gateway.demo.ledger import Count
from gateway.dev.plan import TOKENS
from proofs.types import ChainId, ClientId, Lane

A, B, C = (ChainId(f"memory:{name}") for name in ("a", "b", "c"))
A_TO_B = Lane(source=A, source_client=ClientId("ab"), destination=B, destination_client=ClientId("ba"))
C_TO_B = Lane(source=C, source_client=ClientId("cb"), destination=B, destination_client=ClientId("bc"))


@dataclass
class Chain:
    """Books that say what a test writes into them."""

    stands: dict[str, list[bool]] = field(default_factory=dict)
    has: dict[str, list[bool]] = field(default_factory=dict)
    messages: int = 0
    own: tuple[int, int] = (TOKENS, TOKENS)
    escrow: dict[str, int] = field(default_factory=dict)
    vouchers: dict[tuple[str, str], int] = field(default_factory=dict)

    async def standing(self, lane):
        return self.stands.get(lane.source_client, [])

    async def received(self, lane, count):
        return self.has.get(lane.destination_client, [False] * count)[:count]

    async def arrived(self):
        return self.messages

    async def kept(self):
        return self.own

    async def locked(self, client):
        return self.escrow.get(client, 0)

    async def foreign(self, client, denom):
        return self.vouchers.get((client, denom), 0)


async def test_every_packet_is_counted_by_commitment_and_receipt():
    here = Chain(stands={"ab": [False, True, False, True]})
    there = Chain(has={"ba": [True, True, False, False]})
    found = await books.counts({A: here, B: there}, [A_TO_B], {})
    assert found[A_TO_B] == Count(sent=4, delivered=2, acknowledged=1, refunded=1, lost=2)


@pytest.mark.parametrize(("arrived", "lost", "duplicated"), [(5, 0, 0), (4, 1, 0), (7, 0, 2)])
async def test_messages_that_an_application_misses_or_has_twice_are_told_once_for_all_lanes_to_it(
    arrived, lost, duplicated
):
    chains = {A: Chain(), B: Chain(messages=arrived), C: Chain()}
    found = await books.counts(chains, [A_TO_B, C_TO_B], {A_TO_B: 3, C_TO_B: 2})
    assert sum(one.lost for one in found.values()) == lost
    assert sum(one.duplicated for one in found.values()) == duplicated


def balanced():
    """Return books of tokens that went from one chain to two others."""
    home = Chain(own=(TOKENS - 30, TOKENS), escrow={"ab": 10, "ac": 20})
    return home, Chain(vouchers={("ba", "gold"): 10}), Chain(vouchers={("ca", "gold"): 20})


LANES = [
    A_TO_B,
    Lane(source=A, source_client=ClientId("ac"), destination=C, destination_client=ClientId("ca")),
]


async def test_what_is_locked_for_several_chains_adds_up():
    home, one, two = balanced()
    assert await books.unbalanced({A: home, B: one, C: two}, {A: "gold"}, LANES) == []


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda home, one, two: one.vouchers.update({("ba", "gold"): 11}), "10 of gold locked, 11 abroad"),
        (lambda home, one, two: home.escrow.update({"ac": 19}), "19 of gold locked, 20 abroad"),
        (
            lambda home, one, two: setattr(home, "own", (TOKENS - 29, TOKENS)),
            f"got {TOKENS}: {TOKENS - 29} kept",
        ),
        (lambda home, one, two: setattr(home, "own", (TOKENS - 30, TOKENS + 1)), f"got {TOKENS + 1}"),
    ],
    ids=["more abroad", "less locked", "more kept", "more of it"],
)
async def test_tokens_made_or_burnt_anywhere_are_told(spoil, told):
    home, one, two = balanced()
    spoil(home, one, two)
    problems = await books.unbalanced({A: home, B: one, C: two}, {A: "gold"}, LANES)
    assert told in "; ".join(problems)
