"""The Cosmos adapter passes the kit on a real chain, at the highest level."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from adapters.testkit.checks import Level
from adapters.testkit.plugin import AdapterContract
from tests.support.cosmos_subject import CosmosSubject, cosmos_subject


@pytest.mark.nodes
@pytest.mark.covers("ADP-08")
class TestCosmos(AdapterContract):
    level = Level.VERIFIED

    @staticmethod
    @asynccontextmanager
    async def subject() -> AsyncIterator[CosmosSubject]:
        async with cosmos_subject() as subject:
            yield subject
