"""The router's events, strictly decoded: Solidity's own encoding, and nothing else."""

import eth_abi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs.evm import events
from proofs.hashing import keccak256
from proofs.records import replace
from proofs.types import Packet, Payload
from proofs.verdict import Reason, Refusal
from tests.support.packets import PAYLOAD, packet

PACKET_TYPE = "(uint64,string,string,uint64,(string,string,string,string,bytes)[])"


def encode(packet: Packet) -> bytes:
    """Return the data of a SendPacket log, by eth_abi."""
    payloads = [(p.source_port, p.destination_port, p.version, p.encoding, p.value) for p in packet.payloads]
    fields = (packet.sequence, packet.source_client, packet.destination_client, packet.timeout_s, payloads)
    return eth_abi.encode([PACKET_TYPE], [fields])


def topics(packet: Packet) -> tuple[bytes, ...]:
    return events.SEND_PACKET, keccak256(packet.source_client.encode()), packet.sequence.to_bytes(32, "big")


def hexed(topics, data: bytes) -> tuple[tuple[str, ...], str]:
    """Return topics and data as a node gives them."""
    return tuple(["0x" + topic.hex() for topic in topics]), "0x" + data.hex()


def refused(call, *reasons):
    with pytest.raises(Refusal) as refusal:
        call()
    assert refusal.value.reason in reasons, refusal.value


texts = st.text(min_size=0, max_size=40)
payloads = st.builds(
    Payload,
    source_port=texts,
    destination_port=texts,
    version=texts,
    encoding=texts,
    value=st.binary(max_size=100),
)
uint64s = st.integers(0, 2**64 - 1)
packets = st.builds(
    Packet,
    sequence=uint64s,
    source_client=texts,
    destination_client=texts,
    timeout_s=uint64s,
    payloads=st.lists(payloads, max_size=3).map(tuple),
)


@given(packets, st.lists(st.binary(max_size=80), max_size=3))
def test_every_packet_that_eth_abi_encodes_is_decoded_again_and_again(sent, values):
    decoder = events.PacketEvents()
    assert decoder.decode(*hexed(topics(sent), encode(sent))) == sent
    for index, value in enumerate(values):
        if sent.payloads:
            changed = (*sent.payloads[:-1], replace(sent.payloads[-1], value=value))
            following = replace(sent, sequence=index, timeout_s=index * 7, payloads=changed)
            assert decoder.decode(*hexed(topics(following), encode(following))) == following


def test_a_known_route_and_a_new_one_are_decoded_alike():
    decoder = events.PacketEvents()
    for sequence in range(1, 40):
        port = f"app{sequence % 12}"
        payload = replace(PAYLOAD, source_port=port, value=b"v" * sequence)
        sent = replace(packet(sequence), payloads=(payload,))
        assert (
            decoder.decode(*hexed(topics(sent), encode(sent))) == sent == events.decode_packet(encode(sent))
        )


@pytest.mark.parametrize("is_known", [False, True], ids=["new route", "known route"])
def test_topics_must_be_those_of_the_packet(is_known):
    sent = packet(7)
    decoder = events.PacketEvents()
    if is_known:
        decoder.decode(*hexed(topics(sent), encode(sent)))
    event, client, sequence = topics(sent)
    refused(
        lambda: decoder.decode(*hexed((event, client, (8).to_bytes(32, "big")), encode(sent))),
        Reason.WRONG_VALUE,
    )
    refused(
        lambda: decoder.decode(*hexed((event, client, b"\1" + sequence[1:]), encode(sent))),
        Reason.WRONG_VALUE,
    )
    refused(
        lambda: decoder.decode(*hexed((event, keccak256(b"else"), sequence), encode(sent))),
        Reason.WRONG_VALUE,
    )
    refused(
        lambda: decoder.decode(*hexed((keccak256(b"Else()"), client, sequence), encode(sent))),
        Reason.MALFORMED,
    )
    refused(lambda: decoder.decode(*hexed((event, client), encode(sent))), Reason.MALFORMED)


@pytest.mark.parametrize("is_known", [False, True], ids=["new route", "known route"])
@pytest.mark.covers("PRF-06", "PRF-17")
def test_v4_no_flipped_bit_of_the_data_goes_unseen(is_known):
    """Dirty padding, moved offsets, other lengths: each bit either changes the packet or is refused."""
    sent = packet(7, value=b"v" * 45)
    data = encode(sent)
    for position in range(len(data)):
        for bit in (1, 128):
            decoder = events.PacketEvents()
            if is_known:
                decoder.decode(*hexed(topics(sent), data))
            mutant = bytearray(data)
            mutant[position] ^= bit
            try:
                decoded = events.decode_packet(bytes(mutant))
                assert decoded != sent
                assert encode(decoded) == mutant
            except Refusal:
                decoded = None
            if decoded is None or decoded.source_client != sent.source_client:
                with pytest.raises(Refusal):
                    decoder.decode(*hexed(topics(sent), mutant))
            else:
                assert decoder.decode(*hexed(topics(decoded), mutant)) == decoded


@pytest.mark.covers("PRF-17")
def test_cut_lengthened_and_huge_data_is_refused():
    data = encode(packet(7))
    for size in range(0, len(data), 5):
        refused(lambda size=size: events.decode_packet(data[:size]), Reason.MALFORMED)
    refused(lambda: events.decode_packet(data + bytes(32)), Reason.MALFORMED)
    decoder = events.PacketEvents()
    decoder.decode(*hexed(topics(packet(7)), data))
    for longer in (data + bytes(32), data + b"\0"):
        refused(lambda longer=longer: decoder.decode(*hexed(topics(packet(7)), longer)), Reason.MALFORMED)
    refused(lambda: events.PacketEvents().decode(*hexed(topics(packet(7)), bytes(600_000))), Reason.LIMIT)
    many = bytearray(encode(replace(packet(7), payloads=())))
    many[-32:] = (2**32).to_bytes(32, "big")
    refused(lambda: events.decode_packet(bytes(many)), Reason.LIMIT)


@pytest.mark.parametrize("is_known", [False, True], ids=["new route", "known route"])
def test_text_that_is_no_plain_hexadecimal_is_refused(is_known):
    """Python's readers of numbers and bytes also take blanks, signs and underscores: a log has none."""
    sent = packet(7, value=b"v" * 45)
    named, data = hexed(topics(sent), encode(sent))
    decoder = events.PacketEvents()
    for position in range(2, len(data)):
        if is_known:
            assert decoder.decode(named, data) == sent
        for sign in (" ", "_", "+", "x", "g", "\u0661"):
            bad = data[:position] + sign + data[position + 1 :]
            refused(lambda bad=bad: decoder.decode(named, bad), Reason.MALFORMED)
        blanks = data[:position] + "  " + data[position + 2 :]
        refused(lambda blanks=blanks: decoder.decode(named, blanks), Reason.MALFORMED)
    refused(lambda: decoder.decode(named, data[2:]), Reason.MALFORMED)
    for index, topic in enumerate(named):
        spaced = (*named[:index], topic[:-2] + "  ", *named[index + 1 :])
        refused(lambda spaced=spaced: decoder.decode(spaced, data), Reason.MALFORMED)


def written(batch=3, sequences=(4, 5, 9), indices=b"\0\1\0", acknowledgements=(b"\1", b"error")):
    data = eth_abi.encode(["uint64[]", "bytes", "bytes[]"], [sequences, indices, acknowledgements])
    return (events.WRITE_ACKNOWLEDGEMENTS, keccak256(b"isthmus-7"), batch.to_bytes(32, "big")), data


def test_a_batch_of_acknowledgements_is_decoded():
    batch = events.decode_acknowledgements(*written())
    assert (batch.batch, batch.client_hash) == (3, keccak256(b"isthmus-7"))
    assert batch.sequences == (4, 5, 9)
    assert batch.acknowledgements == (b"\1", b"error", b"\1")


def test_a_batch_whose_parts_do_not_fit_is_refused():
    refused(lambda: events.decode_acknowledgements(*written(indices=b"\0\1")), Reason.MALFORMED)
    refused(lambda: events.decode_acknowledgements(*written(indices=b"\0\1\2")), Reason.MALFORMED)
    refused(lambda: events.decode_acknowledgements(*written(acknowledgements=())), Reason.MALFORMED)
    refused(lambda: events.decode_acknowledgements(*written(batch=2**64)), Reason.MALFORMED)
    topics_, data = written()
    refused(lambda: events.decode_acknowledgements(topics_[:2], data), Reason.MALFORMED)
    refused(lambda: events.decode_acknowledgements((b"", *topics_[1:]), data), Reason.MALFORMED)
    for size in range(0, len(data), 7):
        refused(lambda size=size: events.decode_acknowledgements(topics_, data[:size]), Reason.MALFORMED)
    refused(lambda: events.decode_acknowledgements(topics_, data + bytes(32)), Reason.MALFORMED)


def test_the_first_topics_are_the_hashes_of_the_signatures():
    assert keccak256(f"SendPacket(string,uint256,{PACKET_TYPE})".encode()) == events.SEND_PACKET
    signature = b"WriteAcknowledgements(string,uint64,uint64[],bytes,bytes[])"
    assert keccak256(signature) == events.WRITE_ACKNOWLEDGEMENTS
