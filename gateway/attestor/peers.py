"""Collects signatures: our own and the peers', each checked against its configured address.

Implements `relays.runtime.ports.Attestors`. The fastest peers are asked first, as many as are missing; when
one fails or lets wait, the next is asked too. A signature that does not recover to the peer's own key is
ignored and the peer named: one bad signature would void the whole proof.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from adapters.api import Attested, SourceChain
from gateway.attestor.client import PeerClient, PeerFailed
from gateway.attestor.finality import Finality
from gateway.attestor.signing import Digests, LaneSigners, Signed, SigningRefused, digests, signing_lane
from gateway.attestor.wire import encode_request
from proofs import attestation
from proofs.types import ChainId, Claim, Lane, Proven
from proofs.verdict import Refusal
from relays.runtime.ports import AttestorsMissing

_HEDGE_S = 0.3
"""How long the first peers may let wait before the others are asked as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneAttestors:
    """Who signs for one lane."""

    threshold: int
    addresses: Mapping[str, bytes]
    """Name of the gateway -> 20-byte address of its key for this lane, in rank order."""


@dataclass(slots=True, kw_only=True)
class _Round:
    """What came in so far for one list of claims."""

    expected: Digests
    attestors: LaneAttestors
    own: str
    signed: dict[str, Signed] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def lacking(self) -> int:
        """Return how many signatures of others are still missing: our own is under way."""
        return self.attestors.threshold - 1 - len(self.signed.keys() - {self.own})

    def take(self, name: str, signed: Signed) -> None:
        """Count a signature if it is that attestor's. Raises `PeerFailed` when it is not."""
        address = self.attestors.addresses[name]
        pairs = (
            (self.expected.state, signed.state_signature),
            (self.expected.packets, signed.packet_signature),
        )
        for digest, signature in pairs:
            try:
                signer = attestation.recover(digest, signature)
            except Refusal as refusal:
                raise PeerFailed(f"sent no signature: {refusal.detail}") from refusal
            if signer != address:
                raise PeerFailed(
                    f"signed with another key or other data: expected 0x{address.hex()}, got 0x{signer.hex()}"
                )
        self.signed[name] = signed


class Peers:
    """The attestors of all lanes, this gateway among them."""

    def __init__(
        self,
        *,
        name: str,
        lanes: Mapping[Lane, LaneAttestors],
        signers: LaneSigners,
        clients: Mapping[str, PeerClient],
        chains: Mapping[ChainId, SourceChain],
        finality: Finality,
    ) -> None:
        self._name = name
        self._lanes = dict(lanes)
        self._signers = signers
        self._clients = dict(clients)
        self._chains = dict(chains)
        self._finality = finality

    async def attest(self, lane: Lane, proven: Sequence[Proven[Claim]]) -> Attested:
        """Return exactly `threshold` signatures over block and claims, in their order.

        Raises `AttestorsMissing`; what our own signing raises goes on to the caller.
        """
        first = proven[0]
        signing = signing_lane(lane, first.claim)
        claims = tuple([one.claim for one in proven])
        expected = digests(first.at.height, first.time_s, claims)
        gathered = _Round(expected=expected, attestors=self._lanes[signing], own=self._name)
        asking = asyncio.create_task(self._ask_peers(gathered, encode_request(lane, first.at, claims)))
        try:
            await self._sign(gathered, signing, proven)
            await asking
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        if len(gathered.signed) < gathered.attestors.threshold:
            have, need = len(gathered.signed), gathered.attestors.threshold
            raise AttestorsMissing(have=have, need=need, missing=gathered.missing)
        chosen = [gathered.signed[name] for name in gathered.attestors.addresses if name in gathered.signed]
        chosen = chosen[: gathered.attestors.threshold]
        return Attested(
            height=first.at.height,
            time_s=first.time_s,
            state_signatures=tuple([one.state_signature for one in chosen]),
            packet_signatures=tuple([one.packet_signature for one in chosen]),
        )

    async def _sign(self, gathered: _Round, signing: Lane, proven: Sequence[Proven[Claim]]) -> None:
        """Add our own signature, or note that our chain does not reach far enough (any more)."""
        height = proven[0].at.height
        finalized = await self._finality.reaching(height, self._chains[signing.source])
        try:
            own = await self._signers.sign(proven, finalized=finalized.height, asked_by="self")
        except SigningRefused as error:
            if not error.later:
                raise
            gathered.missing[self._name] = str(error)
        else:
            gathered.take(self._name, own)

    async def _ask_peers(self, gathered: _Round, request: bytes) -> None:
        """Ask peers, the fastest first, until enough have signed or none is left."""
        waiting = sorted(
            (name for name in gathered.attestors.addresses if name in self._clients),
            key=lambda name: (self._clients[name].error not in (None, ""), self._clients[name].latency_s),
        )
        asked: set[asyncio.Task[None]] = set()
        try:
            while gathered.lacking() > 0 and (waiting or asked):
                now, waiting = _split(waiting, gathered.lacking() - len(asked))
                asked |= {self._asking(gathered, name, request) for name in now}
                done, asked = await asyncio.wait(
                    asked, timeout=_HEDGE_S if waiting else None, return_when=asyncio.FIRST_COMPLETED
                )
                if not done:
                    asked |= {self._asking(gathered, name, request) for name in waiting}
                    waiting = []
                for task in done:
                    task.result()
        finally:
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)

    def _asking(self, gathered: _Round, name: str, request: bytes) -> "asyncio.Task[None]":
        return asyncio.create_task(self._ask(gathered, name, request), name=f"attest-{name}")

    async def _ask(self, gathered: _Round, name: str, request: bytes) -> None:
        """Ask one peer and count its signature, or note why there is none."""
        client = self._clients[name]
        gathered.missing[name] = "did not answer in time"
        try:
            gathered.take(name, await client.ask(request))
        except PeerFailed as error:
            client.note(str(error))
            gathered.missing[name] = str(error)
        else:
            del gathered.missing[name]


def _split(names: list[str], count: int) -> tuple[list[str], list[str]]:
    """Return the first `count` names and the others; a negative count takes none."""
    taken = max(count, 0)
    return names[:taken], names[taken:]
