"""What may be signed, and the signing of it: the last gate before a key.

A signature here says that *we* proved these claims at this block. It is refused for anything unproven, for
any lane that is not ours, for any path whose client does not belong to the signing lane, for blocks that
are not final, and for a second timestamp of one height (checked durably before the signature exists).

Implements: the rules that ibc-go's `attestations` client leaves to its attestors (`docs/borders.md`, "Who
signs").
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, assert_never

from adapters.api import Signer
from proofs import attestation, limits
from proofs.types import Acknowledged, Claim, ClientId, Height, Lane, NotReceived, Proven, Sent


class SigningLog(Protocol):
    """Durable memory of the timestamps that were signed."""

    async def remember_height(self, lane: Lane, height: Height, time_s: int, *, asked_by: str) -> None:
        """Note a timestamp; raise `TimestampConflictError` when another was noted for the height."""


class SigningRefused(Exception):  # noqa: N818 - a refusal is an answer here, not a fault
    """The policy does not allow this signature. `code` is stable; `later` says that it may allow it later."""

    def __init__(self, code: str, detail: str, *, later: bool = False) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.later = later


@dataclass(frozen=True, slots=True, kw_only=True)
class Digests:
    """What attestors of one list sign."""

    state: bytes
    packets: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """One attestor's signatures over a height and over a list of claims."""

    height: Height
    time_s: int
    state_signature: bytes
    packet_signature: bytes


def signing_lane(lane: Lane, claim: Claim) -> Lane:
    """Return the lane whose keys sign this claim of `lane`: its source is the proven chain."""
    match claim:
        case Sent():
            return lane
        case Acknowledged() | NotReceived():
            return lane.reverse()
        case _:
            assert_never(claim)


def client_in_path(claim: Claim) -> ClientId:
    """Return the client id in the attested path of this claim: it lives on the proven chain."""
    match claim:
        case Sent(packet=packet):
            return packet.source_client
        case Acknowledged(packet=packet) | NotReceived(packet=packet):
            return packet.destination_client
        case _:
            assert_never(claim)


@lru_cache(maxsize=4)
def digests(height: Height, time_s: int, claims: tuple[Claim, ...]) -> Digests:
    """Return what is signed for these claims, in their order, at this height.

    Remembered for a moment: who signs a list himself also checks the others' signatures over it.
    """
    return Digests(
        state=attestation.state_digest(attestation.encode_state(height, time_s)),
        packets=attestation.packets_digest(attestation.encode_packets(height, attestation.pairs(claims))),
    )


class LaneSigners:
    """The keys of this gateway, one per lane, behind the policy."""

    def __init__(self, signers: Mapping[Lane, Signer], log: SigningLog) -> None:
        self._signers = dict(signers)
        self._log = log

    def address(self, lane: Lane) -> bytes:
        """Return the 20-byte address of our key for this lane. Raises `SigningRefused` for other lanes."""
        return self._signer(lane).address

    async def sign(self, proven: Sequence[Proven[Claim]], *, finalized: Height, asked_by: str) -> Signed:
        """Return our signatures over these proven claims, in their order.

        `finalized` is the height up to which the proven chain is final. Raises `SigningRefused`,
        `StoreError`.
        """
        lane, first = self._checked(proven, finalized)
        signer = self._signer(lane)
        made = digests(first.at.height, first.time_s, tuple([one.claim for one in proven]))
        await self._log.remember_height(lane, first.at.height, first.time_s, asked_by=asked_by)
        return Signed(
            height=first.at.height,
            time_s=first.time_s,
            state_signature=signer.sign(made.state),
            packet_signature=signer.sign(made.packets),
        )

    def _signer(self, lane: Lane) -> Signer:
        signer = self._signers.get(lane)
        if signer is None:
            raise SigningRefused("unknown-lane", f"expected a lane of this gateway, got {lane}")
        return signer

    def _checked(self, proven: Sequence[Proven[Claim]], finalized: Height) -> tuple[Lane, Proven[Claim]]:
        """Return the signing lane and the first of the list, when the policy allows all of it."""
        if not 1 <= len(proven) <= limits.MAX_CLAIMS:
            raise SigningRefused("size", f"expected 1 to {limits.MAX_CLAIMS} claims, got {len(proven)}")
        unproven = [type(one).__name__ for one in proven if not isinstance(one, Proven)]
        if unproven:
            raise SigningRefused("unproven", f"expected proven claims, got {unproven[0]}")
        first = proven[0]
        lane = signing_lane(first.lane, first.claim)
        for one in proven:
            if (one.lane, one.at, one.time_s, type(one.claim)) != (
                first.lane,
                first.at,
                first.time_s,
                type(first.claim),
            ):
                raise SigningRefused(
                    "mixed", f"expected one lane, block and kind, got {first.at} and {one.at}"
                )
            if client_in_path(one.claim) != lane.source_client:
                detail = f"expected client {lane.source_client}, got {client_in_path(one.claim)}"
                raise SigningRefused("foreign-path", detail)
        if first.at.chain != lane.source:
            raise SigningRefused("foreign-chain", f"expected a block of {lane.source}, got {first.at.chain}")
        if not 0 < first.at.height <= finalized or first.time_s <= 0:
            detail = f"expected height 1 to {finalized} and a time, got {first.at.height}, {first.time_s} s"
            raise SigningRefused("not-final", detail, later=first.at.height > finalized)
        return lane, first
