"""The IBC row's counters, doors and arithmetic: a benchmark that counts wrongly is worse than none."""

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import pytest

from tests.benchmarks.ibc_chains import seconds_of
from tests.benchmarks.ibc_counts import Counts, GrpcCounter, RpcCounter, UncountableError
from tests.benchmarks.ibc_floor import packet_of
from tests.benchmarks.ibc_latency import Latency, Passage, floor_s
from tests.benchmarks.ibc_proxy import Door
from tests.benchmarks.ibc_row import BACKLOGS, Measured, row, table, versions
from tests.benchmarks.ibc_runs import Cleared, Spent, has_left

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def post(body: object) -> bytes:
    data = json.dumps(body).encode()
    return b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(data) + data


def call(method: str) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"query": "a.method='b'"}}


def frame(kind: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, 0, 0, 0, 0, 1]) + payload


def masked(text: bytes, kind: int = 1) -> bytes:
    mask = b"\x01\x02\x03\x04"
    length = bytes([0x80 | len(text)]) if len(text) < 126 else b"\xfe" + len(text).to_bytes(2, "big")
    return bytes([0x80 | kind]) + length + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(text))


RPC = post(call("status")) + post([call("abci_query")] * 3) + b"GET /health?x=1 HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
def test_requests_and_calls_are_counted_however_they_are_cut(size):
    counts = Counts()
    counter = RpcCounter(counts)
    for start in range(0, len(RPC), size):
        counter.feed(RPC[start : start + size])
    assert counts.requests == {"status": 1, "abci_query": 1, "health": 1}
    assert counts.calls == {"status": 1, "abci_query": 3, "health": 1}


@pytest.mark.parametrize("size", [1, 5, 10_000])
def test_messages_of_a_web_socket_are_counted_and_its_pings_are_not(size):
    hello = b"GET /websocket HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"
    subscribe = json.dumps(call("subscribe")).encode()
    stream = hello + masked(subscribe) + masked(b"hello", kind=9) + masked(subscribe + b" " * 200)
    counts = Counts()
    counter = RpcCounter(counts)
    for start in range(0, len(stream), size):
        counter.feed(stream[start : start + size])
    assert counts.requests == counts.calls == {"websocket": 1, "subscribe": 2}


@pytest.mark.parametrize("size", [1, 10, 10_000])
def test_streams_of_grpc_are_counted_by_their_first_frames(size):
    stream = PREFACE + frame(4, b"\0" * 6) + frame(1, b"headers") + frame(0, b"d" * 300) + frame(1, b"")
    counts = Counts()
    counter = GrpcCounter(counts)
    for start in range(0, len(stream), size):
        counter.feed(stream[start : start + size])
    assert counts.requests == counts.calls == {"grpc": 2}


@pytest.mark.parametrize(
    "stream",
    [
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
def test_what_cannot_be_counted_is_an_error(stream):
    with pytest.raises(UncountableError):
        RpcCounter(Counts()).feed(stream)
    with pytest.raises(UncountableError):
        GrpcCounter(Counts()).feed(stream)


def test_counts_since_a_moment_leave_out_what_was_before():
    counts = Counts()
    RpcCounter(counts).feed(RPC)
    before = Counts(counts.requests.copy(), counts.calls.copy())
    RpcCounter(counts).feed(post(call("tx")))
    after = counts.since(before)
    assert after.requests == after.calls == {"tx": 1}


async def test_a_door_passes_bytes_on_unchanged_and_closes_with_the_client():
    received, closed = bytearray(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            received.extend(data)
            writer.write(data[::-1])
        writer.close()
        closed.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    counts = Counts()
    door = Door(server.sockets[0].getsockname()[1], lambda: RpcCounter(counts))
    reader, writer = await asyncio.open_connection("127.0.0.1", await door.open())
    writer.write(RPC)
    assert (await reader.readexactly(len(RPC)))[::-1] == RPC
    writer.close()
    await asyncio.wait_for(closed.wait(), 10)
    assert bytes(received) == RPC
    assert counts.requests.total() == 3
    door.close()
    server.close()
    await server.wait_closed()


def test_times_of_cometbft_are_read_to_the_fraction():
    assert seconds_of("1970-01-01T00:01:00.25Z") == 60.25
    assert seconds_of("1970-01-02T00:00:00Z") == 86_400


def test_the_floor_is_the_first_block_that_could_hold_the_packet():
    a = {7: 10.0, 8: 10.2, 9: 10.4}
    b = {20: 9.9, 21: 10.1, 22: 10.32, 23: 10.54, 24: 10.76}
    # Header 8 proves what block 7 sent; block 22 is proposed at 10.1 + 0.2 > 10.2, so it can hold the packet.
    assert floor_s({"chain-a": a, "chain-b": b}, 7, 0.2) == pytest.approx(0.32)
    # Were the proposal of block 22 at 10.15 already, block 23 would be the first.
    assert floor_s({"chain-a": a, "chain-b": b}, 7, 0.05) == pytest.approx(0.54)


def test_a_packet_is_read_from_its_event():
    event = {
        "packet_sequence": "3",
        "packet_src_port": "transfer",
        "packet_src_channel": "channel-0",
        "packet_dst_port": "transfer",
        "packet_dst_channel": "channel-1",
        "packet_data_hex": "7b7d",
        "packet_timeout_height": "1-20",
        "packet_timeout_timestamp": "5",
    }
    packet = packet_of(event)
    assert (packet.sequence, packet.data, packet.destination_channel) == (3, b"{}", "channel-1")
    assert (packet.timeout_height.revision_number, packet.timeout_height.revision_height) == (1, 20)


def runs(name: str, seconds: float, added_s: float, requests: int, *, acknowledged: float = 1.0) -> Measured:
    def spent(packets: int) -> Spent:
        calls = Counts(Counter(abci_query=requests), Counter(abci_query=2 * packets))
        used = {"relayer": 1.0, "chain-a": 2.0, "chain-b": 3.0}
        both = {"chain-a": 1, "chain-b": 2}
        return Spent(packets=packets, counts={"chain-a": calls}, cpu_s=used, transactions=both)

    cleared = {
        backlog: Cleared(
            packets=backlog,
            seconds=seconds,
            received_s=1.0,
            received=backlog,
            acknowledged=int(backlog * acknowledged),
            spent=spent(backlog),
            said="",
        )
        for backlog in BACKLOGS
    }
    passage = Passage(wall_s=0.4 + added_s, header_s=0.4, floor_s=0.4)
    return Measured(name=name, cleared=cleared, light=Latency(passages=[passage] * 3, spent=spent(3)))


def test_the_goal_is_judged_against_the_faster_peer_of_each_kind():
    quick, slow = runs("quick", 50, 0.3, 9000), runs("slow", 100, 0.06, 9000)
    made = row(runs("ours", 10, 0.019, 250), [slow, quick], [], 5.0, [])
    assert (made.peer, made.ratio, made.met) == ("quick", pytest.approx(5), True)
    assert not row(runs("ours", 10.1, 0.019, 250), [slow, quick], [], 5.0, []).met
    assert not row(runs("ours", 10, 0.021, 250), [slow, quick], [], 5.0, []).met
    assert not row(runs("ours", 10, 0.019, 251), [slow, quick], [], 5.0, []).met


def test_the_table_says_who_did_not_finish_and_the_notes_who_is_missing():
    half = runs("half", 240, 0.1, 9000, acknowledged=0.5)
    assert "not in 240 (5,000 received, 2,500 acknowledged)" in table([half])
    made = row(runs("ours", 10, 0.019, 250), [half], ["Hermes 1.10.5 (not built here)"], 5.0, [])
    assert made.peer_figure == pytest.approx(2500 / 240)
    full = replace(half.cleared[BACKLOGS[1]], stopped="chain-b held 7000 MiB of memory")
    assert "2,500 acknowledged): chain-b held" in table([replace(half, cleared={**half.cleared, 5000: full})])
    assert made.notes[-2] == "Missing: Hermes 1.10.5 (not built here)."


def test_versions_of_the_chains_are_those_that_are_pinned():
    assert [each.split(" ")[0] for each in versions().split(", ")] == ["cosmos-sdk", "ibc-go", "cometbft"]


def test_a_child_that_ended_is_noticed_and_can_still_be_waited_for():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert not has_left(child.pid)
        child.communicate(b"\n")
    with subprocess.Popen(["true"]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert has_left(child.pid)
        assert child.wait() == 0
