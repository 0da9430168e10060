"""Messages for store tests."""

from proofs.types import ChainId, ClientId, Height, Lane, Packet, Payload, Sequence
from relays.core.types import Changes, Message, State

LANE = Lane(
    source=ChainId("eip155:31337"),
    source_client=ClientId("attestations-0"),
    destination=ChainId("eip155:31338"),
    destination_client=ClientId("attestations-1"),
)
BACK = LANE.reverse()


def message(sequence, *, lane=LANE, state=State.OBSERVED, since_s=1.0, value=b"hello"):
    payload = Payload(
        source_port="a", destination_port="b", version="v1", encoding="application/octet-stream", value=value
    )
    packet = Packet(
        sequence=Sequence(sequence),
        source_client=lane.source_client,
        destination_client=lane.destination_client,
        timeout_s=2_000_000_000,
        payloads=(payload,),
    )
    return Message(
        packet=packet,
        state=state,
        height=Height(100 + sequence),
        transaction=f"0x{sequence:064x}",
        since_s=since_s,
    )


def inserted(*sequences, lane=LANE):
    return Changes(inserted=tuple(message(sequence, lane=lane) for sequence in sequences))
