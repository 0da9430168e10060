"""One ABI tuple of texts, byte strings and unsigned numbers: how applications write their packet data.

The canonical layout only: what decodes encodes to the same bytes.

Implements: Solidity contract ABI specification, strict mode, for one argument that is a flat tuple.
"""

from collections.abc import Sequence

from proofs.evm import abi
from proofs.verdict import Reason, Refusal


def encode(fields: Sequence[bytes | int]) -> bytes:
    """Return `abi.encode` of the tuple: a number is a uint256, bytes are `bytes` or the UTF-8 of a `string`.

    Raises `Refusal` for a number that is no uint256.
    """
    heads, tails = [_word(abi.WORD)], list[bytes]()
    place = abi.WORD * len(fields)
    for field in fields:
        if isinstance(field, int):
            heads.append(_word(field))
            continue
        heads.append(_word(place))
        tails.append(_word(len(field)) + field + bytes(-len(field) % abi.WORD))
        place += len(tails[-1])
    return b"".join([*heads, *tails])


def decode(data: bytes, numbers: Sequence[bool]) -> list[bytes]:
    """Return the fields of the tuple: 32 bytes where it has a number, else the content; raise `Refusal`.

    `numbers` says of each field whether it is one.
    """
    abi.expect(data, 0, abi.WORD)
    fields = []
    end = abi.WORD * (1 + len(numbers))
    for index, is_number in enumerate(numbers):
        head = abi.WORD * (1 + index)
        if is_number:
            fields.append(data[head : head + abi.WORD])
            continue
        abi.expect(data, head, end - abi.WORD)
        content, end = abi.dynamic(data, end)
        fields.append(content)
    abi.expect_end(data, end)
    return fields


def text(content: bytes) -> str:
    """Return the text that these bytes are in UTF-8; raise `Refusal`."""
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise Refusal(Reason.MALFORMED, f"text: expected UTF-8, got 0x{content[:32].hex()}") from error


def _word(number: int) -> bytes:
    if not 0 <= number < 2**256:
        raise Refusal(Reason.LIMIT, f"number: expected a uint256, got {number.bit_length()} bits")
    return number.to_bytes(abi.WORD, "big")
