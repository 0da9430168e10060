"""A development chain for benchmarks: anvil, plain JSON-RPC, deployment. Blocking and simple.

What is measured never goes through here; it only prepares chains and counts what came of them.
"""

import http.client
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from coincurve import PrivateKey
from eth_abi import encode

from adapters.evm.devnode import DevNode, DevNodeOptions, find_anvil
from proofs.hashing import keccak256
from tests.benchmarks.framework import ROOT

ARTIFACTS = ROOT / "adapters" / "evm" / "contracts" / "artifacts"
EMPTY_APP = bytes.fromhex("602060005260016020526001" + "60f81b604052606060" + "00f3")
"""Run-time code of an application that does nothing: every call returns the bytes 0x01, ABI-encoded."""


class BenchmarkError(RuntimeError):
    """A chain did not do what the preparation needs."""


def modules(variable: str) -> Path:
    """Return the npm packages that this environment variable names."""
    folder = os.environ.get(variable, "")
    if not folder:
        raise BenchmarkError(f"{variable} is not set: start benchmarks with `make bench`, with npm installed")
    return Path(folder)


def creation_code(runtime: bytes) -> bytes:
    """Return code that deploys this run-time code of less than 256 bytes."""
    return bytes.fromhex(f"60{len(runtime):02x}600c60003960{len(runtime):02x}6000f3") + runtime


def keys(count: int, label: str) -> list[PrivateKey]:
    """Return this many keys, the same every time, in ascending order of their addresses."""
    made = [PrivateKey(keccak256(f"{label} {i}".encode())) for i in range(count)]
    return sorted(made, key=address_of)


def address_of(key: PrivateKey) -> bytes:
    """Return the Ethereum address of a key."""
    return keccak256(key.public_key.format(compressed=False)[1:])[12:]


def sign(key: PrivateKey, digest: bytes) -> bytes:
    """Return r || s || v over a digest."""
    signature = key.sign_recoverable(digest, hasher=None)
    return signature[:64] + bytes([27 + signature[64]])


def call_data(signature: str, *arguments: object) -> bytes:
    """Return the call data of a function by its canonical signature."""
    inside = signature[signature.index("(") + 1 : -1]
    return keccak256(signature.encode())[:4] + encode(split_types(inside), arguments)


def split_types(text: str) -> list[str]:
    """Return the types of a comma-separated list, tuples kept whole."""
    found, depth, current = [], 0, ""
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            found.append(current)
            current = ""
        else:
            current += letter
    return [*found, current] if current else found


class DevChain:
    """One anvil, and the first of its accounts."""

    def __init__(self, node: DevNode) -> None:
        self.node = node
        self._connection = http.client.HTTPConnection(
            "127.0.0.1", int(node.url.rsplit(":", 1)[1]), timeout=60
        )
        self.account: str = self.rpc("eth_accounts")[0]

    def rpc(self, method: str, *parameters: object) -> Any:
        """Return the result of a call; raises `BenchmarkError` with the node's error."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters})
        self._connection.request("POST", "/", body, {"Content-Type": "application/json"})
        reply = json.loads(self._connection.getresponse().read())
        if "error" in reply:
            raise BenchmarkError(f"{method}: {json.dumps(reply['error'])[:500]}")
        return reply["result"]

    def transact(self, to: bytes | None, data: bytes, gas: int = 16_000_000) -> dict[str, Any]:
        """Send a transaction from the first account, mine it, and return its receipt."""
        call: dict[str, str] = {"from": self.account, "data": "0x" + data.hex(), "gas": hex(gas)}
        if to is not None:
            call["to"] = "0x" + to.hex()
        sent = self.rpc("eth_sendTransaction", call)
        receipt: dict[str, Any] | None = self.rpc("eth_getTransactionReceipt", sent)
        if receipt is None:
            self.rpc("evm_mine")
            receipt = self.rpc("eth_getTransactionReceipt", sent)
        if receipt is None or receipt["status"] != "0x1":
            raise BenchmarkError(f"transaction {sent} failed: {receipt}")
        return receipt

    def deploy(self, code: bytes, types: Sequence[str] = (), arguments: Sequence[object] = ()) -> bytes:
        """Deploy a contract and return its address."""
        receipt = self.transact(None, code + encode(types, arguments))
        return bytes.fromhex(receipt["contractAddress"][2:])

    def deploy_ours(self, name: str, types: Sequence[str] = (), arguments: Sequence[object] = ()) -> bytes:
        """Deploy one of the project's contracts from its committed artifact."""
        artifact = json.loads((ARTIFACTS / f"{name}.json").read_text())
        return self.deploy(bytes.fromhex(artifact["bytecode"][2:]), types, arguments)

    def call(self, to: bytes, data: bytes) -> bytes:
        """Return what a call returns in the latest state; raises `BenchmarkError` when it reverts."""
        call = {
            "from": self.account,
            "to": "0x" + to.hex(),
            "data": "0x" + data.hex(),
            "gas": hex(16_000_000),
        }
        return bytes.fromhex(self.rpc("eth_call", call, "latest")[2:])

    def deploy_router(self) -> bytes:
        """Deploy a router whose operator is the first account, and return its address."""
        manager = self.deploy_ours("AccessManager", ["address"], [self.account])
        logic = self.deploy_ours("Router")
        start = call_data("initialize(address)", manager)
        return self.deploy_ours("ERC1967Proxy", ["address", "bytes"], [logic, start])

    def add_client(
        self, router: bytes, client: str, counterparty: str, attestors: list[bytes], need: int
    ) -> None:
        """Give the router a light client that believes `need` of these attestors."""
        light = self.deploy_ours(
            "AttestationClient",
            ["address[]", "uint8", "uint64", "uint64", "uint256"],
            [attestors, need, 0, 0, 0],
        )
        signature = "addClient(string,(string,bytes[]),address)"
        self.transact(router, call_data(signature, client, (counterparty, [b""]), light))

    def register(self, router: bytes, port: str, app: bytes) -> None:
        """Let the router call this application for a port."""
        self.transact(router, call_data("registerApp(string,address,uint32)", port, app, 200_000))


@contextmanager
def dev_chain(chain_id: int, block_time_s: float | None = None) -> Iterator[DevChain]:
    """Start a chain, and stop it at the end."""
    binary = find_anvil(modules("ISTHMUS_NODE_MODULES"))
    if binary is None:
        raise BenchmarkError("anvil is not among the node tools: make nodes")
    options = DevNodeOptions(chain_id=chain_id, block_time_s=block_time_s, gas_limit=1_000_000_000)
    with DevNode(binary, options) as node:
        yield DevChain(node)
