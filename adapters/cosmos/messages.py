"""A delivery as the messages of one transaction: client updates first, then one message for each claim. Pure.

What the destination's light client checks is carried as it came: headers and Merkle proofs where it verifies
consensus, attested states and packets where it counts signatures. Nothing is judged here.

Implements: ICS-2 (`MsgUpdateClient`), ICS-4 and ICS-4 v2 as ibc-go speaks them, the proofs of ibc-go's
`attestations` client, ICS-7 headers and misbehaviour, ICS-23 chained proofs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import assert_never

from google.protobuf.message import DecodeError, Message

from adapters.api import Attested, Carried, Delivery
from adapters.cosmos.pb.ibc.core.channel.v1 import tx_pb2 as channel_tx
from adapters.cosmos.pb.ibc.core.channel.v2 import packet_pb2
from adapters.cosmos.pb.ibc.core.channel.v2 import tx_pb2 as packet_tx
from adapters.cosmos.pb.ibc.core.client.v1 import tx_pb2 as client_tx
from adapters.cosmos.pb.ibc.lightclients.attestations.v1 import attestations_pb2
from adapters.cosmos.tx import pack
from adapters.errors import Refused
from proofs import attestation
from proofs.codec import revision_of
from proofs.ibc_store import next_sequence_recv
from proofs.pb.cosmos.ics23.v1 import proofs_pb2
from proofs.pb.ibc.core.channel.v1 import channel_pb2
from proofs.pb.ibc.core.client.v1 import client_pb2
from proofs.pb.ibc.core.commitment.v1 import commitment_pb2
from proofs.pb.ibc.lightclients.tendermint.v1 import tendermint_pb2
from proofs.pb.tendermint.types import types_pb2, validator_pb2
from proofs.types import Acknowledged, ChainId, Claim, ClientId, NotReceived, Packet, Sent, UntrustedUpdate
from proofs.verdict import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The proof bytes of one claim, and where they lead."""

    item: bytes
    closed: bytes
    """That the channel's other end is closed; empty when that is not claimed."""
    at: client_pb2.Height
    next_receive: int
    """Next sequence that the other end of an ordered channel receives; elsewhere the packet's own."""


def host_end(delivery: Delivery) -> ClientId:
    """Return the end (client or channel) that the delivery is for, on the chain that it goes to."""
    settles = delivery.proven and not isinstance(delivery.proven[0].claim, Sent)
    return delivery.lane.source_client if settles else delivery.lane.destination_client


def proven_chain(delivery: Delivery) -> ChainId:
    """Return the chain that the delivery's claims are about."""
    settles = delivery.proven and not isinstance(delivery.proven[0].claim, Sent)
    return delivery.lane.destination if settles else delivery.lane.source


def messages(delivery: Delivery, client: ClientId, signer: str, *, with_update: bool) -> list[Message]:
    """Return what performs a delivery; `client` is the light client behind the delivery's end.

    Without `with_update` the client knows the attested state already. Raises `Refused` for evidence that is
    incomplete.
    """
    claims = [proven.claim for proven in delivery.proven]
    if any(type(claim) is not type(claims[0]) for claim in claims):
        raise Refused(f"delivery {delivery.key}: expected claims of one kind")
    revision = revision_of(proven_chain(delivery))
    match delivery.evidence:
        case Attested() as attested:
            updates = [_attested_update(attested, client, signer)] if with_update else []
            proofs = _attested_proofs(attested, claims)
        case Carried() as carried:
            updates = _carried_updates(carried, client, signer, revision)
            proofs = _carried_proofs(carried, claims, revision)
        case other:
            assert_never(other)
    return [*updates, *[_message(claim, proof, signer) for claim, proof in zip(claims, proofs, strict=True)]]


def _attested_update(attested: Attested, client: ClientId, signer: str) -> Message:
    state = attestation.encode_state(attested.height, attested.time_s)
    proof = attestations_pb2.AttestationProof(
        attestation_data=state, signatures=list(attested.state_signatures)
    )
    return _update(client, proof, signer)


def _attested_proofs(attested: Attested, claims: Sequence[Claim]) -> list[Proof]:
    """Return the same proof for each claim: it is over the whole list."""
    if not claims:
        return []
    try:
        packets = attestation.encode_packets(attested.height, attestation.pairs(claims))
    except ValueError as error:
        raise Refused(f"attested delivery: {error}") from error
    item = attestation.envelope_cosmos(packets, attested.packet_signatures)
    at = client_pb2.Height(revision_number=0, revision_height=attested.height)
    return [Proof(item=item, closed=b"", at=at, next_receive=claim.packet.sequence) for claim in claims]


def _carried_updates(carried: Carried, client: ClientId, signer: str, revision: int) -> list[Message]:
    updates = [
        _update(client, _header(before, after, revision), signer)
        for before, after in pairwise(carried.updates)
    ]
    if carried.conflict is None:
        return updates
    if len(carried.updates) < 2:
        raise Refused("misbehaviour: expected the block that the client trusts and one after it")
    base, last = carried.updates[-2:]
    # The client took the other header in one step from the first block, hence it does so again.
    own, other = _header(base, last, revision), _header(carried.updates[0], carried.conflict, revision)
    if carried.conflict.target.height > last.target.height:  # the higher one must come first
        own, other = other, own
    misbehaviour = tendermint_pb2.Misbehaviour(client_id=client, header_1=own, header_2=other)
    return [*updates[:-1], _update(client, misbehaviour, signer)]


def _carried_proofs(carried: Carried, claims: Sequence[Claim], revision: int) -> list[Proof]:
    proofs = carried.proofs
    if proofs is None or not claims:
        if claims:
            raise Refused(f"carried delivery: expected proofs of {len(claims)} claims, got none")
        return []
    if len(proofs.each) != len(claims) or len(proofs.common) != 1:
        told = f"got {len(proofs.each)} and {len(proofs.common)} in common"
        raise Refused(f"carried delivery: expected proofs of {len(claims)} claims and one in common, {told}")
    at = client_pb2.Height(revision_number=revision, revision_height=proofs.at.height)
    found = []
    for claim, each in zip(claims, proofs.each, strict=True):
        chained = [_chained(node, proofs.common[0]) for node in each.nodes]
        is_closed = isinstance(claim, NotReceived) and claim.closed
        if len(chained) != 1 + is_closed:
            raise Refused(
                f"packet {claim.packet.sequence}: expected {1 + is_closed} proofs, got {len(chained)}"
            )
        closed = chained[1] if is_closed else b""
        following = _next_receive(claim, each.nodes[0])
        found.append(Proof(item=chained[0], closed=closed, at=at, next_receive=following))
    return found


def _chained(node: bytes, common: bytes) -> bytes:
    """Return a `MerkleProof`: from the key to the store's root, from there to the app hash."""
    try:
        parts = [proofs_pb2.CommitmentProof.FromString(each) for each in (node, common)]
    except DecodeError as error:
        raise Refused(f"proof: {len(node)} and {len(common)} bytes are no commitment proofs") from error
    return commitment_pb2.MerkleProof(proofs=parts).SerializeToString()


def _next_receive(claim: Claim, node: bytes) -> int:
    packet = claim.packet
    if not isinstance(claim, NotReceived) or packet.channel is None or not packet.channel.ordered:
        return packet.sequence
    try:
        return next_sequence_recv(node)
    except Refusal as refusal:
        raise Refused(f"packet {packet.sequence}: {refusal}") from refusal


def _header(trusted: UntrustedUpdate, new: UntrustedUpdate, revision: int) -> tendermint_pb2.Header:
    """Return the header of `new` for a client that trusts the block of `trusted`."""
    try:
        block = types_pb2.LightBlock.FromString(new.header)
        validators = validator_pb2.ValidatorSet.FromString(trusted.next_set)
    except DecodeError as error:
        raise Refused(f"update to {new.target.height}: expected light blocks") from error
    height = client_pb2.Height(revision_number=revision, revision_height=trusted.target.height)
    return tendermint_pb2.Header(
        signed_header=block.signed_header,
        validator_set=_with_proposer(block.validator_set),
        trusted_height=height,
        trusted_validators=_with_proposer(validators),
    )


def _with_proposer(validators: validator_pb2.ValidatorSet) -> validator_pb2.ValidatorSet:
    """Name a proposer where none is named: chains insist on one, and it proves nothing."""
    if validators.validators and not validators.HasField("proposer"):
        validators.proposer.CopyFrom(validators.validators[0])
    return validators


def _update(client: ClientId, message: Message, signer: str) -> Message:
    return client_tx.MsgUpdateClient(client_id=client, client_message=pack(message), signer=signer)


def _message(claim: Claim, proof: Proof, signer: str) -> Message:
    packet = claim.packet
    return (
        _of_client(claim, packet, proof, signer)
        if packet.channel is None
        else _of_channel(claim, packet, proof, signer)
    )


def _of_client(claim: Claim, packet: Packet, proof: Proof, signer: str) -> Message:
    message = client_packet(packet)
    match claim:
        case Sent():
            return packet_tx.MsgRecvPacket(
                packet=message, proof_commitment=proof.item, proof_height=proof.at, signer=signer
            )
        case Acknowledged(acknowledgements=acknowledgements):
            return packet_tx.MsgAcknowledgement(
                packet=message,
                acknowledgement=packet_pb2.Acknowledgement(app_acknowledgements=acknowledgements),
                proof_acked=proof.item,
                proof_height=proof.at,
                signer=signer,
            )
        case NotReceived():
            return packet_tx.MsgTimeout(
                packet=message, proof_unreceived=proof.item, proof_height=proof.at, signer=signer
            )
        case _:
            assert_never(claim)


def _of_channel(claim: Claim, packet: Packet, proof: Proof, signer: str) -> Message:
    message = channel_packet(packet)
    match claim:
        case Sent():
            return channel_tx.MsgRecvPacket(
                packet=message, proof_commitment=proof.item, proof_height=proof.at, signer=signer
            )
        case Acknowledged(acknowledgements=acknowledgements):
            return channel_tx.MsgAcknowledgement(
                packet=message,
                acknowledgement=acknowledgements[0],
                proof_acked=proof.item,
                proof_height=proof.at,
                signer=signer,
            )
        case NotReceived(closed=True):
            return channel_tx.MsgTimeoutOnClose(
                packet=message,
                proof_unreceived=proof.item,
                proof_close=proof.closed,
                proof_height=proof.at,
                next_sequence_recv=proof.next_receive,
                signer=signer,
            )
        case NotReceived():
            return channel_tx.MsgTimeout(
                packet=message,
                proof_unreceived=proof.item,
                proof_height=proof.at,
                next_sequence_recv=proof.next_receive,
                signer=signer,
            )
        case _:
            assert_never(claim)


def client_packet(packet: Packet) -> packet_pb2.Packet:
    """Return an IBC v2 packet as ibc-go writes it."""
    return packet_pb2.Packet(
        sequence=packet.sequence,
        source_client=packet.source_client,
        destination_client=packet.destination_client,
        timeout_timestamp=packet.timeout_s,
        payloads=[
            packet_pb2.Payload(
                source_port=payload.source_port,
                destination_port=payload.destination_port,
                version=payload.version,
                encoding=payload.encoding,
                value=payload.value,
            )
            for payload in packet.payloads
        ],
    )


def channel_packet(packet: Packet) -> channel_pb2.Packet:
    """Return the packet of an IBC v1 channel as ibc-go writes it. Raises `Refused` for one of IBC v2."""
    channel = packet.channel
    if channel is None:
        raise Refused(f"packet {packet.sequence}: expected one of a channel")
    payload = packet.payloads[0]
    return channel_pb2.Packet(
        sequence=packet.sequence,
        source_port=payload.source_port,
        source_channel=packet.source_client,
        destination_port=payload.destination_port,
        destination_channel=packet.destination_client,
        data=payload.value,
        timeout_height=client_pb2.Height(
            revision_number=channel.timeout_revision, revision_height=channel.timeout_height
        ),
        timeout_timestamp=channel.timeout_ns,
    )
