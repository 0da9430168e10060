"""The story: messages both ways, tokens out and home again, one transfer too late and refunded.

It acts through the gateways' HTTP API as any user would, and believes only what the chains' own state says.
The late transfer is made honestly: deliveries of its lane are held back on all three gateways until its
timeout has passed on the destination; then they go on, and may only refund it.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from gateway.cli.client import request
from gateway.cli.output import CliError
from gateway.demo.ledger import Count, total
from gateway.demo.stage import Access, Stage
from proofs.types import Lane

_CHUNK = 50
_TRANSFERS = (500, 300, 200)
_HOME_AGAIN = 400
_LATE = 77
_LATE_S = (6, 12, 24)
"""Lifetimes to try: on a slow machine the shortest may be over before the transfer is in a block."""
_HOUR_S = 3600
_PATIENCE_S = 300.0
_POLL_S = 0.4

Tell = Callable[[str], None]
Show = Callable[[Mapping[Lane, Count]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the story ended."""

    count: Count
    problems: tuple[str, ...]
    """What is wrong, a sentence each; empty when all is well."""


async def play(stage: Stage, messages: int, tell: Tell, show: Show) -> Outcome:
    """Play it, and return how it ended."""
    teller = _Teller(stage, messages, tell, show)
    await teller.introduce()
    await asyncio.gather(*[teller.send_messages(lane) for lane in stage.lanes])
    await asyncio.gather(*[teller.send_tokens(lane) for lane in stage.lanes])
    tell(teller.what_was_sent())
    await teller.until(lambda counts: all(one.delivered == one.sent for one in counts.values()))
    tell("every one of them delivered")
    home = [lane for lane in stage.lanes if lane not in stage.late]
    await asyncio.gather(*map(teller.come_too_late, stage.late), *map(teller.send_home, home))
    await teller.until(lambda counts: total(counts.values()).settled())
    return await teller.end()


class _Teller:
    """The acts of the story, in the order in which they are played."""

    def __init__(self, stage: Stage, messages: int, tell: Tell, show: Show) -> None:
        self._stage = stage
        self._messages = messages
        self._tell = tell
        self._show = show
        self._lane_ids: dict[Lane, str] = {}
        self._names: dict[Lane, str] = {}
        self._sent: dict[Lane, int] = {}

    async def introduce(self) -> None:
        """Learn the lanes' ids, and say what each of them is worth."""
        access = next(iter(self._stage.gateways.values()))
        views = (await self._ask(access, "GET", "/v1/lanes"))["lanes"]
        alike = Counter((lane.source, lane.destination) for lane in self._stage.lanes)
        for lane in self._stage.lanes:
            ends = (lane.source, lane.source_client, lane.destination, lane.destination_client)
            view = next(
                one
                for one in views
                if ends
                == (one["source"], one["source_client"], one["destination"], one["destination_client"])
            )
            self._lane_ids[lane] = view["id"]
            unsafe = f"; UNSAFE: {view['unsafe_because']}" if view["unsafe"] else ""
            by = f" by {lane.source_client}" if alike[lane.source, lane.destination] > 1 else ""
            self._names[lane] = f"{view['source_name']} -> {view['destination_name']}{by}"
            self._tell(f"lane {self._names[lane]}: {view['trust']}{unsafe}")

    async def send_messages(self, lane: Lane) -> None:
        """Send the messages of one lane, in lists, if it carries any."""
        numbered = [self._stage.message(lane, number) for number in range(self._messages)]
        items = [item for item in numbered if item is not None]
        for first in range(0, len(items), _CHUNK):
            await self._send(lane, items[first : first + _CHUNK], _HOUR_S)
        self._sent[lane] = len(items)

    def what_was_sent(self) -> str:
        """Return a sentence about messages and tokens."""
        carrying = sum(count > 0 for count in self._sent.values())
        both = "" if carrying == len(self._sent) else f" on {carrying} lanes"
        return f"{self._messages} messages{both} and {len(_TRANSFERS)} token transfers sent each way"

    async def send_tokens(self, lane: Lane) -> None:
        """Send the source's home token to the account on the other side."""
        denom = self._stage.parties[lane.source].denom
        await self._send(lane, [self._transfer(lane, denom, amount) for amount in _TRANSFERS], _HOUR_S)

    async def send_home(self, lane: Lane) -> None:
        """Send part of what arrived on this lane's source back to where it is at home."""
        await self._send(lane, [self._transfer(lane, self._stage.abroad(lane), _HOME_AGAIN)], _HOUR_S)
        self._tell(f"{_HOME_AGAIN} tokens on their way home: {self._names[lane]}")

    async def come_too_late(self, lane: Lane) -> None:
        """Hold deliveries back, send a transfer with a short timeout, and go on when it has passed."""
        held = {"reason": "the demonstration holds deliveries back until a timeout has passed"}
        await self._everywhere(f"/v1/lanes/{self._lane_ids[lane]}:halt", held)
        denom = self._stage.parties[lane.source].denom
        timeout_s = await self._send_short_lived(lane, self._transfer(lane, denom, _LATE))
        await self._until_past(lane, timeout_s)
        await self._everywhere(f"/v1/lanes/{self._lane_ids[lane]}:resume", None)
        self._tell(
            f"{self._names[lane]}: the timeout has passed there; deliveries go on, only a refund is right"
        )

    async def _send_short_lived(self, lane: Lane, item: dict[str, Any]) -> int:
        """Send an item with the shortest lifetime that the chain still takes, and return its timeout."""
        *shorter, longest = _LATE_S
        for lifetime_s in shorter:
            with suppress(CliError):
                timeout_s = await self._send(lane, [item], lifetime_s)
                told = f"deliveries held back; {_LATE} tokens sent with a timeout of {lifetime_s} s"
                self._tell(f"{self._names[lane]}: {told}")
                return timeout_s
        return await self._send(lane, [item], longest)

    async def until(self, done: Callable[[Mapping[Lane, Count]], bool]) -> None:
        """Watch the chains until that is so; after five minutes, let the count say what is missing."""
        deadline_s = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline_s:
            counts = await self._stage.counts(self._sent)
            self._show(counts)
            if done(counts):
                return
            await asyncio.sleep(_POLL_S)
        self._tell(f"gave up waiting after {_PATIENCE_S:.0f} s")

    async def end(self) -> Outcome:
        """Count, from the chains alone."""
        counts = await self._stage.counts(self._sent)
        self._show(counts)
        count = total(counts.values())
        problems = await self._stage.unbalanced()
        if not problems:
            self._tell("tokens conserved on all chains: what is locked at home is what is abroad")
        if count.refunded != len(self._stage.late):
            problems.append(f"expected refunds: {len(self._stage.late)}, the chains say {count.refunded}")
        if count.lost or count.duplicated:
            problems.append(f"{count.lost} lost, {count.duplicated} duplicated")
        return Outcome(count=count, problems=tuple(problems))

    def _transfer(self, lane: Lane, denom: str, amount: int) -> dict[str, Any]:
        receiver = self._stage.parties[lane.destination].account
        return {"kind": "transfer", "denom": denom, "amount": str(amount), "receiver": receiver}

    async def _send(self, lane: Lane, items: Sequence[Mapping[str, Any]], lifetime_s: int) -> int:
        """Send items of one lane and return their timeout."""
        timeout_s = int(time.time()) + lifetime_s
        timed = [{**item, "timeout_s": timeout_s} for item in items]
        body = {"lane": self._lane_ids[lane], "items": timed}
        await self._ask(self._stage.parties[lane.source].sender, "POST", "/v1/messages", body)
        return timeout_s

    async def _until_past(self, lane: Lane, timeout_s: int) -> None:
        """Return when a final block of the lane's destination is at or past this time."""
        access = self._stage.parties[lane.source].sender
        deadline_s = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline_s:
            chain = await self._ask(access, "GET", f"/v1/chains/{lane.destination}")
            if (chain["finalized_time_s"] or 0) >= timeout_s:
                return
            await asyncio.sleep(_POLL_S)

    async def _everywhere(self, path: str, body: dict[str, str] | None) -> None:
        await asyncio.gather(
            *[self._ask(access, "POST", path, body) for access in self._stage.gateways.values()]
        )

    async def _ask(self, access: Access, method: str, path: str, body: Any = None) -> Any:
        return await request(access.url, method, path, key=access.key, body=body)
