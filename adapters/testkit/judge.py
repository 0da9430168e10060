"""The judging half of the kit's bridge: two chains, and what `proofs` makes of the evidence that they give.

Nothing is believed here because an adapter says it: updates go through the configured light client,
claims through `proofs.verify`, exactly as in a gateway.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from adapters.api import AdapterPlugin, Clock, GatewayChain, LightClientSpec, Resources, SourceChain
from adapters.memory import ADAPTER as MEMORY
from adapters.memory.adapter import MemoryAdapter
from adapters.memory.config import MemoryConfig, chain_spec
from adapters.memory.transactions import AddClient, Mint
from adapters.memory.world import forget, open_chain, validator_addresses
from adapters.testkit.attesting import Key
from adapters.testkit.subject import KIT_CHAIN, KIT_CLIENT, THRESHOLD, Subject
from proofs import registry
from proofs.types import BlockRef, Claim, CommitmentStore, Lane, Proven, TrustedState, UntrustedUpdate
from proofs.verdict import Accepted, Verdict
from proofs.verify import verify

SUBJECT_KEYS = tuple([Key(f"isthmus conformance kit, subject's attestor {index}") for index in range(3)])
"""They attest the subject's chain towards the kit's."""

KIT_RELAYER = Key("isthmus conformance kit, relayer")
"""It pays on the kit's chain, and owns the tokens that are sent from there."""

KIT_DENOM = "kit"

_WORLD = "isthmus conformance kit"
_PLENTY = 10**9


class CheckFailed(Exception):  # noqa: N818 - named for what it says
    """The adapter does not keep what the check is about."""


class CheckSkipped(Exception):  # noqa: N818 - named for what it says
    """The subject cannot be put to this check."""


def expect(truth: object, what: str, *, expected: object, actual: object) -> None:
    """Raise `CheckFailed` that names both sides unless `truth` holds."""
    if not truth:
        raise CheckFailed(f"{what}: expected {expected!s:.400}, got {actual!s:.400}")


class _OffsetClock:
    """The subject's clock, which the kit's chain may run ahead of."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.ahead_s = 0.0

    def now_s(self) -> float:
        return self._clock.now_s() + self.ahead_s

    def monotonic_s(self) -> float:
        return self._clock.monotonic_s() + self.ahead_s

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)


class Judge:
    """The subject, the kit's chain, and the lane between them (the subject is its source)."""

    def __init__(self, subject: Subject) -> None:
        """Set up the kit's chain and its client of the subject's; the subject's own must exist already."""
        self.subject = subject
        self.lane = Lane(
            source=subject.chain_id,
            source_client=subject.client,
            destination=KIT_CHAIN,
            destination_client=KIT_CLIENT,
        )
        self.kit_clock = _OffsetClock(subject.resources.clock)
        forget(_WORLD)
        config = MemoryConfig(
            validators=validator_addresses(KIT_CHAIN, 4),
            threshold=3,
            world=_WORLD,
            block_time_s=0.0,
            finality_depth=0,
        )
        chain = open_chain(_WORLD, KIT_CHAIN, chain_spec(config), self.kit_clock)
        addresses = tuple([key.address for key in SUBJECT_KEYS])
        chain.submit(
            AddClient(
                client=KIT_CLIENT, counterparty=subject.client, attestors=addresses, threshold=THRESHOLD
            )
        )
        chain.submit(Mint(account=f"0x{KIT_RELAYER.address.hex()}", denom=KIT_DENOM, amount=_PLENTY))
        resources = Resources(clock=self.kit_clock, signers=(KIT_RELAYER,))
        self.kit_chain = chain
        self.kit = MemoryAdapter(KIT_CHAIN, config, resources)
        self._kit_config = config

    @asynccontextmanager
    async def open(self) -> AsyncIterator[GatewayChain]:
        """Yield a new adapter, connected; close it afterwards."""
        chain = self.build()
        await chain.connect()
        try:
            yield chain
        finally:
            await chain.close()

    def build(self) -> GatewayChain:
        """Return a new adapter as a host would build it."""
        subject = self.subject
        return subject.plugin.build(subject.chain_id, subject.config, subject.resources)

    async def trusted(self, chain: SourceChain, at: BlockRef) -> TrustedState:
        """Return what the light client of either chain makes of block `at`; anything but accepted fails."""
        plugin, config = self._side(at)
        spec = plugin.light_client(at.chain, config)
        before = await self.anchored(chain, spec)
        return self._accepted(before, await chain.update(at), spec)

    async def anchored(self, chain: SourceChain, spec: LightClientSpec) -> TrustedState | None:
        """Return the block from which trust starts, as judged; None for families that need no such block."""
        if spec.anchor is None:
            return None
        return self._accepted(None, await chain.update(spec.anchor), spec)

    def _accepted(
        self, before: TrustedState | None, untrusted_update: UntrustedUpdate, spec: LightClientSpec
    ) -> TrustedState:
        verdict = registry.advance(before, untrusted_update, spec.params, self.kit_clock.now_s())
        if not isinstance(verdict, Accepted):
            height = untrusted_update.target.height
            raise CheckFailed(f"update of block {height}: expected Accepted, got {verdict}")
        return verdict.value

    def store(self, at: BlockRef) -> CommitmentStore:
        """Return where the chain of `at` keeps its commitments, from configuration."""
        plugin, config = self._side(at)
        return plugin.store(at.chain, config)

    async def verdicts(
        self, chain: SourceChain, lane: Lane, claims: Sequence[Claim], at: BlockRef
    ) -> tuple[Verdict[Proven[Claim]], ...]:
        """Return what `proofs` makes of the evidence that a chain gives for claims in its block `at`."""
        trusted = await self.trusted(chain, at)
        evidence = await chain.prove(lane, claims, at)
        return verify(lane, trusted, self.store(at), claims, evidence)

    async def prove(
        self, chain: SourceChain, lane: Lane, claims: Sequence[Claim], at: BlockRef
    ) -> tuple[Proven[Claim], ...]:
        """Return the claims, proven in block `at` of either chain; anything but accepted fails."""
        verdicts = await self.verdicts(chain, lane, claims, at)
        accepted = [verdict.value for verdict in verdicts if isinstance(verdict, Accepted)]
        expect(len(accepted) == len(claims), "proofs", expected="all accepted", actual=verdicts)
        return tuple(accepted)

    def _side(self, at: BlockRef) -> tuple[AdapterPlugin, Any]:
        if at.chain == KIT_CHAIN:
            return MEMORY, self._kit_config
        return self.subject.plugin, self.subject.config
