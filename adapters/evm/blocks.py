"""Blocks as endpoints report them, encoded and hashed again: a hash counts when its header gives it.

Not a light client: a header that hashes correctly can still be of a chain that nobody else follows.

Implements: Ethereum Yellow Paper 4.4.3 and the header fields of London, Shanghai, Cancun and Prague.
"""

from dataclasses import dataclass

from adapters.errors import MalformedReply, NotYetAvailable, Pruned, Reorged
from adapters.evm.endpoints import Hostile, Lie
from adapters.evm.rpc import Call, ErrorObject, Reply, RpcClient
from adapters.evm.wire import BlockJson, data, number, read
from proofs import rlp
from proofs.hashing import keccak256
from proofs.types import BlockRef, ChainId, Height


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One block whose header bytes hash to `ref.hash`."""

    ref: BlockRef
    header: bytes
    """RLP."""
    state_root: bytes
    time_s: int
    base_fee_wei: int
    gas_limit: int


def block_call(at: Height | str) -> Call:
    """Return the call that asks for a block by height or tag."""
    return "eth_getBlockByNumber", [at if isinstance(at, str) else hex(at), False]


async def read_block(client: RpcClient, chain: ChainId, at: Height | str) -> Block:
    """Ask one endpoint for a block. Raises `NotYetAvailable` when it has none, `Hostile` for a forged one."""
    [reply] = await client.batch([block_call(at)])
    return await checked_block(client, chain, reply)


async def checked_block(client: RpcClient, chain: ChainId, reply: Reply) -> Block:
    """Return the block in a reply, its hash recomputed. Raises as `read_block`.

    Headers of forks that this code does not know are asked for as raw bytes, where the endpoint serves
    them.
    """
    found: BlockJson | None = read(reply, BlockJson | None, f"endpoint {client.name}: block")
    if found is None:
        raise NotYetAvailable(f"endpoint {client.name}: expected a block, it has none")
    claimed = data(found.hash, "block hash", 32)
    header = encode_header(found)
    if keccak256(header) != claimed:
        header = await _raw_header(client, found.hash)
    if keccak256(header) != claimed:
        actual = keccak256(header).hex()
        raise Hostile(
            Lie.FORGED_HEADER, f"block {found.number}: expected hash {claimed.hex()}, header gives {actual}"
        )
    return Block(
        ref=BlockRef(chain=chain, height=Height(number(found.number, "number")), hash=claimed),
        header=header,
        state_root=data(found.state_root, "state root", 32),
        time_s=number(found.timestamp, "timestamp"),
        base_fee_wei=number(found.base_fee_per_gas or "0x0", "base fee"),
        gas_limit=number(found.gas_limit, "gas limit"),
    )


async def _raw_header(client: RpcClient, block_hash: str) -> bytes:
    [reply] = await client.batch([("debug_getRawHeader", [block_hash])])
    if isinstance(reply, ErrorObject):
        return b""
    return data(read(reply, str, "raw header"), "raw header")


def encode_header(block: BlockJson) -> bytes:
    """Return the RLP of the header, with the items that the block has. Raises `MalformedReply`."""
    quantity, hashed = _quantity, _hashed
    items = [
        hashed(block.parent_hash), hashed(block.sha3_uncles), data(block.miner, "miner", 20),
        hashed(block.state_root), hashed(block.transactions_root), hashed(block.receipts_root),
        data(block.logs_bloom, "bloom", 256), quantity(block.difficulty), quantity(block.number),
        quantity(block.gas_limit), quantity(block.gas_used), quantity(block.timestamp),
        data(block.extra_data, "extra data"), hashed(block.mix_hash), data(block.nonce, "nonce", 8),
    ]  # fmt: skip
    later = (
        (block.base_fee_per_gas, quantity), (block.withdrawals_root, hashed), (block.blob_gas_used, quantity),
        (block.excess_blob_gas, quantity), (block.parent_beacon_block_root, hashed),
        (block.requests_hash, hashed),
    )  # fmt: skip
    items += [convert(field) for field, convert in later if field is not None]
    return rlp.encode(items)


def _quantity(text: str) -> bytes:
    value = number(text, "header field")
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def _hashed(text: str) -> bytes:
    return data(text, "header field", 32)


async def explain_failure(client: RpcClient, at: BlockRef, error: ErrorObject, what: str) -> Exception:
    """Return why a read that was pinned to `at` failed, asked of the same endpoint: no words are parsed."""
    where = f"endpoint {client.name}: {what} at {at.height}: error {error.code}"
    try:
        block = await read_block(client, at.chain, at.height)
    except NotYetAvailable:
        return NotYetAvailable(f"{where}: it does not have the block yet")
    if block.ref.hash != at.hash:
        return Reorged(f"{where}: expected block {at.hash.hex()}, canonical is {block.ref.hash.hex()}")
    if error.code in (-32601, -32602):
        return MalformedReply(f"{where}: {error.message[:200]}")
    return Pruned(f"{where}: it has the block and not its state: {error.message[:200]}")
