"""Transaction receipts and the logs in them, proven under a header's receipts root.

A log is named by the transaction's index in the block and the log's index within the receipt (JSON-RPC's
`logIndex` counts through the block instead: never use that here). Only receipts that state success count:
failed ones, and the old ones that hold a state root instead of a status, prove nothing happened.

Implements: Yellow Paper 4.4.1 (receipts), EIP-658 (status), EIP-2718 (typed receipts: 1 to 4), OP deposits
(0x7e).
"""

from dataclasses import dataclass

from proofs import limits, rlp
from proofs.merkle import mpt
from proofs.verdict import Reason, Refusal

_TYPED_ITEMS = {0: {4}, 1: {4}, 2: {4}, 3: {4}, 4: {4}, 0x7E: {4, 5, 6}}
"""Receipt type -> how many items it may have; 0 is the untyped form."""

_STATUS = {b"": False, b"\x01": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """One event as the chain hashed it."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What one transaction did."""

    type: int
    succeeded: bool
    cumulative_gas: int
    logs: tuple[Log, ...]


def decode_receipt(value: bytes) -> Receipt:
    """Return the receipt that a receipts trie's value encodes; raise `Refusal` if it is none."""
    is_typed = bool(value) and value[0] < 0x80
    receipt_type = value[0] if is_typed else 0
    allowed = _TYPED_ITEMS.get(receipt_type)
    if allowed is None or (is_typed and receipt_type == 0):
        raise Refusal(Reason.MALFORMED, f"receipt: expected a known type, got {receipt_type:#x}")
    items = rlp.decode_list(value[1:] if is_typed else value)
    if len(items) not in allowed:
        raise Refusal(Reason.MALFORMED, f"receipt: expected {sorted(allowed)} items, got {len(items)}")
    status = _STATUS.get(rlp.as_bytes(items[0], "status"))
    if status is None:
        raise Refusal(Reason.MALFORMED, "receipt: expected status 0 or 1")
    rlp.as_bytes(items[2], "bloom", 256)
    return Receipt(
        type=receipt_type,
        succeeded=status,
        cumulative_gas=rlp.as_int(items[1], "cumulative gas"),
        logs=tuple([_decode_log(log) for log in rlp.as_list(items[3], "logs")]),
    )


def _decode_log(item: rlp.Item) -> Log:
    address, topics, data = rlp.as_list(item, "log", 3)
    hashes = tuple([rlp.as_bytes(topic, "topic", 32) for topic in rlp.as_list(topics, "topics")])
    limits.check_at_most("topics", len(hashes), limits.MAX_LOG_TOPICS)
    return Log(
        address=rlp.as_bytes(address, "log address", 20), topics=hashes, data=rlp.as_bytes(data, "log data")
    )


def prove_receipt(receipts_root: bytes, index: int, nodes: tuple[bytes, ...]) -> Receipt:
    """Return the receipt of transaction `index` of the block with this receipts root; raise `Refusal`."""
    if not 0 <= index < limits.MAX_RLP_ITEMS:
        raise Refusal(
            Reason.LIMIT, f"transaction index: expected 0 to {limits.MAX_RLP_ITEMS - 1}, got {index}"
        )
    return decode_receipt(mpt.membership(receipts_root, rlp.encode_int(index), nodes))


def prove_log(
    receipts_root: bytes,
    index: int,
    nodes: tuple[bytes, ...],
    *,
    log_index: int,
    emitter: bytes,
    topic: bytes,
) -> Log:
    """Return the log at `log_index` of the receipt at `index`, if it is that event of that contract.

    `emitter` is the configured contract (20 bytes), `topic` the event's first topic (32 bytes). Raises
    `Refusal`: the receipt is not proven, failed, has no such log, or the log is of another contract or
    event.
    """
    receipt = prove_receipt(receipts_root, index, nodes)
    if not receipt.succeeded:
        raise Refusal(Reason.WRONG_VALUE, f"receipt {index}: expected status 1, got 0")
    if not 0 <= log_index < len(receipt.logs):
        raise Refusal(Reason.ABSENT, f"receipt {index}: expected log {log_index}, has {len(receipt.logs)}")
    log = receipt.logs[log_index]
    if log.address != emitter:
        raise Refusal(Reason.WRONG_CHAIN, f"log: expected emitter {emitter.hex()}, got {log.address.hex()}")
    if not log.topics or log.topics[0] != topic:
        actual = log.topics[0].hex() if log.topics else "none"
        raise Refusal(Reason.WRONG_VALUE, f"log: expected topic {topic.hex()}, got {actual}")
    return log
