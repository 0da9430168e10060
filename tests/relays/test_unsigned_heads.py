"""Heads that nobody signed: an endpoint that once showed one cannot halt a chain by the truth later."""

from types import SimpleNamespace

import pytest

from adapters.api import ChainStatus, LightClientSpec
from proofs.types import Assurance, BlockRef, Height, UntrustedUpdate
from relays.runtime.heads import ChainLink
from relays.runtime.perform import _find_violation
from relays.runtime.status import ChainMode
from tests.support.clocks import ManualClock
from tests.support.cosmos_blocks import CHAIN, Made, forged, grow, params_of, seats

STEADY = grow([seats(1, 2, 3, 4)] * 40)
STRANGERS = grow([seats(91, 92)] * 40)
FORK = forged(STEADY[20], app_hash=b"x" * 32)


class Shown:
    """A chain that shows the blocks that the test gives it."""

    chain_id = CHAIN

    def __init__(self, blocks: dict[int, Made], head: int) -> None:
        self.blocks, self.head = blocks, head

    async def connect(self) -> None:
        pass

    async def status(self) -> ChainStatus:
        made = self.blocks[self.head]
        return ChainStatus(
            head=made.ref, finalized=made.ref, finalized_time_s=made.time_s, observed_at_s=made.time_s
        )

    async def block(self, height: Height) -> BlockRef:
        return self.blocks[height].ref

    async def update(self, target: BlockRef) -> UntrustedUpdate:
        return self.blocks[target.height].update


def opened(blocks: dict[int, Made], head: int) -> tuple[Shown, ChainLink, ManualClock]:
    chain, clock = Shown(blocks, head), ManualClock(STEADY[40].time_s + 1.0)
    anchor = STEADY[1]
    spec = LightClientSpec(
        family="tendermint", params=params_of(anchor), assurance=Assurance.CONSENSUS, anchor=anchor.ref
    )
    return chain, ChainLink(chain, spec, clock), clock


@pytest.mark.parametrize("head", [20, 30])
async def test_the_truth_after_an_unsigned_head_is_no_contradiction(head: int) -> None:
    chain, link, clock = opened(STRANGERS | {1: STEADY[1]}, 20)
    await link._round()
    chain.blocks, chain.head = dict(STEADY), head
    clock.time_s += 60
    await link._round()
    assert link.health().mode is ChainMode.UP
    assert link.head() == STEADY[head].ref


@pytest.mark.covers("REL-11")
async def test_a_signed_rival_of_a_head_that_was_judged_halts_the_chain() -> None:
    chain, link, clock = opened(dict(STEADY), 20)
    await link.trust.advance_to(chain, link.spec, STEADY[20].ref, clock.now_s())
    await link._round()
    chain.blocks[20] = FORK
    await link._round()
    assert link.health().mode is ChainMode.HALTED


async def test_a_cursor_at_a_block_that_nobody_signed_is_passed_over_and_at_a_judged_one_it_counts() -> None:
    chain, link, clock = opened(dict(STEADY), 20)
    world = SimpleNamespace(clock=clock)
    assert await _find_violation(world, link, STRANGERS[20].ref) is None
    assert link.health().mode is not ChainMode.HALTED
    await link.trust.advance_to(chain, link.spec, STEADY[20].ref, clock.now_s())
    chain.blocks[20] = FORK
    assert await _find_violation(world, link, STEADY[20].ref) is not None
    assert link.health().mode is ChainMode.HALTED
