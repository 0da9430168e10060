"""Checks of what an adapter reads: pinned, complete, in order, and whole after a cancellation."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from adapters.api import GatewayChain, SeenPacket
from adapters.errors import AdapterError, MalformedReply, NotYetAvailable, Reorged
from adapters.testkit.bench import Bench
from adapters.testkit.judge import CheckFailed, CheckSkipped, expect
from proofs.records import replace
from proofs.types import BlockRef, Height, Sent

_CANCEL_POINTS = 12
"""A call is cancelled after this many steps of the event loop at most."""


async def fails_with(kind: type[AdapterError], what: str, call: Awaitable[object]) -> None:
    """Fail the check unless the call raises exactly this error of `adapters.errors`."""
    try:
        answer = await call
    except AdapterError as error:
        expect(type(error) is kind, what, expected=kind.__name__, actual=repr(error))
        return
    raise CheckFailed(f"{what}: expected {kind.__name__}, got the answer {answer!s:.200}")


async def opens_and_closes(bench: Bench) -> None:
    """The chain id is the configured one; `connect` and `close` may be called twice, and again."""
    chain = bench.build()
    expect(
        chain.chain_id == bench.subject.chain_id,
        "chain_id",
        expected=bench.subject.chain_id,
        actual=chain.chain_id,
    )
    await chain.connect()
    await chain.connect()
    await chain.status()
    await chain.close()
    await chain.close()
    await chain.connect()
    await chain.status()
    await chain.close()


async def status_is_consistent(bench: Bench) -> None:
    """Finality is not ahead of the head, and both are blocks of the chain."""
    async with bench.open() as chain:
        status = await chain.status()
        ahead = status.finalized.height <= status.head.height
        expect(ahead, "finalized", expected=f"at most {status.head.height}", actual=status.finalized.height)
        again = await chain.block(status.finalized.height)
        expect(
            again == status.finalized,
            "block at the finalized height",
            expected=status.finalized,
            actual=again,
        )
        expect(len(again.hash) == 32, "block hash", expected="32 bytes", actual=len(again.hash))
        ids = {status.head.chain, status.finalized.chain}
        expect(
            ids == {bench.subject.chain_id},
            "chain of the blocks",
            expected=bench.subject.chain_id,
            actual=ids,
        )


async def status_is_monotone(bench: Bench) -> None:
    """The finalized height never goes back, and moves on with the chain."""
    async with bench.open() as chain:
        heights = [(await chain.status()).finalized.height]
        for _ in range(3):
            await bench.outgoing(chain)
            heights.append((await chain.status()).finalized.height)
        expect(heights == sorted(heights), "finalized heights", expected="rising", actual=heights)
        expect(heights[-1] > heights[0], "finalized heights", expected="progress", actual=heights)


async def unborn_block_is_not_yet(bench: Bench) -> None:
    """A block above the head is `NotYetAvailable`."""
    async with bench.open() as chain:
        head = (await chain.status()).head
        await fails_with(
            NotYetAvailable, "block far above the head", chain.block(Height(head.height + 10_000))
        )


async def sent_is_complete_and_ordered(bench: Bench) -> None:
    """Every packet of a span is listed once, by sequence; parts of the span add up to the whole."""
    async with bench.open() as chain:
        start = (await chain.status()).finalized
        first = await bench.outgoing(chain, 3)
        middle = (await chain.status()).finalized
        second = await bench.outgoing(chain, 2)
        last = (await chain.status()).finalized
        listed = await chain.sent(bench.lane, Height(start.height + 1), last)
        sequences = [item.packet.sequence for item in listed]
        wanted = [packet.sequence for packet in first + second]
        expect(sequences == wanted, "sequences sent", expected=wanted, actual=sequences)
        early = await chain.sent(bench.lane, Height(start.height + 1), middle)
        late = await chain.sent(bench.lane, Height(middle.height + 1), last)
        expect([*early, *late] == list(listed), "two halves", expected=listed, actual=[*early, *late])
        expect(
            all(start.height < item.height <= last.height for item in listed),
            "heights",
            expected=last,
            actual=listed,
        )


async def sent_is_pinned(bench: Bench) -> None:
    """What was sent up to a block does not change when the chain grows."""
    async with bench.open() as chain:
        start = (await chain.status()).finalized
        await bench.outgoing(chain, 2)
        pinned = (await chain.status()).finalized
        before = await chain.sent(bench.lane, start.height, pinned)
        await bench.outgoing(chain, 2)
        after = await chain.sent(bench.lane, start.height, pinned)
        expect(list(before) == list(after), "packets up to a block", expected=len(before), actual=len(after))


async def other_block_is_reorged(bench: Bench) -> None:
    """Every read that is pinned to a block which is not the chain's own says `Reorged`."""
    async with bench.open() as chain:
        (packet,) = await bench.outgoing(chain)
        head = (await chain.status()).finalized
        gone = replace(head, hash=bytes([head.hash[0] ^ 1]) + head.hash[1:])
        claims = [Sent(packet=packet)]
        reads: dict[str, Callable[[], Awaitable[object]]] = {
            "sent": lambda: chain.sent(bench.lane, head.height, gone),
            "acknowledged": lambda: chain.acknowledged(bench.lane.reverse(), head.height, gone),
            "update": lambda: chain.update(gone),
            "prove": lambda: chain.prove(bench.lane, claims, gone),
            "outstanding": lambda: chain.outstanding(bench.lane.reverse(), claims, gone),
            "client": lambda: chain.client(bench.subject.client, gone),
        }
        for name, read in reads.items():
            await fails_with(Reorged, f"{name} at a block of no chain", read())


async def reorg_is_reported(bench: Bench) -> None:
    """After a fork, reads pinned to the block that left say `Reorged`, and the new block is served."""
    async with bench.open() as chain:
        old = (await chain.status()).head
        if not await bench.subject.reorg():
            raise CheckSkipped("the subject cannot fork its chain")
        new = await chain.block(old.height)
        expect(new != old, "block at the height of the fork", expected="another", actual=new)
        await fails_with(Reorged, "sent at a block that left", chain.sent(bench.lane, old.height, old))
        await fails_with(Reorged, "update of a block that left", chain.update(old))
        await chain.update(new)


async def restart_changes_nothing(bench: Bench) -> None:
    """A new adapter sees what the old one saw."""
    async with bench.open() as chain:
        start = (await chain.status()).finalized
        await bench.outgoing(chain, 2)
        at = (await chain.status()).finalized
        before = (await chain.sent(bench.lane, start.height, at), await chain.block(at.height))
    async with bench.open() as chain:
        after = (await chain.sent(bench.lane, start.height, at), await chain.block(at.height))
        expect(before == after, "after a restart", expected=before, actual=after)


async def cancellation_leaves_it_usable(bench: Bench) -> None:
    """A read that is cancelled at any step ends as cancelled, and the next one works."""
    async with bench.open() as chain:
        start = (await chain.status()).finalized
        packets = await bench.outgoing(chain, 2)
        at = (await chain.status()).finalized
        claims = [Sent(packet=packet) for packet in packets]
        calls: list[Callable[[], Awaitable[object]]] = [
            chain.status,
            lambda: chain.sent(bench.lane, start.height, at),
            lambda: chain.update(at),
            lambda: chain.prove(bench.lane, claims, at),
        ]
        for call in calls:
            for steps in range(_CANCEL_POINTS):
                await cancel_after(steps, call)
            await call()
        await _same_packets(chain, bench, start, at, packets_seen=len(packets))


async def cancel_after(steps: int, call: Callable[[], Awaitable[object]]) -> None:
    """Start a call, let the loop turn so many times, cancel it; fail unless it ends, and as cancelled."""
    task = asyncio.ensure_future(call())
    for _ in range(steps):
        await asyncio.sleep(0)
    was_done = task.done()
    task.cancel()
    await asyncio.wait({task}, timeout=10)
    expect(task.done(), f"call cancelled after {steps} steps", expected="an end", actual="still running")
    expect(
        was_done or task.cancelled(), f"call cancelled after {steps} steps", expected="cancelled", actual=task
    )


async def _same_packets(
    chain: GatewayChain, bench: Bench, start: BlockRef, at: BlockRef, *, packets_seen: int
) -> None:
    seen: Sequence[SeenPacket] = await chain.sent(bench.lane, Height(start.height + 1), at)
    expect(len(seen) == packets_seen, "packets after cancellations", expected=packets_seen, actual=len(seen))


async def close_leaves_no_task(bench: Bench) -> None:
    """After `close` no task of the adapter is left."""
    before = asyncio.all_tasks()
    async with bench.open() as chain:
        await chain.status()
        await bench.outgoing(chain)
    for _ in range(_CANCEL_POINTS):
        await asyncio.sleep(0)
    left = [task.get_name() for task in asyncio.all_tasks() - before if not task.done()]
    expect(not left, "tasks after close", expected="none", actual=left)


async def nonsense_is_malformed(bench: Bench) -> None:
    """When every endpoint talks nonsense, every read says `MalformedReply`."""
    async with bench.open() as chain:
        (packet,) = await bench.outgoing(chain)
        at = (await chain.status()).finalized
    claims = [Sent(packet=packet)]
    reads: dict[str, Callable[[GatewayChain], Awaitable[object]]] = {
        "status": lambda chain: chain.status(),
        "block": lambda chain: chain.block(at.height),
        "sent": lambda chain: chain.sent(bench.lane, at.height, at),
        "acknowledged": lambda chain: chain.acknowledged(bench.lane.reverse(), at.height, at),
        "update": lambda chain: chain.update(at),
        "prove": lambda chain: chain.prove(bench.lane, claims, at),
        "client": lambda chain: chain.client(bench.subject.client, at),
        "outstanding": lambda chain: chain.outstanding(bench.lane.reverse(), claims, at),
    }
    for name, read in reads.items():
        opened = bench.subject.garbled()
        if opened is None:
            raise CheckSkipped("the subject cannot garble its endpoints")
        async with opened as chain:
            await fails_with(MalformedReply, f"{name} of nonsense", read(chain))


async def one_liar_changes_nothing(bench: Bench) -> None:
    """With one lying endpoint among enough honest ones, every read is as without it."""
    async with bench.open() as chain:
        start = (await chain.status()).finalized
        packets = await bench.outgoing(chain, 2)
        at = (await chain.status()).finalized
        honest = await chain.sent(bench.lane, start.height, at)
    opened = bench.subject.with_liar()
    if opened is None:
        raise CheckSkipped("the subject cannot make an endpoint lie")
    async with opened as chain:
        finalized = (await chain.status()).finalized
        expect(await chain.block(at.height) == at, "block with a liar", expected=at, actual="another")
        expect(finalized.height >= at.height, "finalized with a liar", expected=at, actual=finalized)
        seen = await chain.sent(bench.lane, start.height, at)
        expect(list(seen) == list(honest), "packets with a liar", expected=honest, actual=seen)
        await bench.prove(chain, bench.lane, [Sent(packet=packet) for packet in packets], at)
