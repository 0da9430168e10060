"""The reference adapter passes the kit that it defines, at the highest level."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from adapters.testkit.checks import CHECKS, Level, run
from adapters.testkit.plugin import AdapterContract
from tests.support.memory_subject import MemorySubject


@pytest.mark.covers("ADP-08")
class TestMemory(AdapterContract):
    level = Level.VERIFIED

    @staticmethod
    @asynccontextmanager
    async def subject() -> AsyncIterator[MemorySubject]:
        yield MemorySubject()


@pytest.mark.parametrize("check", CHECKS, ids=[check.id for check in CHECKS])
async def test_every_check_also_passes_alone(check) -> None:
    report = await run(MemorySubject(), (check,))
    assert report.failed == ()


def test_every_check_has_an_id_and_a_demand_of_its_own() -> None:
    assert len({check.id for check in CHECKS}) == len({check.demand for check in CHECKS}) == len(CHECKS)
    assert all(check.demand.endswith(".") for check in CHECKS)
