"""Strict reading of ABI-encoded data: the one canonical layout only, as Solidity's own encoder writes it.

Offsets must point exactly where the previous value ended, padding must be zero, numbers must fit, and every
byte must be used. A reader walks the data once; what the values mean is its caller's business.

Implements: Solidity contract ABI specification, strict mode.
"""

from proofs.verdict import Reason, Refusal

WORD = 32


def uint64(data: bytes, at: int) -> int:
    """Return the uint64 in the word at `at`; raise `Refusal` if the word is cut or holds more."""
    word = data[at : at + WORD]
    if len(word) != WORD or word[:24] != _ZEROS[24]:
        raise Refusal(Reason.MALFORMED, f"ABI: expected a uint64 at byte {at}, got 0x{word.hex()}")
    return int.from_bytes(word[24:], "big")


def expect(data: bytes, at: int, number: int) -> None:
    """Check that the word at `at` holds exactly this number (an offset or a count); raise `Refusal`."""
    word = data[at : at + WORD]
    if word != number.to_bytes(WORD, "big"):
        raise Refusal(Reason.MALFORMED, f"ABI: expected {number} at byte {at}, got 0x{word.hex()}")


def dynamic(data: bytes, at: int) -> tuple[bytes, int]:
    """Return (content, where the next value starts) of the bytes or string at `at`; raise `Refusal`."""
    size = uint64(data, at)
    start = at + WORD
    stop = start + size
    end = start + (size + 31) // 32 * 32
    if end > len(data) or data[stop:end] != _ZEROS[end - stop]:
        raise Refusal(Reason.MALFORMED, f"ABI: expected {size} bytes and zero padding at byte {start}")
    return data[start:stop], end


def text(data: bytes, at: int) -> tuple[str, int]:
    """Return (text, where the next value starts) of the UTF-8 string at `at`; raise `Refusal`."""
    content, end = dynamic(data, at)
    try:
        return content.decode(), end
    except UnicodeDecodeError as error:
        raise Refusal(Reason.MALFORMED, f"ABI: expected UTF-8 at byte {at}") from error


def expect_end(data: bytes, at: int) -> None:
    """Check that the data ends at `at`; raise `Refusal`."""
    if at != len(data):
        raise Refusal(Reason.MALFORMED, f"ABI: expected the end at byte {at}, got {len(data)}")


_ZEROS = tuple([bytes(count) for count in range(WORD)])
