"""Two thousand packets at once between two real Cosmos chains: each received and acknowledged once."""

import pytest

from tests.e2e.cosmos.pair import pair

COUNT = 2_000


@pytest.mark.nodes
async def test_two_thousand_packets_are_received_and_acknowledged_once_each(tmp_path) -> None:
    async with pair(tmp_path) as chains:
        await chains.start_gateway()
        lane = chains.v1.there
        assert len(set(await chains.transfer(lane, 1, count=COUNT))) == COUNT
        await chains.arrived(lane, COUNT)
        assert await chains.conserved(lane)
