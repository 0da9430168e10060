"""ABI encoding of calls, and decoding of the few answers that we read. Small, strict, quick.

Encoding is by shape: a `bytes` of whole words stands for itself, a `Tail` is dynamic and goes behind the
head. What is rare (custom errors, constructor arguments) goes through `eth_abi` in `errors` and `deploy`.

Implements: Solidity contract ABI specification.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.errors import MalformedReply
from proofs.hashing import keccak256

WORD = 32


@dataclass(frozen=True, slots=True)
class Tail:
    """An encoded dynamic value: stands behind the head, which holds its offset."""

    body: bytes


Part = bytes | Tail


def selector(signature: str) -> bytes:
    """Return the 4 bytes that choose a function or name an error, from its canonical signature."""
    return keccak256(signature.encode())[:4]


def word(value: int) -> bytes:
    """Return an unsigned integer as 32 big-endian bytes."""
    return value.to_bytes(WORD, "big")


def address_word(address: bytes) -> bytes:
    """Return a 20-byte address as a word."""
    return bytes(12) + address


def encode(parts: Sequence[Part]) -> bytes:
    """Return the encoding of a tuple of these parts, without an offset in front."""
    size = sum(WORD if isinstance(part, Tail) else len(part) for part in parts)
    head, tails = [], []
    for part in parts:
        if isinstance(part, Tail):
            head.append(word(size))
            tails.append(part.body)
            size += len(part.body)
        else:
            head.append(part)
    return b"".join([*head, *tails])


def dynamic(value: bytes | str) -> Tail:
    """Return bytes or a string as a part."""
    raw = value.encode() if isinstance(value, str) else value
    return Tail(word(len(raw)) + raw + bytes(-len(raw) % WORD))


def struct(parts: Sequence[Part]) -> Tail:
    """Return a dynamic tuple as a part."""
    return Tail(encode(parts))


def array(items: Sequence[Part]) -> Tail:
    """Return a dynamic array as a part: items all static or all dynamic."""
    return Tail(word(len(items)) + encode(items))


def uint64s(values: Sequence[int]) -> Tail:
    """Return a `uint64[]` as a part."""
    return Tail(word(len(values)) + b"".join([value.to_bytes(WORD, "big") for value in values]))


@dataclass(frozen=True, slots=True)
class Answer:
    """The returned bytes of a call, read by position. Every reader raises `MalformedReply`."""

    raw: bytes
    base: int = 0
    """Where offsets count from."""

    def uint(self, at: int, bits: int = 64) -> int:
        """Return the number in the word at `at`, at most `bits` wide."""
        start = self.base + at
        piece = self.raw[start : start + WORD]
        value = int.from_bytes(piece, "big")
        if len(piece) != WORD or value >> bits:
            raise MalformedReply(f"ABI: expected a uint{bits} at byte {start}, got 0x{piece.hex()}")
        return value

    def inner(self, at: int) -> "Answer":
        """Return the dynamic value that the offset at `at` points to."""
        return Answer(self.raw, self.base + self.uint(at, 32))

    def content(self) -> bytes:
        """Return the content of this `bytes` or `string`."""
        size, start = self.uint(0, 32), self.base + WORD
        piece = self.raw[start : start + size]
        if len(piece) != size:
            raise MalformedReply(f"ABI: expected {size} bytes at byte {start}, got {len(piece)}")
        return piece

    def text(self) -> str:
        """Return this `string`."""
        try:
            return self.content().decode()
        except UnicodeDecodeError as error:
            raise MalformedReply(f"ABI: expected UTF-8 at byte {self.base}") from error

    def words(self) -> list[bytes]:
        """Return the items of this array of static words."""
        count, start = self.uint(0, 32), self.base + WORD
        piece = self.raw[start : start + WORD * count]
        if len(piece) != WORD * count:
            raise MalformedReply(f"ABI: expected {count} words at byte {start}, got {len(piece)} bytes")
        return [piece[at : at + WORD] for at in range(0, len(piece), WORD)]
