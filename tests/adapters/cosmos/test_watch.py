"""Headers that a transaction gives to a light client, wherever in it they are. No chain."""

import pytest

from adapters.cosmos.pb.cosmos.authz.v1beta1 import tx_pb2 as authz_tx
from adapters.cosmos.pb.cosmos.tx.v1beta1 import tx_pb2
from adapters.cosmos.pb.ibc.core.client.v1 import tx_pb2 as client_tx
from adapters.cosmos.tx import pack
from adapters.cosmos.watch import updates_in
from adapters.errors import MalformedReply
from proofs.pb.ibc.core.client.v1 import client_pb2
from proofs.pb.ibc.lightclients.tendermint.v1 import tendermint_pb2
from proofs.pb.tendermint.types import types_pb2
from tests.support.cosmos_blocks import FOUR, grow

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


def test_what_is_no_header_is_passed_over() -> None:
    nothing = tendermint_pb2.Header()
    misbehaviour = tendermint_pb2.Misbehaviour(header_1=header(2), header_2=header(3))
    assert targets(transaction(update(1, message=nothing), update(1, message=misbehaviour))) == []


def test_bytes_that_are_no_transaction_are_malformed() -> None:
    with pytest.raises(MalformedReply):
        targets(b"\xff\xff")
