"""An event loop that owns time: when nothing is ready, it leaps to the next timer. Same seed, same run."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
EPOCH_S = 1_800_000_000.0


class DeadlockError(AssertionError):
    """Everybody waits for somebody, and no timer will ever wake anyone."""


class _NoSelector(selectors.SelectSelector):
    """Selects nothing, and tells the loop how far it may leap."""

    def __init__(self) -> None:
        super().__init__()
        self.leaped_s = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise DeadlockError("nothing is ready and no timer is set")
        self.leaped_s += max(timeout, 0.0)
        return []


class WarpLoop(asyncio.SelectorEventLoop):
    """Virtual time; no sockets, no threads."""

    def __init__(self) -> None:
        self._warp = _NoSelector()
        super().__init__(self._warp)

    def time(self) -> float:
        return self._warp.leaped_s


class VirtualClock:
    """The loop's time as a `Clock`; `skew_s` is how wrong this machine's wall clock is."""

    def __init__(self, skew_s: float = 0.0) -> None:
        self.skew_s = skew_s

    def now_s(self) -> float:
        return EPOCH_S + self.skew_s + asyncio.get_running_loop().time()

    def monotonic_s(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run to the end in virtual time."""
    loop = WarpLoop()
    try:
        return loop.run_until_complete(main)
    finally:
        loop.run_until_complete(_cancel_all())
        loop.close()


async def _cancel_all() -> None:
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
