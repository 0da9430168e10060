"""The HTTP API: what it serves, to whom, and how it refuses."""

import asyncio
import io
import json

import pytest
from openapi_spec_validator import validate

from gateway.api.app import table
from gateway.api.routes import openapi_path
from gateway.config.schema import Scope
from proofs.records import replace
from tests.gateway.api.fakes import ADMIN, MESSAGE, READER, SENDER, FakeGateway, bearer, client, sending
from tests.gateway.page import samples

ONE = f"{1:064x}"
MISSING = f"{99:064x}"


@pytest.fixture
def gateway():
    return FakeGateway()


@pytest.fixture
async def api(gateway):
    async with client(gateway) as running:
        yield running


async def test_the_openapi_document_is_valid_and_names_exactly_the_routes_that_are_served(api):
    answer = await api.get("/v1/openapi.json")
    document = await answer.json()
    validate(document)
    described = {
        (method.upper(), path)
        for path, item in document["paths"].items()
        for method in item
        if method != "parameters"
    }
    served = {
        (route.method, route.resource.canonical)
        for route in api.app.router.routes()
        if route.method != "HEAD" and not route.resource.canonical.startswith("/attest")
    }
    assert described == {(route.method, openapi_path(route)) for route in table("0").routes}
    assert described == served
    assert len(described) > 15


async def test_answers_fit_the_schemas_that_the_document_promises(api):
    from openapi_schema_validator import OAS31Validator

    document = await (await api.get("/v1/openapi.json")).json()
    for path, model in (
        ("/status", "Overview"),
        ("/v1/messages", "MessagePage"),
        (f"/v1/messages/{ONE}", "MessageView"),
        (f"/v1/messages/{ONE}/explanation", "Explanation"),
        ("/v1/lanes", "LaneList"),
        ("/v1/chains", "ChainList"),
        ("/readyz", "Readiness"),
        (f"/v1/messages/{MISSING}", "Problem"),
    ):
        answer = await (await api.get(path)).json()
        schema = {"$ref": f"#/components/schemas/{model}", "components": document["components"]}
        OAS31Validator(schema).validate(answer)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not-found"),
        ("DELETE", "/v1/lanes", 405, "method-not-allowed"),
        ("GET", f"/v1/messages/{MISSING}", 404, "not-found"),
        ("GET", "/v1/messages/short", 404, "not-found"),
        ("GET", "/v1/messages/abcdef0", 404, "not-found"),
        ("GET", "/v1/messages?limit=0", 400, "invalid-query"),
        ("GET", "/v1/messages?limit=1000000", 400, "invalid-query"),
        ("GET", "/v1/messages?state=gone", 400, "invalid-query"),
        ("GET", "/v1/messages?unknown=1", 400, "invalid-query"),
        ("GET", "/v1/messages?limit=1&limit=2", 400, "invalid-query"),
        ("GET", "/v1/messages?cursor=%27;drop", 400, "invalid-cursor"),
        ("GET", "/v1/lanes/none", 404, "unknown-lane"),
        ("GET", "/v1/chains/eip155:1", 404, "unknown-chain"),
    ],
)
async def test_every_refusal_is_a_problem_with_a_stable_code(api, method, path, status, code):
    answer = await api.request(method, path)
    problem = await answer.json()
    assert answer.content_type == "application/problem+json"
    assert (answer.status, problem["status"], problem["code"]) == (status, status, code)
    assert problem["type"] == f"urn:isthmus:problem:{code}"
    assert problem["request_id"] == answer.headers["X-Request-Id"]


async def test_an_unexpected_error_is_a_bare_500_that_is_counted_and_tells_no_secret(api, gateway):
    gateway.breaks = True
    answer = await api.get("/status")
    assert answer.status == 500
    text = await answer.text()
    assert "canary" not in text
    assert "ZeroDivision" not in text
    assert json.loads(text)["code"] == "internal"
    gateway.breaks = False
    assert 'isthmus_unexpected_errors_total{where="api"} 1.0' in await (await api.get("/metrics")).text()


async def test_a_body_over_the_cap_is_refused_as_too_large(api):
    body = json.dumps(sending(MESSAGE | {"payload": "0x" + "00" * (1 << 20)}))
    answer = await api.post(
        "/v1/messages",
        data=io.BytesIO(body.encode()),
        headers={**bearer(SENDER), "Content-Type": "application/json"},
    )
    assert (answer.status, (await answer.json())["code"]) == (413, "request-entity-too-large")


async def test_a_compressed_body_is_refused_before_it_is_opened(api):
    headers = {**bearer(SENDER), "Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = await api.post("/v1/messages", data=b"\x1f\x8b", headers=headers)
    assert (answer.status, (await answer.json())["code"]) == (415, "encoded-body")


async def test_each_mutating_route_needs_a_key_with_its_scope_and_no_route_is_forgotten(api):
    secrets = {Scope.ADMIN: ADMIN, Scope.SEND: SENDER}
    mutating = [route for route in table("0").routes if route.method != "GET"]
    assert len(mutating) == 4
    for route in mutating:
        path = openapi_path(route).replace("{message_id}", ONE).replace("{lane_id}", "alpha-beta")
        assert (await api.request(route.method, path, json={})).status == 401
        assert (await api.request(route.method, path, json={}, headers=bearer("isthmus_wrong"))).status == 401
        assert (await api.request(route.method, path, json={}, headers=bearer(READER))).status == 403
        other = next(secret for scope, secret in secrets.items() if scope is not route.scope)
        assert (await api.request(route.method, path, json={}, headers=bearer(other))).status == 403
        allowed = await api.request(route.method, path, json={}, headers=bearer(secrets[route.scope]))
        assert allowed.status not in {401, 403}


async def test_a_prefix_of_a_key_and_an_endless_header_are_no_key(api):
    for secret in (ADMIN[:-1], ADMIN + "x" * 5000, ""):
        answer = await api.post("/v1/lanes/alpha-beta:resume", headers=bearer(secret))
        assert answer.status in {400, 401}


async def test_reading_needs_a_key_when_the_configuration_closes_it():
    async with client(FakeGateway(), public_read=False) as api:
        refused = await api.get("/v1/messages")
        assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert (await api.get("/v1/messages", headers=bearer(READER))).status == 200


async def test_a_halted_lane_turns_readiness_red_with_its_name(api):
    assert (await api.get("/readyz")).status == 200
    halted = await api.post(
        "/v1/lanes/alpha-beta:halt", json={"reason": "maintenance"}, headers=bearer(ADMIN)
    )
    assert (await halted.json())["state"] == "halted"
    answer = await api.get("/readyz")
    body = await answer.json()
    assert answer.status == 503
    assert body["lanes"] == {"alpha-beta": "halted", "beta-alpha": "running"}
    assert body["problems"] == ["lane alpha-beta is halted: maintenance"]
    assert (await api.get("/livez")).status == 200


async def test_status_is_a_page_for_browsers_and_json_for_everything_else(api):
    page = await api.get("/status", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert page.content_type == "text/html"
    for accept in ("*/*", "application/json", "text/html;q=0.1,application/json", ""):
        answer = await api.get("/status", headers={"Accept": accept})
        assert answer.content_type == "application/json"
        assert (await answer.json())["unsafe"] is True


async def test_pages_are_walked_to_the_end_by_their_cursor(api):
    seen, cursor = [], ""
    for _ in range(10):
        page = await (await api.get("/v1/messages", params={"limit": 2, "cursor": cursor})).json()
        seen += [message["sequence"] for message in page["messages"]]
        cursor = page["cursor"]
        if not cursor:
            break
    assert seen == [1, 2, 3, 4, 5]


async def test_a_message_is_sent_with_what_the_request_said(api, gateway):
    answer = await api.post("/v1/messages", json=sending(MESSAGE), headers=bearer(SENDER))
    assert answer.status == 202
    assert answer.headers["Location"] == f"/v1/messages/{1:064x}"
    ((_, (sent,)),) = gateway.acts
    assert (sent.payload, sent.recipient, sent.lane.destination) == (b"hi\n", "0x01", "eip155:31338")


async def test_one_idempotency_key_sends_once_however_often_and_concurrently_it_is_used(api, gateway):
    gateway.sending.clear()
    headers = {**bearer(SENDER), "Idempotency-Key": "k1"}
    posts = [
        asyncio.ensure_future(api.post("/v1/messages", json=sending(MESSAGE), headers=headers))
        for _ in range(5)
    ]
    async with asyncio.timeout(10):
        while gateway.looks < len(posts):
            await asyncio.sleep(0)
    gateway.sending.set()
    answers = [await (await post).json() for post in posts]
    assert all(answer == answers[0] for answer in answers)
    assert len(gateway.acts) == 1
    other = await api.post("/v1/messages", json=sending(MESSAGE | {"payload": "0x00"}), headers=headers)
    assert (other.status, (await other.json())["code"]) == (409, "idempotency-conflict")


async def test_a_refused_send_says_the_reason_and_its_key_may_be_used_again(api, gateway):
    headers = {**bearer(SENDER), "Idempotency-Key": "k2"}
    refused = await api.post(
        "/v1/messages", json=sending(MESSAGE | {"recipient": "nowhere"}), headers=headers
    )
    problem = await refused.json()
    assert (refused.status, problem["code"]) == (422, "refused")
    assert "unsupported destination" in problem["detail"]
    assert (await api.post("/v1/messages", json=sending(MESSAGE), headers=headers)).status == 202


@pytest.mark.parametrize(
    "change",
    [
        {"payload": "0xzz"},
        {"payload": "0x0"},
        {"timeout_s": -1},
        {"kind": "gift"},
        {"attribute": "0x01020304"},
    ],
)
async def test_a_malformed_send_names_the_part_that_is_wrong(api, gateway, change):
    answer = await api.post("/v1/messages", json=sending(MESSAGE | change), headers=bearer(SENDER))
    problem = await answer.json()
    assert (answer.status, problem["code"]) == (400, "invalid-body")
    assert problem["invalid"][0]["at"].startswith("body.items.0")
    assert not gateway.acts


async def test_only_a_parked_message_is_retried(api, gateway):
    refused = await api.post(f"/v1/messages/{ONE}:retry", headers=bearer(ADMIN))
    assert (refused.status, (await refused.json())["code"]) == (409, "conflict")
    gateway.known[ONE] = replace(samples.message(1), state="parked")
    assert (await api.post(f"/v1/messages/{ONE}:retry", headers=bearer(ADMIN))).status == 202
    assert gateway.acts == [("retry", ONE)]


async def test_metrics_name_lanes_and_chains_and_never_a_message(api):
    text = await (await api.get("/metrics")).text()
    assert 'isthmus_chain_head_height{chain="eip155:31337"} 120.0' in text
    assert 'isthmus_backlog_messages{lane="alpha-beta",state="proving"} 8.0' in text
    assert 'isthmus_attestor_live{attestor="gamma",lane="alpha-beta"} 0.0' in text
    assert (
        'isthmus_lane_unsafe{destination="eip155:31338",lane="alpha-beta",source="eip155:31337"} 1.0' in text
    )
    assert 'isthmus_endpoint_usable{chain="eip155:31337",endpoint="one"} 1.0' in text
    assert 'isthmus_endpoint_usable{chain="eip155:31337",endpoint="two"} 0.0' in text
    assert ONE not in text


async def test_a_request_id_is_kept_when_well_formed_and_replaced_when_not(api):
    assert (await api.get("/livez", headers={"X-Request-Id": "abc-1"})).headers["X-Request-Id"] == "abc-1"
    assert (await api.get("/livez", headers={"X-Request-Id": "a b<script>"})).headers[
        "X-Request-Id"
    ] != "a b<script>"


async def test_a_proof_bundle_is_a_file_named_after_its_message(api):
    answer = await api.get(f"/v1/messages/{ONE}/proof")
    assert await answer.read() == b"bundle"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{ONE[:16]}.proof.json"'
