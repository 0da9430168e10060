"""The IBC store of a Cosmos chain: packets of IBC v2 and of channels, proven and not, and lies about them."""

import pytest

from proofs import codec, ibc_store
from proofs.ibc_store import IbcStore, next_sequence_recv
from proofs.pb.ibc.core.channel.v1 import channel_pb2
from proofs.records import replace
from proofs.registry import PROOF_FORMATS
from proofs.types import (
    Acknowledged,
    ChainId,
    Channel,
    ClientId,
    Height,
    Lane,
    NotReceived,
    Packet,
    Payload,
    Sent,
    Sequence,
    UntrustedProof,
)
from proofs.verdict import Accepted, Reason, Refusal
from proofs.verify import verify
from tests.support.evidence import TIME_S
from tests.support.iavl import IBC, Multistore, channel_end, deciding_keys, ibc_evidence, store_entries
from tests.support.packets import packet

SOURCE, DESTINATION = ChainId("cosmos:chain-a-1"), ChainId("cosmos:chain-b-2")
V2 = Lane(
    source=SOURCE,
    source_client=ClientId("07-tendermint-0"),
    destination=DESTINATION,
    destination_client=ClientId("07-tendermint-7"),
)
V1 = replace(V2, source_client=ClientId("channel-3"), destination_client=ClientId("channel-8"))
LATE = TIME_S - 10
DATA = b'{"denom":"stake","amount":"1","sender":"a","receiver":"b"}'
ACK = b'{"result":"AQ=="}'


def channel_packet(sequence=1, *, ordered=False, value=DATA, timeout_ns=LATE * 10**9):
    """Return a packet of a channel."""
    payload = Payload(
        source_port="transfer", destination_port="transfer-b", version="", encoding="", value=value
    )
    return Packet(
        sequence=Sequence(sequence),
        source_client=V1.source_client,
        destination_client=V1.destination_client,
        timeout_s=-(-timeout_ns // 10**9),
        payloads=(payload,),
        channel=Channel(
            timeout_ns=timeout_ns, timeout_revision=2, timeout_height=Height(10_000), ordered=ordered
        ),
    )


def v2_packet(sequence=1):
    return packet(sequence, timeout_s=LATE, lane=V2)


def claims(make, kind):
    """Return claims about the packets 1 to 4."""
    packets = [make(sequence) for sequence in range(1, 5)]
    match kind:
        case "sent":
            return [Sent(packet=packet) for packet in packets]
        case "acknowledged":
            return [Acknowledged(packet=packet, acknowledgements=(ACK,)) for packet in packets]
        case "closed":
            return [NotReceived(packet=packets[0], closed=True)]
        case _:
            return [NotReceived(packet=packets[0])]


def ordered_packet(sequence=1):
    return channel_packet(sequence, ordered=True)


CASES = {
    f"{name} {kind}": (lane, make, kind)
    for name, lane, make in (
        ("v2", V2, v2_packet),
        ("v1", V1, channel_packet),
        ("ordered", V1, ordered_packet),
    )
    for kind in ("sent", "acknowledged", "not received", "closed")
    if (name, kind) != ("v2", "closed")
}


def evidence_of(make, kind, **changes):
    return ibc_evidence(SOURCE if kind == "sent" else DESTINATION, claims(make, kind), **changes)


def judged(evidence, lane):
    return verify(lane, evidence.trusted, evidence.store, evidence.claims, evidence.proofs)


def reasons(evidence, lane):
    """Return why each claim was rejected, None for those that were not."""
    verdicts = judged(evidence, lane)
    return [None if isinstance(verdict, Accepted) else verdict.reason for verdict in verdicts]


def changed(evidence, **changes):
    """Return evidence whose first proof is changed."""
    first, *others = evidence.proofs.each
    return replace(evidence, proofs=replace(evidence.proofs, each=(replace(first, **changes), *others)))


@pytest.fixture(params=CASES, scope="module")
def case(request):
    lane, make, kind = CASES[request.param]
    return lane, kind, evidence_of(make, kind)


def test_true_claims_are_accepted(case):
    lane, _, evidence = case
    verdicts = judged(evidence, lane)
    assert [verdict.value.claim for verdict in verdicts] == list(evidence.claims)
    assert {verdict.value.at for verdict in verdicts} == {evidence.trusted.block}


def test_a_proof_for_another_key_is_rejected(case):
    lane, _, evidence = case
    node = Multistore(store_entries(evidence.claims)).ibc.proof(b"clients/07-tendermint-0/clientState")
    lie = changed(evidence, nodes=(node,) * len(evidence.proofs.each[0].nodes))
    assert reasons(lie, lane)[0] is Reason.INCOMPLETE
    assert set(reasons(lie, lane)[1:]) <= {None}


@pytest.mark.covers("PRF-04")
def test_nodes_too_few_or_too_many_and_preimages_are_rejected(case):
    lane, _, evidence = case
    nodes = evidence.proofs.each[0].nodes
    for lie in ({"nodes": ()}, {"nodes": (*nodes, nodes[0])}, {"nodes": nodes[:-1]}, {"preimage": b"\1" * 8}):
        assert reasons(changed(evidence, **lie), lane)[0] is Reason.INCOMPLETE


@pytest.mark.covers("PRF-05", "PRF-13")
def test_claims_are_not_accepted_under_another_root_or_store(case):
    lane, _, evidence = case
    other = replace(evidence, trusted=replace(evidence.trusted, root=bytes(32)))
    assert set(reasons(other, lane)) == {Reason.WRONG_HASH}
    other = replace(evidence, store=replace(evidence.store, address=b"bank"))
    assert set(reasons(other, lane)) == {Reason.INCOMPLETE}
    state = Multistore(store_entries(evidence.claims))
    for common in ((), evidence.proofs.common * 2):
        other = replace(evidence, proofs=replace(evidence.proofs, common=common))
        assert set(reasons(other, lane)) == {Reason.INCOMPLETE}
    other = replace(evidence, proofs=replace(evidence.proofs, common=state.common(b"bank")))
    assert set(reasons(other, lane)) == {Reason.INCOMPLETE}


def test_a_store_that_another_store_names_is_not_the_ibc_store():
    """Everything is right but the name: entries of a store `acc` prove nothing about packets."""
    evidence = evidence_of(v2_packet, "sent")
    state = Multistore(store_entries(evidence.claims))
    state.stores = type(state.stores)({b"acc": state.ibc.root, IBC: bytes(32), b"gov": bytes(32)})
    trusted = replace(evidence.trusted, root=state.app_hash)
    for name, reason in ((b"acc", Reason.INCOMPLETE), (IBC, Reason.WRONG_HASH)):
        proofs = replace(evidence.proofs, common=state.common(name))
        assert set(reasons(replace(evidence, trusted=trusted, proofs=proofs), V2)) == {reason}


def test_an_ibc_root_that_is_no_hash_is_rejected():
    evidence = evidence_of(v2_packet, "sent")
    state = Multistore(store_entries(evidence.claims))
    state.stores = type(state.stores)({IBC: bytes(31), b"gov": bytes(32)})
    trusted, proofs = (
        replace(evidence.trusted, root=state.app_hash),
        replace(evidence.proofs, common=state.common()),
    )
    assert set(reasons(replace(evidence, trusted=trusted, proofs=proofs), V2)) == {Reason.MALFORMED}


@pytest.mark.parametrize("make", [v2_packet, channel_packet, ordered_packet])
def test_a_packet_that_was_not_sent_or_not_answered_is_absent(make):
    lane = V2 if make is v2_packet else V1
    for kind in ("sent", "acknowledged"):
        nothing = evidence_of(make, kind, entries=store_entries([]))
        assert set(reasons(nothing, lane)) == {Reason.ABSENT}


@pytest.mark.parametrize("make", [v2_packet, channel_packet])
def test_a_packet_that_was_received_is_not_proven_unreceived(make):
    lane = V2 if make is v2_packet else V1
    kinds = ["not received"] if make is v2_packet else ["not received", "closed"]
    for kind in kinds:
        claim = claims(make, kind)[0]
        entries = {**store_entries([claim]), deciding_keys(claim)[0]: codec.RECEIPT_VALUE}
        assert reasons(ibc_evidence(DESTINATION, [claim], entries=entries), lane) == [Reason.PRESENT]


@pytest.mark.parametrize("kind", ["not received", "closed"])
@pytest.mark.parametrize(
    ("following", "reason"),
    [(1, None), (2, None), (3, Reason.PRESENT), (2**64 - 1, Reason.PRESENT)],
)
def test_a_packet_of_an_ordered_channel_is_unreceived_until_the_next_sequence_is_beyond_it(
    kind, following, reason
):
    claim = NotReceived(packet=ordered_packet(2), closed=kind == "closed")
    entries = {**store_entries([claim]), deciding_keys(claim)[0]: following.to_bytes(8, "big")}
    evidence = ibc_evidence(DESTINATION, [claim], entries=entries)
    assert reasons(evidence, V1) == [reason]
    assert next_sequence_recv(evidence.proofs.each[0].nodes[0]) == following


def test_a_next_sequence_that_is_not_eight_bytes_is_rejected():
    claim = NotReceived(packet=ordered_packet())
    for value in (b"\1", bytes(9), b"1"):
        entries = {**store_entries([claim]), deciding_keys(claim)[0]: value}
        evidence = ibc_evidence(DESTINATION, [claim], entries=entries)
        assert reasons(evidence, V1) == [Reason.MALFORMED]
        with pytest.raises(Refusal):
            next_sequence_recv(evidence.proofs.each[0].nodes[0])


def test_no_next_sequence_is_read_from_a_proof_of_absence():
    evidence = evidence_of(channel_packet, "not received")
    with pytest.raises(Refusal):
        next_sequence_recv(evidence.proofs.each[0].nodes[0])


def test_the_absence_of_a_receipt_says_nothing_about_an_ordered_channel():
    claim = NotReceived(packet=ordered_packet())
    unordered = NotReceived(packet=channel_packet())
    evidence = ibc_evidence(DESTINATION, [claim, unordered])
    each = evidence.proofs.each[::-1]
    assert reasons(replace(evidence, proofs=replace(evidence.proofs, each=each)), V1) == [
        Reason.INCOMPLETE,
        Reason.INCOMPLETE,
    ]


def test_before_its_timeout_a_packet_is_not_proven_unreceived_but_on_a_closed_channel_it_is():
    late = channel_packet(timeout_ns=(TIME_S + 5) * 10**9)
    assert reasons(ibc_evidence(DESTINATION, [NotReceived(packet=late)]), V1) == [Reason.NOT_YET]
    assert reasons(ibc_evidence(DESTINATION, [NotReceived(packet=late, closed=True)]), V1) == [None]


OTHER_ENDS = {
    "open": {"state": channel_pb2.STATE_OPEN},
    "in the handshake": {"state": channel_pb2.STATE_TRYOPEN},
    "ordered": {"ordering": channel_pb2.ORDER_ORDERED},
    "of no order": {"ordering": channel_pb2.ORDER_NONE_UNSPECIFIED},
    "of another port": {
        "counterparty": channel_pb2.Counterparty(port_id="transfer-b", channel_id="channel-3")
    },
    "of another channel": {
        "counterparty": channel_pb2.Counterparty(port_id="transfer", channel_id="channel-4")
    },
}


@pytest.mark.parametrize("change", OTHER_ENDS.values(), ids=OTHER_ENDS)
def test_a_channel_end_that_is_not_closed_or_another_channels_proves_no_closing(change):
    claim = NotReceived(packet=channel_packet(), closed=True)
    end = channel_pb2.Channel.FromString(channel_end(claim.packet))
    for field, value in change.items():
        end.ClearField(field)
        end.MergeFrom(channel_pb2.Channel(**{field: value}))
    entries = {**store_entries([claim]), deciding_keys(claim)[1]: end.SerializeToString()}
    assert reasons(ibc_evidence(DESTINATION, [claim], entries=entries), V1) == [Reason.WRONG_VALUE]


def test_a_channel_end_that_does_not_decode_proves_no_closing():
    claim = NotReceived(packet=channel_packet(), closed=True)
    end = channel_end(claim.packet)
    for value in (b"\xff", end + b"\x78", end[:-1]):
        entries = {**store_entries([claim]), deciding_keys(claim)[1]: value}
        assert reasons(ibc_evidence(DESTINATION, [claim], entries=entries), V1) == [Reason.MALFORMED]
    without = {key: value for key, value in store_entries([claim]).items() if key != deciding_keys(claim)[1]}
    assert reasons(ibc_evidence(DESTINATION, [claim], entries=without), V1) == [Reason.ABSENT]


def test_the_closed_end_of_a_channel_that_was_upgraded_proves_its_closing():
    """ibc-go 8 to 10 count a channel's upgrades in a field of their own, which is no forgery."""
    claim = NotReceived(packet=channel_packet(), closed=True)
    upgraded = channel_end(claim.packet) + b"\x30\1"
    entries = {**store_entries([claim]), deciding_keys(claim)[1]: upgraded}
    assert reasons(ibc_evidence(DESTINATION, [claim], entries=entries), V1) == [None]


def test_a_packet_of_ibc_v2_has_no_channel_that_could_be_closed():
    claim = NotReceived(packet=v2_packet(), closed=True)
    evidence = ibc_evidence(DESTINATION, [NotReceived(packet=v2_packet())])
    node = evidence.proofs.each[0].nodes[0]
    opened = IbcStore(evidence.trusted, evidence.store, evidence.proofs.common)
    with pytest.raises(Refusal) as refusal:
        opened.check(claim, UntrustedProof(nodes=(node, node)))
    assert refusal.value.reason is Reason.MALFORMED


CHANGED_PACKETS = {
    "value": lambda packet: replace(packet, payloads=(replace(packet.payloads[0], value=b"other"),)),
    "sequence": lambda packet: replace(packet, sequence=Sequence(9)),
    "source port": lambda packet: replace(
        packet, payloads=(replace(packet.payloads[0], source_port="icahost"),)
    ),
    "source client": lambda packet: replace(packet, source_client=ClientId("channel-33")),
}


@pytest.mark.parametrize("what", CHANGED_PACKETS)
@pytest.mark.parametrize("make", [v2_packet, channel_packet])
def test_a_proof_for_a_packet_proves_no_other_packet(make, what):
    honest = make()
    lie = CHANGED_PACKETS[what](honest)
    lane = replace(V2 if make is v2_packet else V1, source_client=lie.source_client)
    evidence = ibc_evidence(SOURCE, [Sent(packet=honest)])
    lying = replace(evidence, claims=(Sent(packet=lie),))
    by_key = codec.sent_key(lie) != codec.sent_key(honest)
    assert reasons(lying, lane) == [Reason.INCOMPLETE if by_key else Reason.WRONG_VALUE]


@pytest.mark.parametrize(
    "change",
    [{"timeout_ns": LATE * 10**9 - 1}, {"timeout_revision": 3}, {"timeout_height": Height(1)}],
    ids=str,
)
def test_the_commitment_of_a_channels_packet_binds_its_timeouts_to_the_nanosecond(change):
    honest = channel_packet()
    lie = replace(honest, channel=replace(honest.channel, **change))
    evidence = replace(ibc_evidence(SOURCE, [Sent(packet=honest)]), claims=(Sent(packet=lie),))
    assert reasons(evidence, V1) == [Reason.WRONG_VALUE]


SPELLINGS = [
    b'{"result": "AQ=="}',
    b' {"result":"AQ=="}',
    b'{"result":"AQ=="}\n',
    b'{"result":"AQ==","result":"AQ=="}',
    b'{"error":"","result":"AQ=="}',
    b'{"result":"AQ==","error":""}',
    b'{"re\\u0073ult":"AQ=="}',
    '{"result":"A\u200bQ=="}'.encode(),
    b'{"result":NaN}',
    b'{"result":1e400}',
    b'{"result":' + b"9" * 400 + b"}",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("make", [v2_packet, channel_packet])
@pytest.mark.covers("PRF-10")
def test_data_and_acknowledgements_are_those_very_bytes(make, spelling):
    """Never parsed, never written anew: another spelling of the same JSON is another message."""
    lane = V2 if make is v2_packet else V1
    honest = make()
    other = replace(honest, payloads=(replace(honest.payloads[0], value=spelling),))
    for chain, said, held in (
        (SOURCE, Sent(packet=other), Sent(packet=honest)),
        (
            DESTINATION,
            Acknowledged(packet=honest, acknowledgements=(spelling,)),
            Acknowledged(packet=honest, acknowledgements=(ACK,)),
        ),
    ):
        lying = replace(ibc_evidence(chain, [held]), claims=(said,))
        assert reasons(lying, lane) == [Reason.WRONG_VALUE]
        [verdict] = judged(ibc_evidence(chain, [said]), lane)
        assert verdict.value.claim == said


def test_keys_and_values_are_those_of_ibc_go():
    """Written out: what the store is asked for and what it must hold."""
    sent, ordered = channel_packet(5), ordered_packet(5)
    assert deciding_keys(Sent(packet=sent)) == [b"commitments/ports/transfer/channels/channel-3/sequences/5"]
    assert deciding_keys(NotReceived(packet=sent, closed=True)) == [
        b"receipts/ports/transfer-b/channels/channel-8/sequences/5",
        b"channelEnds/ports/transfer-b/channels/channel-8",
    ]
    assert deciding_keys(NotReceived(packet=ordered)) == [
        b"nextSequenceRecv/ports/transfer-b/channels/channel-8"
    ]
    assert deciding_keys(Acknowledged(packet=sent, acknowledgements=(ACK,))) == [
        b"acks/ports/transfer-b/channels/channel-8/sequences/5"
    ]
    assert deciding_keys(Sent(packet=v2_packet(5))) == [b"07-tendermint-0\1\0\0\0\0\0\0\0\5"]
    assert deciding_keys(NotReceived(packet=v2_packet(5))) == [b"07-tendermint-7\2\0\0\0\0\0\0\0\5"]


def test_the_format_is_in_the_registry():
    assert PROOF_FORMATS["ics23"] is ibc_store.IbcStore
