"""The EVM adapter keeps the contract of `adapters.api`, on a real node."""

from contextlib import AbstractAsyncContextManager

import pytest

from adapters.testkit.checks import Level
from adapters.testkit.plugin import AdapterContract
from adapters.testkit.subject import Subject
from tests.support.evm_subject import evm_subject


@pytest.mark.nodes
class TestEvm(AdapterContract):
    level = Level.ATTESTED

    @staticmethod
    def subject() -> AbstractAsyncContextManager[Subject]:
        return evm_subject()
