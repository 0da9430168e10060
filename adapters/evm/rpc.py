"""JSON-RPC as Ethereum nodes speak it. What all chains' JSON-RPC has in common is `adapters.jsonrpc`.

Implements: error codes of EIP-1474.
"""

from typing import ClassVar

from adapters.jsonrpc import Call, ErrorObject, JsonRpcClient, Reply, RpcLimits


class RpcClient(JsonRpcClient):
    """One Ethereum endpoint."""

    limited_codes: ClassVar[frozenset[int]] = frozenset({-32005, 429})


__all__ = ["Call", "ErrorObject", "Reply", "RpcClient", "RpcLimits"]
