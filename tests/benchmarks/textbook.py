"""The peer of E1 and E3: a relay as a textbook would write it, with web3.py, and written well.

It reads `SendPacket` events in ranges, keeps its own nonce, has many messages in flight, sends one
transaction for each message, and commits to SQLite (WAL, FULL) before and after. It is spared work that
Isthmus does: it proves and verifies nothing, it is handed the attestors' signatures without asking anybody,
and it relays no acknowledgements.

Run as `python -m tests.benchmarks.textbook` with one JSON line on standard input; prints one line when it
is done.
"""

import asyncio
import json
import sqlite3
import sys
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_utils import to_checksum_address
from web3 import AsyncHTTPProvider, AsyncWeb3

from proofs.hashing import keccak256
from tests.benchmarks.devchain import ARTIFACTS
from tests.benchmarks.m9_events import as_tuple

_TIP_WEI = 10**9
_MAX_FEE_WEI = 10**12
_GAS = 600_000
_HEAD_POLL_S = 0.05
_RECEIPT_POLL_S = 0.25
"""The block time of the destination."""


class Textbook:
    """One relay from a source to a destination."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self._plan = plan
        self._source = AsyncWeb3(AsyncHTTPProvider(plan["source_url"]))
        self._destination = AsyncWeb3(AsyncHTTPProvider(plan["destination_url"]))
        abi = json.loads((ARTIFACTS / "Router.json").read_text())["abi"]
        address = to_checksum_address(plan["source_router"])
        self._event = self._source.eth.contract(address=address, abi=abi).events.SendPacket()
        self._router = self._destination.eth.contract(
            address=to_checksum_address(plan["destination_router"]), abi=abi
        )
        self._account = Account.from_key(plan["key"])
        self._room = asyncio.Semaphore(plan["in_flight"])
        self._nonce = 0
        self._database = sqlite3.connect(Path(plan["database"]), isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.execute("CREATE TABLE message (sequence INTEGER PRIMARY KEY, state TEXT, packet TEXT)")

    async def run(self) -> None:
        """Relay until as many messages as the plan says are delivered."""
        self._nonce = await self._destination.eth.get_transaction_count(self._account.address)
        done = 0
        first = 1
        async with asyncio.TaskGroup() as group:
            while done < self._plan["messages"]:
                last = min(await self._source.eth.block_number, first + 9)
                if last < first:
                    await asyncio.sleep(_HEAD_POLL_S)
                    continue
                logs = await self._source.eth.get_logs(
                    {
                        "address": to_checksum_address(self._plan["source_router"]),
                        "fromBlock": first,
                        "toBlock": last,
                        "topics": ["0x" + self._topic().hex()],
                    }
                )
                for log in logs[: self._plan["messages"] - done]:
                    packet = as_tuple(self._event.process_log(log)["args"]["packet"])
                    await self._room.acquire()
                    group.create_task(self._relay(packet))
                    done += 1
                first = last + 1

    @staticmethod
    def _topic() -> bytes:
        return keccak256(
            b"SendPacket(string,uint256,(uint64,string,string,uint64,(string,string,string,string,bytes)[]))"
        )

    async def _relay(self, packet: Any) -> None:
        try:
            self._save(packet[0], "observed", repr(packet))
            nonce, self._nonce = self._nonce, self._nonce + 1
            transaction = {
                "chainId": self._plan["destination_chain"],
                "to": self._router.address,
                "data": self._call(packet),
                "value": 0,
                "nonce": nonce,
                "gas": _GAS,
                "maxFeePerGas": _MAX_FEE_WEI,
                "maxPriorityFeePerGas": _TIP_WEI,
            }
            signed = self._account.sign_transaction(transaction)
            sent = await self._destination.eth.send_raw_transaction(signed.raw_transaction)
            if self._plan["wait"]:
                await self._wait(packet[0], sent)
            self._save(packet[0], "delivered", "")
        finally:
            self._room.release()

    async def _wait(self, sequence: int, sent: Any) -> None:
        receipt = await self._destination.eth.wait_for_transaction_receipt(
            sent, timeout=120, poll_latency=_RECEIPT_POLL_S
        )
        if receipt["status"] != 1:
            raise RuntimeError(f"message {sequence} failed")

    def _save(self, sequence: int, state: str, packet: str) -> None:
        self._database.execute(
            "INSERT INTO message VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET state = excluded.state",
            (sequence, state, packet),
        )

    def _call(self, packet: Any) -> str:
        sequence, _, destination_client, timeout_s, payloads = packet
        [(source_port, destination_port, version, encoding, value)] = payloads
        head = (
            sequence.to_bytes(8, "big")
            + timeout_s.to_bytes(8, "big")
            + len(value).to_bytes(4, "big")
            + bytes(12)
        )
        group = ((source_port, destination_port, version, encoding), [head], b"", value)
        proof = bytes.fromhex(self._plan["proofs"][sequence - 1])
        batch = (destination_client, [group], self._plan["height"], proof, b"")
        call: str = self._router.encode_abi("recvPackets", args=[batch])
        return call


if __name__ == "__main__":
    asyncio.run(Textbook(json.loads(sys.stdin.readline())).run())
    print("done", flush=True)
