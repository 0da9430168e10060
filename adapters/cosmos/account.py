"""What the chain says about one account, and would say to a transaction. Hints, asked of one endpoint.

A lying endpoint can delay transactions here and do no more: a wrong sequence is refused by the chain, and
what a transaction did is read from proven state. Nothing here sends anything.

Implements: Cosmos SDK auth and bank queries and `/app/simulate`, all over ABCI: it alone tells codes.
"""

from dataclasses import dataclass

from google.protobuf.any_pb2 import Any
from google.protobuf.message import DecodeError
from msgspec import Raw, Struct

from adapters.cosmos.codes import NOT_FOUND, UNWRITABLE, refusal
from adapters.cosmos.endpoints import Endpoints
from adapters.cosmos.pb.cosmos.auth.v1beta1 import query_pb2 as auth_pb2
from adapters.cosmos.pb.cosmos.bank.v1beta1 import query_pb2 as bank_pb2
from adapters.cosmos.pb.cosmos.tx.v1beta1 import service_pb2
from adapters.cosmos.rpc import CometClient
from adapters.cosmos.tx import encoded, responses
from adapters.cosmos.wire import Number, QueryResponseJson, StateQuery, read
from adapters.errors import MalformedReply, Underfunded

_ACCOUNT = "/cosmos.auth.v1beta1.Query/AccountInfo"
_BALANCE = "/cosmos.bank.v1beta1.Query/Balance"
_NOOP = b"\x08\x01"
_SIMULATE = "/app/simulate"
_SIMULATE_PROTOBUF = "/cosmos.tx.v1beta1.Service/Simulate"


class _GasJson(Struct, frozen=True):
    gas_used: Number


class _ResultJson(Struct, frozen=True):
    data: bytes | None = None


class _SimulationJson(Struct, frozen=True):
    gas_info: _GasJson
    result: _ResultJson


class Simulation(Struct, frozen=True, kw_only=True, gc=False):
    """What a transaction would do now."""

    gas: int
    idle: int
    """Messages that would have no effect: somebody has relayed their packets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountState:
    """An account after block `height`."""

    number: int
    sequence: int
    """Of the next transaction, as far as blocks go: waiting transactions are not counted."""
    balance: int
    """In the coin that pays fees."""
    height: int
    """The newest block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Reads about one account."""

    endpoints: Endpoints
    address: str
    denom: str

    async def look(self) -> AccountState:
        """Return the account in the newest state. Raises `Underfunded` when there is no such account."""
        return await self.endpoints.first(self._look)

    async def simulate(self, transaction: bytes) -> Simulation:
        """Return what a transaction would use now.

        Raises `Declined` with the chain's code when it would fail, `Underfunded`.
        """
        query = StateQuery(path=_SIMULATE, data=transaction)

        async def work(client: CometClient) -> Simulation | QueryResponseJson:
            [answer] = await client.query([query])
            if answer.code:
                return answer
            found = read(Raw(answer.value or b""), _SimulationJson, f"endpoint {client.name}: simulation")
            return _simulation(client.name, found.gas_info.gas_used, found.result.data or b"")

        answer = await self.endpoints.first(work)
        if isinstance(answer, Simulation):
            return answer
        if (answer.codespace, answer.code) == UNWRITABLE:
            return await self._simulate_again(transaction)
        raise refusal((answer.codespace, answer.code), answer.log)

    async def _simulate_again(self, transaction: bytes) -> Simulation:
        """Simulate a transaction whose responses the node cannot write as JSON: ask for protobuf.

        That way tells no codes, hence it is the second one.
        """
        query = StateQuery(
            path=_SIMULATE_PROTOBUF, data=encoded(service_pb2.SimulateRequest(tx_bytes=transaction))
        )

        async def work(client: CometClient) -> Simulation:
            [answer] = await client.query([query])
            if answer.code:
                raise refusal((answer.codespace, answer.code), answer.log)
            try:
                found = service_pb2.SimulateResponse.FromString(answer.value or b"")
                return _simulation(client.name, found.gas_info.gas_used, found.result.data)
            except DecodeError as error:
                raise MalformedReply(f"endpoint {client.name}: simulation: {error}") from error

        return await self.endpoints.first(work)

    async def _look(self, client: CometClient) -> AccountState:
        queries = [
            StateQuery(path=_ACCOUNT, data=encoded(auth_pb2.QueryAccountInfoRequest(address=self.address))),
            StateQuery(
                path=_BALANCE,
                data=encoded(bank_pb2.QueryBalanceRequest(address=self.address, denom=self.denom)),
            ),
        ]
        found, balance = await client.query(queries)
        if (found.codespace, found.code) == NOT_FOUND:
            raise Underfunded(
                f"account {self.address}: the chain does not know it: nothing was paid to it yet"
            )
        if found.code or balance.code:
            said = found.log or balance.log
            raise MalformedReply(f"endpoint {client.name}: account {self.address}: {said[:300]}")
        if found.height < 1:
            raise MalformedReply(f"endpoint {client.name}: account {self.address}: height {found.height}")
        try:
            info = auth_pb2.QueryAccountInfoResponse.FromString(found.value or b"").info
            coin = bank_pb2.QueryBalanceResponse.FromString(balance.value or b"").balance
            return AccountState(
                number=info.account_number,
                sequence=info.sequence,
                balance=int(coin.amount or "0"),
                height=found.height,
            )
        except (DecodeError, ValueError) as error:
            raise MalformedReply(f"endpoint {client.name}: account {self.address}: {error}") from error


def _simulation(endpoint: str, gas: int, data: bytes) -> Simulation:
    if gas < 1:
        raise MalformedReply(f"endpoint {endpoint}: simulation: expected some gas, got {gas}")
    return Simulation(gas=gas, idle=sum(map(_is_idle, responses(data))))


def _is_idle(response: Any) -> bool:
    """Say whether this is a response of IBC that begins with the result NOOP."""
    return response.type_url.startswith("/ibc.core.channel.") and response.value == _NOOP
