"""A keeper of a hosted client with both of its chains: `Yard`. What they show and take, tests choose."""

from dataclasses import dataclass, field, replace

from adapters.abilities import ClientWatcher
from adapters.api import (
    ChainStatus,
    ClientView,
    Delivery,
    Included,
    LightClientSpec,
    SeenClientUpdate,
    SubmissionId,
)
from proofs.types import Assurance, BlockRef, ChainId, ClientId, Height, Lane, UntrustedUpdate
from relays.runtime.carry import Host
from relays.runtime.heads import ChainLink
from relays.runtime.keeper import ClientKeeper, ClientMode
from tests.support.clocks import ManualClock
from tests.support.cosmos_blocks import (
    CHAIN,
    START_S,
    Made,
    grow,
    params_of,
    seats,
)

HOST = ChainId("cosmos:host-1")
CLIENT = ClientId("07-tendermint-0")
PERIOD_S = 300
BLOCKS = grow([seats(1, 2, 3, 4)] * 100)
HOST_BLOCKS = grow([seats(5, 6, 7, 8)] * 30, first=500, chain=HOST, chain_id="host-1")
LANE = Lane(
    source=CHAIN, source_client=ClientId("07-tendermint-9"), destination=HOST, destination_client=CLIENT
)


@dataclass
class Followed:
    """The chain that the client follows."""

    chain_id: ChainId = CHAIN
    head: int = 10
    lies: dict[int, Made] = field(default_factory=dict)

    async def connect(self) -> None:
        pass

    async def status(self) -> ChainStatus:
        made = BLOCKS[self.head]
        return ChainStatus(
            head=made.ref, finalized=made.ref, finalized_time_s=made.time_s, observed_at_s=made.time_s
        )

    async def block(self, height: Height) -> BlockRef:
        return self.lies.get(height, BLOCKS[height]).ref

    async def update(self, target: BlockRef) -> UntrustedUpdate:
        return self.lies.get(target.height, BLOCKS[target.height]).update


@dataclass
class Hosting(ClientWatcher):
    """The chain on which the client lives."""

    chain_id: ChainId = HOST
    height: int = 500
    trusted: int = 10
    frozen: bool = False
    closed: bool = False
    trust_level: tuple[int, int] | None = None
    blocks: dict[int, Made] = field(default_factory=lambda: dict(HOST_BLOCKS))
    given: list[SeenClientUpdate] = field(default_factory=list)
    delivered: list[Delivery] = field(default_factory=list)

    async def connect(self) -> None:
        pass

    async def status(self) -> ChainStatus:
        ref = await self.block(Height(self.height))
        return ChainStatus(head=ref, finalized=ref, finalized_time_s=START_S, observed_at_s=START_S)

    async def block(self, height: Height) -> BlockRef:
        return self.blocks[height].ref

    async def update(self, target: BlockRef) -> UntrustedUpdate:
        return self.blocks[target.height].update

    async def client(self, client: ClientId, at: BlockRef) -> ClientView:
        return ClientView(
            kind="07-tendermint",
            counterparty=LANE.source_client,
            attestors=(),
            threshold=0,
            latest_height=Height(self.trusted),
            frozen=self.frozen,
            latest_time_s=BLOCKS[self.trusted].time_s,
            trusting_period_s=PERIOD_S,
            closed=self.closed,
            trust_level=self.trust_level,
        )

    async def client_updates(self, client: ClientId, first: Height, last: BlockRef) -> list[SeenClientUpdate]:
        return [seen for seen in self.given if first <= seen.height <= last.height]

    async def submit(self, delivery: Delivery) -> SubmissionId:
        self.delivered.append(delivery)
        if delivery.evidence.conflict is None:
            self.trusted = delivery.evidence.updates[-1].target.height
        else:
            self.frozen = True
        return SubmissionId("tx")

    async def submissions(self, ids: tuple[SubmissionId, ...]) -> list[Included]:
        at = await self.block(Height(self.height))
        return [Included(at=at, succeeded=True, detail="", fee=1) for _ in ids]


class Yard:
    """A keeper with its two chains, looked at round by round."""

    def __init__(self) -> None:
        self.followed, self.hosting = Followed(), Hosting()
        self.clock = ManualClock(BLOCKS[10].time_s + 1.0)
        spec = LightClientSpec(
            family="tendermint",
            params=params_of(BLOCKS[1], trusting_period_s=PERIOD_S * 10),
            assurance=Assurance.CONSENSUS,
            anchor=BLOCKS[1].ref,
        )
        anchor = HOST_BLOCKS[500]
        hosting = replace(spec, params=params_of(anchor, max_clock_drift_s=10**6), anchor=anchor.ref)
        self.acting = ChainLink(self.hosting, hosting, self.clock)
        self.proving = ChainLink(self.followed, spec, self.clock)
        self.lost: list[str] = []
        self.closed: list[int] = []
        host = Host(client=CLIENT, acting=self.acting, proving=self.proving)
        self.keeper = ClientKeeper(LANE, host, self.clock, lost=self.lost.append, closed=self.closed.append)

    async def look(self, *, at: int) -> ClientMode:
        """Let the chain grow up to a height, time pass with it, and the keeper look once."""
        self.followed.head, self.clock.time_s = at, BLOCKS[at].time_s + 1.0
        self.hosting.height += 1
        for link in (self.acting, self.proving):
            await link._round()
        await self.keeper.look()
        return self.keeper.health().mode
