"""Lanes, packets and claims for tests, with only what matters spelled out."""

from proofs.records import replace
from proofs.types import ChainId, ClientId, Lane, Packet, Payload, Sequence

SOURCE = ChainId("eip155:31337")
DESTINATION = ChainId("eip155:31338")

LANE = Lane(
    source=SOURCE,
    source_client=ClientId("isthmus-0"),
    destination=DESTINATION,
    destination_client=ClientId("isthmus-7"),
)

PAYLOAD = Payload(
    source_port="gateway",
    destination_port="gateway",
    version="1",
    encoding="application/octet-stream",
    value=b"hello",
)


def packet(
    sequence: int = 1, *, value: bytes = b"hello", timeout_s: int = 2_000_000_000, lane: Lane = LANE
) -> Packet:
    """Return a packet of a lane."""
    return Packet(
        sequence=Sequence(sequence),
        source_client=lane.source_client,
        destination_client=lane.destination_client,
        timeout_s=timeout_s,
        payloads=(replace(PAYLOAD, value=value),),
    )
