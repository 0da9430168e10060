"""Two development chains with our contracts on them, joined by one lane each way, for tests."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from adapters.api import BlockRef, ChainStatus, Resources
from adapters.evm.adapter import EvmChain
from adapters.evm.config import EndpointConfig, EvmConfig, light_client
from adapters.evm.deploy import ClientSetup, Deployment, add_clients, deploy, deployer
from adapters.evm.devnode import DEV_KEYS, DevNode
from adapters.testkit.attesting import Key
from proofs import registry
from proofs.records import replace
from proofs.signatures import sign
from proofs.types import ChainId, Claim, ClientId, Height, Lane, Proven, TrustedState
from proofs.verdict import Accepted
from proofs.verify import verify
from tests.support.anvil import start_anvil

PATIENCE_S = 120.0
"""Only bounds a wait that would never end."""

KEYS = tuple([Key(f"attestor {index}") for index in range(3)])
A, B = ChainId("eip155:31337"), ChainId("eip155:31338")
LANE = Lane(source=A, source_client=ClientId("b-0"), destination=B, destination_client=ClientId("a-0"))


class WallClock:
    """The real time."""

    def now_s(self) -> float:
        return time.time()

    def monotonic_s(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass(frozen=True)
class DevSigner:
    """One of the accounts that development chains fund."""

    index: int

    @property
    def address(self) -> bytes:
        import coincurve

        from proofs.signatures import address_of

        return address_of(coincurve.PrivateKey(self._key()).public_key)

    @property
    def public_key(self) -> bytes:
        import coincurve

        return coincurve.PrivateKey(self._key()).public_key.format(compressed=True)

    def sign(self, digest: bytes) -> bytes:
        return sign(self._key(), digest)

    def _key(self) -> bytes:
        return bytes.fromhex(DEV_KEYS[self.index])


def resources(index: int = 0, clock: object = None) -> Resources:
    """Return resources with a funded signer."""
    return Resources(clock=clock or WallClock(), signers=(DevSigner(index),))


def config(node: DevNode, deployed: Deployment | None = None, **changes: object) -> EvmConfig:
    """Return a configuration with one endpoint and quick polling."""
    base = EvmConfig(
        endpoints=(EndpointConfig(name="one", url=node.url, ws_url=node.ws_url),),
        router="0x" + "00" * 20,
        poll_s=0.05,
    )
    if deployed is not None:
        base = replace(
            base,
            router=deployed.router,
            erc7786_gateway=deployed.erc7786_gateway,
            transfer=deployed.transfer,
            start_height=deployed.start_height,
        )
    return replace(base, **changes)


@dataclass
class Side:
    """One chain of a pair."""

    node: DevNode
    deployed: Deployment
    chain: EvmChain
    config: EvmConfig


async def install(
    node: DevNode, chain: ChainId, other: ChainId, mine: ClientId, theirs: ClientId
) -> Deployment:
    """Deploy everything, with one client of the other chain that the test's attestors attest, 2 of 3."""
    setup = ClientSetup(
        client=mine,
        counterparty=theirs,
        counterparty_chain=other,
        attestors=tuple([key.address for key in KEYS]),
        threshold=2,
    )
    async with deployer(chain, node.url, resources(9), poll_s=0.05) as sender:
        deployed = await deploy(sender, chain)
        await add_clients(sender, deployed, [setup])
    return deployed


@asynccontextmanager
async def pair(**options: object) -> AsyncIterator[tuple[Side, Side]]:
    """Yield chains A and B, connected, with deployments and one lane each way."""
    with (
        start_anvil(chain_id=31337, **options) as node_a,
        start_anvil(chain_id=31338, **options) as node_b,
    ):
        deployed_a, deployed_b = await asyncio.gather(
            install(node_a, A, B, LANE.source_client, LANE.destination_client),
            install(node_b, B, A, LANE.destination_client, LANE.source_client),
        )
        sides = []
        for node, chain, deployed in ((node_a, A, deployed_a), (node_b, B, deployed_b)):
            settings = config(node, deployed)
            sides.append(Side(node, deployed, EvmChain(chain, settings, resources(0)), settings))
        try:
            for side in sides:
                await side.chain.connect()
            yield sides[0], sides[1]
        finally:
            for side in sides:
                await side.chain.close()


async def final_at_least(chain: EvmChain, height: int, limit_s: float = PATIENCE_S) -> ChainStatus:
    """Wait until a block at or above this height is final."""
    async with asyncio.timeout(limit_s):
        while True:
            status = await chain.status()
            if status.finalized.height >= height:
                return status
            await asyncio.sleep(0.05)


async def trust(side: Side, at: BlockRef) -> TrustedState:
    """Judge a block as a gateway does."""
    spec = light_client(side.chain.chain_id, side.config)
    verdict = registry.advance(None, await side.chain.update(at), spec.params, time.time())
    assert isinstance(verdict, Accepted), verdict
    return verdict.value


async def proven(side: Side, lane: Lane, claims: Sequence[Claim], at: BlockRef) -> list[Proven[Claim]]:
    """Fetch evidence for the claims and judge it; every claim must be accepted."""
    trusted = await trust(side, at)
    verdicts = verify(
        lane, trusted, side.chain.store, tuple(claims), await side.chain.prove(lane, claims, at)
    )
    assert all(isinstance(verdict, Accepted) for verdict in verdicts), verdicts
    return [verdict.value for verdict in verdicts]


async def until_included(chain: EvmChain, submission: str, limit_s: float = PATIENCE_S) -> object:
    """Wait until a submission is in a block, and return that status."""
    from adapters.api import Pending

    async with asyncio.timeout(limit_s):
        while True:
            [status] = await chain.submissions([submission])
            if not isinstance(status, Pending):
                return status
            await asyncio.sleep(0.05)


def height(number: int) -> Height:
    """Return a height."""
    return Height(number)
