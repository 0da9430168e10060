"""The reference adapter passes the kit that it defines, at the highest level."""

import pytest

from adapters.testkit.checks import CHECKS, Level, run
from adapters.testkit.plugin import AdapterContract
from tests.support.memory_subject import MemorySubject


class TestMemory(AdapterContract):
    level = Level.VERIFIED

    @pytest.fixture
    def subject(self) -> MemorySubject:
        return MemorySubject()


async def test_one_run_of_the_whole_list_reaches_the_level_verified() -> None:
    report = await run(MemorySubject())
    assert report.failed == ()
    assert report.level is Level.VERIFIED
    assert len(report.results) == len(CHECKS)
