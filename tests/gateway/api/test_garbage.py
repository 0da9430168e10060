"""Whatever a stranger sends, the answer is bounded, well formed, and never a 500."""

import random

import pytest

from gateway.api.app import table
from gateway.api.routes import openapi_path
from tests.gateway.api.fakes import ADMIN, SENDER, FakeGateway, bearer, client

PIECES = [
    "",
    "0",
    "-1",
    "1e9",
    "null",
    "\x00",
    "'",
    "<b>",
    "../..",
    "%",
    "é",
    "\u202e",
    "9" * 40,
    "a" * 300,
    "{}",
    "[]",
]


def garbage(dice):
    return dice.choice(PIECES) + dice.choice(PIECES)


def body(dice, depth=0):
    match dice.randrange(6 if depth < 3 else 4):
        case 0:
            return garbage(dice)
        case 1:
            return dice.choice([None, True, -1, 10**40, 1.5])
        case 2:
            return dice.choice([b"\xff\xfe".decode("latin1"), "message", "transfer", "alpha-beta"])
        case 3:
            return {}
        case 4:
            names = (
                "lane",
                "items",
                "kind",
                "payload",
                "recipient",
                "timeout_s",
                "amount",
                "reason",
                garbage(dice),
            )
            return {dice.choice(names): body(dice, depth + 1) for _ in range(4)}
        case _:
            return [body(dice, depth + 1) for _ in range(3)]


@pytest.mark.parametrize("seed", range(4))
async def test_no_request_makes_the_gateway_stumble(seed):
    dice = random.Random(seed)
    gateway = FakeGateway()
    routes = table("0").routes
    async with client(gateway) as api:
        for _ in range(250):
            route = dice.choice(routes)
            path = openapi_path(route)
            for name in ("{message_id}", "{lane_id}", "{chain_id}"):
                path = path.replace(
                    name, dice.choice([f"{1:064x}", "alpha-beta", "eip155:31337", "x" * 2000])
                )
            answer = await api.request(
                dice.choice([route.method, "GET", "POST", "PUT", "DELETE", "OPTIONS"]),
                path,
                params={dice.choice(["limit", "cursor", "state", "lane", "q"]): garbage(dice)},
                json=body(dice),
                headers={
                    **bearer(dice.choice([ADMIN, SENDER, "x"])),
                    "Accept": dice.choice(["*/*", "text/html;q=x", "a;q="]),
                },
            )
            text = await answer.read()
            assert answer.status < 500 or route.path == "/readyz", (answer.status, path, text)
            if answer.status >= 400 and route.path != "/readyz":
                assert answer.content_type == "application/problem+json"
            assert len(text) < 1 << 20


async def test_a_body_that_is_no_json_and_deep_nesting_are_client_errors():
    async with client(FakeGateway()) as api:
        for raw in (b"", b"{", b"\xff\xff", b"[" * 100_000, b'{"lane":' * 10_000):
            headers = {**bearer(SENDER), "Content-Type": "application/json"}
            answer = await api.post("/v1/messages", data=raw, headers=headers)
            assert (answer.status, (await answer.json())["code"]) == (400, "invalid-body")
