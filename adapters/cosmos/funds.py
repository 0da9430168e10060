"""Ability `funds`: what the signers' accounts hold, asked of the nodes' gRPC. A hint for people, unproven.

Implements: `cosmos.bank.v1beta1.Query/Balance`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from adapters.api import Funds
from adapters.cosmos.config import EndpointConfig
from adapters.cosmos.grpc import GrpcClient
from adapters.cosmos.pb.cosmos.bank.v1beta1 import query_pb2
from adapters.errors import AdapterError, MalformedReply, Refused, Underfunded

_BALANCE = "/cosmos.bank.v1beta1.Query/Balance"
_MAX_MESSAGE_BYTES = 1 << 20
_MAX_DIGITS = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """The accounts that pay on one chain."""

    endpoints: Sequence[EndpointConfig]
    accounts: Sequence[str]
    denom: str
    timeout_s: float

    async def funds(self) -> Sequence[Funds]:
        """See `FundsReporter.funds`. The first node that answers is believed."""
        served = [endpoint for endpoint in self.endpoints if endpoint.grpc_url]
        if not served:
            raise Refused("expected an endpoint with grpc_url, none has one")
        error: AdapterError = Refused("no endpoint was asked")
        for endpoint in served:
            client = self._client(endpoint)
            try:
                return [await self._held(client, account) for account in self.accounts]
            except AdapterError as failed:
                error = failed
            finally:
                await client.close()
        raise error

    def _client(self, endpoint: EndpointConfig) -> GrpcClient:
        url = endpoint.grpc_url
        parts = urlsplit(url if "://" in url else f"http://{url}")
        return GrpcClient(
            endpoint.name,
            parts.netloc,
            timeout_s=self.timeout_s,
            max_message_bytes=_MAX_MESSAGE_BYTES,
            tls=parts.scheme == "https",
        )

    async def _held(self, client: GrpcClient, account: str) -> Funds:
        request = query_pb2.QueryBalanceRequest(address=account, denom=self.denom)
        try:
            answer = await client.ask(_BALANCE, request, query_pb2.QueryBalanceResponse)
        except Refused as refused:
            told = f"{account} is no account of this chain (bech32_prefix, gas_price): {refused}"
            raise Underfunded(told) from refused
        amount = answer.balance.amount or "0"
        if not amount.isascii() or not amount.isdigit() or len(amount) > _MAX_DIGITS:
            raise MalformedReply(f"endpoint {client.name}: balance: expected digits, got {amount[:80]!r}")
        return Funds(account=account, amount=int(amount), unit=self.denom)
