"""Calls to another chain: ICS-27 GMP packet data, and the account that acts.

A Cosmos chain carries out the payload (its messages, as protobuf or JSON) as the account of (client, sender,
salt); the receiver means nothing to it and may be empty. On EVM the receiver is the contract to be called.
Not here: the messages inside the payload.

Implements: ICS-27 GMP version `ics27-2` in the encoding `application/x-solidity-abi`, and the derivation of
account addresses (ADR 028, module addresses) as in ibc-go's module `27-gmp`.
"""

from msgspec import Struct

from proofs import limits
from proofs.apps import tuples
from proofs.hashing import sha256
from proofs.types import ClientId, Payload
from proofs.verdict import Reason, Refusal

PORT = "gmpport"
VERSION = "ics27-2"
ENCODING = "application/x-solidity-abi"

MAX_ADDRESS = 2048
"""Bytes of sender or receiver."""
MAX_SALT = 32
MAX_PAYLOAD = 32 * 1024
MAX_MEMO = 32 * 1024

_BYTES = (False,) * 5


class CallData(Struct, frozen=True, kw_only=True, gc=False):
    """What one packet asks for."""

    sender: str
    """The caller, in the notation of its own chain."""
    receiver: str
    salt: bytes
    """Tells several accounts of one sender apart."""
    payload: bytes
    memo: str = ""


def encode(data: CallData) -> bytes:
    """Return the packet value. Raises `Refusal` for what the module would refuse."""
    _check(data)
    texts = data.sender.encode(), data.receiver.encode(), data.memo.encode()
    return tuples.encode([texts[0], texts[1], data.salt, data.payload, texts[2]])


def decode_call(payload: Payload) -> CallData | None:
    """Return what this payload asks for, None if it is no call; raise `Refusal` if it cannot be read.

    A call is what has the version of ICS-27 GMP or, on either side, its port.
    """
    if payload.version != VERSION and PORT not in (payload.source_port, payload.destination_port):
        return None
    if (payload.version, payload.encoding) != (VERSION, ENCODING):
        raise Refusal(
            Reason.MALFORMED,
            f"call: expected version {VERSION} in {ENCODING}, "
            f"got {payload.version[:80]!r} in {payload.encoding[:80]!r}",
        )
    return decode(payload.value)


def decode(value: bytes) -> CallData:
    """Return what a packet value says; raise `Refusal` unless it is canonical and within limits."""
    limits.check_at_most("call: bytes", len(value), limits.MAX_PAYLOAD_TOTAL)
    sender, receiver, salt, payload, memo = tuples.decode(value, _BYTES)
    data = CallData(
        sender=tuples.text(sender),
        receiver=tuples.text(receiver),
        salt=salt,
        payload=payload,
        memo=tuples.text(memo),
    )
    _check(data)
    return data


def account_address(client: ClientId, sender: str, salt: bytes) -> bytes:
    """Return the 32 bytes of the account that acts for `sender`; `client` is that of the acting chain."""
    key = b"".join([len(part).to_bytes(8, "big") + part for part in (client.encode(), sender.encode(), salt)])
    return sha256(sha256(b"module") + b"gmp-accounts\x00" + key)


def _check(data: CallData) -> None:
    if not data.sender.strip():
        raise Refusal(Reason.INCOMPLETE, f"call: expected a sender, got {data.sender[:80]!r}")
    for what, size, cap in (
        ("sender", len(data.sender.encode()), MAX_ADDRESS),
        ("receiver", len(data.receiver.encode()), MAX_ADDRESS),
        ("salt", len(data.salt), MAX_SALT),
        ("payload", len(data.payload), MAX_PAYLOAD),
        ("memo", len(data.memo.encode()), MAX_MEMO),
    ):
        limits.check_at_most(f"call: bytes of {what}", size, cap)
