"""Keeps one hosted light client alive, watches it, reports a fork to it. One per client, beside the lanes.

A client that gets no header within its trusting period is lost, with all packets in flight: it is given one
when half of the period has passed. The headers that others gave it are compared with the chain's own: two
that conflict freeze the client before anything is delivered on the strength of the false one.

Implements: ICS-2 (client update, misbehaviour), as a relayer does both.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import structlog

from adapters.api import (
    Carried,
    ClientView,
    ClientWatcher,
    Clock,
    Delivery,
    Included,
    Pending,
    SeenClientUpdate,
    SubmissionId,
)
from adapters.errors import AdapterError, Pruned
from proofs.registry import misbehaviour
from proofs.types import BlockRef, ChainId, ClientId, Height, Lane, TrustedState, UntrustedUpdate
from proofs.verdict import Accepted
from relays.runtime.carry import ClientLost, Host, check_alive, read_client, updates_between
from relays.runtime.evidence import sure_block

_log = structlog.get_logger("relays.clients")

_CHECK_S = 5.0
"""How often a client is looked at, unless its trusting period asks for more."""
_CHECKS_OF_A_PERIOD = 30
_FIRST_S = 0.5
"""Until the chains were read for the first time."""
_REFRESH_AT = 1 / 2
"""Part of the trusting period after which the client gets a header."""
_ALERT_AT = 2 / 3
"""Part after which somebody should know that the refresh did not come: one third is left."""
_SCAN_BLOCKS = 1_000
_MAX_TRACKED = 60
_MAX_UNSURE = 64


class ClientMode(StrEnum):
    """How a hosted client does."""

    UNKNOWN = "unknown"
    ACTIVE = "active"
    EXPIRING = "expiring"
    """Less than a third of its trusting period is left."""
    EXPIRED = "expired"
    FROZEN = "frozen"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientHealth:
    """What people are told of a hosted client."""

    chain: ChainId
    client: ClientId
    of: ChainId
    """The chain that it follows."""
    mode: ClientMode
    height: Height
    expires_s: int
    """Unix seconds; 0 when it does not expire, or is not known yet."""
    detail: str
    """The last error or act, empty when there was none."""


class ClientKeeper:
    """Looks after one light client. `run` owns its lifetime."""

    def __init__(
        self,
        lane: Lane,
        host: Host,
        clock: Clock,
        *,
        lost: Callable[[str], None],
        closed: Callable[[Height], None],
    ) -> None:
        """Keep the client of `lane.destination_client`; `lost` and `closed` are told what lanes must know."""
        self._lane = lane
        self._host = host
        self._clock = clock
        self._lost = lost
        self._closed = closed
        self._view: ClientView | None = None
        self._detail = ""
        self._failing = False
        self._read_up_to: Height | None = None
        self._unsure: list[SeenClientUpdate] = []
        """Headers above everything that we have seen of the chain."""
        self._submitted: SubmissionId | None = None
        self._looks = 0

    def health(self) -> ClientHealth:
        """Return how the client does."""
        view, host = self._view, self._host
        expires_s = view.latest_time_s + view.trusting_period_s if view and view.trusting_period_s else 0
        return ClientHealth(
            chain=host.acting.chain.chain_id,
            client=host.client,
            of=host.proving.chain.chain_id,
            mode=_mode(view, self._clock.now_s()),
            height=view.latest_height if view else Height(0),
            expires_s=expires_s,
            detail=self._detail,
        )

    def failed(self, detail: str) -> None:
        """Note an error; it is shown until a look goes well."""
        self._note(detail)
        self._failing = True

    async def run(self) -> None:
        """Look after the client until cancelled."""
        while True:
            await self.look()
            await self._clock.sleep(self._pause_s())

    async def look(self) -> None:
        """Look once, and do what is due. An error of a chain is noted, and met again next time."""
        try:
            await self._round()
            if self._failing:
                self._failing, self._detail = False, ""
        except ClientLost as error:
            self.failed(f"{error.code}: {error}")
            self._lost(str(error))
        except AdapterError as error:
            self.failed(f"{error.code}: {error}")

    def _pause_s(self) -> float:
        if self._view is None:
            return _FIRST_S
        period_s = self._view.trusting_period_s
        return min(_CHECK_S, period_s / _CHECKS_OF_A_PERIOD) if period_s else _CHECK_S

    async def _round(self) -> None:
        acting, head = self._host.acting.chain, self._host.acting.head()
        self._view = view = await read_client(self._host, self._clock.now_s())
        if view.closed:
            self._closed(head.height)
        check_alive(view, self._host.client, self._clock.now_s())
        await self._refresh(view)
        if isinstance(acting, ClientWatcher):
            await self._watch(acting, head)

    async def _refresh(self, view: ClientView) -> None:
        """Give the client a header when it is time, and see that it took the last one."""
        if await self._is_under_way() or not view.trusting_period_s:
            return
        age = (self._clock.now_s() - view.latest_time_s) / view.trusting_period_s
        if age < _REFRESH_AT:
            return
        target = self._host.proving.head()
        updates = await updates_between(
            self._host, view.latest_height, target, self._clock.now_s(), view.trust_level
        )
        await self._submit(Carried(updates=updates, proofs=None), f"refresh to {target.height}")

    async def _is_under_way(self) -> bool:
        """Say whether something of ours is undecided on the acting chain."""
        if self._submitted is None:
            return False
        [status] = await self._host.acting.chain.submissions((self._submitted,))
        self._looks += 1
        if isinstance(status, Pending) and self._looks < _MAX_TRACKED:
            return True
        if not (isinstance(status, Included) and status.succeeded):
            self._note(f"not-included: {status}")
        self._submitted = None
        return False

    async def _submit(self, evidence: Carried, act: str) -> None:
        text = f"{self._lane}|{act}|{self._clock.now_s()}"
        key = hashlib.sha256(text.encode()).hexdigest()
        delivery = Delivery(lane=self._lane, proven=(), evidence=evidence, key=key)
        self._submitted, self._looks = await self._host.acting.chain.submit(delivery), 0
        self._note(act)

    async def _watch(self, watcher: ClientWatcher, head: BlockRef) -> None:
        """Compare the headers that the client was given since the last look with the chain's own."""
        sure = sure_block(self._host.acting.spec, self._host.acting.trust)
        if self._read_up_to is not None and self._read_up_to > head.height and sure is not None:
            self._read_up_to = min(self._read_up_to, sure.height)  # that head was withdrawn
        before = self._read_up_to if self._read_up_to is not None else max(0, head.height - _SCAN_BLOCKS)
        first = Height(before + 1)
        if first > head.height:
            return
        last = head
        if head.height - first >= _SCAN_BLOCKS:
            last = await self._host.acting.chain.block(Height(first + _SCAN_BLOCKS - 1))
        seen = [*self._unsure, *await watcher.client_updates(self._host.client, first, last)]
        unsure = [one for one in seen if not await self._compare(one)]
        self._read_up_to, self._unsure = last.height, unsure[-_MAX_UNSURE:]

    async def _compare(self, seen: SeenClientUpdate) -> bool:
        """Report a header that is not the chain's own, which our light client accepts there.

        Whether it convinces anybody is for the client's chain to say: that we cannot read a part of it, or no
        longer judge where it comes from, hides no fork. Returns whether it could be compared: not above
        everything that we have seen, nor while our own light client cannot judge the block there.
        """
        proving, now_s = self._host.proving, self._clock.now_s()
        target = seen.untrusted_update.target
        given = replace(seen.untrusted_update, target=replace(target, chain=proving.chain.chain_id))
        if proving.trust.at(given.target) is not None:
            return True
        if target.height > proving.head().height:
            return await self._compare_times(seen, given)
        if not 0 < seen.trusted_height < target.height:
            return True
        try:
            own = await proving.chain.block(target.height)
            if own == given.target:
                return True
            if not isinstance(
                await proving.trust.advance_to(proving.chain, proving.spec, own, now_s), Accepted
            ):
                return False
            is_fork = await self._is_fork(seen.trusted_height, own, given)
        except Pruned as error:
            self._note(f"not compared: {error}")
            return True
        if not is_fork:
            _log.warning("client.other_header", client=self._host.client, given=given.target, own=own)
        await self._report(seen, own, is_proven=is_fork)
        return True

    async def _compare_times(self, seen: SeenClientUpdate, given: UntrustedUpdate) -> bool:
        """Report a header above everything that we have seen whose time is not after that of our head.

        Blocks of a height that may never come could not be compared otherwise. Returns whether it was so.
        """
        proving, now_s = self._host.proving, self._clock.now_s()
        own = proving.head()
        if not 0 < seen.trusted_height < own.height:
            return False
        if not isinstance(await proving.trust.advance_to(proving.chain, proving.spec, own, now_s), Accepted):
            return False
        if not await self._is_fork(seen.trusted_height, own, given):
            return False
        await self._report(seen, own, is_proven=True)
        return True

    async def _is_fork(self, trusted_height: Height, own: BlockRef, given: UntrustedUpdate) -> bool:
        """Say whether validators have signed both our block, which is trusted, and the one that was given.

        Whoever merely serves the host chain can name any header, and stops no lane with it.
        """
        proving, now_s = self._host.proving, self._clock.now_s()
        ours = await proving.chain.update(own)
        for base in (await self._trusted(trusted_height), proving.trust.below(own.height)):
            if base is not None:
                verdict = misbehaviour(base, ours, given, proving.spec.params, now_s)
                if isinstance(verdict, Accepted):
                    return True
        return False

    async def _trusted(self, height: Height) -> TrustedState | None:
        """Return our trusted state of this height; None when it is too far back."""
        proving = self._host.proving
        try:
            start = await proving.chain.block(height)
            begin = await proving.trust.advance_to(proving.chain, proving.spec, start, self._clock.now_s())
        except Pruned:
            return None
        return begin.value if isinstance(begin, Accepted) else None

    async def _report(self, seen: SeenClientUpdate, own: BlockRef, *, is_proven: bool) -> None:
        """Freeze the client with both headers. At a fork that we have proven, all lanes of the chain stop.

        They stop first: two blocks that validators signed for one place contradict each other, whoever was
        shown which.
        """
        given = seen.untrusted_update.target
        if is_proven:
            _log.critical("client.fork", client=self._host.client, given=given, own=own)
            fork = f"fork: {own.chain} {own.height}: expected {own.hash.hex()}, got {given.hash.hex()}"
            self._lost(fork)
            await self._host.proving.contradict(fork)
        try:
            now_s = self._clock.now_s()
            level = self._view.trust_level if self._view else None
            updates = await updates_between(self._host, seen.trusted_height, own, now_s, level)
            evidence = Carried(updates=updates, proofs=None, conflict=seen.untrusted_update)
            await self._submit(evidence, f"misbehaviour at {given.height}")
        except AdapterError as error:
            if is_proven:
                raise
            self._note(f"no misbehaviour at {given.height}: {error}")

    def _note(self, detail: str) -> None:
        if detail != self._detail:
            chain = self._host.acting.chain.chain_id
            _log.info("client.note", chain=chain, client=self._host.client, detail=detail)
            self._detail = detail


def _mode(view: ClientView | None, now_s: float) -> ClientMode:
    if view is None:
        return ClientMode.UNKNOWN
    if view.frozen:
        return ClientMode.FROZEN
    if not view.trusting_period_s:
        return ClientMode.ACTIVE
    age = (now_s - view.latest_time_s) / view.trusting_period_s
    if age >= 1:
        return ClientMode.EXPIRED
    return ClientMode.EXPIRING if age >= _ALERT_AT else ClientMode.ACTIVE
