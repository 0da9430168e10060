"""Deliveries as messages: every kind of claim, both kinds of evidence, updates, misbehaviour. No chain."""

import pytest

from adapters.api import Attested, Carried, Delivery
from adapters.cosmos.messages import host_end, messages
from adapters.cosmos.pb.ibc.lightclients.attestations.v1 import attestations_pb2
from adapters.errors import Refused
from proofs import attestation
from proofs.pb.cosmos.ics23.v1 import proofs_pb2
from proofs.pb.ibc.core.commitment.v1 import commitment_pb2
from proofs.pb.ibc.lightclients.tendermint.v1 import tendermint_pb2
from proofs.records import replace
from proofs.types import (
    _SEAL,
    Acknowledged,
    Assurance,
    ChainId,
    Channel,
    ClientId,
    Height,
    Lane,
    NotReceived,
    Proven,
    Sent,
    UntrustedProof,
    UntrustedProofs,
)
from tests.support.cosmos_blocks import CHAIN, FOUR, forged, grow
from tests.support.packets import packet

LANE = Lane(
    source=CHAIN,
    source_client=ClientId("channel-3"),
    destination=ChainId("cosmos:other"),
    destination_client=ClientId("channel-5"),
)
BLOCKS = grow([FOUR] * 6)
AT = BLOCKS[6].ref
V2 = packet(4, lane=LANE)
V1 = replace(
    V2,
    payloads=(replace(V2.payloads[0], version="", encoding=""),),
    channel=Channel(timeout_ns=5, timeout_revision=1, timeout_height=Height(9), ordered=False),
)
ORDERED = replace(V1, channel=replace(V1.channel, ordered=True))


def exists(key: bytes, value: bytes) -> bytes:
    proof = proofs_pb2.CommitmentProof(exist=proofs_pb2.ExistenceProof(key=key, value=value))
    return proof.SerializeToString()


COMMON = exists(b"ibc", b"root")
NODE = exists(b"key", (17).to_bytes(8, "big"))
ATTESTED = Attested(height=Height(99), time_s=1234, state_signatures=(b"s",), packet_signatures=(b"p", b"q"))
END = exists(b"end", b"closed")


def delivery(claims, evidence) -> Delivery:
    proven = [
        Proven(lane=LANE, claim=each, at=AT, time_s=1, assurance=Assurance.CONSENSUS, seal=_SEAL)
        for each in claims
    ]
    return Delivery(lane=LANE, proven=tuple(proven), evidence=evidence, key="key")


def carried(claims, *, updates=(), nodes=(NODE,), **changes) -> Delivery:
    each = tuple([UntrustedProof(nodes=nodes) for _ in claims])
    proofs = UntrustedProofs(format="ics23", at=AT, common=(COMMON,), each=each)
    return delivery(claims, Carried(updates=updates, proofs=proofs if claims else None, **changes))


def made(one: Delivery, *, with_update: bool = True):
    return messages(one, ClientId("07-tendermint-0"), "cosmos1me", with_update=with_update)


def merkle(encoded: bytes) -> list[bytes]:
    return [each.SerializeToString() for each in commitment_pb2.MerkleProof.FromString(encoded).proofs]


@pytest.mark.parametrize(
    ("claim", "kind", "field"),
    [
        (Sent(packet=V2), "ibc.core.channel.v2.MsgRecvPacket", "proof_commitment"),
        (
            Acknowledged(packet=V2, acknowledgements=(b"a", b"b")),
            "ibc.core.channel.v2.MsgAcknowledgement",
            "proof_acked",
        ),
        (NotReceived(packet=V2), "ibc.core.channel.v2.MsgTimeout", "proof_unreceived"),
        (Sent(packet=V1), "ibc.core.channel.v1.MsgRecvPacket", "proof_commitment"),
        (
            Acknowledged(packet=V1, acknowledgements=(b"a",)),
            "ibc.core.channel.v1.MsgAcknowledgement",
            "proof_acked",
        ),
        (NotReceived(packet=V1), "ibc.core.channel.v1.MsgTimeout", "proof_unreceived"),
    ],
)
def test_every_claim_has_its_message_with_a_chained_proof(claim, kind, field) -> None:
    [message] = made(carried([claim]))
    assert message.DESCRIPTOR.full_name == kind
    assert merkle(getattr(message, field)) == [NODE, COMMON]
    assert (message.packet.sequence, message.signer) == (4, "cosmos1me")
    of_destination = isinstance(claim, Acknowledged | NotReceived)
    assert (message.proof_height.revision_number, message.proof_height.revision_height) == (
        0 if of_destination else 1,
        AT.height,
    )


def test_a_channels_packet_keeps_its_timeouts_and_its_data() -> None:
    [message] = made(carried([Sent(packet=V1)]))
    height = message.packet.timeout_height
    assert (height.revision_number, height.revision_height, message.packet.timeout_timestamp) == (1, 9, 5)
    assert (message.packet.source_channel, message.packet.destination_channel) == ("channel-3", "channel-5")
    assert message.packet.data == b"hello"


def test_a_timeout_of_an_ordered_channel_names_the_next_sequence_that_its_proof_shows() -> None:
    [message] = made(carried([NotReceived(packet=ORDERED)]))
    assert message.next_sequence_recv == 17
    [message] = made(carried([NotReceived(packet=V1)]))
    assert message.next_sequence_recv == V1.sequence


def test_a_timeout_on_close_carries_the_proof_of_the_closed_end() -> None:
    [message] = made(carried([NotReceived(packet=ORDERED, closed=True)], nodes=(NODE, END)))
    assert message.DESCRIPTOR.name == "MsgTimeoutOnClose"
    assert merkle(message.proof_unreceived) == [NODE, COMMON]
    assert merkle(message.proof_close) == [END, COMMON]
    assert message.next_sequence_recv == 17


def test_headers_lead_from_the_trusted_block_to_the_proven_one_each_from_the_one_before() -> None:
    updates = tuple([BLOCKS[height].update for height in (1, 3, 6)])
    first, second, packet_message = made(carried([Sent(packet=V1)], updates=updates))
    assert packet_message.DESCRIPTOR.name == "MsgRecvPacket"
    for message, trusted, height in ((first, 1, 3), (second, 3, 6)):
        assert (message.client_id, message.signer) == ("07-tendermint-0", "cosmos1me")
        assert message.client_message.type_url == "/ibc.lightclients.tendermint.v1.Header"
        header = tendermint_pb2.Header.FromString(message.client_message.value)
        assert header.signed_header.header.height == height
        assert (header.trusted_height.revision_number, header.trusted_height.revision_height) == (1, trusted)
        assert len(header.trusted_validators.validators) == len(header.validator_set.validators) == 4
        assert header.validator_set.HasField("proposer")
        assert header.trusted_validators.HasField("proposer")


def test_a_client_that_knows_the_block_gets_no_header() -> None:
    assert len(made(carried([Sent(packet=V1)], updates=(BLOCKS[6].update,)))) == 1


def test_a_refresh_is_headers_alone() -> None:
    updates = (BLOCKS[1].update, BLOCKS[6].update)
    [message] = made(carried([], updates=updates))
    assert message.DESCRIPTOR.name == "MsgUpdateClient"


def test_misbehaviour_is_both_headers_each_from_a_block_that_leads_to_it() -> None:
    fork = forged(BLOCKS[6], app_hash=b"\x07" * 32)
    updates = (BLOCKS[1].update, BLOCKS[3].update, BLOCKS[6].update)
    update, frozen = made(carried([], updates=updates, conflict=fork.update))
    assert tendermint_pb2.Header.FromString(update.client_message.value).signed_header.header.height == 3
    assert frozen.client_message.type_url == "/ibc.lightclients.tendermint.v1.Misbehaviour"
    found = tendermint_pb2.Misbehaviour.FromString(frozen.client_message.value)
    assert found.client_id == "07-tendermint-0"
    assert [header.signed_header.header.height for header in (found.header_1, found.header_2)] == [6, 6]
    assert [header.trusted_height.revision_height for header in (found.header_1, found.header_2)] == [3, 1]
    assert found.header_1.signed_header.header.app_hash != found.header_2.signed_header.header.app_hash


def test_of_headers_whose_times_conflict_the_higher_one_comes_first() -> None:
    updates = (BLOCKS[1].update, BLOCKS[3].update)
    [frozen] = made(carried([], updates=updates, conflict=forged(BLOCKS[6], time_ns=1).update))
    found = tendermint_pb2.Misbehaviour.FromString(frozen.client_message.value)
    assert [header.signed_header.header.height for header in (found.header_1, found.header_2)] == [6, 3]


def test_attested_claims_share_one_proof_over_the_whole_list() -> None:
    claims = [Sent(packet=packet(number, lane=LANE)) for number in (4, 5)]
    update, *packets = made(delivery(claims, ATTESTED))
    state = attestations_pb2.AttestationProof.FromString(update.client_message.value)
    assert state.attestation_data == attestation.encode_state(Height(99), 1234)
    assert list(state.signatures) == [b"s"]
    expected = attestation.encode_packets(Height(99), attestation.pairs(claims))
    for message in packets:
        proof = attestations_pb2.AttestationProof.FromString(message.proof_commitment)
        assert (proof.attestation_data, list(proof.signatures)) == (expected, [b"p", b"q"])
        assert (message.proof_height.revision_number, message.proof_height.revision_height) == (0, 99)
    assert len(made(delivery(claims, ATTESTED), with_update=False)) == 2


def test_the_end_of_a_delivery_is_where_it_acts() -> None:
    assert host_end(carried([Sent(packet=V1)])) == "channel-5"
    assert host_end(carried([NotReceived(packet=V1)])) == "channel-3"
    assert host_end(carried([])) == "channel-5"


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (carried([Sent(packet=V1), NotReceived(packet=V1)]), "one kind"),
        (delivery([Sent(packet=V1)], Carried(updates=(), proofs=None)), "expected proofs of 1 claims"),
        (carried([NotReceived(packet=V1, closed=True)]), "expected 2 proofs, got 1"),
        (carried([Sent(packet=V1)], nodes=(b"\xff",)), "no commitment proofs"),
        (carried([], updates=(BLOCKS[6].update,), conflict=BLOCKS[6].update), "misbehaviour"),
        (delivery([Sent(packet=V1)], ATTESTED), "expected one of IBC v2"),
    ],
)
def test_incomplete_evidence_is_refused_with_what_is_missing(broken, told) -> None:
    with pytest.raises(Refused, match=told):
        made(broken)
