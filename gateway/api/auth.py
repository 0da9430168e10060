"""Who may do what: API keys as `Authorization: Bearer`, each with scopes.

Only salted hashes are configured (`gateway.keys.api_keys`). Reading may be open to all (`api.public_read`);
anything that changes something always needs a key.
"""

from collections.abc import Callable
from http import HTTPStatus

from aiohttp import web

from gateway.api.problems import ApiError
from gateway.config.schema import ApiConfig, ApiKeyConfig, Scope
from gateway.keys.api_keys import find_key

_MAX_HEADER = 256
_SCHEME = "bearer "


def guard(config: ApiConfig) -> Callable[[web.Request, Scope], None]:
    """Return the check of every request: it raises 401 without a known key, 403 without the scope."""

    def check(request: web.Request, scope: Scope) -> None:
        if scope is Scope.READ and config.public_read:
            return
        key = _holder(config, request.headers.get("Authorization", ""))
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
                HTTPStatus.FORBIDDEN,
                "scope-missing",
                f"key {key.name!r} has scopes {held}; needs {scope.value!r}",
            )

    return check


def _holder(config: ApiConfig, authorization: str) -> ApiKeyConfig | None:
    if authorization[: len(_SCHEME)].lower() != _SCHEME or len(authorization) > _MAX_HEADER:
        return None
    return find_key(config.keys, authorization[len(_SCHEME) :].strip())
