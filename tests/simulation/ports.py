"""The runtime's ports for simulations: a memory that survives kills, and attestors in this process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from random import Random

from adapters.api import Attested
from adapters.errors import AdapterError
from adapters.memory.world import MemoryChain
from proofs import attestation, codec
from proofs.records import replace
from proofs.signatures import address_of, sign
from proofs.types import BlockRef, ChainId, Claim, Lane, Proven, Sent, TrustedState
from proofs.verdict import Accepted
from relays.core.types import ENDS, Changes, Cursor, Halt, Leg, Message, Move, State
from relays.runtime.evidence import prove_and_verify
from relays.runtime.heads import ChainLink
from relays.runtime.ports import AttestorsMissing, ChainHalt, LaneRecord
from tests.simulation.timewarp import VirtualClock

import coincurve  # isort: skip


@dataclass
class DurableStore:
    """What one gateway has on disk."""

    random: Random
    clock: VirtualClock
    truth: Mapping[ChainId, MemoryChain]
    cursors: dict[Lane, dict[Leg, Cursor]] = field(default_factory=dict)
    messages: dict[Lane, dict[int, Message]] = field(default_factory=dict)
    halts: dict[Lane, Halt] = field(default_factory=dict)
    trusted: dict[ChainId, TrustedState] = field(default_factory=dict)
    halted_chains: dict[ChainId, ChainHalt] = field(default_factory=dict)
    saves: int = 0
    may_read_again: bool = False
    """Heads are hints: what was read up to a false one is read again."""

    async def load(self, lane: Lane) -> LaneRecord:
        await self.clock.sleep(0.001)
        messages = self.messages.get(lane, {})
        still_open = [message for _, message in sorted(messages.items()) if message.state not in ENDS]
        return LaneRecord(
            cursors=dict(self.cursors.get(lane, {})), open=tuple(still_open), halt=self.halts.get(lane)
        )

    async def save(self, lane: Lane, changes: Changes) -> None:
        """Commit at once or after the wait: a kill in between loses the commit, or only the answer."""
        if self.random.random() < 0.5:
            self._commit(lane, changes)
            await self.clock.sleep(0.002)
        else:
            await self.clock.sleep(0.002)
            self._commit(lane, changes)

    async def recall_trust(self, anchor: BlockRef) -> TrustedState | None:
        return self.trusted.get(anchor.chain)

    async def remember_trust(self, anchor: BlockRef, state: TrustedState) -> None:
        self.trusted[anchor.chain] = state

    async def recall_halt(self, chain: ChainId) -> ChainHalt | None:
        return self.halted_chains.get(chain)

    async def remember_halt(self, chain: ChainId, halt: ChainHalt) -> None:
        self.halted_chains[chain] = halt

    async def forget(self, chain: ChainId) -> None:
        self.trusted.pop(chain, None)
        self.halted_chains.pop(chain, None)

    def wipe(self) -> None:
        """Lose the disk."""
        self.halts.clear()
        self.trusted.clear()
        self.halted_chains.clear()
        self.cursors.clear()
        self.messages.clear()

    def _commit(self, lane: Lane, changes: Changes) -> None:
        self.saves += 1
        if changes.halt is not None:
            self.halts.pop(lane, None)
            if changes.halt.reason:
                self.halts[lane] = changes.halt
        if changes.starts_over:
            self.cursors.pop(lane, None)
        cursors = self.cursors.setdefault(lane, {})
        for leg, cursor in changes.cursors:
            before = cursors.get(leg)
            if before is not None and cursor.height < before.height and not self.may_read_again:
                raise AssertionError(
                    f"{lane} {leg}: cursor went back from {before.height} to {cursor.height}"
                )
            cursors[leg] = cursor
        messages = self.messages.setdefault(lane, {})
        for message in changes.inserted:
            messages[message.packet.sequence] = message
        for move in changes.moved:
            self._check_told(lane, move)
            for place, sequence in enumerate(move.sequences):
                answers = move.acknowledgements
                messages[sequence] = replace(
                    messages[sequence],
                    state=move.state,
                    since_s=move.at_s,
                    waiting_on=move.waiting_on,
                    reason=move.reason,
                    next_action_s=move.next_action_s,
                    attempts=messages[sequence].attempts if move.attempts is None else move.attempts,
                    delivery=move.delivery or messages[sequence].delivery,
                    delivered_by=move.delivered_by or messages[sequence].delivered_by,
                    acknowledgements=answers[place] if answers else messages[sequence].acknowledgements,
                )

    def _check_told(self, lane: Lane, move: Move) -> None:
        """Nothing is called delivered or ended before the finalized state of the chain says so."""
        for sequence in move.sequences:
            if move.state is State.DELIVERED:
                path = codec.receipt_path(lane.destination_client, sequence)
                told = finalized_value(self.truth[lane.destination], path) is not None
            elif move.state in (State.ACKNOWLEDGED, State.REFUNDED):
                path = codec.commitment_path(lane.source_client, sequence)
                told = finalized_value(self.truth[lane.source], path) is None
            else:
                return
            if not told:
                raise AssertionError(f"{lane} {sequence}: called {move.state.value} too early")


def finalized_value(chain: MemoryChain, path: bytes) -> bytes | None:
    """Return what the chain's state holds at its newest finalized block."""
    height = chain.head.ref.height - chain.spec.finality_depth
    value: bytes | None = chain.state.get(path, height)
    return value


def lane_key(gateway: str, lane: Lane) -> bytes:
    """Return the key with which a gateway signs for claims proven on `lane.source`."""
    return sha256(f"{gateway}|{lane}".encode()).digest()


def lane_address(gateway: str, lane: Lane) -> bytes:
    return address_of(coincurve.PrivateKey(lane_key(gateway, lane)).public_key)


def signing_lane(lane: Lane, claim: Claim) -> Lane:
    return lane if isinstance(claim, Sent) else lane.reverse()


@dataclass(frozen=True)
class Attestor:
    """One gateway that proves for itself and signs."""

    name: str
    links: Mapping[ChainId, ChainLink]
    truth: Mapping[ChainId, MemoryChain]
    clock: VirtualClock

    async def sign(
        self, lane: Lane, claims: Sequence[Claim], at: BlockRef, time_s: int
    ) -> tuple[bytes, bytes]:
        """Return signatures over block and claims after proving them. Raises `AdapterError`, `ValueError`."""
        link = self.links[at.chain]
        finalized = (await link.chain.status()).finalized
        if finalized.height < at.height:
            raise ValueError(f"not final: {at.height} above {finalized.height}")
        ours = await link.chain.block(at.height)
        verdicts = await prove_and_verify(
            link.chain, link.spec, link.trust, lane, claims, ours, self.clock.now_s()
        )
        for verdict in verdicts:
            if not isinstance(verdict, Accepted) or verdict.value.time_s != time_s:
                raise ValueError(f"not proven: {verdict}")
        self._check_final(at)
        key = lane_key(self.name, signing_lane(lane, claims[0]))
        state = attestation.state_digest(attestation.encode_state(at.height, time_s))
        packets = attestation.packets_digest(attestation.encode_packets(at.height, attestation.pairs(claims)))
        return sign(key, state), sign(key, packets)

    def _check_final(self, at: BlockRef) -> None:
        """Nothing is signed before finality, by the chain's own truth."""
        chain = self.truth[at.chain]
        block = chain.at(at.height)
        final = chain.head.ref.height - chain.spec.finality_depth
        if block is None or block.ref != at or at.height > final:
            raise AssertionError(f"signed before finality: {at}, final is {final}")


@dataclass
class InProcessAttestors:
    """All attestors of the simulation, seen from one gateway. A gateway that is down does not answer."""

    alive: Mapping[str, Attestor]
    names: Sequence[str]
    threshold: int

    async def attest(self, lane: Lane, proven: Sequence[Proven[Claim]]) -> Attested:
        claims, first = [one.claim for one in proven], proven[0]
        signatures: list[tuple[bytes, bytes]] = []
        missing: dict[str, str] = {}
        for name in self.names:
            attestor = self.alive.get(name)
            if attestor is None:
                missing[name] = "down"
                continue
            try:
                signatures.append(await attestor.sign(lane, claims, first.at, first.time_s))
            except (AdapterError, ValueError) as error:
                missing[name] = str(error)[:80]
            if len(signatures) == self.threshold:
                return Attested(
                    height=first.at.height,
                    time_s=first.time_s,
                    state_signatures=tuple([state for state, _ in signatures]),
                    packet_signatures=tuple([packets for _, packets in signatures]),
                )
        raise AttestorsMissing(have=len(signatures), need=self.threshold, missing=missing)
