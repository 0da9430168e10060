"""The kit under pytest: subclass `AdapterContract`, say how to get a subject, and every check is a test.

```python
class TestMine(AdapterContract):
    level = Level.VERIFIED

    @staticmethod
    @asynccontextmanager
    async def subject() -> AsyncIterator[Subject]: ...
```

The list is run once, on one chain; each test then looks at the result of its check.
"""

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import ClassVar

import pytest

from adapters.testkit.checks import CHECKS, Check, Level, Outcome, Report, Result, run
from adapters.testkit.subject import Subject


class AdapterContract:
    """One test for each check, and one for the level that the adapter claims."""

    level: ClassVar[Level]

    @staticmethod
    def subject() -> AbstractAsyncContextManager[Subject]:
        """Return the subject, set up when entered."""
        raise NotImplementedError("a contract test says what its subject is")

    @pytest.fixture(scope="class")
    @classmethod
    def report(cls) -> Report:
        """Return the results of the whole list."""
        return asyncio.run(_run(cls.subject()))

    @pytest.mark.parametrize("check", CHECKS, ids=[check.id for check in CHECKS])
    def test_the_adapter_keeps(self, check: Check, report: Report) -> None:
        """Look at the result of one check. What is beyond the claimed level is skipped if it failed."""
        (result,) = [result for result in report.results if result.check.id == check.id]
        if result.outcome is Outcome.PASSED:
            return
        if _is_beyond(result, self.level) or (result.outcome is Outcome.SKIPPED and not check.obligatory):
            pytest.skip(result.detail)
        pytest.fail(f"{check.id}: {check.demand}\n{result.detail}", pytrace=False)

    def test_the_adapter_reaches_exactly_the_level_that_it_claims(self, report: Report) -> None:
        """Compare levels."""
        if report.level is not self.level:
            pytest.fail(f"expected level {self.level}, got {report.level}", pytrace=False)


def _is_beyond(result: Result, level: Level) -> bool:
    order = list(Level)
    return order.index(result.check.level) > order.index(level)


async def _run(opened: AbstractAsyncContextManager[Subject]) -> Report:
    async with opened as subject:
        return await run(subject)
