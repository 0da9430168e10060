"""Heads that nobody signed: an endpoint that once showed one can neither halt nor stall a chain by it."""

import asyncio
from collections.abc import Callable
from dataclasses import InitVar, dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from adapters.api import ChainStatus, LightClientSpec
from proofs.types import Assurance, BlockRef, ChainId, Height, TrustedState, UntrustedUpdate
from proofs.verdict import Accepted, Rejected
from relays.core.events import CursorLost, Violated
from relays.runtime.heads import ChainLink
from relays.runtime.perform import _find_lost
from relays.runtime.ports import ChainHalt, TrustMemory
from relays.runtime.status import ChainMode
from relays.runtime.trust import Contradiction
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


def opened(
    blocks: dict[int, Made], head: int, memory: TrustMemory | None = None
) -> tuple[Shown, ChainLink, ManualClock]:
    chain, clock = Shown(blocks, head), ManualClock(STEADY[40].time_s + 1.0)
    anchor = STEADY[1]
    spec = LightClientSpec(
        family="tendermint", params=params_of(anchor), assurance=Assurance.CONSENSUS, anchor=anchor.ref
    )
    return chain, ChainLink(chain, spec, clock, memory=memory), clock


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


class Remembering:
    """A `TrustMemory` that outlives links."""

    def __init__(self) -> None:
        self.state: TrustedState | None = None
        self.halt: ChainHalt | None = None
        self.writes: list[str] = []

    async def recall_trust(self, anchor: BlockRef) -> TrustedState | None:
        return self.state

    async def remember_trust(self, anchor: BlockRef, state: TrustedState) -> None:
        self.state = state
        self.writes.append("trust")

    async def recall_halt(self, chain: ChainId) -> ChainHalt | None:
        return self.halt

    async def remember_halt(self, chain: ChainId, halt: ChainHalt) -> None:
        self.halt = halt
        self.writes.append("halt")

    async def forget(self, chain: ChainId) -> None:
        self.state = self.halt = None
        self.writes.append("forget")


@pytest.mark.parametrize("contradicted", [False, True])
async def test_a_contradiction_outlives_the_process_until_a_person_forgives(contradicted: bool) -> None:
    memory = Remembering()
    _, link, clock = opened(dict(STEADY), 20, memory)
    await link._recall()
    if contradicted:
        link.trust.contradiction = Contradiction(
            chain=CHAIN, detail="two blocks", trusted=None, untrusted_update=None
        )
    for _ in range(3):
        await link.contradict("two blocks")
    assert memory.writes == ["halt"]
    again, reborn, _ = opened(dict(STEADY), 20, memory)
    await reborn._recall()
    for _ in range(30):
        again.head += head_step(again)
        await reborn._round()
        reborn._clock.time_s += 1
    assert reborn.health().mode is ChainMode.HALTED
    assert reborn.health().error == link.health().error
    verdict = await reborn.trust.advance_to(again, reborn.spec, STEADY[39].ref, clock.now_s())
    assert isinstance(verdict, Rejected) is contradicted
    await reborn.forgive()
    _, third, _ = opened(dict(STEADY), 20, memory)
    await third._recall()
    await third._round()
    assert third.health().mode is ChainMode.UP
    assert (memory.halt, memory.state) == (None, None)


def head_step(chain: Shown) -> int:
    """Grow while there are blocks."""
    return 1 if chain.head < 38 else 0


async def test_trust_that_was_reached_before_it_was_forgotten_is_not_remembered_after() -> None:
    memory = Remembering()
    chain, link, clock = opened(dict(STEADY), 20, memory)
    await link._round()
    original, asked, go_on = chain.update, asyncio.Event(), asyncio.Event()

    async def slow(target: BlockRef) -> UntrustedUpdate:
        asked.set()
        await go_on.wait()
        return await original(target)

    chain.update, chain.head = slow, 30
    clock.time_s += 11
    reading = asyncio.create_task(link._round())
    await asked.wait()
    await link.forgive()
    go_on.set()
    await reading
    assert memory.state is None
    assert "trust" not in memory.writes


async def test_a_cursor_at_a_block_that_nobody_signed_is_set_back_and_at_a_judged_one_it_counts() -> None:
    chain, link, clock = opened(dict(STEADY), 20)
    world, step = SimpleNamespace(clock=clock), object()
    lost = await _find_lost(world, link, step, STRANGERS[20].ref)
    assert isinstance(lost, CursorLost)
    assert lost.sure == STEADY[1].ref
    await link.trust.advance_to(chain, link.spec, STEADY[12].ref, clock.now_s())
    await link.trust.advance_to(chain, link.spec, STEADY[25].ref, clock.now_s())
    assert (await _find_lost(world, link, step, STRANGERS[20].ref)).sure == STEADY[12].ref
    assert link.health().mode is not ChainMode.HALTED
    await link.trust.advance_to(chain, link.spec, STEADY[20].ref, clock.now_s())
    assert await _find_lost(world, link, step, STEADY[20].ref) is None
    chain.blocks[20] = FORK
    assert isinstance(await _find_lost(world, link, step, STEADY[20].ref), Violated)
    assert link.health().mode is ChainMode.HALTED


class Told:
    """What lanes are told of a chain."""

    def __init__(self) -> None:
        self.heights: list[int] = []
        self.withdrawals = 0

    def heads_read(self, status: ChainStatus) -> None:
        self.heights.append(status.finalized.height)

    def heads_withdrawn(self, chain: ChainId) -> None:
        self.withdrawals += 1

    def chain_halted(self, chain: ChainId, detail: str) -> None:
        raise AssertionError(detail)

    def chain_down(self, chain: ChainId, detail: str) -> None:
        raise AssertionError(detail)


@dataclass
class Watched:
    """A chain, its reader and what lanes hear."""

    blocks: InitVar[dict[int, Made]]
    head: InitVar[int]
    told: Told = field(default_factory=Told)

    def __post_init__(self, blocks: dict[int, Made], head: int) -> None:
        self.chain, self.link, self.clock = opened(blocks, head)
        self.link.subscribe(self.told)

    async def shows(self, head: int, *, for_s: float = 0.0) -> None:
        """Show this head for so many seconds, at least once."""
        self.chain.head = head
        await self.link._round()
        for _ in range(int(for_s)):
            self.clock.time_s += 1
            await self.link._round()

    async def trusts(self, height: int) -> None:
        verdict = await self.link.trust.advance_to(
            self.chain, self.link.spec, STEADY[height].ref, self.clock.now_s()
        )
        assert isinstance(verdict, Accepted), verdict


async def test_a_head_that_nobody_signed_is_withdrawn_when_it_stays_out_of_reach() -> None:
    watched = Watched({**STEADY, 40: STRANGERS[40]}, 20)
    await watched.shows(20)
    await watched.shows(40)
    await watched.shows(21, for_s=9)
    assert (watched.told.withdrawals, watched.told.heights[-1]) == (0, 40)
    await watched.shows(22, for_s=1)
    assert (watched.told.withdrawals, watched.told.heights[-1]) == (1, 22)
    await watched.shows(23, for_s=30)
    assert (watched.told.withdrawals, watched.told.heights[-1]) == (1, 23)
    assert watched.link.head() == STEADY[23].ref


async def test_an_endpoint_that_lags_for_a_moment_takes_nothing_back() -> None:
    watched = Watched(dict(STEADY), 30)
    for _ in range(10):
        await watched.shows(30)
        await watched.shows(28, for_s=5)
    assert (watched.told.withdrawals, set(watched.told.heights)) == (0, {30})


async def test_a_head_that_the_light_client_accepted_is_never_taken_back() -> None:
    watched = Watched(dict(STEADY), 30)
    await watched.shows(30)
    await watched.trusts(30)
    await watched.shows(20, for_s=60)
    assert (watched.told.withdrawals, set(watched.told.heights)) == (0, {30})


async def test_no_head_falls_below_what_the_light_client_accepted() -> None:
    watched = Watched({**STEADY, 40: STRANGERS[40]}, 40)
    await watched.shows(40)
    await watched.trusts(25)
    await watched.shows(24, for_s=60)
    assert watched.told.withdrawals == 0
    await watched.shows(25)
    assert (watched.told.withdrawals, watched.told.heights[-1]) == (1, 25)


async def test_a_rival_of_a_head_that_nobody_signed_replaces_it_at_once() -> None:
    watched = Watched({**STEADY, 30: STRANGERS[30]}, 30)
    await watched.shows(30)
    watched.chain.blocks[30] = STEADY[30]
    await watched.shows(30)
    assert watched.told.withdrawals == 1
    assert watched.link.head() == STEADY[30].ref


async def test_a_higher_head_with_an_earlier_time_refutes_one_that_nobody_signed() -> None:
    late = forged(STEADY[21], time_ns=(STEADY[40].time_s + 1_000_000) * 10**9)
    watched = Watched({**STEADY, 21: late}, 21)
    await watched.shows(21)
    await watched.shows(22)
    assert (watched.told.withdrawals, watched.told.heights) == (1, [21, 22])


async def test_a_head_that_was_overtaken_and_never_was_a_block_is_withdrawn_when_it_is_looked_up() -> None:
    watched = Watched({**STEADY, 20: STRANGERS[20]}, 20)
    await watched.shows(20)
    watched.chain.blocks[20] = STEADY[20]
    await watched.shows(30, for_s=11)
    assert (watched.told.withdrawals, watched.told.heights[-1]) == (1, 30)


async def test_the_reader_costs_no_more_requests_than_before() -> None:
    watched = Watched(dict(STEADY), 20)
    asked: list[str] = []
    for name in ("status", "block", "update"):
        original = getattr(watched.chain, name)

        def counted(*args: object, name: str = name, original: Callable[..., Any] = original) -> Any:
            asked.append(name)
            return original(*args)

        setattr(watched.chain, name, counted)
    for height in range(20, 29):
        await watched.shows(height)
    assert asked == ["status"] * 9
