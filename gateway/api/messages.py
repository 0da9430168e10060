"""`/v1/messages`: list, show, explain, prove, retry, send."""

from http import HTTPStatus
from typing import Any

from aiohttp import web

from adapters.api import SendMessage, SendTransfer
from gateway.api import models
from gateway.api.ports import MessageFilter
from gateway.api.problems import ApiError
from gateway.api.routes import JSON, Call, RouteTable, respond
from gateway.api.services import Services
from gateway.config.schema import Scope
from gateway.views import Explanation, LaneView, MessagePage, MessageView
from proofs.types import ChainId, ClientId, Lane

TABLE = RouteTable()

_ONE = "/v1/messages/{message_id:[0-9a-f]{8,64}}"
_MAX_IDEMPOTENCY_KEY = 128


@TABLE.route("GET", "/v1/messages", "Messages, newest first.", answer=MessagePage, query=models.MessageQuery)
async def list_messages(call: Call) -> MessagePage:
    """Return a page of messages."""
    query: models.MessageQuery = call.query
    services: Services = call.services
    wanted = MessageFilter(
        lane=query.lane,
        state=query.state.value if query.state else None,
        source=query.source,
        destination=query.destination,
    )
    try:
        return await services.reader.messages(wanted, limit=query.limit, cursor=query.cursor)
    except ValueError as error:
        raise ApiError(HTTPStatus.BAD_REQUEST, "invalid-cursor", str(error)) from None


@TABLE.route("GET", _ONE, "One message.", answer=MessageView, problems=(HTTPStatus.NOT_FOUND,))
async def show_message(call: Call) -> MessageView:
    """Return one message with its timeline."""
    return await call.services.reader.message(call.path("message_id"))


@TABLE.route(
    "GET",
    _ONE + "/explanation",
    "Why it is where it is.",
    answer=Explanation,
    problems=(HTTPStatus.NOT_FOUND,),
)
async def explain_message(call: Call) -> Explanation:
    """Return the sentence, its evidence and the next act."""
    return await call.services.reader.explain(call.path("message_id"))


@TABLE.route(
    "GET",
    _ONE + "/proof",
    "The proof bundle, for `isthmus verify --offline`.",
    media=(JSON,),
    problems=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def export_proof(call: Call) -> web.Response:
    """Return the bundle as a file."""
    message_id = call.path("message_id")
    return web.Response(
        body=await call.services.reader.bundle(message_id),
        content_type=JSON,
        headers={"Content-Disposition": f'attachment; filename="{message_id[:16]}.proof.json"'},
    )


@TABLE.route(
    "POST",
    _ONE + ":retry",
    "Take a parked message up again.",
    answer=MessageView,
    scope=Scope.ADMIN,
    status=HTTPStatus.ACCEPTED,
    problems=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def retry_message(call: Call) -> MessageView:
    """Retry, and return the message as it stands then."""
    await call.services.operator.retry(call.path("message_id"))
    return await call.services.reader.message(call.path("message_id"))


@TABLE.route(
    "POST",
    "/v1/messages",
    "Send messages or tokens with this gateway's signer; waits until included.",
    answer=models.SendAnswer,
    body=models.SendBody,
    scope=Scope.SEND,
    status=HTTPStatus.ACCEPTED,
    problems=(
        HTTPStatus.NOT_FOUND,
        HTTPStatus.CONFLICT,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
    headers=("Idempotency-Key",),
)
async def send_messages(call: Call) -> web.Response:
    """Send, once for each idempotency key."""
    services: Services = call.services
    body: models.SendBody = call.body
    _, view = await services.lane(body.lane)
    lane = _lane(view)
    requests = [_request(item, lane) for item in body.items]

    async def act() -> tuple[str, ...]:
        return tuple(await services.operator.send(body.lane, requests))

    key = call.request.headers.get("Idempotency-Key", "")
    if len(key) > _MAX_IDEMPOTENCY_KEY:
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            "invalid-header",
            f"Idempotency-Key: expected at most {_MAX_IDEMPOTENCY_KEY} characters, got {len(key)}",
        )
    raw = body.model_dump_json().encode()
    ids = await (services.idempotency.once(f"{_caller(call)}\0{key}", raw, act) if key else act())
    response = respond(models.SendAnswer(message_ids=ids), status=HTTPStatus.ACCEPTED)
    response.headers["Location"] = f"/v1/messages/{ids[0]}"
    return response


def _caller(call: Call) -> str:
    return str(call.request.headers.get("Authorization", ""))


def _request(item: Any, lane: Lane) -> SendMessage | SendTransfer:
    match item:
        case models.SendMessageBody():
            return SendMessage(
                lane=lane,
                recipient=item.recipient,
                payload=bytes.fromhex(item.payload[2:]),
                timeout_s=item.timeout_s,
            )
        case models.SendTransferBody():
            return SendTransfer(
                lane=lane,
                denom=item.denom,
                amount=int(item.amount),
                receiver=item.receiver,
                timeout_s=item.timeout_s,
            )
        case _:
            raise TypeError(f"expected a message or a transfer, got {type(item).__name__}")


def _lane(view: LaneView) -> Lane:
    return Lane(
        source=ChainId(view.source),
        source_client=ClientId(view.source_client),
        destination=ChainId(view.destination),
        destination_client=ClientId(view.destination_client),
    )
