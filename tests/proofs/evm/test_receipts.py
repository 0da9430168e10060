"""Receipts and logs: a whole mainnet block, third-party proofs, and the classic mistakes with events."""

import pytest
import rlp

from proofs.evm import receipts
from proofs.hashing import keccak256
from proofs.merkle import mpt
from proofs.verdict import Reason, Refusal
from tests.support.tries import build, prove
from tests.support.vectors import counted, load, needs, number, unhex

FOLDER = "ethereum/execution-proofs/"
PROOFS_FILE = FOLDER + "receipt-proofs.json"
PROOFS = dict(load(PROOFS_FILE))
POSITIVE, NEGATIVE = PROOFS.get("positive", []), PROOFS.get("negative", [])
RECEIPTS = load(FOLDER + "helios-rpc-receipts.json")
BLOCK = dict(load(FOLDER + "helios-rpc-block.json"))


def encode_receipt(receipt):
    """Return the bytes that the chain hashed for a receipt of JSON-RPC."""
    logs = [
        [unhex(log["address"]), [unhex(topic) for topic in log["topics"]], unhex(log["data"])]
        for log in receipt["logs"]
    ]
    items = [
        number(receipt["status"]),
        number(receipt["cumulativeGasUsed"]),
        unhex(receipt["logsBloom"]),
        logs,
    ]
    kind = int(receipt["type"], 16)
    return (bytes([kind]) if kind else b"") + rlp.encode(items)


@needs(FOLDER + "helios-rpc-receipts.json")
def test_all_receipts_of_a_mainnet_block_are_proven_under_its_header():
    trie = build({rlp.encode(index): encode_receipt(receipt) for index, receipt in enumerate(RECEIPTS)})
    root = unhex(BLOCK["receiptsRoot"])
    assert trie.root_hash == root
    for index, raw in enumerate(RECEIPTS):
        receipt = receipts.prove_receipt(root, index, prove(trie, rlp.encode(index)))
        assert receipt.type == int(raw["type"], 16)
        assert receipt.succeeded == (raw["status"] == "0x1")
        assert receipt.cumulative_gas == int(raw["cumulativeGasUsed"], 16)
        assert [log.data for log in receipt.logs] == [unhex(log["data"]) for log in raw["logs"]]
    counted(f"helios receipts: {len(RECEIPTS)} receipts")
    assert len(RECEIPTS) == 202


@needs(PROOFS_FILE)
@pytest.mark.parametrize("case", POSITIVE, ids=[str(case["index"]) for case in POSITIVE])
def test_every_positive_receipt_vector_is_accepted(case):
    root, key, nodes = unhex(PROOFS["receipts_root"]), unhex(case["key"]), tuple(map(unhex, case["proof"]))
    assert key == rlp.encode(case["index"])
    if case.get("value") is None:
        mpt.absence(root, key, nodes)
        with pytest.raises(Refusal) as refusal:
            receipts.prove_receipt(root, case["index"], nodes)
        assert refusal.value.reason is Reason.ABSENT
    else:
        assert mpt.membership(root, key, nodes) == unhex(case["value"])
        assert receipts.prove_receipt(root, case["index"], nodes).type == case["type"]


@needs(PROOFS_FILE)
@pytest.mark.parametrize("case", NEGATIVE, ids=[case["name"] for case in NEGATIVE])
@pytest.mark.covers("PRF-14")
def test_every_negative_receipt_vector_is_rejected(case):
    root, key, nodes = unhex(PROOFS["receipts_root"]), unhex(case["key"]), tuple(map(unhex, case["proof"]))
    try:
        value = mpt.membership(root, key, nodes)
    except Refusal:
        return
    assert value != unhex(case["value"]), case["why"]


@needs(PROOFS_FILE)
def test_the_receipt_vectors_hold_as_many_cases_as_were_counted():
    counted(f"receipt-proofs: {len(POSITIVE)} positive, {len(NEGATIVE)} negative")
    assert (len(POSITIVE), len(NEGATIVE)) == (6, 9)


@needs(FOLDER + "helios-verifiable_api-receipt.json")
def test_the_receipts_and_logs_of_the_verifiable_api_are_proven():
    root = unhex(BLOCK["receiptsRoot"])
    single = load(FOLDER + "helios-verifiable_api-receipt.json")
    listed = load(FOLDER + "helios-verifiable_api-logs.json")
    proven = {}
    for answer in (single, *listed["receiptProofs"].values()):
        raw = answer["receipt"]
        index = int(raw["transactionIndex"], 16)
        nodes = tuple([unhex(node) for node in answer["receiptProof"]])
        proven[index] = receipts.prove_receipt(root, index, nodes)
        assert mpt.membership(root, rlp.encode(index), nodes) == encode_receipt(raw)
    for log in [*listed["logs"], *load(FOLDER + "helios-rpc-logs.json")]:
        expected = receipts.Log(
            address=unhex(log["address"]), topics=tuple(map(unhex, log["topics"])), data=unhex(log["data"])
        )
        assert expected in proven[int(log["transactionIndex"], 16)].logs
    assert encode_receipt(load(FOLDER + "helios-rpc-receipt.json")) == encode_receipt(single["receipt"])
    print(
        f"helios verifiable api: {1 + len(listed['receiptProofs'])} receipts, {len(listed['logs']) + 1} logs"
    )


ROUTER, STRANGER = b"\xaa" * 20, b"\xbb" * 20
TOPIC, OTHER_TOPIC = keccak256(b"Event()"), keccak256(b"Other()")


def receipt_bytes(*logs, status=b"\x01", kind=2, extra=()):
    body = rlp.encode([status, b"\x52\x08", bytes(256), [list(log) for log in logs], *extra])
    return (bytes([kind]) if kind else b"") + body


OURS, THEIRS = (ROUTER, [TOPIC, bytes(32)], b"ours"), (STRANGER, [TOPIC], b"theirs")
RECEIPT_LIST = [
    receipt_bytes(THEIRS, OURS, (ROUTER, [OTHER_TOPIC], b"other")),
    receipt_bytes(OURS, status=b""),
    receipt_bytes(OURS, kind=0),
    receipt_bytes((ROUTER, [], b"anonymous")),
    receipt_bytes(OURS, kind=5),
    receipt_bytes(OURS, status=bytes(32), kind=0),
    receipt_bytes(OURS, kind=0x7E, extra=(b"\1", b"\1")),
    receipt_bytes(OURS),
]
TRIE = build({rlp.encode(index): value for index, value in enumerate(RECEIPT_LIST)})


def prove_log(index, log_index, *, nodes=None, emitter=ROUTER, topic=TOPIC):
    nodes = prove(TRIE, rlp.encode(index)) if nodes is None else nodes
    return receipts.prove_log(TRIE.root_hash, index, nodes, log_index=log_index, emitter=emitter, topic=topic)


def refused(call, reason):
    with pytest.raises(Refusal) as refusal:
        call()
    assert refusal.value.reason is reason, refusal.value


def test_the_log_of_the_configured_contract_is_proven():
    assert prove_log(0, 1).data == b"ours"
    assert prove_log(2, 0).data == b"ours"
    assert prove_log(6, 0).data == b"ours"


@pytest.mark.covers("PRF-14")
def test_v1_a_log_of_another_contract_is_rejected():
    refused(lambda: prove_log(0, 0), Reason.WRONG_CHAIN)


@pytest.mark.covers("PRF-14")
def test_v2_a_log_of_a_failed_transaction_is_rejected():
    refused(lambda: prove_log(1, 0), Reason.WRONG_VALUE)


@pytest.mark.covers("PRF-14")
@pytest.mark.parametrize("log_index", [3, 4, -1, 2**64])
def test_v3_a_log_index_that_the_receipt_does_not_have_is_rejected(log_index):
    refused(lambda: prove_log(0, log_index), Reason.ABSENT)


@pytest.mark.covers("PRF-14")
def test_v4_another_event_or_an_anonymous_one_is_rejected():
    refused(lambda: prove_log(0, 2), Reason.WRONG_VALUE)
    refused(lambda: prove_log(3, 0), Reason.WRONG_VALUE)
    refused(lambda: prove_log(0, 1, topic=OTHER_TOPIC), Reason.WRONG_VALUE)


@pytest.mark.covers("PRF-14")
def test_v5_the_same_log_in_two_receipts_is_told_apart_by_position_only():
    assert prove_log(2, 0) == prove_log(7, 0)
    refused(lambda: prove_log(2, 0, nodes=prove(TRIE, rlp.encode(7))), Reason.WRONG_HASH)


@pytest.mark.covers("PRF-14")
def test_m9_unknown_types_and_receipts_without_status_are_malformed():
    refused(lambda: prove_log(4, 0), Reason.MALFORMED)
    refused(lambda: prove_log(5, 0), Reason.MALFORMED)
    typed = receipt_bytes(OURS)
    for value in (b"", b"\0" + typed[1:], b"\x02" + typed, typed[:1], typed + b"\0", b"\x7f" + typed[1:]):
        refused(lambda value=value: receipts.decode_receipt(value), Reason.MALFORMED)


BAD_RECEIPTS = [
    ("three items", b"\x02" + rlp.encode([b"\1", b"\1", bytes(256)])),
    ("five items", receipt_bytes(OURS, extra=(b"",))),
    ("status two", receipt_bytes(OURS, status=b"\2")),
    ("short bloom", b"\x02" + rlp.encode([b"\1", b"\1", bytes(255), []])),
    ("logs as a string", b"\x02" + rlp.encode([b"\1", b"\1", bytes(256), b""])),
    ("log of two items", receipt_bytes((ROUTER, [TOPIC]))),
    ("short emitter", receipt_bytes((ROUTER[1:], [TOPIC], b""))),
    ("short topic", receipt_bytes((ROUTER, [TOPIC[1:]], b""))),
    ("data as a list", receipt_bytes((ROUTER, [TOPIC], []))),
]


@pytest.mark.parametrize("value", [case[1] for case in BAD_RECEIPTS], ids=[case[0] for case in BAD_RECEIPTS])
def test_a_misshapen_receipt_is_malformed(value):
    refused(lambda: receipts.decode_receipt(value), Reason.MALFORMED)


def test_five_topics_and_absurd_transaction_indices_are_over_the_cap():
    refused(lambda: receipts.decode_receipt(receipt_bytes((ROUTER, [TOPIC] * 5, b""))), Reason.LIMIT)
    for index in (-1, 2**16, 2**64):
        refused(lambda index=index: receipts.prove_receipt(TRIE.root_hash, index, ()), Reason.LIMIT)
