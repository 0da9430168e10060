"""Keepers of hosted clients: refresh in time, a fork reported, a lost client told to its lanes."""

from dataclasses import dataclass, field, replace

import msgspec
import pytest

from adapters.abilities import ClientWatcher
from adapters.api import (
    Carried,
    ChainStatus,
    ClientView,
    Delivery,
    Included,
    LightClientSpec,
    SeenClientUpdate,
    SubmissionId,
)
from adapters.errors import TransportError
from proofs.lightclients.tendermint import validators_hash
from proofs.types import Assurance, BlockRef, ChainId, ClientId, Height, Lane, UntrustedUpdate
from proofs.verdict import Reason, Rejected
from relays.runtime.carry import Host
from relays.runtime.heads import ChainLink
from relays.runtime.keeper import ClientKeeper, ClientMode
from relays.runtime.status import ChainMode
from relays.runtime.trust import TrustBook
from tests.support.clocks import ManualClock
from tests.support.cosmos_blocks import (
    CHAIN,
    INTERVAL_S,
    START_S,
    Made,
    forged,
    grow,
    header_of,
    params_of,
    seats,
    signed,
    validators_of,
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


async def test_a_young_client_is_left_alone() -> None:
    yard = Yard()
    assert await yard.look(at=10 + PERIOD_S // INTERVAL_S // 2 - 1) is ClientMode.ACTIVE
    assert yard.hosting.delivered == []


async def test_a_client_gets_a_header_when_half_of_its_period_has_passed() -> None:
    yard = Yard()
    await yard.look(at=10 + PERIOD_S // INTERVAL_S // 2 + 1)
    [delivery] = yard.hosting.delivered
    assert delivery.proven == ()
    assert [update.target.height for update in delivery.evidence.updates] == [10, 41]
    assert await yard.look(at=42) is ClientMode.ACTIVE
    assert len(yard.hosting.delivered) == 1


async def test_a_client_with_less_than_a_third_of_its_time_left_is_called_expiring() -> None:
    yard = Yard()
    yard.hosting.submit = None
    yard.followed.update = None
    with pytest.raises(TypeError):
        await yard.look(at=10 + PERIOD_S // INTERVAL_S * 2 // 3 + 1)
    assert yard.keeper.health().mode is ClientMode.EXPIRING


async def test_an_expired_client_is_told_to_its_lanes() -> None:
    yard = Yard()
    assert await yard.look(at=10 + PERIOD_S // INTERVAL_S + 1) is ClientMode.EXPIRED
    [reason] = yard.lost
    assert "expired" in reason


async def test_a_frozen_client_is_told_to_its_lanes() -> None:
    yard = Yard()
    yard.hosting.frozen = True
    assert await yard.look(at=11) is ClientMode.FROZEN
    assert len(yard.lost) == 1


replace_seen = msgspec.structs.replace


def given(made: Made, *, host_height: int) -> SeenClientUpdate:
    return SeenClientUpdate(
        untrusted_update=made.update, trusted_height=Height(10), height=Height(host_height), transaction="t"
    )


async def test_the_chains_own_header_is_no_fork() -> None:
    yard = Yard()
    yard.hosting.given.append(given(BLOCKS[12], host_height=501))
    assert await yard.look(at=13) is ClientMode.ACTIVE
    assert yard.hosting.delivered == []


@pytest.mark.covers("LC-10")
async def test_a_header_that_conflicts_with_the_chains_own_freezes_the_client_and_stops_the_lanes() -> None:
    yard = Yard()
    fork = forged(BLOCKS[12], app_hash=b"x" * 32)
    yard.hosting.given.append(given(fork, host_height=501))
    await yard.look(at=13)
    [delivery] = yard.hosting.delivered
    assert isinstance(delivery.evidence, Carried)
    assert delivery.evidence.conflict == fork.update
    assert [update.target for update in delivery.evidence.updates] == [BLOCKS[10].ref, BLOCKS[12].ref]
    assert "fork" in yard.lost[0]
    assert yard.proving.health().mode is ChainMode.HALTED
    assert yard.acting.health().mode is ChainMode.UP
    assert await yard.look(at=14) is ClientMode.FROZEN


async def test_a_host_that_invented_a_head_is_searched_below_it_once_that_is_over() -> None:
    yard = Yard()
    yard.hosting.height = 518
    yard.hosting.blocks[519] = forged(HOST_BLOCKS[519], app_hash=b"y" * 32)
    await yard.look(at=13)
    yard.hosting.blocks = dict(HOST_BLOCKS)
    yard.hosting.height = 502
    yard.hosting.given.append(given(forged(BLOCKS[12], app_hash=b"x" * 32), host_height=503))
    await yard.look(at=16)
    await yard.look(at=18)
    assert yard.hosting.delivered[0].evidence.conflict is not None


async def test_a_header_above_everything_seen_is_looked_at_when_the_chain_gets_there() -> None:
    yard = Yard()
    fork = forged(BLOCKS[20], app_hash=b"x" * 32)
    yard.hosting.given.append(given(fork, host_height=501))
    await yard.look(at=13)
    assert yard.hosting.delivered == []
    await yard.look(at=20)
    assert len(yard.hosting.delivered) == 1


@pytest.mark.covers("LC-06")
async def test_a_header_above_everything_seen_is_reported_once_the_chain_has_passed_its_time() -> None:
    yard = Yard()
    far = forged(BLOCKS[90], time_ns=BLOCKS[15].block.header.time_ns)
    yard.hosting.given.append(given(far, host_height=501))
    await yard.look(at=14)
    assert (yard.hosting.delivered, yard.lost) == ([], [])
    await yard.look(at=15)
    [delivery] = yard.hosting.delivered
    assert isinstance(delivery.evidence, Carried)
    assert delivery.evidence.conflict == far.update
    assert [update.target for update in delivery.evidence.updates] == [BLOCKS[10].ref, BLOCKS[15].ref]
    assert "fork" in yard.lost[0]


async def test_a_header_that_the_chain_has_and_we_have_not_seen_is_no_fork() -> None:
    yard = Yard()
    yard.hosting.given.append(given(BLOCKS[16], host_height=501))
    for height in (13, 15, 16):
        assert await yard.look(at=height) is ClientMode.ACTIVE
    assert (yard.hosting.delivered, yard.lost) == ([], [])


async def test_a_closed_end_is_told_at_every_look_for_a_lane_may_begin_late() -> None:
    yard = Yard()
    await yard.look(at=11)
    yard.hosting.closed = True
    await yard.look(at=12)
    await yard.look(at=13)
    assert yard.closed == [502, 503]


def lie_about_the_host(yard: Yard) -> None:
    """From now on, the host chain's blocks are those of strangers."""
    lies = grow([seats(91, 92, 93)] * 30, first=500, chain=HOST, chain_id="host-1")
    yard.hosting.blocks = lies | {500: HOST_BLOCKS[500]}


async def test_a_client_that_is_frozen_or_closed_only_in_a_false_block_stops_no_lane() -> None:
    for lie in ({"frozen": True}, {"closed": True}):
        yard = Yard()
        lie_about_the_host(yard)
        yard.hosting.__dict__.update(lie)
        await yard.look(at=11)
        assert (yard.lost, yard.closed) == ([], [])
        assert "not trusted" in yard.keeper.health().detail


async def test_a_header_that_no_validator_signed_is_no_fork() -> None:
    yard = Yard()
    strangers = grow([seats(91, 92, 93, 94)] * 20)
    unsigned = replace(forged(BLOCKS[12], app_hash=b"x" * 32), block=BLOCKS[12].block)
    stolen = replace(BLOCKS[12].update, target=forged(BLOCKS[12], app_hash=b"x" * 32).ref)
    for update in (strangers[12].update, unsigned.update, stolen):
        seen = SeenClientUpdate(
            untrusted_update=update,
            trusted_height=Height(10),
            height=Height(yard.hosting.height + 1),
            transaction="t",
        )
        yard.hosting.given.append(seen)
        await yard.look(at=13)
    assert (yard.lost, yard.hosting.delivered) == ([], [])
    assert await yard.look(at=14) is ClientMode.ACTIVE


async def test_lanes_stop_at_a_fork_before_it_is_reported_and_the_report_is_tried_again() -> None:
    yard = Yard()
    submit, refused = yard.hosting.submit, []

    async def refuse(delivery: Delivery) -> SubmissionId:
        refused.append(delivery)
        raise TransportError("not now")

    yard.hosting.submit = refuse
    yard.hosting.given.append(given(forged(BLOCKS[12], app_hash=b"x" * 32), host_height=501))
    await yard.look(at=13)
    assert len(refused) == 1
    assert "fork" in yard.lost[0]
    yard.hosting.submit = submit
    await yard.look(at=14)
    assert yard.hosting.delivered[0].evidence.conflict is not None


async def test_false_old_blocks_of_the_followed_chain_do_not_make_the_client_a_lost_one() -> None:
    yard = Yard()
    header = replace(header_of(10, seats(91), seats(92)), time_ns=START_S * 10**9 - 10**15)
    old = signed(header, seats(91), seats(92))
    yard.followed.lies[10] = old
    await yard.look(at=10 + PERIOD_S // INTERVAL_S // 2 + 1)
    assert yard.lost == []
    assert "no way" in yard.keeper.health().detail


async def test_a_header_from_a_block_too_old_for_us_is_reported_and_stops_lanes_only_when_proven() -> None:
    yard = Yard()
    old = replace(yard.proving.spec, params=params_of(BLOCKS[80]), anchor=BLOCKS[80].ref)
    yard.proving.spec = old
    yard.hosting.trusted = 60
    unbonded = replace(BLOCKS[85], seats=seats(1, 2), next_seats=seats(1, 2))
    fork = forged(unbonded, validators_hash=validators_hash(validators_of(seats(1, 2))))
    trust, height = yard.proving.trust, Height(70)

    async def too_old(chain: object, spec: object, at: BlockRef, now_s: float) -> object:
        if at.height == height:
            return Rejected(reason=Reason.LIMIT, detail="too far below")
        return await TrustBook.advance_to(trust, chain, spec, at, now_s)

    trust.advance_to = too_old
    strangers = grow([seats(91, 92)] * 90)
    for header in (strangers[85], fork):
        seen = replace_seen(given(header, host_height=yard.hosting.height + 1), trusted_height=height)
        yard.hosting.given.append(seen)
        yard.hosting.delivered.clear()
        await yard.look(at=86)
        assert [delivery.evidence.conflict for delivery in yard.hosting.delivered] == [header.update]
        assert ("fork" in "".join(yard.lost)) is (header is fork)
        yard.hosting.frozen = False


async def test_a_header_is_compared_again_when_our_own_block_could_not_be_judged() -> None:
    yard = Yard()
    strangers = grow([seats(91, 92, 93, 94)] * 20)
    yard.followed.lies[12] = strangers[12]
    yard.hosting.given.append(given(forged(BLOCKS[12], app_hash=b"x" * 32), host_height=501))
    await yard.look(at=13)
    assert yard.lost == []
    yard.followed.lies.clear()
    await yard.look(at=14)
    assert "fork" in yard.lost[0]
