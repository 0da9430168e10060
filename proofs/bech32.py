"""Bech32: how Cosmos chains write addresses, as a prefix and base 32 with a checksum.

Lower case only, which is the one spelling that chains themselves print. Not Bech32m, and nothing of Bitcoin's
witness programs.

Implements: BIP-173 (encoding and checksum; the length limit is that of our identifiers).
"""

from collections.abc import Iterable, Sequence

MAX_LENGTH = 90
"""Characters: what the checksum was made for (BIP-173). 32 bytes and a prefix of 31 fit."""

_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VALUES = {char: value for value, char in enumerate(_ALPHABET)}
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM = 6


class Bech32Error(ValueError):
    """A text is not Bech32, or data has no such text."""


def encode(prefix: str, data: bytes) -> str:
    """Return the text of these bytes. Raises `Bech32Error` for a bad prefix or too much data."""
    values = _regroup(data, 8, 5, pad=True)
    zeros = [0] * _CHECKSUM
    remainder = _polymod([*_expanded(prefix), *values, *zeros]) ^ 1
    check = [remainder >> 5 * (_CHECKSUM - 1 - index) & 31 for index in range(_CHECKSUM)]
    text = prefix + "1" + "".join([_ALPHABET[value] for value in [*values, *check]])
    if len(text) > MAX_LENGTH:
        raise Bech32Error(f"expected at most {MAX_LENGTH} characters, got {len(text)}")
    return text


def decode(text: str) -> tuple[str, bytes]:
    """Return (prefix, bytes) of a text. Raises `Bech32Error` unless it is the one text of just these."""
    prefix, one, rest = text[: MAX_LENGTH + 1].rpartition("1")
    if len(text) > MAX_LENGTH or not one or len(rest) < _CHECKSUM:
        raise Bech32Error(f"expected prefix, 1 and checksum in {MAX_LENGTH} characters, got {text[:100]!r}")
    strange = [char for char in rest if char not in _VALUES]
    if strange:
        raise Bech32Error(f"expected characters of {_ALPHABET}, got {strange[0]!r}")
    values = [_VALUES[char] for char in rest]
    if _polymod([*_expanded(prefix), *values]) != 1:
        raise Bech32Error(f"checksum does not fit {text!r}")
    return prefix, bytes(_regroup(values[:-_CHECKSUM], 5, 8, pad=False))


def _expanded(prefix: str) -> list[int]:
    codes = list(map(ord, prefix))
    if not codes or min(codes) < 33 or max(codes) > 126 or prefix != prefix.lower():
        raise Bech32Error(f"expected a prefix in lower-case ASCII, got {prefix!r}")
    return [*[code >> 5 for code in codes], 0, *[code & 31 for code in codes]]


def _polymod(values: Iterable[int]) -> int:
    state = 1
    for value in values:
        top = state >> 25
        state = (state & 0x1FFFFFF) << 5 ^ value
        for index, generator in enumerate(_GENERATOR):
            if top >> index & 1:
                state ^= generator
    return state


def _regroup(values: Sequence[int], width: int, target: int, *, pad: bool) -> list[int]:
    """Return the same bits in groups of another width; without padding, the rest must be few zeros."""
    number = bits = 0
    groups = []
    for value in values:
        number = number << width | value
        bits += width
        while bits >= target:
            bits -= target
            groups.append(number >> bits)
            number &= (1 << bits) - 1
    if pad and bits:
        groups.append(number << target - bits)
    elif bits >= width or number:
        raise Bech32Error(f"expected fewer than {width} bits of zeros at the end, got {bits} of {number:b}")
    return groups
