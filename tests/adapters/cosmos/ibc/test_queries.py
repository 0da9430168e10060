"""Lists of what there is on a chain: what only other versions of ibc-go know is shown, too."""

import pytest

from adapters.cosmos.ibc import queries
from adapters.cosmos.pb.ibc.core.channel.v1 import query_pb2
from proofs.pb.ibc.core.channel.v1 import channel_pb2
from proofs.types import BlockRef, ChainId, Height


class Chain:
    """Says that there are these channels."""

    def __init__(self, *channels):
        self._channels = channels

    async def ask(self, method, request, answer, at):
        return query_pb2.QueryChannelsResponse(channels=self._channels)


@pytest.mark.asyncio
async def test_a_channel_in_a_state_that_we_do_not_know_is_listed_by_its_number():
    flushing = channel_pb2.IdentifiedChannel(channel_id="channel-1", state=5, ordering=9)
    plain = channel_pb2.IdentifiedChannel(
        channel_id="channel-0", state=channel_pb2.STATE_OPEN, ordering=channel_pb2.ORDER_ORDERED
    )
    at = BlockRef(chain=ChainId("cosmos:chain-a"), height=Height(9), hash=bytes(32))
    found = (await queries.channels(Chain(plain, flushing), at)).entries
    assert [(each.id, each.state, each.order) for each in found] == [
        ("channel-0", "open", "ordered"),
        ("channel-1", "5", "9"),
    ]
