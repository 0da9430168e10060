"""Evidence for a chain that runs a light client of the other: headers and Merkle proofs, carried there.

What attestors are to an attested lane, this is to a light-client lane. Nothing here is trusted: the claims
were proven before, with the same proofs, and the destination judges everything once more.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from adapters.api import Carried, ClientView
from adapters.errors import AdapterError, MalformedReply, Remedy
from proofs.types import (
    BlockRef,
    ChainId,
    Claim,
    ClientId,
    Height,
    Lane,
    Proven,
    Sent,
    UntrustedProof,
    UntrustedProofs,
    UntrustedUpdate,
)
from proofs.verdict import Accepted
from relays.runtime.heads import ChainLink

_KEPT_PROOFS = 20_000
_KEPT_HEIGHTS = 64


class ClientAhead(AdapterError):  # noqa: N818 - a condition, named for what it says
    """The hosted client knows only blocks above the proven one: the claims have to be proven anew."""

    code = "client-ahead"
    remedy = Remedy.REWIND


class ClientLost(AdapterError):  # noqa: N818 - a condition, named for what it says
    """The hosted client is frozen, expired, or cannot be convinced any more: a person must replace it."""

    code = "client-lost"
    remedy = Remedy.HALT


class ProofShelf:
    """Proofs of one lane that were verified a moment ago: carried without being fetched again."""

    def __init__(self) -> None:
        self._kept: dict[_Key, tuple[UntrustedProofs, UntrustedProof]] = {}

    def put(self, claims: Sequence[Claim], proofs: UntrustedProofs) -> None:
        """Keep the proofs of a list; the oldest beyond the cap are dropped."""
        for claim, proof in zip(claims, proofs.each, strict=True):
            self._kept[_key(proofs.at, claim)] = (proofs, proof)
        while len(self._kept) > _KEPT_PROOFS:
            del self._kept[next(iter(self._kept))]

    def take(self, at: BlockRef, claims: Sequence[Claim]) -> UntrustedProofs | None:
        """Return the proofs of these claims at this block, and forget them; None when one is missing."""
        found = [self._kept.pop(_key(at, claim), None) for claim in claims]
        whole = [one for one in found if one is not None]
        if not whole or len(whole) != len(found):
            return None
        return replace(whole[0][0], each=tuple([proof for _, proof in whole]))


_Key = tuple[BlockRef, str, int]
_Heads = tuple[BlockRef, BlockRef, BlockRef]
"""Heads of the acting and the proving chain, and the block to be reached."""


def _key(at: BlockRef, claim: Claim) -> _Key:
    return at, type(claim).__name__, claim.packet.sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A light client on the chain that must act, and the chain that it follows."""

    client: ClientId
    acting: ChainLink
    proving: ChainLink


class Carrier:
    """Collects the evidence for the deliveries of one lane, both legs."""

    def __init__(self) -> None:
        self.shelf = ProofShelf()
        self._heights: dict[tuple[ChainId, ClientId], list[Height]] = {}
        """Blocks that a hosted client is known to trust, ascending. Both ends may have the same name."""
        self._ways: dict[tuple[ChainId, ClientId], tuple[_Heads, tuple[UntrustedUpdate, ...]]] = {}
        """What led a client to a block, for as long as neither chain has another head."""

    async def carry(self, lane: Lane, host: Host, proven: Sequence[Proven[Claim]], now_s: float) -> Carried:
        """Return headers up to the proven block, and the proofs of these claims in their order.

        Raises `ClientAhead`, `ClientLost`, and what the adapters raise.
        """
        at, claims = proven[0].at, [one.claim for one in proven]
        updates = await self._way(host, at, now_s)
        proofs = self.shelf.take(at, claims)
        if proofs is None:
            proofs = await host.proving.chain.prove(lane, claims, at)
        return Carried(updates=updates, proofs=proofs)

    async def _way(self, host: Host, at: BlockRef, now_s: float) -> tuple[UntrustedUpdate, ...]:
        """Return what leads the hosted client to block `at`; the deliveries of one moment share it."""
        key = host.acting.chain.chain_id, host.client
        heads = host.acting.head(), host.proving.head(), at
        found = self._ways.get(key)
        if found is None or found[0] != heads:
            found = self._ways[key] = heads, await self._updates(host, at, now_s)
        return found[1]

    async def _updates(self, host: Host, at: BlockRef, now_s: float) -> tuple[UntrustedUpdate, ...]:
        """Return what leads the hosted client to block `at`; nothing when it knows that block."""
        known = self._heights.setdefault((host.acting.chain.chain_id, host.client), [])
        if at.height in known:
            return ()
        view = await read_client(host, now_s)
        check_alive(view, host.client, now_s)
        _note(known, view.latest_height)
        below = [height for height in known if height <= at.height]
        if not below:
            raise ClientAhead(f"client {host.client}: expected a block up to {at.height}, got {known}")
        if below[-1] == at.height:
            return ()
        return await updates_between(host, below[-1], at, now_s, view.trust_level)


def _note(known: list[Height], height: Height) -> None:
    """Add a height to an ascending list; forget the lowest beyond the cap."""
    if height not in known:
        known.append(height)
        known.sort()
        del known[:-_KEPT_HEIGHTS]


async def updates_between(
    host: Host, first: Height, at: BlockRef, now_s: float, trust_level: tuple[int, int] | None
) -> tuple[UntrustedUpdate, ...]:
    """Return the updates that bring a client from block `first`, which it trusts, to block `at`.

    `trust_level` is that of the client. That the client is lost follows from its own state alone, never from
    the blocks that an endpoint shows.
    Raises `MalformedReply` when these blocks do not lead there, and what the adapter raises.
    """
    proving = host.proving
    begin = proving.trust.trusted(first) or await proving.chain.block(first)
    path = await proving.trust.path(proving.chain, proving.spec, begin, at, now_s, trust_level=trust_level)
    if not isinstance(path, Accepted):
        raise MalformedReply(f"client {host.client}: no way from block {first} to {at.height}: {path}")
    return path.value.updates


async def read_client(host: Host, now_s: float) -> ClientView:
    """Return the hosted client as its chain holds it now.

    That it is lost or closed stops lanes, so that counts only in a block that our light client accepts.
    Raises `MalformedReply` when it does not accept it, and what the adapter raises.
    """
    acting, head = host.acting, host.acting.head()
    view = await acting.chain.client(host.client, head)
    if view.closed or why_lost(view, now_s):
        verdict = await acting.trust.advance_to(acting.chain, acting.spec, head, now_s)
        if not isinstance(verdict, Accepted):
            told = f"client {host.client}: said to be {why_lost(view, now_s) or 'closed'} at {head.height}"
            raise MalformedReply(f"{told}, a block that is not trusted: {verdict}")
    return view


def check_alive(view: ClientView, client: ClientId, now_s: float) -> None:
    """Raise `ClientLost` when the client is frozen or expired."""
    lost = why_lost(view, now_s)
    if lost:
        raise ClientLost(f"client {client}: expected one that is active, got {lost}")


def why_lost(view: ClientView, now_s: float) -> str:
    """Return what makes the client useless for good, empty when it is alive."""
    if view.frozen:
        return "a frozen one"
    expires_s = view.latest_time_s + view.trusting_period_s
    if view.trusting_period_s and now_s >= expires_s:  # the same words at every look: they are logged once
        return f"one that expired at {expires_s}"
    return ""


def host_of(lane: Lane, source: ChainLink, destination: ChainLink, claim: Claim) -> Host:
    """Return who judges a claim of this lane: `Sent` goes to the destination, the others to the source."""
    if isinstance(claim, Sent):
        return Host(client=lane.destination_client, acting=destination, proving=source)
    return Host(client=lane.source_client, acting=source, proving=destination)
