"""Events of blocks, read into packets; spans of blocks, narrowed by what changed in state."""

import pytest

from adapters.cosmos.events import NO_TRANSACTION, happened, sent_in, updated_in, written_in
from adapters.cosmos.history import narrowed
from adapters.cosmos.pb.ibc.core.channel.v2 import packet_pb2
from adapters.cosmos.wire import AttributeJson, BlockResultsJson, EventJson, Number, TxResultJson
from adapters.errors import MalformedReply, Pruned
from proofs.codec import NEVER_S
from proofs.types import Channel, Height

CHANNEL_SEND = {
    "packet_data_hex": b"data".hex(),
    "packet_timeout_height": "3-77",
    "packet_timeout_timestamp": "1700000000000000001",
    "packet_sequence": "9",
    "packet_src_port": "transfer",
    "packet_src_channel": "channel-4",
    "packet_dst_port": "other",
    "packet_dst_channel": "channel-12",
    "packet_channel_ordering": "ORDER_UNORDERED",
}
PACKET = packet_pb2.Packet(
    sequence=5,
    source_client="07-tendermint-1",
    destination_client="attestations-2",
    timeout_timestamp=1_800_000_000,
    payloads=[
        packet_pb2.Payload(
            source_port="a", destination_port="b", version="1", encoding="text/plain", value=b"v"
        )
    ],
)
CLIENT_SEND = {
    "packet_source_client": "07-tendermint-1",
    "encoded_packet_hex": PACKET.SerializeToString().hex(),
}


def event(kind, attributes):
    return EventJson(
        type=kind, attributes=[AttributeJson(key=key, value=value) for key, value in attributes.items()]
    )


def block(*transactions, of_block=(), code=0):
    results = [
        TxResultJson(code=code, gas_wanted=Number(1), gas_used=Number(1), events=list(events))
        for events in transactions
    ]
    return happened(
        BlockResultsJson(height=Number(7), txs_results=results, finalize_block_events=list(of_block))
    )


def test_a_packet_of_a_channel_is_read_with_its_timeouts() -> None:
    [found] = sent_in(block([], [event("send_packet", CHANNEL_SEND)]), "channel-4")
    packet = found.packet
    assert (packet.sequence, packet.source_client, packet.destination_client) == (
        9,
        "channel-4",
        "channel-12",
    )
    assert packet.channel == Channel(
        timeout_ns=1700000000000000001, timeout_revision=3, timeout_height=Height(77), ordered=False
    )
    assert packet.timeout_s == 1700000001
    assert (packet.payloads[0].source_port, packet.payloads[0].destination_port) == ("transfer", "other")
    assert packet.payloads[0].value == b"data"
    assert found.place == 1


def test_a_packet_without_a_time_never_times_out_by_time_and_one_of_an_ordered_channel_says_so() -> None:
    changes = {"packet_timeout_timestamp": "0", "packet_channel_ordering": "ORDER_ORDERED"}
    [found] = sent_in(block([event("send_packet", CHANNEL_SEND | changes)]), "channel-4")
    assert found.packet.timeout_s == NEVER_S
    assert found.packet.channel.ordered


def test_a_packet_of_a_client_is_read_from_its_encoding() -> None:
    [found] = sent_in(block([event("send_packet", CLIENT_SEND)]), "07-tendermint-1")
    packet = found.packet
    assert (packet.sequence, packet.timeout_s, packet.channel) == (5, 1_800_000_000, None)
    assert (packet.source_client, packet.destination_client) == ("07-tendermint-1", "attestations-2")
    assert [payload.value for payload in packet.payloads] == [b"v"]


def test_events_of_other_ends_and_of_failed_transactions_do_not_count() -> None:
    both = [event("send_packet", CHANNEL_SEND), event("send_packet", CLIENT_SEND)]
    assert sent_in(block(both), "channel-5") == []
    assert len(sent_in(block(both), "channel-4")) == 1
    assert sent_in(block(both, code=1), "channel-4") == []


def test_what_the_block_itself_did_counts() -> None:
    [found] = sent_in(block(of_block=[event("send_packet", CHANNEL_SEND)]), "channel-4")
    assert found.place == NO_TRANSACTION


def test_acknowledgements_are_read_in_both_versions() -> None:
    written = packet_pb2.Acknowledgement(app_acknowledgements=[b"one", b"two"])
    of_client = {
        "packet_dest_client": "attestations-2",
        "packet_sequence": "5",
        "encoded_acknowledgement_hex": written.SerializeToString().hex(),
    }
    of_channel = {"packet_dst_channel": "channel-12", "packet_sequence": "9", "packet_ack_hex": "01ff"}
    events = block(
        [event("write_acknowledgement", of_client)], of_block=[event("write_acknowledgement", of_channel)]
    )
    [first] = written_in(events, "attestations-2")
    assert (first.sequence, first.acknowledgements, first.place) == (5, (b"one", b"two"), 0)
    [second] = written_in(events, "channel-12")
    assert (second.sequence, second.acknowledgements) == (9, (b"\x01\xff",))


def test_updates_of_a_client_are_found_by_transaction() -> None:
    update = event("update_client", {"client_id": "07-tendermint-0"})
    assert updated_in(block([], [update, update], [update]), "07-tendermint-0") == [1, 2]
    assert updated_in(block([update]), "07-tendermint-1") == []


@pytest.mark.parametrize(
    "change",
    [
        {"packet_sequence": "-1"},
        {"packet_sequence": str(2**64)},
        {"packet_timeout_height": "77"},
        {"packet_data_hex": "0g"},
        {"packet_timeout_timestamp": ""},
    ],
)
def test_an_event_that_cannot_be_read_is_malformed(change) -> None:
    with pytest.raises(MalformedReply):
        sent_in(block([event("send_packet", CHANNEL_SEND | change)]), "channel-4")


def test_a_missing_attribute_is_named() -> None:
    lacking = {key: value for key, value in CHANNEL_SEND.items() if key != "packet_dst_port"}
    with pytest.raises(MalformedReply, match="packet_dst_port"):
        sent_in(block([event("send_packet", lacking)]), "channel-4")


def probing(changes, asked):
    """Return a probe of a value that changed in these blocks, and note what it is asked for."""

    async def probe(heights):
        asked.extend(heights)
        return [sum(change <= height for change in changes).to_bytes(8, "big") for height in heights]

    return probe


@pytest.mark.parametrize("changes", [{500}, {100}, {9_999}, {100, 101, 4_000, 9_998}, {3}, set()])
async def test_a_long_span_is_narrowed_to_the_blocks_in_which_something_changed(changes) -> None:
    asked: list[int] = []
    parts = await narrowed((3, 10_000), probing(changes, asked))
    heights = [height for first, last in parts for height in range(first, last + 1)]
    assert heights == sorted(set(heights))
    assert changes <= set(heights)
    assert len(heights) <= 16 * len(changes)
    assert len(asked) <= 2 + 12 * len(changes)


async def test_the_first_blocks_of_a_chain_whose_states_cannot_be_asked_for_are_read() -> None:
    asked: list[int] = []
    parts = await narrowed((1, 1000), probing({2, 700}, asked))
    heights = {height for first, last in parts for height in range(first, last + 1)}
    assert {1, 2, 700} <= heights
    assert min(asked) >= 2
    assert len(heights) < 50


async def test_a_short_span_is_read_as_it_is() -> None:
    async def probe(_):
        raise Pruned("not to be asked")

    assert await narrowed((7, 12), probe) == [(7, 12)]
