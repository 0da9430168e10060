"""The aiohttp application: the route tables and the middleware around them."""

import time
from collections.abc import Callable, Iterable
from http import HTTPStatus

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from adapters.errors import AdapterError, Remedy
from gateway.api import auth, health, lanes, messages, middleware, openapi, pages, ports
from gateway.api.problems import ApiError
from gateway.api.routes import Call, RouteTable, mount
from gateway.api.services import Services
from gateway.config.schema import ApiConfig

_log = structlog.get_logger("isthmus.api")


def build_app(services: Services, config: ApiConfig, mounted: Iterable[web.RouteDef] = ()) -> web.Application:
    """Return the application, not yet listening. `mounted` are routes between gateways, for peers alone."""
    app = web.Application(
        client_max_size=middleware.MAX_BODY_BYTES,
        middlewares=[_measure(services), middleware.surround(_unexpected(services)), translate],
    )
    mount(app, table(services.version), services, auth.guard(config))
    app.router.add_routes(mounted)
    return app


def table(version: str) -> RouteTable:
    """Return every route that is served, the description of them included."""
    routes = RouteTable()
    for part in (pages, health, messages, lanes):
        routes.routes.extend(part.TABLE.routes)

    @routes.route(
        "GET", "/v1/openapi.json", "This API as an OpenAPI 3.1 document.", media=("application/json",)
    )
    async def describe(call: Call) -> web.Response:
        return web.json_response(document)

    document = openapi.document(routes, version)
    return routes


@web.middleware
async def translate(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn what the ports and the chains refuse into problems."""
    try:
        return await handler(request)
    except ports.UnknownName as error:
        raise ApiError(HTTPStatus.NOT_FOUND, "not-found", str(error)) from None
    except ports.Conflict as error:
        raise ApiError(HTTPStatus.CONFLICT, "conflict", str(error)) from None
    except AdapterError as error:
        refused = error.code == "refused"
        status = HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.SERVICE_UNAVAILABLE
        remedy = None if error.remedy is Remedy.HALT else "try again in a moment"
        raise ApiError(status, error.code, str(error), remedy=remedy) from None


def _unexpected(services: Services) -> Callable[[str, Exception], None]:
    def tell(where: str, error: Exception) -> None:
        services.metrics.unexpected.labels("api").inc()
        _log.error("unexpected error in a request", where=where, exc_info=error)

    return tell


def _measure(services: Services):  # type: ignore[no-untyped-def]  # noqa: ANN202
    @web.middleware
    async def measure(request: web.Request, handler: Handler) -> web.StreamResponse:
        begin_s = time.perf_counter()
        response = await handler(request)
        resource = request.match_info.route.resource
        route = resource.canonical if resource else "unknown"
        services.metrics.requests.labels(request.method, route, str(response.status)).inc()
        services.metrics.request_s.labels(route).observe(time.perf_counter() - begin_s)
        return response

    return measure
