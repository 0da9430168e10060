"""The two ends of a channel, which no commitment binds: events that name others are not taken."""

import msgspec
import pytest

from adapters.cosmos.channels import End
from adapters.cosmos.events import SentEvent
from adapters.cosmos.source import _check_ends
from adapters.errors import MalformedReply
from proofs.types import Channel, ClientId, Height, Packet, Payload, Sequence

END = End(
    name=ClientId("channel-3"),
    client=ClientId("07-tendermint-1"),
    counterparty=ClientId("channel-8"),
    port="transfer",
    counterparty_port="wasm.abc",
    connection="connection-1",
)
PAYLOAD = Payload(source_port="transfer", destination_port="wasm.abc", version="", encoding="", value=b"data")
PACKET = Packet(
    sequence=Sequence(1),
    source_client=END.name,
    destination_client=END.counterparty,
    timeout_s=10,
    payloads=(PAYLOAD,),
    channel=Channel(timeout_ns=10**10, timeout_revision=0, timeout_height=Height(0), ordered=False),
)
REPLACE = msgspec.structs.replace


def test_a_packet_with_the_proven_ends_is_taken() -> None:
    _check_ends("good", END, [SentEvent(packet=PACKET, place=0)])


@pytest.mark.parametrize(
    "lie",
    [
        {"payloads": (REPLACE(PAYLOAD, source_port="other"),)},
        {"payloads": (REPLACE(PAYLOAD, destination_port="transfer"),)},
        {"source_client": ClientId("channel-4")},
        {"destination_client": ClientId("channel-9")},
        {"channel": REPLACE(PACKET.channel, ordered=True)},
        {"channel": None},
    ],
)
def test_a_packet_that_names_other_ends_or_another_order_is_not_taken(lie: dict[str, object]) -> None:
    with pytest.raises(MalformedReply, match="endpoint bad"):
        _check_ends("bad", END, [SentEvent(packet=REPLACE(PACKET, **lie), place=0)])


def test_a_client_sends_packets_of_no_channel() -> None:
    client = End(name=ClientId("07-tendermint-1"), client=ClientId("07-tendermint-1"), counterparty=END.name)
    assert client.sends(REPLACE(PACKET, channel=None))
    assert not client.sends(PACKET)
