"""What surrounds every request: a request id, one shape of error, caps, strict headers.

This is the supervisor of requests: an exception that no handler expected is answered with a bare 500,
logged with its trace under the request id, and counted; it never reaches the client.
"""

import re
import uuid
from collections.abc import Callable
from http import HTTPStatus

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from gateway.api import problems
from gateway.api.problems import ApiError

MAX_BODY_BYTES = 1 << 20
"""One message with the largest payload in hex, with room to spare."""

REQUEST_ID = web.RequestKey("request_id", str)

_REQUEST_ID_FORM = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
}

Unexpected = Callable[[str, Exception], None]
"""Told of every unexpected exception: (method and path, exception)."""


def surround(unexpected: Unexpected) -> Middleware:
    """Return the middleware: request id in, problems and headers out."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[REQUEST_ID] = _request_id(request)
        with structlog.contextvars.bound_contextvars(request_id=request[REQUEST_ID]):
            response = await _guarded(request, handler, unexpected)
        if not response.prepared:
            response.headers.setdefault("X-Request-Id", request[REQUEST_ID])
            for name, value in _HEADERS.items():
                response.headers.setdefault(name, value)
        return response

    return middleware


async def _guarded(request: web.Request, handler: Handler, unexpected: Unexpected) -> web.StreamResponse:
    try:
        _refuse_encoded(request)
        return await handler(request)
    except ApiError as error:
        return _answer(request, error)
    except web.HTTPException as error:
        if error.status < HTTPStatus.BAD_REQUEST:
            raise
        return _answer(request, problems.from_http(error))
    except Exception as error:  # noqa: BLE001 - the supervisor of requests: counted, logged with trace, answered 500
        unexpected(f"{request.method} {request.path}", error)
        return _answer(
            request,
            ApiError(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "internal",
                "unexpected error; the log has it under this request id",
            ),
        )


def _refuse_encoded(request: web.Request) -> None:
    """A compressed body could unfold to any size: none is taken."""
    encoding = request.headers.get("Content-Encoding")
    if encoding is not None:
        raise ApiError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "encoded-body",
            f"bodies are taken as they are, got Content-Encoding {encoding!r}",
        )


def _request_id(request: web.Request) -> str:
    given = request.headers.get("X-Request-Id", "")
    return given if _REQUEST_ID_FORM.fullmatch(given) else uuid.uuid4().hex


def _answer(request: web.Request, error: ApiError) -> web.Response:
    return problems.answer(error, instance=request.path, request_id=request[REQUEST_ID])
