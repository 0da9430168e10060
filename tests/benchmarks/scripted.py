"""A scripted EVM chain: real headers, commitments and storage proofs, but no EVM. It answers at once.

Blocks that send packets are built beforehand. Transactions are believed: a `recvPackets` marks its packets
received, an `ackPackets` settles its packets, both in the next block. What a light client checks is real:
headers hash right, and the storage trie of the router holds the commitments.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import orjson
import rlp
from eth_abi import decode, encode

from proofs import codec
from proofs.evm.slots import commitment_slot
from proofs.hashing import EMPTY_TRIE_ROOT, keccak256
from proofs.types import Packet
from tests.benchmarks.sent_logs import log_of
from tests.support.trie_builder import TrieBuilder, account, rlp_bytes, rlp_int, rlp_list

ROUTER = bytes.fromhex("15" * 20)
LIGHT_CLIENT = bytes.fromhex("16" * 20)
OTHER_ACCOUNTS = 500
BATCH = "(string,((string,string,string,string),bytes32[],bytes,bytes)[],uint64,bytes,bytes)"
NOTHING = b"null"
ONE_ETHER = 10**18


def _selector(signature: str) -> bytes:
    return keccak256(signature.encode())[:4]


_RECEIVE = _selector(f"recvPackets({BATCH})")
_ACKNOWLEDGE = _selector(f"ackPackets({BATCH},bytes[],bytes)")


@dataclass(slots=True, kw_only=True)
class Block:
    """One block, as JSON and with what its state proves."""

    height: int
    hash: bytes
    json: bytes
    time_s: int
    sent: Sequence[Packet]
    state: "State"
    logs: list[bytes] = field(default_factory=list)
    seen_s: float = 0.0
    """When it became visible, by this process's monotonic clock."""


class State:
    """The storage of the router at one block, and the account trie above it."""

    def __init__(self, commitments: Mapping[bytes, bytes]) -> None:
        self.commitments = dict(commitments)
        words = {keccak256(slot): rlp_bytes(value.lstrip(b"\0")) for slot, value in commitments.items()}
        self._storage = TrieBuilder(words)
        empty = account(1, ONE_ETHER, EMPTY_TRIE_ROOT, keccak256(b""))
        accounts = {keccak256(i.to_bytes(20, "big")): empty for i in range(OTHER_ACCOUNTS)}
        accounts[keccak256(ROUTER)] = account(1, 0, self._storage.root, keccak256(b"router"))
        self._accounts = TrieBuilder(accounts)
        self.root = self._accounts.root

    @cached_property
    def account_nodes(self) -> bytes:
        """The account proof, as a JSON list."""
        return orjson.dumps(["0x" + node.hex() for node in self._accounts.prove(keccak256(ROUTER))])

    def proof(self, slot: bytes) -> bytes:
        """Return the storage proof of a slot, as JSON."""
        value = self.commitments.get(slot, b"")
        nodes = ["0x" + node.hex() for node in self._storage.prove(keccak256(slot))]
        return orjson.dumps({"key": "0x" + slot.hex(), "value": hex(int.from_bytes(value)), "proof": nodes})


@dataclass(slots=True, kw_only=True)
class Parties:
    """The one client of this chain, and who may attest to it."""

    client: str
    counterparty: str
    attestors: Sequence[bytes]
    threshold: int


class ScriptedChain:
    """The chain and its JSON-RPC."""

    def __init__(
        self, number: int, parties: Parties, sent: Sequence[Sequence[Packet]], time_s: int, *, at_once: bool
    ) -> None:
        """`at_once`: all blocks are there from the start, and all have the state of the last one."""
        self._number = number
        self._parties = parties
        self.blocks: list[Block] = []
        self._by_hash: dict[str, Block] = {}
        self.visible = 0
        """Height of the head."""
        self._pending: list[bytes] = []
        self._receipts: dict[str, bytes] = {}
        self.received: dict[int, float] = {}
        """Sequence -> when the transaction that carried it was accepted, by the monotonic clock."""
        self.settled: set[int] = set()
        self._nonces = 0
        self.asked = 0
        """Calls so far."""
        self.first_read_s = 0.0
        """When logs were asked for first."""
        self._proofs: dict[tuple[bytes, str], bytes] = {}
        self._build([(), *sent], time_s, at_once=at_once)
        if at_once:
            self.visible = len(sent)

    def _build(self, sent: Sequence[Sequence[Packet]], time_s: int, *, at_once: bool) -> None:
        commitments = _commitments(p for packets in sent for p in packets) if at_once else {}
        state = State(commitments)
        for height, packets in enumerate(sent):
            if packets and not at_once:
                commitments |= _commitments(packets)
                state = State(commitments)
            self._append(height, packets, state, time_s + height)

    def _append(self, height: int, packets: Sequence[Packet], state: State, time_s: int) -> Block:
        parent = self.blocks[-1].hash if self.blocks else bytes(32)
        block_hash, json = _header(height, parent, state.root, time_s)
        entries = [orjson.dumps(log_of(p, ROUTER, height, block_hash, i)) for i, p in enumerate(packets)]
        block = Block(
            height=height, hash=block_hash, json=json, time_s=time_s, sent=packets, state=state, logs=entries
        )
        self.blocks.append(block)
        self._by_hash["0x" + block_hash.hex()] = block
        return block

    def advance(self) -> bool:
        """Show the next block; include what was sent. Returns whether there was anything to show."""
        if self.visible + 1 >= len(self.blocks):
            if not self._pending:
                return False
            head = self.blocks[-1]
            self._append(head.height + 1, (), head.state, max(head.time_s + 1, int(time.time())))
        self.visible += 1
        block = self.blocks[self.visible]
        block.seen_s = time.monotonic()
        for transaction in self._pending:
            name = "0x" + keccak256(transaction).hex()
            self._receipts[name] = _receipt(name, block)
        self._pending.clear()
        return True

    def answer(self, method: str, parameters: Sequence[Any]) -> bytes:
        """Return the result as JSON. Raises `KeyError` for methods that there are not."""
        self.asked += 1
        return _METHODS[method](self, parameters)

    def _block(self, at: Any) -> Block | None:
        if isinstance(at, dict):
            return self._by_hash.get(at["blockHash"])
        if isinstance(at, str) and at.startswith("0x"):
            height = int(at, 16)
            return self.blocks[height] if height <= self.visible else None
        return self.blocks[self.visible]

    def _get_block(self, parameters: Sequence[Any]) -> bytes:
        block = self._block(parameters[0])
        return NOTHING if block is None else block.json

    def _get_block_by_hash(self, parameters: Sequence[Any]) -> bytes:
        block = self._by_hash.get(parameters[0])
        return NOTHING if block is None or block.height > self.visible else block.json

    def _get_logs(self, parameters: Sequence[Any]) -> bytes:
        self.first_read_s = self.first_read_s or time.monotonic()
        chosen = parameters[0]
        if "blockHash" in chosen:
            found = [self._by_hash[chosen["blockHash"]]]
        else:
            last = min(int(chosen["toBlock"], 16), self.visible)
            found = self.blocks[int(chosen["fromBlock"], 16) : last + 1]
        if "SendPacket" not in _EVENTS.get(chosen["topics"][0], ""):
            return b"[]"
        return b"[" + b",".join([entry for block in found for entry in block.logs]) + b"]"

    def _get_proof(self, parameters: Sequence[Any]) -> bytes:
        _, slots, at = parameters
        block = self._block(at)
        if block is None:
            return NOTHING
        proofs = []
        for slot in slots:
            key = (block.state.root, slot)
            found = self._proofs.get(key)
            if found is None:
                found = self._proofs[key] = block.state.proof(bytes.fromhex(slot[2:].rjust(64, "0")))
            proofs.append(found)
        nodes = block.state.account_nodes
        return b'{"accountProof":%s,"storageHash":"0x","storageProof":[%s]}' % (nodes, b",".join(proofs))

    def _call(self, parameters: Sequence[Any]) -> bytes:
        data = bytes.fromhex(parameters[0].get("data", parameters[0].get("input"))[2:])
        block = self._block(parameters[1] if len(parameters) > 1 else "latest")
        read = _READS.get(data[:4])
        returned = b"" if read is None or block is None else read(self, data[4:], block)
        return b'"0x%s"' % returned.hex().encode()

    def _client_info(self, _: bytes, block: Block) -> bytes:
        sent = max((p.sequence for b in self.blocks[: block.height + 1] for p in b.sent[-1:]), default=0)
        info = (self._parties.counterparty, LIGHT_CLIENT, sent, 0)
        return encode(["(string,address,uint64,uint64)"], [info])

    def _commitments(self, arguments: bytes, block: Block) -> bytes:
        found = []
        for sequence in _numbers(arguments):
            slot = commitment_slot(self._parties.client, sequence)
            settled = sequence in self.settled
            found.append(bytes(32) if settled else block.state.commitments.get(slot, bytes(32)))
        return _words(found)

    def _received(self, arguments: bytes, _: Block) -> bytes:
        return _words([bytes(31) + bytes([sequence in self.received]) for sequence in _numbers(arguments)])

    def _no_batches(self, arguments: bytes, _: Block) -> bytes:
        return _words([bytes(32)] * int.from_bytes(arguments[64:96], "big"))

    def _client_state(self, _: bytes, __: Block) -> bytes:
        state = (list(self._parties.attestors), self._parties.threshold, 0, False)
        return encode(["bytes"], [encode(["(address[],uint8,uint64,bool)"], [state])])

    def _unknown_time(self, _: bytes, __: Block) -> bytes:
        return bytes(32)

    def _send(self, parameters: Sequence[Any]) -> bytes:
        raw = bytes.fromhex(parameters[0][2:])
        data = rlp.decode(raw[1:])[7]
        now_s = time.monotonic()
        if data[:4] == _RECEIVE:
            [batch] = decode([BATCH], data[4:])
            for sequence in _sequences(batch):
                self.received.setdefault(sequence, now_s)
        elif data[:4] == _ACKNOWLEDGE:
            batch, _, _ = decode([BATCH, "bytes[]", "bytes"], data[4:])
            self.settled.update(_sequences(batch))
        self._pending.append(raw)
        self._nonces += 1
        return b'"0x%s"' % keccak256(raw).hex().encode()

    def _get_receipt(self, parameters: Sequence[Any]) -> bytes:
        return self._receipts.get(parameters[0], NOTHING)

    def _count(self, parameters: Sequence[Any]) -> bytes:
        waiting = 0 if parameters[1] == "pending" else len(self._pending)
        return b'"%s"' % hex(self._nonces - waiting).encode()

    def _chain_id(self, _: Sequence[Any]) -> bytes:
        return b'"%s"' % hex(self._number).encode()


def _commitments(packets: Iterable[Packet]) -> dict[bytes, bytes]:
    return {commitment_slot(p.source_client, p.sequence): codec.packet_commitment(p) for p in packets}


def _constant(text: str) -> Callable[[ScriptedChain, Sequence[Any]], bytes]:
    return lambda _, __: orjson.dumps(text)


_METHODS: dict[str, Callable[[ScriptedChain, Sequence[Any]], bytes]] = {
    "eth_chainId": ScriptedChain._chain_id,
    "eth_blockNumber": lambda chain, _: orjson.dumps(hex(chain.visible)),
    "eth_getBlockByNumber": ScriptedChain._get_block,
    "eth_getBlockByHash": ScriptedChain._get_block_by_hash,
    "eth_getLogs": ScriptedChain._get_logs,
    "eth_getProof": ScriptedChain._get_proof,
    "eth_call": ScriptedChain._call,
    "eth_sendRawTransaction": ScriptedChain._send,
    "eth_getTransactionReceipt": ScriptedChain._get_receipt,
    "eth_getTransactionByHash": ScriptedChain._get_receipt,
    "eth_getTransactionCount": ScriptedChain._count,
    "eth_getBalance": _constant(hex(10**6 * ONE_ETHER)),
    "eth_estimateGas": _constant(hex(1_000_000)),
    "eth_maxPriorityFeePerGas": _constant(hex(10**9)),
    "eth_gasPrice": _constant(hex(2 * 10**9)),
    "eth_getCode": _constant("0x00"),
    "net_version": lambda chain, _: orjson.dumps(str(chain._number)),
    "web3_clientVersion": _constant("scripted/1"),
}
_READS: dict[bytes, Callable[[ScriptedChain, bytes, Block], bytes]] = {
    _selector("clientInfo(string)"): ScriptedChain._client_info,
    _selector("commitments(string,uint64[])"): ScriptedChain._commitments,
    _selector("received(string,uint64[])"): ScriptedChain._received,
    _selector("ackBatches(string,uint64,uint64)"): ScriptedChain._no_batches,
    _selector("getClientState()"): ScriptedChain._client_state,
    _selector("getConsensusTimestamp(uint64)"): ScriptedChain._unknown_time,
}
_EVENTS = {
    "0x"
    + keccak256(
        b"SendPacket(string,uint256,(uint64,string,string,uint64,(string,string,string,string,bytes)[]))"
    ).hex(): "SendPacket"
}


def _numbers(arguments: bytes) -> list[int]:
    """Return the `uint64[]` that is the second argument."""
    at = int.from_bytes(arguments[32:64], "big")
    count = int.from_bytes(arguments[at : at + 32], "big")
    return [int.from_bytes(arguments[at + 32 + 32 * i : at + 64 + 32 * i], "big") for i in range(count)]


def _words(words: Sequence[bytes]) -> bytes:
    return (32).to_bytes(32, "big") + len(words).to_bytes(32, "big") + b"".join(words)


def _sequences(batch: Any) -> list[int]:
    return [int.from_bytes(head[:8], "big") for _, heads, _, _ in batch[1] for head in heads]


def _receipt(name: str, block: Block) -> bytes:
    return orjson.dumps(
        {
            "transactionHash": name,
            "blockNumber": hex(block.height),
            "blockHash": "0x" + block.hash.hex(),
            "status": "0x1",
            "gasUsed": hex(1_000_000),
            "effectiveGasPrice": hex(10**9),
            "logs": [],
            "contractAddress": None,
        }
    )


def _header(height: int, parent: bytes, state_root: bytes, time_s: int) -> tuple[bytes, bytes]:
    """Return the hash of a Cancun header and its JSON."""
    texts: list[tuple[str, bytes | int]] = [
        ("parentHash", parent), ("sha3Uncles", keccak256(b"\xc0")), ("miner", bytes(20)),
        ("stateRoot", state_root),
        ("transactionsRoot", EMPTY_TRIE_ROOT), ("receiptsRoot", EMPTY_TRIE_ROOT), ("logsBloom", bytes(256)),
        ("difficulty", 0), ("number", height), ("gasLimit", 10**9), ("gasUsed", 0), ("timestamp", time_s),
        ("extraData", b""), ("mixHash", bytes(32)), ("nonce", bytes(8)), ("baseFeePerGas", 10**9),
        ("withdrawalsRoot", EMPTY_TRIE_ROOT), ("blobGasUsed", 0), ("excessBlobGas", 0),
        ("parentBeaconBlockRoot", bytes(32)),
    ]  # fmt: skip
    items = [rlp_int(value) if isinstance(value, int) else rlp_bytes(value) for _, value in texts]
    block_hash = keccak256(rlp_list(items))
    shown = {name: hex(v) if isinstance(v, int) else "0x" + v.hex() for name, v in texts}
    shown |= {
        "hash": "0x" + block_hash.hex(),
        "size": "0x1",
        "transactions": [],
        "uncles": [],
        "withdrawals": [],
    }
    return block_hash, orjson.dumps(shown)
