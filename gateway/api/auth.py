"""Who may do what: API keys as `Authorization: Bearer`, each with scopes.

Only salted hashes are configured; every configured hash is compared, in constant time, whatever the key. Reading may be
open to all (`api.public_read`); anything that changes something always needs a key.
"""

import hmac
from collections.abc import Callable
from hashlib import sha256
from http import HTTPStatus

from aiohttp import web

from gateway.api.problems import ApiError
from gateway.config.schema import ApiConfig, ApiKeyConfig, Scope

_MAX_KEY = 256
_SCHEME = "bearer "


def guard(config: ApiConfig) -> Callable[[web.Request, Scope], None]:
    """Return the check that every request passes: it raises 401 without a known key, 403 without the scope."""

    def check(request: web.Request, scope: Scope) -> None:
        if scope is Scope.READ and config.public_read:
            return
        key = holder(config.keys, request.headers.get("Authorization", ""))
        if key is None:
            error = ApiError(
                HTTPStatus.UNAUTHORIZED,
                "no-valid-key",
                f"this needs an API key with scope {scope.value!r}",
                remedy="send `Authorization: Bearer KEY`; keys are configured under [[api.keys]]",
            )
            error.headers["WWW-Authenticate"] = "Bearer"
            raise error
        if scope not in key.scopes:
            held = ", ".join(sorted(one.value for one in key.scopes)) or "none"
            raise ApiError(
                HTTPStatus.FORBIDDEN, "scope-missing", f"key {key.name!r} has scopes {held}; needs {scope.value!r}"
            )

    return check


def holder(keys: tuple[ApiKeyConfig, ...], authorization: str) -> ApiKeyConfig | None:
    """Return the configured key that this header presents, or None."""
    if authorization[: len(_SCHEME)].lower() != _SCHEME or len(authorization) > _MAX_KEY:
        return None
    presented = authorization[len(_SCHEME) :].strip().encode()
    found = None
    for key in keys:
        _, salt, digest = key.hash.split(":")
        if hmac.compare_digest(sha256(bytes.fromhex(salt) + presented).hexdigest(), digest):
            found = key
    return found
