"""Clocks for tests."""

import asyncio
from dataclasses import dataclass

START_S = 1_900_000_000.0


@dataclass
class ManualClock:
    """Time that passes only when somebody sleeps or says so."""

    time_s: float = START_S

    def now_s(self) -> float:
        return self.time_s

    def monotonic_s(self) -> float:
        return self.time_s

    async def sleep(self, seconds: float) -> None:
        self.time_s += seconds
        await asyncio.sleep(0)
