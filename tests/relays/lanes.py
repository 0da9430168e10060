"""Helpers for tables about `decide` and `apply`: a lane, packets, and an ideal world that answers steps."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters.api import (
    Attested,
    ChainStatus,
    Included,
    SeenAcknowledgement,
    SeenPacket,
    SubmissionId,
)
from proofs import channels
from proofs.records import replace
from proofs.types import (
    _SEAL,
    Assurance,
    BlockRef,
    ChainId,
    Channel,
    Claim,
    ClientId,
    Height,
    Lane,
    Packet,
    Payload,
    Proven,
)
from proofs.types import Sequence as PacketSequence
from proofs.verdict import Accepted
from relays.core.apply import apply
from relays.core.decide import decide
from relays.core.events import (
    AcknowledgementsSeen,
    Checked,
    Event,
    Followed,
    Handed,
    HeadsRead,
    Judged,
    PacketsSeen,
    Signed,
    Started,
)
from relays.core.lane import LaneParams, LaneState, Limits, Stage
from relays.core.restoring import restore
from relays.core.steps import Attest, Check, Effect, Observe, Prove, Submit, Track, Wait
from relays.core.types import Changes, Leg, Message, Move, State

RED, BLUE = ChainId("memory:red"), ChainId("memory:blue")
LANE = Lane(
    source=RED,
    source_client=ClientId("red-0"),
    destination=BLUE,
    destination_client=ClientId("blue-0"),
)
NOW_S = 1_000_000.0
FAR_S = 2_000_000
LIMITS = Limits(batch=4, window=2, ahead=2, attempts=3, refusals=2, refused_run=6)
ANSWER = (b"\x01",)


def block(chain: ChainId, height: int) -> BlockRef:
    return BlockRef(chain=chain, height=Height(height), hash=height.to_bytes(32, "big"))


def status(chain: ChainId, head: int, finalized: int, time_s: float = NOW_S) -> ChainStatus:
    return ChainStatus(
        head=block(chain, head),
        finalized=block(chain, finalized),
        finalized_time_s=int(time_s),
        observed_at_s=time_s,
    )


def packet(sequence: int, timeout_s: int = FAR_S, channel: Channel | None = None) -> Packet:
    payload = Payload(source_port="a", destination_port="a", version="1", encoding="x", value=b"hello")
    return Packet(
        sequence=PacketSequence(sequence),
        source_client=LANE.source_client,
        destination_client=LANE.destination_client,
        timeout_s=timeout_s,
        payloads=(payload,),
        channel=channel,
    )


def seen(
    sequence: int, height: int = 11, timeout_s: int = FAR_S, channel: Channel | None = None
) -> SeenPacket:
    return SeenPacket(
        packet=packet(sequence, timeout_s, channel), height=Height(height), transaction=f"tx{sequence}"
    )


def seen_on_channel(
    sequence: int, height: int = 11, *, timeout_ns: int = 0, timeout_height: int = 0, revision: int = 0
) -> SeenPacket:
    """Return a packet of an IBC v1 channel; both timeouts are optional."""
    channel = Channel(
        timeout_ns=timeout_ns,
        timeout_revision=revision,
        timeout_height=Height(timeout_height),
        ordered=False,
    )
    return seen(sequence, height, channels.timeout_s(timeout_ns), channel)


def answered(sequence: int, height: int = 20, answer: tuple[bytes, ...] = ANSWER) -> SeenAcknowledgement:
    return SeenAcknowledgement(
        sequence=PacketSequence(sequence), acknowledgements=answer, height=Height(height), transaction="tx"
    )


def proven(claim: Claim, at: BlockRef) -> Proven[Claim]:
    return Proven(lane=LANE, claim=claim, at=at, time_s=int(NOW_S), assurance=Assurance.CONSENSUS, seal=_SEAL)


ATTESTED = Attested(height=Height(1), time_s=1, state_signatures=(b"s",), packet_signatures=(b"p",))


def fresh(
    rank: int = 0, limits: Limits = LIMITS, stored: Iterable[Message] = (), **params_of: Any
) -> LaneState:
    params = LaneParams(lane=LANE, rank=rank, takeover_s=30.0, **params_of)
    return restore(params, limits, {}, tuple(stored), NOW_S)


@dataclass
class Drive:
    """A lane whose steps are answered by a table of functions; by default all goes well at once."""

    state: LaneState
    now_s: float = NOW_S
    height: int = 10
    answers: dict[type, Callable[[Effect], Event | None]] = field(default_factory=dict)
    packets: list[SeenPacket] = field(default_factory=list)
    acknowledgements: list[SeenAcknowledgement] = field(default_factory=list)
    received: set[int] = field(default_factory=set)
    cleared: set[int] = field(default_factory=set)
    steps: list[Effect] = field(default_factory=list)
    changes: list[Changes] = field(default_factory=list)
    submitted: dict[SubmissionId, Submit] = field(default_factory=dict)

    def take(self, event: Event) -> None:
        self.state, changes = apply(self.state, event)
        self.changes.append(changes)

    def heads(self, time_s: float | None = None) -> None:
        """Both chains are at `height`, all of it final."""
        time_s = self.now_s if time_s is None else time_s
        source, destination = (status(chain, self.height, self.height, time_s) for chain in (RED, BLUE))
        self.take(HeadsRead(at_s=self.now_s, source=source, destination=destination))

    def start(self) -> list[Effect]:
        """Start everything that may start; return the steps."""
        begun: list[Effect] = []
        for _ in range(1000):
            steps = decide(self.state, self.now_s)
            if isinstance(steps[0], Wait):
                self.steps += begun
                return begun
            for step in steps:
                assert not isinstance(step, Wait)
                self.take(Started(at_s=self.now_s, step=step))
                begun.append(step)
        raise AssertionError("decide never comes to rest")

    def go(self, rounds: int = 40) -> None:
        """Answer steps until nothing more starts; each round is a block and a second."""
        for _ in range(rounds):
            self.height += 1
            self.now_s += 1.0
            self.heads()
            pending = self.start()
            while pending:
                for step in pending:
                    event = self.answer(step)
                    if event is not None:
                        self.take(event)
                pending = self.start()

    def answer(self, step: Effect) -> Event | None:
        override = self.answers.get(type(step))
        if override is not None:
            event = override(step)
            if event is not None:
                return event
        return self.ideal(step)

    def ideal(self, step: Effect) -> Event:
        at_s = self.now_s
        match step:
            case Observe(leg=Leg.OUT, first=first, last=last):
                found = [each for each in self.packets if first <= each.height <= last]
                return PacketsSeen(at_s=at_s, step=step, last=block(RED, last), packets=found)
            case Observe(first=first, last=last):
                answers = [each for each in self.acknowledgements if first <= each.height <= last]
                return AcknowledgementsSeen(
                    at_s=at_s, step=step, last=block(BLUE, last), acknowledgements=answers
                )
            case Check(leg=Leg.OUT, stage=stage, claims=claims) if stage is not Stage.SURVEY:
                return Checked(
                    at_s=at_s, step=step, outstanding=[c.packet.sequence not in self.received for c in claims]
                )
            case Check(claims=claims):
                return Checked(
                    at_s=at_s, step=step, outstanding=[c.packet.sequence not in self.cleared for c in claims]
                )
            case Prove(batch=batch, at=at):
                verdicts = [Accepted(value=proven(claim, at)) for claim in batch.claims]
                return Judged(at_s=at_s, step=step, verdicts=verdicts)
            case Attest():
                return Signed(at_s=at_s, step=step, evidence=ATTESTED)
            case Submit(delivery=delivery):
                name = SubmissionId(f"{delivery.key[:8]}-{len(self.submitted)}")
                self.submitted[name] = step
                return Handed(at_s=at_s, step=step, submission=name)
            case Track(ids=ids):
                return Followed(at_s=at_s, step=step, statuses=[self._include(each) for each in ids])
        raise AssertionError(step)

    def _include(self, name: SubmissionId) -> Included:
        step = self.submitted[name]
        for claim in step.batch.claims:
            sequence = claim.packet.sequence
            if step.leg is Leg.OUT:
                if sequence not in self.received:
                    self.received.add(sequence)
                    self.acknowledgements.append(answered(sequence, self.height + 1))
            else:
                self.cleared.add(sequence)
        chain = BLUE if step.leg is Leg.OUT else RED
        return Included(at=block(chain, self.height + 1), succeeded=True, detail="", fee=1)

    def moves(self) -> list[Move]:
        return [move for changes in self.changes for move in changes.moved]

    def path(self, sequence: int) -> list[State]:
        """Return the states of one message, in order, without repetitions."""
        states = [State.OBSERVED] if any(self._inserted(sequence)) else []
        for move in self.moves():
            if sequence in move.sequences and (not states or states[-1] is not move.state):
                states.append(move.state)
        return states

    def last_move(self, sequence: int) -> Move:
        return [move for move in self.moves() if sequence in move.sequences][-1]

    def _inserted(self, sequence: int) -> list[Message]:
        return [m for c in self.changes for m in c.inserted if m.packet.sequence == sequence]

    def of(self, kind: type, leg: Leg) -> list[Effect]:
        return [step for step in self.steps if isinstance(step, kind) and step.leg is leg]


def driven(
    packets: Sequence[SeenPacket],
    *,
    rank: int = 0,
    limits: Limits = LIMITS,
    born_s: float = NOW_S,
    kind: type[Drive] = Drive,
    **params_of: Any,
) -> Drive:
    """Return a drive whose source has these packets, all sent after the lane's start (block 10)."""
    drive = kind(state=fresh(rank, limits, **params_of), packets=list(packets), now_s=born_s)
    drive.heads()
    drive.start()
    for step in drive.steps:
        drive.take(drive.ideal(step))
    drive.packets = [replace(each, height=Height(max(each.height, 11))) for each in packets]
    return drive
