"""One run of the IBC row: a relayer clears what is pending, on chains of its own; and what that cost."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.devchain import BenchmarkError
from tests.benchmarks.ibc_chains import BLOCK_S, MAX_NODE_BYTES, A, B, IbcWorld
from tests.benchmarks.ibc_counts import Counts
from tests.benchmarks.ibc_peers import Contender, running
from tests.benchmarks.lab import cpu_s, until

POLL_S = 0.05
_TAIL = 3000
_LAST_S = 5
_LOOK_S = 2
"""Between counts, each of which makes the node read all open packets."""
_RECOVERY_S = 180
"""How long a node may still work for a relayer that is gone."""


@dataclass(slots=True, kw_only=True)
class Spent:
    """What a relayer used while it relayed packets; complete when its measurement is over."""

    packets: int
    counts: dict[str, Counts] = field(default_factory=dict)
    """What it asked, by chain."""
    cpu_s: dict[str, float] = field(default_factory=dict)
    """Of each node by the chain's name, and of the relayer as `relayer`."""
    transactions: dict[str, int] = field(default_factory=dict)
    """In the blocks of each chain, by whomever."""

    @property
    def requests_per_packet(self) -> float:
        """Round trips to both nodes."""
        return sum(each.requests.total() for each in self.counts.values()) / self.packets

    @property
    def calls_per_packet(self) -> float:
        """Calls to both nodes, every element of a batch for itself."""
        return sum(each.calls.total() for each in self.counts.values()) / self.packets


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleared:
    """What became of a backlog."""

    packets: int
    seconds: float
    """From the start of the relayer's process to the last acknowledgement in the state, or to the limit."""
    received_s: float | None
    """To the last packet in the destination's state; None when not all came."""
    received: int
    acknowledged: int
    spent: Spent
    said: str
    """How the relayer's log ends."""
    stopped: str = ""
    """Why it was not given all of the time."""

    @property
    def done(self) -> bool:
        """Whether everything was received and acknowledged in time."""
        return self.received == self.acknowledged == self.packets

    @property
    def per_second(self) -> float:
        """Packets received and acknowledged per second."""
        return self.acknowledged / self.seconds


@contextmanager
def prepared(contender: Contender, second_block_s: float = BLOCK_S) -> Iterator[tuple[IbcWorld, Path, str]]:
    """Give fresh chains, the contender's folder, and its channel."""
    with tempfile.TemporaryDirectory(prefix="isthmus-ibc-") as place, ExitStack() as stack:
        world = IbcWorld(stack, contender.accounts, second_block_s)
        folder = Path(place)
        yield world, folder, contender.prepare(world, folder)


@contextmanager
def spending(world: IbcWorld, relayer: int, packets: int) -> Iterator[Spent]:
    """Give what is spent meanwhile; `relayer` is a process that started now or is idle."""
    spent = Spent(packets=packets)
    counts, cpu, own_s = world.counts(), world.cpu_s(), cpu_s(relayer)
    yield spent
    spent.cpu_s = {name: after - cpu[name] for name, after in world.cpu_s().items()}
    spent.cpu_s["relayer"] = cpu_s(relayer) - own_s
    spent.counts = {name: after.since(counts[name]) for name, after in world.counts().items()}


@dataclass(slots=True, kw_only=True)
class _Progress:
    """What the chains' state told while a relayer ran."""

    received: int = 0
    acknowledged: int = 0
    received_at_s: float | None = None
    """When all were there first."""
    stopped: str = ""
    """Why there was no waiting for the rest."""

    def look(self, world: IbcWorld, channel: str, packets: int) -> None:
        """Count both."""
        self.received = world.chains[B].received(channel)
        self.acknowledged = packets - world.chains[A].unacknowledged(channel)


def clear(contender: Contender, packets: int, limit_s: float) -> Cleared:
    """Let a relayer clear this many packets from chain-a to chain-b.

    Where it is stopped for the memory of its nodes, what they told last counts: they answer nobody any more.
    """
    with prepared(contender) as (world, folder, channel):
        world.leave_pending(channel, packets)
        first = world.heights()
        begin_s = time.monotonic()
        with (
            running(contender.clearing(folder, packets), folder) as relayer,
            spending(world, relayer.pid, packets) as spent,
        ):
            progress = _wait(world, channel, packets, relayer.pid, begin_s + limit_s)
            seconds = time.monotonic() - begin_s
        if not progress.stopped:
            until("answers of nodes that were busy", lambda: _answers(world), _RECOVERY_S)
            spent.transactions = world.transactions(first)
            progress.look(world, channel, packets)
        received_at_s = progress.received_at_s
        return Cleared(
            packets=packets,
            seconds=seconds,
            received_s=None if received_at_s is None else received_at_s - begin_s,
            received=progress.received,
            acknowledged=progress.acknowledged,
            spent=spent,
            stopped=progress.stopped,
            said=(folder / "relayer.log").read_text(errors="replace")[-_TAIL:],
        )


def has_left(process: int) -> bool:
    """Whether a child of ours ended. It stays to be waited for: its processor time is still to be read."""
    return os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _answers(world: IbcWorld) -> bool:
    if overfull := world.overfull(2 * MAX_NODE_BYTES):
        raise BenchmarkError(f"a node that nobody asks any more: {overfull}")
    try:
        return bool(world.heights())
    except TimeoutError:
        return False


def _wait(world: IbcWorld, channel: str, packets: int, relayer: int, limit_s: float) -> _Progress:
    """Return what was seen until all were acknowledged, the time was over or a node held too much memory.

    It is over early when the relayer has left: what it sent last has a few seconds to be executed.
    """
    progress, look_at_s = _Progress(), 0.0
    while time.monotonic() < limit_s:
        if stopped := world.overfull():
            progress.stopped = stopped
            return progress
        with suppress(TimeoutError):  # a relayer can keep a node so busy that it answers nobody
            pending = world.chains[A].unacknowledged(channel, exactly=False)
            if progress.received_at_s is None and world.chains[B].received(channel) == packets:
                progress.received_at_s = time.monotonic()
            if progress.received_at_s is not None and not pending:
                break
            if time.monotonic() >= look_at_s:
                progress.look(world, channel, packets)
                look_at_s = time.monotonic() + _LOOK_S
        if has_left(relayer):
            limit_s = min(limit_s, time.monotonic() + _LAST_S)
        time.sleep(POLL_S)
    return progress
