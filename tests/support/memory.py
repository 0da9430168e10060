"""Two memory chains with clients of each other, keys, clocks, attestations: a whole bridge without a node."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from adapters.api import Delivery, Resources, SendMessage
from adapters.memory import ADAPTER
from adapters.memory.adapter import MemoryAdapter
from adapters.memory.config import MemoryConfig, chain_spec
from adapters.memory.transactions import AddClient, Transaction
from adapters.memory.world import MemoryChain, forget, open_chain, validator_addresses
from adapters.testkit.attesting import Key, delivery_of
from proofs import registry
from proofs.records import replace
from proofs.types import BlockRef, ChainId, Claim, ClientId, Height, Lane, Packet, Proven, Sent, TrustedState
from proofs.verdict import Accepted
from proofs.verify import verify
from tests.support.clocks import ManualClock

A, B = ChainId("memory:a"), ChainId("memory:b")
LANE = Lane(source=A, source_client=ClientId("on-a"), destination=B, destination_client=ClientId("on-b"))
RECIPIENT = "0x" + "77" * 20


ATTESTORS = (Key("attestor 0"), Key("attestor 1"), Key("attestor 2"))


def config_for(chain: ChainId, **changes: object) -> MemoryConfig:
    """Return a configuration of four validators with one block per transaction, final at once."""
    base = MemoryConfig(
        validators=validator_addresses(chain, 4),
        threshold=3,
        world="test",
        block_time_s=0.0,
        finality_depth=0,
        request_timeout_s=60.0,
    )
    return replace(base, **changes)


def run(chain: MemoryChain, transaction: Transaction) -> None:
    """Put a transaction into a block of its own, now."""
    tx_id = chain.submit(transaction)
    receipt = (chain.find(tx_id) or chain.mine()).receipts[tx_id]
    if not receipt.succeeded:
        raise RuntimeError(receipt.detail)


@dataclass
class Bridge:
    """Two chains of one world, each with a client of the other, and an adapter to each."""

    clock: ManualClock = field(default_factory=ManualClock)
    changes: dict[str, object] = field(default_factory=dict)
    threshold: int = 2

    def __post_init__(self) -> None:
        forget("test")
        self.chains = {name: self._chain(name) for name in (A, B)}
        self.adapters = {name: self.adapter(name) for name in (A, B)}
        for chain, client, other in ((A, "on-a", "on-b"), (B, "on-b", "on-a")):
            run(
                self.chains[chain],
                AddClient(
                    client=ClientId(client),
                    counterparty=ClientId(other),
                    attestors=tuple(key.address for key in ATTESTORS),
                    threshold=self.threshold,
                ),
            )

    def _chain(self, name: ChainId) -> MemoryChain:
        return open_chain("test", name, chain_spec(config_for(name, **self.changes)), self.clock)

    def adapter(self, name: ChainId, **changes: object) -> MemoryAdapter:
        """Return a new adapter to one of the chains, not connected."""
        config = config_for(name, **self.changes | changes)
        chain = ADAPTER.build(name, config, Resources(clock=self.clock, signers=(Key(f"relayer {name}"),)))
        assert isinstance(chain, MemoryAdapter)
        return chain

    async def connect(self) -> "Bridge":
        for adapter in self.adapters.values():
            await adapter.connect()
        return self

    async def final(self, chain: ChainId) -> BlockRef:
        """Return the final block of a chain, as its adapter sees it."""
        return (await self.adapters[chain].status()).finalized

    async def trusted(self, chain: ChainId, at: BlockRef) -> TrustedState:
        """Let the light client judge block `at`."""
        spec = ADAPTER.light_client(chain, config_for(chain, **self.changes))
        verdict = registry.advance(
            None, await self.adapters[chain].update(at), spec.params, self.clock.now_s()
        )
        assert isinstance(verdict, Accepted), verdict
        return verdict.value

    async def prove(self, lane: Lane, claims: Sequence[Claim], at: BlockRef) -> tuple[Proven[Claim], ...]:
        """Fetch evidence for claims in block `at` and return them proven; fail on any other verdict."""
        adapter = self.adapters[at.chain]
        trusted = await self.trusted(at.chain, at)
        evidence = await adapter.prove(lane, claims, at)
        verdicts = verify(lane, trusted, adapter.store, claims, evidence)
        assert all(isinstance(verdict, Accepted) for verdict in verdicts), verdicts
        return tuple([verdict.value for verdict in verdicts if isinstance(verdict, Accepted)])

    async def delivery(self, lane: Lane, claims: Sequence[Claim], at: BlockRef) -> Delivery:
        """Return claims proven at a block, attested by all attestors' quorum."""
        proven = await self.prove(lane, claims, at)
        return delivery_of(lane, proven, ATTESTORS[: self.threshold])

    async def carry(self, lane: Lane, claims: Sequence[Claim]) -> None:
        """Prove claims in the newest final block of their chain and deliver them."""
        side = lane.source if isinstance(claims[0], Sent) else lane.destination
        to = lane.destination if isinstance(claims[0], Sent) else lane.source
        delivery = await self.delivery(lane, claims, await self.final(side))
        await self.adapters[to].submit(delivery)

    async def message(self, count: int = 1, *, lane: Lane = LANE, timeout_s: int = 3600) -> list[Packet]:
        """Send messages and return their packets as the source reports them."""
        deadline = int(self.clock.now_s()) + timeout_s
        request = SendMessage(lane=lane, recipient=RECIPIENT, payload=b"hello", timeout_s=deadline)
        adapter = self.adapters[lane.source]
        sequences = await adapter.send([request] * count)
        seen = await adapter.sent(lane, Height(1), await self.final(lane.source))
        return [item.packet for item in seen if item.packet.sequence in sequences]
