"""A process that serves scripted chains and attestors over HTTP: `python -m tests.benchmarks.mock_node`.

It reads one JSON plan from standard input, prints one JSON line with its ports, and serves until its input
closes. Latency is added to every answer, so that a round trip costs what the plan says. Attestors sign all
that they are asked: what honest ones would verify is work of other machines.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import orjson
from aiohttp import web
from coincurve import PrivateKey

from gateway.attestor.signing import Signed, digests, signing_lane
from gateway.attestor.wire import PATH, decode_request, encode_answer
from proofs.types import Height
from tests.benchmarks.devchain import sign
from tests.benchmarks.scripted import Parties, ScriptedChain
from tests.benchmarks.sent_logs import packets

_MAX_BODY = 64 * 1024 * 1024


@dataclass(slots=True)
class Served:
    """One chain on its port."""

    chain: ScriptedChain
    period_s: float
    latency_s: float
    sockets: set[web.WebSocketResponse]
    scripted_until: int
    """Up to this height a block appears every period after the start; beyond it, when one is needed."""
    started: bool = False


def _reply(chain: ScriptedChain, call: Mapping[str, Any]) -> bytes:
    number = orjson.dumps(call["id"])
    try:
        result = chain.answer(call["method"], call.get("params", []))
    except KeyError:
        return b'{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no such method"}}' % number
    return b'{"jsonrpc":"2.0","id":%s,"result":%s}' % (number, result)


def _rpc(served: Served) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await _subscribe(served, request)
        calls = orjson.loads(await request.read())
        if served.latency_s:
            await asyncio.sleep(served.latency_s)
        if isinstance(calls, list):
            body = b"[" + b",".join([_reply(served.chain, call) for call in calls]) + b"]"
        else:
            body = _reply(served.chain, calls)
        return web.Response(body=body, content_type="application/json")

    return handle


async def _subscribe(served: Served, request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    served.sockets.add(socket)
    async for message in socket:
        asked = orjson.loads(message.data)
        await socket.send_str(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": "0x1"}))
    served.sockets.discard(socket)
    return socket


async def _grow(served: Served) -> None:
    """Show a block every period; tell those who listen."""
    due = time.monotonic()
    while True:
        due += served.period_s
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        waiting = served.chain.visible < served.scripted_until and not served.started
        if waiting or not served.chain.advance():
            continue
        note = json.dumps({"jsonrpc": "2.0", "method": "eth_subscription", "params": {"subscription": "0x1"}})
        for socket in list(served.sockets):
            await socket.send_str(note)


def _chain(plan: Mapping[str, Any]) -> Served:
    parties = Parties(
        client=plan["client"],
        counterparty=plan["counterparty"],
        attestors=[bytes.fromhex(a) for a in plan["attestors"]],
        threshold=plan["threshold"],
    )
    counts: list[int] = plan["packets_by_block"]
    sent = packets(sum(counts), plan["client"], plan["counterparty"], plan["timeout_s"])
    blocks, at = [], 0
    for count in counts:
        blocks.append(sent[at : at + count])
        at += count
    chain = ScriptedChain(plan["number"], parties, blocks, plan["time_s"], at_once=plan["all_visible"])
    return Served(chain, plan["period_s"], plan["latency_s"], set(), scripted_until=len(counts))


class Wishes:
    """What is to be signed for a request. All attestors of a lane get the same one: it is read once."""

    def __init__(self, times: Callable[[str, int], Awaitable[int]]) -> None:
        self._times = times
        self._known: dict[bytes, asyncio.Future[tuple[str, Signed]]] = {}

    async def read(self, body: bytes) -> tuple[str, Signed]:
        """Return the signing lane, and the digests in place of the signatures."""
        if body not in self._known:
            while len(self._known) > 64:
                del self._known[next(iter(self._known))]
            self._known[body] = asyncio.ensure_future(self._read(body))
        return await self._known[body]

    async def _read(self, body: bytes) -> tuple[str, Signed]:
        wanted = decode_request(body)
        lane = signing_lane(wanted.lane, wanted.untrusted_claims[0])
        height = Height(wanted.untrusted_at.height)
        time_s = await self._times(lane.source, height)
        made = digests(height, time_s, wanted.untrusted_claims)
        return str(lane), Signed(
            height=height, time_s=time_s, state_signature=made.state, packet_signature=made.packets
        )


def _attestor(keys: Mapping[str, str], wishes: Wishes, latency_s: float) -> Any:
    ours = {lane: PrivateKey(bytes.fromhex(key)) for lane, key in keys.items()}

    async def handle(request: web.Request) -> web.Response:
        body = await request.read()
        if latency_s:
            await asyncio.sleep(latency_s)
        lane, unsigned = await wishes.read(body)
        signed = replace(
            unsigned,
            state_signature=sign(ours[lane], unsigned.state_signature),
            packet_signature=sign(ours[lane], unsigned.packet_signature),
        )
        return web.Response(body=encode_answer(signed), content_type="application/msgpack")

    return handle


async def _serve(path: str, handle: Any) -> int:
    """Serve one handler on a free port of its own; return the port."""
    app = web.Application(client_max_size=_MAX_BODY)
    app.router.add_post(path, handle)
    if path == "/":
        app.router.add_get(path, handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port: int = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    return port


def _times(chains: Mapping[str, Served], foreign: Mapping[str, str]) -> Callable[[str, int], Awaitable[int]]:
    """Return what tells the time of a block: from our own chains, or asked of another node."""
    known: dict[tuple[str, int], int] = {}

    async def time_of(chain: str, height: int) -> int:
        if chain in chains:
            return chains[chain].chain.blocks[height].time_s
        if (chain, height) not in known:
            call = {
                "jsonrpc": "2.0",
                "id": 1,
                "method": "eth_getBlockByNumber",
                "params": [hex(height), False],
            }
            async with aiohttp.ClientSession() as session, session.post(foreign[chain], json=call) as reply:
                known[chain, height] = int((await reply.json())["result"]["timestamp"], 16)
        return known[chain, height]

    return time_of


def _control(chains: Mapping[str, Served]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        if (await request.json())["do"] == "start":
            for served in chains.values():
                served.started = True
        seen = {
            name: [
                [p.sequence, block.seen_s]
                for block in served.chain.blocks
                for p in block.sent
                if block.seen_s
            ]
            for name, served in chains.items()
        }
        received = {name: list(served.chain.received.items()) for name, served in chains.items()}
        settled = {name: len(served.chain.settled) for name, served in chains.items()}
        first_read = {name: served.chain.first_read_s for name, served in chains.items()}
        found: dict[str, Any] = {
            "seen": seen,
            "received": received,
            "settled": settled,
            "first_read": first_read,
        }
        found["listening"] = sum(bool(served.sockets) for served in chains.values())
        found["asked"] = sum(served.chain.asked for served in chains.values())
        return web.json_response(found)

    return handle


async def main() -> None:
    """Serve what the plan on standard input says, until standard input closes."""
    plan = json.loads(sys.stdin.readline())
    chains = {f"eip155:{each['number']}": _chain(each) for each in plan["chains"]}
    wishes = Wishes(_times(chains, plan["foreign"]))
    ports: dict[str, Any] = {name: await _serve("/", _rpc(served)) for name, served in chains.items()}
    ports["attestors"] = [
        await _serve(PATH, _attestor(k, wishes, plan["latency_s"])) for k in plan["attestors"]
    ]
    ports["control"] = await _serve("/", _control(chains))
    growing = [asyncio.create_task(_grow(served)) for served in chains.values()]
    print(json.dumps(ports), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for task in growing:
        task.cancel()


if __name__ == "__main__":
    asyncio.run(main())
