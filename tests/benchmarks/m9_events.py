"""M9: the body of an `eth_getLogs` with 1,000 `SendPacket` logs, to typed packets, against web3.py."""

import json
import random
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import orjson
from eth_utils import to_checksum_address
from web3 import Web3
from web3.datastructures import AttributeDict

from adapters.errors import MalformedReply
from adapters.evm.logs import decode_sent
from proofs.evm.events import PacketEvents
from proofs.types import Packet
from tests.benchmarks.devchain import ARTIFACTS
from tests.benchmarks.framework import Row, expect, in_turns, pinned
from tests.benchmarks.sent_logs import logs, packet_tuple, packets

LOGS = 1_000
REPEATS = 15
ROUTER = bytes(range(20))


def ours(body: bytes) -> list[Packet]:
    """Return the packets as the EVM adapter decodes them."""
    result = msgspec.json.decode(body, type=_Reply).result
    return [seen.packet for seen in decode_sent(bytes(result), PacketEvents())]


class _Reply(msgspec.Struct):
    result: msgspec.Raw


def web3_event() -> Any:
    """Return web3's decoder of the event, from the contract's own ABI."""
    abi = json.loads((ARTIFACTS / "Router.json").read_text())["abi"]
    return Web3().eth.contract(address=to_checksum_address(ROUTER), abi=abi).events.SendPacket()


def theirs(body: bytes, event: Any) -> list[Mapping[str, Any]]:
    """Return the packets as web3 decodes them; JSON by orjson, the quickest that it could have."""
    found = []
    for raw in orjson.loads(body)["result"]:
        log = AttributeDict(
            raw
            | {name: bytes.fromhex(raw[name][2:]) for name in ("blockHash", "transactionHash", "data")}
            | {name: int(raw[name], 16) for name in ("blockNumber", "logIndex", "transactionIndex")}
            | {"topics": [bytes.fromhex(topic[2:]) for topic in raw["topics"]]}
        )
        found.append(event.process_log(log)["args"]["packet"])
    return found


def as_tuple(found: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return web3's packet as plain tuples."""
    payloads = [
        (p["sourcePort"], p["destPort"], p["version"], p["encoding"], p["value"]) for p in found["payloads"]
    ]
    return found["sequence"], found["sourceClient"], found["destClient"], found["timeoutTimestamp"], payloads


def _body(entries: Sequence[Mapping[str, object]]) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "result": entries}).encode()


def corrupted(entries: Sequence[Mapping[str, object]]) -> list[bytes]:
    """Return bodies with one log each that is no packet: cut short, a length too large, a wrong topic."""
    source, bodies = random.Random(5), []
    for number, entry in enumerate(source.sample(list(entries), LOGS // 10)):
        text, topics = str(entry["data"]), list(entry["topics"])  # type: ignore[call-overload]
        match number % 3:
            case 0:
                bad = {"data": text[: 2 + 64 * source.randrange(1, len(text) // 64)]}
            case 1:
                at = 2 + 64 * 16
                bad = {"data": text[:at] + "f" * 64 + text[at + 64 :]}
            case _:
                bad = {"topics": [*topics[:2], topics[2][:-2] + ("00" if topics[2][-2:] != "00" else "01")]}
        bodies.append(_body([{**entry, **bad}]))
    return bodies


def _refuses(work: Any, body: bytes, want: object, errors: tuple[type[Exception], ...]) -> bool:
    try:
        return bool(work(body) != want)
    except errors:
        return True


def measure() -> Row:
    """Return the row."""
    sent = packets(LOGS, "attestations-0", "attestations-1", 1_800_000_000)
    entries = logs(sent, ROUTER)
    body, event = _body(entries), web3_event()
    expect("our packets", sent, ours(body))
    expect(
        "web3's packets", [packet_tuple(p) for p in sent], [as_tuple(found) for found in theirs(body, event)]
    )
    bad = corrupted(entries)
    expect(
        "corrupted bodies that we refuse",
        len(bad),
        sum(_refuses(ours, b, None, (MalformedReply,)) for b in bad),
    )
    with pinned(0):
        times = in_turns({"ours": lambda: ours(body), "peer": lambda: theirs(body, event)}, REPEATS)
    micros = {name: each.median() * 1e6 / LOGS for name, each in times.items()}
    ratio = micros["peer"] / micros["ours"]
    return Row(
        id="M9",
        what=f"eth_getLogs of {LOGS:,} SendPacket logs ({len(body) / 1e6:.1f} MB) to typed packets",
        unit="µs per log",
        ours=micros["ours"],
        ours_best=times["ours"].best() * 1e6 / LOGS,
        ours_p99=times["ours"].p99() * 1e6 / LOGS,
        peer="web3.py process_log",
        peer_figure=micros["peer"],
        ratio=ratio,
        goal="90x",
        met=ratio >= 90,
        repeats=REPEATS,
        checked=f"both decode the {LOGS:,} packets that were encoded; we refuse {len(bad)} corrupted bodies",
        notes=[
            "A packet is a nested structure with seven dynamic fields and 200 B of payload, a kilobyte of "
            "data, so this is more than the flat event for which the 2.5 µs of the plan were measured."
        ],
    )
