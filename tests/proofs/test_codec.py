"""The commitments and paths of IBC v2, against ibc-go's own numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs import codec, limits
from proofs.records import replace
from proofs.types import ChainId, Channel, ClientId, Height, Packet, Payload, Sequence
from proofs.verdict import Reason, Refusal
from tests.support.packets import PAYLOAD, packet
from tests.support.vectors import counted, load, needs, unhex

FILE = "cosmos/ibc-v2-commitments.json"
VECTORS = load(FILE)


def vector_packet(encoding: str | None = None, value: bytes | None = None) -> Packet:
    raw = VECTORS["packet"]
    payload = raw["payload"]
    return Packet(
        sequence=Sequence(raw["sequence"]),
        source_client=ClientId(raw["source_client"]),
        destination_client=ClientId(raw["destination_client"]),
        timeout_s=raw["timeout_timestamp"],
        payloads=(
            Payload(
                source_port=payload["source_port"],
                destination_port=payload["destination_port"],
                version=payload["version"],
                encoding=encoding or payload["encoding"],
                value=payload["value_utf8"].encode() if value is None else value,
            ),
        ),
    )


@needs(FILE)
def test_all_four_commitments_of_ibc_go_are_reproduced():
    abi = VECTORS["abi_variant"]
    cases = [
        (codec.packet_commitment(vector_packet()), VECTORS["expected_commitment"]),
        (
            codec.packet_commitment(vector_packet(abi["encoding"], unhex(abi["value"]))),
            abi["expected_commitment"],
        ),
        (
            codec.acknowledgement_commitment((VECTORS["ack"]["app_acknowledgements_utf8"][0].encode(),)),
            VECTORS["ack"]["expected_commitment"],
        ),
        (
            codec.acknowledgement_commitment((codec.ERROR_ACKNOWLEDGEMENT,)),
            VECTORS["error_ack"]["expected_commitment"],
        ),
    ]
    assert [actual.hex() for actual, _ in cases] == [expected for _, expected in cases]
    assert unhex(VECTORS["error_ack"]["app_acknowledgement"]) == codec.ERROR_ACKNOWLEDGEMENT
    counted(f"ibc-v2-commitments: {len(cases)} cases")


def test_paths_are_client_kind_and_big_endian_sequence():
    client, sequence = ClientId("isthmus-0"), Sequence(258)
    assert codec.commitment_path(client, sequence) == b"isthmus-0\x01" + bytes(6) + b"\x01\x02"
    assert codec.receipt_path(client, sequence) == b"isthmus-0\x02" + bytes(6) + b"\x01\x02"
    assert codec.acknowledgement_path(client, sequence) == b"isthmus-0\x03" + bytes(6) + b"\x01\x02"


def test_a_message_id_is_the_sha256_of_chain_client_and_sequence():
    actual = codec.message_id(ChainId("eip155:1"), ClientId("isthmus-0"), Sequence(7))
    assert actual == codec._sha256(b"eip155:1\x00isthmus-0\x00" + bytes(7) + b"\x07").digest()


@given(
    st.sampled_from(["source_port", "destination_port", "version", "encoding"]),
    st.text(min_size=1, max_size=20),
)
def test_every_text_of_a_payload_changes_the_commitment(name, text):
    original = packet()
    changed = replace(original, payloads=(replace(PAYLOAD, **{name: getattr(PAYLOAD, name) + "x"}),))
    assert codec.packet_commitment(changed) != codec.packet_commitment(original)


def test_value_timeout_and_destination_change_the_commitment_and_sequence_and_source_do_not():
    original = codec.packet_commitment(packet())
    others = [
        replace(packet(), timeout_s=2_000_000_001),
        replace(packet(), destination_client=ClientId("isthmus-8")),
        packet(value=b"hellp"),
        replace(packet(), payloads=(PAYLOAD, PAYLOAD)),
    ]
    assert original not in [codec.packet_commitment(other) for other in others]
    same = replace(packet(9), source_client=ClientId("isthmus-9"))
    assert codec.packet_commitment(same) == original


def test_two_payloads_do_not_commit_like_one():
    first, second = replace(PAYLOAD, value=b"a"), replace(PAYLOAD, value=b"b")
    one = codec.packet_commitment(replace(packet(), payloads=(first, second)))
    assert one != codec.packet_commitment(replace(packet(), payloads=(second, first)))


BAD_PACKETS = [
    ("sequence zero", {"sequence": 0}, Reason.MALFORMED),
    ("sequence negative", {"sequence": -1}, Reason.MALFORMED),
    ("sequence 2^64", {"sequence": 2**64}, Reason.MALFORMED),
    ("timeout zero", {"timeout_s": 0}, Reason.MALFORMED),
    ("timeout 2^64", {"timeout_s": 2**64}, Reason.MALFORMED),
    ("no payload", {"payloads": ()}, Reason.MALFORMED),
    ("too many payloads", {"payloads": (PAYLOAD,) * 17}, Reason.LIMIT),
    ("empty source client", {"source_client": ""}, Reason.MALFORMED),
    ("client with a path byte", {"source_client": "isthmus-0\x01"}, Reason.MALFORMED),
    ("client with a slash", {"destination_client": "a/b"}, Reason.MALFORMED),
    ("client too long", {"destination_client": "a" * 65}, Reason.LIMIT),
    ("client with a lone surrogate", {"source_client": "\ud800"}, Reason.MALFORMED),
    ("empty port", {"payloads": (replace(PAYLOAD, source_port=""),)}, Reason.MALFORMED),
    ("blank port", {"payloads": (replace(PAYLOAD, destination_port="  "),)}, Reason.MALFORMED),
    ("empty version", {"payloads": (replace(PAYLOAD, version=""),)}, Reason.MALFORMED),
    ("empty encoding", {"payloads": (replace(PAYLOAD, encoding=""),)}, Reason.MALFORMED),
    ("lone surrogate", {"payloads": (replace(PAYLOAD, version="\ud800"),)}, Reason.MALFORMED),
    ("port too long", {"payloads": (replace(PAYLOAD, source_port="p" * 129),)}, Reason.LIMIT),
    ("value over the cap", {"payloads": (replace(PAYLOAD, value=bytes(256 * 1024 + 1)),)}, Reason.LIMIT),
    (
        "values over the cap together",
        {"payloads": (replace(PAYLOAD, value=bytes(200_000)),) * 2},
        Reason.LIMIT,
    ),
]


@pytest.mark.parametrize(
    ("changes", "reason"), [case[1:] for case in BAD_PACKETS], ids=[case[0] for case in BAD_PACKETS]
)
def test_a_packet_that_breaks_a_rule_is_refused(changes, reason):
    with pytest.raises(Refusal) as refusal:
        codec.check_packet(replace(packet(), **changes))
    assert refusal.value.reason is reason


def test_a_packet_at_every_cap_is_taken():
    payload = replace(PAYLOAD, source_port="p" * 128, value=bytes(limits.MAX_PAYLOAD_TOTAL // 16))
    full = replace(packet(), sequence=2**64 - 1, timeout_s=2**64 - 1, payloads=(payload,) * 16)
    codec.check_packet(full)
    codec.check_packet(replace(packet(), payloads=(replace(PAYLOAD, value=b""),)))


BAD_ACKNOWLEDGEMENTS = [
    ("none", (), Reason.MALFORMED),
    ("two for one payload", (b"a", b"b"), Reason.MALFORMED),
    ("an empty one", (b"",), Reason.MALFORMED),
    ("over the cap", (bytes(256 * 1024 + 1),), Reason.LIMIT),
]


@pytest.mark.parametrize(
    ("acknowledgements", "reason"),
    [case[1:] for case in BAD_ACKNOWLEDGEMENTS],
    ids=[case[0] for case in BAD_ACKNOWLEDGEMENTS],
)
def test_acknowledgements_that_break_a_rule_are_refused(acknowledgements, reason):
    with pytest.raises(Refusal) as refusal:
        codec.check_acknowledgements(packet(), acknowledgements)
    assert refusal.value.reason is reason


def test_the_error_acknowledgement_stands_alone_for_any_number_of_payloads():
    two = replace(packet(), payloads=(PAYLOAD, PAYLOAD))
    codec.check_acknowledgements(two, (codec.ERROR_ACKNOWLEDGEMENT,))
    codec.check_acknowledgements(two, (b"a", b"b"))
    with pytest.raises(Refusal):
        codec.check_acknowledgements(two, (b"a", codec.ERROR_ACKNOWLEDGEMENT))


@pytest.mark.parametrize(
    ("chain", "revision"),
    [
        ("cosmos:hub-4", 4),
        ("cosmos:a-b-12", 12),
        ("cosmos:hub", 0),
        ("cosmos:hub-04", 0),
        ("cosmos:hub-0", 0),
        ("cosmos:hub-", 0),
        ("cosmos:hub--4", 0),
        ("cosmos:-4", 0),
        ("cosmos:hub-4a", 0),
        ("eip155:31337", 0),
    ],
)
def test_a_revision_is_read_from_a_chains_name_as_ibc_go_reads_it(chain, revision):
    assert codec.revision_of(ChainId(chain)) == revision


def test_a_timeout_in_the_next_revision_of_a_chain_is_a_timeout_at_height_zero_too():
    payload = Payload(
        source_port="transfer", destination_port="transfer", version="", encoding="", value=b"x"
    )
    far = Channel(timeout_ns=0, timeout_revision=2, timeout_height=Height(0), ordered=True)
    sent = Packet(
        sequence=Sequence(1),
        source_client=ClientId("channel-0"),
        destination_client=ClientId("channel-1"),
        timeout_s=codec.NEVER_S,
        payloads=(payload,),
        channel=far,
    )
    codec.check_packet(sent)
    assert not codec.timed_out(sent, height=10**9, revision=1, time_s=2**40)
    assert codec.timed_out(sent, height=1, revision=2, time_s=0)
    with pytest.raises(Refusal, match="neither time nor height"):
        codec.check_packet(replace(sent, channel=replace(far, timeout_revision=0)))
