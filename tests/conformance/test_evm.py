"""The EVM adapter passes the kit on a real development chain, as far as endpoints that agree can carry it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from adapters.testkit.checks import Level
from adapters.testkit.plugin import AdapterContract
from tests.support.evm_subject import EvmSubject, evm_subject


@pytest.mark.nodes
@pytest.mark.covers("ADP-08")
class TestEvm(AdapterContract):
    level = Level.ATTESTED

    @staticmethod
    @asynccontextmanager
    async def subject() -> AsyncIterator[EvmSubject]:
        async with evm_subject() as subject:
            yield subject
