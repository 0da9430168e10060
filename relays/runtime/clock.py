"""The machine's clock, behind the `Clock` of `adapters.api`, and one that never goes back."""

import asyncio
import time

from adapters.api import Clock


class SystemClock:
    """Wall clock and monotonic clock of this machine."""

    def now_s(self) -> float:
        """Return unix seconds."""
        return time.time()

    def monotonic_s(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait at least this long."""
        await asyncio.sleep(seconds)


class SteadyClock:
    """Wall time that follows the clock behind it forward and never back, so no timer is put off."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._now_s = clock.now_s()
        self._read_s = clock.monotonic_s()

    def now_s(self) -> float:
        """Return unix seconds, at least as many more than at the last call as have really passed."""
        read_s = self._clock.monotonic_s()
        self._now_s = max(self._clock.now_s(), self._now_s + read_s - self._read_s)
        self._read_s = read_s
        return self._now_s

    def monotonic_s(self) -> float:
        """Return seconds that never go back."""
        return self._clock.monotonic_s()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._clock.sleep(seconds)
