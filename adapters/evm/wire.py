"""The JSON of Ethereum nodes, decoded into types: blocks, logs, receipts, proofs, numbers.

Everything here is untrusted. Decoding is strict about shape and says nothing about truth; wrong shapes
become `MalformedReply`. Fields that we do not read are ignored.

Implements: the Ethereum JSON-RPC encodings (quantities, data), EIP-1186 (eth_getProof), EIP-1898 (block
by hash).
"""

from typing import Any, TypeVar

import msgspec

from adapters.errors import MalformedReply
from adapters.evm.rpc import ErrorObject, Reply
from proofs.types import BlockRef

T = TypeVar("T")


class BlockJson(msgspec.Struct, frozen=True, rename="camel"):
    """A block without its transactions, as `eth_getBlockBy...` gives it: every field of the header."""

    hash: str
    parent_hash: str
    sha3_uncles: str
    miner: str
    state_root: str
    transactions_root: str
    receipts_root: str
    logs_bloom: str
    difficulty: str
    number: str
    gas_limit: str
    gas_used: str
    timestamp: str
    extra_data: str
    mix_hash: str
    nonce: str
    base_fee_per_gas: str | None = None
    withdrawals_root: str | None = None
    blob_gas_used: str | None = None
    excess_blob_gas: str | None = None
    parent_beacon_block_root: str | None = None
    requests_hash: str | None = None


class LogJson(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One log of `eth_getLogs` or of a receipt."""

    address: str
    topics: tuple[str, ...]
    data: str
    block_number: str
    block_hash: str
    transaction_hash: str
    removed: bool = False


class ReceiptJson(msgspec.Struct, frozen=True, rename="camel"):
    """The part of a receipt that says what became of a transaction."""

    transaction_hash: str
    block_number: str
    block_hash: str
    status: str
    gas_used: str
    effective_gas_price: str
    contract_address: str | None = None


class LoggedReceiptJson(msgspec.Struct, frozen=True, rename="camel"):
    """The logs of a receipt."""

    logs: list[LogJson]


class StorageProofJson(msgspec.Struct, frozen=True, gc=False):
    """Evidence for one slot."""

    key: str
    value: str
    proof: list[str]


class ProofJson(msgspec.Struct, frozen=True, rename="camel"):
    """The answer of `eth_getProof`."""

    account_proof: list[str]
    storage_hash: str
    storage_proof: list[StorageProofJson]


def read(reply: Reply, kind: Any, what: str) -> Any:
    """Return the reply decoded as `kind`. Raises `MalformedReply` for errors and for other shapes."""
    if isinstance(reply, ErrorObject):
        raise MalformedReply(f"{what}: expected a result, got error {reply.code}: {reply.message[:200]}")
    try:
        return msgspec.json.decode(reply, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise MalformedReply(f"{what}: {error}") from error


def number(text: str, what: str) -> int:
    """Return a quantity such as `0x1b4`. Raises `MalformedReply`."""
    if text.startswith("0x") and 2 < len(text) <= 66:
        try:
            return int(text[2:], 16)
        except ValueError:
            pass
    raise MalformedReply(f"{what}: expected a quantity, got {text[:80]!r}")


def data(text: str, what: str, size: int | None = None) -> bytes:
    """Return the bytes of `0x...`, exactly `size` of them if given. Raises `MalformedReply`."""
    if text.startswith("0x"):
        try:
            raw = bytes.fromhex(text[2:])
        except ValueError:
            raw = None
        if raw is not None and (size is None or len(raw) == size):
            return raw
    wanted = "bytes" if size is None else f"{size} bytes"
    raise MalformedReply(f"{what}: expected {wanted} in hexadecimal, got {text[:80]!r}")


def error_data(error: ErrorObject) -> bytes:
    """Return the revert data that an error carries; empty when it carries none."""
    try:
        found = msgspec.json.decode(error.data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return b""
    if isinstance(found, dict):
        found = found.get("data")
    if not isinstance(found, str) or not found.startswith("0x"):
        return b""
    try:
        return bytes.fromhex(found[2:])
    except ValueError:
        return b""


def pinned(block: BlockRef) -> dict[str, Any]:
    """Return the EIP-1898 parameter that names exactly this block, as long as it is canonical."""
    return {"blockHash": "0x" + block.hash.hex(), "requireCanonical": True}
