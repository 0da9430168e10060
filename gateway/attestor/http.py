"""The route on which peers ask us to sign: msgpack in and out, API key with scope `attest`."""

from http import HTTPStatus

import structlog
from aiohttp import web

from gateway.api.auth import guard
from gateway.api.problems import ApiError
from gateway.attestor.service import AttestationService, Declined
from gateway.attestor.wire import CONTENT_TYPE, MAX_REQUEST, PATH, WireError, decode_request, encode_answer
from gateway.config.schema import ApiConfig, Scope
from gateway.keys.api_keys import find_key

_log = structlog.get_logger("isthmus.attestor")


def routes(service: AttestationService, config: ApiConfig) -> list[web.RouteDef]:
    """Return the routes to mount into the API; its middleware turns errors into problems."""
    check = guard(config)

    async def attest(request: web.Request) -> web.Response:
        check(request, Scope.ATTEST)
        asker = find_key(config.keys, request.headers["Authorization"].partition(" ")[2].strip())
        name = asker.name if asker is not None else "unknown"
        try:
            wanted = decode_request(await _read(request))
            signed = await service.answer(wanted, asked_by=name)
        except WireError as error:
            raise ApiError(HTTPStatus.BAD_REQUEST, "malformed", str(error)) from None
        except Declined as error:
            _log.info("attestation declined", peer=name, code=error.code, detail=error.detail)
            status = HTTPStatus.SERVICE_UNAVAILABLE if error.later else HTTPStatus.CONFLICT
            raise ApiError(status, error.code, error.detail, remedy="wait" if error.later else None) from None
        return web.Response(body=encode_answer(signed), content_type=CONTENT_TYPE)

    return [web.post(PATH, attest)]


async def _read(request: web.Request) -> bytes:
    """Return the body, whose cap is not that of the other routes: lists of packets are long."""
    if request.content_type != CONTENT_TYPE:
        detail = f"expected {CONTENT_TYPE}, got {request.content_type}"
        raise ApiError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail)
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > MAX_REQUEST:
            detail = f"expected at most {MAX_REQUEST} bytes"
            raise ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body-too-large", detail)
    return bytes(body)
