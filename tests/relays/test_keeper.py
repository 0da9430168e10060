"""Keepers of hosted clients: refresh in time, a lost client told to its lanes."""

from dataclasses import replace

import pytest

from relays.runtime.keeper import ClientMode
from tests.relays.yards import HOST, HOST_BLOCKS, PERIOD_S, Yard
from tests.support.cosmos_blocks import (
    INTERVAL_S,
    START_S,
    grow,
    header_of,
    seats,
    signed,
)


async def test_a_young_client_is_left_alone() -> None:
    yard = Yard()
    assert await yard.look(at=10 + PERIOD_S // INTERVAL_S // 2 - 1) is ClientMode.ACTIVE
    assert yard.hosting.delivered == []


async def test_a_client_gets_a_header_when_half_of_its_period_has_passed() -> None:
    yard = Yard()
    await yard.look(at=10 + PERIOD_S // INTERVAL_S // 2 + 1)
    [delivery] = yard.hosting.delivered
    assert delivery.proven == ()
    assert [update.target.height for update in delivery.evidence.updates] == [10, 41]
    assert await yard.look(at=42) is ClientMode.ACTIVE
    assert len(yard.hosting.delivered) == 1


async def test_a_client_that_asks_for_more_trust_than_we_do_is_led_in_steps_that_it_takes() -> None:
    yard = Yard()
    yard.hosting.trust_level = (2, 3)
    asked, path = [], yard.proving.trust.path

    async def spied(*arguments: object, **options: object) -> object:
        asked.append(options)
        return await path(*arguments, **options)

    yard.proving.trust.path = spied
    await yard.look(at=10 + PERIOD_S // INTERVAL_S // 2 + 1)
    assert asked == [{"trust_level": (2, 3)}]


async def test_a_client_with_less_than_a_third_of_its_time_left_is_called_expiring() -> None:
    yard = Yard()
    yard.hosting.submit = None
    yard.followed.update = None
    with pytest.raises(TypeError):
        await yard.look(at=10 + PERIOD_S // INTERVAL_S * 2 // 3 + 1)
    assert yard.keeper.health().mode is ClientMode.EXPIRING


async def test_an_expired_client_is_told_to_its_lanes() -> None:
    yard = Yard()
    assert await yard.look(at=10 + PERIOD_S // INTERVAL_S + 1) is ClientMode.EXPIRED
    [reason] = yard.lost
    assert "expired" in reason


async def test_a_frozen_client_is_told_to_its_lanes() -> None:
    yard = Yard()
    yard.hosting.frozen = True
    assert await yard.look(at=11) is ClientMode.FROZEN
    assert len(yard.lost) == 1


async def test_a_closed_end_is_told_at_every_look_for_a_lane_may_begin_late() -> None:
    yard = Yard()
    await yard.look(at=11)
    yard.hosting.closed = True
    await yard.look(at=12)
    await yard.look(at=13)
    assert yard.closed == [502, 503]


def lie_about_the_host(yard: Yard) -> None:
    """From now on, the host chain's blocks are those of strangers."""
    lies = grow([seats(91, 92, 93)] * 30, first=500, chain=HOST, chain_id="host-1")
    yard.hosting.blocks = lies | {500: HOST_BLOCKS[500]}


async def test_a_client_that_is_frozen_or_closed_only_in_a_false_block_stops_no_lane() -> None:
    for lie in ({"frozen": True}, {"closed": True}):
        yard = Yard()
        lie_about_the_host(yard)
        yard.hosting.__dict__.update(lie)
        await yard.look(at=11)
        assert (yard.lost, yard.closed) == ([], [])
        assert "not trusted" in yard.keeper.health().detail


async def test_false_old_blocks_of_the_followed_chain_do_not_make_the_client_a_lost_one() -> None:
    yard = Yard()
    header = replace(header_of(10, seats(91), seats(92)), time_ns=START_S * 10**9 - 10**15)
    old = signed(header, seats(91), seats(92))
    yard.followed.lies[10] = old
    await yard.look(at=10 + PERIOD_S // INTERVAL_S // 2 + 1)
    assert yard.lost == []
    assert "no way" in yard.keeper.health().detail
