"""Headers that a transaction gives to a light client, wherever in it they are. No chain."""

from collections.abc import Callable

import pytest
from google.protobuf.message import Message

from adapters.cosmos.pb.cosmos.authz.v1beta1 import tx_pb2 as authz_tx
from adapters.cosmos.pb.cosmos.tx.v1beta1 import tx_pb2
from adapters.cosmos.pb.ibc.core.client.v1 import tx_pb2 as client_tx
from adapters.cosmos.tx import pack
from adapters.cosmos.watch import updates_in
from adapters.errors import MalformedReply
from proofs.lightclients.tendermint import decode_light_block
from proofs.lightclients.tendermint.types import Flag
from proofs.pb.ibc.core.client.v1 import client_pb2
from proofs.pb.ibc.lightclients.tendermint.v1 import tendermint_pb2
from proofs.pb.tendermint.types import types_pb2
from proofs.records import replace
from proofs.types import UntrustedUpdate
from proofs.verdict import Refusal
from tests.support.cosmos_blocks import FOUR, NO_BLOCK, forged, grow, signed

BLOCKS = grow([FOUR] * 4)
CLIENT = "07-tendermint-0"


def header(height: int) -> tendermint_pb2.Header:
    block = types_pb2.LightBlock.FromString(BLOCKS[height].update.header)
    return tendermint_pb2.Header(
        signed_header=block.signed_header,
        validator_set=block.validator_set,
        trusted_height=client_pb2.Height(revision_number=1, revision_height=1),
    )


def update(height: int, client: str = CLIENT, message=None) -> client_tx.MsgUpdateClient:
    return client_tx.MsgUpdateClient(client_id=client, client_message=pack(message or header(height)))


def transaction(*messages) -> bytes:
    body = tx_pb2.TxBody(messages=[pack(each) for each in messages])
    return tx_pb2.TxRaw(body_bytes=body.SerializeToString()).SerializeToString()


def targets(raw: bytes) -> list:
    return [found.target for found, _ in updates_in(raw, CLIENT)]


def test_every_header_of_the_client_is_found_in_order() -> None:
    raw = transaction(update(2), update(3, "07-tendermint-9"), update(4))
    assert targets(raw) == [BLOCKS[2].ref, BLOCKS[4].ref]
    assert [trusted for _, trusted in updates_in(raw, CLIENT)] == [1, 1]


def test_a_header_that_is_given_in_the_name_of_another_account_is_found_too() -> None:
    inner = authz_tx.MsgExec(grantee="cosmos1me", msgs=[pack(update(3))])
    outer = authz_tx.MsgExec(grantee="cosmos1me", msgs=[pack(inner), pack(update(2))])
    assert targets(transaction(outer)) == [BLOCKS[3].ref, BLOCKS[2].ref]


def spelled(change: Callable[[tendermint_pb2.Header], object]) -> UntrustedUpdate:
    """Return what is found of a header with an absent vote, after a change to its message."""
    made = forged(BLOCKS[3], flags={3: Flag.ABSENT})
    block = types_pb2.LightBlock.FromString(made.update.header)
    message = header(3)
    message.signed_header.CopyFrom(block.signed_header)
    change(message)
    [(found, _)] = updates_in(transaction(update(3, message=message)), CLIENT)
    assert found.target == made.ref
    return found


def unknown(part: Message) -> None:
    part.MergeFromString(b"\xfa\x7f\x01x")  # field 2047: one that the Cosmos SDK lets pass, for its high bit


@pytest.mark.parametrize(
    "change",
    [
        lambda message: unknown(message),
        lambda message: unknown(message.signed_header.header),
        lambda message: unknown(message.signed_header.commit.signatures[0]),
        lambda message: unknown(message.validator_set.validators[0].pub_key),
        lambda message: message.signed_header.commit.signatures[3].ClearField("timestamp"),
        lambda message: setattr(message.validator_set, "total_voting_power", 7),
        lambda message: setattr(message.validator_set.proposer, "voting_power", 7),
    ],
)
def test_a_header_that_is_spelled_otherwise_is_found_as_chains_read_it(change) -> None:
    found, plain = spelled(change), spelled(lambda _: None)
    assert decode_light_block(found.header) == decode_light_block(plain.header)


def test_parts_that_chains_read_as_empty_when_they_are_left_out_may_be_left_out() -> None:
    made = signed(replace(BLOCKS[1].block.header, last_block=NO_BLOCK), FOUR, FOUR)
    message = header(1)
    message.signed_header.CopyFrom(types_pb2.LightBlock.FromString(made.update.header).signed_header)
    for part in (message.signed_header.header.last_block_id, message.signed_header.header):
        part.ClearField("part_set_header" if part is not message.signed_header.header else "last_block_id")
        [(found, _)] = updates_in(transaction(update(1, message=message)), CLIENT)
        assert (found.target, decode_light_block(found.header)) == (made.ref, made.block)


def test_a_header_whose_validators_cannot_be_read_here_is_found_all_the_same() -> None:
    def change(message: tendermint_pb2.Header) -> None:
        message.validator_set.validators[0].pub_key.ed25519 = bytes(31)

    with pytest.raises(Refusal):
        decode_light_block(spelled(change).header)


def test_what_is_no_header_is_passed_over() -> None:
    nothing = tendermint_pb2.Header()
    misbehaviour = tendermint_pb2.Misbehaviour(header_1=header(2), header_2=header(3))
    assert targets(transaction(update(1, message=nothing), update(1, message=misbehaviour))) == []


def test_bytes_that_are_no_transaction_are_malformed() -> None:
    with pytest.raises(MalformedReply):
        targets(b"\xff\xff")
