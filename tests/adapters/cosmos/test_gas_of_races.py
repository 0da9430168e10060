"""Gas when somebody else relays the same packets: what simulations say then, and what executions mean."""

import json
from base64 import b64encode

import pytest

from adapters.api import Included, Lost, SubmissionId
from adapters.cosmos.account import Account, Simulation
from adapters.cosmos.destination import Destination
from adapters.cosmos.pb.cosmos.base.abci.v1beta1 import abci_pb2
from adapters.cosmos.pb.ibc.core.channel.v1 import tx_pb2
from adapters.cosmos.pb.ibc.core.channel.v2 import tx_pb2 as tx_v2_pb2
from adapters.cosmos.pb.ibc.core.client.v1 import tx_pb2 as client_pb2
from adapters.cosmos.sender import Fate
from adapters.cosmos.tx import encoded, pack
from adapters.cosmos.wire import Number, QueryResponseJson, TxJson, TxResultJson
from proofs.types import BlockRef, ChainId, Height

CHAIN = ChainId("cosmos:chain-a")
BLOCK = BlockRef(chain=CHAIN, height=Height(12), hash=bytes(32))


class Node:
    """Stands for endpoints and for the one client that they have."""

    name = "it"

    def __init__(self, answer):
        self._answer = answer

    async def first(self, work):
        return await work(self)

    async def query(self, queries):
        return [self._answer for _ in queries]


@pytest.mark.parametrize(
    ("responses", "idle"),
    [
        ([client_pb2.MsgUpdateClientResponse(), tx_pb2.MsgRecvPacketResponse(result=2)], 0),
        ([tx_pb2.MsgRecvPacketResponse(result=1), tx_pb2.MsgRecvPacketResponse(result=2)], 1),
        ([tx_v2_pb2.MsgAcknowledgementResponse(result=1), tx_v2_pb2.MsgTimeoutResponse(result=1)], 2),
    ],
)
async def test_messages_that_somebody_else_has_relayed_are_counted_in_a_simulation(responses, idle):
    data = encoded(abci_pb2.TxMsgData(msg_responses=[pack(each) for each in responses]))
    said = {"gas_info": {"gas_used": "5000"}, "result": {"data": b64encode(data).decode()}}
    answer = QueryResponseJson(code=0, height=Number(9), value=json.dumps(said).encode())
    account = Account(endpoints=Node(answer), address="cosmos1x", denom="stake")
    assert await account.simulate(b"transaction") == Simulation(gas=5000, idle=idle)


class Sender:
    def __init__(self, result):
        self.fate = Fate(
            transaction=TxJson(hash=bytes(32), height=Number(11), index=0, tx_result=result, tx=b"")
        )

    async def fates(self, tickets):
        return [self.fate for _ in tickets]


class Heads:
    async def reached(self, height):
        assert height == BLOCK.height
        return BLOCK


async def status(code, codespace, used):
    result = TxResultJson(code=code, codespace=codespace, gas_wanted=Number(1000), gas_used=Number(used))
    destination = Destination(
        chain=CHAIN, endpoints=None, state=None, ends=None, heads=Heads(), sender=Sender(result)
    )
    [found] = await destination.submissions([SubmissionId(f"{'00' * 32}@20")])
    return found


async def test_a_transaction_without_enough_gas_is_lost_and_says_nothing_of_its_messages():
    assert await status(11, "sdk", 1001) == Lost(detail="out of gas: 1001 of 1000")
    assert isinstance(await status(111222, "undefined", 1000), Lost)
    refused = await status(5, "channel", 999)
    assert isinstance(refused, Included)
    assert not refused.succeeded
    assert (await status(0, "", 1000)).succeeded
