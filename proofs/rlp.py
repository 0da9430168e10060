"""Strict RLP: decodes canonical encodings only, and encodes.

A value has exactly one encoding here: no leading zeros in lengths, no long form where the short one fits,
no prefixed single byte below 0x80, no bytes left over. Anything else raises `Refusal(MALFORMED)`; too deep
or too many items raise `Refusal(LIMIT)`. It knows nothing of what the items mean, except for integers
(big-endian, minimal, zero is empty).

Implements: Ethereum Yellow Paper, appendix B.
"""

from collections.abc import Sequence
from typing import NoReturn, TypeAlias

from proofs import limits
from proofs.verdict import Reason, Refusal

Item: TypeAlias = "bytes | list[Item]"
"""What RLP carries: byte strings and lists of items."""

Encodable: TypeAlias = "bytes | Sequence[Encodable]"


def _malformed(expected: str, position: int) -> NoReturn:
    raise Refusal(Reason.MALFORMED, f"RLP: expected {expected} at byte {position}")


def _long_length(data: bytes, position: int, size: int, end: int) -> tuple[int, int]:
    """Read a length of `size` bytes after `position`; return (start, stop) of the payload."""
    start = position + 1 + size
    if start > end:
        _malformed("a whole length", position)
    length = int.from_bytes(data[position + 1 : start], "big")
    if length < 56 or data[position + 1] == 0:
        _malformed("a minimal length", position)
    return start, start + length


def _span(data: bytes, position: int, end: int) -> tuple[bool, int, int]:
    """Return (is list, start, stop) of the item at `position`, whose payload lies within `end`."""
    prefix = data[position]
    if prefix < 0x80:
        return False, position, position + 1
    if prefix <= 0xB7:
        start, stop = position + 1, position + prefix - 0x7F
        if prefix == 0x81 and start < end and data[start] < 0x80:
            _malformed("a single byte without prefix", position)
    elif prefix <= 0xBF:
        start, stop = _long_length(data, position, prefix - 0xB7, end)
    elif prefix <= 0xF7:
        start, stop = position + 1, position + prefix - 0xBF
    else:
        start, stop = _long_length(data, position, prefix - 0xF7, end)
    if stop > end:
        _malformed(f"an item of {stop - start} bytes, {end - start} left,", position)
    return prefix >= 0xC0, start, stop


def _items(data: bytes, start: int, stop: int, depth: int, budget: list[int]) -> list[Item]:
    """Return the items between `start` and `stop`; `budget[0]` counts down over the whole value."""
    limits.check_at_most("RLP depth", depth, limits.MAX_RLP_DEPTH)
    items: list[Item] = []
    position = start
    while position < stop:
        budget[0] -= 1
        if budget[0] < 0:
            raise Refusal(Reason.LIMIT, f"RLP: more than {limits.MAX_RLP_ITEMS} items")
        is_list, inner, position = _span(data, position, stop)
        items.append(_items(data, inner, position, depth + 1, budget) if is_list else data[inner:position])
    return items


def decode(data: bytes) -> Item:
    """Return the one item that all of `data` encodes; raise `Refusal` if the encoding is not canonical."""
    if not data:
        _malformed("an item", 0)
    is_list, start, stop = _span(data, 0, len(data))
    if stop != len(data):
        _malformed("the end", stop)
    return _items(data, start, stop, 1, [limits.MAX_RLP_ITEMS]) if is_list else data[start:stop]


def decode_list(data: bytes) -> list[Item]:
    """Return the items of the list that `data` encodes; raise `Refusal` for a string or other encodings."""
    item = decode(data)
    if isinstance(item, bytes):
        _malformed("a list", 0)
    return item


def as_bytes(item: Item, what: str, size: int | None = None) -> bytes:
    """Return a string item, of exactly `size` bytes if given; raise `Refusal` that names `what` otherwise."""
    if isinstance(item, bytes) and (size is None or len(item) == size):
        return item
    wanted = "a string" if size is None else f"{size} bytes"
    got = f"{len(item)} bytes" if isinstance(item, bytes) else f"a list of {len(item)}"
    raise Refusal(Reason.MALFORMED, f"{what}: expected {wanted}, got {got}")


def as_list(item: Item, what: str, size: int | None = None) -> list[Item]:
    """Return a list item, of exactly `size` items if given; raise `Refusal` that names `what` otherwise."""
    if isinstance(item, list) and (size is None or len(item) == size):
        return item
    wanted = "a list" if size is None else f"a list of {size}"
    got = f"{len(item)} bytes" if isinstance(item, bytes) else f"a list of {len(item)}"
    raise Refusal(Reason.MALFORMED, f"{what}: expected {wanted}, got {got}")


def as_int(item: Item, what: str, max_size: int = 8) -> int:
    """Return an unsigned integer of at most `max_size` bytes; raise `Refusal` for a leading zero byte."""
    data = as_bytes(item, what)
    if len(data) > max_size or data[:1] == b"\0":
        raise Refusal(Reason.MALFORMED, f"{what}: expected a minimal integer of at most {max_size} bytes")
    return int.from_bytes(data, "big")


def _prefixed(payload: bytes, short: int) -> bytes:
    size = len(payload)
    if size < 56:
        return bytes([short + size]) + payload
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([short + 55 + len(length)]) + length + payload


def encode(item: Encodable) -> bytes:
    """Return the canonical encoding of a string or of a (nested) sequence of strings."""
    if isinstance(item, bytes):
        if len(item) == 1 and item[0] < 0x80:
            return item
        return _prefixed(item, 0x80)
    return _prefixed(b"".join([encode(each) for each in item]), 0xC0)


def encode_int(value: int) -> bytes:
    """Return the canonical encoding of an unsigned integer (zero is the empty string)."""
    return encode(value.to_bytes((value.bit_length() + 7) // 8, "big"))
