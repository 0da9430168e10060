"""Keepers compare the headers that a hosted client was given with the chain's own, and report forks."""

from dataclasses import replace

import msgspec
import pytest

from adapters.api import (
    Carried,
    Delivery,
    SeenClientUpdate,
    SubmissionId,
)
from adapters.errors import Pruned, Refused, TransportError
from proofs.lightclients.tendermint import validators_hash
from proofs.types import BlockRef, Height
from proofs.verdict import Reason, Rejected
from relays.runtime.keeper import ClientMode
from relays.runtime.status import ChainMode
from relays.runtime.trust import TrustBook
from tests.relays.yards import BLOCKS, HOST_BLOCKS, Yard
from tests.support.cosmos_blocks import (
    Made,
    Seat,
    forged,
    grow,
    params_of,
    seats,
    validators_of,
)

replace_seen = msgspec.structs.replace


def given(made: Made, *, host_height: int) -> SeenClientUpdate:
    return SeenClientUpdate(
        untrusted_update=made.update, trusted_height=Height(10), height=Height(host_height), transaction="t"
    )


async def test_the_chains_own_header_is_no_fork() -> None:
    yard = Yard()
    yard.hosting.given.append(given(BLOCKS[12], host_height=501))
    assert await yard.look(at=13) is ClientMode.ACTIVE
    assert yard.hosting.delivered == []


@pytest.mark.covers("LC-10")
async def test_a_header_that_conflicts_with_the_chains_own_freezes_the_client_and_stops_the_lanes() -> None:
    yard = Yard()
    fork = forged(BLOCKS[12], app_hash=b"x" * 32)
    yard.hosting.given.append(given(fork, host_height=501))
    await yard.look(at=13)
    [delivery] = yard.hosting.delivered
    assert isinstance(delivery.evidence, Carried)
    assert delivery.evidence.conflict == fork.update
    assert [update.target for update in delivery.evidence.updates] == [BLOCKS[10].ref, BLOCKS[12].ref]
    assert "fork" in yard.lost[0]
    assert yard.proving.health().mode is ChainMode.HALTED
    assert yard.acting.health().mode is ChainMode.UP
    assert await yard.look(at=14) is ClientMode.FROZEN


async def test_a_host_that_invented_a_head_is_searched_below_it_once_that_is_over() -> None:
    yard = Yard()
    yard.hosting.height = 518
    yard.hosting.blocks[519] = forged(HOST_BLOCKS[519], app_hash=b"y" * 32)
    await yard.look(at=13)
    yard.hosting.blocks = dict(HOST_BLOCKS)
    yard.hosting.height = 502
    yard.hosting.given.append(given(forged(BLOCKS[12], app_hash=b"x" * 32), host_height=503))
    await yard.look(at=16)
    await yard.look(at=18)
    assert yard.hosting.delivered[0].evidence.conflict is not None


async def test_a_header_above_everything_seen_is_looked_at_when_the_chain_gets_there() -> None:
    yard = Yard()
    fork = forged(BLOCKS[20], app_hash=b"x" * 32)
    yard.hosting.given.append(given(fork, host_height=501))
    await yard.look(at=13)
    assert yard.hosting.delivered == []
    await yard.look(at=20)
    assert len(yard.hosting.delivered) == 1


@pytest.mark.covers("LC-06")
async def test_a_header_above_everything_seen_is_reported_once_the_chain_has_passed_its_time() -> None:
    yard = Yard()
    far = forged(BLOCKS[90], time_ns=BLOCKS[15].block.header.time_ns)
    yard.hosting.given.append(given(far, host_height=501))
    await yard.look(at=14)
    assert (yard.hosting.delivered, yard.lost) == ([], [])
    await yard.look(at=15)
    [delivery] = yard.hosting.delivered
    assert isinstance(delivery.evidence, Carried)
    assert delivery.evidence.conflict == far.update
    assert [update.target for update in delivery.evidence.updates] == [BLOCKS[10].ref, BLOCKS[15].ref]
    assert "fork" in yard.lost[0]


async def test_a_header_that_the_chain_has_and_we_have_not_seen_is_no_fork() -> None:
    yard = Yard()
    yard.hosting.given.append(given(BLOCKS[16], host_height=501))
    for height in (13, 15, 16):
        assert await yard.look(at=height) is ClientMode.ACTIVE
    assert (yard.hosting.delivered, yard.lost) == ([], [])


async def test_a_header_that_no_validator_signed_stops_no_lane_and_is_left_to_the_chain_to_judge() -> None:
    """Whoever serves the host chain can name any header; the chain refuses what convinces no client."""
    yard = Yard()
    asked = []

    async def refuse(delivery: Delivery) -> SubmissionId:
        asked.append(delivery.evidence.conflict)
        raise Refused("validator set did not commit to header")

    yard.hosting.submit = refuse
    strangers = grow([seats(91, 92, 93, 94)] * 20)
    made = forged(BLOCKS[12], app_hash=b"x" * 32)
    unsigned = replace(made, block=replace(made.block, commit=BLOCKS[12].block.commit))
    stolen = replace(BLOCKS[12].update, target=made.ref)
    lies = [strangers[12].update, unsigned.update, stolen]
    for update in lies:
        seen = SeenClientUpdate(
            untrusted_update=update,
            trusted_height=Height(10),
            height=Height(yard.hosting.height + 1),
            transaction="t",
        )
        yard.hosting.given.append(seen)
        assert await yard.look(at=13) is ClientMode.ACTIVE
    assert (yard.lost, asked) == ([], lies)
    assert await yard.look(at=14) is ClientMode.ACTIVE
    assert asked == lies


@pytest.mark.covers("LC-10")
async def test_a_header_that_only_its_chain_can_judge_is_reported_to_it() -> None:
    """A validator without power, or with a key of a kind unknown here, is nothing to hide a fork behind."""
    yard = Yard()
    idle = replace(BLOCKS[12], seats=(*BLOCKS[12].seats, Seat(9, power=0)))
    fork = forged(idle, validators_hash=validators_hash(validators_of(idle.seats)))
    yard.hosting.given.append(given(fork, host_height=501))
    await yard.look(at=13)
    assert [delivery.evidence.conflict for delivery in yard.hosting.delivered] == [fork.update]
    assert yard.lost == []
    assert await yard.look(at=14) is ClientMode.FROZEN


@pytest.mark.covers("LC-10")
async def test_a_fork_from_a_block_that_nobody_serves_any_more_stops_the_lanes() -> None:
    yard = Yard()
    block = yard.followed.block

    async def pruned(height: Height) -> BlockRef:
        if height == 10:
            raise Pruned("block 10 is gone")
        return await block(height)

    yard.hosting.trusted = 11
    await yard.look(at=11)
    yard.followed.block = pruned
    yard.hosting.given.append(given(forged(BLOCKS[12], app_hash=b"x" * 32), host_height=502))
    await yard.look(at=13)
    assert "fork" in yard.lost[0]
    assert yard.proving.health().mode is ChainMode.HALTED


async def test_lanes_stop_at_a_fork_before_it_is_reported_and_the_report_is_tried_again() -> None:
    yard = Yard()
    submit, refused = yard.hosting.submit, []

    async def refuse(delivery: Delivery) -> SubmissionId:
        refused.append(delivery)
        raise TransportError("not now")

    yard.hosting.submit = refuse
    yard.hosting.given.append(given(forged(BLOCKS[12], app_hash=b"x" * 32), host_height=501))
    await yard.look(at=13)
    assert len(refused) == 1
    assert "fork" in yard.lost[0]
    yard.hosting.submit = submit
    await yard.look(at=14)
    assert yard.hosting.delivered[0].evidence.conflict is not None


async def test_a_header_from_a_block_too_old_for_us_is_reported_and_stops_lanes_only_when_proven() -> None:
    yard = Yard()
    old = replace(yard.proving.spec, params=params_of(BLOCKS[80]), anchor=BLOCKS[80].ref)
    yard.proving.spec = old
    yard.hosting.trusted = 60
    unbonded = replace(BLOCKS[85], seats=seats(1, 2), next_seats=seats(1, 2))
    fork = forged(unbonded, validators_hash=validators_hash(validators_of(seats(1, 2))))
    trust, height = yard.proving.trust, Height(70)

    async def too_old(chain: object, spec: object, at: BlockRef, now_s: float) -> object:
        if at.height == height:
            return Rejected(reason=Reason.LIMIT, detail="too far below")
        return await TrustBook.advance_to(trust, chain, spec, at, now_s)

    trust.advance_to = too_old
    strangers = grow([seats(91, 92)] * 90)
    for header in (strangers[85], fork):
        seen = replace_seen(given(header, host_height=yard.hosting.height + 1), trusted_height=height)
        yard.hosting.given.append(seen)
        yard.hosting.delivered.clear()
        await yard.look(at=86)
        assert [delivery.evidence.conflict for delivery in yard.hosting.delivered] == [header.update]
        assert ("fork" in "".join(yard.lost)) is (header is fork)
        yard.hosting.frozen = False


async def test_a_header_is_compared_again_when_our_own_block_could_not_be_judged() -> None:
    yard = Yard()
    strangers = grow([seats(91, 92, 93, 94)] * 20)
    yard.followed.lies[12] = strangers[12]
    yard.hosting.given.append(given(forged(BLOCKS[12], app_hash=b"x" * 32), host_height=501))
    await yard.look(at=13)
    assert yard.lost == []
    yard.followed.lies.clear()
    await yard.look(at=14)
    assert "fork" in yard.lost[0]
