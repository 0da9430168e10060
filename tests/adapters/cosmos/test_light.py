"""Light blocks of a real chain: canonical, complete, and caught when the endpoint contradicts itself."""

import pytest
import pytest_asyncio

from adapters.cosmos.endpoints import Hostile, Lie
from adapters.cosmos.grpc import GrpcClient
from adapters.cosmos.light import light_update, read_blocks
from adapters.cosmos.pb.cosmos.bank.v1beta1 import query_pb2
from adapters.cosmos.rpc import CometClient
from adapters.cosmos.wire import StateQuery
from adapters.errors import MalformedReply, NotYetAvailable, Refused, Reorged, TransportError
from adapters.jsonrpc import RpcLimits
from proofs.lightclients.tendermint.hashing import header_hash, validators_hash
from proofs.lightclients.tendermint.wire import decode_light_block, decode_validators
from proofs.records import replace
from proofs.types import ChainId
from tests.support.liar import liar
from tests.support.simd import start_simd

pytestmark = [pytest.mark.nodes, pytest.mark.asyncio(loop_scope="module")]

CHAIN = ChainId("cosmos:chain-a")
ALICE = "cosmos1qyqszqgpqyqszqgpqyqszqgpqyqszqgpjnp7du"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node():
    with start_simd(balances={ALICE: 7}, powers=(600, 400)) as chain:
        chain.node.until_height(6)
        yield chain.node


@pytest_asyncio.fixture(loop_scope="module")
async def served(node):
    """A proxy in front of the node that can lie, and a client of it."""
    async with liar(node.rpc_url) as endpoint:
        client = CometClient("it", endpoint.url, RpcLimits(timeout_s=10, batch=10))
        yield endpoint, client
        await client.close()


async def at(client, height):
    [block] = await read_blocks(client, CHAIN, "chain-a", [height])
    return block


async def test_evidence_for_a_block_is_canonical_and_complete(served):
    _, client = served
    for height in (1, 2, 4):
        target = (await at(client, height)).ref
        update = await light_update(client, target, "chain-a")
        block = decode_light_block(update.header)
        assert header_hash(block.header) == target.hash == block.commit.block.hash
        assert [seat.power for seat in block.validators] == [600, 400]
        assert validators_hash(decode_validators(update.next_set)) == block.header.next_validators_hash


async def test_the_newest_block_has_evidence_too(served):
    _, client = served
    head = (await client.status()).sync_info.latest_block_height
    update = await light_update(client, (await at(client, head)).ref, "chain-a")
    assert update.target.height == head


async def test_the_state_after_a_block_is_what_the_next_header_commits_to(served):
    _, client = served
    [results] = await client.results([3])
    assert results.app_hash == (await at(client, 4)).header.app_hash
    [answer] = await client.query(
        [StateQuery(path="/store/ibc/key", data=b"nextClientSequence", prove=True)], 3
    )
    assert answer.value == bytes(8)
    assert [op.type for op in answer.proof_ops.ops] == ["ics23:iavl", "ics23:simple"]


async def test_a_block_that_is_not_there_yet_is_not_yet_available(served):
    _, client = served
    with pytest.raises(NotYetAvailable):
        await at(client, 1_000_000)
    with pytest.raises(NotYetAvailable):
        await client.query([StateQuery(path="/store/ibc/key", data=b"key", prove=True)], 1_000_000)


async def test_another_block_at_that_height_is_a_reorganisation(served):
    _, client = served
    target = replace((await at(client, 3)).ref, hash=bytes(32))
    with pytest.raises(Reorged):
        await light_update(client, target, "chain-a")


def forged_header(_, result):
    return forge(result, ("signed_header", "header", "app_hash"), "00" * 32)


def forged_commit(_, result):
    return forge(result, ("signed_header", "commit", "block_id", "hash"), "00" * 32)


def forge(result, path, value):
    inner = result
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return result


def forged_power(_, result):
    result["validators"][0]["voting_power"] = "999"
    return result


@pytest.mark.covers("RPC-01")
@pytest.mark.parametrize(
    ("method", "lie"), [("commit", forged_header), ("commit", forged_commit), ("validators", forged_power)]
)
async def test_an_endpoint_that_contradicts_itself_is_caught(served, method, lie):
    endpoint, client = served
    target = (await at(client, 3)).ref
    endpoint.lies[method] = lie
    with pytest.raises(Hostile) as caught:
        await light_update(client, target, "chain-a")
    assert caught.value.lie is Lie.FORGED_HEADER


async def test_a_block_of_another_chain_is_a_lie(served):
    endpoint, client = served
    endpoint.lies["commit"] = lambda _, r: forge(r, ("signed_header", "header", "chain_id"), "chain-b")
    with pytest.raises(Hostile) as caught:
        await at(client, 3)
    assert caught.value.lie is Lie.WRONG_CHAIN


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("commit", "round"), 2**31),
        (("commit", "round"), -1),
        (("commit", "block_id", "parts", "total"), 2**32),
        (("commit", "block_id", "parts", "total"), -1),
        (("commit", "height"), str(2**63)),
        (("header", "height"), str(2**63)),
    ],
)
async def test_numbers_that_no_block_can_hold_are_refused_when_they_are_read(served, path, value):
    endpoint, client = served
    target = (await at(client, 3)).ref
    endpoint.lies["commit"] = lambda _, r: forge(r, ("signed_header", *path), value)
    with pytest.raises(MalformedReply):
        await light_update(client, target, "chain-a")


async def test_keys_that_nobody_here_can_check_are_refused(served):
    endpoint, client = served
    target = (await at(client, 3)).ref

    def unknown(_, result):
        result["validators"][0]["pub_key"]["type"] = "cometbft/PubKeyBls12_381"
        return result

    endpoint.lies["validators"] = unknown
    with pytest.raises(MalformedReply, match="PubKeyBls12_381"):
        await light_update(client, target, "chain-a")


def grpc(target, max_message_bytes=1 << 22):
    return GrpcClient("it", target, timeout_s=5, max_message_bytes=max_message_bytes, tls=False)


async def test_grpc_answers_and_sorts_its_errors(node):
    client = grpc(node.grpc_target)

    async def balance(client, address):
        request = query_pb2.QueryBalanceRequest(address=address, denom="stake")
        return await client.ask("/cosmos.bank.v1beta1.Query/Balance", request, query_pb2.QueryBalanceResponse)

    answer = await balance(client, ALICE)
    assert answer.balance.amount == "7"
    with pytest.raises(Refused, match="bech32"):
        await balance(client, "nobody")
    await client.close()
    gone = grpc("127.0.0.1:9")
    with pytest.raises(TransportError, match="endpoint it"):
        await balance(gone, ALICE)
    await gone.close()
