"""The OpenAPI 3.1 document, written from the same route table that serves requests.

Models become JSON schemas by pydantic; nothing is described by hand twice.

Implements: OpenAPI 3.1.
"""

import json
from http import HTTPStatus
from typing import Any

from openapi_pydantic.v3.v3_1 import (
    Components,
    Contact,
    Info,
    License,
    MediaType,
    OpenAPI,
    Operation,
    Parameter,
    PathItem,
    Reference,
    RequestBody,
    Response,
    Schema,
    SecurityScheme,
    Server,
)
from pydantic import TypeAdapter

from gateway.api import problems, routes
from gateway.config.schema import Scope

_REFERENCE = "#/components/schemas/"
_ALWAYS = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.INTERNAL_SERVER_ERROR,
)


def document(table: routes.RouteTable, version: str) -> dict[str, Any]:
    """Return the document as JSON-ready data: one operation for each route of the table, and no other."""
    paths: dict[str, PathItem] = {}
    for route in table.routes:
        item = paths.setdefault(routes.openapi_path(route), PathItem())
        setattr(item, route.method.lower(), _operation(route))
    api = OpenAPI(
        openapi="3.1.1",
        info=Info(
            title="Isthmus gateway",
            version=version,
            summary="Messages between chains: where they are, why, and with what proof.",
            license=License(name="Apache-2.0", identifier="Apache-2.0"),
            contact=Contact(name="the operator of this gateway"),
        ),
        servers=[Server(url="/")],
        paths=paths,
        components=Components(
            schemas=_schemas(table),
            securitySchemes={"key": SecurityScheme(type="http", scheme="bearer", description="An API key.")},
        ),
    )
    return dict(json.loads(api.model_dump_json(by_alias=True, exclude_none=True)))


def _schemas(table: routes.RouteTable) -> dict[str, Schema]:
    answers = {route.answer for route in table.routes if route.answer} | {problems.Problem}
    bodies = {route.body for route in table.routes if route.body}
    _, definitions = TypeAdapter.json_schemas(
        [(model, "serialization", routes.adapter(model)) for model in sorted(answers, key=_name)]
        + [(model, "validation", routes.adapter(model)) for model in sorted(bodies, key=_name)],
        ref_template=_REFERENCE + "{model}",
    )
    return {name: Schema.model_validate(schema) for name, schema in definitions["$defs"].items()}


def _name(model: type[Any]) -> str:
    return model.__name__


def _operation(route: routes.Route) -> Operation:
    responses = {str(int(route.status)): _success(route)}
    for status in sorted({*_ALWAYS, *route.problems}):
        responses[str(int(status))] = Response(
            description=status.phrase, content={problems.CONTENT_TYPE: _media(problems.Problem)}
        )
    parameters: list[Parameter | Reference] = [*_path(route), *_query(route), *_headers(route)]
    return Operation(
        operationId=getattr(route.handler, "__name__", route.path),
        summary=route.summary,
        tags=[_tag(route)],
        parameters=parameters or None,
        requestBody=_request_body(route),
        responses=responses,
        security=[{"key": [route.scope.value]}] if route.scope is not Scope.READ else [{}, {"key": ["read"]}],
    )


def _tag(route: routes.Route) -> str:
    parts = route.path.strip("/").split("/")
    return parts[1] if parts[0] == "v1" and len(parts) > 1 else "health"


def _success(route: routes.Route) -> Response:
    content = {
        media: _media(route.answer) if media == routes.JSON and route.answer else MediaType()
        for media in route.media
    }
    return Response(description=route.status.phrase, content=content)


def _media(model: type[Any]) -> MediaType:
    return MediaType(media_type_schema=Reference(**{"$ref": _REFERENCE + _name(model)}))


def _request_body(route: routes.Route) -> RequestBody | None:
    if route.body is None:
        return None
    return RequestBody(required=True, content={routes.JSON: _media(route.body)})


def _path(route: routes.Route) -> list[Parameter]:
    return [
        Parameter(
            name=name,
            param_in="path",
            required=True,
            param_schema=Schema(type="string", pattern=f"^{regex}$" if regex else None),
        )
        for name, regex in routes.path_parameters(route)
    ]


def _query(route: routes.Route) -> list[Parameter]:
    if route.query is None:
        return []
    schema = routes.adapter(route.query).json_schema()
    return [
        Parameter(
            name=name,
            param_in="query",
            required=name in schema.get("required", ()),
            description=part.get("description"),
            param_schema=Schema.model_validate(_inlined(part, schema)),
        )
        for name, part in schema["properties"].items()
    ]


def _inlined(part: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return a property with its references replaced: parameters stand outside of the component schemas."""
    if "$ref" in part:
        return dict(schema["$defs"][part["$ref"].rsplit("/", 1)[1]])
    if "anyOf" in part:
        return {**part, "anyOf": [_inlined(choice, schema) for choice in part["anyOf"]]}
    return part


def _headers(route: routes.Route) -> list[Parameter]:
    return [
        Parameter(name=name, param_in="header", required=False, param_schema=Schema(type="string", maxLength=128))
        for name in route.headers
    ]


