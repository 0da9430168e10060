"""One decorator for all routes of the API: the same table serves requests and writes the OpenAPI document.

A handler takes one `Call` and returns a value of the route's answer type, or a finished response. Path,
query and body are validated before it runs; whoever calls must hold the route's scope. What is not in the
table is not served.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeVar

from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from gateway.api.problems import ApiError, InvalidPart
from gateway.api.services import Services
from gateway.config.schema import Scope

JSON = "application/json"
HTML = "text/html"
TEXT = "text/plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation."""

    method: str
    path: str
    """aiohttp pattern; `openapi_path` is the same without regular expressions."""
    summary: str
    handler: "Handler"
    answer: type[Any] | None
    media: tuple[str, ...] = (JSON,)
    """Media types of the answer; the model describes the JSON one."""
    query: type[Any] | None = None
    body: type[Any] | None = None
    scope: Scope = Scope.READ
    status: HTTPStatus = HTTPStatus.OK
    problems: tuple[HTTPStatus, ...] = ()
    """Problems of its own, beyond those that every route can give."""
    headers: tuple[str, ...] = ()
    """Optional request headers that it reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, validated."""

    request: web.Request
    services: Services
    query: Any
    body: Any

    def path(self, name: str) -> str:
        """Return a path parameter."""
        return self.request.match_info[name]


Handler = Callable[[Call], Awaitable[Any]]
H = TypeVar("H", bound=Handler)


@dataclass(frozen=True, slots=True)
class RouteTable:
    """Routes in the order in which they were declared."""

    routes: list[Route] = field(default_factory=list)

    def route(
        self, method: str, path: str, summary: str, *, answer: type[Any] | None = None, **more: Any
    ) -> Callable[[H], H]:
        """Return a decorator that adds its function to the table. `more` are fields of `Route`."""

        def add(handler: H) -> H:
            self.routes.append(
                Route(method=method, path=path, summary=summary, handler=handler, answer=answer, **more)
            )
            return handler

        return add


def openapi_path(route: Route) -> str:
    """Return the path template as OpenAPI spells it: `/v1/messages/{message_id}`."""
    return _split(route.path)[0]


def path_parameters(route: Route) -> tuple[tuple[str, str | None], ...]:
    """Return (name, regular expression or None) of each path parameter."""
    return _split(route.path)[1]


def _split(pattern: str) -> tuple[str, tuple[tuple[str, str | None], ...]]:
    plain, parameters, depth, inner = "", [], 0, ""
    for char in pattern:
        depth += char == "{"
        if depth == 0:
            plain += char
        else:
            inner += char
        depth -= char == "}"
        if depth == 0 and inner:
            name, _, regex = inner[1:-1].partition(":")
            parameters.append((name, regex or None))
            plain, inner = plain + "{" + name + "}", ""
    return plain, tuple(parameters)


def mount(
    app: web.Application, table: RouteTable, services: Services, guard: Callable[[web.Request, Scope], None]
) -> None:
    """Serve the table. `guard` raises `ApiError` when the caller does not hold the scope."""
    for route in table.routes:
        app.router.add_route(route.method, route.path, _serve(route, services, guard))


def _serve(
    route: Route, services: Services, guard: Callable[[web.Request, Scope], None]
) -> Callable[[web.Request], Any]:
    async def handle(request: web.Request) -> web.StreamResponse:
        guard(request, route.scope)
        call = Call(
            request=request,
            services=services,
            query=_query(route, request),
            body=await _body(route, request),
        )
        result = await route.handler(call)
        if isinstance(result, web.StreamResponse):
            return result
        return respond(result, status=route.status)

    return handle


_ADAPTERS: dict[type[Any], TypeAdapter[Any]] = {}


def adapter(model: type[Any]) -> TypeAdapter[Any]:
    """Return what validates and writes a record (dataclass or pydantic model); made once for each type."""
    if model not in _ADAPTERS:
        _ADAPTERS[model] = TypeAdapter(model)
    return _ADAPTERS[model]


def respond(value: Any, *, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    """Return a JSON response with this record as its body."""
    return web.Response(status=int(status), body=adapter(type(value)).dump_json(value), content_type=JSON)


def _query(route: Route, request: web.Request) -> Any:
    if route.query is None:
        return None
    repeated = {key for key in request.query if len(request.query.getall(key)) > 1}
    if repeated:
        raise _invalid(
            "query", tuple(InvalidPart(at=f"query.{key}", detail="given twice") for key in repeated)
        )
    given = {key: value for key, value in request.query.items() if value}
    return _validated(route.query, given, "query")


async def _body(route: Route, request: web.Request) -> Any:
    if route.body is None:
        return None
    if request.content_type != JSON:
        raise ApiError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            f"expected {JSON}, got {request.content_type}",
        )
    raw = await request.read()
    try:
        return adapter(route.body).validate_json(raw)
    except ValidationError as error:
        raise _from_pydantic("body", error) from None


def _validated(model: type[Any], values: dict[str, str], where: str) -> Any:
    try:
        return adapter(model).validate_python(values)
    except ValidationError as error:
        raise _from_pydantic(where, error) from None


def _from_pydantic(where: str, error: ValidationError) -> ApiError:
    parts = error.errors(include_url=False, include_input=False, include_context=False)
    return _invalid(
        where,
        tuple(
            InvalidPart(at=".".join([where, *map(str, part["loc"])]), detail=part["msg"])
            for part in parts[:50]
        ),
    )


def _invalid(where: str, parts: tuple[InvalidPart, ...]) -> ApiError:
    names = "; ".join(f"{part.at}: {part.detail}" for part in parts)
    return ApiError(HTTPStatus.BAD_REQUEST, f"invalid-{where}", names, invalid=parts)
