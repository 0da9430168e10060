"""The OpenAPI 3.1 document, written from the same route table that serves requests.

Records become JSON schemas by pydantic; nothing is described by hand twice. `openapi-pydantic` judges the
shape.

Implements: OpenAPI 3.1.
"""

import json
from http import HTTPStatus
from typing import Any

from openapi_pydantic.v3.v3_1 import OpenAPI
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
    paths: dict[str, dict[str, Any]] = {}
    for route in table.routes:
        paths.setdefault(routes.openapi_path(route), {})[route.method.lower()] = _operation(route)
    api = OpenAPI.model_validate(
        {
            "openapi": "3.1.1",
            "info": {
                "title": "Isthmus gateway",
                "version": version,
                "summary": "Messages between chains: where they are, why, and with what proof.",
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": "/"}],
            "paths": paths,
            "components": {
                "schemas": _schemas(table),
                "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            },
        }
    )
    return dict(json.loads(api.model_dump_json(by_alias=True, exclude_none=True, exclude_unset=True)))


def _schemas(table: routes.RouteTable) -> dict[str, Any]:
    answers = {route.answer for route in table.routes if route.answer} | {problems.Problem}
    bodies = {route.body for route in table.routes if route.body}
    wanted: list[tuple[str, Any, TypeAdapter[Any]]] = [
        (model.__name__, mode, routes.adapter(model))
        for mode, models in (("serialization", answers), ("validation", bodies))
        for model in sorted(models, key=lambda one: one.__name__)
    ]
    _, definitions = TypeAdapter.json_schemas(wanted, ref_template=_REFERENCE + "{model}")
    return dict(definitions["$defs"])


def _operation(route: routes.Route) -> dict[str, Any]:
    responses = {str(int(route.status)): _success(route)}
    for status in sorted({*_ALWAYS, *route.problems}):
        responses[str(int(status))] = {
            "description": status.phrase,
            "content": {problems.CONTENT_TYPE: _media(problems.Problem)},
        }
    operation: dict[str, Any] = {
        "operationId": getattr(route.handler, "__name__", route.path),
        "summary": route.summary,
        "tags": [_tag(route)],
        "responses": responses,
        "parameters": [*_path(route), *_query(route), *_headers(route)],
        "security": [{"key": []}] if route.scope is not Scope.READ else [{}, {"key": []}],
        "description": f"Scope: `{route.scope.value}`.",
    }
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": {routes.JSON: _media(route.body)}}
    return operation


def _tag(route: routes.Route) -> str:
    parts = route.path.strip("/").split("/")
    return parts[1] if parts[0] == "v1" and len(parts) > 1 else "health"


def _success(route: routes.Route) -> dict[str, Any]:
    content = {
        media: _media(route.answer) if media == routes.JSON and route.answer else {} for media in route.media
    }
    return {"description": route.status.phrase, "content": content}


def _media(model: type[Any]) -> dict[str, Any]:
    return {"schema": {"$ref": _REFERENCE + model.__name__}}


def _path(route: routes.Route) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", **({"pattern": f"^{regex}$"} if regex else {})},
        }
        for name, regex in routes.path_parameters(route)
    ]


def _query(route: routes.Route) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    schema = routes.adapter(route.query).json_schema()
    required = schema.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in required, "schema": _inlined(part, schema)}
        for name, part in schema["properties"].items()
    ]


def _inlined(part: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return a property with its references replaced: parameters stand outside of the component schemas."""
    if "$ref" in part:
        return dict(schema["$defs"][part["$ref"].rsplit("/", 1)[1]])
    if "anyOf" in part:
        return {**part, "anyOf": [_inlined(choice, schema) for choice in part["anyOf"]]}
    return part


def _headers(route: routes.Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "header", "required": False, "schema": {"type": "string", "maxLength": 128}}
        for name in route.headers
    ]
