"""Ability `client-updates`: the headers that somebody gave to a light client of this chain.

Events name the client and no header, so the header is taken from the transaction. It says what a relay claims
that the other chain is: compare it with that chain's own block. Headers are found in messages and in what one
account does for another (authz); not in what proposals, contracts or packets carry out.

Implements: `MsgUpdateClient` of ICS-2 with a header of ICS-7, `MsgExec` of the Cosmos SDK.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from google.protobuf.any_pb2 import Any
from google.protobuf.message import DecodeError

from adapters.api import SeenClientUpdate
from adapters.cosmos.channels import Ends
from adapters.cosmos.endpoints import Endpoints
from adapters.cosmos.events import updated_in
from adapters.cosmos.history import History, store_probe, transaction_name, transactions
from adapters.cosmos.pb.cosmos.authz.v1beta1 import tx_pb2 as authz_tx
from adapters.cosmos.pb.cosmos.tx.v1beta1 import tx_pb2
from adapters.cosmos.pb.ibc.core.client.v1 import tx_pb2 as client_tx
from adapters.cosmos.rpc import CometClient
from adapters.errors import MalformedReply
from proofs.lightclients.tendermint import decode_header, header_hash
from proofs.lightclients.tendermint.wire import ZERO_TIME_NS
from proofs.pb.ibc.lightclients.tendermint.v1 import tendermint_pb2
from proofs.pb.tendermint.types import types_pb2
from proofs.types import BlockRef, ChainId, ClientId, Height, UntrustedUpdate
from proofs.verdict import Refusal

_UPDATE = "/ibc.core.client.v1.MsgUpdateClient"
_EXEC = "/cosmos.authz.v1beta1.MsgExec"
_MAX_DEPTH = 8
_HEADER = "/ibc.lightclients.tendermint.v1.Header"


@dataclass(slots=True, kw_only=True)
class Watch:
    """Reads what light clients on one chain were given."""

    endpoints: Endpoints
    ends: Ends
    history: History

    async def client_updates(
        self, client: ClientId, first: Height, last: BlockRef
    ) -> Sequence[SeenClientUpdate]:
        """See `ClientWatcher.client_updates`. A channel's id stands for the client behind it."""

        async def work(endpoint: CometClient) -> list[SeenClientUpdate]:
            end = await self.ends.find(endpoint, client, last)
            span = max(first - 1, 1), last.height - 1
            blocks = await self.history.events(endpoint, span, store_probe(endpoint))
            places = {height: updated_in(events, end.client) for height, events in blocks}
            found = await transactions(endpoint, places)
            return [
                SeenClientUpdate(
                    untrusted_update=update,
                    trusted_height=trusted,
                    height=Height(height + 1),
                    transaction=transaction_name(raw),
                )
                for (height, _), raw in sorted(found.items())
                for update, trusted in updates_in(raw, end.client)
            ]

        return await self.endpoints.agreed(work)


def updates_in(raw: bytes, client: ClientId) -> Iterator[tuple[UntrustedUpdate, Height]]:
    """Yield (update, height from which it is trusted) of each header that a transaction gives to this client.

    Headers that no light client could take are passed over. Raises `MalformedReply` for no transaction.
    """
    try:
        body = tx_pb2.TxBody.FromString(tx_pb2.TxRaw.FromString(raw).body_bytes)
        messages = [
            client_tx.MsgUpdateClient.FromString(each.value)
            for each in _opened(body.messages, _MAX_DEPTH)
            if each.type_url == _UPDATE
        ]
        headers = [
            tendermint_pb2.Header.FromString(each.client_message.value)
            for each in messages
            if each.client_id == client and each.client_message.type_url == _HEADER
        ]
    except DecodeError as error:
        raise MalformedReply(f"transaction: {len(raw)} bytes do not decode") from error
    for header in headers:
        update = _update(header)
        if update is not None:
            yield update, Height(header.trusted_height.revision_height)


def _opened(messages: Iterable[Any], depth: int) -> Iterator[Any]:
    """Yield messages, and in place of those that hold others, the others."""
    for message in messages:
        if message.type_url == _EXEC and depth:
            yield from _opened(authz_tx.MsgExec.FromString(message.value).msgs, depth - 1)
        else:
            yield message


def _update(header: tendermint_pb2.Header) -> UntrustedUpdate | None:
    """Return a header as an update; the set of the block after it is not in it.

    What its validators and votes are is not asked: that one of them cannot be read here must hide no header.
    """
    _spell(header)
    try:
        read = decode_header(header.signed_header.header.SerializeToString(deterministic=True))
    except Refusal:
        return None
    target = BlockRef(
        chain=ChainId(f"cosmos:{read.chain_id}"), height=Height(read.height), hash=header_hash(read)
    )
    block = types_pb2.LightBlock(signed_header=header.signed_header, validator_set=header.validator_set)
    encoded = block.SerializeToString(deterministic=True)
    return UntrustedUpdate(light_client="tendermint", target=target, header=encoded)


def _spell(header: tendermint_pb2.Header) -> None:
    """Write a header as chains read it: they ignore unknown fields, and take some parts for granted."""
    header.DiscardUnknownFields()
    named, commit = header.signed_header.header, header.signed_header.commit
    named.version.SetInParent()
    for block in (named.last_block_id, commit.block_id):
        block.part_set_header.SetInParent()
    for entry in commit.signatures:
        if not entry.HasField("timestamp"):
            entry.timestamp.FromNanoseconds(ZERO_TIME_NS)
