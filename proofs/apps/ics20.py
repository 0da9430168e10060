"""Token transfers: what their packet data says, and the addresses and denominations that follow from it.

Packet data is read, never written again: what a chain committed to are its bytes, and a packet that is
passed on keeps them. Reading is strict, so that nobody can show one sender to a filter and another one to the
chain: of what ibc-go takes, anything with a second meaning (a duplicate or differently spelled key, a number
that is no plain decimal, a lone surrogate, a protobuf field out of order) is refused here.

Not here: what moves which balance, and the packets of `ics20-2`, which no chain writes any more.

Implements: ICS-20 version 1, `FungibleTokenPacketData` in the encodings `application/json` (also that of
IBC v1, which names none), `application/x-protobuf` and `application/x-solidity-abi`; denominations and escrow
addresses as in ibc-go (ADR 001, ADR 028).
"""

import json
import re

from msgspec import Struct

from proofs import limits
from proofs.apps import tuples
from proofs.hashing import sha256
from proofs.types import Payload
from proofs.verdict import Reason, Refusal

PORT = "transfer"
VERSION = "ics20-1"
JSON = "application/json"
PROTOBUF = "application/x-protobuf"
ABI = "application/x-solidity-abi"

SUCCESS = b'{"result":"AQ=="}'
"""The acknowledgement of a transfer that was carried out. The other one is `codec.ERROR_ACKNOWLEDGEMENT`."""

_AMOUNT = re.compile(r"0|[1-9][0-9]{0,77}")
_FIELDS = ("denom", "amount", "sender", "receiver", "memo")
"""In the order of the protobuf fields, which count from 1."""
_ABI_NUMBERS = (False, False, False, True, False)


class TransferData(Struct, frozen=True, kw_only=True, gc=False):
    """What one transfer says."""

    denom: str
    """Full path, for example `uatom` or `transfer/channel-0/uatom`, as the sending chain writes it."""
    amount: int
    """In the token's smallest unit, below 2^256."""
    sender: str
    receiver: str
    memo: str = ""


def decode_transfer(payload: Payload) -> TransferData | None:
    """Return what this payload transfers, None if it is no transfer; raise `Refusal` if it cannot be read.

    A transfer is what has the version of ICS-20 or, on either side, its port.
    """
    if payload.version != VERSION and PORT not in (payload.source_port, payload.destination_port):
        return None
    if payload.version not in ("", VERSION):
        raise Refusal(Reason.MALFORMED, f"transfer: expected version {VERSION}, got {payload.version[:80]!r}")
    limits.check_at_most("transfer: bytes", len(payload.value), limits.MAX_PAYLOAD_TOTAL)
    match payload.encoding:
        case "" | "application/json":
            return decode_json(payload.value)
        case "application/x-protobuf":
            return decode_protobuf(payload.value)
        case "application/x-solidity-abi":
            return decode_abi(payload.value)
        case encoding:
            raise Refusal(Reason.MALFORMED, f"transfer: expected a known encoding, got {encoding[:80]!r}")


def encode_abi(data: TransferData) -> bytes:
    """Return the packet value of a transfer in the Solidity encoding. Raises `Refusal` for no uint256."""
    texts = [data.denom.encode(), data.sender.encode(), data.receiver.encode()]
    return tuples.encode([*texts, data.amount, data.memo.encode()])


def decode_abi(value: bytes) -> TransferData:
    """Return what a packet value in the Solidity encoding says; raise `Refusal`."""
    denom, sender, receiver, amount, memo = tuples.decode(value, _ABI_NUMBERS)
    return TransferData(
        denom=tuples.text(denom),
        amount=int.from_bytes(amount, "big"),
        sender=tuples.text(sender),
        receiver=tuples.text(receiver),
        memo=tuples.text(memo),
    )


_STRINGS = re.compile(rb'"(?:[^"\\]|\\.?)*+"?', re.DOTALL)
"""Text, also when it never ends: what fits at every quote is looked at once."""
_BRACKETS = re.compile(rb"[\[{]")
"""Counted before anything is parsed: how deep a parser may go is not ours to say, and a chain's to choose."""


def decode_json(value: bytes) -> TransferData:
    """Return what a packet value in JSON says; raise `Refusal`. Spaces and the order of keys are free."""
    if len(_BRACKETS.findall(_STRINGS.sub(b"", value))) > 1:
        raise Refusal(Reason.MALFORMED, f"transfer: expected one flat JSON object, got {value[:80]!r}")
    try:
        found = json.loads(tuples.text(value), object_pairs_hook=_fields_once)
    except ValueError as error:
        raise Refusal(Reason.MALFORMED, f"transfer: expected JSON, got {value[:80]!r}") from error
    if not isinstance(found, dict):
        raise Refusal(Reason.MALFORMED, f"transfer: expected a JSON object, got {value[:80]!r}")
    return _from_texts(found)


def decode_protobuf(value: bytes) -> TransferData:
    """Return what a packet value in protobuf says; raise `Refusal` unless it is the canonical encoding."""
    texts: dict[str, str] = {}
    at = 0
    while at < len(value):
        field, at = _varint(value, at)
        size, at = _varint(value, at)
        number, kind = field >> 3, field & 7
        if kind != 2 or not len(texts) < number <= len(_FIELDS) or not 0 < size <= len(value) - at:
            raise Refusal(Reason.MALFORMED, f"transfer: expected canonical protobuf at byte {at}")
        missing = _FIELDS[len(texts) : number - 1]
        texts |= dict.fromkeys(missing, "")
        texts[_FIELDS[number - 1]] = tuples.text(value[at : at + size])
        at += size
    return _from_texts(texts)


def escrow_address(port: str, channel: str) -> bytes:
    """Return the 20 bytes of the account in which a Cosmos chain locks what leaves through this channel.

    For IBC v2 the channel is the client.
    """
    return sha256(VERSION.encode() + b"\x00" + f"{port}/{channel}".encode())[:20]


def voucher_denom(path: str) -> str:
    """Return the denomination of a foreign token on a Cosmos chain: `ibc/` and the hash of its full path."""
    return f"ibc/{sha256(path.encode()).hex().upper()}"


def received_denom(client: str, denom: str) -> str:
    """Return the path of a token that arrived through this client or channel, under this name."""
    return f"{PORT}/{client}/{denom}"


def _fields_once(pairs: list[tuple[str, object]]) -> dict[str, str]:
    """Return the fields of the object; raise `Refusal` for a key that is unknown or comes twice."""
    found: dict[str, str] = {}
    for key, value in pairs:
        if key not in _FIELDS or key in found or not isinstance(value, str):
            raise Refusal(Reason.MALFORMED, f"transfer: key {key[:80]!r} is unknown, doubled or no text")
        found[key] = value
    return found


def _from_texts(texts: dict[str, str]) -> TransferData:
    missing = [name for name in _FIELDS[:-1] if not texts.get(name)]
    if missing:
        raise Refusal(Reason.INCOMPLETE, f"transfer: expected {missing}, there is none")
    if not _AMOUNT.fullmatch(texts["amount"]) or int(texts["amount"]) >= 2**256:
        raise Refusal(Reason.MALFORMED, f"amount: expected a decimal uint256, got {texts['amount'][:90]!r}")
    try:
        "".join(texts.values()).encode()
    except UnicodeEncodeError as error:
        raise Refusal(Reason.MALFORMED, "transfer: expected Unicode, got a lone surrogate") from error
    return TransferData(
        denom=texts["denom"],
        amount=int(texts["amount"]),
        sender=texts["sender"],
        receiver=texts["receiver"],
        memo=texts.get("memo", ""),
    )


def _varint(value: bytes, at: int) -> tuple[int, int]:
    """Return (number, where it ends); raise `Refusal` unless it is the shortest one below 2^28."""
    number = shift = 0
    while at < len(value) and shift < 28:
        byte = value[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            if byte or not shift:
                return number, at
            break
        shift += 7
    raise Refusal(Reason.MALFORMED, f"transfer: expected a short varint before byte {at}")
