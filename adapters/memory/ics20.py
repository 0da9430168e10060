"""ICS-20 packet data in `application/x-solidity-abi`: the one ABI tuple that this adapter writes and reads.

Canonical encodings only: what decodes must encode to the same bytes, so no data has two spellings.

Implements: ICS-20 v1 `FungibleTokenPacketData` as `abi.encode((string,string,string,uint256,string))`.
"""

from dataclasses import dataclass

_HEAD_WORDS = 5
_AMOUNT_WORD = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferData:
    """What one transfer says."""

    denom: str
    sender: str
    receiver: str
    amount: int
    """In the token's smallest unit, below 2^256."""
    memo: str = ""


def encode(data: TransferData) -> bytes:
    """Return the packet value. Raises `OverflowError` for an amount that is no uint256."""
    texts = [data.denom, data.sender, data.receiver, data.memo]
    tails = [_text(text) for text in texts]
    places = [32 * _HEAD_WORDS + sum(map(len, tails[:index])) for index in range(len(tails))]
    words = [*places[:_AMOUNT_WORD], data.amount, *places[_AMOUNT_WORD:]]
    return b"".join([_word(32), *map(_word, words), *tails])


def decode(value: bytes) -> TransferData:
    """Return the data in a packet value. Raises `ValueError` for anything but its canonical encoding."""
    words = [int.from_bytes(value[at : at + 32], "big") for at in range(32, 32 + 32 * _HEAD_WORDS, 32)]
    texts = [_read_text(value, words[index]) for index in (0, 1, 2, 4)]
    denom, sender, receiver, memo = texts
    data = TransferData(denom=denom, sender=sender, receiver=receiver, amount=words[_AMOUNT_WORD], memo=memo)
    if encode(data) != value:
        raise ValueError(f"expected canonical ICS-20 packet data, got {len(value)} other bytes")
    return data


def _word(number: int) -> bytes:
    return number.to_bytes(32, "big")


def _text(text: str) -> bytes:
    raw = text.encode()
    return _word(len(raw)) + raw + bytes(-len(raw) % 32)


def _read_text(value: bytes, place: int) -> str:
    """Return the text at this offset of the tuple; what lies beyond the value reads as nothing."""
    start = 32 + place
    size = int.from_bytes(value[start : start + 32], "big")
    return value[start + 32 : start + 32 + size].decode()
