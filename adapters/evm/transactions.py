"""Transactions, built and signed: RLP, one hash, one signature. No account library on this path.

Implements: EIP-1559 (type 2), EIP-2718 (envelope).
"""

from dataclasses import dataclass

from adapters.api import Signer
from adapters.evm.fees import Fee
from proofs import rlp
from proofs.hashing import keccak256

_TYPE = b"\x02"


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What a transaction shall do, whatever its nonce and fee become."""

    to: bytes
    """20 bytes; empty creates a contract."""
    data: bytes
    gas: int
    value_wei: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedTransaction:
    """Ready to be broadcast."""

    raw: bytes
    hash: bytes


def sign(signer: Signer, chain_number: int, nonce: int, fee: Fee, intent: Intent) -> SignedTransaction:
    """Return the signed transaction."""
    fields: list[rlp.Encodable] = [
        _minimal(chain_number),
        _minimal(nonce),
        _minimal(fee.priority_fee_wei),
        _minimal(fee.max_fee_wei),
        _minimal(intent.gas),
        intent.to,
        _minimal(intent.value_wei),
        intent.data,
        [],
    ]
    signature = signer.sign(keccak256(_TYPE + rlp.encode(fields)))
    r, s = (int.from_bytes(part, "big") for part in (signature[:32], signature[32:64]))
    raw = _TYPE + rlp.encode([*fields, _minimal(signature[64] - 27), _minimal(r), _minimal(s)])
    return SignedTransaction(raw=raw, hash=keccak256(raw))


def _minimal(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")
