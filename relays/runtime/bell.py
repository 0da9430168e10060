"""A bell that wakes one sleeper, with a time after which he wakes anyway."""

import asyncio
import math

from adapters.api import Clock


class Bell:
    """Ringing is remembered until the next wait; it carries no data."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake the sleeper, now or when he next lies down."""
        self._rung.set()

    async def wait(self, seconds: float) -> None:
        """Return when the bell was rung, or after this many seconds (may be infinite)."""
        timer = None
        if not self._rung.is_set() and seconds < math.inf:
            timer = asyncio.create_task(self._ring_after(seconds))
        try:
            await self._rung.wait()
        finally:
            self._rung.clear()
            if timer is not None:
                timer.cancel()

    async def _ring_after(self, seconds: float) -> None:
        await self._clock.sleep(max(seconds, 0.0))
        self.ring()
