"""Two memory chains, three gateways that attest 2-of-3, users, and an audit that reads only the chains."""

import asyncio
from dataclasses import dataclass, field, replace
from random import Random

from adapters.api import LightClientSpec, Resources, SendMessage, SendTransfer
from adapters.memory.adapter import MemoryAdapter
from adapters.memory.audit import Tally, locked, supply, tally
from adapters.memory.config import MemoryConfig, chain_spec, light_client
from adapters.memory.transactions import AddClient, Deliver, Mint, SendPackets
from adapters.memory.world import MemoryChain, forget, open_chain, validator_addresses
from proofs.types import ChainId, ClientId, Lane, Packet
from relays.core.lane import LaneParams, Limits
from relays.core.turns import rank
from relays.runtime.heads import ChainLink
from relays.runtime.supervisor import Supervisor
from tests.simulation.ports import Attestor, DurableStore, InProcessAttestors, lane_address
from tests.simulation.timewarp import VirtualClock

GATEWAYS = ("alpha", "beta", "gamma")
CHAINS = (ChainId("memory:red"), ChainId("memory:blue"))
LANE = Lane(
    source=CHAINS[0],
    source_client=ClientId("red-0"),
    destination=CHAINS[1],
    destination_client=ClientId("blue-0"),
)
LANES = (LANE, LANE.reverse())
LIMITS = Limits(standby_s=4.0, recheck_s=30.0, timeout_margin_s=4, batch=20)
ENDPOINTS = ("a", "b", "c")
USER = b"\x11" * 20
TAKEOVER_S = 8.0


class FixedSigner:
    """Pays; memory chains ask for no signature."""

    def __init__(self, name: str) -> None:
        self.address = name.encode().ljust(20, b"\x00")
        self.public_key = name.encode().ljust(33, b"\x02")

    def sign(self, digest: bytes) -> bytes:
        raise AssertionError("memory chains take no signed transactions")


@dataclass
class Gateway:
    """One gateway; its store outlives its process."""

    name: str
    store: DurableStore
    task: asyncio.Task[None] | None = None
    supervisor: Supervisor | None = None
    adapters: dict[ChainId, MemoryAdapter] = field(default_factory=dict)


class World:
    """Everything of one simulation."""

    def __init__(
        self, seed: int, *, block_time_s: float = 2.0, limits: Limits = LIMITS, anchored: bool = False
    ) -> None:
        """With `anchored`, trust advances from a block of each chain, so heads are an endpoint's word."""
        self.random = Random(seed)
        self.clock = VirtualClock()
        self.name = f"simulation-{seed}"
        self.limits = limits
        self.anchored = anchored
        forget(self.name)
        self.configs = {
            chain: MemoryConfig(
                validators=validator_addresses(chain, 3),
                threshold=2,
                world=self.name,
                block_time_s=block_time_s,
                finality_depth=2,
                request_timeout_s=1.0,
                latency_s=0.01,
            )
            for chain in CHAINS
        }
        self.chains: dict[ChainId, MemoryChain] = {
            chain: open_chain(self.name, chain, chain_spec(config), self.clock)
            for chain, config in self.configs.items()
        }
        self.liars = {chain: self.random.choice(ENDPOINTS) for chain in CHAINS}
        """The endpoint of each chain that may lie. A liar is never asked again, so two would be an outage."""
        self.alive: dict[str, Attestor] = {}
        self.gateways = {
            name: Gateway(
                name=name,
                store=DurableStore(
                    random=Random(f"{seed}-{name}"),
                    clock=self.clock,
                    truth=self.chains,
                    may_read_again=anchored,
                ),
            )
            for name in GATEWAYS
        }
        self._salt = 0
        self._install()

    def _install(self) -> None:
        for lane in LANES:
            client = AddClient(
                client=lane.destination_client,
                counterparty=lane.source_client,
                attestors=tuple([lane_address(name, lane) for name in GATEWAYS]),
                threshold=2,
            )
            self.chains[lane.destination].submit(client)
        for chain in CHAINS:
            self.chains[chain].submit(Mint(account=f"0x{USER.hex()}", denom="coin", amount=1_000_000))
            self.chains[chain].mine()

    def start(self, name: str) -> None:
        """Start a gateway's process on its store."""
        gateway = self.gateways[name]
        resources = Resources(clock=self.clock, signers=(FixedSigner(name),))
        gateway.adapters = {
            chain: MemoryAdapter(chain, config, resources) for chain, config in self.configs.items()
        }
        links = {
            chain: ChainLink(adapter, self._light_client(chain), self.clock, poll_s=2.0, memory=gateway.store)
            for chain, adapter in gateway.adapters.items()
        }
        self.alive[name] = Attestor(name=name, links=links, truth=self.chains, clock=self.clock)
        own_first = (name, *[other for other in GATEWAYS if other != name])
        gateway.supervisor = Supervisor(
            links=links,
            lanes=[
                LaneParams(lane=lane, rank=rank(GATEWAYS, name, lane), takeover_s=TAKEOVER_S)
                for lane in LANES
            ],
            store=gateway.store,
            attestors=InProcessAttestors(alive=self.alive, names=own_first, threshold=2),
            clock=self.clock,
            limits=self.limits,
        )
        gateway.task = asyncio.create_task(gateway.supervisor.run(), name=name)

    def _light_client(self, chain: ChainId) -> LightClientSpec:
        spec, first = light_client(chain, self.configs[chain]), self.chains[chain].blocks[1]
        return replace(spec, anchor=first.ref) if self.anchored else spec

    async def kill(self, name: str, *, wipe: bool = False) -> None:
        """End a gateway's process; what was not committed is gone. With `wipe` the disk is gone as well."""
        gateway = self.gateways[name]
        self.alive.pop(name, None)
        if gateway.task is not None:
            gateway.task.cancel()
            await asyncio.gather(gateway.task, return_exceptions=True)
            gateway.task = None
        if wipe:
            gateway.store.wipe()

    async def stop(self) -> None:
        for name in GATEWAYS:
            await self.kill(name)
        forget(self.name)

    def send(self, lane: Lane, count: int, timeout_s: float) -> None:
        """Send messages, transfers and messages to a failing account, as a user's transactions."""
        chain = self.chains[lane.source]
        for _ in range(count):
            self._salt += 1
            request = self._request(lane, int(self.clock.now_s() + timeout_s))
            chain.submit(SendPackets(sender=USER, requests=(request,), salt=self._salt))

    def _request(self, lane: Lane, timeout_s: int) -> SendMessage | SendTransfer:
        kind = self.random.random()
        if kind < 0.4:
            return SendTransfer(
                lane=lane,
                denom="coin",
                amount=self.random.randint(1, 50),
                receiver=f"0x{USER.hex()}",
                timeout_s=timeout_s,
            )
        recipient = bytes(20) if kind < 0.5 else USER
        return SendMessage(lane=lane, recipient=f"0x{recipient.hex()}", payload=b"hello", timeout_s=timeout_s)

    def tally(self, lane: Lane) -> Tally:
        return tally(self.chains[lane.source], self.chains[lane.destination], lane)

    def is_settled(self) -> bool:
        """Say whether every packet has come to its end on its source."""
        waiting = [tx for chain in self.chains.values() for tx in chain.mempool.values()]
        if any(isinstance(tx, SendPackets) for tx in waiting):
            return False
        counts = [self.tally(lane) for lane in LANES]
        return all(count.sent == count.acknowledged + count.refunded for count in counts)

    async def until_settled(self, deadline_s: float) -> bool:
        """Wait until all is settled, at most this long."""
        end_s = self.clock.monotonic_s() + deadline_s
        while not self.is_settled() and self.clock.monotonic_s() < end_s:
            await self.clock.sleep(2.0)
        return self.is_settled()

    def audit(self) -> list[str]:
        """Return what is wrong, by the chains' own states."""
        wrong = []
        for lane in LANES:
            count = self.tally(lane)
            if count.duplicated:
                wrong.append(f"I2 {lane}: {count.duplicated} effects more than once")
            if count.sent != count.acknowledged + count.refunded:
                wrong.append(f"I3 {lane}: {count} does not add up")
            if count.contradicted:
                wrong.append(f"I4 {lane}: {count.contradicted} both delivered and refunded, or neither")
            wrong += self._unconserved(lane)
        for gateway in self.gateways.values():
            wrong += self._strayed(gateway)
        return wrong

    def _unconserved(self, lane: Lane) -> list[str]:
        """I7: what is locked at home is what circulates abroad, when nothing is under way."""
        home, abroad = self.chains[lane.source], self.chains[lane.destination]
        held = locked(home, lane.source_client, "coin")
        minted = supply(abroad, f"transfer/{lane.destination_client}/coin")
        total = supply(home, "coin") + held
        if held != minted or total != 1_000_000:
            return [f"I7 {lane}: {held} locked, {minted} abroad, {total} in all"]
        return []

    def _strayed(self, gateway: Gateway) -> list[str]:
        """I9: every cursor is still a block of the chain."""
        wrong = []
        for lane, cursors in gateway.store.cursors.items():
            for leg, cursor in cursors.items():
                chain = self.chains[lane.source if leg.value == "out" else lane.destination]
                block = chain.at(cursor.height)
                if block is None or block.ref.hash != cursor.hash:
                    wrong.append(f"I9 {gateway.name} {lane} {leg}: cursor {cursor.height} is not canonical")
        return wrong

    def fingerprint(self) -> str:
        """Return what must be equal when a seed is run again."""
        return "|".join(self.chains[chain].head.ref.hash.hex() for chain in CHAINS)

    def effects(self, lane: Lane) -> int:
        return self.tally(lane).delivered


def deliveries(chain: MemoryChain) -> list[Deliver]:
    """Return the deliveries in a chain's blocks, oldest first."""
    return [
        transaction
        for block in chain.blocks
        for transaction in block.transactions.values()
        if isinstance(transaction, Deliver)
    ]


def packets_in(chain: MemoryChain) -> list[Packet]:
    return [claim.packet for delivery in deliveries(chain) for claim in delivery.claims]
