"""Errors of the HTTP API: one JSON shape for every answer of 400 and above.

A problem says what happened (`code`, stable; `title`; `detail` with expected and actual) and, where there
is one, the next act (`remedy`). It never carries secrets or stack traces: those stay in the log, under the
same `request_id`.

Implements: RFC 9457 (application/problem+json). The problem type is `urn:isthmus:problem:<code>`.
"""

from http import HTTPStatus

from aiohttp import web
from pydantic import BaseModel, ConfigDict

CONTENT_TYPE = "application/problem+json"


class InvalidPart(BaseModel):
    """One part of a request that is wrong."""

    model_config = ConfigDict(frozen=True)

    at: str
    """Where: `query.limit`, `body.lane`."""
    detail: str


class Problem(BaseModel):
    """The body of every error (RFC 9457)."""

    model_config = ConfigDict(frozen=True)

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    remedy: str | None = None
    invalid: tuple[InvalidPart, ...] = ()


class ApiError(Exception):
    """A request that is answered with a problem. Handlers raise it, the middleware answers."""

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        detail: str,
        *,
        remedy: str | None = None,
        invalid: tuple[InvalidPart, ...] = (),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.remedy = remedy
        self.invalid = invalid
        self.headers: dict[str, str] = {}


def not_found(what: str, name: str, known: str = "") -> ApiError:
    """Return the error for a thing that does not exist; `known` says which ones do."""
    detail = f"no {what} named {name!r}" + (f"; known: {known}" if known else "")
    return ApiError(HTTPStatus.NOT_FOUND, f"unknown-{what}", detail)


def answer(error: ApiError, *, instance: str, request_id: str) -> web.Response:
    """Return the response for an error."""
    problem = Problem(
        type=f"urn:isthmus:problem:{error.code}",
        title=error.status.phrase,
        status=int(error.status),
        detail=error.detail,
        instance=instance,
        code=error.code,
        request_id=request_id,
        remedy=error.remedy,
        invalid=error.invalid,
    )
    return web.Response(
        status=int(error.status),
        body=problem.model_dump_json(exclude_none=True).encode(),
        content_type=CONTENT_TYPE,
        headers=error.headers,
    )


def from_http(error: web.HTTPException) -> ApiError:
    """Return the problem for an answer that aiohttp itself gives: 404, 405, 413 and the like."""
    status = HTTPStatus(error.status)
    code = status.phrase.lower().replace(" ", "-")
    api_error = ApiError(status, code, (error.text or status.description or status.phrase).strip())
    if "Allow" in error.headers:
        api_error.headers["Allow"] = error.headers["Allow"]
    return api_error
