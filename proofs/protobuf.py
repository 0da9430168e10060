"""Protobuf messages that have one encoding only: what decodes here encodes to the very same bytes.

Protobuf itself lets fields come in any order, twice, or unknown, and lets a varint be too long. Evidence that
is hashed, compared or handed on must not have two spellings, so all of these are refused. Nothing here judges
what a message says.

Implements: ADR-027 of the Cosmos SDK (deterministic encoding), for messages without maps.
"""

from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from proofs import limits
from proofs.verdict import Reason, Refusal

M = TypeVar("M", bound=Message)


def decode(kind: type[M], encoded: bytes, what: str, max_bytes: int) -> M:
    """Return the message that these bytes are; raise `Refusal` if they are no message or not canonical."""
    message = parse(kind, encoded, what, max_bytes)
    check_canonical(message, encoded, what)
    return message


def parse(kind: type[M], encoded: bytes, what: str, max_bytes: int) -> M:
    """Return the message; raise `Refusal` if there is none. For who first says what a strange field means."""
    limits.check_at_most(f"{what}: bytes", len(encoded), max_bytes)
    try:
        return kind.FromString(encoded)
    except DecodeError as error:
        raise Refusal(Reason.MALFORMED, f"{what}: {len(encoded)} bytes are no {kind.__name__}") from error


def check_canonical(message: Message, encoded: bytes, what: str) -> None:
    """Return nothing if these bytes are the one encoding of the message; raise `Refusal` otherwise.

    Unknown fields are dropped before the message is encoded again: it would write them back as they came.
    """
    message.DiscardUnknownFields()
    if message.SerializeToString(deterministic=True) != encoded:
        raise Refusal(Reason.MALFORMED, f"{what}: expected the canonical encoding, got another spelling")
