"""Light clients on real Cosmos chains that a gateway keeps alive and watches: refreshed, frozen in a fork.

One pair of chains serves all tests of this file: its clients trust for a minute.
"""

from dataclasses import dataclass

import pytest
import pytest_asyncio
from nacl.signing import SigningKey

from adapters.api import Carried, Delivery
from adapters.cosmos.ibc.clients import hosted, update_client
from adapters.cosmos.ibc.specs import ClientTerms
from adapters.cosmos.light import read_blocks
from adapters.cosmos.messages import messages
from adapters.cosmos.rpc import CometClient
from adapters.jsonrpc import RpcLimits
from proofs.hashing import sha256
from proofs.lightclients.tendermint.keys import validator
from proofs.lightclients.tendermint.types import KeyType, Validator
from proofs.records import replace
from proofs.types import ClientId, Height, Lane, UntrustedUpdate
from tests.e2e.cosmos.pair import ADMIN, Pair, Side, pair
from tests.support.cosmos_blocks import signed

pytestmark = [pytest.mark.nodes, pytest.mark.asyncio(loop_scope="module")]

TRUSTING_S = 60


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chains(tmp_path_factory):
    terms = ClientTerms(trusting_period_s=TRUSTING_S)
    async with pair(tmp_path_factory.mktemp("pair"), terms=terms) as made:
        await made.start_gateway()
        yield made


async def test_clients_outlive_their_trusting_period_without_traffic(chains: Pair) -> None:
    ends = [
        (side, ClientId(name))
        for side in (chains.a, chains.b)
        for name in ("07-tendermint-0", "07-tendermint-1")
    ]
    known = {(side.id, name): await side.client(name) for side, name in ends}
    expiry_s = {key: await clock_s(chains.side(key[0])) + row.expires_in_s for key, row in known.items()}
    for side, name in ends:

        async def outlived(side: Side = side, name: ClientId = name) -> bool:
            return await clock_s(side) > expiry_s[side.id, name]

        await chains.until(outlived, what=f"{side.id} {name}: its first trusting period ends")
        row = await side.client(name)
        assert (row.status, row.trusting_period_s) == ("active", TRUSTING_S)
        assert row.height > known[side.id, name].height
    for lane in chains.lanes():
        await chains.transfer(lane, 5)
        await chains.arrived(lane, 5)


async def clock_s(side: Side) -> int:
    """Return the time of a chain's newest block."""
    return (await side.host.source.status()).finalized_time_s


@dataclass(frozen=True, slots=True)
class Traitor:
    """The only validator of a chain, who signs whatever he is given."""

    seed: bytes
    validator: Validator

    def sign(self, message: bytes) -> bytes:
        return SigningKey(self.seed).sign(message).signature


def traitor(side: Side) -> Traitor:
    home = side.chain.node.home
    return Traitor(home.seed, validator(KeyType.ED25519, home.public_key, side.chain.options.powers[0]))


async def forged_update(side: Side, height: Height, *, higher: int = 0) -> UntrustedUpdate:
    """Return a header like the chain's own there, or of so much higher, of another state, signed as well."""
    client = CometClient("node", side.chain.node.rpc_url, RpcLimits())
    try:
        [own] = await read_blocks(client, side.id, side.host.native_id, [height])
    finally:
        await client.close()
    header = replace(own.header, height=height + higher, app_hash=sha256(b"tokens for the traitor"))
    only = (traitor(side),)
    return signed(header, only, only, chain=side.id).update


async def give(chains: Pair, client: ClientId, update: UntrustedUpdate) -> None:
    """Give a client on chain-b a header of chain-a, as anybody may."""
    known = await hosted(chains.b.host, client, await chains.b.host.head())
    source = chains.a.host.source
    base = await source.update(await source.block(Height(known.state.latest_height.revision_height)))
    evidence = Carried(updates=(base, update), proofs=None)
    lane = replace(chains.v2.there, destination_client=client)
    delivery = Delivery(lane=lane, proven=(), evidence=evidence, key="forged")
    await chains.b.host.execute(messages(delivery, client, ADMIN, with_update=True))


async def frozen(chains: Pair, client: ClientId) -> None:
    """Return once a client is frozen by its chain's own state."""

    async def is_frozen() -> bool:
        return (await chains.b.client(client)).status == "frozen"

    await chains.until(is_frozen, what=f"{client} is frozen")


async def halted(chains: Pair, lane: Lane) -> str:
    """Return why a lane stands still, once it does."""

    async def is_halted() -> bool:
        return (await chains.relayers[0].lane(lane))["state"] == "halted"

    await chains.until(is_halted, what=f"{lane} is halted")
    return str((await chains.relayers[0].lane(lane))["reason"])


@pytest.mark.covers("LC-10")
async def test_a_client_that_was_given_a_forged_fork_is_frozen_and_all_lanes_of_the_chain_halt(
    chains: Pair,
) -> None:
    lane = chains.v2.there
    height = await update_client(chains.b.host, lane.destination_client, chains.a.host)

    async def is_ahead() -> bool:
        return (await chains.a.host.head()).height > height + 1

    await chains.until(is_ahead, what="blocks that the client does not know")
    assert (await chains.b.client(lane.destination_client)).status == "active"

    forged = await forged_update(chains.a, Height(height + 1))
    await give(chains, lane.destination_client, forged)
    await frozen(chains, lane.destination_client)
    for one in (lane, lane.reverse(), chains.v1.there, chains.v1.back):
        assert forged.target.hash.hex() in await halted(chains, one)


@pytest.mark.covers("LC-06")
async def test_a_header_of_a_height_that_may_never_come_is_reported_for_its_time(chains: Pair) -> None:
    client = ClientId("07-tendermint-0")
    head = (await chains.a.host.head()).height
    forged = await forged_update(chains.a, Height(head), higher=10**9)
    await give(chains, client, forged)
    await frozen(chains, client)
    assert "fork" in await halted(chains, chains.v1.there)
