"""The trust book over a chain with changing validators: bisection, walking down, forks, memory of a start."""

import pytest

from adapters.api import LightClientSpec
from proofs.records import replace
from proofs.types import Assurance, BlockRef, Height, UntrustedUpdate
from proofs.verdict import Accepted, NotEnoughTrust, Reason, Rejected
from relays.runtime.trust import TrustBook
from tests.support.cosmos_blocks import (
    INTERVAL_S,
    START_S,
    Made,
    forged,
    grow,
    header_of,
    params_of,
    seats,
    signed,
)

LENGTH = 60
NOW_S = START_S + INTERVAL_S * (LENGTH + 1.0)


class Served:
    """A chain that hands out its blocks, and counts what it is asked for."""

    def __init__(self, blocks: dict[int, Made]) -> None:
        self.blocks = blocks
        self.updates: list[int] = []
        self.instead: dict[BlockRef, UntrustedUpdate] = {}

    async def block(self, height: Height) -> BlockRef:
        return self.blocks[height].ref

    async def update(self, target: BlockRef) -> UntrustedUpdate:
        self.updates.append(target.height)
        return self.instead.get(target) or self.blocks[target.height].update


def spec_of(anchor: Made, **changes: object) -> LightClientSpec:
    return LightClientSpec(
        family="tendermint",
        params=params_of(anchor, **changes),
        assurance=Assurance.CONSENSUS,
        anchor=anchor.ref,
    )


def rotating() -> dict[int, Made]:
    """Four validators, of which one is replaced in every tenth block: after 40 blocks all are others."""
    return grow([seats(*range(at // 10, at // 10 + 4)) for at in range(LENGTH)])


STEADY = grow([seats(1, 2, 3, 4)] * LENGTH)


async def test_a_chain_with_a_steady_set_is_skipped_through_in_one_step() -> None:
    chain, book, spec = Served(STEADY), TrustBook(), spec_of(STEADY[1])
    assert isinstance(await book.advance_to(chain, spec, STEADY[LENGTH].ref, NOW_S), Accepted)
    assert chain.updates == [1, LENGTH]


@pytest.mark.covers("LC-04")
async def test_a_step_that_asks_for_too_much_trust_is_cut_in_half_until_it_does_not() -> None:
    blocks = rotating()
    chain, book, spec = Served(blocks), TrustBook(), spec_of(blocks[1])
    verdict = await book.advance_to(chain, spec, blocks[LENGTH].ref, NOW_S)
    assert isinstance(verdict, Accepted)
    assert verdict.value.block == blocks[LENGTH].ref
    assert 3 < len(chain.updates) < 20


async def test_the_path_for_somebody_else_has_every_step_that_he_needs_and_no_other() -> None:
    blocks = rotating()
    chain, book, spec = Served(blocks), TrustBook(), spec_of(blocks[1])
    found = await book.path(chain, spec, blocks[3].ref, blocks[LENGTH].ref, NOW_S)
    assert isinstance(found, Accepted)
    targets = [update.target.height for update in found.value.updates]
    assert targets[0] == 3
    assert targets[-1] == LENGTH
    assert targets == sorted(targets)
    assert isinstance(await TrustBook().path(chain, spec, blocks[3].ref, blocks[9].ref, NOW_S), Accepted)


async def test_a_path_asks_at_each_step_for_as_much_trust_as_the_one_who_is_led_asks_for() -> None:
    """Clients of other relayers often ask for two thirds, where we ask for one."""
    blocks = rotating()
    for level, heights in (
        (None, [3, 25]),
        ((1, 3), [3, 25]),
        ((2, 3), [3, 14, 25]),
    ):
        book, spec = TrustBook(), spec_of(blocks[1])
        found = await book.path(Served(blocks), spec, blocks[3].ref, blocks[25].ref, NOW_S, trust_level=level)
        assert isinstance(found, Accepted)
        assert [update.target.height for update in found.value.updates] == heights


async def test_a_path_to_a_block_that_is_trusted_already_is_empty_but_for_the_start() -> None:
    chain, book, spec = Served(STEADY), TrustBook(), spec_of(STEADY[1])
    found = await book.path(chain, spec, STEADY[5].ref, STEADY[5].ref, NOW_S)
    assert isinstance(found, Accepted)
    assert [update.target.height for update in found.value.updates] == [5]


async def test_blocks_below_the_anchor_are_reached_link_by_link() -> None:
    chain, book, spec = Served(STEADY), TrustBook(), spec_of(STEADY[30])
    assert isinstance(await book.advance_to(chain, spec, STEADY[27].ref, NOW_S), Accepted)
    assert chain.updates == [30, 29, 28, 27]


async def test_a_false_block_below_the_anchor_is_refused_though_its_signatures_are_good() -> None:
    chain, book, spec = Served(STEADY), TrustBook(), spec_of(STEADY[30])
    other = forged(STEADY[29], app_hash=b"x" * 32)
    chain.instead[other.ref] = other.update
    verdict = await book.advance_to(chain, spec, other.ref, NOW_S)
    assert isinstance(verdict, Rejected)
    assert book.at(other.ref) is None


async def test_nothing_is_trusted_when_the_anchor_is_not_the_chains() -> None:
    fork = forged(STEADY[5], app_hash=b"x" * 32)
    chain, book, spec = Served(STEADY), TrustBook(), spec_of(fork)
    verdict = await book.advance_to(chain, spec, STEADY[9].ref, NOW_S)
    assert isinstance(verdict, Rejected)
    assert verdict.reason is Reason.WRONG_BLOCK
    assert book.newest() is None


@pytest.mark.covers("LC-05")
async def test_an_anchor_past_its_trusting_period_starts_nothing() -> None:
    chain, book, spec = Served(STEADY), TrustBook(), spec_of(STEADY[1], trusting_period_s=60)
    verdict = await book.advance_to(chain, spec, STEADY[LENGTH].ref, NOW_S)
    assert isinstance(verdict, Rejected)
    assert verdict.reason is Reason.EXPIRED


async def test_trust_that_was_remembered_outlives_the_anchors_period() -> None:
    chain, book, spec = Served(STEADY), TrustBook(), spec_of(STEADY[1], trusting_period_s=60)
    early_s = STEADY[10].time_s + 1.0
    verdict = await book.advance_to(chain, spec, STEADY[10].ref, early_s)
    assert isinstance(verdict, Accepted)
    later, late_s = TrustBook(), STEADY[15].time_s + 1.0
    later.recall(verdict.value)
    assert late_s > STEADY[1].time_s + 60
    assert isinstance(await later.advance_to(chain, spec, STEADY[15].ref, late_s), Accepted)


@pytest.mark.covers("LC-10")
async def test_a_second_valid_block_at_a_trusted_height_is_a_contradiction_and_stays_one() -> None:
    chain, book, spec = Served(STEADY), TrustBook(), spec_of(STEADY[1])
    await book.advance_to(chain, spec, STEADY[20].ref, NOW_S)
    fork = forged(STEADY[20], app_hash=b"x" * 32)
    chain.instead[fork.ref] = fork.update
    verdict = await book.advance_to(chain, spec, fork.ref, NOW_S)
    assert isinstance(verdict, Rejected)
    assert verdict.reason is Reason.CONTRADICTION
    assert book.contradiction is not None
    assert isinstance(await book.advance_to(chain, spec, STEADY[30].ref, NOW_S), Rejected)


async def test_a_liar_without_the_validators_keys_contradicts_nothing() -> None:
    chain, book, spec = Served(STEADY), TrustBook(), spec_of(STEADY[1])
    await book.advance_to(chain, spec, STEADY[20].ref, NOW_S)
    strangers = grow([seats(91, 92, 93, 94)] * 25)
    chain.instead[strangers[20].ref] = strangers[20].update
    verdict = await book.advance_to(chain, spec, strangers[20].ref, NOW_S)
    assert not isinstance(verdict, Accepted)
    assert book.contradiction is None
    assert isinstance(await book.advance_to(chain, spec, STEADY[30].ref, NOW_S), Accepted)


async def test_strangers_are_never_reached_by_halving() -> None:
    honest = grow([seats(1, 2, 3, 4)] * 10)
    strangers = grow([seats(91, 92, 93, 94)] * LENGTH)
    chain, book = Served(honest | {at: strangers[at] for at in range(11, LENGTH)}), TrustBook()
    spec = spec_of(honest[1])
    verdict = await book.advance_to(chain, spec, strangers[40].ref, NOW_S)
    assert isinstance(verdict, NotEnoughTrust | Rejected)
    assert len(chain.updates) < 30


async def test_time_that_goes_back_between_trusted_blocks_is_a_contradiction() -> None:
    chain, book, spec = Served(STEADY), TrustBook(), spec_of(STEADY[1])
    await book.advance_to(chain, spec, STEADY[30].ref, NOW_S)
    ahead = forged(STEADY[20], time_ns=STEADY[35].block.header.time_ns)
    chain.instead[ahead.ref] = ahead.update
    verdict = await book.advance_to(chain, spec, ahead.ref, NOW_S)
    assert isinstance(verdict, Rejected)
    assert verdict.reason is Reason.CONTRADICTION


@pytest.mark.covers("LC-09")
async def test_a_path_from_a_start_that_an_endpoint_made_up_makes_nothing_trusted() -> None:
    chain, book, spec = Served(STEADY), TrustBook(), spec_of(STEADY[1])
    await book.advance_to(chain, spec, STEADY[40].ref, NOW_S)
    strangers = grow([seats(91, 92, 93, 94)] * LENGTH)
    chain.blocks = strangers | {40: STEADY[40]}
    found = await book.path(chain, spec, strangers[3].ref, STEADY[40].ref, NOW_S)
    assert not isinstance(found, Accepted)
    assert [book.at(made.ref) for made in strangers.values()] == [None] * LENGTH
    assert not isinstance(await book.advance_to(chain, spec, strangers[21].ref, NOW_S), Accepted)


async def test_a_path_from_a_start_that_an_endpoint_made_up_contradicts_nothing() -> None:
    chain, book, spec = Served(STEADY), TrustBook(), spec_of(STEADY[1])
    await book.advance_to(chain, spec, STEADY[40].ref, NOW_S)
    late = replace(header_of(3, seats(91), seats(1, 2, 3, 4)), time_ns=STEADY[50].block.header.time_ns)
    early = header_of(39, seats(91), seats(1, 2, 3, 4))
    for header in (late, early):
        start = signed(header, seats(91), seats(1, 2, 3, 4))
        chain.instead[start.ref] = start.update
        assert isinstance(await book.path(chain, spec, start.ref, STEADY[40].ref, NOW_S), Rejected)
    assert book.contradiction is None
    assert isinstance(await book.advance_to(chain, spec, STEADY[45].ref, NOW_S), Accepted)
