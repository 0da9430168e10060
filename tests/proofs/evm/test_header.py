"""EVM block headers: hashing across forks, and what is refused."""

import pytest
import rlp

from proofs import limits
from proofs.evm import header
from proofs.hashing import keccak256
from proofs.verdict import Reason, Refusal
from tests.support.vectors import counted, load, needs, number, unhex

BLOCK_FILE = "ethereum/execution-proofs/helios-rpc-block.json"
BLOCK = dict(load(BLOCK_FILE))

BYTES = ("parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom")
NUMBERS = ("difficulty", "number", "gasLimit", "gasUsed", "timestamp")


def items_of(block):
    """Return the items of a header in the order in which the chain hashes them."""
    items = [unhex(block[name]) for name in BYTES] + [number(block[name]) for name in NUMBERS]
    items += [unhex(block[name]) for name in ("extraData", "mixHash", "nonce")]
    items += [number(block["baseFeePerGas"]), unhex(block["withdrawalsRoot"])]
    items += [number(block[name]) for name in ("blobGasUsed", "excessBlobGas")]
    return [*items, unhex(block["parentBeaconBlockRoot"])]


def made_up(count=21):
    """Return the items of a header that no chain has, of any fork."""
    items = [bytes([1]) * 32, bytes(32), bytes(20), bytes([4]) * 32, bytes(32), bytes([6]) * 32, bytes(256)]
    items += [b"", b"\x10", b"\x01", b"", b"\x65\x00\x00\x00", b"extra", bytes(32), bytes(8)]
    items += [b"\x07", bytes(32), b"", b"\x01", bytes(32), bytes(32), b"new fork", [b"newer"]]
    return items[:count]


@needs(BLOCK_FILE)
def test_a_real_mainnet_header_hashes_to_its_block_hash():
    decoded = header.decode(rlp.encode(items_of(BLOCK)))
    assert decoded.hash == unhex(BLOCK["hash"])
    assert (decoded.height, decoded.time_s) == (int(BLOCK["number"], 16), int(BLOCK["timestamp"], 16))
    assert decoded.state_root == unhex(BLOCK["stateRoot"])
    assert decoded.receipts_root == unhex(BLOCK["receiptsRoot"])
    assert decoded.transactions_root == unhex(BLOCK["transactionsRoot"])
    assert decoded.parent_hash == unhex(BLOCK["parentHash"])
    assert decoded.items == 20
    counted("helios block: 1 header")


@pytest.mark.parametrize("count", [15, 16, 17, 20, 21, 22, 23])
def test_headers_of_every_fork_and_of_later_ones_are_read(count):
    encoded = rlp.encode(made_up(count))
    decoded = header.decode(encoded)
    assert decoded.hash == keccak256(encoded)
    assert (decoded.items, decoded.height, decoded.time_s) == (count, 16, 0x65000000)
    assert decoded.state_root == bytes([4]) * 32


BAD = [
    ("14 items", lambda items: items[:14]),
    ("41 items", lambda items: items + [b""] * 20),
    ("short parent hash", lambda items: [bytes(31), *items[1:]]),
    ("long state root", lambda items: [*items[:3], bytes(33), *items[4:]]),
    ("list as state root", lambda items: [*items[:3], [bytes(32)], *items[4:]]),
    ("short bloom", lambda items: [*items[:6], bytes(255), *items[7:]]),
    ("number with a leading zero", lambda items: [*items[:8], b"\0\1", *items[9:]]),
    ("number of nine bytes", lambda items: [*items[:8], b"\1" * 9, *items[9:]]),
    ("timestamp as a list", lambda items: [*items[:11], [], *items[12:]]),
    ("extra data as a list", lambda items: [*items[:12], [], *items[13:]]),
    ("nonce of 32 bytes", lambda items: [*items[:14], bytes(32), *items[15:]]),
    ("base fee with a leading zero", lambda items: [*items[:15], b"\0", *items[16:]]),
    ("short withdrawals root", lambda items: [*items[:16], bytes(31), *items[17:]]),
]


@pytest.mark.parametrize("change", [case[1] for case in BAD], ids=[case[0] for case in BAD])
def test_a_header_with_a_misshapen_item_is_malformed(change):
    with pytest.raises(Refusal) as refusal:
        header.decode(rlp.encode(change(made_up())))
    assert refusal.value.reason is Reason.MALFORMED


def test_a_header_over_the_cap_is_refused():
    with pytest.raises(Refusal) as refusal:
        header.decode(bytes(limits.MAX_HEADER + 1))
    assert refusal.value.reason is Reason.LIMIT
