"""`SendPacket` logs as a node gives them, encoded by eth_abi: what M9 decodes and E1 replays."""

import random
from collections.abc import Sequence

from eth_abi import encode

from proofs.hashing import keccak256
from proofs.types import ClientId, Packet, Payload
from proofs.types import Sequence as PacketSequence

_PACKET = "(uint64,string,string,uint64,(string,string,string,string,bytes)[])"
TOPIC = keccak256(
    b"SendPacket(string,uint256,(uint64,string,string,uint64,(string,string,string,string,bytes)[]))"
)


def packets(count: int, source: str, destination: str, timeout_s: int, size: int = 200) -> list[Packet]:
    """Return packets of one route with random payloads, the same every time."""
    numbers = random.Random(9)
    return [
        Packet(
            sequence=PacketSequence(sequence),
            source_client=ClientId(source),
            destination_client=ClientId(destination),
            timeout_s=timeout_s,
            payloads=(
                Payload(
                    source_port="bench",
                    destination_port="bench",
                    version="1",
                    encoding="application/octet-stream",
                    value=numbers.randbytes(size),
                ),
            ),
        )
        for sequence in range(1, count + 1)
    ]


def packet_tuple(packet: Packet) -> tuple[object, ...]:
    """Return the packet as eth_abi and web3 take it."""
    payloads = [(p.source_port, p.destination_port, p.version, p.encoding, p.value) for p in packet.payloads]
    return packet.sequence, packet.source_client, packet.destination_client, packet.timeout_s, payloads


def log_of(packet: Packet, router: bytes, height: int, block_hash: bytes, index: int) -> dict[str, object]:
    """Return the log in the JSON form of `eth_getLogs`."""
    topics = [TOPIC, keccak256(packet.source_client.encode()), packet.sequence.to_bytes(32, "big")]
    return {
        "address": "0x" + router.hex(),
        "topics": ["0x" + topic.hex() for topic in topics],
        "data": "0x" + encode([_PACKET], [packet_tuple(packet)]).hex(),
        "blockNumber": hex(height),
        "blockHash": "0x" + block_hash.hex(),
        "transactionHash": "0x" + keccak256(packet.sequence.to_bytes(8, "big")).hex(),
        "transactionIndex": hex(index),
        "logIndex": hex(index),
        "blockTimestamp": "0x0",
        "removed": False,
    }


def logs(sent: Sequence[Packet], router: bytes) -> list[dict[str, object]]:
    """Return one log for each packet, a hundred to a block."""
    return [
        log_of(p, router, 1 + i // 100, keccak256(b"%d" % (i // 100)), i % 100) for i, p in enumerate(sent)
    ]
