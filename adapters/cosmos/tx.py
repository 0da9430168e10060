"""Transactions of Cosmos chains, built and signed: protobuf, one hash, one signature. Pure.

Every transaction names the last block that may hold it (`timeout_height`): what is not in a block by then
never will be. No account library on this path.

Implements: Cosmos SDK tx/v1beta1, SIGN_MODE_DIRECT with a secp256k1 key, BIP-173 account addresses.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf.any_pb2 import Any
from google.protobuf.message import DecodeError, Message
from msgspec import Struct

from adapters.api import Signer
from adapters.cosmos.pb.cosmos.base.abci.v1beta1 import abci_pb2
from adapters.cosmos.pb.cosmos.base.v1beta1 import coin_pb2
from adapters.cosmos.pb.cosmos.crypto.secp256k1 import keys_pb2
from adapters.cosmos.pb.cosmos.tx.signing.v1beta1 import signing_pb2
from adapters.cosmos.pb.cosmos.tx.v1beta1 import tx_pb2
from adapters.errors import MalformedReply
from proofs import bech32
from proofs.hashing import sha256

_SIGNATURE = 64


class Intent(Struct, frozen=True, kw_only=True):
    """What a transaction shall do, whatever its sequence and fee become."""

    signer: str
    """Address of the account that the messages name as theirs: its key signs and pays."""
    messages: tuple[Any, ...]
    kind: str
    """Transactions of one kind, with as many messages, use about as much gas."""
    memo: str = ""


class Ticket(Struct, frozen=True, kw_only=True, gc=False):
    """A transaction that was handed to the chain, and until when the chain can include it."""

    hash: bytes
    """32 bytes."""
    timeout_height: int
    """In a block up to this one, or in none."""

    def __str__(self) -> str:
        return f"{self.hash.hex().upper()}@{self.timeout_height}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """What a transaction may use, and pays whether it uses it or not."""

    gas: int
    amount: int
    """In `denom`."""
    denom: str


def parse_ticket(text: str) -> Ticket:
    """Return the ticket that was written as text. Raises `ValueError`."""
    digest, at, height = text.partition("@")
    raw = bytes.fromhex(digest)
    if len(raw) != 32 or not at or not height.isascii() or not height.isdigit():
        raise ValueError(f"ticket: expected HASH@HEIGHT, got {text[:100]!r}")
    return Ticket(hash=raw, timeout_height=int(height))


def address_of(prefix: str, public_key: bytes) -> str:
    """Return the account address of a compressed secp256k1 key, for example `cosmos1...`."""
    return bech32.encode(prefix, hashlib.new("ripemd160", sha256(public_key)).digest())


def pack(message: Message) -> Any:
    """Return a message with the name of its type, as transactions carry it."""
    return Any(type_url=f"/{message.DESCRIPTOR.full_name}", value=encoded(message))


def encoded(message: Message) -> bytes:
    """Return the one encoding of a message that this project signs and compares."""
    return message.SerializeToString(deterministic=True)


def body_of(intent: Intent, timeout_height: int) -> bytes:
    """Return the encoded body of a transaction."""
    body = tx_pb2.TxBody(messages=intent.messages, memo=intent.memo, timeout_height=timeout_height)
    return encoded(body)


def authority(public_key: bytes, sequence: int, fee: Fee) -> bytes:
    """Return the encoded statement of who signs and what is paid."""
    direct = tx_pb2.ModeInfo.Single(mode=signing_pb2.SIGN_MODE_DIRECT)
    signer = tx_pb2.SignerInfo(
        public_key=pack(keys_pb2.PubKey(key=public_key)),
        mode_info=tx_pb2.ModeInfo(single=direct),
        sequence=sequence,
    )
    coins = [coin_pb2.Coin(denom=fee.denom, amount=str(fee.amount))] if fee.amount else []
    return encoded(tx_pb2.AuthInfo(signer_infos=[signer], fee=tx_pb2.Fee(amount=coins, gas_limit=fee.gas)))


def sign(signer: Signer, native_id: str, account_number: int, body: bytes, authority: bytes) -> bytes:
    """Return the signed transaction. Its hash is the SHA-256 of these bytes."""
    document = tx_pb2.SignDoc(
        body_bytes=body, auth_info_bytes=authority, chain_id=native_id, account_number=account_number
    )
    signature = signer.sign(sha256(encoded(document)))[:_SIGNATURE]
    return encoded(tx_pb2.TxRaw(body_bytes=body, auth_info_bytes=authority, signatures=[signature]))


def unsigned(body: bytes, authority: bytes) -> bytes:
    """Return a transaction that can be simulated and not executed."""
    return encoded(tx_pb2.TxRaw(body_bytes=body, auth_info_bytes=authority, signatures=[b""]))


def fee_of(raw: bytes, denom: str) -> int:
    """Return what a transaction pays in this coin. Raises `MalformedReply`."""
    try:
        info = tx_pb2.AuthInfo.FromString(tx_pb2.TxRaw.FromString(raw).auth_info_bytes)
        return sum(int(coin.amount) for coin in info.fee.amount if coin.denom == denom)
    except (DecodeError, ValueError) as error:
        raise MalformedReply(f"transaction: expected a fee, got {raw[:80].hex()}") from error


def responses(data: bytes) -> Sequence[Any]:
    """Return the chain's response to each message of an executed transaction. Raises `MalformedReply`."""
    try:
        return list(abci_pb2.TxMsgData.FromString(data).msg_responses)
    except DecodeError as error:
        raise MalformedReply(f"transaction result: expected responses, got {data[:80].hex()}") from error
