"""The machine's clock, behind the `Clock` of `adapters.api`. Simulations bring their own."""

import asyncio
import time


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
