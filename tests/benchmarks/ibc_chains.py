"""Fresh Cosmos chains for one run: what is sent on them, and what their own state says became of it.

Relayers reach the nodes through counting doors (`ibc_proxy`); what is asked here goes past those.
"""

import base64
import calendar
import hashlib
import http.client
import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from google.protobuf.message import Message

from adapters.cosmos import tx
from adapters.cosmos.devhome import DENOM, DevChainOptions
from adapters.cosmos.devnode import DevChain, DevNode
from adapters.cosmos.pb.cosmos.bank.v1beta1 import query_pb2 as bank_pb2
from adapters.cosmos.pb.cosmos.base.query.v1beta1 import pagination_pb2
from adapters.cosmos.pb.cosmos.base.v1beta1 import coin_pb2
from adapters.cosmos.pb.ibc.applications.transfer.v1 import tx_pb2 as transfer_pb2
from adapters.cosmos.pb.ibc.core.channel.v1 import query_pb2 as channel_pb2
from gateway.keys.signer import LocalSigner
from proofs import bech32
from tests.benchmarks.devchain import BenchmarkError
from tests.benchmarks.ibc_counts import Counts
from tests.benchmarks.lab import WORLD, cpu_s, first_line, process, until

M = TypeVar("M", bound=Message)

A, B = "chain-a", "chain-b"
MAX_NODE_BYTES = 4 << 30
"""rly made a node take all of 24 GiB while it searched for 5,000 pending packets."""
BLOCK_S = 0.2
"""How long a validator waits after each block; making the next takes some 10 ms more."""
PORT = "transfer"
PREFIX = "cosmos"
SENDER = LocalSigner(hashlib.sha256(b"sender of the benchmark").digest())
ADDRESS = tx.address_of(PREFIX, SENDER.public_key)
RECEIVER = bech32.encode(PREFIX, hashlib.sha256(b"receiver of the benchmark").digest()[:20])
RICH = 10**12
PER_TRANSACTION = 10
_GAS_PER_TRANSFER = 120_000
_TIMEOUT_S = 3600
_PATIENCE_S = 30
_PAGE = 20
"""Headers that a node gives in one answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block as its header tells it."""

    height: int
    time_s: float
    """The header's own time: about when the block before it was agreed."""
    transactions: int


class BenchChain:
    """One chain of a run, with one account that sends transfers."""

    def __init__(self, native_id: str, node: DevNode) -> None:
        self.native_id, self.node = native_id, node
        self._sequence = 0
        self._link = http.client.HTTPConnection("127.0.0.1", node.ports.rpc, timeout=_PATIENCE_S)

    def rpc(self, calls: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Any]:
        """Return the results of these calls, asked as one batch. Raises `BenchmarkError`."""
        asked = [{"jsonrpc": "2.0", "id": i, "method": m, "params": p} for i, (m, p) in enumerate(calls)]
        read = self._post(json.dumps(asked))
        answers = [read] if isinstance(read, dict) else read  # a batch of one is answered without its list
        if refused := [answer["error"] for answer in answers if "error" in answer]:
            raise BenchmarkError(f"{self.native_id}: expected results, got {refused[0]}")
        return [answer["result"] for answer in sorted(answers, key=lambda each: int(each["id"]))]

    def _post(self, body: str) -> Any:
        """Ask over a connection that stays: a node that a relayer overburdens lets nobody in."""
        for last in (False, True):
            try:
                self._link.request("POST", "/", body, {"Content-Type": "application/json"})
                return json.loads(self._link.getresponse().read())
            except (ConnectionError, http.client.HTTPException):  # nodes close what was idle for 10 s
                self._link.close()
                if last:
                    raise
            except TimeoutError:
                self._link.close()
                raise
        raise AssertionError

    def query(self, path: str, request: Message, kind: type[M]) -> M:
        """Return what the newest state answers."""
        [result] = self.rpc([("abci_query", {"path": path, "data": request.SerializeToString().hex()})])
        response = result["response"]
        if response.get("code"):
            raise BenchmarkError(f"{self.native_id}: {path}: {response['log'][:300]}")
        return kind.FromString(base64.b64decode(response["value"] or ""))

    def height(self) -> int:
        """Return the newest block's height."""
        [status] = self.rpc([("status", {})])
        return int(status["sync_info"]["latest_block_height"])

    def next_block(self) -> None:
        """Wait for a block more: its header commits to what is in the state now."""
        here = self.height()
        until("a block", lambda: self.height() > here, _PATIENCE_S)

    def send_transfers(self, channel: str, count: int, per_transaction: int = PER_TRANSACTION) -> None:
        """Hand over this many transfers of one coin each; return before they are in a block."""
        transfer = transfer_pb2.MsgTransfer(
            source_port=PORT,
            source_channel=channel,
            token=coin_pb2.Coin(denom=DENOM, amount="1"),
            sender=ADDRESS,
            receiver=RECEIVER,
            timeout_timestamp=time.time_ns() + _TIMEOUT_S * 10**9,
        )
        sizes = [min(per_transaction, count - done) for done in range(0, count, per_transaction)]
        self.broadcast([self.signed([transfer] * size, _GAS_PER_TRANSFER * size) for size in sizes])

    def signed(self, messages: Sequence[Message], gas: int) -> bytes:
        """Return a transaction of the sender; transactions must be broadcast in the order of their making."""
        intent = tx.Intent(signer=ADDRESS, messages=tuple([tx.pack(each) for each in messages]), kind="any")
        fee = tx.Fee(gas=100_000 + gas, amount=0, denom=DENOM)
        authority = tx.authority(SENDER.public_key, self._sequence, fee)
        self._sequence += 1
        return tx.sign(SENDER, self.native_id, 0, tx.body_of(intent, 0), authority)

    def broadcast(self, transactions: Sequence[bytes]) -> None:
        """Hand over transactions; return before they are in a block. Raises `BenchmarkError`."""
        for start in range(0, len(transactions), 100):
            part = transactions[start : start + 100]
            calls = [("broadcast_tx_sync", {"tx": base64.b64encode(raw).decode()}) for raw in part]
            if refused := [answer for answer in self.rpc(calls) if answer["code"]]:
                raise BenchmarkError(f"{self.native_id}: expected transactions to be taken, got {refused[0]}")

    def unacknowledged(self, channel: str, *, exactly: bool = True) -> int:
        """Return how many packets of a channel the state holds as open; not exactly: 1 when there are any."""
        page = pagination_pb2.PageRequest(limit=1, count_total=exactly)
        found = self.query(
            "/ibc.core.channel.v1.Query/PacketCommitments",
            channel_pb2.QueryPacketCommitmentsRequest(port_id=PORT, channel_id=channel, pagination=page),
            channel_pb2.QueryPacketCommitmentsResponse,
        )
        return int(found.pagination.total) if exactly else len(found.commitments)

    def received(self, channel: str) -> int:
        """Return how many transfers arrived over a channel: the vouchers of the receiver."""
        voucher = "ibc/" + hashlib.sha256(f"{PORT}/{channel}/{DENOM}".encode()).hexdigest().upper()
        found = self.query(
            "/cosmos.bank.v1beta1.Query/Balance",
            bank_pb2.QueryBalanceRequest(address=RECEIVER, denom=voucher),
            bank_pb2.QueryBalanceResponse,
        )
        return int(found.balance.amount or 0)

    def blocks(self, first: int, last: int) -> Iterator[Block]:
        """Yield these blocks, in order."""
        for start in range(first, last + 1, _PAGE):
            end = min(start + _PAGE - 1, last)
            [found] = self.rpc([("blockchain", {"minHeight": str(start), "maxHeight": str(end)})])
            for meta in reversed(found["block_metas"]):
                yield Block(
                    height=int(meta["header"]["height"]),
                    time_s=seconds_of(meta["header"]["time"]),
                    transactions=int(meta["num_txs"]),
                )

    def events(self, height: int, kind: str) -> list[dict[str, str]]:
        """Return the attributes of a block's events of this kind."""
        [found] = self.rpc([("block_results", {"height": str(height)})])
        done = [result for result in found["txs_results"] or [] if not result.get("code")]
        events = [event for result in done for event in result["events"] if event["type"] == kind]
        return [{each["key"]: each["value"] for each in event["attributes"]} for event in events]


def seconds_of(text: str) -> float:
    """Return unix seconds of a time as CometBFT writes it: UTC, up to nanoseconds."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    parts = time.strptime(whole, "%Y-%m-%dT%H:%M:%S")
    return calendar.timegm(parts) + float(f"0.{fraction or 0}")


def program(variable: str) -> Path:
    """Return the binary that this environment variable names. Raises `BenchmarkError` when there is none."""
    named = os.environ.get(variable, "")
    if not named or not os.access(named, os.X_OK):
        raise BenchmarkError(f"{variable}={named!r} is no program: start benchmarks with `make bench`")
    return Path(named)


class IbcWorld:
    """Both chains and the doors to them, fresh for one run."""

    def __init__(self, stack: ExitStack, accounts: Sequence[str], second_block_s: float) -> None:
        """Start everything; `accounts` are the relayer's addresses, which are rich on both chains.

        `second_block_s` is what chain-b's validator waits after each block.
        """
        balances = dict.fromkeys([ADDRESS, *accounts], RICH)
        self.chains: dict[str, BenchChain] = {}
        for name, block_s in ((A, BLOCK_S), (B, second_block_s)):
            options = DevChainOptions(
                chain_id=name, balances=balances, block_time_s=block_s, large_requests=True
            )
            node = stack.enter_context(DevChain(program("ISTHMUS_SIMD"), options)).node
            self.chains[name] = BenchChain(name, node)
        plan = {
            name: {"rpc": chain.node.ports.rpc, "grpc": chain.node.ports.grpc}
            for name, chain in self.chains.items()
        }
        self._proxy = stack.enter_context(process("tests.benchmarks.ibc_proxy", plan, WORLD))
        self.doors: dict[str, dict[str, int]] = json.loads(first_line(self._proxy))

    def counts(self) -> dict[str, Counts]:
        """Return what was asked through the doors so far, by chain."""
        assert self._proxy.stdin is not None
        self._proxy.stdin.write("look\n")
        self._proxy.stdin.flush()
        shown = json.loads(first_line(self._proxy))
        return {
            name: Counts(Counter(each["requests"]), Counter(each["calls"])) for name, each in shown.items()
        }

    def cpu_s(self) -> dict[str, float]:
        """Return the processor time of each node so far."""
        return {name: cpu_s(chain.node.pid) for name, chain in self.chains.items()}

    def overfull(self, most: int = MAX_NODE_BYTES) -> str:
        """Return which node holds more bytes of memory than this; empty when none does."""
        for name, chain in self.chains.items():
            pages = int(Path(f"/proc/{chain.node.pid}/statm").read_text().split()[1])
            held = pages * os.sysconf("SC_PAGE_SIZE")
            if held > most:
                return f"{name} held {held >> 20} MiB of memory, at most {most >> 20} are given"
        return ""

    def heights(self) -> dict[str, int]:
        """Return the newest block's height of each chain."""
        return {name: chain.height() for name, chain in self.chains.items()}

    def transactions(self, after: Mapping[str, int]) -> dict[str, int]:
        """Return how many transactions each chain has in its blocks after these heights."""
        return {
            name: sum(block.transactions for block in chain.blocks(after[name] + 1, chain.height()))
            for name, chain in self.chains.items()
        }

    def leave_pending(self, channel: str, count: int) -> None:
        """Make packets on chain-a that nobody relays yet; return when a header commits to them."""
        self.chains[A].send_transfers(channel, count)
        until("all transfers in blocks", lambda: self.chains[A].unacknowledged(channel) == count, 60)
        self.chains[A].next_block()
