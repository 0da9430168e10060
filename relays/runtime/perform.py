"""Carries out one step of a lane against chains and attestors, and says what happened. Decides nothing."""

from dataclasses import dataclass
from typing import assert_never

from adapters.api import Clock, Evidence
from adapters.errors import AdapterError, MalformedReply, RateLimited, Refused, Underfunded
from proofs.types import BlockRef
from proofs.verdict import Accepted, Reason, Rejected
from relays.core.events import (
    AcknowledgementsSeen,
    BlockRefused,
    Cause,
    ChainFailure,
    Checked,
    CursorLost,
    DeliveryRefused,
    Event,
    Failed,
    Followed,
    FundsMissing,
    Handed,
    Judged,
    PacketsSeen,
    Signed,
    SignersMissing,
    Violated,
)
from relays.core.failing import touches_source
from relays.core.lane import LaneParams
from relays.core.steps import Attest, Check, Effect, Observe, Prove, Submit, Track
from relays.core.types import Leg
from relays.runtime.carry import Carrier, host_of
from relays.runtime.evidence import contradiction_of, may_contradict, prove_and_verify, sure_block
from relays.runtime.heads import ChainLink
from relays.runtime.journal import Journal
from relays.runtime.ports import Attestors, AttestorsMissing


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a lane's steps touch."""

    params: LaneParams
    source: ChainLink
    destination: ChainLink
    attestors: Attestors
    carrier: Carrier | None
    """Set when the destination judges headers and proofs itself: then nobody is asked to sign."""
    journal: Journal
    clock: Clock


async def perform(world: World, step: Effect) -> Event:
    """Return what happened. Raises only what nobody expects."""
    try:
        return await _perform(world, step)
    except (AdapterError, AttestorsMissing) as error:
        return Failed(at_s=world.clock.now_s(), step=step, cause=_cause(world, step, error))


async def _perform(world: World, step: Effect) -> Event:
    match step:
        case Observe():
            return await _observe(world, step)
        case Check():
            return await _check(world, step)
        case Prove():
            return await _prove(world, step)
        case Attest():
            evidence = await _evidence(world, step)
            return Signed(at_s=world.clock.now_s(), step=step, evidence=evidence)
        case Submit():
            await world.journal.flushed()
            submission = await _link(world, step).chain.submit(step.delivery)
            return Handed(at_s=world.clock.now_s(), step=step, submission=submission)
        case Track():
            statuses = await _link(world, step).chain.submissions(step.ids)
            _expect_count(len(step.ids), len(statuses), "submissions")
            return Followed(at_s=world.clock.now_s(), step=step, statuses=statuses)
        case _:
            assert_never(step)


def _link(world: World, step: Effect) -> ChainLink:
    """Return the chain that a step speaks to."""
    return world.source if touches_source(step) else world.destination


async def _evidence(world: World, step: Attest) -> Evidence:
    """Return why the chain that must act is to believe a proven list."""
    lane, proven = world.params.lane, step.batch.proven
    if world.carrier is None:
        return await world.attestors.attest(lane, proven)
    host = host_of(lane, world.source, world.destination, proven[0].claim)
    return await world.carrier.carry(lane, host, proven, world.clock.now_s())


async def _observe(world: World, step: Observe) -> Event:
    link, lane = _link(world, step), world.params.lane
    if step.pin is not None:
        expected = BlockRef(chain=link.chain.chain_id, height=step.pin.height, hash=step.pin.hash)
        lost = await _find_lost(world, link, step, expected)
        if lost is not None:
            return lost
    whole = step.last == step.finalized.height
    last = step.finalized if whole else await link.chain.block(step.last)
    if step.leg is Leg.OUT:
        packets = await link.chain.sent(lane, step.first, last)
        return PacketsSeen(at_s=world.clock.now_s(), step=step, last=last, packets=packets)
    seen = await link.chain.acknowledged(lane, step.first, last)
    return AcknowledgementsSeen(at_s=world.clock.now_s(), step=step, last=last, acknowledgements=seen)


async def _find_lost(
    world: World, link: ChainLink, step: Observe, expected: BlockRef
) -> Violated | CursorLost | None:
    """Return what is wrong with the block that the cursor is pinned to, None when it is the chain's.

    A violation when it provably was the chain's and is no longer; lost when it was an endpoint's word.
    """
    actual = await link.chain.block(expected.height)
    if actual == expected:
        return None
    now_s = world.clock.now_s()
    if not may_contradict(link.spec, link.trust, expected):
        sure = sure_block(link.spec, link.trust, below=expected.height)
        return None if sure is None else CursorLost(at_s=now_s, step=step, sure=sure)
    detail = await contradiction_of(link.chain, link.spec, link.trust, expected, actual, now_s)
    if not detail:
        raise MalformedReply(
            f"block {expected.height}: expected {expected.hash.hex()}, got {actual.hash.hex()}"
        )
    await link.contradict(detail)
    return Violated(at_s=now_s, chain=link.chain.chain_id, detail=detail)


async def _check(world: World, step: Check) -> Event:
    outstanding = await _link(world, step).chain.outstanding(world.params.lane, step.claims, step.at)
    _expect_count(len(step.claims), len(outstanding), "outstanding")
    return Checked(at_s=world.clock.now_s(), step=step, outstanding=outstanding)


async def _prove(world: World, step: Prove) -> Event:
    link, lane, now_s = _link(world, step), world.params.lane, world.clock.now_s()
    block = await link.trust.advance_to(link.chain, link.spec, step.at, now_s)
    if not isinstance(block, Accepted):
        if isinstance(block, Rejected) and block.reason is Reason.CONTRADICTION:
            await link.contradict(block.detail)
        return BlockRefused(at_s=world.clock.now_s(), step=step, verdict=block)
    keep = None if world.carrier is None else world.carrier.shelf.put
    verdicts = await prove_and_verify(
        link.chain, link.spec, link.trust, lane, step.batch.claims, step.at, now_s, keep=keep
    )
    return Judged(at_s=world.clock.now_s(), step=step, verdicts=verdicts)


def _expect_count(expected: int, actual: int, what: str) -> None:
    if expected != actual:
        raise MalformedReply(f"{what}: expected {expected} answers, got {actual}")


def _cause(world: World, step: Effect, error: AdapterError | AttestorsMissing) -> Cause:
    """Return what the error means to a lane."""
    match error:
        case AttestorsMissing():
            return SignersMissing(detail=str(error))
        case Refused():
            return DeliveryRefused(detail=str(error))
        case Underfunded():
            return FundsMissing(detail=str(error))
        case AdapterError():
            chain = _link(world, step).chain.chain_id
            retry_s = error.retry_after_s if isinstance(error, RateLimited) else None
            return ChainFailure(
                code=error.code, detail=f"{chain}: {error}", remedy=error.remedy, retry_after_s=retry_s
            )
        case _:
            assert_never(error)
