"""The kit under pytest: subclass `AdapterContract`, give it a `subject` fixture, and every check is a test.

```python
class TestMine(AdapterContract):
    level = Level.VERIFIED

    @pytest.fixture
    async def subject(self) -> Subject: ...
```
"""

from typing import ClassVar

import pytest

from adapters.testkit.bench import Bench
from adapters.testkit.checks import CHECKS, Check, Level, Outcome, run_one
from adapters.testkit.subject import Subject

_RANK = {level: rank for rank, level in enumerate(Level)}


class AdapterContract:
    """One test for each check up to `level`: the level that the adapter claims."""

    level: ClassVar[Level]

    @pytest.mark.parametrize("check", CHECKS, ids=[check.id for check in CHECKS])
    async def test_the_adapter_keeps(self, check: Check, subject: Subject) -> None:
        """Run one check; what the subject is not able to do is skipped."""
        if _RANK[check.level] > _RANK[self.level]:
            pytest.skip(f"the adapter claims {self.level.value}, this is about {check.level.value}")
        result = await run_one(Bench(subject), check)
        if result.outcome is Outcome.SKIPPED and not check.obligatory:
            pytest.skip(result.detail)
        if result.outcome is not Outcome.PASSED:
            pytest.fail(f"{check.id}: {check.demand}\n{result.detail}", pytrace=False)
