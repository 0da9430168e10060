"""Adapters with one fault each: the kit must find each by its own check, or the kit is what failed."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from adapters.api import (
    AdapterPlugin,
    ChainStatus,
    Delivery,
    Lost,
    Pending,
    Resources,
    SeenAcknowledgement,
    SeenPacket,
    SourceChain,
    SubmissionId,
    SubmissionStatus,
)
from adapters.errors import AdapterError, Refused, Reorged
from adapters.memory import ADAPTER
from adapters.memory.adapter import MemoryAdapter
from adapters.memory.config import MemoryConfig
from proofs.records import replace
from proofs.types import BlockRef, ChainId, Claim, Height, Lane, UntrustedProofs


class Unpinned(MemoryAdapter):
    """Reads packets up to the newest block, whatever block it was told."""

    async def sent(self, lane: Lane, first: Height, last: BlockRef) -> Sequence[SeenPacket]:
        return await super().sent(lane, first, (await self.status()).head)


class Forgetful(MemoryAdapter):
    """Leaves out the last packet of a list."""

    async def sent(self, lane: Lane, first: Height, last: BlockRef) -> Sequence[SeenPacket]:
        seen = await super().sent(lane, first, last)
        return seen[:-1] if len(seen) > 2 else seen


class Stuck(MemoryAdapter):
    """Holds a lock across an await and never gives it back when it is cancelled."""

    _busy = False

    async def sent(self, lane: Lane, first: Height, last: BlockRef) -> Sequence[SeenPacket]:
        if self._busy:
            raise Refused("busy")
        self._busy = True
        seen = await super().sent(lane, first, last)
        self._busy = False
        return seen


class Deaf(MemoryAdapter):
    """Swallows cancellation and answers all the same."""

    async def status(self) -> ChainStatus:
        while True:
            try:
                return await super().status()
            except asyncio.CancelledError:
                continue


class Leaky(MemoryAdapter):
    """Starts a task at `connect` that nobody ends."""

    async def connect(self) -> None:
        await super().connect()
        self._left = asyncio.create_task(asyncio.sleep(3600))


class Hopeful(MemoryAdapter):
    """Says of a submission that nobody knows that it is on its way."""

    async def submissions(self, ids: Sequence[SubmissionId]) -> Sequence[SubmissionStatus]:
        found = await super().submissions(ids)
        return [Pending() if isinstance(status, Lost) else status for status in found]


class Judging(MemoryAdapter):
    """Refuses to fetch evidence for claims that it finds false."""

    async def prove(self, lane: Lane, claims: Sequence[Claim], at: BlockRef) -> UntrustedProofs:
        flags = await self.outstanding(lane, claims, at)
        if all(flags) and claims[0].packet.sequence > 1000:
            raise Refused("no such packet")
        return await super().prove(lane, claims, at)


class Inventive(MemoryAdapter):
    """Raises an error of its own making."""

    class Gone(Reorged):
        """A block that left, by another name."""

    async def sent(self, lane: Lane, first: Height, last: BlockRef) -> Sequence[SeenPacket]:
        try:
            return await super().sent(lane, first, last)
        except Reorged as error:
            raise self.Gone(str(error)) from error


class Blunt(MemoryAdapter):
    """Lets the decoder's own error out instead of `MalformedReply`."""

    async def status(self) -> ChainStatus:
        try:
            return await super().status()
        except AdapterError as error:
            raise ValueError(str(error)) from error


class Restless(MemoryAdapter):
    """Reports acknowledgements by sequence from the newest, not by height."""

    async def acknowledged(self, lane: Lane, first: Height, last: BlockRef) -> Sequence[SeenAcknowledgement]:
        return list(await super().acknowledged(lane, first, last)) * 2


class Doubling(MemoryAdapter):
    """Signs the attestation off by itself: submits whatever it is handed as if it were in order."""

    async def submit(self, delivery: Delivery) -> SubmissionId:
        try:
            return await super().submit(delivery)
        except Refused:
            return SubmissionId("00" * 32)


class Lame(SourceChain):
    """Has one role, and neither the other nor the abilities that its manifest declares."""

    chain_id = ChainId("memory:lame")

    async def connect(self) -> None: ...
    async def close(self) -> None: ...

    status = MemoryAdapter.status
    block = MemoryAdapter.block
    sent = MemoryAdapter.sent
    acknowledged = MemoryAdapter.acknowledged
    update = MemoryAdapter.update
    prove = MemoryAdapter.prove


BAD: dict[str, type[MemoryAdapter]] = {
    "sent-pinned": Unpinned,
    "sent-complete": Forgetful,
    "cancellation": Stuck,
    "no-task-left": Leaky,
    "submission-unknown": Hopeful,
    "proof-false-claim": Judging,
    "pinned-elsewhere": Inventive,
    "nonsense": Blunt,
    "delivery-effect": Restless,
    "delivery-unattested": Doubling,
}
"""Check id -> the adapter that must fail it."""


def plugin_of(build: Callable[[ChainId, MemoryConfig, Resources], Any]) -> AdapterPlugin:
    """Return the memory plugin with another adapter in it."""
    return replace(ADAPTER, build=build)
