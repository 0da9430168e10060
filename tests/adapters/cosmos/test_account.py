"""What a node says of an account and of a simulation: nonsense is its failure, and another one is asked."""

import base64
from contextlib import asynccontextmanager

import orjson
import pytest

from adapters.cosmos.account import Account
from adapters.cosmos.endpoints import Endpoints
from adapters.cosmos.pb.cosmos.auth.v1beta1 import query_pb2 as auth_pb2
from adapters.cosmos.rpc import CometClient
from adapters.errors import MalformedReply
from adapters.jsonrpc import RpcLimits
from tests.support.clocks import ManualClock
from tests.support.liar import liar

pytestmark = pytest.mark.asyncio

STATUS = {
    "node_info": {"network": "chain-a"},
    "sync_info": {
        "latest_block_hash": "AB" * 32,
        "latest_block_height": "20",
        "latest_block_time": "2026-11-23T18:21:51.802945862Z",
        "earliest_block_height": "1",
        "catching_up": False,
    },
}
INFO = auth_pb2.QueryAccountInfoResponse()
INFO.info.sequence = 7


def simulated(gas):
    return orjson.dumps({"gas_info": {"gas_used": gas}, "result": {"data": None}})


def answering(height="20", value=b""):
    """Return a lie that answers every question to the application so."""

    def answer(parameters, _):
        given = INFO.SerializeToString() if "AccountInfo" in parameters["path"] else value
        return {"response": {"code": 0, "height": height, "value": base64.b64encode(given).decode()}}

    return answer


@asynccontextmanager
async def account(*answers):
    """Yield an account on a chain with an endpoint for each of these answers, asked in this order."""
    clients = []

    async with liar() as first, liar() as second:
        for endpoint, answer in zip((first, second), answers, strict=False):
            endpoint.lies = {"status": lambda *_: STATUS, "abci_query": answer}
            clients.append(CometClient(f"n{len(clients)}", endpoint.url, RpcLimits(timeout_s=60)))
        endpoints = Endpoints(
            native_id="chain-a", clients=clients, clock=ManualClock(), threshold=1, patience_s=0.2
        )
        await endpoints.connect()
        try:
            yield Account(endpoints=endpoints, address="cosmos1", denom="stake")
        finally:
            await endpoints.close()


@pytest.mark.parametrize("gas", ["-5000000", "0", "9223372036854775808", "many", None])
async def test_a_simulation_that_uses_no_gas_is_none_and_another_endpoint_is_asked(gas):
    async with account(answering(value=simulated(gas))) as alone:
        with pytest.raises(MalformedReply):
            await alone.simulate(b"transaction")
    async with account(answering(value=simulated(gas)), answering(value=simulated("70000"))) as one:
        assert (await one.simulate(b"transaction")).gas == 70_000


@pytest.mark.parametrize("height", ["-1000", "0"])
async def test_an_account_at_no_height_is_none_and_another_endpoint_is_asked(height):
    async with account(answering(height)) as alone:
        with pytest.raises(MalformedReply):
            await alone.look()
    async with account(answering(height), answering()) as one:
        state = await one.look()
    assert (state.sequence, state.height) == (7, 20)
