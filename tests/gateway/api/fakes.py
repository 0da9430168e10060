"""A gateway behind the API: what it was asked to do, and records to show."""

import asyncio

from aiohttp.test_utils import TestClient, TestServer

from adapters.errors import Refused
from gateway.api.app import build_app
from gateway.api.ports import Conflict, MessageFilter, UnknownName
from gateway.api.services import IdempotencyBook, Services
from gateway.config.schema import ApiConfig, ApiKeyConfig, Scope
from gateway.keys.api_keys import hash_key
from gateway.observe.metrics import Metrics
from gateway.views import MessagePage
from proofs.records import replace
from tests.gateway.page import samples

ADMIN, SENDER, READER = "isthmus_admin", "isthmus_sender", "isthmus_reader"


class FakeClock:
    def __init__(self):
        self.time_s = samples.NOW_S

    def now_s(self):
        return self.time_s

    def monotonic_s(self):
        return self.time_s

    async def sleep(self, seconds):
        self.time_s += seconds


class FakeGateway:
    """Reader and operator at once."""

    def __init__(self):
        self.view = samples.overview()
        self.known = {message.id: message for message in map(samples.message, range(1, 6))}
        self.acts = []
        self.filters = []
        self.sending = asyncio.Event()
        self.sending.set()
        self.breaks = False
        self.looks = 0

    async def overview(self):
        self.looks += 1
        if self.breaks:
            raise ZeroDivisionError("canary-of-a-secret")
        return self.view

    async def messages(self, wanted: MessageFilter, *, limit, cursor):
        self.filters.append((wanted, limit, cursor))
        if cursor and not cursor.isdigit():
            raise ValueError(f"cursor: expected one of ours, got {cursor!r}")
        first = int(cursor or 0)
        chosen = [one for one in self.known.values() if wanted.state in (None, one.state)]
        more = str(first + limit) if len(chosen) > first + limit else ""
        return MessagePage(messages=tuple(chosen[first : first + limit]), cursor=more)

    async def message(self, message_id):
        if message_id not in self.known:
            raise UnknownName(f"no message {message_id}")
        return self.known[message_id]

    async def explain(self, message_id):
        await self.message(message_id)
        return samples.explanation(int(message_id, 16))

    async def bundle(self, message_id):
        if (await self.message(message_id)).state != "acknowledged":
            raise Conflict("not proven yet")
        return b"bundle"

    async def retry(self, message_id):
        if (await self.message(message_id)).state != "parked":
            raise Conflict("expected state parked, got acknowledged")
        self.acts.append(("retry", message_id))

    async def halt(self, lane_id, reason):
        self.acts.append(("halt", lane_id, reason))
        lanes = tuple(
            replace(lane, state="halted", reason=reason) if lane.id == lane_id else lane
            for lane in self.view.lanes
        )
        self.view = replace(
            self.view, lanes=lanes, ready=False, problems=(f"lane {lane_id} is halted: {reason}",)
        )

    async def resume(self, lane_id):
        self.acts.append(("resume", lane_id))

    async def send(self, lane_id, requests):
        await self.sending.wait()
        for request in requests:
            if getattr(request, "recipient", "") == "nowhere":
                raise Refused("unsupported destination: expected eip155:31338, got nowhere")
        self.acts.append(("send", tuple(requests)))
        return tuple(f"{number:064x}" for number in range(1, len(requests) + 1))


def key(name, secret, *scopes):
    return ApiKeyConfig(name=name, hash=hash_key(secret, b"\x07" * 16), scopes=scopes)


KEYS = (
    key("admin", ADMIN, Scope.READ, Scope.ADMIN),
    key("sender", SENDER, Scope.READ, Scope.SEND),
    key("reader", READER, Scope.READ),
)


def services(gateway, clock=None):
    clock = clock or FakeClock()
    return Services(
        reader=gateway,
        operator=gateway,
        metrics=Metrics(),
        clock=clock,
        idempotency=IdempotencyBook(clock),
        version="0.1.0",
    )


def client(gateway, *, public_read=True):
    return TestClient(
        TestServer(
            build_app(services(gateway), ApiConfig(public_read=public_read, keys=KEYS)), host="127.0.0.1"
        )
    )


def sending(*items):
    return {"lane": "alpha-beta", "items": list(items)}


def bearer(secret):
    return {"Authorization": f"Bearer {secret}"}


MESSAGE = {
    "kind": "message",
    "recipient": "0x01",
    "payload": "0x68690a",
    "timeout_s": 1900000000,
}
